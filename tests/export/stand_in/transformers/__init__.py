"""The little of transformers that a model's own code stands on, for Pythons that lack it."""

import importlib.util
import json
import os
import sys

import torch

TYPES = {"F32": torch.float32, "BF16": torch.bfloat16, "F16": torch.float16}


def read_json(folder, name):
    with open(os.path.join(folder, name)) as file:
        return json.load(file)


def read_safetensors(path):
    with open(path, "rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        data = bytearray(file.read())
    assert header.pop("__metadata__")["format"] == "pt"
    tensors = {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        values = torch.frombuffer(data[begin:end], dtype=TYPES[entry["dtype"]])
        tensors[name] = values.view(entry["shape"])
    return tensors


class PretrainedConfig:
    def __init__(self, **kwargs):
        self.tie_word_embeddings = kwargs.pop("tie_word_embeddings", True)
        for key, value in kwargs.items():
            setattr(self, key, value)


class PreTrainedModel(torch.nn.Module):
    def __init__(self, config):
        super().__init__()
        self.config = config

    def post_init(self):
        self.apply(self._init_weights)

    @classmethod
    def from_pretrained(cls, folder, config):
        model = cls(config)
        files = ["model.safetensors"]
        if os.path.exists(os.path.join(folder, "model.safetensors.index.json")):
            index = read_json(folder, "model.safetensors.index.json")
            files = sorted(set(index["weight_map"].values()))
        tensors = {}
        for file in files:
            tensors.update(read_safetensors(os.path.join(folder, file)))
        model.load_state_dict(tensors, strict=True)
        assert not config.tie_word_embeddings
        return model.to(getattr(torch, config.torch_dtype)).eval()


class GenerationMixin:
    @torch.no_grad()
    def generate(self, input_ids, attention_mask=None, max_new_tokens=20, do_sample=False, **kwargs):
        cache = None
        for _ in range(max_new_tokens):
            inputs = self.prepare_inputs_for_generation(
                input_ids, past_key_values=cache, attention_mask=attention_mask, use_cache=True
            )
            outputs = self(**inputs)
            cache = outputs.past_key_values
            input_ids = torch.cat((input_ids, outputs.logits[:, -1:].argmax(-1)), dim=1)
            if attention_mask is not None:
                attention_mask = torch.nn.functional.pad(attention_mask, (0, 1), value=1)
        return input_ids


class AutoModelForCausalLM:
    @classmethod
    def from_pretrained(cls, folder, trust_remote_code):
        assert trust_remote_code
        values = read_json(folder, "config.json")
        config_class, model_class = (
            load_class(folder, values["auto_map"][name]) for name in ("AutoConfig", cls.__name__)
        )
        return model_class.from_pretrained(folder, config_class(**values))


def load_class(folder, place):
    module, name = place.split(".")
    package = "remote_code"
    if package not in sys.modules:
        spec = importlib.util.spec_from_loader(package, loader=None, is_package=True)
        sys.modules[package] = importlib.util.module_from_spec(spec)
    sys.modules[package].__path__ = [folder]
    return getattr(importlib.import_module(f"{package}.{module}"), name)


from .nanochat import NanoChatForCausalLM  # noqa: E402, F401
