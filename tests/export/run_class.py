"""
Runs an exported model of transformers' class `nanochat`. Arguments: the folder, and a file with
JSON of `ids` (B, T). Prints its logits as JSON. Uses transformers where Python has it and that has
the class, and otherwise the stand-in beside this file.
"""

import json
import os
import sys

import torch

try:
    from transformers import NanoChatForCausalLM
except ImportError:
    sys.path.insert(0, os.path.join(os.path.dirname(__file__), "stand_in"))
    for name in [name for name in sys.modules if name.split(".")[0] == "transformers"]:
        del sys.modules[name]
    from transformers import NanoChatForCausalLM

model = NanoChatForCausalLM.from_pretrained(sys.argv[1])
with torch.no_grad():
    logits = model(torch.tensor(json.load(open(sys.argv[2]))["ids"])).logits
print(json.dumps(logits.flatten().tolist()))
