"""
PyTorch and nanochat on the same GPU, for bench/gpu/pytorch.ts; prints lines of JSON.

    python3 pytorch.py products SIDE
    python3 pytorch.py steps NANOCHAT_DIR CONFIG ROWS WARMUP SECONDS COMPILED

TF32 is off: a product in float32 is one. nanochat's type is that of NANOCHAT_DTYPE.
"""
import json
import os
import sys
import threading
import time

import torch

torch.set_float32_matmul_precision("highest")
device = "cuda" if torch.cuda.is_available() else "cpu"
wait = torch.cuda.synchronize if device == "cuda" else (lambda: None)
answers, sys.stdout = sys.stdout, sys.stderr  # what nanochat prints is no answer


def end_with_caller():
    sys.stdin.read()  # nothing but the end of the one who waits for the answers
    os._exit(1)


threading.Thread(target=end_with_caller, daemon=True).start()


def answer(**row):
    print(json.dumps(row), file=answers, flush=True)


def products(side):
    for name in ["float32", "bfloat16"]:
        a, b = (torch.rand(side, side, device=device, dtype=getattr(torch, name)) - 0.5 for _ in range(2))

        def timed(count):
            wait()
            start = time.perf_counter()
            for _ in range(count):
                a @ b.T
            wait()
            return time.perf_counter() - start

        timed(1)
        count = 1
        while timed(count) < 0.4:
            count *= 2
        ms = 1000 * min(timed(count) for _ in range(3)) / count
        answer(dtype=name, ms=ms, tflops=2 * side**3 / ms / 1e9)


def steps(nanochat, config, rows, warmup, seconds, compiled):
    sys.path.insert(0, nanochat)
    from nanochat.gpt import GPT, GPTConfig

    with torch.device("meta"):
        model = GPT(GPTConfig(**config))
    model.to_empty(device=device)
    model.init_weights()
    optimizer = model.setup_optimizer()
    run = torch.compile(model, dynamic=False) if compiled else model
    T, V = config["sequence_len"], config["vocab_size"]
    generator = torch.Generator().manual_seed(2)
    ids = (V * torch.rand(rows, T + 1, generator=generator) ** 4).long().to(device)

    def step():
        loss = run(ids[:, :-1].contiguous(), ids[:, 1:].contiguous())
        loss.backward()
        optimizer.step()
        model.zero_grad(set_to_none=True)
        return loss.item()

    for _ in range(warmup):
        step()
    wait()
    start, count = time.perf_counter(), 0
    while True:
        loss = step()
        count += 1
        wait()
        elapsed = time.perf_counter() - start
        if elapsed >= seconds:
            break
    peak = torch.cuda.max_memory_allocated() if device == "cuda" else None
    answer(rows=rows, tokens=count * rows * T / elapsed, ms=1000 * elapsed / count, loss=loss, bytes=peak)


what, *rest = sys.argv[1:]
if what == "products":
    products(int(rest[0]))
else:
    nanochat, config, rows, warmup, seconds, compiled = rest
    while True:
        try:
            steps(nanochat, json.loads(config), int(rows), int(warmup), float(seconds), compiled == "true")
            break
        except torch.OutOfMemoryError:
            rows = int(rows) // 2
            if rows == 0:
                raise
        torch.cuda.empty_cache()
