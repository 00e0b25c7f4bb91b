#!/usr/bin/env python3
"""Takes models to llama.cpp: it loads what graft exports, and computes the same.

    gguf_export.py GRAFT LOGITS_DRIVER LLAMA_VENV [--model FOLDER --texts FILE.jsonl]

For a tiny model of each family, in F32: the logits of a text that is longer than its windows, within 1e-4 of the
largest (2e-3 where llama.cpp reads an activation from a table of f16), with kinds of RoPE that families have, with
adapters fused, and from a multimodal checkpoint. For a wider one, each type: the logits of llama.cpp are those of the
same file in graft, as close as its arithmetic allows, and what was written without loss comes back the same. Of the model in
FOLDER: its perplexity on the first texts is the same in both, within 0.5%.
"""

import argparse
import json
import subprocess
import tempfile
from pathlib import Path

import gguf
import gguf_adapters
import llama_cpp
import mlx.core as mx
import numpy as np
import tiny_models
from safetensors.numpy import save_file

TOLERANCE = 1e-4
TABLED = 2e-3
IDS = [(7 * i * i + 3 * i + 1) % 255 for i in range(100)]
HEAD_DIM = 32
TEXTS = 40
CASES = {
    "gemma": {}, "gemma2": {"query_pre_attn_scalar": HEAD_DIM},
    "gemma3_text": {"query_pre_attn_scalar": HEAD_DIM}, "granite": {}, "mistral": {}, "mixtral": {}, "olmo2": {},
    "phi": {}, "phi3": {}, "qwen2": {}, "qwen3": {}, "qwen3_moe": {}, "smollm3": {}, "stablelm": {},
    "starcoder2": {"hidden_act": "gelu_pytorch_tanh"},
}
LLAMA3 = {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
          "original_max_position_embeddings": 64}
LONGROPE = {"rope_type": "longrope", "type": "longrope", "short_factor": [1.0 + 0.1 * i for i in range(8)],
            "long_factor": [2.0 + 0.3 * i for i in range(8)]}
YARN = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 128}
VARIANTS = [
    ("mistral", {"rope_scaling": LLAMA3}), ("mistral", {"rope_scaling": {"rope_type": "linear", "factor": 2.0}}),
    ("qwen2", {"rope_scaling": YARN}), ("qwen3", {"rope_scaling": YARN | {"attention_factor": 1.3}}),
    ("phi3", {"rope_scaling": LONGROPE, "original_max_position_embeddings": 256, "max_position_embeddings": 1024}),
    ("stablelm", {"use_parallel_residual": True}), ("starcoder2", CASES["starcoder2"] | {"use_bias": False}),
    ("stablelm", {"qk_layernorm": True}), ("qwen2", {"tie_word_embeddings": False}),
    ("stablelm", {"tie_word_embeddings": True}), ("olmo2", {"tie_word_embeddings": True}),
]
REFUSED = [
    ("gemma2", {"query_pre_attn_scalar": 40}, "scores scaled by"), ("starcoder2", {"hidden_act": "gelu"}, "exact GELU"),
    ("qwen3", {"rope_scaling": LLAMA3}, "llama3"), ("gemma2", CASES["gemma2"] | {"final_logit_softcapping": None}, "soft cap"),
    ("qwen3_moe", {"norm_topk_prob": False}, "norm_topk_prob"), ("smollm3", {"no_rope_layers": [1, 0, 1, 0]}, "RoPE"),
]
TYPES = {"f32": 0, "f16": 1, "bf16": 30, "q8_0": 8, "q4_0": 2, "q4_1": 3, "q5_0": 6, "q5_1": 7, "q4_k": 12, "q5_k": 13,
         "q6_k": 14, "q4_k_m": 12, "q5_k_m": 13}


class Check:
    def __init__(self, graft: str, driver: str, llama: llama_cpp.Library, work: Path):
        self.graft, self.driver, self.llama, self.work = graft, driver, llama, work
        self.count = 0

    def fresh(self, name: str) -> Path:
        self.count += 1
        return self.work / f"{self.count}-{name}"

    def run(self, *command) -> subprocess.CompletedProcess:
        return subprocess.run([self.graft, *map(str, command)], capture_output=True, text=True)

    def export(self, folder: Path, *options) -> Path:
        target = self.fresh("model.gguf")
        done = self.run("export", folder, "--gguf", target, *options)
        assert done.returncode == 0, f"{folder}: {done.stderr}"
        return target

    def logits(self, folder: Path, adapter: Path | str = "none") -> np.ndarray:
        subprocess.run([self.driver, folder, adapter, self.work / "l.npz", *map(str, IDS)], check=True)
        return np.load(self.work / "l.npz")["logits"]

    def theirs(self, path: Path) -> np.ndarray:
        with self.llama.model(path) as model:
            return model.logits(IDS)

    def same(self, what: str, folder: Path, path: Path, tolerance: float, adapter: Path | str = "none") -> None:
        found = gguf_adapters.distance(self.theirs(path), self.logits(folder, adapter))
        assert found < tolerance, f"{what}: llama.cpp's logits are off by {found:.1e}"
        print(f"{what}: {found:.1e}", flush=True)

    def family(self, family: str, changes: dict) -> None:
        folder = self.fresh(family)
        tiny_models.write_family(folder, family, **changes)
        tiny_models.write_byte_tokenizer(folder)
        if changes.get("use_bias") is False:  # mlx-lm's model has them all the same
            weights = {name: value for name, value in mx.load(str(folder / "model.safetensors")).items()
                       if "norm" in name or not name.endswith(".bias")}
            mx.save_safetensors(str(folder / "model.safetensors"), weights)
        tolerance = TABLED if family in ("gemma", "gemma2", "gemma3_text", "phi", "starcoder2") else TOLERANCE
        self.same(f"{family} {changes or ''}", folder, self.export(folder), tolerance)
        if changes and changes != CASES[family]:
            return
        weights = mx.load(str(folder / "model.safetensors"))
        layers = {name.removesuffix(".weight"): value.shape for name, value in weights.items()
                  if (".layers." in name or name in ("model.embed_tokens.weight", "lm_head.weight"))
                  and name.endswith(".weight") and value.ndim == 2 and ".experts." not in name}
        adapter = self.fresh("adapter.safetensors")
        own = {"rank": 2, "scale": 1.5, "dropout": 0.0, "num_layers": -1, "keys": ["all"]}
        save_file({name: 0.2 * value for name, value in gguf_adapters.adapter(layers).items()}, adapter,
                  {"graft_adapter": json.dumps({"graft_adapter": own})})
        path = self.export(folder, "--adapter-file", adapter)
        self.same(f"{family} with an adapter", folder, path, tolerance, adapter)
        changed = gguf_adapters.distance(self.logits(folder, adapter), self.logits(folder))
        assert changed > 10 * tolerance, f"{family}: the adapter changes {changed}"

    def refused(self, family: str, changes: dict, why: str) -> None:
        folder, target = self.fresh(family), self.fresh("refused.gguf")
        tiny_models.write_family(folder, family, **changes)
        done = self.run("export", folder, "--gguf", target)
        assert done.returncode == 1 and why in done.stderr and not target.exists(), f"{family}: {done.stderr}"

    def multimodal(self) -> None:
        text, whole = self.fresh("text"), self.fresh("whole")
        tiny_models.write_family(text, "gemma3_text", **CASES["gemma3_text"])
        tiny_models.write_multimodal_gemma3(whole)
        tiny_models.write_byte_tokenizer(whole)
        config = json.loads((whole / "config.json").read_text())
        config["text_config"]["query_pre_attn_scalar"] = HEAD_DIM
        (whole / "config.json").write_text(json.dumps(config))
        self.same("gemma3, multimodal", text, self.export(whole), TABLED)

    def types(self) -> None:
        """A model with rows of 256 and 512 numbers, dense and in MLX's quantizations."""
        dense = self.fresh("dense")
        tiny_models.write_checkpoint(dense, mx.float32)
        tiny_models.write_byte_tokenizer(dense)
        for name, kind in TYPES.items():
            path = self.export(dense, "--type", name)
            found = {int(t.tensor_type) for t in gguf.GGUFReader(path).tensors if len(t.shape) == 2}
            assert kind in found, f"{name}: {found}"
            back = self.fresh("back")
            done = self.run("convert", "--hf-path", path, "--mlx-path", back, "--dtype", "float32")
            assert done.returncode == 0, done.stderr
            # llama.cpp multiplies with inputs in 8 bits: its own rounding.
            off = gguf_adapters.distance(self.theirs(path), self.logits(back))
            assert off < (TOLERANCE if name == "f32" else 0.02), f"{name}: {off}"
            print(f"{name}: {off:.1e}, in graft {gguf_adapters.distance(self.logits(back), self.logits(dense)):.1e} from F32")
        for bits, group, kind in ((4, 32, "Q4_1"), (4, 64, "Q4_1"), (4, 128, "Q4_1"), (5, 64, "Q5_1"), (3, 64, "Q4_1"),
                                  (2, 32, "Q4_1")):
            self.lossless(dense, bits, group, kind)
        done = self.run("export", self.quantized(dense, 8, 64), "--gguf", self.fresh("eight.gguf"))
        assert "error" in done.stdout and "Q8_0" in done.stdout, done.stdout

    def quantized(self, dense: Path, bits: int, group: int) -> Path:
        folder = self.fresh("quantized")
        done = self.run("convert", "--hf-path", dense, "--mlx-path", folder, "-q", "--q-bits", bits, "--q-group-size",
                        group, "--dtype", "float16")
        assert done.returncode == 0, done.stderr
        return folder

    def lossless(self, dense: Path, bits: int, group: int, kind: str) -> None:
        folder = self.quantized(dense, bits, group)
        path = self.export(folder)
        found = {t.tensor_type.name for t in gguf.GGUFReader(path).tensors if len(t.shape) == 2}
        assert kind in found and found <= {kind, "Q4_0", "Q5_0"}, f"{bits} bits: {found}"
        back = self.fresh("back")
        assert self.run("convert", "--hf-path", path, "--mlx-path", back).returncode == 0
        for one, other in zip(self.numbers(folder), self.numbers(back), strict=True):
            assert np.array_equal(one, other), f"{bits} bits in groups of {group}"
        print(f"{bits} bits in groups of {group}: {kind} without loss")

    def numbers(self, folder: Path) -> list[np.ndarray]:
        """Of all matrices, by name."""
        weights = mx.load(str(folder / "model.safetensors"))
        settings = json.loads((folder / "config.json").read_text())["quantization"]
        result = []
        for name in sorted(name for name in weights if name.endswith(".scales")):
            path = name.removesuffix(".scales")
            own = settings.get(path, settings)
            scale, bias = (weights[f"{path}.{part}"].astype(mx.float32) for part in ("scales", "biases"))
            result.append(np.array(mx.dequantize(weights[path + ".weight"], scale, bias, own["group_size"], own["bits"])))
        return result


    def perplexity(self, folder: Path, texts: list[str]) -> None:
        # In F32 llama.cpp rounds nothing; with quantized weights, inputs to 8 bits.
        for options, tolerance in (([], 0.005), (["--type", "f32"], 1e-4)):
            with self.llama.model(self.export(folder, *options)) as model:
                theirs, ours, count = 0.0, 0.0, 0
                for text in texts:
                    ids = model.tokens(text)
                    subprocess.run([self.driver, folder, "none", self.work / "l.npz", *map(str, ids)], check=True)
                    ours += surprise(np.load(self.work / "l.npz")["logits"], ids)
                    theirs += surprise(model.logits(ids), ids)
                    count += len(ids) - 1
            ratio = np.exp((theirs - ours) / count)
            print(f"{folder} {' '.join(options)}: perplexity {np.exp(ours / count):.4f}, llama.cpp's {ratio:.5f} times that")
            assert abs(ratio - 1) < tolerance, ratio


def surprise(logits: np.ndarray, ids: list[int]) -> float:
    """The sum of -log p of the ids after the first."""
    rows = logits[:-1].astype(np.float64)
    rows -= rows.max(axis=1, keepdims=True)
    return float((np.log(np.exp(rows).sum(axis=1)) - rows[np.arange(len(ids) - 1), ids[1:]]).sum())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("graft")
    parser.add_argument("driver")
    parser.add_argument("llama", type=Path)
    parser.add_argument("--model", type=Path)
    parser.add_argument("--texts", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        check = Check(options.graft, options.driver, llama_cpp.Library(options.llama), Path(temporary))
        for family, changes in CASES.items():
            check.family(family, changes)
        for family, changes in VARIANTS:
            check.family(family, changes)
        for family, changes, why in REFUSED:
            check.refused(family, changes, why)
        check.multimodal()
        check.types()
        if options.model:
            lines = options.texts.read_text().splitlines()[:TEXTS]
            check.perplexity(options.model, [json.loads(line)["text"] for line in lines])
    print(f"{len(CASES)} families and {len(VARIANTS)} variants in llama.cpp, {len(TYPES)} types")


if __name__ == "__main__":
    main()
