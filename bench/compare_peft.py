#!/usr/bin/env python3
"""Training throughput and memory of graft against PyTorch + PEFT: the same data, settings and machine, in turn.

    scripts/make_fixtures.sh --venv
    .venv-fixtures/bin/python scripts/fixtures/smollm2_to_hf.py MODEL.gguf build-fixtures/smollm2-bf16
    .venv-fixtures/bin/python bench/compare_peft.py --model build-fixtures/smollm2-bf16 --data data/wikisql \\
        --graft build/graft --graft-model mlx_model

Both fine-tune in bf16 with batch 4, LoRA of rank 8 and scale 20 on q_proj and v_proj of the last 16 layers, Adam at
1e-5, EOS appended; PyTorch's Adam corrects its bias and graft's, as the Python example's, does not, so that their training
losses differ from the first steps on. Throughput is next-token targets (padding is none) per second, over windows of 10 iterations; the
first window of each run is warm-up and left out. A run whose validation loss before training is not PyTorch's ends the
comparison. Without --graft, only PyTorch runs.
"""

import argparse
import os
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import peft
import torch
import transformers

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "scripts" / "fixtures"))
from sql_lora import BATCH_SIZE, LEARNING_RATE, evaluate, load_model, loss_of, read_tokens, training_batches

WINDOW = 10  # iterations a report
LOSS_TOLERANCE = 0.03


@dataclass
class Run:
    tokens_per_second: list[float] = field(default_factory=list)  # one a window
    train_losses: list[float] = field(default_factory=list)
    peak_bytes: int = 0


def peak_resident_bytes(process: str) -> int:
    """VmHWM of a process, 0 once it has gone."""
    try:
        status = Path(f"/proc/{process}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    return int(found[1]) * 1024 if found else 0


def train_peft(model, optimizer, batches, iterations: int) -> Run:
    run = Run()
    Path("/proc/self/clear_refs").write_text("5")  # VmHWM starts anew
    for _ in range(iterations // WINDOW):
        losses, targets = [], 0
        start = time.perf_counter()
        for _ in range(WINDOW):
            batch = next(batches)
            loss = loss_of(model, batch)
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            losses.append(loss.item())
            targets += batch.targets
        run.tokens_per_second.append(targets / (time.perf_counter() - start))
        run.train_losses.append(statistics.mean(losses))
    run.peak_bytes = peak_resident_bytes("self")
    return run


def train_graft(args, iterations: int, validation_loss: float) -> Run:
    run = Run()
    with tempfile.TemporaryDirectory() as folder:
        command = [args.graft, "lora", "--train", "--model", args.graft_model, "--data", args.data]
        command += ["--iters", iterations, "--steps-per-report", WINDOW, "--steps-per-eval", iterations + 1]
        command += ["--batch-size", BATCH_SIZE, "--learning-rate", LEARNING_RATE, "--val-batches", -1]
        command += ["--add-eos-token", 1, "--adapter-file", Path(folder) / "adapters.npz"]
        environment = os.environ | {"OMP_NUM_THREADS": str(args.threads)}
        process = subprocess.Popen(list(map(str, command)), stdout=subprocess.PIPE, text=True, env=environment)

        def watch_memory():
            while process.poll() is None:
                run.peak_bytes = max(run.peak_bytes, peak_resident_bytes(str(process.pid)))
                time.sleep(0.02)

        watcher = threading.Thread(target=watch_memory)
        watcher.start()
        try:
            for line in process.stdout:
                if found := re.match(r"Iter \d+: Train loss ([\d.]+), .*Tokens/sec ([\d.]+)", line):
                    run.train_losses.append(float(found[1]))
                    run.tokens_per_second.append(float(found[2]))
                elif found := re.match(r"Iter [01]: Val loss ([\d.]+)", line):
                    check_same_start(validation_loss, float(found[1]))
        except BaseException:
            process.kill()
            raise
        finally:
            process.wait()
            watcher.join()
        if process.returncode != 0:
            raise SystemExit(f"graft ended with {process.returncode}: {' '.join(map(str, command))}")
    if len(run.tokens_per_second) != iterations // WINDOW:
        raise SystemExit(f"graft reported {len(run.tokens_per_second)} windows, expected {iterations // WINDOW}")
    return run


def check_same_start(pytorch: float, graft: float) -> None:
    if abs(pytorch - graft) > LOSS_TOLERANCE:
        raise SystemExit(f"validation loss before training: PyTorch {pytorch:.4f}, graft {graft:.4f}: not the same job")


def print_run(name: str, run: Run) -> None:
    windows = run.tokens_per_second[1:]
    print(
        f"{name:8} {statistics.median(windows):8.1f} tokens/s (median of {len(windows)} windows, "
        f"{min(windows):.1f} to {max(windows):.1f}), train loss {run.train_losses[-1]:.3f}, "
        f"peak resident {run.peak_bytes / 1e9:.2f} GB",
        flush=True,
    )


def machine() -> str:
    names = re.findall(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    return f"{len(names)} x {names[0]}, load {os.getloadavg()[0]:.2f}"


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True, help="Hugging Face checkpoint folder in bf16")
    parser.add_argument("--data", type=Path, required=True, help="folder with train.jsonl and valid.jsonl")
    parser.add_argument("--iters", type=int, default=50, help="measured iterations a run, a multiple of 10")
    parser.add_argument("--rounds", type=int, default=2, help="how often the two run in turn")
    parser.add_argument("--compile", action="store_true", help="run PyTorch through torch.compile")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--graft", type=Path, help="graft's program")
    parser.add_argument("--graft-model", type=Path, help="the same model, converted by graft (bf16 or quantized)")
    args = parser.parse_args()
    if args.iters < WINDOW or args.iters % WINDOW:
        parser.error(f"--iters must be a multiple of {WINDOW}")
    if (args.graft is None) != (args.graft_model is None):
        parser.error("--graft and --graft-model go together")
    return args


def main() -> None:
    args = arguments()
    torch.set_num_threads(args.threads)
    print(f"machine: {machine()}; {args.threads} threads")
    mode = "compiled" if args.compile else "eager"
    print(f"torch {torch.__version__} ({mode}), transformers {transformers.__version__}, peft {peft.__version__}")
    print(f"PyTorch's libraries alone: {peak_resident_bytes('self') / 1e9:.2f} GB resident, part of its peak below")

    train = read_tokens(args.data / "train.jsonl", args.model)
    valid = read_tokens(args.data / "valid.jsonl", args.model)
    model = load_model(args.model, args.seed)
    validation_loss = evaluate(model, valid)
    print(f"validation loss before training: {validation_loss:.4f} over {sum(map(len, valid)) - len(valid)} targets")

    if args.compile:
        model.compile(dynamic=True)
    optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=LEARNING_RATE)
    batches = training_batches(train, args.seed)
    iterations = args.iters + WINDOW
    peft_runs, graft_runs = [], []
    for _ in range(args.rounds):
        peft_runs.append(train_peft(model, optimizer, batches, iterations))
        print_run("PyTorch", peft_runs[-1])
        if args.graft:
            graft_runs.append(train_graft(args, iterations, validation_loss))
            print_run("graft", graft_runs[-1])
    if args.graft:
        medians = [
            statistics.median(speed for run in runs for speed in run.tokens_per_second[1:])
            for runs in (peft_runs, graft_runs)
        ]
        peaks = [max(run.peak_bytes for run in runs) / 1e9 for runs in (peft_runs, graft_runs)]
        print(f"tokens/s: PyTorch {medians[0]:.1f}, graft {medians[1]:.1f}: {medians[1] / medians[0]:.2f} times")
        print(f"peak resident: PyTorch {peaks[0]:.2f} GB, graft {peaks[1]:.2f} GB")


if __name__ == "__main__":
    main()
