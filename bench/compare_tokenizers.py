#!/usr/bin/env python3
"""Speed of graft's tokenizers against Hugging Face `tokenizers` (Rust): the same files, texts and machine, in turn.

    scripts/setup.sh interop
    apt-get install perl-doc   # 9 MB of English prose; any text will do
    cat /usr/share/perl/*/pod/*.pod | head -c 5000000 >prose.txt
    .venv-interop/bin/python bench/compare_tokenizers.py build/tests/tokenize_driver build/tokenizers \\
        --lines data/wikisql/train.jsonl --prose prose.txt

The tokenizers are Llama 3's (byte-level BPE, 128,256 tokens), Tekken's (131,072; its pattern goes through PCRE2) and
Mistral v3's as LlamaTokenizer (BPE with byte fallback, 32,768), of packages on PyPI that the second argument caches,
each as the tokenizer.json that AutoTokenizer saves. Texts are the lines of --lines, --prose cut at its empty lines, and
5 MB in many scripts with code and emoji (tests/interop/tokenizer_parity.py). A run is a new process that loads the
file and encodes all texts at once, on one thread and on two; only the encoding is timed, which for `tokenizers` is
encode_batch_fast(), the call that makes no offsets. Ids that differ end the comparison. Printed are the medians of
--rounds runs in turn.

Then texts of a million characters with no place to cut, each alone, and of half as many: twice as long should take
twice the time. `tokenizers` gets --patience seconds for one.
"""

import argparse
import json
import os
import pathlib
import random
import statistics
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tests" / "interop"))
import real_tokenizers
import tokenizer_parity
from comparison import result, write_result
from machine import ROOT, Machine
from tokenizers import Tokenizer
from transformers import AutoTokenizer

CORPUS_BYTES = 5_000_000
RUNS = {"a": "a", "space": " ", "newline": "\n", "é": "é", "digit": "7", "日": "日", "!": "!", "emoji": "😀"}
RUN_LENGTH = 1_000_000


def reference_run(folder, source, target):
    """In its own process: the ids of `tokenizers`; prints the seconds of loading and encoding."""
    texts = tokenizer_parity.read_texts(source)
    start = time.perf_counter()
    tokenizer = Tokenizer.from_file(str(pathlib.Path(folder, "tokenizer.json")))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    loaded = time.perf_counter()
    encodings = tokenizer.encode_batch_fast(texts)
    encoded = time.perf_counter()
    tokenizer_parity.write_ids(target, [encoding.ids for encoding in encodings])
    print(f"load {loaded - start:.6f}\nencode {encoded - loaded:.6f}")


class Contest:
    """Both programs on the texts of a file."""

    def __init__(self, driver, scratch, patience):
        self.commands = {
            "graft": lambda folder, source, target: [driver, folder, source, target, "ids"],
            "tokenizers": lambda folder, source, target: [sys.executable, __file__, "--run", folder, source, target],
        }
        self.scratch = scratch
        self.patience = patience

    def run(self, program, folder, source, threads):
        """Seconds of loading and encoding; the ids are left in a file named for the program."""
        environment = os.environ | {
            "GRAFT_THREADS": str(threads), "RAYON_NUM_THREADS": str(threads), "TOKENIZERS_PARALLELISM": "true",
        }
        command = self.commands[program](str(folder), str(source), str(self.ids(program)))
        result = subprocess.run(command, check=True, capture_output=True, text=True, env=environment,
                                timeout=self.patience)
        seconds = dict(line.split() for line in result.stdout.splitlines())
        return float(seconds["load"]), float(seconds["encode"])

    def ids(self, program):
        return self.scratch / f"{program}.ids"

    def rounds(self, folder, source, threads, count):
        """For each program the seconds of every run, loading and encoding."""
        seconds = {program: [] for program in self.commands}
        for number in range(count):
            for program in self.commands:
                seconds[program].append(self.run(program, folder, source, threads))
            if number == 0 and self.ids("graft").read_bytes() != self.ids("tokenizers").read_bytes():
                sys.exit(f"{folder}: other ids than those of tokenizers; tokenizer_parity.py shows them")
        return seconds


def hub_tokenizers(cache, scratch):
    """Folders with a tokenizer.json each, by name."""
    cases = real_tokenizers.Cases(real_tokenizers.packages(cache), scratch)
    llama_class = {"tokenizer_class": "LlamaTokenizer", "bos_token": "<s>", "eos_token": "</s>", "add_bos_token": True}
    mistral = cases.auto("mistral", real_tokenizers.MISTRAL["v3"], "llama", llama_class)[0]
    tokenizers = {
        "Llama 3": AutoTokenizer.from_pretrained(cases.llama3_config()[0]).backend_tokenizer,
        "Tekken": cases.converted_tekken("tekken_240911.json")[1],
        "Mistral v3": AutoTokenizer.from_pretrained(mistral).backend_tokenizer,
    }
    folders = {name: scratch / f"{name} as JSON" for name in tokenizers}
    for name, tokenizer in tokenizers.items():
        folders[name].mkdir()
        tokenizer.save(str(folders[name] / "tokenizer.json"))
    return folders


def text_groups(options):
    lines = options.lines.read_text(encoding="utf-8").splitlines()
    prose = options.prose.read_text(encoding="utf-8", errors="replace").split("\n\n")
    return {
        "lines": [json.loads(line)["text"] for line in lines],
        "prose": [text for text in prose if text],
        "many scripts": tokenizer_parity.corpus(random.Random(0), [], CORPUS_BYTES),
    }


def compare_groups(contest, folders, groups, rounds):
    """Runs, medians and ratios, by tokenizer, texts and threads."""
    runs, all_medians, ratios = {}, {}, {}
    for name, folder in folders.items():
        for group, texts in groups.items():
            source = contest.scratch / "texts"
            tokenizer_parity.write_texts(source, texts)
            megabytes = sum(len(text.encode()) for text in texts) / 1e6
            for threads in (1, 2):
                key = f"{name}, {group}, {threads} threads"
                runs[key] = contest.rounds(folder, source, threads, rounds)
                medians = {program: [statistics.median(values) for values in zip(*each)]
                           for program, each in runs[key].items()}
                (load, ours), (their_load, theirs) = medians["graft"], medians["tokenizers"]
                all_medians[key] = {program: {"load_seconds": loading, "mb_per_s": megabytes / encoding}
                                    for program, (loading, encoding) in medians.items()}
                ratios[key] = {"speed": theirs / ours}
                print(f"{name}, {group} ({len(texts)} texts, {megabytes:.1f} MB), {threads} threads: "
                      f"graft {megabytes / ours:.1f} MB/s, tokenizers {megabytes / theirs:.1f} MB/s "
                      f"({theirs / ours:.1f}x); loading {1000 * load:.0f} and {1000 * their_load:.0f} ms", flush=True)
    return runs, all_medians, ratios


def compare_runs(contest, folders):
    for name, folder in folders.items():
        for label, character in RUNS.items():
            seconds = {}
            for length in (RUN_LENGTH // 2, RUN_LENGTH):
                source = contest.scratch / "texts"
                tokenizer_parity.write_texts(source, [character * length])
                seconds[length] = contest.run("graft", folder, source, 1)[1]
            half, whole = seconds.values()
            try:
                theirs = f"{contest.run('tokenizers', folder, source, 1)[1]:.3f} s"
                if contest.ids("graft").read_bytes() != contest.ids("tokenizers").read_bytes():
                    sys.exit(f"{name}: other ids than those of tokenizers for a run of {label}")
            except subprocess.TimeoutExpired:
                theirs = f"over {contest.patience} s"
            print(f"{name}, {RUN_LENGTH} times {label}: graft {whole:.3f} s ({whole / half:.1f} times that of half "
                  f"as many), tokenizers {theirs}", flush=True)


def main():
    if sys.argv[1:2] == ["--run"]:
        return reference_run(*sys.argv[2:])
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("driver", help="the built tests/interop/tokenize_driver.cpp")
    parser.add_argument("cache", type=pathlib.Path, help="folder for the packages with tokenizers")
    parser.add_argument("--lines", type=pathlib.Path, required=True, help='JSONL file with a "text" in each line')
    parser.add_argument("--prose", type=pathlib.Path, required=True, help="text file")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--patience", type=float, default=60)
    parser.add_argument("--graft", type=pathlib.Path, default=ROOT / "build" / "graft", help="says what the machine is")
    parser.add_argument("--json", type=pathlib.Path, metavar="FILE", help="write facts, seconds and medians to this file")
    options = parser.parse_args()
    machine = Machine(options.graft)
    with tempfile.TemporaryDirectory() as temporary:
        scratch = pathlib.Path(temporary)
        folders = hub_tokenizers(options.cache, scratch)
        contest = Contest(options.driver, scratch, options.patience)
        found = compare_groups(contest, folders, text_groups(options), options.rounds)
        compare_runs(contest, folders)
    write_result(options.json, result(machine, options, {"tokenizers": version("tokenizers")}, *found))


if __name__ == "__main__":
    main()
