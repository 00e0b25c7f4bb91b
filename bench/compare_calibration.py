#!/usr/bin/env python3
"""Perplexity of a model of few bits: rounded to the nearest, by graft's --calibrate, and by mlx-lm's GPTQ and DWQ.

    graft convert --hf-path MODEL --dequantize --mlx-path dense
    .venv-interop/bin/python bench/compare_calibration.py --model dense --graft build/graft \\
        --calibrate data/train.jsonl --test sql=data/test.jsonl --test pages=pages.jsonl --bits 4 3

All learn from the same tokens: those of the first --samples texts ("text" of each line) of --calibrate, every one ended
by EOS (graft takes at most 32,768 tokens); graft and DWQ take them text by text, GPTQ as rows of --row tokens. DWQ trains
on the first --dwq-samples of them, since it is slow on a CPU, at --dwq-rate. mlx-lm rounds embedding and head to the
nearest in GPTQ, in the same bits and groups; DWQ tunes their scales, too. mlx-lm computes in f32 here, and what it writes
has scales of the model's own type, as graft's has. Its GPTQ has 2, 4 and 8 bits alone. Every model is measured by `graft
lora --test` on all tokens of the --test files. MLX's BLAS for CPUs is the slow reference: LD_PRELOAD a fast one. All
methods run in turn, --rounds times; a perplexity that is not that of the first round ends the comparison, and with one
round (perplexities do not vary as seconds do) it takes a third of the time.
"""

import argparse
import copy
import json
import re
import shutil
import statistics
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path

from comparison import result, write_result
from machine import Machine

METHODS = ("dense", "nearest", "graft", "gptq", "dwq")


def texts_of(path: Path) -> list[str]:
    with open(path, encoding="utf-8") as lines:
        return [json.loads(line)["text"] for line in lines if line.strip()]


def write_texts(path: Path, texts: list[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts), encoding="utf-8")


def graft(program: str, *arguments) -> str:
    command = [program, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)}: {done.stderr.strip()}")
    return done.stdout


def perplexity(program: str, model: Path, folder: Path) -> float:
    out = graft(program, "lora", "--test", "--test-batches", -1, "--model", model, "--adapter-file", "none", "--data", folder)
    found = re.search(r"Test ppl ([0-9.]+[0-9])", out)
    if not found:
        sys.exit(f"no perplexity in what graft said: {out}")
    return float(found[1])


def tokens_of(tokenizer, texts: list[str]) -> list[list[int]]:
    return [tokenizer.encode(text) + [tokenizer.eos_token_id] for text in texts]


def write_with_mlx_lm(method: str, model_path: Path, out: Path, examples: list[list[int]], bits: int, args) -> None:
    """One of mlx-lm's methods, on its own functions."""
    import mlx.core as mx
    import mlx.nn as nn
    import mlx.optimizers as optimizers
    from mlx.utils import tree_map
    from mlx_lm.quant import dwq, gptq
    from mlx_lm.utils import load, quantize_model, save

    mx.random.seed(0)
    model, tokenizer, config = load(str(model_path), return_config=True)
    own_type = model.model.norm.weight.dtype
    model.set_dtype(mx.float32)
    group = args.group_size
    if method == "gptq":
        row = [token for example in examples for token in example]
        row = row[: len(row) // args.row * args.row]
        data = mx.array(row).reshape(-1, args.row)
        model, config["quantization"] = gptq.gptq_quantize(model, data, bits, group, bits, group, batch_size=2)
    else:
        student = copy.deepcopy(model)
        _, config = quantize_model(student, config, group_size=group, bits=bits)
        some = [(example, 0) for example in examples[: args.dwq_samples]]
        dwq.dwq_quantize(
            student,
            lambda batch, index, split: model(batch),
            optimizers.Adam(learning_rate=args.dwq_rate, bias_correction=True),
            some,
            some[:2],
            batch_size=1,
            max_seq_length=2049,
            seed=0,
            dtype=mx.float32,
        )
        model = student
    model.set_dtype(own_type)  # integers stay
    save(out, str(model_path), model, tokenizer, config)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True, help="a dense MLX folder")
    parser.add_argument("--graft", required=True, help="the program")
    parser.add_argument("--calibrate", type=Path, required=True, help="JSON lines with a text each")
    parser.add_argument("--test", action="append", required=True, metavar="NAME=FILE", help="the same, to measure on")
    parser.add_argument("--bits", type=int, nargs="+", default=[4, 3])
    parser.add_argument("--group-size", type=int, default=64)
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=list(METHODS))
    parser.add_argument("--samples", type=int, default=400)
    parser.add_argument("--row", type=int, default=512)
    parser.add_argument("--dwq-samples", type=int, default=64)
    parser.add_argument("--dwq-rate", type=float, default=1e-5)
    parser.add_argument("--work", type=Path, default=Path("build-calibration"), help="models and texts go there")
    parser.add_argument("--rounds", type=int, default=3, help="how often all run in turn")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write facts, all runs and medians to this file")
    args = parser.parse_args()
    machine = Machine(args.graft)

    texts = texts_of(args.calibrate)[: args.samples]
    calibration = args.work / "calibration" / "train.jsonl"
    write_texts(calibration, texts)
    tests = {}
    for test in args.test:
        name, _, path = test.partition("=")
        write_texts(args.work / f"test-{name}" / "test.jsonl", texts_of(Path(path)))
        tests[name] = args.work / f"test-{name}"

    from mlx_lm.utils import load_tokenizer

    examples = tokens_of(load_tokenizer(args.model), texts)
    print(f"{len(texts)} texts, {sum(map(len, examples))} tokens", flush=True)
    runs: dict[str, list[dict]] = {}

    def measure(method: str, bits: int | None, model: Path, seconds: float) -> None:
        perplexities = {name: perplexity(args.graft, model, folder) for name, folder in tests.items()}
        each = runs.setdefault(method if bits is None else f"{method}-{bits}", [])
        each.append({"seconds": seconds, "perplexities": perplexities})
        values = "".join(f"  {name} {value:.3f}" for name, value in perplexities.items())
        print(f"{method:8} {bits or '':>2} bits  {seconds:6.0f} s{values}", flush=True)
        if perplexities != each[0]["perplexities"]:
            sys.exit(f"the first round had {each[0]['perplexities']}")

    if "dense" in args.methods:
        measure("dense", None, args.model, 0)
    todo = [(method, bits) for bits in args.bits for method in args.methods if method != "dense"]
    for method, bits in [each for each in todo if each[0] != "gptq" or each[1] in (2, 4, 8)] * args.rounds:
        out = args.work / f"{method}-{bits}"
        shutil.rmtree(out, ignore_errors=True)
        start = time.monotonic()
        if method in ("nearest", "graft"):
            more = ["--calibrate", calibration] if method == "graft" else []
            graft(args.graft, "convert", "--hf-path", args.model, "-q", "--q-bits", bits,
                  "--q-group-size", args.group_size, "--mlx-path", out, *more)  # fmt: skip
        else:
            write_with_mlx_lm(method, args.model, out, examples, bits, args)
        measure(method, bits, out, time.monotonic() - start)
    medians = {
        name: {"seconds": statistics.median(run["seconds"] for run in each)} | each[0]["perplexities"]
        for name, each in runs.items()
    }
    ratios = {  # of perplexities to the dense model's
        name: {test: value / runs["dense"][0]["perplexities"][test] for test, value in each[0]["perplexities"].items()}
        for name, each in runs.items()
        if "dense" in runs
    }
    write_result(args.json, result(machine, args, {"mlx-lm": version("mlx-lm")}, runs, medians, ratios))


if __name__ == "__main__":
    main()
