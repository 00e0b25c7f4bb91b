#!/usr/bin/env python3
"""Compares what `graft plan` predicts with what the training takes: peak memory and seconds a step.

    bench/plan_accuracy.py --graft build/graft --tokenizer FOLDER --work FOLDER [--only WORD] [--iters 3] [--long]

Makes models of three shapes with random weights in --work (SmolLM2-135M, Llama-3.2-1B, 4 layers of Llama-2-7B), in bf16 and
4-bit, and data of texts of one length. --tokenizer is a model folder whose tokenizer files are copied. Then, for each
setting, runs `graft plan --json` and `graft lora --train` in turn, and prints a table row: the memory that was predicted and
the most that the kernel saw resident (ru_maxrss, which is VmHWM), and the seconds of a step, predicted and measured. --long
runs the settings that take minutes. Exits with 1 if a peak is more than 10% off.
"""

import argparse
import json
import os
import re
import shutil
import struct
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

SHAPES = {
    "smollm2": dict(hidden_size=576, num_hidden_layers=30, num_attention_heads=9, num_key_value_heads=3,
                    intermediate_size=1536, vocab_size=49152, tie_word_embeddings=True),
    "1b": dict(hidden_size=2048, num_hidden_layers=16, num_attention_heads=32, num_key_value_heads=8, head_dim=64,
               intermediate_size=8192, vocab_size=128256, tie_word_embeddings=True),
    "7b-4": dict(hidden_size=4096, num_hidden_layers=4, num_attention_heads=32, num_key_value_heads=32,
                 intermediate_size=11008, vocab_size=32000, tie_word_embeddings=False),
}

# (shape, quantized, recomputing, batch, tokens, other options)
SETTINGS = [
    ("smollm2", False, False, 1, 128, []),
    ("smollm2", False, False, 4, 512, []),
    ("smollm2", False, False, 8, 512, ["--lora-layers", "-1", "--lora-keys", "all"]),
    ("smollm2", False, True, 4, 1024, ["--lora-layers", "-1"]),
    ("smollm2", True, False, 4, 256, []),
    ("smollm2", True, False, 2, 2048, []),
    ("smollm2", True, True, 8, 512, ["--lora-layers", "-1"]),
    ("smollm2", True, False, 4, 512, ["--lora-layers", "8", "--lora-rank", "64", "--lora-keys", "all"]),
    ("smollm2", False, False, 4, 512, ["--lora-dropout", "0.1", "--grad-clip", "1"]),
    ("1b", False, False, 1, 128, []),
    ("1b", False, False, 4, 256, []),
    ("1b", False, True, 2, 512, []),
    ("1b", True, False, 1, 512, []),
    ("1b", True, False, 8, 128, []),
    ("1b", True, True, 4, 256, []),
    ("7b-4", False, False, 1, 256, []),
    ("7b-4", False, True, 1, 512, []),
    ("7b-4", True, False, 2, 256, []),
    ("7b-4", True, True, 4, 128, []),
]
LONG = [
    ("smollm2", False, False, 1, 4096, ["--lora-layers", "-1"]),
    ("smollm2", True, True, 1, 4096, ["--lora-layers", "-1"]),
    ("smollm2", False, False, 8, 1024, ["--lora-layers", "-1"]),
    ("1b", False, False, 1, 2048, []),
    ("1b", True, True, 1, 4096, []),
    ("7b-4", True, False, 1, 2048, []),
    ("7b-4", False, True, 1, 4096, []),
]

WORDS = " the of and to in is that for it as with was on be by are this or from at".split()


def tensor_shapes(c):
    head_dim = c.get("head_dim", c["hidden_size"] // c["num_attention_heads"])
    q, kv = c["num_attention_heads"] * head_dim, c["num_key_value_heads"] * head_dim
    d, inner = c["hidden_size"], c["intermediate_size"]
    yield "model.embed_tokens.weight", (c["vocab_size"], d)
    for i in range(c["num_hidden_layers"]):
        at = f"model.layers.{i}."
        yield at + "input_layernorm.weight", (d,)
        yield at + "post_attention_layernorm.weight", (d,)
        yield at + "self_attn.q_proj.weight", (q, d)
        yield at + "self_attn.k_proj.weight", (kv, d)
        yield at + "self_attn.v_proj.weight", (kv, d)
        yield at + "self_attn.o_proj.weight", (d, q)
        yield at + "mlp.gate_proj.weight", (inner, d)
        yield at + "mlp.up_proj.weight", (inner, d)
        yield at + "mlp.down_proj.weight", (d, inner)
    yield "model.norm.weight", (d,)
    if not c["tie_word_embeddings"]:
        yield "lm_head.weight", (c["vocab_size"], d)


def make_model(folder, shape, tokenizer):
    """A bf16 checkpoint with random weights of deviation 0.02; norms are 1."""
    if (folder / "config.json").exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    config = dict(shape, architectures=["LlamaForCausalLM"], model_type="llama", hidden_act="silu", rms_norm_eps=1e-5,
                  rope_theta=10000.0, max_position_embeddings=8192, torch_dtype="bfloat16", bos_token_id=1, eos_token_id=2)
    normal = (np.random.default_rng(0).standard_normal(1 << 22) * 0.02).astype(np.float32)
    block = (normal.view(np.uint32) >> 16).astype(np.uint16)
    header, offset = {}, 0
    for name, size in tensor_shapes(shape):
        end = offset + 2 * int(np.prod(size))
        header[name] = {"dtype": "BF16", "shape": list(size), "data_offsets": [offset, end]}
        offset = end
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(folder / "model.safetensors", "wb") as out:
        out.write(struct.pack("<Q", len(text)) + text)
        for name, size in tensor_shapes(shape):
            count = int(np.prod(size))
            if len(size) == 1:
                out.write(np.full(count, 0x3F80, np.uint16).tobytes())
                continue
            while count > 0:
                out.write(block[:count].tobytes())
                count -= min(count, len(block))
    for file in tokenizer.glob("tokenizer*.json"):
        shutil.copy(file, folder)
    (folder / "config.json").write_text(json.dumps(config, indent=2))


def make_data(folder, tokens, examples=64):
    """Texts of `tokens` words, of one token each, and the EOS token."""
    folder.mkdir(parents=True, exist_ok=True)
    for split in ("train", "valid"):
        with open(folder / f"{split}.jsonl", "w") as out:
            for i in range(examples):
                text = " ".join(WORDS[(i + k) % len(WORDS)] for k in range(tokens))
                out.write(json.dumps({"text": text}) + "\n")


def peak_of(command, log):
    """Runs a command; returns the most that it had resident, in bytes, and its output."""
    with open(log, "w+") as out:
        child = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        text = out.read()
    if child.returncode != 0:
        sys.exit(f"{' '.join(command)}: {text}")
    return usage.ru_maxrss * 1024, text


def measure(args, setting, folder):
    shape, quantized, recomputing, batch, tokens, others = setting
    data = folder / f"data-{tokens}"
    make_data(data, tokens)
    model = folder / (shape + ("-4bit" if quantized else ""))
    adapter = folder / "adapters.npz"
    shutil.rmtree(folder / "adapters.run", ignore_errors=True)
    adapter.unlink(missing_ok=True)
    options = ["--model", str(model), "--data", str(data), "--train", "--iters", str(args.iters), "--batch-size", str(batch),
               "--max-seq-length", str(tokens + 8), "--val-batches", "1", "--steps-per-report", "1", "--adapter-file",
               str(adapter)] + (["--grad-checkpoint"] if recomputing else []) + others
    shutil.rmtree(folder / "hub", ignore_errors=True)  # with the machine's speed: both are measured in the same minute
    os.environ["HF_HOME"] = str(folder / "hub")
    plan = json.loads(subprocess.run([args.graft, "plan", "--json"] + options, check=True, capture_output=True).stdout)
    peak, text = peak_of([args.graft, "lora", "--force"] + options, folder / "log")
    rates = [float(x) for x in re.findall(r"It/sec ([0-9.]+)", text)]
    measured = sorted(1 / r for r in rates)[len(rates) // 2] if rates else float("nan")
    return plan, peak, measured


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--graft", required=True)
    parser.add_argument("--tokenizer", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--iters", type=int, default=3)
    parser.add_argument("--only", default="")
    parser.add_argument("--long", action="store_true")
    parser.add_argument("--make", action="store_true", help="make the models alone")
    args = parser.parse_args()
    for name, shape in SHAPES.items():
        make_model(args.work / name, shape, args.tokenizer)
        if not (args.work / f"{name}-4bit").exists():
            subprocess.run([args.graft, "convert", "--hf-path", args.work / name, "--mlx-path", args.work / f"{name}-4bit",
                            "-q"], check=True)
    if args.make:
        return 0
    bad = 0
    print("| model | weights | recomputing | batch | tokens | options | GB predicted | GB measured | off | s/step predicted "
          "| measured | off |")
    print("|---|---|---|---|---|---|---|---|---|---|---|---|")
    for setting in LONG if args.long else SETTINGS:
        if args.only and args.only not in " ".join(map(str, setting[:5])):
            continue
        plan, peak, step = measure(args, setting, args.work)
        shape, quantized, recomputing, batch, tokens, others = setting
        predicted, seconds = plan["memory"]["bytes"], plan["time"]["step_seconds"]
        off = predicted / peak - 1
        bad += abs(off) > 0.1
        print(f"| {shape} | {'4-bit' if quantized else 'bf16'} | {'yes' if recomputing else 'no'} | {batch} | {tokens} | "
              f"{' '.join(others)} | {predicted / 1e9:.3f} | {peak / 1e9:.3f} | {off:+.1%} | {seconds:.3f} | {step:.3f} | "
              f"{seconds / step - 1:+.0%} |", flush=True)
        time.sleep(0.1)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
