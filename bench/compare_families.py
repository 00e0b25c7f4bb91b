#!/usr/bin/env python3
"""Training speed of every model family at the same sizes, as a share of Llama's.

    .venv-interop/bin/python bench/compare_families.py build/graft [--shape tiny|7b] [--families NAME ...]

A model of random weights is made for each family, with layers of SmolLM2's sizes (tiny: 8 of them, 576 wide) or one
layer of Llama-7B's (7b), and trained in f32 with the default adapters, all families in turn, --rounds times. What counts
are floating-point operations a second: for each token four for every weight of its matrices (two forward, two for the
gradient of what goes in; of experts only the chosen ones) and the head's, and attention's own, 6 * length * heads * width
a layer. They are compared with Llama's by their medians. mlx-lm's model of the family says which tensors there are.
"""

import argparse
import json
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tests" / "interop"))
import mlx.core as mx
import tiny_models
from comparison import result, write_result
from machine import Machine
from safetensors import safe_open

SHAPES = {
    "tiny": {"hidden_size": 576, "intermediate_size": 1536, "num_hidden_layers": 8, "num_attention_heads": 9,
             "num_key_value_heads": 3, "vocab_size": 2048},
    "7b": {"hidden_size": 4096, "intermediate_size": 11008, "num_hidden_layers": 1, "num_attention_heads": 32,
           "num_key_value_heads": 32, "vocab_size": 2048},
}
LENGTH, BATCH = 256, 2
ITERATIONS = {"tiny": 24, "7b": 6}
EXPERTS = 4  # of which two are chosen


def write_model(folder, family, shape):
    sizes = dict(SHAPES[shape])
    if family == "phi":
        sizes["num_key_value_heads"] = sizes["num_attention_heads"]
    changes = {"head_dim": sizes["hidden_size"] // sizes["num_attention_heads"]}
    if family in ("mixtral", "qwen3_moe"):
        changes |= {"num_local_experts": EXPERTS, "num_experts": EXPERTS, "num_experts_per_tok": 2}
    if family == "qwen3_moe":
        changes["moe_intermediate_size"] = sizes["intermediate_size"]
    tiny_models.FAMILY_BASE |= sizes
    own = {key: value for key, value in tiny_models.FAMILIES.get(family, {}).items()
           if key not in ("head_dim", "num_hidden_layers", "num_key_value_heads")}
    tiny_models.FAMILIES[family] = own | changes | ({"num_hidden_layers": sizes["num_hidden_layers"]})
    tiny_models.VOCAB = 320  # of the tokenizer
    tiny_models.write_family(folder, family)


def operations_per_token(folder):
    config = json.loads((folder / "config.json").read_text())
    weights = 0
    with safe_open(folder / "model.safetensors", framework="numpy") as tensors:
        for name in tensors.keys():
            shape = tensors.get_slice(name).get_shape()
            if len(shape) < 2 or name.startswith("lm_head") or "embed_tokens" in name:
                continue
            share = 2 / EXPERTS if ".experts." in name else 1
            weights += share * shape[0] * shape[1]
    head = config["vocab_size"] * config["hidden_size"]
    width = config.get("head_dim") or config["hidden_size"] // config["num_attention_heads"]
    attention = 6 * LENGTH * config["num_attention_heads"] * width * config["num_hidden_layers"]
    return 4 * (weights + head) + attention


def write_data(folder):
    """Texts of letters that no merge joins: a token a byte."""
    for split in ("train", "valid"):
        lines = [json.dumps({"text": "abcdefgh" * (LENGTH // 8 - 1)}) for _ in range(8)]
        (folder / f"{split}.jsonl").write_text("\n".join(lines))


def tokens_per_second(graft, model, data, shape):
    iterations = ITERATIONS[shape]
    command = [graft, "lora", "--model", model, "--data", data, "--train", "--iters", iterations, "--batch-size", BATCH,
               "--steps-per-report", iterations // 3, "--val-batches", 1, "--lora-layers", -1,
               "--adapter-file", data / "adapters.npz"]
    done = subprocess.run([str(part) for part in command], check=True, capture_output=True, text=True)
    rates = [float(rate) for rate in re.findall(r"Tokens/sec ([\d.]+)", done.stdout)]
    return statistics.median(rates[1:3])  # the first window is warm-up


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("graft", type=pathlib.Path)
    parser.add_argument("--shape", choices=SHAPES, default="tiny")
    parser.add_argument("--families", nargs="*", default=["llama", *tiny_models.FAMILIES])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=pathlib.Path, metavar="FILE", help="write facts, speeds and medians to this file")
    options = parser.parse_args()
    machine = Machine(options.graft)
    mx.set_default_device(mx.cpu)
    with tempfile.TemporaryDirectory() as temporary:
        scratch = pathlib.Path(temporary)
        write_data(scratch)
        rates = {family: [] for family in options.families}
        operations = {}
        for family in options.families:
            write_model(scratch / family, family, options.shape)
            operations[family] = operations_per_token(scratch / family)
        for _ in range(options.rounds):
            for family in options.families:
                rates[family].append(tokens_per_second(options.graft, scratch / family, scratch, options.shape))
        medians = {}
        for family in options.families:
            rate = statistics.median(rates[family])
            medians[family] = {"tokens_per_second": rate, "gflops": rate * operations[family] / 1e9}
        first = options.families[0]
        ratios = {family: each["gflops"] / medians[first]["gflops"] for family, each in medians.items()}
        for family, each in medians.items():
            print(f"{family}: {each['tokens_per_second']:.0f} tokens/s, {each['gflops']:.0f} GFLOP/s, "
                  f"{ratios[family]:.2f} of {first}'s", flush=True)
    write_result(options.json, result(machine, options, {}, rates, medians, ratios))


if __name__ == "__main__":
    main()
