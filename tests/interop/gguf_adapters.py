#!/usr/bin/env python3
"""Takes adapters to llama.cpp: its logits with the GGUF that graft writes are graft's, within 1e-4 of the largest
(1e-3 where llama.cpp reads an activation from a table).

    gguf_adapters.py GRAFT LOGITS_DRIVER LLAMA_VENV

For a tiny model of each family that can be had as GGUF, in F32: adapters on all linear layers, and on embedding and
head where these are two matrices, of several ranks and scales, as graft writes them, and back in graft; and one that the gguf package writes, as llama.cpp's converter does,
in graft. LLAMA_VENV holds the wheel of bench/compare_llama_cpp.py.
"""

import argparse
import json
import subprocess
import tempfile
from pathlib import Path

import gguf
import llama_cpp
import mlx.core as mx
import numpy as np
import tiny_models
from safetensors.numpy import save_file

TOLERANCE = 1e-4
TABLED = {"gemma": 1e-3}  # llama.cpp takes GELU from a table of f16: the base model is off by 1.2e-4, too
IDS = [1, 34, 7, 7, 250, 19, 3, 88, 101, 64, 5, 12]
PERMUTED = {"mistral"}
EMBEDDING = "model.embed_tokens"


def linear_layers(folder: Path) -> dict[str, tuple[int, int]]:
    weights = mx.load(str(folder / "model.safetensors"))
    outside = ["model.embed_tokens.weight", "lm_head.weight"] if "lm_head.weight" in weights else []
    return {name.removesuffix(".weight"): value.shape for name, value in weights.items()
            if name in outside or "_proj" in name and name.endswith(".weight")}


def adapter(layers: dict[str, tuple[int, int]]) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(5)
    tensors = {}
    for i, (path, (out, width)) in enumerate(layers.items()):
        rank = 2 + i % 3
        if path == EMBEDDING:  # rows of it are looked up
            out, width = width, out
        size = 1 if path == EMBEDDING else 1 / np.sqrt(width)
        tensors[path + ".lora_a"] = (size * rng.standard_normal((width, rank))).astype(np.float32)
        tensors[path + ".lora_b"] = ((0.1 if path == EMBEDDING else 0.3) * rng.standard_normal((rank, out))).astype(np.float32)
    return tensors


def distance(found: np.ndarray, expected: np.ndarray) -> float:
    return float(np.abs(found - expected).max() / np.abs(expected).max())


class Check:
    def __init__(self, graft: str, driver: str, llama: llama_cpp.Library, work: Path):
        self.graft, self.driver, self.llama, self.work = graft, driver, llama, work

    def logits(self, folder: Path, adapter: Path | str) -> np.ndarray:
        subprocess.run([self.driver, folder, adapter, self.work / "l.npz", *map(str, IDS)], check=True)
        return np.load(self.work / "l.npz")["logits"]

    def family(self, family: str) -> None:
        folder, model = self.work / family, self.work / f"{family}.gguf"
        tiny_models.write_family(folder, family)
        tiny_models.write_family_gguf(model, folder, family)
        layers = linear_layers(folder)
        tensors = adapter(layers)
        scales = {path: 0.5 + i for i, path in enumerate(list(layers)[::4])}
        own = {"rank": 2, "scale": 1.5, "dropout": 0.0, "num_layers": -1, "keys": ["all"], "scales": scales}
        ours, theirs = self.work / f"{family}.safetensors", self.work / f"{family}-lora.gguf"
        save_file(tensors, ours, {"graft_adapter": json.dumps({"graft_adapter": own})})
        subprocess.run([self.graft, "adapter", "convert", ours, theirs, "--model", folder], check=True,
                       capture_output=True)
        with self.llama.model(model) as loaded:
            base, expected = self.logits(folder, "none"), self.logits(folder, ours)
            found = {"base": distance(loaded.logits(IDS), base), "adapter": distance(loaded.logits(IDS, theirs), expected),
                     "back": distance(self.logits(folder, theirs), expected)}
            changed = distance(expected, base)
            foreign = self.work / f"{family}-foreign.gguf"
            self.write_foreign(foreign, folder, family, tensors)
            found["foreign"] = distance(self.logits(folder, foreign), loaded.logits(IDS, foreign))
        assert changed > 0.01 and max(found.values()) < TABLED.get(family, TOLERANCE), f"{family}: {found}, changed by {changed}"
        print(f"{family}: {max(found.values()):.1e}, the adapter changes {changed:.2f}", flush=True)

    def write_foreign(self, path: Path, folder: Path, family: str, tensors: dict[str, np.ndarray]) -> None:
        """With alpha 6 and nothing of graft's: ranks of 2, 3 and 4 have scales of 3, 2 and 1.5."""
        config = json.loads((folder / "config.json").read_text())
        writer = gguf.GGUFWriter(path, tiny_models.GGUF_FAMILIES[family])
        writer.add_type("adapter")
        writer.add_string("adapter.type", "lora")
        writer.add_float32("adapter.lora.alpha", 6.0)
        for name, value in tensors.items():
            value = np.ascontiguousarray(value if name == EMBEDDING + ".lora_a" else value.T)
            for part, heads in (("q_proj.lora_b", "num_attention_heads"), ("k_proj.lora_b", "num_key_value_heads")):
                if family in PERMUTED and name.endswith(part):
                    value = tiny_models.permute(value, config[heads])
            layer, _, end = name.rpartition(".")
            writer.add_tensor(f"{tiny_models.family_gguf_name(layer + '.weight')}.{end}", value)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("graft")
    parser.add_argument("driver")
    parser.add_argument("llama", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        check = Check(options.graft, options.driver, llama_cpp.Library(options.llama), Path(temporary))
        for family in tiny_models.GGUF_FAMILIES:
            check.family(family)
    print(f"{len(tiny_models.GGUF_FAMILIES)} families' adapters in llama.cpp and back: logits within {TOLERANCE}")


if __name__ == "__main__":
    main()
