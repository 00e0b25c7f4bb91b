#!/usr/bin/env python3
"""Training throughput and memory of graft against PyTorch + PEFT: the same data, settings and machine, in turn.

    scripts/make_fixtures.sh --venv
    .venv-fixtures/bin/python scripts/fixtures/smollm2_to_hf.py MODEL.gguf build-fixtures/smollm2-bf16
    .venv-fixtures/bin/python bench/compare_peft.py --model build-fixtures/smollm2-bf16 --data data/wikisql \\
        --graft build/graft --graft-model mlx_model

Both fine-tune with batch 4 (--batch-size), LoRA of rank 8 and scale 20 on q_proj and v_proj of the last 16 layers
(--lora-layers), Adam with bias correction at 1e-5, EOS appended; each has its own order of the examples. Throughput is
next-token targets (padding is none) per second, over windows of 10 iterations (--window); the first window of each run is
warm-up and left out. A run whose loss on the first 20 validation examples (2000 tokens with --tokens) before training is
not PyTorch's ends the comparison. Without --graft, only PyTorch runs.

--full trains all weights, kept in f32, with AdamW (weight decay 0.01; PyTorch's is the fused one), on examples of 256
tokens, if --tokens says nothing else. In bfloat16 PyTorch computes under autocast, and --graft-model has to be converted
to bfloat16. The share of the peak counts 6 P N operations: two for each weight of a product (P) and token (N) forward, two
for the gradient of what goes in, two for that of the weight. --adam-bits 8 is graft's alone.

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
import time
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
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
from comparison import PeakWatcher, peak_resident_bytes, result, write_result
from machine import Machine
from sql_lora import BATCH_SIZE, LEARNING_RATE, LORA_LAYERS
from sql_lora import evaluate, load_model, loss_of, read_tokens, training_batches

LOSS_TOLERANCE = 0.03
LOSS_TOLERANCE_NF4 = 0.6  # rounding again to 4 bits raised SmolLM2's loss from 3.05 to 3.45
VALIDATED = 20  # examples of valid.jsonl: enough to see that both run the same model, soon done by the slower one
VALIDATED_TOKENS = 2000  # of examples that --tokens makes
MOST_TOKENS = 2048  # of an example, as graft cuts them if not told otherwise
FULL_TOKENS = 256  # of an example with --full
WEIGHT_DECAY = 0.01  # of AdamW, with --full


@dataclass
class Run:
    tokens_per_second: list[float] = field(default_factory=list)  # one a window
    train_losses: list[float] = field(default_factory=list)
    peak_bytes: int = 0


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


def load_full_model(model_dir: Path):
    """All weights in f32, and all of them trained."""
    model = transformers.AutoModelForCausalLM.from_pretrained(model_dir, dtype=torch.float32)
    return model.train()


def product_weights(model) -> int:
    """Weights of all matrices that a token is multiplied with: of the layers, and of the head."""
    return sum(module.weight.numel() for module in model.modules() if isinstance(module, torch.nn.Linear))


def computing_in(args):
    """What --full computes in, whose weights are f32."""
    return torch.autocast("cpu", torch.bfloat16, enabled=args.full and args.dtype == "bfloat16")


def train_pytorch(args, model, optimizer, batches, iterations: int) -> Run:
    run, window = Run(), args.window
    Path("/proc/self/clear_refs").write_text("5")  # VmHWM starts again
    for _ in range(iterations // window):
        losses, targets = [], 0
        start = time.perf_counter()
        for _ in range(window):
            batch = next(batches)
            with computing_in(args):
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
        command += ["--batch-size", args.batch_size, "--learning-rate", LEARNING_RATE, "--val-batches", -1]
        command += ["--bias-correction", "--sample-tokens", 0, "--trunk-cache", "off"]
        if args.full:
            command += ["--fine-tune-type", "full", "--lora-layers", -1, "--train-extra", "outside"]
            command += ["--optimizer", "adamw", "--weight-decay", WEIGHT_DECAY, "--adam-bits", args.adam_bits]
        else:
            command += ["--lora-layers", args.lora_layers]
        command += ["--add-eos-token", int(args.tokens is None), "--max-seq-length", args.tokens or MOST_TOKENS]
        command += ["--adapter-file", Path(folder) / "adapters.npz"]
        environment = os.environ | {"GRAFT_THREADS": str(args.threads)}
        process = subprocess.Popen(list(map(str, command)), stdout=subprocess.PIPE, text=True, env=environment)
        watcher = PeakWatcher(process)
        compared = False
        try:
            for line in process.stdout:
                if found := re.match(r"Iter \d+: Train loss ([\d.]+), .*Tokens/sec ([\d.]+)", line):
                    run.train_losses.append(float(found[1]))
                    run.tokens_per_second.append(float(found[2]))
                elif found := re.match(r"Iter [01]: Val loss ([\d.]+)", line):
                    check_same_start(validation_loss, float(found[1]), args.nf4)
                    compared = True
        except BaseException:
            process.kill()
            raise
        finally:
            process.wait()
            run.peak_bytes = watcher.wait()
        if process.returncode != 0:
            raise SystemExit(f"graft ended with {process.returncode}: {' '.join(map(str, command))}")
    if not compared:
        raise SystemExit("graft reported no validation loss before training")
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
    parser.add_argument("--rounds", type=int, default=3, help="how often the two run in turn")
    parser.add_argument("--full", action="store_true", help="train all weights in place of adapters")
    parser.add_argument("--adam-bits", type=int, choices=[8, 32], default=32, help="of graft's averages, with --full")
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
    if args.full and (args.nf4 or args.dtype == "float16"):
        parser.error("--full is of weights in f32, computed in float32 or bfloat16")
    if args.adam_bits != 32 and not args.full:
        parser.error("--adam-bits goes with --full")
    if args.full and args.tokens is None:
        args.tokens = FULL_TOKENS
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
            examples = read_tokens(args.data / name, tokenizer)[:most]
            (folder / name).write_text("\n".join(lines[:most]), encoding="utf-8")
        else:
            texts = [json.loads(line)["text"] for line in lines]
            examples = fixed_examples(texts, args.tokens, args.batch_size, tokenizer)
            if most is not None:
                examples = examples[: max(1, VALIDATED_TOKENS // args.tokens)]
            write_texts(folder / name, examples, tokenizer)
        result.append(examples)
    return tuple(result)


def medians(runs: list[Run], operations: float | None, peak: float | None) -> dict:
    """`operations` of a token, `peak` in operations a second."""
    speed = statistics.median(speed for run in runs for speed in run.tokens_per_second[1:])
    found = {"tokens_per_second": speed, "peak_bytes": max(run.peak_bytes for run in runs)}
    if operations is not None:
        found["gflops"] = operations * speed / 1e9
        found["of_peak"] = None if peak is None else operations * speed / peak
    return found


def print_medians(name: str, found: dict) -> None:
    share = f", {found['of_peak']:.0%} of the measured peak" if found.get("of_peak") else ""
    rate = f", {found['gflops']:.0f} GFLOPS{share}" if "gflops" in found else ""
    print(f"{name:8} {found['tokens_per_second']:.1f} tokens/s{rate}, peak resident {found['peak_bytes'] / 1e9:.2f} GB")


def peak_of(facts: dict, dtype: str) -> float | None:
    """Operations a second of products of this type: where none are of bf16, they are of f32."""
    if facts["peaks"] is None:
        return None
    bf16 = facts["peaks"]["bf16_gflops"] if dtype == "bfloat16" else 0
    return 1e9 * (bf16 or facts["peaks"]["f32_gflops"])


def make_model(args):
    """PyTorch's model, what it trains, and the operations of a token where it trains all."""
    if args.full:
        model = load_full_model(args.model)
        optimizer = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY, fused=True)
        return model, optimizer, 6.0 * product_weights(model)
    dtype = getattr(torch, args.dtype)
    quantization = None
    if args.nf4:
        quantization = transformers.BitsAndBytesConfig(
            load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=dtype
        )
    model = load_model(args.model, args.seed, dtype, quantization, args.lora_layers)
    return model, torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=LEARNING_RATE), None


def compare(args, folder: Path) -> dict:
    """Runs both and prints what comes."""
    machine = Machine(args.graft, args.threads)
    torch.set_num_threads(args.threads)
    mode = "compiled" if args.compile else "eager"
    versions = {module.__name__: module.__version__ for module in (torch, transformers, peft)}
    if args.nf4:
        versions["bitsandbytes"] = version("bitsandbytes")
    isa = torch.backends.cpu.get_cpu_capability()
    what = f"{mode}, {isa}, {args.dtype}{', NF4' if args.nf4 else ''}{', all weights' if args.full else ''}"
    print(", ".join(f"{name} {version}" for name, version in versions.items()), f"({what}, {args.threads} threads)")
    print(f"PyTorch's libraries alone: {peak_resident_bytes('self') / 1e9:.2f} GB resident, part of its peak below")

    train, valid = read_data(args, folder)
    model, optimizer, operations = make_model(args)
    with computing_in(args):
        validation_loss = evaluate(model, valid)
    print(f"validation loss before training: {validation_loss:.4f} over {sum(map(len, valid)) - len(valid)} targets")

    if args.compile:
        model.compile(dynamic=args.tokens is None)
    batches = training_batches(train, args.seed, args.batch_size)
    iterations = args.iters + args.window
    runs = {"PyTorch": []} | ({"graft": []} if args.graft else {})
    for _ in range(args.rounds):
        runs["PyTorch"].append(train_pytorch(args, model, optimizer, batches, iterations))
        print_run("PyTorch", runs["PyTorch"][-1])
        if args.graft:
            runs["graft"].append(train_graft(args, folder, iterations, validation_loss))
            print_run("graft", runs["graft"][-1])
    found = result(machine, args, versions, {name: [asdict(run) for run in each] for name, each in runs.items()}, {}, {})
    found["settings"]["instruction set of PyTorch"] = isa
    peak = peak_of(found["machine"], args.dtype)
    found["medians"] = {name: medians(each, operations, peak) for name, each in runs.items()}
    for name, each in found["medians"].items():
        print_medians(name, each)
    if args.graft:
        pytorch, graft = found["medians"]["PyTorch"], found["medians"]["graft"]
        found["ratios"] = {
            "speed": graft["tokens_per_second"] / pytorch["tokens_per_second"],
            "memory": graft["peak_bytes"] / pytorch["peak_bytes"],
        }
        print(f"graft is {found['ratios']['speed']:.2f} times as fast, in {found['ratios']['memory']:.2f} of the memory")
    return found


def main() -> None:
    args = arguments()
    with tempfile.TemporaryDirectory() as folder:
        write_result(args.json, compare(args, Path(folder)))


if __name__ == "__main__":
    main()
