#!/usr/bin/env python3
"""Checks that graft reads the .npz files of NumPy and MLX, and that both read graft's.

    npz_parity.py DRIVER

DRIVER is the built tests/interop/npz_driver.cpp, which reads a file and writes what it read.
"""

import pathlib
import subprocess
import sys
import tempfile
import zipfile

import mlx.core as mx
import numpy as np

from run_main import run_main

COMMENT = '{"rank": 8, "scale": 20.0}'


def arrays():
    rng = np.random.default_rng(3)
    result = {}
    for kind in ["?", "u1", "u2", "u4", "u8", "i1", "i2", "i4", "i8", "f2", "f4", "c8"]:
        values = (40 * rng.standard_normal((5, 3))).astype(kind)
        result[f"rows_{kind.strip('?') or 'b1'}"] = values
        result[f"columns_{kind.strip('?') or 'b1'}"] = np.asfortranarray(values)
    result["model.layers.0.self_attn.q_proj.lora_a"] = rng.standard_normal((64, 8)).astype("f4")
    result["scalar"] = np.float32(2.5)
    result["empty"] = np.zeros((0, 3), "f4")
    result["strided"] = rng.standard_normal((6, 4)).astype("f4")[::2, 1:]
    return result


def copied(driver, source):
    target = source.with_suffix(".copy.npz")
    subprocess.run([driver, source, target, COMMENT], check=True)
    return target


def check_numpy(path, expected, what):
    with np.load(path) as found:
        if set(found.files) != set(expected):
            raise SystemExit(f"{what}: other keys")
        for key, values in expected.items():
            same = found[key].dtype == values.dtype and np.array_equal(found[key], values)
            if not same or found[key].shape != values.shape:
                raise SystemExit(f"{what}: {key} differs in NumPy")
    with zipfile.ZipFile(path) as archive:
        if archive.testzip() is not None or archive.comment.decode() != COMMENT:
            raise SystemExit(f"{what}: zipfile finds it broken")
    print(f"{what}: {len(expected)} arrays equal in NumPy")


def check_mlx(path, expected, what):
    found = mx.load(str(path))
    if found.keys() != expected.keys():
        raise SystemExit(f"{what}: other keys")
    for key, values in expected.items():
        values = values if isinstance(values, mx.array) else mx.array(values)
        if found[key].dtype != values.dtype or not bool(mx.array_equal(found[key], values)):
            raise SystemExit(f"{what}: {key} differs in MLX")
    print(f"{what}: {len(expected)} arrays equal in MLX")


def main():
    driver = sys.argv[1]
    with tempfile.TemporaryDirectory() as scratch:
        source = pathlib.Path(scratch, "source.npz")
        expected = arrays()
        for save in [np.savez, np.savez_compressed]:
            save(source, **expected)
            target = copied(driver, source)
            check_numpy(target, expected, save.__name__)
            check_mlx(target, expected, save.__name__)
        of_mlx = {key: mx.array(values) for key, values in expected.items()}
        of_mlx["bf16"] = mx.random.normal((7, 3)).astype(mx.bfloat16)
        for save in [mx.savez, mx.savez_compressed]:
            save(str(source), **of_mlx)
            what = f"mlx {getattr(save, '__name__', 'savez')}"
            target = copied(driver, source)
            check_mlx(target, of_mlx, what)
            with np.load(target) as found:
                bits = np.array(of_mlx["bf16"].view(mx.uint16))
                if not np.array_equal(found["bf16"].view("u2"), bits):
                    raise SystemExit("bf16 differs in NumPy")


if __name__ == "__main__":
    run_main(main)
