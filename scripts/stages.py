#!/usr/bin/env python3
"""Runs the stages of scripts/test.sh: side by side where none waits for another, each within its time.

  scripts/stages.py [--full | --long] [--only STAGE,...] [--list]

A stage is a command, the stages that it comes after, the cores that it keeps busy, and the seconds that it may take.
What it prints goes to build/stages/<stage>.log. At the end comes a table. The exit status is 1 if a stage failed or
took longer than it may: then it has to become faster, or its limit here has to grow, with a reason.

Limits are about three times what a stage took on two fast cores, for slower machines and for stages beside it.
"""

import argparse
import dataclasses
import os
import pathlib
import re
import signal
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
LOGS = ROOT / "build" / "stages"
CORES = 2  # that are shared out; where there are more, each stage is faster
SHOWN = 60  # lines of the log of a stage that failed


@dataclasses.dataclass
class Stage:
    name: str
    command: str
    limit: int  # seconds
    after: tuple = ()
    cores: int = 1  # 0: it waits more than it computes
    when: str = ""  # "full" or "long": with that option alone

    state: str = "waiting"  # then running, and passed, failed or skipped
    start: float = 0
    seconds: float = 0
    process: subprocess.Popen | None = None

    @property
    def log(self):
        return LOGS / (re.sub(r"[^a-z0-9]+", "-", self.name.lower()) + ".log")


STAGES = []


def stage(name, command, limit, after=(), cores=1, when=""):
    STAGES.append(Stage(name, command, limit, after, cores, when))


def build(preset, targets="all"):
    return f"cmake --preset {preset} && cmake --build --preset {preset} -j{CORES} --target {targets}"


def run_tests(preset, choice=""):
    return f"ctest --preset {preset} -j{CORES} {choice}"


def layers(names):
    """ctest's choice of the tests of layers."""
    return f"-R '^({names.replace(' ', '|')})\\.'"


def targets(names):
    return " ".join(f"{name}_tests" for name in names.split())


PYTHON = ".venv-interop/bin/python"
INTEROP = f"{PYTHON} tests/interop"
GGUF = "models/smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
TOKENIZERS = "tests/fixtures/tokenizer/{flags,gpt2,llama2,llama3,metaspace,qwen2,smollm,steps,unigram,unigram_bytes}"
BUILT = ("build", "environment of the comparisons")

# What is needed. The system's packages are there: scripts/test.sh has installed them.
stage("environment of the libraries", "scripts/setup.sh venv", 90, cores=0)
stage("environment of the comparisons", "scripts/setup.sh interop", 180, cores=0)
stage("environment of the records", "scripts/setup.sh records", 120, cores=0)
stage("environment of llama.cpp", "scripts/setup.sh llama", 120, cores=0, when="full")
stage("Open MPI and an SSH server", "scripts/setup.sh cluster", 120, cores=0, when="full")
stage("environment of PEFT", "scripts/make_fixtures.sh --venv", 1200, cores=0, when="long")  # torch: 6 GB
stage("model", "scripts/setup.sh model", 90, cores=0)
stage("formatting", "find graft cli tests bench -name '*.cpp' -o -name '*.h' | "
      "xargs .venv-interop/bin/clang-format --dry-run -Werror", 30, ("environment of the comparisons",))
stage("build", build("release"), 900, ("environment of the libraries",), 2)

# What waits for servers and time-outs goes on beside all else.
stage("SmolLM2 for the comparisons", f"build/graft convert --hf-path {GGUF} --mlx-path build/smollm2", 20,
      ("build", "model"), 0)
stage("uploads against huggingface_hub", f"{INTEROP}/hub_uploads.py build/graft --model {GGUF}", 300,
      (*BUILT, "model"), 0)
stage("downloads against huggingface_hub", f"{INTEROP}/hub_downloads.py build/graft --model build/smollm2", 300,
      (*BUILT, "SmolLM2 for the comparisons"), 0)

stage("unit tests", run_tests("release"), 270, ("build", "model"), 2)
stage("installed package", "tests/install/run.sh build", 60, ("build",))
stage("part of another project", "tests/install/subproject.sh", 20, ("build",))
stage("benchmarks", "tests/benches.sh build", 60, ("build",), 2)
stage("npz against NumPy and MLX", f"{INTEROP}/npz_parity.py build/tests/npz_driver", 20, BUILT)
stage("data sets against Python's csv and json and pyarrow", f"{INTEROP}/rows_parity.py build/tests/rows_driver", 60, BUILT)
stage("event files read by TensorBoard",
      ".venv-records/bin/python tests/interop/tensorboard_parity.py build/tests/records_driver", 30,
      ("build", "environment of the records"))
stage("the report's page in a browser", ".venv-records/bin/python tests/report/page/page_check.py", 180,
      ("environment of the records",), when="full")
stage("GGUF against gguf", f"{INTEROP}/gguf_parity.py build/graft build/tests/logits_driver", 80, BUILT)
stage("conversion against mlx-lm", f"{INTEROP}/convert_parity.py build/graft --model {GGUF}", 300, (*BUILT, "model"))
stage("models and adapters against mlx-lm",
      f"{INTEROP}/model_parity.py build/graft build/tests/logits_driver --model {GGUF}", 120, (*BUILT, "model"))
stage("what is written, reloaded by transformers and mlx-lm",
      f"{INTEROP}/reload_parity.py build/graft build/tests/logits_driver", 120, BUILT)
stage("adapters in llama.cpp",
      f"{INTEROP}/gguf_adapters.py build/graft build/tests/logits_driver .venv-llama", 60,
      (*BUILT, "environment of llama.cpp"), when="full")
stage("vocabularies in llama.cpp",
      f"{INTEROP}/gguf_vocabularies.py build/tests/gguf_vocabulary_driver build/tests/tokenize_driver .venv-llama "
      f"build/tokenizers build/smollm2 {GGUF}", 80,
      (*BUILT, "environment of llama.cpp", "SmolLM2 for the comparisons"), when="full")
stage("blocks of GGUF types against llama.cpp",
      f"{INTEROP}/gguf_encoding.py build/tests/gguf_encode_driver .venv-llama", 60,
      (*BUILT, "environment of llama.cpp"), when="full")
stage("exported models in llama.cpp",
      f"{INTEROP}/gguf_export.py build/graft build/tests/logits_driver .venv-llama --model build/smollm2 "
      "--texts data/test.jsonl", 240,
      (*BUILT, "environment of llama.cpp", "SmolLM2 for the comparisons"), when="full")
stage("adapters in PEFT", ".venv-fixtures/bin/python tests/interop/peft_parity.py build/graft build/tests/logits_driver",
      120, ("build", "environment of PEFT"), when="long")
stage("trainings that are killed go on", f"{INTEROP}/resume_kills.py build/graft", 300, BUILT)
stage("trainings of several processes", f"{INTEROP}/distributed.py build/graft", 300,
      (*BUILT, "Open MPI and an SSH server"), 2, when="full")
stage("trainings on full disks go on", f"{INTEROP}/resume_full_disk.py build/graft", 120, BUILT)
stage("chat templates against transformers",
      f"{INTEROP}/chat_template_parity.py build/tests/chat_template_driver", 70, BUILT)
stage("tokenizers against Hugging Face",
      f"{INTEROP}/tokenizer_parity.py build/tests/tokenize_driver build/smollm2 {TOKENIZERS} --texts data/train.jsonl",
      120, (*BUILT, "SmolLM2 for the comparisons"))
stage("tokens' spans against Hugging Face",
      f"{PYTHON} scripts/fixtures/token_spans.py --against build/tests/tokenize_driver", 60, BUILT)
stage("tokenizers' classes against transformers",
      f"{INTEROP}/tokenizer_classes.py build/tests/tokenize_driver", 60, BUILT)
stage("tokenizers of well-known models", f"{INTEROP}/real_tokenizers.py build/tests/tokenize_driver build/tokenizers",
      120, BUILT)

# Other builds and processors.
NARROW = "ops lora models training generation cli"  # what computes, or runs what computes
stage("unit tests on AVX2", f"GRAFT_CPU_ISA=avx2 {run_tests('release', layers(NARROW))}", 200, ("unit tests",), 2,
      when="full")
SANITIZED = ("base unicode io hub distributed launch gguf convert data lora jinja regex tokenizer fuzz kernels ops nn models "
             "training report generation engine")
stage("sanitizers, build", build("asan", targets(SANITIZED)), 1000, ("build",), 2, when="full")
# Two tests send whole texts through all of SmolLM2: minutes, for code that the others run too.
stage("sanitizers", run_tests("asan", layers(SANITIZED) + " -E '^generation\\.SmolLM2(Loss|Batch)\\.'"), 600,
      ("sanitizers, build", "model"), 2, when="full")
PORTABLE = "models training generation engine cli"
stage("portable, build", build("portable", targets(PORTABLE)), 400, ("build",), 2, when="full")
# SmolLM2 is slow on MLX's own operations: minutes.
stage("portable", run_tests("portable", layers(PORTABLE) + " -E SmolLM2"), 420, ("portable, build",), 2, when="full")
stage("64-bit ARM, compiler", "scripts/setup.sh arm", 240, ("build",), 0, when="full")
stage("64-bit ARM, build", build("arm", targets("base kernels")), 300, ("64-bit ARM, compiler",), 2, when="full")
stage("64-bit ARM", run_tests("arm"), 400, ("64-bit ARM, build",), 2, when="full")

# What is long by nature: to be run when its subject changes.
stage("each file by itself", build("dev"), 1800, ("environment of the libraries",), 2, when="long")
for name in ("uploads", "downloads"):
    model = GGUF if name == "uploads" else "build/smollm2"
    stage(f"{name} and 100 kills", f"{INTEROP}/hub_{name}.py build/graft --model {model} --kills 100", 900,
          (*BUILT, "SmolLM2 for the comparisons"), 0, when="long")
TINY = "build/tiny/model build/tiny/data"
stage("part of another project, built", f"mkdir -p {TINY} && build/tests/tiny_model_driver {TINY} && "
      f"tests/install/subproject.sh --build {TINY}", 900, ("build",), 2, when="long")
stage("tokenizers and long texts",
      f"{INTEROP}/tokenizer_parity.py build/tests/tokenize_driver build/smollm2 {TOKENIZERS} --bytes 12000000 "
      "--random 200000", 1800, (*BUILT, "SmolLM2 for the comparisons"), when="long")
stage("fuzzing", "scripts/fuzz.sh 60", 2400, ("build",), 2, when="long")


def begin(stage):
    stage.state, stage.start = "running", time.monotonic()
    with open(stage.log, "wb") as log:
        # A group of its own, so that all of it can be ended.
        stage.process = subprocess.Popen(["bash", "-c", stage.command], cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log,
                                         stderr=log, start_new_session=True)


def kill(stage):
    try:
        os.killpg(stage.process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    stage.process.wait()


def finish(stage):
    """Says how a stage that has ended went."""
    stage.seconds = time.monotonic() - stage.start
    late = stage.seconds > stage.limit
    stage.state = "failed" if stage.process.returncode or late else "passed"
    lines = [line.strip() for line in stage.log.read_text(errors="replace").splitlines() if line.strip()]
    said = f" ({lines[-1][:100]})" if lines else ""
    print(f"{stage.seconds:6.0f} s  {stage.state}: {stage.name}{said}", flush=True)
    if stage.state == "failed":
        print(f"\n== {stage.name}: {stage.command}\n" + "\n".join(lines[-SHOWN:]))
        if late:
            print(f"== it took {stage.seconds:.0f} s and may take {stage.limit} s")
        print(f"== all of what it said: {stage.log}\n", flush=True)


def is_ready(stage, chosen):
    before = [s for s in chosen if s.name in stage.after]
    if any(s.state in ("failed", "skipped") for s in before):
        stage.state = "skipped"
        print(f"          skipped: {stage.name}", flush=True)
    return stage.state == "waiting" and all(s.state == "passed" for s in before)


def run(chosen):
    """Runs stages as soon as those before them have passed and cores are free, in their order."""
    running = []
    try:
        while running or any(s.state == "waiting" for s in chosen):
            for stage in chosen:
                free = CORES - sum(s.cores for s in running)
                if stage.state == "waiting" and stage.cores <= free and is_ready(stage, chosen):
                    begin(stage)
                    running.append(stage)
            time.sleep(0.1)
            for stage in list(running):
                if time.monotonic() - stage.start > 2 * stage.limit:
                    kill(stage)  # it hangs
                if stage.process.poll() is not None:
                    running.remove(stage)
                    finish(stage)
    finally:
        for stage in running:
            kill(stage)


def print_table(chosen, seconds):
    width = max(len(s.name) for s in chosen)
    print(f"\n{'stage':{width}}  seconds  limit")
    for stage in chosen:
        took = f"{stage.seconds:7.0f}" if stage.state in ("passed", "failed") else "      -"
        print(f"{stage.name:{width}}  {took}  {stage.limit:5}" + ("" if stage.state == "passed" else f"  {stage.state}"))
    print(f"{'all, side by side':{width}}  {seconds:7.0f}\n")


def choose(options):
    wanted = {"", *(["full"] if options.full else []), *(["long"] if options.long else [])}
    if not options.only:
        return [s for s in STAGES if s.when in wanted]
    names = options.only.split(",")
    unknown = set(names) - {s.name for s in STAGES}
    if unknown:
        sys.exit(f"stages.py: no stage {', '.join(sorted(unknown))}: see --list")
    return [s for s in STAGES if s.name in names]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", action="store_true", help="and sanitizers, other builds and processors")
    parser.add_argument("--long", action="store_true", help="and what is long by nature")
    parser.add_argument("--only", help="these stages, by name, whatever they come after")
    parser.add_argument("--list", action="store_true", help="say what stages there are")
    options = parser.parse_args()
    chosen = choose(options)
    if options.list:
        for s in chosen:
            print(f"{s.name}: {s.command}")
        return
    LOGS.mkdir(parents=True, exist_ok=True)
    start = time.monotonic()
    run(chosen)
    print_table(chosen, time.monotonic() - start)
    passed = sum(s.state == "passed" for s in chosen)
    print(f"{passed} passed, {len(chosen) - passed} failed")
    sys.exit(passed < len(chosen))


if __name__ == "__main__":
    main()
