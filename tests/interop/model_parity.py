#!/usr/bin/env python3
"""Takes what graft converts, trains and fuses to mlx-lm, MLX, NumPy and transformers.

    model_parity.py GRAFT LOGITS_DRIVER [--model FOLDER_OR_GGUF ...]

Small random checkpoints are made here, and each further model is taken as it is. For each:
  - the converted model's f32 logits in mlx-lm are graft's, within 1e-4 of the largest, with weights rounded to the
    nearest and for what layers read (`--calibrate`);
  - adapters.npz opens in NumPy and MLX with the example's keys, shapes and dtype, and its settings apply:
    mlx-lm's model with scale * (x A) B added gives graft's logits;
  - so do the fused models, in the model's own format, in 8 bits and dense;
  - a dense fused folder has the names, shapes and index of a Hugging Face checkpoint, and transformers
    reads its config and tokenizer.
"""

import argparse
import json
import pathlib
import re
import subprocess
import tempfile

import mlx.core as mx
import mlx.nn as nn
import numpy as np
import tiny_models
from mlx.utils import tree_flatten
from mlx_lm import load
from mlx_lm.tuner.dora import DoRALinear
from mlx_lm.tuner.lora import LoRASwitchLinear
from run_main import run_main
from safetensors import safe_open
from transformers import AutoConfig, AutoTokenizer

TOLERANCE = 1e-4  # of the largest logit
RANK, SCALE, LAYERS = 8, 20.0, 2
IDS = [1, 34, 7, 7, 250, 19, 3, 88, 101, 64, 5, 12]


# What gets an adapter when nothing is named, where it is not q_proj and v_proj.
DEFAULT_KEYS = {
    "mixtral": ["self_attn.q_proj", "self_attn.v_proj", "block_sparse_moe.gate"],
    "phi3": ["self_attn.qkv_proj"],
}
EXPERTS = {"mixtral": "block_sparse_moe", "qwen3_moe": "mlp"}


def every_key(family):
    attention = [f"self_attn.{name}_proj" for name in "qkvo"]
    return attention + [f"{EXPERTS[family]}.{name}" for name in
                        ["gate", "switch_mlp.gate_proj", "switch_mlp.up_proj", "switch_mlp.down_proj"]]


class Adapted(nn.Module):
    """A linear layer with the adapter as the example defines it: A is [in, rank], B is [rank, out]."""

    def __init__(self, linear, a, b):
        super().__init__()
        self.linear, self.a, self.b = linear, a, b

    def __call__(self, x):
        return self.linear(x) + SCALE * ((x @ self.a) @ self.b)


def run(*command):
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(str(c) for c in command)}\n{done.stdout}{done.stderr}")
    return done.stdout


def load_in_f32(folder):
    model, _ = load(str(folder))
    model.set_dtype(mx.float32)
    return model


def logits_of(model):
    return np.array(model(mx.array([IDS]))[0])


def compare(what, ours, theirs):
    distance = np.abs(ours - theirs).max() / np.abs(theirs).max()
    print(f"  {what}: {distance:.1e}")
    if not distance <= TOLERANCE:
        raise SystemExit(f"{what}: the logits differ by {distance:.1e} of the largest")


class Parity:
    def __init__(self, graft, driver, scratch):
        self.graft, self.driver, self.scratch = graft, driver, scratch
        self.data = scratch / "data"
        self.data.mkdir()
        for split in ["train", "valid", "test"]:
            lines = [json.dumps({"text": f"table: t{i}\nQ: how many of {i % 3}?\nA: {i}"}) for i in range(6)]
            (self.data / f"{split}.jsonl").write_text("\n".join(lines))

    def graft_logits(self, folder, adapter="none"):
        target = self.scratch / "logits.npz"
        run(self.driver, folder, adapter, target, *IDS)
        return np.load(target)["logits"]

    def train(self, model, adapter, *flags):
        options = list(flags)
        options += ["--lora-layers", LAYERS, "--iters", 4, "--batch-size", 2, "--learning-rate", "1e-3"]
        options += ["--val-batches", 1, "--data", self.data, "--adapter-file", adapter]
        run(self.graft, "lora", "--model", model, "--train", *options)

    def adapter_arrays(self, adapter, model, keys):
        """The adapter as MLX reads it, after a comparison with NumPy's reading and the example's layout."""
        arrays = mx.load(str(adapter))
        with np.load(adapter) as file:
            if set(file.files) != set(arrays):
                raise SystemExit("NumPy and MLX see other keys")
            for name in file.files:
                if not np.array_equal(file[name], np.array(arrays[name])) or file[name].dtype != np.float32:
                    raise SystemExit(f"{name} differs or is not float32")
        layers = len(model.layers)
        prefix = "language_model." if hasattr(model, "language_model") else ""
        expected = {
            f"{prefix}model.layers.{i}.{key}.lora_{part}"
            for i in range(layers - LAYERS, layers)
            for key in keys
            for part in "ab"
        }
        if any(name.endswith(".m") for name in arrays):
            expected |= {name.removesuffix("lora_a") + "m" for name in expected if name.endswith("lora_a")}
        if set(arrays) != expected:
            raise SystemExit(f"other keys than the example's: {sorted(set(arrays) ^ expected)}")
        for name, value in arrays.items():
            if name.endswith(".m"):
                continue
            # mlx-lm's arrays of experts have one more axis, and the rank in the middle and at the end.
            rank_at = (1 if name.endswith("lora_a") else 2) if value.ndim == 3 else (1 if name.endswith("lora_a") else 0)
            if value.shape[rank_at] != RANK:
                raise SystemExit(f"{name} has shape {value.shape}")
        return arrays

    def adapted_in_mlx_lm(self, folder, arrays):
        model = load_in_f32(folder)
        for name in [n for n in arrays if n.endswith(".lora_a")]:
            index, path, last = re.fullmatch(r"(?:language_model\.)?model\.layers\.(\d+)\.(.*)\.(\w+)\.lora_a", name).groups()
            parent = model.layers[int(index)]
            for part in path.split("."):
                parent = getattr(parent, part)
            a, b = arrays[name], arrays[name[: -len("a")] + "b"]
            m = arrays.get(name.removesuffix("lora_a") + "m")
            if m is not None:
                adapted = DoRALinear.from_base(getattr(parent, last), r=RANK, dropout=0.0, scale=SCALE)
                adapted.lora_a, adapted.lora_b, adapted.m = a, b, m
            elif a.ndim == 3:
                adapted = LoRASwitchLinear.from_base(getattr(parent, last), r=RANK, dropout=0.0, scale=SCALE)
                adapted.lora_a, adapted.lora_b = a, b
            else:
                adapted = Adapted(getattr(parent, last), a, b)
            setattr(parent, last, adapted)
        return logits_of(model)

    def check(self, source, *flags, keys=("self_attn.q_proj", "self_attn.v_proj"), lora_flags=()):
        model, adapter = self.scratch / "model", self.scratch / "adapters.npz"
        print(f"{source.name} {' '.join(str(flag) for flag in flags)}")
        run(self.graft, "convert", "--hf-path", source, "--mlx-path", model, *flags)
        plain = load_in_f32(model)
        compare("converted", self.graft_logits(model), logits_of(plain))
        self.train(model, adapter, *lora_flags)
        arrays = self.adapter_arrays(adapter, plain, keys)
        adapted = self.graft_logits(model, adapter)
        if np.abs(adapted - self.graft_logits(model)).max() < 0.01:
            raise SystemExit("the adapter changes nothing: a comparison would not show its scale")
        compare("adapted", adapted, self.adapted_in_mlx_lm(model, arrays))

        for name, fuse_flags in {"as it is": [], "in 8 bits": ["--fused-bits", "8"], "dense": ["-d"]}.items():
            fused = self.scratch / "fused"
            run(self.graft, "fuse", "--model", model, "--adapter-file", adapter, "--save-path", fused, "--max-loss-gap", "none",
                *fuse_flags)
            compare(f"fused {name}", self.graft_logits(fused), logits_of(load_in_f32(fused)))
        self.check_checkpoint(fused, plain)

    def check_checkpoint(self, folder, model):
        """The dense fused folder as one that transformers would load."""
        shapes = {name: list(value.shape) for name, value in tree_flatten(model.parameters())}
        quantized = {name.removesuffix(".scales") for name in shapes if name.endswith(".scales")}
        index = json.loads((folder / "model.safetensors.index.json").read_text())["weight_map"]
        found = {}
        for file in sorted(set(index.values())):
            with safe_open(folder / file, framework="numpy") as tensors:
                if tensors.metadata().get("format") not in ("pt", "mlx"):
                    raise SystemExit(f"{file} names no format: transformers refuses it")
                for name in tensors.keys():
                    found[name] = tensors.get_slice(name).get_shape()
        if found.keys() != index.keys():
            raise SystemExit("the index and the files disagree")
        for name in quantized:
            bits_in = shapes.pop(f"{name}.scales")
            shapes.pop(f"{name}.biases", None)
            shapes[f"{name}.weight"] = [*bits_in[:-1], bits_in[-1] * model_group(folder.parent / "model", name)]
        shapes = one_by_one(shapes)
        if found != shapes:
            raise SystemExit(f"other tensors than a checkpoint's: {[n for n in found | shapes if found.get(n) != shapes.get(n)][:4]}")
        config = AutoConfig.from_pretrained(folder)
        source = json.loads((folder.parent / "model" / "config.json").read_text())
        if config.architectures != source["architectures"] or hasattr(config, "quantization"):
            raise SystemExit("config.json is not that of a dense model of this kind")
        AutoTokenizer.from_pretrained(folder)


def one_by_one(shapes):
    """The shapes with experts as checkpoints have them: mlx-lm stacks them, transformers knows no stacks."""
    own = {"gate_proj": "w1", "down_proj": "w2", "up_proj": "w3"}
    expanded = {}
    for name, shape in shapes.items():
        if ".switch_mlp." not in name:
            expanded[name] = shape
            continue
        layer, projection = name.removesuffix(".weight").split(".switch_mlp.")
        projection = own[projection] if layer.endswith("block_sparse_moe") else projection
        for expert in range(shape[0]):
            expanded[f"{layer}.experts.{expert}.{projection}.weight"] = shape[1:]
    return expanded


def model_group(folder, name):
    """The group size of a quantized layer."""
    settings = json.loads((folder / "config.json").read_text())["quantization"]
    return settings.get(name, settings)["group_size"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("graft", type=pathlib.Path)
    parser.add_argument("driver", type=pathlib.Path)
    parser.add_argument("--model", type=pathlib.Path, nargs="*", default=[])
    arguments = parser.parse_args()
    mx.set_default_device(mx.cpu)
    with tempfile.TemporaryDirectory() as name:
        scratch = pathlib.Path(name)
        parity = Parity(arguments.graft.resolve(), arguments.driver.resolve(), scratch)
        tiny_models.write_checkpoint(scratch / "f32", mx.float32)
        tiny_models.write_checkpoint(scratch / "bf16-tied-shards", mx.bfloat16, head=False, shards=2)
        for source in ["f32", "bf16-tied-shards"]:
            parity.check(scratch / source)
            parity.check(scratch / source, "-q", "--q-group-size", "32")
            parity.check(scratch / source, "-q", "--q-bits", "8")
            for mode in ["mxfp4", "mxfp8", "nvfp4"]:
                parity.check(scratch / source, "-q", "--q-mode", mode)
            parity.check(scratch / source, "-q", "--quant-predicate", "mixed_3_6")
            for flags in ["--q-group-size", "32"], ["--q-mode", "mxfp4"]:
                parity.check(scratch / source, "-q", *flags, "--calibrate", parity.data)
            # mlx-lm's DoRA computes the width of 3, 5 and 6 bits wrongly.
            for flags in [], ["-q", "--q-group-size", "32"], ["-q", "--q-bits", "8"]:
                parity.check(scratch / source, *flags, lora_flags=["--fine-tune-type", "dora"])
        for family in tiny_models.FAMILIES:
            tiny_models.write_family(scratch / family, family)
            keys = DEFAULT_KEYS.get(family, ["self_attn.q_proj", "self_attn.v_proj"])
            parity.check(scratch / family, keys=keys)
            parity.check(scratch / family, "-q", "--q-group-size", "32", keys=keys)
            if family in EXPERTS:
                parity.check(scratch / family, "-q", "--q-group-size", "32", "--calibrate", parity.data, keys=keys)
                parity.check(scratch / family, keys=every_key(family), lora_flags=["--lora-keys", "all"])
                for mode in ["affine", "mxfp4", "nvfp4"]:
                    parity.check(scratch / family, "-q", "--q-mode", mode, keys=every_key(family),
                                 lora_flags=["--lora-keys", "all"])
        tiny_models.write_multimodal_gemma3(scratch / "gemma3")
        parity.check(scratch / "gemma3", "-q")
        parity.check(scratch / "gemma3", "-q", "--calibrate", parity.data)
        parity.check(scratch / "gemma3", "-q", "--q-mode", "mxfp8")
        for model in arguments.model:
            parity.check(model)


if __name__ == "__main__":
    run_main(main)
