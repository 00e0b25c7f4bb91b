#!/usr/bin/env python3
"""Compares what `graft convert` writes with what mlx_lm.convert writes for the same checkpoint.

    convert_parity.py GRAFT [--model FOLDER_OR_GGUF ...]

GRAFT is the built program. Small random checkpoints are made here and converted by both with many
settings; each further model is converted to a bfloat16 checkpoint by graft, and quantized by both. All
stored tensors must be equal to the bit, and config.json and the index to the character, but for the
type that --dtype names, which mlx-lm leaves as it was, and settings of single layers, which must say the
same: mlx-lm leaves out what is a mode's default, and has its own order.
"""

import argparse
import contextlib
import difflib
import io
import json
import pathlib
import subprocess
import tempfile

import mlx.core as mx
from mlx_lm import load
from mlx_lm.convert import convert

import tiny_models
from run_main import run_main


def tensors(folder):
    result = {}
    for file in sorted(folder.glob("model*.safetensors")):
        result |= mx.load(str(file))
    return result


def same_bits(a, b):
    bits = {1: mx.uint8, 2: mx.uint16, 4: mx.uint32}[a.dtype.size]
    return a.dtype == b.dtype and a.shape == b.shape and bool(mx.array_equal(a.view(bits), b.view(bits)))


def compare(ours, theirs):
    a, b = tensors(ours), tensors(theirs)
    if a.keys() != b.keys():
        raise SystemExit(f"other tensors: {sorted(a.keys() ^ b.keys())[:8]}")
    for name in a:
        if not same_bits(a[name], b[name]):
            raise SystemExit(f"{name} differs: {a[name].dtype} {a[name].shape}, {b[name].dtype}")
    index = "model.safetensors.index.json"
    if (ours / index).read_text() != (theirs / index).read_text():
        raise SystemExit("the index differs")
    return len(a)


DEFAULTS = {"affine": (64, 4), "mxfp4": (32, 4), "mxfp8": (32, 8), "nvfp4": (16, 4)}


def with_defaults(config):
    """The config with every setting of a layer written out."""
    for key in ["quantization", "quantization_config"]:
        for path, setting in config.get(key, {}).items():
            if isinstance(setting, dict):
                mode = setting.get("mode", "affine")
                group, bits = DEFAULTS[mode]
                config[key][path] = {"group_size": setting.get("group_size") or group,
                                     "bits": setting.get("bits") or bits, "mode": mode}
    return config


def compare_configs(ours, theirs, dtype, completed):
    a, b = (ours / "config.json").read_text(), (theirs / "config.json").read_text()
    layers = any(isinstance(setting, dict) for setting in json.loads(b).get("quantization", {}).values())
    if dtype or layers or completed:
        expected = with_defaults(json.loads(b)) | ({"torch_dtype": dtype} if dtype else {})
        found = json.loads(a)
        if completed:
            found = {key: value for key, value in found.items() if key in expected}
        if found != expected:
            raise SystemExit(f"config.json differs: {a}\n{b}")
    elif a != b:
        lines = difflib.unified_diff(b.splitlines(), a.splitlines(), "mlx-lm", "graft", lineterm="")
        raise SystemExit("config.json differs:\n" + "\n".join(lines))


def graft_convert(graft, source, target, *flags):
    command = [graft, "convert", "--hf-path", source, "--mlx-path", target, *flags]
    subprocess.run(command, check=True, capture_output=True)


def compare_conversions(graft, source, scratch, quantize=False, bits=None, group=None, dtype=None, mode=None,
                        predicate=None, dequantize=False, completed=False):
    """`completed`: graft adds what the family's config leaves to defaults."""
    ours, theirs = scratch / "ours", scratch / "theirs"
    flags = ["-q"] if quantize else []
    flags += ["--q-bits", str(bits)] if bits else []
    flags += ["--q-group-size", str(group)] if group else []
    flags += ["--dtype", dtype] if dtype else []
    flags += ["--q-mode", mode] if mode else []
    flags += ["--quant-predicate", predicate] if predicate else []
    flags += ["--dequantize"] if dequantize else []
    graft_convert(graft, source, ours, *flags)
    subprocess.run(["rm", "-rf", theirs], check=True)
    with contextlib.redirect_stdout(io.StringIO()):
        convert(str(source), theirs, quantize=quantize, q_bits=bits, q_group_size=group, dtype=dtype,
                q_mode=mode or "affine", quant_predicate=predicate, dequantize=dequantize)
    count = compare(ours, theirs)
    compare_configs(ours, theirs, dtype, completed)
    model, _ = load(str(ours))
    logits = model(mx.array([[1, 2, 3, 4]]))
    if not bool(mx.all(mx.isfinite(logits))):
        raise SystemExit("the converted model gives no finite logits")
    print(f"{source.name} {' '.join(flags) or '(no flags)'}: {count} tensors equal")
    return ours


def compare_modes(graft, scratch):
    """Modes with numbers of few bits: plain models, experts with a router in integers of 8 bits, and back."""
    sources = ["bf16", "f16-tied", "f32-shards", "f32-named-bf16"]
    for family in ["mixtral", "qwen3_moe"]:
        tiny_models.write_family(scratch / family, family)
        sources.append(family)
    for source in sources:
        for mode in ["mxfp4", "mxfp8", "nvfp4"]:
            family = source in ["mixtral", "qwen3_moe"]
            quantized = compare_conversions(graft, scratch / source, scratch, True, mode=mode, completed=family)
            if source in ["bf16", "f16-tied"]:
                subprocess.run(["rm", "-rf", scratch / mode], check=True)
                quantized.rename(scratch / mode)
                compare_conversions(graft, scratch / mode, scratch, dequantize=True)
    compare_conversions(graft, scratch / "bf16", scratch, True, 4, 16, mode="nvfp4", dtype="float16")


def compare_recipes(graft, scratch):
    tiny_models.write_family(scratch / "deep", "mistral", num_hidden_layers=17)
    for source in ["deep", "mixtral", "phi3"]:
        if not (scratch / source).exists():
            tiny_models.write_family(scratch / source, source)
        for recipe in ["mixed_2_6", "mixed_3_4", "mixed_3_6", "mixed_4_6"]:
            # mlx-lm's entries of layers say null without --q-group-size.
            compare_conversions(graft, scratch / source, scratch, True, predicate=recipe, completed=True)
            compare_conversions(graft, scratch / source, scratch, True, 3, 32, predicate=recipe, completed=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("graft", type=pathlib.Path)
    parser.add_argument("--model", type=pathlib.Path, nargs="*", default=[])
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        scratch = pathlib.Path(name)
        tiny_models.write_checkpoint(scratch / "bf16", mx.bfloat16)
        tiny_models.write_checkpoint(scratch / "f16-tied", mx.float16, head=False)
        tiny_models.write_checkpoint(scratch / "f16-tied-with-head", mx.float16, tie_word_embeddings=True)
        tiny_models.write_checkpoint(scratch / "f32-shards", mx.float32, shards=3)
        tiny_models.write_checkpoint(scratch / "f32-named-bf16", mx.bfloat16, stored=mx.float32)
        for source in ["bf16", "f16-tied", "f16-tied-with-head", "f32-shards", "f32-named-bf16"]:
            for bits, group in [(None, None), (2, 32), (3, 64), (4, 32), (5, 32), (6, 128), (8, 64)]:
                compare_conversions(arguments.graft, scratch / source, scratch, True, bits, group)
            for dtype in ["float16", "bfloat16", "float32"]:
                compare_conversions(arguments.graft, scratch / source, scratch, dtype=dtype)
                compare_conversions(arguments.graft, scratch / source, scratch, True, dtype=dtype)
            # Without flags graft keeps each tensor's type; mlx-lm casts to the type that is named.
            if source != "f32-named-bf16":
                compare_conversions(arguments.graft, scratch / source, scratch)
        compare_modes(arguments.graft, scratch)
        compare_recipes(arguments.graft, scratch)
        for model in arguments.model:
            plain = scratch / f"{model.stem}-bf16"
            graft_convert(arguments.graft, model, plain, "--dequantize", "--dtype", "bfloat16")
            compare_conversions(arguments.graft, plain, scratch, True)
            compare_conversions(arguments.graft, plain, scratch, True, 8, 32)
            for mode in ["mxfp4", "mxfp8", "nvfp4"]:
                compare_conversions(arguments.graft, plain, scratch, True, mode=mode)
            compare_conversions(arguments.graft, plain, scratch, True, predicate="mixed_3_6")


if __name__ == "__main__":
    run_main(main)
