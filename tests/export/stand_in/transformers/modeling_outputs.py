from dataclasses import dataclass
from typing import Any


@dataclass
class CausalLMOutputWithPast:
    loss: Any = None
    logits: Any = None
    past_key_values: Any = None
