#!/usr/bin/env python3
"""A LoRA fine-tuning with PyTorch, transformers and PEFT from start to saved adapter, at the settings of `graft lora`.

    .venv-fixtures/bin/python bench/peft_train.py --model build-fixtures/smollm2-bf16 --data data/wikisql --out adapter

LoRA of rank 8 and scale 20 on q_proj and v_proj of the last --lora-layers layers, Adam with bias correction, batches of
4, EOS appended, validation before the first step, every --steps-per-eval steps and after the last, the adapter saved
every --save-every steps and at the end. The examples come in the order that graft draws from the same --seed. The losses,
and the seconds since this script's first line, are in OUT/metrics.jsonl; full_run.py compares them with graft's. With
--iters 0 nothing is trained and the adapter is as it begins, which graft can begin with, too.
"""

import time

START = time.perf_counter()

import argparse
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import torch
from transformers import AutoTokenizer

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "scripts" / "fixtures"))
from sql_lora import BATCH_SIZE, LEARNING_RATE, LORA_LAYERS
from sql_lora import evaluate, load_model, loss_of, make_batch, read_tokens

WORD = (1 << 64) - 1


def mt19937_64(seed: int) -> Iterator[int]:
    """The numbers of C++'s std::mt19937_64 (Matsumoto and Nishimura's 64-bit Mersenne Twister)."""
    size, middle = 312, 156
    state = [seed & WORD]
    for i in range(1, size):
        state.append((6364136223846793005 * (state[-1] ^ (state[-1] >> 62)) + i) & WORD)
    while True:
        for i in range(size):
            mixed = (state[i] & ~0x7FFFFFFF & WORD) | (state[(i + 1) % size] & 0x7FFFFFFF)
            state[i] = state[(i + middle) % size] ^ (mixed >> 1) ^ (0xB5026F5AA96619E9 if mixed & 1 else 0)
        for x in state:
            x ^= (x >> 29) & 0x5555555555555555
            x ^= (x << 17) & 0x71D67FFFEDA60000
            x ^= (x << 37) & 0xFFF7EEE000000000
            yield x ^ (x >> 43)


def batches_as_graft(count: int, size: int, seed: int) -> Iterator[list[int]]:
    """Places of so many examples, endlessly, as graft's Sampler draws them (graft/data/sampler.cpp): epochs in random
    order, whose last batch may be smaller; each order is the one before it, shuffled again."""
    random, order = mt19937_64(seed), list(range(count))
    while True:
        for i in range(count, 1, -1):
            j = next(random) % i
            order[i - 1], order[j] = order[j], order[i - 1]
        for begin in range(0, count, size):
            yield order[begin : begin + size]


class Metrics:
    """Lines of JSON, as graft's records have them."""

    def __init__(self, folder: Path):
        folder.mkdir(parents=True, exist_ok=True)
        self.file = open(folder / "metrics.jsonl", "w", encoding="utf-8")

    def write(self, kind: str, step: int, loss: float) -> None:
        line = {"kind": kind, "step": step, "loss": loss, "seconds": time.perf_counter() - START}
        print(json.dumps(line), file=self.file, flush=True)
        print(f"Iter {step}: {kind} loss {loss:.4f} after {line['seconds']:.1f} s", flush=True)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True, help="Hugging Face checkpoint folder")
    parser.add_argument("--data", type=Path, required=True, help="folder with train.jsonl and valid.jsonl")
    parser.add_argument("--out", type=Path, required=True, help="folder for the adapter and metrics.jsonl")
    parser.add_argument("--iters", type=int, default=600)
    parser.add_argument("--lora-layers", type=int, default=LORA_LAYERS, help="the last so many layers train")
    parser.add_argument("--learning-rate", type=float, default=LEARNING_RATE)
    parser.add_argument("--steps-per-report", type=int, default=10)
    parser.add_argument("--steps-per-eval", type=int, default=200)
    parser.add_argument("--save-every", type=int, default=100)
    parser.add_argument("--dtype", choices=["bfloat16", "float32"], default="bfloat16")
    parser.add_argument("--compile", action="store_true", help="through torch.compile")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def main() -> None:
    args = arguments()
    torch.set_num_threads(args.threads)
    tokenizer = AutoTokenizer.from_pretrained(args.model)
    train, valid = (read_tokens(args.data / f"{split}.jsonl", tokenizer) for split in ("train", "valid"))
    model = load_model(args.model, args.seed, getattr(torch, args.dtype), lora_layers=args.lora_layers)
    if args.iters == 0:
        model.save_pretrained(args.out)
        return
    if args.compile:
        model.compile(dynamic=True)  # batches differ in length
    optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=args.learning_rate)
    metrics = Metrics(args.out)
    metrics.write("validation", 0, evaluate(model, valid))
    losses = []
    places = batches_as_graft(len(train), BATCH_SIZE, args.seed)
    for step in range(1, args.iters + 1):
        loss = loss_of(model, make_batch([train[i] for i in next(places)]))
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
        if step % args.steps_per_report == 0:
            metrics.write("train", step, sum(losses) / len(losses))
            losses = []
        if step % args.steps_per_eval == 0 or step == args.iters:
            metrics.write("validation", step, evaluate(model, valid))
        if step % args.save_every == 0 or step == args.iters:
            model.save_pretrained(args.out)


if __name__ == "__main__":
    main()
