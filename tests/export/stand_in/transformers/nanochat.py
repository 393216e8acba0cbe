"""What transformers' class `nanochat` computes, with the names and keys that it has."""

import torch
import torch.nn as nn

from . import PreTrainedModel, read_json
from .modeling_outputs import CausalLMOutputWithPast


class NanoChatConfig:
    def __init__(
        self,
        vocab_size=50304,
        hidden_size=768,
        intermediate_size=8192,
        num_hidden_layers=12,
        num_attention_heads=6,
        num_key_value_heads=None,
        max_position_embeddings=2048,
        hidden_act="relu2",
        attention_dropout=0.0,
        rms_norm_eps=1e-6,
        initializer_range=0.02,
        rope_parameters=None,
        use_cache=True,
        final_logit_softcapping=15.0,
        attention_bias=False,
        bos_token_id=0,
        eos_token_id=1,
        pad_token_id=1,
        tie_word_embeddings=False,
        torch_dtype="float32",
        **_,
    ):
        for value in (rms_norm_eps, initializer_range, final_logit_softcapping, attention_dropout):
            assert isinstance(value, float)
        assert hidden_act == "relu2" and not attention_bias
        self.__dict__.update(locals())
        self.num_key_value_heads = num_key_value_heads or num_attention_heads


class Attention(nn.Module):
    def __init__(self, config):
        super().__init__()
        C, H, Hkv = config.hidden_size, config.num_attention_heads, config.num_key_value_heads
        self.config, self.D = config, C // H
        self.q_proj = nn.Linear(C, H * self.D, bias=False)
        self.k_proj = nn.Linear(C, Hkv * self.D, bias=False)
        self.v_proj = nn.Linear(C, Hkv * self.D, bias=False)
        self.o_proj = nn.Linear(H * self.D, C, bias=False)


class MLP(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.fc1 = nn.Linear(config.hidden_size, config.intermediate_size, bias=False)
        self.fc2 = nn.Linear(config.intermediate_size, config.hidden_size, bias=False)


class Layer(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.self_attn = Attention(config)
        self.mlp = MLP(config)


class Model(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.embed_tokens = nn.Embedding(
            config.vocab_size, config.hidden_size, config.pad_token_id
        )
        self.layers = nn.ModuleList([Layer(config) for _ in range(config.num_hidden_layers)])


class NanoChatForCausalLM(PreTrainedModel):
    def __init__(self, config):
        super().__init__(config)
        self.model = Model(config)
        self.lm_head = nn.Linear(config.hidden_size, config.vocab_size, bias=False)

    @classmethod
    def from_pretrained(cls, folder):
        values = read_json(folder, "config.json")
        assert values["architectures"] == ["NanoChatForCausalLM"]
        assert values["model_type"] == "nanochat"
        return super().from_pretrained(folder, NanoChatConfig(**values))

    def norm(self, x):
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.config.rms_norm_eps)

    def forward(self, ids):
        x = self.norm(self.model.embed_tokens(ids))
        T = ids.shape[1]
        for layer in self.model.layers:
            x = x + self.attend(layer.self_attn, self.norm(x), T)
            x = x + layer.mlp.fc2(torch.relu(layer.mlp.fc1(self.norm(x))) ** 2)
        cap = self.config.final_logit_softcapping
        return CausalLMOutputWithPast(
            logits=torch.tanh(self.lm_head(self.norm(x)) / cap) * cap
        )

    def attend(self, layer, x, T):
        D, rope = layer.D, self.config.rope_parameters
        assert rope["rope_type"] == "default"
        frequencies = rope["rope_theta"] ** -(torch.arange(0, D, 2).float() / D)
        angles = torch.arange(T).float()[:, None] * frequencies
        cos, sin = (torch.cat((y, y), -1)[:, None] for y in (angles.cos(), angles.sin()))

        def heads(y):
            return y.view(*y.shape[:2], -1, D)

        def rotated(y):
            a, b = y.chunk(2, -1)
            return self.norm(y * cos + torch.cat((b, -a), -1) * sin)

        q, k = rotated(heads(layer.q_proj(x))), rotated(heads(layer.k_proj(x)))
        v = heads(layer.v_proj(x))
        k, v = (y.repeat_interleave(q.shape[2] // y.shape[2], 2) for y in (k, v))
        scores = torch.einsum("bthd,bshd->bhts", q, k) * D**-0.5
        scores = scores.masked_fill(torch.ones(T, T).triu(1).bool(), float("-inf"))
        y = torch.einsum("bhts,bshd->bthd", scores.softmax(-1), v)
        return layer.o_proj(y.reshape(*x.shape[:2], -1))
