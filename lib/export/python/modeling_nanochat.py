"""
A nanochat model of any age for transformers, with the parts that its class `nanochat` lacks.

The state dict has nanochat's names. Loaded with `trust_remote_code=True`:

    AutoModelForCausalLM.from_pretrained(folder, trust_remote_code=True)
"""

import torch
import torch.nn as nn
import torch.nn.functional as F
from transformers import GenerationMixin, PreTrainedModel
from transformers.modeling_outputs import CausalLMOutputWithPast

from .configuration_nanochat import NanochatSftConfig

# Channels of the embedding that the smear gate reads.
SMEAR_GATE_CHANNELS = 24
# Rows of the bigram table, as a multiple of the vocabulary.
BIGRAM_ROWS = 5


def norm(x, eps):
    """x over its root mean square; no weight."""
    wide = x.float()
    return (wide * torch.rsqrt(wide.pow(2).mean(-1, keepdim=True) + eps)).to(x.dtype)


def rotate(x, cos, sin):
    """Rotates the halves of (B, T, H, D) by angles (B, T, 1, D/2)."""
    x1, x2 = x.chunk(2, dim=-1)
    return torch.cat((x1 * cos + x2 * sin, x2 * cos - x1 * sin), dim=-1)


def attend(q, k, v, visible):
    """Attention of (B, H, T, D) over (B, Hkv, S, D) where `visible` (B, 1, T, S) says so."""
    groups = q.shape[1] // k.shape[1]
    k = k.repeat_interleave(groups, dim=1)
    v = v.repeat_interleave(groups, dim=1)
    scores = (q @ k.transpose(-1, -2)).float() * q.shape[-1] ** -0.5
    scores = scores.masked_fill(~visible, torch.finfo(scores.dtype).min)
    return scores.softmax(-1).to(v.dtype) @ v


class NanochatCache:
    """Keys and values of the tokens so far, where no cache of transformers is given."""

    def __init__(self):
        self.layers = []

    def get_seq_length(self, layer_idx=0):
        return self.layers[layer_idx][0].shape[2] if len(self.layers) > layer_idx else 0

    def update(self, keys, values, layer_idx, cache_kwargs=None):
        if layer_idx == len(self.layers):
            self.layers.append((keys, values))
        else:
            before = self.layers[layer_idx]
            self.layers[layer_idx] = (
                torch.cat((before[0], keys), dim=2),
                torch.cat((before[1], values), dim=2),
            )
        return self.layers[layer_idx]

    def reorder_cache(self, beam_idx):
        self.layers = [
            tuple(x.index_select(0, beam_idx.to(x.device)) for x in layer) for layer in self.layers
        ]


class Attention(nn.Module):
    def __init__(self, config, layer):
        super().__init__()
        self.config = config
        self.layer = layer
        C, H, Hkv = config.hidden_size, config.num_attention_heads, config.num_key_value_heads
        self.head_dim = D = C // H
        self.c_q = nn.Linear(C, H * D, bias=False)
        self.c_k = nn.Linear(C, Hkv * D, bias=False)
        self.c_v = nn.Linear(C, Hkv * D, bias=False)
        self.c_proj = nn.Linear(H * D, C, bias=False)
        if config.has_value_embedding(layer):
            self.ve_gate = nn.Linear(config.value_gate_channels, Hkv, bias=False)

    def forward(self, x, value_embedding, tables, visible, cache):
        config, D = self.config, self.head_dim
        B, T, _ = x.shape
        q = self.c_q(x).view(B, T, -1, D)
        k = self.c_k(x).view(B, T, -1, D)
        v = self.c_v(x).view(B, T, -1, D)
        if value_embedding is not None:
            gate = torch.sigmoid(self.ve_gate(x[..., : config.value_gate_channels]))
            v = v + config.value_gate_scale * gate.unsqueeze(-1) * value_embedding.view_as(v)
        q, k = (
            norm(rotate(y, *tables), config.rms_norm_eps) * config.qk_scale for y in (q, k)
        )
        q, k, v = (y.transpose(1, 2) for y in (q, k, v))
        if cache is not None:
            k, v = cache.update(k, v, self.layer)
        if k.shape[2] != visible.shape[-1]:
            raise ValueError("only caches that grow with every token are supported")
        y = attend(q, k, v, visible)
        return self.c_proj(y.transpose(1, 2).reshape(B, T, -1))


class MLP(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.c_fc = nn.Linear(config.hidden_size, config.intermediate_size, bias=False)
        self.c_proj = nn.Linear(config.intermediate_size, config.hidden_size, bias=False)

    def forward(self, x):
        return self.c_proj(F.relu(self.c_fc(x)).square())


class Block(nn.Module):
    def __init__(self, config, layer):
        super().__init__()
        self.eps = config.rms_norm_eps
        self.attn = Attention(config, layer)
        self.mlp = MLP(config)

    def forward(self, x, *inputs):
        x = x + self.attn(norm(x, self.eps), *inputs)
        return x + self.mlp(norm(x, self.eps))


class NanochatSftForCausalLM(PreTrainedModel, GenerationMixin):
    config_class = NanochatSftConfig
    _no_split_modules = ["Block"]
    _supports_cache_class = True

    def __init__(self, config):
        super().__init__(config)
        C, V, n = config.hidden_size, config.padded_vocab_size, config.num_hidden_layers
        kv_width = config.num_key_value_heads * (C // config.num_attention_heads)
        self.transformer = nn.ModuleDict(
            {
                "wte": nn.Embedding(V, C),
                "h": nn.ModuleList([Block(config, layer) for layer in range(n)]),
            }
        )
        self.lm_head = nn.Linear(C, V, bias=False)
        if config.lambdas:
            self.resid_lambdas = nn.Parameter(torch.ones(n))
            self.x0_lambdas = nn.Parameter(torch.zeros(n))
        if config.value_gate_channels is not None:
            layers = [layer for layer in range(n) if config.has_value_embedding(layer)]
            self.value_embeds = nn.ModuleDict({str(i): nn.Embedding(V, kv_width) for i in layers})
        if config.bigram:
            table = nn.Embedding(BIGRAM_ROWS * config.vocab_size, C)
            self.bigram_embed = nn.ModuleDict({"embed": table})
            self.bigram_lambdas = nn.Parameter(torch.zeros(n))
        if config.smear:
            self.smear_gate = nn.Linear(SMEAR_GATE_CHANNELS, 1, bias=False)
            self.smear_lambda = nn.Parameter(torch.zeros(1))
        if config.backout:
            self.backout_lambda = nn.Parameter(torch.zeros(1))
        self.post_init()

    def _init_weights(self, module):
        # Only for what a checkpoint lacks, and it lacks nothing.
        if isinstance(module, (nn.Linear, nn.Embedding)):
            nn.init.normal_(module.weight, std=self.config.initializer_range)

    def get_input_embeddings(self):
        return self.transformer["wte"]

    def set_input_embeddings(self, value):
        self.transformer["wte"] = value

    def get_output_embeddings(self):
        return self.lm_head

    def set_output_embeddings(self, value):
        self.lm_head = value

    def prepare_inputs_for_generation(
        self, input_ids, past_key_values=None, attention_mask=None, use_cache=None, **kwargs
    ):
        inputs = {
            "input_ids": input_ids,
            "attention_mask": attention_mask,
            "past_key_values": past_key_values,
            "use_cache": use_cache,
        }
        past = past_key_values.get_seq_length() if past_key_values is not None else 0
        if past > 0:
            # Out of all tokens: beams may have changed places since the cache saw them.
            inputs["previous_ids"] = input_ids[:, past - 1 : past]
            inputs["input_ids"] = input_ids[:, past:]
        if kwargs.get("logits_to_keep") is not None:
            inputs["logits_to_keep"] = kwargs["logits_to_keep"]
        return inputs

    def forward(
        self,
        input_ids=None,
        attention_mask=None,
        position_ids=None,
        past_key_values=None,
        inputs_embeds=None,
        labels=None,
        use_cache=None,
        output_attentions=None,
        output_hidden_states=None,
        return_dict=None,
        cache_position=None,
        logits_to_keep=0,
        previous_ids=None,
    ):
        """
        input_ids (B, T) follow the tokens of `past_key_values`. attention_mask (B, past + T) has 0
        for padding, on either side. previous_ids (B, 1), the last token of the past, is
        remembered with the cache unless it is given. labels (B, T), -100 to leave a token out, are
        shifted here.
        """
        config = self.config
        if input_ids is None or inputs_embeds is not None:
            raise ValueError("this model takes input_ids: parts of it look at the tokens themselves")
        if output_attentions or output_hidden_states:
            raise ValueError("this model gives neither attentions nor hidden states")
        B, T = input_ids.shape
        past = past_key_values.get_seq_length() if past_key_values is not None else 0
        use_cache = config.use_cache if use_cache is None else use_cache
        if past_key_values is None and use_cache and labels is None:
            past_key_values = NanochatCache()
        if past > 0 and previous_ids is None:
            previous_ids = getattr(past_key_values, "previous_ids", None)

        if attention_mask is None:
            real = torch.ones(B, past + T, dtype=torch.bool, device=input_ids.device)
        elif attention_mask.shape != (B, past + T):
            raise ValueError(
                f"attention_mask should be {(B, past + T)}, for the {past} tokens of the past too, "
                f"but is {tuple(attention_mask.shape)}"
            )
        else:
            real = attention_mask.to(torch.bool)
        positions = (real.long().cumsum(-1) - 1).clamp(min=0)
        if position_ids is not None:
            counted = positions[:, past:].masked_fill(~real[:, past:], 0)
            given = position_ids.expand(B, T).masked_fill(~real[:, past:], 0)
            if not torch.equal(counted, given):
                raise ValueError("position_ids must count the tokens that attention_mask has")

        x = norm(self.transformer["wte"](input_ids), config.rms_norm_eps)
        before, has_before = self._tokens_before(input_ids, previous_ids, real, past)
        if config.smear:
            x = self._smear(x, before, has_before)
        bigram = self._bigram(input_ids, before, has_before) if config.bigram else None
        tables = self._rotary_tables(positions[:, past:], x.dtype)
        visible = self._visibility(real, positions, past)

        x0 = x
        middle = None
        for layer, block in enumerate(self.transformer["h"]):
            if config.lambdas:
                x = self.resid_lambdas[layer] * x + self.x0_lambdas[layer] * x0
            if bigram is not None:
                x = x + self.bigram_lambdas[layer] * bigram
            value_embedding = None
            if config.has_value_embedding(layer):
                value_embedding = self.value_embeds[str(layer)](input_ids)
            x = block(x, value_embedding, tables, visible[layer], past_key_values)
            if layer == config.num_hidden_layers // 2:
                middle = x
        if config.backout:
            x = x - self.backout_lambda * middle
        x = norm(x, config.rms_norm_eps)

        kept = slice(-logits_to_keep, None) if isinstance(logits_to_keep, int) else logits_to_keep
        logits = self.lm_head(x[:, kept])[..., : config.vocab_size].float()
        cap = config.final_logit_softcapping
        logits = cap * torch.tanh(logits / cap)
        loss = None
        if labels is not None:
            targets = labels[:, 1:].to(logits.device)
            loss = F.cross_entropy(logits[:, :-1].flatten(0, 1), targets.flatten())
        if past_key_values is not None:
            past_key_values.previous_ids = input_ids[:, -1:]
        if return_dict is False:
            outputs = (logits, past_key_values)
            return outputs if loss is None else (loss, *outputs)
        return CausalLMOutputWithPast(loss=loss, logits=logits, past_key_values=past_key_values)

    def _tokens_before(self, input_ids, previous_ids, real, past):
        """The token before each (B, T), and whether it is one of the same text."""
        if past > 0 and previous_ids is None and (self.config.smear or self.config.bigram):
            raise ValueError("pass previous_ids (B, 1), the last token that past_key_values hold")
        first = input_ids[:, :1] if previous_ids is None else previous_ids
        before = torch.cat((first, input_ids[:, :-1]), dim=1)
        has_before = F.pad(real, (1, 0))[:, past : past + input_ids.shape[1]]
        return before, has_before

    def _smear(self, x, before, has_before):
        """Each embedding takes in a gated share of the one before."""
        x_before = norm(self.transformer["wte"](before), self.config.rms_norm_eps)
        gate = torch.sigmoid(self.smear_gate(x[..., :SMEAR_GATE_CHANNELS]))
        return x + self.smear_lambda * gate * x_before * has_before.unsqueeze(-1)

    def _bigram(self, input_ids, before, has_before):
        """The embedding of the last two tokens, by their hash; a row of its own without a first."""
        reserved = BIGRAM_ROWS * self.config.vocab_size - 1
        hashed = ((36313 * input_ids) ^ (27191 * before)) % reserved
        return self.bigram_embed["embed"](hashed.masked_fill(~has_before, reserved))

    def _rotary_tables(self, positions, dtype):
        """cos and sin, each (B, T, 1, D/2)."""
        config = self.config
        D = config.hidden_size // config.num_attention_heads
        channels = torch.arange(0, D, 2, dtype=torch.float32, device=positions.device)
        frequencies = 1.0 / (config.rotary_base ** (channels / D))
        angles = (positions.float().unsqueeze(-1) * frequencies).unsqueeze(2)
        rounding = getattr(torch, config.rotary_rounding)
        return tuple(table.to(rounding).to(dtype) for table in (angles.cos(), angles.sin()))

    def _visibility(self, real, positions, past):
        """For each layer, which keys a query sees: (B, 1, T, past + T)."""
        distance = positions[:, past:].unsqueeze(-1) - positions.unsqueeze(1)
        order = torch.arange(real.shape[1], device=real.device)
        causal = order[past:].unsqueeze(-1) - order.unsqueeze(0)
        # Padding sees itself, so that its rows, which nobody reads, are numbers.
        seen = (causal >= 0) & real.unsqueeze(1) | (causal == 0)
        by_window = {}
        for window in self.config.windows():
            if window not in by_window:
                near = seen if window is None else seen & (distance <= window)
                by_window[window] = near.unsqueeze(1)
        return [by_window[window] for window in self.config.windows()]
