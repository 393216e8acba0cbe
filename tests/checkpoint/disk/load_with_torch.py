"""Loads two .pt files with PyTorch and compares them: load_with_torch.py WRITTEN EXPECTED.

Exits with 0 and prints "equal" if both hold the same tree and the same tensors.
"""

import sys
import zipfile

import torch


def load(path):
    try:
        return torch.load(path, weights_only=True)
    except Exception as error:
        # PyTorch 1.13 has no floats in its weights_only reader, not even for files of its own.
        if torch.__version__ < "2" and "Unsupported operand 71" in str(error):
            return torch.load(path)
        raise


def compare(a, b, path="root"):
    if isinstance(b, torch.Tensor):
        assert a.dtype == b.dtype and a.shape == b.shape and torch.equal(a, b), path
    elif isinstance(b, dict):
        assert isinstance(a, dict) and list(a) == list(b), path
        for key in b:
            compare(a[key], b[key], f"{path}.{key}")
    elif isinstance(b, (list, tuple)):
        assert len(a) == len(b), path
        for i, (x, y) in enumerate(zip(a, b)):
            compare(x, y, f"{path}.{i}")
    else:
        assert a == b, f"{path}: {a} is not {b}"


written, expected = sys.argv[1:]
assert zipfile.ZipFile(written).testzip() is None
compare(load(written), load(expected))
print("equal")
