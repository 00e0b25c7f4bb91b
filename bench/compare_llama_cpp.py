#!/usr/bin/env python3
"""Speed of graft's generation against llama.cpp's: the same 4-bit weights, machine and threads, in turn.

    scripts/setup.sh llama
    build/graft convert --hf-path models/smollm2/SmolLM2-135M-Instruct.Q4_1.gguf --mlx-path model-q4
    .venv-llama/bin/python bench/compare_llama_cpp.py --gguf models/smollm2/SmolLM2-135M-Instruct.Q4_1.gguf \\
        --graft build/graft --graft-model model-q4

xllamacpp is llama.cpp's server in a prebuilt wheel. On x86 the wheel is built for AVX2: where the processor has
AVX-512, GRAFT_CPU_ISA=avx2 holds graft to the same.

A round starts llama.cpp, lets it warm up, has it read a prompt of --prompt-tokens tokens and then continue a short one
by --tokens tokens, one sequence, greedily, and ends it; then graft does the same, a process each. Speeds are those
that the programs print: tokens of the prompt, or tokens chosen after it, per second. Before the first round both
continue the short prompt, and the comparison ends if their first words differ. (Later ones may: llama.cpp rounds
activations to 8 bits and graft does not.)
"""

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import urllib.request
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

from comparison import result, write_result
from machine import Machine

SHORT_PROMPT = "The city of Paris is known for"
TEXTS = Path(__file__).resolve().parent.parent / "data" / "train.jsonl"  # the long prompt is made of them

# Runs until its standard input is closed.
SERVER = """
import sys, xllamacpp
params = xllamacpp.CommonParams()
params.model.path = sys.argv[1]
params.cpuparams.n_threads = params.cpuparams_batch.n_threads = int(sys.argv[2])
params.n_ctx = int(sys.argv[3])
params.n_parallel = 1
server = xllamacpp.Server(params)
print(server.listening_address, flush=True)
print(xllamacpp.get_system_info(), flush=True)
sys.stdin.read()
"""


class LlamaCpp:
    """A running server."""

    def __init__(self, address: str, system: str):
        self.address, self.system = address, system

    def call(self, path: str, body: dict) -> dict:
        request = urllib.request.Request(
            self.address + path, json.dumps(body).encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)

    def count(self, text: str) -> int:
        return len(self.call("/tokenize", {"content": text, "add_special": True})["tokens"])

    def run(self, prompt: str, tokens: int) -> dict:
        body = {"prompt": prompt, "n_predict": tokens, "temperature": 0, "ignore_eos": True, "cache_prompt": False}
        answer = self.call("/completion", body)
        timings = answer["timings"]
        return {
            "text": answer["content"],
            "prompt_tokens": timings["prompt_n"],
            "prompt": timings["prompt_per_second"],
            "tokens": timings["predicted_n"],
            "generation": timings["predicted_per_second"],
        }


@contextmanager
def llama_cpp(args):
    command = [sys.executable, "-c", SERVER, args.gguf, args.threads, args.prompt_tokens + args.tokens + 64]
    process = subprocess.Popen(
        list(map(str, command)), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        address, system = process.stdout.readline().strip(), process.stdout.readline().strip()
        if not address:
            raise SystemExit(f"llama.cpp did not start: {' '.join(map(str, command))}")
        yield LlamaCpp(address, system)
    finally:
        process.stdin.close()
        process.wait()


def graft(args, prompt: str, tokens: int) -> dict:
    command = [args.graft, "generate", "--model", args.graft_model, "--ignore-chat-template", "--prompt", "-"]
    command += ["--max-tokens", tokens]
    environment = os.environ | {"GRAFT_THREADS": str(args.threads)}
    done = subprocess.run(list(map(str, command)), input=prompt, capture_output=True, text=True, env=environment)
    found = re.search(
        r"Prompt: (\d+) tokens, ([\d.]+) tokens/s\nGeneration: (\d+) tokens, ([\d.]+) tokens/s", done.stderr
    )
    if done.returncode != 0 or not found:
        raise SystemExit(f"graft ended with {done.returncode}: {done.stderr}")
    return {
        "text": done.stdout,
        "prompt_tokens": int(found[1]),
        "prompt": float(found[2]),
        "tokens": int(found[3]),
        "generation": float(found[4]),
    }


def long_prompt(server: LlamaCpp, tokens: int) -> str:
    """The beginning of the texts, and then one word over and over, of exactly so many tokens."""
    texts = [json.loads(line)["text"] for line in TEXTS.read_text(encoding="utf-8").splitlines()]
    words = "\n\n".join(texts).split(" ")
    low, high = 1, len(words)
    while low < high:  # the most words that do not go beyond
        middle = (low + high + 1) // 2
        if server.count(" ".join(words[:middle])) <= tokens:
            low = middle
        else:
            high = middle - 1
    text = " ".join(words[:low])
    text += " the" * (tokens - server.count(text))
    if server.count(text) != tokens:
        raise SystemExit(f"no prompt of {tokens} tokens was found: try another --prompt-tokens")
    return text


def check_tokens(name: str, run: dict, prompt_tokens: int, tokens: int) -> None:
    if run["prompt_tokens"] != prompt_tokens or run["tokens"] != tokens:
        raise SystemExit(
            f"{name} read {run['prompt_tokens']} tokens and chose {run['tokens']}, "
            f"expected {prompt_tokens} and {tokens}: not the same job"
        )


def check_same_text(llama: str, graft_text: str) -> None:
    common = len(os.path.commonprefix([llama, graft_text]))
    print(f"llama.cpp: {SHORT_PROMPT}{llama[:70]!r}\ngraft:     {SHORT_PROMPT}{graft_text[:70]!r}")
    print(f"the same for {common} of {len(llama)} characters")
    if llama.split()[:1] != graft_text.split()[:1]:
        raise SystemExit("the first words differ: not the same model")


def summary(runs: dict) -> tuple[dict, dict]:
    """The medians of each program, and graft's divided by llama.cpp's."""
    medians = {
        name: {kind: statistics.median(speeds) for kind, speeds in kinds.items()} for name, kinds in runs.items()
    }
    return medians, {kind: medians["graft"][kind] / medians["llama.cpp"][kind] for kind in ("prompt", "generation")}


def print_summary(runs: dict, medians: dict, ratios: dict) -> None:
    for kind in ("prompt", "generation"):
        for name, kinds in runs.items():
            print(
                f"{kind:10} {name:9} {medians[name][kind]:8.1f} tokens/s "
                f"({min(kinds[kind]):.1f} to {max(kinds[kind]):.1f})"
            )
        print(f"{kind:10} graft is {ratios[kind]:.2f} times as fast")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gguf", type=Path, required=True, help="the model as llama.cpp takes it")
    parser.add_argument("--graft", type=Path, required=True, help="graft's program")
    parser.add_argument("--graft-model", type=Path, required=True, help="the same file, converted by graft")
    parser.add_argument("--tokens", type=int, default=128, help="tokens to generate")
    parser.add_argument("--prompt-tokens", type=int, default=512, help="tokens of the long prompt")
    parser.add_argument("--rounds", type=int, default=5, help="how often the two run in turn")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--json", type=Path, metavar="FILE", help="write facts, all speeds and medians to this file")
    args = parser.parse_args()
    if min(args.tokens, args.prompt_tokens, args.rounds, args.threads) < 1:
        parser.error("--tokens, --prompt-tokens, --rounds and --threads are at least 1")
    return args


def main() -> None:
    args = arguments()
    machine = Machine(args.graft, args.threads)
    with llama_cpp(args) as server:
        system = server.system
        prompt = long_prompt(server, args.prompt_tokens)
        short = server.count(SHORT_PROMPT)
        llama_text = server.run(SHORT_PROMPT, args.tokens)["text"]
    print(f"llama.cpp: {system}; {args.threads} threads")
    check_same_text(llama_text, graft(args, SHORT_PROMPT, args.tokens)["text"].rstrip("\n"))

    runs = {name: {"prompt": [], "generation": []} for name in ("llama.cpp", "graft")}

    def measure(name: str, run) -> None:
        read = run(prompt, 1)
        check_tokens(name, read, args.prompt_tokens, 1)
        generated = run(SHORT_PROMPT, args.tokens)
        check_tokens(name, generated, short, args.tokens)
        runs[name]["prompt"].append(read["prompt"])
        runs[name]["generation"].append(generated["generation"])
        print(
            f"{name:9} prompt {read['prompt']:8.1f} tokens/s, generation {generated['generation']:7.1f} tokens/s",
            flush=True,
        )

    for _ in range(args.rounds):
        with llama_cpp(args) as server:
            server.run(prompt, 4)  # warm-up
            measure("llama.cpp", server.run)
        measure("graft", lambda text, tokens: graft(args, text, tokens))
    medians, ratios = summary(runs)
    print_summary(runs, medians, ratios)
    versions = {"xllamacpp": version("xllamacpp"), "llama.cpp": system}
    write_result(args.json, result(machine, args, versions, runs, medians, ratios))


if __name__ == "__main__":
    main()
