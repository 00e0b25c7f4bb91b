#!/usr/bin/env python3
"""Training with the layers below the adapters kept (--trunk-cache) against without, the same program in turn.

    build/graft convert --hf-path models/smollm2/SmolLM2-135M-Instruct.Q4_1.gguf --mlx-path model
    bench/trunk_cache.py --graft build/graft --model model --data data/wikisql --lora-layers 16 4

Trains a few epochs on the first examples of a data set, first with an empty cache, and compares the speed of the epochs
after the first, where all is kept, with the same epochs without. The adapters of both must be the same file, byte for
byte; else it ends with 1. Beside the ratio stands what the arithmetic says: of a layer's weights a token takes one
product forward and one more where a gradient passes; the head takes two.
"""

import argparse
import hashlib
import json
import math
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from comparison import result, write_result
from machine import Machine

BATCH = 4  # graft's default


def limit_of(config: dict, adapted: int) -> float:
    """How many times faster a step can be without the products of the layers below the adapted ones."""
    width, layers = config["hidden_size"], config["num_hidden_layers"]
    heads = config["num_attention_heads"]
    head_dim = config.get("head_dim") or width // heads
    keys = config.get("num_key_value_heads") or heads
    layer = width * head_dim * (2 * heads + 2 * keys) + 3 * width * config["intermediate_size"]
    head = config["vocab_size"] * width
    kept = 2 * adapted * layer + 2 * head
    return ((layers - adapted) * layer + kept) / kept


def train(args: argparse.Namespace, data: Path, work: Path, adapted: int, cache: str, name: str) -> tuple[list[float], str]:
    """Tokens per second of each epoch, and the adapter's hash."""
    examples = sum(1 for _ in open(data / "train.jsonl", encoding="utf-8"))
    epoch = math.ceil(examples / BATCH)
    adapter = work / f"{name}.npz"
    command = [args.graft, "lora", "--train", "--model", args.model, "--data", data, "--lora-layers", adapted]
    command += ["--iters", epoch * args.epochs, "--steps-per-report", epoch, "--steps-per-eval", epoch * args.epochs]
    command += ["--val-batches", 1, "--sample-tokens", 0, "--trunk-cache", cache, "--adapter-file", adapter]
    subprocess.run([str(part) for part in command], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    lines = (work / f"{name}.run" / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    speeds = [line["tokens_per_second"] for line in map(json.loads, lines) if line["kind"] == "train"]
    return speeds, hashlib.sha256(adapter.read_bytes()).hexdigest()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--graft", required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--lora-layers", type=int, nargs="+", default=[16, 4])
    parser.add_argument("--examples", type=int, default=100)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write facts, all speeds and medians to this file")
    args = parser.parse_args()
    config = json.loads((Path(args.model) / "config.json").read_text(encoding="utf-8"))
    machine = Machine(args.graft)
    runs, medians, ratios = {}, {}, {}
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        data = work / "data"
        data.mkdir()
        for split, most in (("train", args.examples), ("valid", BATCH)):
            lines = (args.data / f"{split}.jsonl").read_text(encoding="utf-8").splitlines()[:most]
            (data / f"{split}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
        for adapted in args.lora_layers:
            without, first, later = [], [], []
            for round_ in range(args.rounds):
                off, off_hash = train(args, data, work, adapted, "off", "off")
                cache = str(work / f"cache-{adapted}-{round_}")
                kept, kept_hash = train(args, data, work, adapted, cache, "kept")
                if off_hash != kept_hash:
                    print("the adapters differ", file=sys.stderr)
                    return 1
                without += off[1:]
                first.append(kept[0])
                later += kept[1:]
            runs[adapted] = {"without": without, "first_epoch": first, "kept": later}
            medians[adapted] = {name: statistics.median(speeds) for name, speeds in runs[adapted].items()}
            ratio, limit = medians[adapted]["kept"] / medians[adapted]["without"], limit_of(config, adapted)
            ratios[adapted] = {"speed": ratio, "limit": limit}
            print("{} layers adapted: {without:.0f} tokens/s without, {first_epoch:.0f} in the first epoch, {kept:.0f} "
                  "after: ".format(adapted, **medians[adapted]), end="")
            print(f"{ratio:.2f} times; the arithmetic says {limit:.2f} ({100 * ratio / limit:.0f}% of it)", flush=True)
    found = result(machine, args, {}, runs, medians, ratios)
    found["settings"]["layers"] = config["num_hidden_layers"]
    write_result(args.json, found)
    return 0


if __name__ == "__main__":
    sys.exit(main())
