#!/usr/bin/env python3
"""Whole trainings to a loss, graft against PyTorch + PEFT: seconds from the start of the process to the last saved adapter.

    scripts/make_fixtures.sh --venv
    .venv-fixtures/bin/python scripts/fixtures/smollm2_to_hf.py MODEL.gguf build-fixtures/smollm2-bf16
    build/graft convert --hf-path MODEL.gguf --mlx-path model-bf16 --dequantize --dtype bfloat16
    .venv-fixtures/bin/python bench/full_run.py example --model build-fixtures/smollm2-bf16 --data data/wikisql \\
        --graft build/graft --graft-model model-bf16

`example`: 600 iterations at the settings of the Python example (batch 4, the last 16 layers, 1e-5). `epochs`: ten epochs
with the last 4 layers at 1e-4, in which graft keeps what the layers below give. Both validate on 100 examples before, every
200 iterations and at the end, and save every 100. All that a person waits for counts: imports, loading, tokenizing,
compiling, validation, saving. graft begins with an empty cache folder each time.

Both have the same examples in the same order, Adam with bias correction, and begin with the same adapter, which PEFT makes
beforehand for a model in bf16 and graft reads. First PyTorch (peft_train.py) runs --probe iterations in each of --variants:
that which its steps let expect to be through first is the one that counts. There the loss of the first batch has to be
graft's, and so has the validation loss before it. Then the two run in turn, and every validation loss of a round has to be
the other's within 0.01; else the comparison ends with 1, and there is no ratio.
"""

import argparse
import json
import math
import os
import statistics
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from comparison import result, run_program, write_result
from machine import Machine

BATCH = 4
VALIDATED = 100  # examples: 25 batches
STEPS_PER_EVAL = 200
SAVE_EVERY = 100
REPORT = 10
TOLERANCE = 0.01  # of validation losses
FIRST_TOLERANCE = 0.03  # of the first batch's loss; four other examples differ by more, mostly
VARIANTS = {
    "eager-bf16": ["--dtype", "bfloat16"],
    "compiled-bf16": ["--dtype", "bfloat16", "--compile"],
    "eager-f32": ["--dtype", "float32"],
    "compiled-f32": ["--dtype", "float32", "--compile"],
}
FIRST_ADAPTER = "first-adapter"  # in the folder of the data
TRAIN_PEFT = Path(__file__).resolve().parent / "peft_train.py"


@dataclass
class Scenario:
    lora_layers: int
    learning_rate: float
    iters: int


@dataclass
class Run:
    program: str
    seconds: float  # to the last saved adapter
    peak_bytes: int
    validation_losses: dict[int, float]  # by iteration, 0 before training
    train_losses: dict[int, float]  # by iteration: means since the last report
    report_seconds: dict[int, float]  # by iteration: seconds of training so far


def read_metrics(file: Path) -> tuple[dict[int, float], dict[int, float], dict[int, float]]:
    """Validation losses, losses of training, and seconds, by iteration."""
    validation, train, seconds = {}, {}, {}
    for line in map(json.loads, file.read_text(encoding="utf-8").splitlines()):
        if line["kind"] == "validation":
            validation[line["step"]] = line["loss"]
        elif line["kind"] == "train":
            train[line["step"]], seconds[line["step"]] = line["loss"], line["seconds"]
    return validation, train, seconds


def common_options(scenario: Scenario, iters: int, report: int, data: Path, seed: int) -> list:
    return [
        "--data", data, "--iters", iters, "--lora-layers", scenario.lora_layers,
        "--learning-rate", scenario.learning_rate, "--steps-per-report", report, "--steps-per-eval", STEPS_PER_EVAL,
        "--save-every", SAVE_EVERY, "--seed", seed,
    ]  # fmt: skip


def train_graft(args, scenario: Scenario, iters: int, report: int, data: Path) -> Run:
    with tempfile.TemporaryDirectory() as temporary:
        work = Path(temporary)
        adapter = work / "adapters.npz"
        command = [args.graft, "lora", "--train", "--model", args.graft_model, "--adapter-file", adapter]
        command += common_options(scenario, iters, report, data, args.seed)
        command += ["--batch-size", BATCH, "--val-batches", math.ceil(VALIDATED / BATCH), "--add-eos-token", 1]
        command += ["--optimizer", "adam", "--bias-correction", "--sample-tokens", 0, "--trunk-cache", "auto"]
        command += ["--resume-adapter-file", data / FIRST_ADAPTER]
        environment = os.environ | {"GRAFT_THREADS": str(args.threads), "HF_HOME": str(work / "cache")}
        start = time.time()
        done = run_program(command, environment)
        seconds = adapter.stat().st_mtime - start
        validation, train, reports = read_metrics(work / "adapters.run" / "metrics.jsonl")
        validation = {0 if step == 1 else step: loss for step, loss in validation.items()}  # the first is said to be of 1
        return Run("graft", seconds, done.peak_bytes, validation, train, reports)


def train_pytorch(args, scenario: Scenario, variant: str, iters: int, report: int, data: Path) -> Run:
    with tempfile.TemporaryDirectory() as temporary:
        out = Path(temporary) / "adapter"
        command = [args.python, TRAIN_PEFT, "--model", args.model, "--out", out, "--threads", args.threads]
        command += common_options(scenario, iters, report, data, args.seed) + VARIANTS[variant]
        # What an earlier run has compiled is not there for the first training on a machine.
        environment = os.environ | {"TORCHINDUCTOR_CACHE_DIR": str(Path(temporary) / "compiled")}
        start = time.time()
        done = run_program(command, environment)
        seconds = (out / "adapter_model.safetensors").stat().st_mtime - start
        return Run(variant, seconds, done.peak_bytes, *read_metrics(out / "metrics.jsonl"))


def write_first_adapter(args, scenario: Scenario, data: Path) -> None:
    """That with which every training of PyTorch begins."""
    command = [args.python, TRAIN_PEFT, "--model", args.model, "--data", data, "--out", data / FIRST_ADAPTER, "--iters", 0]
    run_program([*command, "--lora-layers", scenario.lora_layers, "--seed", args.seed])


def expected_seconds(probe: Run, iters: int) -> float:
    """Of so many iterations, by a shorter run: those that it did not make take what its later half took."""
    steps = sorted(probe.report_seconds)
    first, last = steps[(len(steps) - 1) // 2], steps[-1]
    step = (probe.report_seconds[last] - probe.report_seconds[first]) / (last - first)
    return probe.seconds + (iters - last) * step


def check_first_batch(pytorch: Run, graft: Run) -> None:
    """That both begin with the same examples, before anything was learned."""
    theirs, ours = pytorch.train_losses[1], graft.train_losses[1]
    if abs(theirs - ours) > FIRST_TOLERANCE:
        raise SystemExit(f"loss of the first batch: PyTorch {theirs:.4f}, graft {ours:.4f}: not the same examples")


def check_losses(pytorch: Run, graft: Run, last: float = math.inf) -> None:
    """Validation losses until iteration `last`."""
    steps = sorted(pytorch.validation_losses)
    if steps != sorted(graft.validation_losses):
        raise SystemExit(f"validations of {steps} and of {sorted(graft.validation_losses)}: not the same job")
    for step in [step for step in steps if step <= last]:
        theirs, ours = pytorch.validation_losses[step], graft.validation_losses[step]
        print(f"validation loss after {step} iterations: PyTorch {theirs:.4f}, graft {ours:.4f}")
        if abs(theirs - ours) > TOLERANCE:
            raise SystemExit(f"they differ by {abs(theirs - ours):.4f}, more than {TOLERANCE}: not the same job")


def print_run(run: Run) -> None:
    print(f"{run.program:13} {run.seconds:8.1f} s, peak resident {run.peak_bytes / 1e9:.2f} GB", flush=True)


def choose_variant(args, scenario: Scenario, data: Path) -> tuple[str, list[Run], dict[str, float]]:
    """PyTorch's fastest variant, the short runs, and what they let expect."""
    iters = min(args.probe, scenario.iters)
    graft = train_graft(args, scenario, iters, 1, data)
    print_run(graft)
    probes, expected = [graft], {}
    for variant in args.variants:
        probes.append(train_pytorch(args, scenario, variant, iters, 1, data))
        print_run(probes[-1])
        check_first_batch(probes[-1], graft)
        check_losses(probes[-1], graft, last=0)  # what follows is of the type in which it is computed, too
        expected[variant] = expected_seconds(probes[-1], scenario.iters)
    best = min(expected, key=expected.get)
    for variant, seconds in expected.items():
        print(f"{variant}: {seconds:.0f} s expected for {scenario.iters} iterations without their validations")
    print(f"{best} is the one that counts", flush=True)
    return best, probes, expected


def write_data(source: Path, examples: int | None, folder: Path) -> int:
    """The first examples of a data set; returns how many are trained on."""
    counts = []
    for split, most in (("train", examples), ("valid", min(VALIDATED, examples or VALIDATED))):
        lines = (source / f"{split}.jsonl").read_text(encoding="utf-8").splitlines()
        lines = [line for line in lines if line.strip()][:most]
        (folder / f"{split}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
        counts.append(len(lines))
    return counts[0]


def scenario_of(args, examples: int) -> Scenario:
    if args.scenario == "example":
        return Scenario(lora_layers=16, learning_rate=1e-5, iters=args.iters)
    return Scenario(lora_layers=4, learning_rate=1e-4, iters=args.epochs * math.ceil(examples / BATCH))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scenario", choices=["example", "epochs"])
    parser.add_argument("--model", type=Path, required=True, help="Hugging Face checkpoint folder")
    parser.add_argument("--data", type=Path, required=True, help="folder with train.jsonl and valid.jsonl")
    parser.add_argument("--graft", type=Path, required=True, help="graft's program")
    parser.add_argument("--graft-model", type=Path, required=True, help="the same model in bf16, converted by graft")
    parser.add_argument("--iters", type=int, default=600, help="of `example`")
    parser.add_argument("--epochs", type=int, default=10, help="of `epochs`")
    parser.add_argument("--examples", type=int, help="the first so many train, and no more validate")
    parser.add_argument("--variants", nargs="+", choices=VARIANTS, default=list(VARIANTS), help="of PyTorch")
    parser.add_argument("--probe", type=int, default=40, help="iterations that choose between the variants")
    parser.add_argument("--rounds", type=int, default=3, help="how often the two run in turn")
    parser.add_argument("--python", default=sys.executable, help="that of PyTorch's environment")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write facts, all runs and medians to this file")
    args = parser.parse_args()
    if min(args.probe, args.iters) < 4 or args.epochs < 1:
        parser.error("--probe and --iters are at least 4, --epochs is at least 1")
    return args


def versions_of(python: str) -> dict[str, str]:
    names = ["torch", "transformers", "peft"]
    code = f"import importlib.metadata as m, json; print(json.dumps({{n: m.version(n) for n in {names}}}))"
    return json.loads(run_program([python, "-c", code]).output)


def main() -> None:
    args = arguments()
    machine = Machine(args.graft, args.threads)
    versions = versions_of(args.python)
    runs = {"PyTorch": [], "graft": []}
    with tempfile.TemporaryDirectory() as temporary:
        data = Path(temporary)
        scenario = scenario_of(args, write_data(args.data, args.examples, data))
        write_first_adapter(args, scenario, data)
        variant, probes, expected = choose_variant(args, scenario, data)
        for _ in range(args.rounds):
            runs["PyTorch"].append(train_pytorch(args, scenario, variant, scenario.iters, REPORT, data))
            print_run(runs["PyTorch"][-1])
            runs["graft"].append(train_graft(args, scenario, scenario.iters, REPORT, data))
            print_run(runs["graft"][-1])
            check_losses(runs["PyTorch"][-1], runs["graft"][-1])
    medians = {
        name: {
            "seconds": statistics.median(run.seconds for run in each),
            "peak_bytes": max(run.peak_bytes for run in each),
            "validation_loss": statistics.median(run.validation_losses[scenario.iters] for run in each),
        }
        for name, each in runs.items()
    }
    pytorch, graft = medians["PyTorch"], medians["graft"]
    ratios = {
        "speed": pytorch["seconds"] / graft["seconds"],
        "memory": graft["peak_bytes"] / pytorch["peak_bytes"],
    }
    print(f"PyTorch ({variant}) {pytorch['seconds']:.0f} s, graft {graft['seconds']:.0f} s: {ratios['speed']:.2f} times")
    all_runs = {"probes": probes} | runs
    found = result(
        machine, args, versions, {name: [asdict(run) for run in each] for name, each in all_runs.items()}, medians, ratios
    )
    found["settings"] |= {"scenario": args.scenario, "variant": variant, "expected": expected} | asdict(scenario)
    write_result(args.json, found)


if __name__ == "__main__":
    main()
