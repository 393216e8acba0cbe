"""
Runs an exported model every way that there is. Arguments: the folder, and a file with JSON of
`ids` (B, T), how many of them are the `prompt` of a generation, and a `long` row. Prints JSON. Uses transformers
where Python has it, and otherwise the stand-in beside this file.
"""

import json
import os
import sys
import tempfile

import torch

try:
    import transformers
except ImportError:
    sys.path.insert(0, os.path.join(os.path.dirname(__file__), "stand_in"))
    import transformers

torch.manual_seed(1)
folder, request = sys.argv[1], json.load(open(sys.argv[2]))
ids = torch.tensor(request["ids"])
prompt = request["prompt"]
B, T = ids.shape
model = transformers.AutoModelForCausalLM.from_pretrained(folder, trust_remote_code=True)


@torch.no_grad()
def run(**inputs):
    return model(**inputs)


def in_parts(ids, mask, lengths):
    """Logits with a cache that is filled by so many tokens at a time."""
    cache, start, logits = None, 0, []
    for length in lengths:
        end = start + length
        part = None if mask is None else mask[:, :end]
        out = run(input_ids=ids[:, start:end], attention_mask=part, past_key_values=cache, use_cache=True)
        cache, start = out.past_key_values, end
        logits.append(out.logits)
    return torch.cat(logits, dim=1)


whole = run(input_ids=ids, use_cache=False).logits
lengths = [T // 2, 3] + [1] * (T - T // 2 - 3)

# Two rows of different lengths, padded on either side: what is not padding gives the same logits.
pad = 5
pair, whole_pair = ids[[0, -1]], whole[[0, -1]]
padded = pair.clone()
padded[0, :pad] = pair[0, 0]
padded[0, pad:] = pair[0, : T - pad]
left = torch.ones_like(pair)
left[0, :pad] = 0
right = torch.ones_like(pair)
right[0, T - pad :] = 0
of_left = run(input_ids=padded, attention_mask=left, use_cache=False).logits
of_right = run(input_ids=pair, attention_mask=right, use_cache=False).logits
of_left_in_parts = in_parts(padded, left, lengths)


def difference(a, b):
    return (a.double() - b.double()).abs().max().item()


labels = ids.clone()
labels[:, : T // 3] = -100
loss = run(input_ids=ids, labels=labels).loss
losses = torch.nn.functional.cross_entropy(
    whole[:, :-1].flatten(0, 1).float(), labels[:, 1:].flatten(), ignore_index=-100
)


def generated(**inputs):
    return model.generate(max_new_tokens=12, do_sample=False, **inputs).tolist()


def refused(**inputs):
    try:
        run(**inputs)
    except ValueError as error:
        return str(error)


def uncached():
    """Greedy tokens after the prompt, each from the whole text anew."""
    text = ids[:, :prompt]
    for _ in range(12):
        best = run(input_ids=text, use_cache=False).logits[:, -1:].argmax(-1)
        text = torch.cat((text, best), dim=1)
    return text.tolist()


saved = None
if hasattr(model, "save_pretrained"):
    with tempfile.TemporaryDirectory() as other:
        model.save_pretrained(other)
        again = transformers.AutoModelForCausalLM.from_pretrained(other, trust_remote_code=True)
        with torch.no_grad():
            saved = difference(again(input_ids=ids).logits, whole)

model.train()
model(input_ids=ids, labels=labels).loss.backward()
without_gradient = [n for n, p in model.named_parameters() if p.grad is None]
model.eval()
results = {
    "generated": generated(input_ids=ids[:, :prompt]),
    "uncached": uncached(),
    "long": run(input_ids=torch.tensor(request["long"])).logits[:, -24:].flatten().tolist(),
    "transformers": getattr(transformers, "__version__", None),
    "logits": whole.flatten().tolist(),
    "in_parts": difference(in_parts(ids, None, lengths), whole),
    "left": difference(of_left[0, pad:], whole_pair[0, : T - pad]),
    "left_other_row": difference(of_left[1], whole_pair[1]),
    "left_in_parts": difference(of_left_in_parts[0, pad:], whole[0, : T - pad]),
    "right": difference(of_right[0, : T - pad], whole[0, : T - pad]),
    "loss": difference(loss, losses),
    "saved": saved,
    "without_gradient": without_gradient,
    "kept": difference(run(input_ids=ids, logits_to_keep=1).logits[:, 0], whole[:, -1]),
    "refused": {
        "embeddings": refused(inputs_embeds=torch.zeros(B, T, 8)),
        "positions": refused(input_ids=ids, position_ids=torch.zeros_like(ids)),
        "mask": refused(input_ids=ids, attention_mask=torch.ones(B, T + 1)),
    },
}

model.to(torch.bfloat16)
results["in_bfloat16"] = [
    difference(run(input_ids=ids, use_cache=False).logits, whole),
    difference(in_parts(ids, None, lengths), whole),
]

print(json.dumps(results))
