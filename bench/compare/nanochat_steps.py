"""
nanochat's own training steps, for training.ts.

    python3 nanochat_steps.py NANOCHAT_DIR MODEL_FILE META_FILE LEARNING_RATES

A line of input is the micro-batches of a step, [[x, y], ...] with x and y as rows of ids; the line
of output is the mean loss and the milliseconds that the step took.
"""
import json
import sys
import time

try:
    import torch
except ImportError:
    sys.exit("python3 has no PyTorch; activate an environment that has")

nanochat, model_file, meta_file, rates = sys.argv[1:]
if not hasattr(torch.nn.functional, "rms_norm"):
    sys.exit(f"python3 has PyTorch {torch.__version__}; nanochat needs 2.5 or later")
sys.path.insert(0, nanochat)
try:
    from nanochat.gpt import GPT, GPTConfig
except ImportError as error:
    sys.exit(f"{nanochat}: {error}; it should be a clone of nanochat")

answers, sys.stdout = sys.stdout, sys.stderr  # what nanochat prints is no answer

with open(meta_file) as file:
    model = GPT(GPTConfig(**json.load(file)["model_config"]))
model.init_weights()
state = torch.load(model_file, map_location="cpu")
model.load_state_dict({name.removeprefix("_orig_mod."): x.float() for name, x in state.items()})
optimizer = model.setup_optimizer(**json.loads(rates))
compiled = torch.compile(model, dynamic=False)

for line in sys.stdin:
    batches = [[torch.tensor(rows) for rows in batch] for batch in json.loads(line)]
    start = time.perf_counter()
    total = 0.0
    for x, y in batches:
        loss = compiled(x, y) / len(batches)
        loss.backward()
        total += loss.item()
    optimizer.step()
    model.zero_grad(set_to_none=True)
    elapsed = (time.perf_counter() - start) * 1000
    print(json.dumps([total, elapsed]), file=answers, flush=True)
