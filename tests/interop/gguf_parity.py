#!/usr/bin/env python3
"""Compares converted GGUF files with the gguf package's dequantizer: every number must be equal.

    gguf_parity.py GRAFT LOGITS_DRIVER [--model FILE.gguf ...]

GRAFT is the built program. Small files of each type are made here by the gguf package. Then, for each architecture, a
small checkpoint and the file that llama.cpp's converter would make of it are converted: both must give the same logits.
"""

import argparse
import json
import pathlib
import subprocess
import tempfile

import gguf
import mlx.core as mx
import numpy as np
from gguf import GGMLQuantizationType as Type

import tiny_models
from run_main import run_main


def reference(path):
    """Checkpoint name -> float32 values."""
    reader = gguf.GGUFReader(path)
    field = lambda key: int(reader.fields[key].contents())
    heads = {
        "attn_q": field("llama.attention.head_count"),
        "attn_k": field("llama.attention.head_count_kv"),
    }
    result = {}
    for tensor in reader.tensors:
        values = gguf.dequantize(tensor.data, tensor.tensor_type).astype(np.float32)
        values = values.reshape(tuple(int(d) for d in reversed(tensor.shape)))
        part = tensor.name.split(".")[-2]
        if part in heads:
            values = tiny_models.unpermute(values, heads[part])
        result[tiny_models.checkpoint_name(tensor.name)] = values
    return result


def decoded(path):
    """Checkpoint names of the tensors whose blocks are decoded."""
    types = {Type.Q4_K, Type.Q5_K, Type.Q6_K}
    return {tiny_models.checkpoint_name(t.name) for t in gguf.GGUFReader(path).tensors if t.tensor_type in types}


def converted(graft, path, folder, *flags):
    command = [graft, "convert", "--hf-path", path, "--mlx-path", folder, *flags]
    subprocess.run(command, check=True, capture_output=True)
    tensors = mx.load(str(folder / "model.safetensors"))
    return tensors, json.loads((folder / "config.json").read_text())


def check_quantized(expected, tensors, config, what):
    seen, quantized = 0, 0
    for name, values in expected.items():
        layer = name.rsplit(".", 1)[0]
        found = tensors[name]
        if layer + ".scales" in tensors:
            setting = config["quantization"].get(layer, config["quantization"])
            scales = [tensors[f"{layer}.{part}"].astype(mx.float32) for part in ("scales", "biases")]
            found = mx.dequantize(found, *scales, setting["group_size"], setting["bits"])
            seen, quantized = seen + 2, quantized + 1
        found = np.array(found.astype(mx.float32))
        if found.shape != values.shape or not np.array_equal(found, values):
            raise SystemExit(f"{what}: {name} differs")
        seen += 1
    if seen != len(tensors):
        raise SystemExit(f"{what}: {len(tensors) - seen} tensors too many")
    print(f"{what}: {len(expected)} tensors exact, {quantized} of them quantized")


def check_dense(expected, tensors, dtype, what):
    if tensors.keys() != expected.keys():
        raise SystemExit(f"{what}: other tensors")
    for name, values in expected.items():
        rounded = mx.array(values).astype(getattr(mx, dtype))
        if tensors[name].dtype != rounded.dtype or not bool(mx.array_equal(tensors[name], rounded)):
            raise SystemExit(f"{what}: {name} differs")
    print(f"{what}: {len(expected)} tensors exact")


def logits(driver, folder, scratch):
    ids = [1, 34, 7, 7, 250, 19, 3, 88, 101, 64, 5, 12]
    target = scratch / "logits.npz"
    subprocess.run([driver, folder, "none", target, *map(str, ids)], check=True)
    return np.load(target)["logits"]


def check_family(graft, driver, scratch, family, **changes):
    source, path = scratch / f"{family}-{len(changes)}", scratch / f"{family}.gguf"
    tiny_models.write_family(source, family, **changes)
    tiny_models.write_family_gguf(path, source, family)
    of_checkpoint, _ = converted(graft, source, scratch / "from_checkpoint")
    of_gguf, _ = converted(graft, path, scratch / "from_gguf")
    for name in of_checkpoint.keys() | of_gguf.keys():
        # What llama.cpp adds to Gemma's norms in float32 rounds them.
        same = np.array_equal if not (family == "gemma" and "norm" in name) else np.allclose
        if name not in of_gguf or not same(np.array(of_checkpoint[name]), np.array(of_gguf[name])):
            raise SystemExit(f"{family}: {name} differs")
    expected = logits(driver, scratch / "from_checkpoint", scratch)
    difference = np.abs(logits(driver, scratch / "from_gguf", scratch) - expected).max() / np.abs(expected).max()
    print(f"{family} {changes or ''}: {len(of_gguf)} tensors, logits differ by {difference:.1e}")
    if not difference < 1e-5:
        raise SystemExit(f"{family}: the logits differ by {difference:.1e} of the largest")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("graft", type=pathlib.Path)
    parser.add_argument("driver", type=pathlib.Path)
    parser.add_argument("--model", type=pathlib.Path, nargs="*", default=[])
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        scratch = pathlib.Path(name)
        kinds = [Type.Q4_0, Type.Q4_1, Type.Q5_0, Type.Q5_1, Type.Q8_0, Type.F16, Type.BF16, Type.F32]
        kinds += [Type.Q4_K, Type.Q5_K, Type.Q6_K]
        files = []
        for types in [[kind] for kind in kinds] + [kinds]:
            files.append(scratch / f"{'-'.join(kind.name for kind in types)}.gguf")
            tiny_models.write_gguf(files[-1], types)
        for path in files + arguments.model:
            expected = reference(path)
            tensors, config = converted(arguments.graft, path, scratch / "out")
            # What MLX cannot hold exactly becomes float16.
            rounded = {name: values.astype(np.float16).astype(np.float32) if name in decoded(path) else values
                       for name, values in expected.items()}
            check_quantized(rounded, tensors, config, path.name)
            for dtype in ["float32", "bfloat16", "float16"]:
                flags = ["--dequantize", "--dtype", dtype]
                tensors, config = converted(arguments.graft, path, scratch / "out", *flags)
                check_dense(expected, tensors, dtype, f"{path.name} {' '.join(flags)}")

        for family in tiny_models.GGUF_FAMILIES:
            check_family(arguments.graft, arguments.driver, scratch, family)
        # Twelve tokens are more than the model was made for.
        longrope = {"rope_type": "longrope", "type": "longrope", "short_factor": [1.0 + 0.1 * i for i in range(8)],
                    "long_factor": [1.0 + 0.5 * i for i in range(8)]}
        check_family(arguments.graft, arguments.driver, scratch, "phi3", rope_scaling=longrope,
                     original_max_position_embeddings=8, sliding_window=5)


if __name__ == "__main__":
    run_main(main)
