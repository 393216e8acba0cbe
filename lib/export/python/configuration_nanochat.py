"""The configuration of a nanochat model of any age: its sizes, parts and constants."""

from transformers import PretrainedConfig


class NanochatSftConfig(PretrainedConfig):
    """
    Sizes:
        vocab_size: tokens; logits have as many columns.
        padded_vocab_size: rows of the token tables, of which those past vocab_size are padding.
        hidden_size, intermediate_size, num_hidden_layers, num_attention_heads,
        num_key_value_heads, max_position_embeddings: as everywhere.
    Constants:
        rms_norm_eps: what is added to the mean square under the root of a norm.
        rotary_base: base of the rotary wavelengths.
        rotary_rounding: "float32" or "bfloat16", what the rotary tables are rounded to.
        qk_scale: what queries and keys are multiplied by after their norm.
        final_logit_softcapping: logits are capped as cap * tanh(logits / cap).
        window_pattern: a letter per layer, tiled: L looks back max_position_embeddings tokens, S
            as far as window_rule says; the last layer is always L.
        window_rule: "quarter" or "third" of max_position_embeddings rounded up to 128, "half" of
            it, or "none": no layer has a window.
    Parts, which nanochat has had since:
        lambdas: residual and first-layer multipliers, one per layer (January 2026).
        value_gate_channels, value_gate_scale: embeddings of the token in the values of every
            second layer, gated by so many channels; none where the channels are None.
        bigram: an embedding of the last two tokens in every layer (27 and 28 January 2026).
        smear, backout: the token before in each embedding; the middle layer taken out at the end
            (March 2026).
    """

    model_type = "nanochat_sft"
    keys_to_ignore_at_inference = ["past_key_values"]

    def __init__(
        self,
        vocab_size=32768,
        padded_vocab_size=None,
        hidden_size=768,
        intermediate_size=None,
        num_hidden_layers=12,
        num_attention_heads=6,
        num_key_value_heads=None,
        max_position_embeddings=2048,
        rms_norm_eps=1.1920928955078125e-07,
        rotary_base=100000.0,
        rotary_rounding="float32",
        qk_scale=1.2,
        final_logit_softcapping=15.0,
        window_pattern="L",
        window_rule="quarter",
        lambdas=True,
        value_gate_channels=12,
        value_gate_scale=3.0,
        bigram=False,
        smear=True,
        backout=True,
        initializer_range=0.02,
        use_cache=True,
        **kwargs,
    ):
        self.vocab_size = vocab_size
        self.padded_vocab_size = padded_vocab_size or vocab_size
        self.hidden_size = hidden_size
        self.intermediate_size = intermediate_size or 4 * hidden_size
        self.num_hidden_layers = num_hidden_layers
        self.num_attention_heads = num_attention_heads
        self.num_key_value_heads = num_key_value_heads or num_attention_heads
        self.max_position_embeddings = max_position_embeddings
        self.rms_norm_eps = rms_norm_eps
        self.rotary_base = rotary_base
        self.rotary_rounding = rotary_rounding
        self.qk_scale = qk_scale
        self.final_logit_softcapping = final_logit_softcapping
        self.window_pattern = window_pattern
        self.window_rule = window_rule
        self.lambdas = lambdas
        self.value_gate_channels = value_gate_channels
        self.value_gate_scale = value_gate_scale
        self.bigram = bigram
        self.smear = smear
        self.backout = backout
        self.initializer_range = initializer_range
        self.use_cache = use_cache
        kwargs.setdefault("tie_word_embeddings", False)
        super().__init__(**kwargs)

    def windows(self):
        """How many tokens back each layer sees; None for all."""
        length = self.max_position_embeddings
        if self.window_rule == "none":
            return [None] * self.num_hidden_layers
        if self.window_rule == "half":
            short = length // 2
        else:
            part = {"quarter": 4, "third": 3}[self.window_rule]
            short = -(-length // (128 * part)) * 128
        pattern = self.window_pattern
        letters = [pattern[i % len(pattern)] for i in range(self.num_hidden_layers)]
        letters[-1] = "L"
        return [short if letter == "S" else length for letter in letters]

    def has_value_embedding(self, layer):
        """Whether a layer's values take in an embedding of the token."""
        return self.value_gate_channels is not None and (
            layer % 2 == (self.num_hidden_layers - 1) % 2
        )
