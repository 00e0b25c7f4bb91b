#!/usr/bin/env python3
"""Data for the page: one run, three runs to compare, a run with a learning rate search.

    make_samples.py FOLDER

writes them as pages, to look at.
"""

import math
import pathlib
import random
import sys

from make_page import make_page

MACHINE = {"cpu": "AMD EPYC 9B14 96-Core Processor", "threads": 2, "memory": 25769803776,
           "kernels": "avx512 bf16", "system": "Linux x86_64"}


def rate_at(step, steps, peak, warmup):
    if step < warmup:
        return peak * step / warmup
    part = (step - warmup) / (steps - warmup)
    return peak * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * part)))


def metrics(seed, steps, peak, start, end, speed, memory, overfit=0.0, until=None, every=5,
            skip=(), spike=()):
    random.seed(seed)
    rows, seconds, tokens, skipped, spikes = [], 0.0, 0, 0, 0
    for step in range(every, (until or steps) + 1, every):
        part = step / steps
        level = end + (start - end) * (0.55 * math.exp(-part * 22) + 0.45 * math.exp(-part * 3.2))
        count = random.randint(1850, 2048) * every
        pace = speed * random.gauss(1, 0.022) * (0.82 if step == every else 1)
        if random.random() < 0.02:
            pace *= 0.86
        seconds += count / pace
        tokens += count
        loss = level * random.lognormvariate(0, 0.055)
        norm = (0.42 + 1.3 * math.exp(-part * 18)) * random.lognormvariate(0, 0.2)
        if step in spike:
            loss, norm, spikes = loss * 1.9, norm * 6.5, spikes + 1
        if step in skip:
            skipped += 1
        rows.append({"kind": "train", "step": step,
                     "loss": None if step in skip else round(loss, 4),
                     "learning_rate": float("%.6g" % rate_at(step, steps, peak, steps * 0.05)),
                     "grad_norm": None if step in skip else round(norm, 4), "tokens": tokens,
                     "tokens_per_second": round(pace, 1),
                     "memory": int(memory * (0.955 + 0.045 * min(1, step / 60)) + random.randint(0, 9) * 1048576),
                     "seconds": round(seconds, 2), "skipped": skipped, "spikes": spikes})
        if step % (steps // 12) == 0:
            held = level + 0.05 + overfit * max(0, part - 0.55) ** 1.5 + random.gauss(0, 0.006)
            seconds += 21.4
            rows.append({"kind": "validation", "step": step, "loss": round(held, 4),
                         "seconds": round(seconds, 2)})
    return rows


def best_of(rows):
    return min((r for r in rows if r["kind"] == "validation"), key=lambda r: r["loss"])


def span(seconds):
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def summary(rows, before):
    train = [r for r in rows if r["kind"] == "train"]
    held = [r for r in rows if r["kind"] == "validation"]
    best = best_of(rows)
    return [["Loss before", f"{before:.2f}"], ["Loss after", f"{held[-1]['loss']:.2f}"],
            ["Best step", f"{best['step']} (validation {best['loss']:.2f})"],
            ["Time", span(rows[-1]["seconds"])], ["Tokens", f"{train[-1]['tokens'] / 1e6:.1f} M"],
            ["Peak memory", f"{max(r['memory'] for r in train) / 1e9:.1f} GB"]]


def config(rank, peak, steps, **more):
    values = {"model": "/models/Qwen2.5-0.5B-Instruct", "data": "notes/letters.jsonl",
              "validation_data": None, "validation_share": 0.05, "format": "chat",
              "output": "runs/adapters", "steps": steps, "batch": 4, "gradient_accumulation": 2,
              "context": 512, "pack": True, "learning_rate": peak, "schedule": "cosine",
              "warmup": 0.05, "final_learning_rate": 0.02, "weight_decay": 0.01, "beta1": 0.9,
              "beta2": 0.999, "epsilon": 1e-08, "clip": 1.0, "lora_rank": rank,
              "lora_alpha": 2 * rank, "lora_dropout": 0.05,
              "lora_targets": ["q_proj", "k_proj", "v_proj", "o_proj"], "precision": "bf16",
              "checkpoint_every": 100, "keep_checkpoints": 3, "seed": 1234,
              "recompute_activations": True, "threads": 2, "log_every": 5, "early_stop": None}
    values.update(more)
    return values


SAMPLES = [
    {"prompt": "Write a two-line reminder that the library books are due on Friday.",
     "before": "Sure! Here is a two-line reminder for you:\n\n**Reminder:** Your library books are due on Friday. Please make sure to return them on time to avoid late fees! 😊\n\nLet me know if you would like me to change anything!",
     "after": "The library books go back on Friday.\nThey are by the door, under your hat."},
    {"prompt": "Decline an invitation to Saturday's dinner, kindly and briefly.",
     "before": "Dear [Name],\n\nThank you so much for inviting me to dinner on Saturday. I truly appreciate your thoughtful invitation. Unfortunately, due to a prior commitment, I will not be able to attend.\n\nBest regards,\n[Your Name]",
     "after": "Thank you for asking me. I can't come on Saturday, and I am sorry to miss the soup. Ask me again in spring?"},
    {"prompt": "Tell the neighbour that the fence will be repaired next week.",
     "before": "Dear Neighbor,\n\nI hope this message finds you well. I wanted to inform you that the fence will be repaired next week.",
     "after": "The fence is being mended next week, Tuesday if it stays dry. They start at eight; I have asked them to start quietly."},
]


def commands(name):
    return [{"what": "Generate with it",
             "command": f"graft generate --model /models/Qwen2.5-0.5B-Instruct --adapter runs/{name} --prompt \"Write to the landlord about the heating.\""},
            {"what": "Train on from here", "command": f"graft train --resume runs/{name}"},
            {"what": "Merge it into the model",
             "command": f"graft merge --model /models/Qwen2.5-0.5B-Instruct --adapter runs/{name} --output merged/{name}"}]


def run(name, status, note, rows, settings, before, samples=SAMPLES):
    return {"name": name, "status": status, "note": note, "metrics": rows, "config": settings,
            "machine": MACHINE, "summary": summary(rows, before), "samples": samples,
            "commands": commands(name)}


def search():
    random.seed(5)
    points, smoothed = [], None
    for i in range(90):
        rate = 1e-6 * 10 ** (i / 89 * 4)
        drop = 1.0 / (1 + math.exp(-(math.log10(rate) + 4.1) * 3.2))
        rise = max(0.0, math.log10(rate) + 2.75) ** 3 * 40
        loss = 3.31 - drop + rise + random.gauss(0, 0.06)
        smoothed = loss if smoothed is None else 0.85 * smoothed + 0.15 * loss
        points.append({"learning_rate": float("%.5g" % rate), "loss": round(loss, 4),
                       "smoothed": round(smoothed, 4)})
    return {"points": points, "suggested": 2e-4}


def page(runs, rates=None):
    return {"version": 1, "program": "graft 0.9.0", "runs": runs, "learning_rate_search": rates}


def one():
    rows = metrics(1, 1200, 2e-4, 3.38, 1.86, 1460, 1.93e9, overfit=0.35, skip=(410, 415), spike=(405, 870))
    return page([run("letters", "finished", None, rows, config(8, 2e-4, 1200), 3.42)])


def compare():
    a = metrics(2, 1200, 2e-4, 3.38, 1.90, 1490, 1.87e9, overfit=0.10)
    b = metrics(3, 1200, 2e-4, 3.38, 1.80, 1385, 2.02e9, overfit=0.75, skip=(645,), spike=(640,))
    c = metrics(4, 1200, 5e-5, 3.38, 2.02, 1468, 1.93e9, until=900)
    return page([run("rank-4", "finished", None, a, config(4, 2e-4, 1200, output="runs/rank-4"), 3.42),
                 run("rank-32", "finished", None, b, config(32, 2e-4, 1200, output="runs/rank-32"), 3.42),
                 run("rank-8-gentle", "interrupted", "Interrupted with Ctrl+C at step 900; the adapter was saved.", c,
                     config(8, 5e-5, 1200, output="runs/rank-8-gentle", lora_targets=["q_proj", "v_proj"],
                            schedule="linear"), 3.42, SAMPLES[:1])])


def with_search():
    rows = metrics(6, 1200, 2e-4, 3.38, 1.86, 1460, 1.93e9, until=340)
    return page([run("letters-search", "running", None, rows, config(8, 2e-4, 1200), 3.42)], search())


ALL = {"one": one, "compare": compare, "search": with_search}


def main():
    folder = pathlib.Path(sys.argv[1])
    for name, make in ALL.items():
        (folder / f"{name}.html").write_text(make_page(make()), encoding="utf-8")


if __name__ == "__main__":
    main()
