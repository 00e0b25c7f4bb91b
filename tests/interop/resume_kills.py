#!/usr/bin/env python3
"""Kills trainings at random moments, goes on with --resume, and compares with one that was never stopped.

    resume_kills.py GRAFT [--kills N] [--seed N]

Each training is killed (SIGKILL) again and again, at moments that are spread over all of its life, writes included:
checkpoints are written after every second step. What comes out at the end must be the same bytes: the adapter, the
losses that were printed, and the metrics apart from times, rates and memory. At no moment may there be no whole
checkpoint once one was written.
"""

import argparse
import json
import pathlib
import random
import re
import signal
import subprocess
import sys
import tempfile
import time

import mlx.core as mx
import tiny_models

SETTINGS = [["--lora-dropout", "0.2"], ["--grad-checkpoint"]]


def command(graft, folder, adapter, more):
    return [graft, "lora", "--model", folder / "model", "--data", folder / "data", "--train", "--iters", "40",
            "--batch-size", "2", "--save-every", "2", "--steps-per-eval", "7", "--val-batches", "2",
            "--steps-per-report", "3", "--learning-rate", "1e-3", "--lora-layers", "2", "--adapter-file", adapter,
            *more]


def losses(text):
    return dict(re.findall(r"Iter (\d+: (?:Train|Val)) loss (\S+),", text))


def metrics(adapter):
    """The lines of a training's metrics, without what another run of it has otherwise."""
    lines = adapter.with_suffix(".run").joinpath("metrics.jsonl").read_text().splitlines()
    varying = {"seconds", "tokens_per_second", "memory"}
    return [{name: value for name, value in json.loads(line).items() if name not in varying} for line in lines]


def write_inputs(folder):
    """The tiny model and the data that `command` names."""
    tiny_models.write_checkpoint(folder / "model", mx.float32)
    (folder / "data").mkdir()
    for split in ["train", "valid"]:
        lines = [json.dumps({"text": "".join(chr(40 + (i * 7 + j) % 50) for j in range(30))}) for i in range(40)]
        (folder / "data" / f"{split}.jsonl").write_text("\n".join(lines))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("graft", type=pathlib.Path)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    graft = options.graft.resolve()
    rng = random.Random(options.seed)
    kills = finished = 0
    with tempfile.TemporaryDirectory() as scratch:
        folder = pathlib.Path(scratch)
        write_inputs(folder)
        while kills < options.kills:
            more = SETTINGS[finished % len(SETTINGS)]
            whole = folder / f"whole{finished}.npz"
            start = time.monotonic()
            done = subprocess.run(command(graft, folder, whole, more), capture_output=True, text=True, check=True)
            span = time.monotonic() - start
            adapter = folder / f"adapter{finished}.npz"
            checkpoints = adapter.with_suffix(".checkpoints")
            expected = losses(done.stdout)
            arguments = command(graft, folder, adapter, more)
            had_one = False
            for attempt in range(1000):
                process = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
                try:
                    out, err = process.communicate(timeout=rng.uniform(0, span) if kills < options.kills else 600)
                except subprocess.TimeoutExpired:
                    process.send_signal(signal.SIGKILL)
                    out, err = process.communicate()
                    kills += 1
                found = losses(out)
                wrong = {step: (loss, expected.get(step)) for step, loss in found.items() if expected.get(step) != loss}
                if wrong:
                    sys.exit(f"other losses after {kills} kills: {wrong}")
                if process.returncode == 0:
                    break
                if process.returncode != -signal.SIGKILL:
                    sys.exit(f"ended with {process.returncode} after {kills} kills: {err}")
                there = any(path.joinpath("checkpoint.json").exists() for path in checkpoints.glob("step-*"))
                if had_one and not there:
                    sys.exit(f"no checkpoint is left after {kills} kills")
                had_one = had_one or there
                arguments = [graft, "lora", "--resume", adapter] if there else command(graft, folder, adapter, more)
            if adapter.read_bytes() != whole.read_bytes():
                sys.exit(f"another adapter after {kills} kills")
            if metrics(adapter) != metrics(whole):
                sys.exit(f"other metrics after {kills} kills: {metrics(adapter)}, not {metrics(whole)}")
            left = [path.name for path in folder.rglob(".graft-*") if not path.name.endswith(".lock")]
            if left:
                sys.exit(f"left behind: {left}")
            finished += 1
    print(f"{kills} kills, {finished} trainings went on to the same bytes")


if __name__ == "__main__":
    main()
