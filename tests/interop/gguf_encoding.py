#!/usr/bin/env python3
"""Holds the blocks that graft writes to llama.cpp's: as the gguf package reads them, their root mean square error is
no larger than that of ggml_quantize_chunk.

    gguf_encoding.py DRIVER LLAMA_VENV
"""

import argparse
import ctypes
import subprocess
import tempfile
from pathlib import Path

import gguf
import llama_cpp
import numpy as np
from gguf import GGMLQuantizationType as Type

TYPES = [Type.Q8_0, Type.Q4_0, Type.Q4_1, Type.Q5_0, Type.Q5_1, Type.Q4_K, Type.Q5_K, Type.Q6_K]
ROWS, WIDTH = 64, 2048


def samples() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(1)
    shape = (ROWS, WIDTH)
    normal = rng.standard_normal(shape)
    outliers = normal.copy()
    outliers[rng.random(shape) < 0.002] *= 30
    some = {"normal": 0.02 * normal, "heavy tails": 0.02 * rng.standard_t(3, shape), "outliers": 0.02 * outliers,
            "shifted": 0.02 * normal + 0.1, "positive": 0.02 * np.abs(normal), "tiny": 1e-7 * normal,
            "sparse": 0.02 * normal * (rng.random(shape) < 0.1), "constant": np.full(shape, 0.3), "zero": np.zeros(shape),
            "grid": np.round(8 * normal) / 8}
    return {name: values.astype(np.float32) for name, values in some.items()}


def theirs(lib, kind: Type, values: np.ndarray) -> bytes:
    size = gguf.quants.quant_shape_to_byte_shape(values.shape, kind)
    out = ctypes.create_string_buffer(int(np.prod(size)))
    pointer = values.ctypes.data_as(ctypes.POINTER(ctypes.c_float))
    lib.ggml_quantize_chunk(int(kind), pointer, out, ctypes.c_int64(0), ctypes.c_int64(ROWS), ctypes.c_int64(WIDTH), None)
    return out.raw


def error(kind: Type, blocks: bytes, values: np.ndarray) -> float:
    shape = gguf.quants.quant_shape_to_byte_shape(values.shape, kind)
    back = gguf.quants.dequantize(np.frombuffer(blocks, np.uint8).reshape(shape), kind)
    return float(np.sqrt(np.mean((back.astype(np.float64) - values) ** 2)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("driver")
    parser.add_argument("llama", type=Path)
    options = parser.parse_args()
    lib = llama_cpp.Library(options.llama).lib
    lib.ggml_quantize_chunk.restype = ctypes.c_size_t
    worst = 0.0
    with tempfile.TemporaryDirectory() as temporary:
        numbers, target = Path(temporary) / "numbers", Path(temporary) / "blocks"
        for name, values in samples().items():
            numbers.write_bytes(values.tobytes())
            for kind in TYPES:
                subprocess.run([options.driver, str(int(kind)), numbers, target], check=True)
                ours, reference = (error(kind, blocks, values) for blocks in (target.read_bytes(), theirs(lib, kind, values)))
                ratio = ours / reference if reference > 0 else float(ours > 0)
                print(f"{name:12} {kind.name:5} {ours:.4e} {reference:.4e} {ratio:.4f}")
                worst = max(worst, ratio if reference > 1e-6 * np.abs(values).max() else 0)
    assert worst <= 1 + 1e-6, f"{worst} times llama.cpp's error"
    print(f"{len(TYPES)} types: at most {worst:.4f} times llama.cpp's error")


if __name__ == "__main__":
    main()
