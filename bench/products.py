#!/usr/bin/env python3
"""What the products of a layer of SmolLM2-135M reach, forward and backward, as a share of the measured peak.

    bench/products.py --graft build/graft

Runs build/bench/products_bench, which compares each product with a scalar loop first, on the shapes of a layer's
matrices with 360 tokens, --rounds times in random order. A layer takes the sum of the medians of its seven products.
"""

import argparse
import json
import re
import statistics
from pathlib import Path

from comparison import result, run_program, write_result
from machine import Machine

TOKENS = 360
LAYER = {(576, 576): 2, (576, 192): 2, (576, 1536): 2, (1536, 576): 1}  # how many matrices have these widths
NAME = re.compile(r"product/(forward|backward)/([^/]+)/N:360/in:(\d+)/out:(\d+)/")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--graft", type=Path, required=True, help="graft's program, beside which bench/ was built")
    parser.add_argument("--formats", nargs="+", default=["bf16", "4bit", "f32"])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write facts, all times and medians to this file")
    args = parser.parse_args()
    machine = Machine(args.graft)
    shapes = "|".join(f"in:{inputs}/out:{outputs}" for inputs, outputs in LAYER)
    command = [args.graft.parent / "bench" / "products_bench", "--json", f"--benchmark_repetitions={args.rounds}"]
    command += [f"--benchmark_filter=product/.*/({'|'.join(args.formats)})/N:{TOKENS}/({shapes})/"]
    command += ["--benchmark_enable_random_interleaving=true", "--benchmark_min_time=0.1"]
    runs: dict[str, list[dict]] = {}
    for one in json.loads(run_program(command).output)["benchmarks"]:
        found = NAME.match(one["name"])
        if one["run_type"] == "iteration" and found:
            if one.get("error_occurred"):
                raise SystemExit(f"{one['name']}: {one['error_message']}")
            key = f"{found[2]} {found[1]} {found[3]} {found[4]}"
            peak = one["GFLOPS"] / one["of_peak"]
            runs.setdefault(key, []).append({"gflops": one["GFLOPS"], "peak": peak})
    medians = {}
    for form in args.formats:
        for direction in ("forward", "backward"):
            operations = seconds = 0.0
            for (inputs, outputs), count in LAYER.items():
                each = runs[f"{form} {direction} {inputs} {outputs}"]
                amount = 2e-9 * TOKENS * inputs * outputs * count
                operations += amount
                seconds += amount / statistics.median(run["gflops"] for run in each)
            rate = operations / seconds
            medians[f"{form} {direction}"] = {"gflops": rate, "of_peak": rate / each[0]["peak"]}
            print(f"{form:5} {direction:8} {rate:6.0f} GFLOPS, {rate / each[0]['peak']:.0%} of the peak", flush=True)
    ratios = {name: {"of_peak": each["of_peak"]} for name, each in medians.items()}
    write_result(args.json, result(machine, args, {}, runs, medians, ratios))


if __name__ == "__main__":
    main()
