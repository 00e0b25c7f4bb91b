#!/usr/bin/env python3
"""Seconds and memory of `graft convert -q` against `mlx_lm.convert -q`: the same checkpoint and machine, in turn.

    scripts/setup.sh interop
    .venv-interop/bin/python bench/compare_convert.py --graft build/graft --model build-fixtures/smollm2-bf16

Each run is a process, from start to end, into a new folder. Before a time counts, all tensors of both have to have the
same bytes; else the comparison ends (tests/interop/convert_parity.py compares the rest of what they write).
"""

import argparse
import json
import statistics
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

from comparison import Finished, result, run_program, write_result
from machine import Machine


def tensors_of(folder: Path) -> dict[str, tuple]:
    """Type, shape and bytes of each tensor (numpy has no bf16 to read them into)."""
    found = {}
    for file in folder.glob("model*.safetensors"):
        whole = file.read_bytes()
        begin = 8 + int.from_bytes(whole[:8], "little")
        for name, entry in json.loads(whole[8:begin]).items():
            if name != "__metadata__":
                first, end = (begin + offset for offset in entry["data_offsets"])
                found[name] = (entry["dtype"], entry["shape"], whole[first:end])
    return found


def check_same(ours: Path, theirs: Path) -> None:
    a, b = tensors_of(ours), tensors_of(theirs)
    different = [name for name in sorted(a.keys() | b.keys()) if a.get(name) != b.get(name)]
    if not a or different:
        raise SystemExit(f"of {len(a)} tensors {len(different)} differ: {', '.join(different[:5])}")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--graft", type=Path, required=True, help="graft's program")
    parser.add_argument("--model", type=Path, required=True, help="Hugging Face checkpoint folder")
    parser.add_argument("--rounds", type=int, default=5, help="how often the two run in turn")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write facts, all runs and medians to this file")
    return parser.parse_args()


def main() -> None:
    args = arguments()
    machine = Machine(args.graft)
    commands = {
        "mlx-lm": [sys.executable, "-m", "mlx_lm", "convert", "--hf-path", args.model, "-q", "--mlx-path"],
        "graft": [args.graft, "convert", "--hf-path", args.model, "-q", "--mlx-path"],
    }
    runs: dict[str, list[Finished]] = {name: [] for name in commands}
    for _ in range(args.rounds):
        with tempfile.TemporaryDirectory() as temporary:
            folders = {name: Path(temporary) / name for name in commands}
            for name, command in commands.items():
                runs[name].append(run_program([*command, folders[name]]))
                last = runs[name][-1]
                print(f"{name:7} {last.seconds:.2f} s, peak resident {last.peak_bytes / 1e9:.2f} GB", flush=True)
            check_same(folders["graft"], folders["mlx-lm"])
    kept = {name: [{"seconds": run.seconds, "peak_bytes": run.peak_bytes} for run in each] for name, each in runs.items()}
    medians = {
        name: {
            "seconds": statistics.median(run.seconds for run in each),
            "peak_bytes": max(run.peak_bytes for run in each),
        }
        for name, each in runs.items()
    }
    theirs, ours = medians["mlx-lm"], medians["graft"]
    ratios = {"speed": theirs["seconds"] / ours["seconds"], "memory": ours["peak_bytes"] / theirs["peak_bytes"]}
    print(f"mlx-lm {theirs['seconds']:.2f} s, graft {ours['seconds']:.2f} s: {ratios['speed']:.2f} times as fast")
    write_result(args.json, result(machine, args, {"mlx-lm": version("mlx-lm")}, kept, medians, ratios))


if __name__ == "__main__":
    main()
