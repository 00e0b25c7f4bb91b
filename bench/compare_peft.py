#!/usr/bin/env python3
"""Training throughput and memory of graft against PyTorch + PEFT: the same data, settings and machine, in turn.

    scripts/make_fixtures.sh --venv
    .venv-fixtures/bin/python scripts/fixtures/smollm2_to_hf.py MODEL.gguf build-fixtures/smollm2-bf16
    .venv-fixtures/bin/python bench/compare_peft.py --model build-fixtures/smollm2-bf16 --data data/wikisql \\
        --graft build/graft --graft-model mlx_model

Both fine-tune with batch 4 (--batch-size), LoRA of rank 8 and scale 20 on q_proj and v_proj of the last 16 layers
(--lora-layers), Adam at 1e-5, EOS appended; PyTorch's Adam corrects its bias and graft's, as the Python example's, does not, so that their training losses
differ from the first steps on. Throughput is next-token targets (padding is none) per second, over windows of 10
iterations (--window); the first window of each run is warm-up and left out. A run whose loss on the first 20 validation
examples (2000 tokens with --tokens) before training is not PyTorch's ends the comparison. Without --graft, only PyTorch runs.

--dtype is that of PyTorch's weights and activations; --graft-model has to be converted to the same (graft convert
--dequantize --dtype float32). With --tokens N every example has N tokens, cut from the data set's texts one after the
other, and no EOS: nothing is padded. --avx2 holds both programs to AVX2. With --nf4 PyTorch's weights are bitsandbytes'
4-bit ones (NF4, computed in --dtype), for a --graft-model of 4 bits; the two round differently, and the losses may
differ by more.
"""

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

# Read when the libraries are loaded, and by graft: PyTorch's own kernels, oneDNN, MKL.
AVX2 = {
    "ATEN_CPU_CAPABILITY": "avx2",
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    "MKL_ENABLE_INSTRUCTIONS": "AVX2",
    "GRAFT_CPU_ISA": "avx2",
}
if "--avx2" in sys.argv and any(os.environ.get(name) != value for name, value in AVX2.items()):
    os.execve(sys.executable, [sys.executable, *sys.argv], os.environ | AVX2)

import peft
import torch
import transformers

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "scripts" / "fixtures"))
from sql_lora import BATCH_SIZE, LEARNING_RATE, LORA_LAYERS
from sql_lora import evaluate, load_model, loss_of, read_tokens, training_batches

LOSS_TOLERANCE = 0.03
LOSS_TOLERANCE_NF4 = 0.6  # rounding again to 4 bits raised SmolLM2's loss from 3.05 to 3.45
VALIDATED = 20  # examples of valid.jsonl: enough to see that both run the same model, soon done by the slower one
VALIDATED_TOKENS = 2000  # of examples that --tokens makes
MOST_TOKENS = 2048  # of an example, as graft cuts them if not told otherwise


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


def fixed_examples(texts: list[str], tokens: int, batch_size: int, tokenizer) -> list[list[int]]:
    """Examples of so many tokens each, cut from all texts in a row, whose own text the tokenizer turns into the same."""
    row = tokenizer.encode("\n".join(texts))
    result, begin = [], 0
    while begin + tokens <= len(row):
        ids = row[begin : begin + tokens]
        same = tokenizer.encode(tokenizer.decode(ids)) == ids  # not where a word is cut in two
        if same:
            result.append(ids)
        begin += tokens if same else 1
    if len(result) < batch_size:
        raise SystemExit(f"the texts make {len(result)} examples of {tokens} tokens: a batch has {batch_size}")
    return result


def write_texts(file: Path, examples: list[list[int]], tokenizer) -> None:
    file.write_text("".join(json.dumps({"text": tokenizer.decode(ids)}) + "\n" for ids in examples), encoding="utf-8")


def train_peft(model, optimizer, batches, iterations: int, window: int) -> Run:
    run = Run()
    Path("/proc/self/clear_refs").write_text("5")  # VmHWM starts again
    for _ in range(iterations // window):
        losses, targets = [], 0
        start = time.perf_counter()
        for _ in range(window):
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


def train_graft(args, data: Path, iterations: int, validation_loss: float) -> Run:
    run = Run()
    with tempfile.TemporaryDirectory() as folder:
        command = [args.graft, "lora", "--train", "--model", args.graft_model, "--data", data]
        command += ["--iters", iterations, "--steps-per-report", args.window, "--steps-per-eval", iterations + 1]
        command += ["--batch-size", args.batch_size, "--lora-layers", args.lora_layers]
        command += ["--learning-rate", LEARNING_RATE, "--val-batches", -1]
        command += ["--add-eos-token", int(args.tokens is None), "--max-seq-length", args.tokens or MOST_TOKENS]
        command += ["--adapter-file", Path(folder) / "adapters.npz"]
        environment = os.environ | {"GRAFT_THREADS": str(args.threads)}
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
                    check_same_start(validation_loss, float(found[1]), args.nf4)
        except BaseException:
            process.kill()
            raise
        finally:
            process.wait()
            watcher.join()
        if process.returncode != 0:
            raise SystemExit(f"graft ended with {process.returncode}: {' '.join(map(str, command))}")
    if len(run.tokens_per_second) != iterations // args.window:
        raise SystemExit(f"graft reported {len(run.tokens_per_second)} windows, expected {iterations // args.window}")
    return run


def check_same_start(pytorch: float, graft: float, nf4: bool) -> None:
    if abs(pytorch - graft) > (LOSS_TOLERANCE_NF4 if nf4 else LOSS_TOLERANCE):
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
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("--model", type=Path, required=True, help="Hugging Face checkpoint folder")
    parser.add_argument("--data", type=Path, required=True, help="folder with train.jsonl and valid.jsonl")
    parser.add_argument("--iters", type=int, default=50, help="measured iterations a run")
    parser.add_argument("--window", type=int, default=10, help="iterations a report; --iters is a multiple of it")
    parser.add_argument("--batch-size", type=int, default=BATCH_SIZE)
    parser.add_argument("--lora-layers", type=int, default=LORA_LAYERS, help="the last so many layers train")
    parser.add_argument("--rounds", type=int, default=2, help="how often the two run in turn")
    parser.add_argument("--compile", action="store_true", help="run PyTorch through torch.compile")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--dtype", choices=["bfloat16", "float32", "float16"], default="bfloat16")
    parser.add_argument("--nf4", action="store_true", help="4-bit weights in PyTorch, by bitsandbytes")
    parser.add_argument("--tokens", type=int, metavar="N", help="examples of N tokens each, cut from the texts")
    parser.add_argument("--avx2", action="store_true", help="hold both programs to AVX2")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write settings, all runs and medians to this file")
    parser.add_argument("--graft", type=Path, help="graft's program")
    parser.add_argument("--graft-model", type=Path, help="the same model, converted by graft (bf16 or quantized)")
    args = parser.parse_args()
    if args.window < 1 or args.iters < args.window or args.iters % args.window:
        parser.error(f"--iters must be a multiple of --window, {args.window}")
    if args.batch_size < 1 or args.lora_layers < 1:
        parser.error("--batch-size and --lora-layers must be at least 1")
    if (args.graft is None) != (args.graft_model is None):
        parser.error("--graft and --graft-model go together")
    if args.tokens is not None and args.tokens < 2:
        parser.error("--tokens must be at least 2: a token to begin with and a target")
    return args


def read_data(args, folder: Path) -> tuple[list[list[int]], list[list[int]]]:
    """Examples to train on and to validate with; writes the same into `folder` for graft."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(args.model)
    result = []
    for name, most in (("train.jsonl", None), ("valid.jsonl", VALIDATED)):
        lines = (args.data / name).read_text(encoding="utf-8").splitlines()
        lines = [line for line in lines if line.strip()]
        if args.tokens is None:
            examples = read_tokens(args.data / name, args.model)[:most]
            (folder / name).write_text("\n".join(lines[:most]), encoding="utf-8")
        else:
            texts = [json.loads(line)["text"] for line in lines]
            examples = fixed_examples(texts, args.tokens, args.batch_size, tokenizer)
            if most is not None:
                examples = examples[: max(1, VALIDATED_TOKENS // args.tokens)]
            write_texts(folder / name, examples, tokenizer)
        result.append(examples)
    return tuple(result)


def medians(runs: list[Run]) -> dict:
    windows = [speed for run in runs for speed in run.tokens_per_second[1:]]
    return {"tokens_per_second": statistics.median(windows), "peak_bytes": max(run.peak_bytes for run in runs)}


def compare(args, folder: Path) -> dict:
    """Runs both and prints what comes; the settings, all runs and their medians."""
    torch.set_num_threads(args.threads)
    mode = "compiled" if args.compile else "eager"
    versions = {module.__name__: module.__version__ for module in (torch, transformers, peft)}
    isa = torch.backends.cpu.get_cpu_capability()
    print(f"machine: {machine()}; {args.threads} threads")
    settings = f"({mode}, {args.dtype}{', NF4' if args.nf4 else ''}, {isa})"
    print(", ".join(f"{name} {version}" for name, version in versions.items()), settings)
    print(f"PyTorch's libraries alone: {peak_resident_bytes('self') / 1e9:.2f} GB resident, part of its peak below")

    train, valid = read_data(args, folder)
    dtype = getattr(torch, args.dtype)
    quantization = None
    if args.nf4:
        quantization = transformers.BitsAndBytesConfig(
            load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=dtype
        )
    model = load_model(args.model, args.seed, dtype, quantization, args.lora_layers)
    validation_loss = evaluate(model, valid)
    print(f"validation loss before training: {validation_loss:.4f} over {sum(map(len, valid)) - len(valid)} targets")

    if args.compile:
        model.compile(dynamic=args.tokens is None)
    optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=LEARNING_RATE)
    batches = training_batches(train, args.seed, args.batch_size)
    iterations = args.iters + args.window
    runs = {"PyTorch": []} | ({"graft": []} if args.graft else {})
    for _ in range(args.rounds):
        runs["PyTorch"].append(train_peft(model, optimizer, batches, iterations, args.window))
        print_run("PyTorch", runs["PyTorch"][-1])
        if args.graft:
            runs["graft"].append(train_graft(args, folder, iterations, validation_loss))
            print_run("graft", runs["graft"][-1])
    result = {
        "machine": machine(),
        "versions": versions,
        "instruction set of PyTorch": isa,
        "settings": {name: str(v) if isinstance(v, Path) else v for name, v in vars(args).items()},
        "validation_loss": validation_loss,
        "runs": {name: [asdict(run) for run in of_one] for name, of_one in runs.items()},
        "medians": {name: medians(of_one) for name, of_one in runs.items()},
    }
    if args.graft:
        pytorch, graft = result["medians"]["PyTorch"], result["medians"]["graft"]
        speeds = [each["tokens_per_second"] for each in (pytorch, graft)]
        result["ratio"] = speeds[1] / speeds[0]
        print(f"tokens/s: PyTorch {speeds[0]:.1f}, graft {speeds[1]:.1f}: {result['ratio']:.2f} times")
        print(f"peak resident: PyTorch {pytorch['peak_bytes'] / 1e9:.2f} GB, graft {graft['peak_bytes'] / 1e9:.2f} GB")
    return result


def main() -> None:
    args = arguments()
    with tempfile.TemporaryDirectory() as folder:
        result = compare(args, Path(folder))
    if args.json:
        args.json.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
