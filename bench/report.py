#!/usr/bin/env python3
"""Makes the table of this kind of machine in docs/performance.md: runs the comparisons and writes their medians.

    scripts/setup.sh build interop llama && scripts/make_fixtures.sh --venv
    build/graft data wikisql
    bench/report.py                    # hours, most of them in full-run-epochs and full-run-example: nothing else may run
    bench/report.py --only lora-eager  # of some rows
    bench/report.py --quick            # minutes, to see that all runs: a table on the terminal, of no worth

Each comparison is a process, and its JSON goes into --work when it has ended well: a report that was interrupted goes on,
and what was measured at the same commit is not measured again (--again does). A row says when and at which commit it was
measured; until all are measured, earlier rows of other comparisons stay. The section of this kind of machine (processor,
instructions, cores) is replaced, or added behind the others; those of other kinds stay. Models are made in --work once.
--list says what there is, and how long it takes on two cores.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from comparison import run_program
from machine import ROOT, commit, kind_of

BENCH = Path(__file__).resolve().parent
DOCUMENT = ROOT / "docs" / "performance.md"
GGUF = ROOT / "models" / "smollm2" / "SmolLM2-135M-Instruct.Q4_1.gguf"
EARLIER = "Of rows below that were measured before:"  # before what was said of them
END_OF_SECTIONS = "<!-- end of the machines -->"  # before it new sections are added

Row = tuple[str, str, str, str]  # what was measured, the other program's figures, graft's, and how many times as fast


@dataclass
class Paths:
    graft: Path
    data: Path
    work: Path

    @property
    def checkpoint(self) -> Path:
        return self.work / "smollm2-bf16"

    def model(self, name: str) -> Path:
        return self.work / f"model-{name}"

    def python(self, environment: str) -> Path:
        return ROOT / f".venv-{environment}" / "bin" / "python"


@dataclass
class Comparison:
    name: str
    minutes: int  # about, on two cores
    command: Callable[[Paths], list]
    quick: list  # options of a run that only shows that it runs
    rows: Callable[[dict], list[Row]]
    environment: dict[str, str] = field(default_factory=dict)


def speed_and_memory(each: dict) -> str:
    share = f", {each['of_peak']:.0%} of the peak" if each.get("of_peak") else ""
    return f"{each['tokens_per_second']:.0f} tokens/s{share}, {each['peak_bytes'] / 1e9:.2f} GB"


def training_rows(what: str) -> Callable[[dict], list[Row]]:
    def rows(found: dict) -> list[Row]:
        medians = found["medians"]
        times = f"{found['ratios']['speed']:.2f}"
        return [(what, f"PyTorch: {speed_and_memory(medians['PyTorch'])}", speed_and_memory(medians["graft"]), times)]

    return rows


def full_run_rows(found: dict) -> list[Row]:
    settings, medians = found["settings"], found["medians"]
    texts = {
        name: f"{each['seconds']:.0f} s to a loss of {each['validation_loss']:.3f}, {each['peak_bytes'] / 1e9:.2f} GB"
        for name, each in medians.items()
    }
    what = f"whole training, {settings['iters']} iterations, {settings['lora_layers']} layers"
    return [(what, f"PyTorch ({settings['variant']}): {texts['PyTorch']}", texts["graft"], f"{found['ratios']['speed']:.2f}")]


def trunk_rows(found: dict) -> list[Row]:
    rows = []
    for adapted, each in found["medians"].items():
        ratio = found["ratios"][adapted]
        what = f"lower layers kept, {adapted} of {found['settings']['layers']} layers adapted"
        times = f"{ratio['speed']:.2f} (by the products alone {ratio['limit']:.2f})"
        rows.append((what, f"graft without: {each['without']:.0f} tokens/s", f"{each['kept']:.0f} tokens/s", times))
    return rows


def llama_rows(found: dict) -> list[Row]:
    settings, isa = found["settings"], found["machine"]["instruction_set"]
    whats = {
        "prompt": f"reading a prompt of {settings['prompt_tokens']} tokens, 4 bits",
        "generation": f"generating {settings['tokens']} tokens, 4 bits",
    }
    return [
        (
            f"{what}; graft on {isa}",
            f"llama.cpp: {found['medians']['llama.cpp'][kind]:.0f} tokens/s",
            f"{found['medians']['graft'][kind]:.0f} tokens/s",
            f"{found['ratios'][kind]:.2f}",
        )
        for kind, what in whats.items()
    ]


def convert_rows(found: dict) -> list[Row]:
    texts = {name: f"{each['seconds']:.2f} s, {each['peak_bytes'] / 1e9:.2f} GB" for name, each in found["medians"].items()}
    return [("`convert -q` of the bf16 checkpoint", f"mlx-lm: {texts['mlx-lm']}", texts["graft"],
             f"{found['ratios']['speed']:.2f}")]  # fmt: skip


def product_rows(found: dict) -> list[Row]:
    rows = []
    for name, each in found["medians"].items():
        peak = f"the peak: {each['gflops'] / each['of_peak']:.0f} GFLOPS"
        rows.append((f"products of a layer, {name}", peak, f"{each['gflops']:.0f} GFLOPS", f"{each['of_peak']:.2f}"))
    return rows


def peft(p: Paths, model: str, *options) -> list:
    command = [p.python("fixtures"), BENCH / "compare_peft.py", "--data", p.data, "--model", p.checkpoint]
    return [*command, "--graft", p.graft, "--graft-model", p.model(model), *options]


def full_run(p: Paths, scenario: str) -> list:
    command = [p.python("fixtures"), BENCH / "full_run.py", scenario, "--data", p.data, "--model", p.checkpoint]
    return [*command, "--graft", p.graft, "--graft-model", p.model("bf16")]


def llama_cpp(p: Paths) -> list:
    command = [p.python("llama"), BENCH / "compare_llama_cpp.py", "--gguf", GGUF]
    return [*command, "--graft", p.graft, "--graft-model", p.model("q4")]


QUICK_PEFT = ["--rounds", 1, "--iters", 1, "--window", 1]
COMPARISONS = [
    Comparison("lora-eager", 4, lambda p: peft(p, "bf16", "--iters", 20), QUICK_PEFT, training_rows("LoRA, bf16, eager")),
    Comparison("lora-compiled", 5, lambda p: peft(p, "bf16", "--iters", 20, "--compile"), QUICK_PEFT,
               training_rows("LoRA, bf16, `torch.compile`")),
    Comparison("qlora", 4, lambda p: peft(p, "q4", "--iters", 20, "--nf4"), QUICK_PEFT,
               training_rows("QLoRA, 4 bits (bitsandbytes NF4, eager)")),
    Comparison("full-bf16", 6, lambda p: peft(p, "bf16", "--iters", 6, "--window", 3, "--full"), QUICK_PEFT,
               training_rows("all weights, bf16 over f32 (PyTorch: autocast)")),
    Comparison("full-bf16-adam8", 6, lambda p: peft(p, "bf16", "--iters", 6, "--window", 3, "--full", "--adam-bits", 8),
               QUICK_PEFT, training_rows("all weights, bf16 over f32, graft with `--adam-bits 8`")),
    Comparison("full-f32", 7, lambda p: peft(p, "f32", "--iters", 6, "--window", 3, "--full", "--dtype", "float32"),
               QUICK_PEFT, training_rows("all weights, f32")),
    Comparison("trunk-cache", 7, lambda p: [sys.executable, BENCH / "trunk_cache.py", "--data", p.data, "--graft", p.graft,
                                            "--model", p.model("q4")],
               ["--rounds", 1, "--examples", 8, "--epochs", 2], trunk_rows),
    Comparison("llama-avx2", 3, llama_cpp, ["--rounds", 1, "--tokens", 8, "--prompt-tokens", 64], llama_rows,
               {"GRAFT_CPU_ISA": "avx2"}),
    Comparison("llama", 3, llama_cpp, ["--rounds", 1, "--tokens", 8, "--prompt-tokens", 64], llama_rows),
    Comparison("convert", 1, lambda p: [p.python("interop"), BENCH / "compare_convert.py", "--graft", p.graft,
                                        "--model", p.checkpoint],
               ["--rounds", 1], convert_rows),
    Comparison("products", 2, lambda p: [sys.executable, BENCH / "products.py", "--graft", p.graft], ["--rounds", 1],
               product_rows),
    Comparison("full-run-example", 70, lambda p: full_run(p, "example"),
               ["--rounds", 1, "--iters", 10, "--probe", 4, "--examples", 12, "--variants", "eager-bf16"], full_run_rows),
    Comparison("full-run-epochs", 160, lambda p: full_run(p, "epochs"),
               ["--rounds", 1, "--epochs", 3, "--probe", 4, "--examples", 12, "--variants", "eager-bf16"], full_run_rows),
]  # fmt: skip


def make_models(p: Paths) -> None:
    """What is not there yet; a folder gets its name when it is whole."""
    convert = [p.graft, "convert", "--mlx-path"]
    to_checkpoint = [p.python("fixtures"), ROOT / "scripts" / "fixtures" / "smollm2_to_hf.py", GGUF]
    todo = {
        p.checkpoint: lambda out: [*to_checkpoint, out],
        p.model("q4"): lambda out: [*convert, out, "--hf-path", GGUF],
        p.model("bf16"): lambda out: [*convert, out, "--hf-path", p.checkpoint],
        p.model("f32"): lambda out: [*convert, out, "--hf-path", p.checkpoint, "--dtype", "float32"],
    }
    for folder, command in todo.items():
        if not folder.exists():
            with tempfile.TemporaryDirectory(dir=p.work) as temporary:
                run_program(command(Path(temporary) / "made"))
                (Path(temporary) / "made").rename(folder)


def read_result(file: Path) -> dict | None:
    return json.loads(file.read_text(encoding="utf-8")) if file.exists() else None


def measure(comparison: Comparison, p: Paths, options: argparse.Namespace, results: Path) -> None:
    """Leaves the result in `results`, whole or not at all."""
    file = results / f"{comparison.name}.json"
    earlier, now = read_result(file), commit()
    if earlier and earlier["machine"]["commit"] == now and not now.endswith("-dirty") and not options.again:
        print(f"{comparison.name}: measured at this commit on {earlier['machine']['date']}", flush=True)
        return
    command = [*comparison.command(p), *(comparison.quick if options.quick else [])]
    command += ["--rounds", options.rounds] if options.rounds else []
    unfinished = results / f"{comparison.name}.unfinished"
    command = list(map(str, [*command, "--json", unfinished]))
    print(f"{comparison.name}: {' '.join(command)}", flush=True)
    if subprocess.run(command, env=os.environ | comparison.environment, cwd=ROOT).returncode != 0:
        raise SystemExit(f"{comparison.name} failed; what was measured before it is kept")
    unfinished.rename(file)


def days(text: str) -> str:
    date = datetime.fromisoformat(text)
    return f"{date.day} {date:%b %Y}"


def section(kind: str, found: dict[str, dict], document: str) -> str:
    """The section of a kind of machine, of the results by the names of their comparisons. Where some are missing, rows of
    the section that is there stay, and what it says of them."""
    machines = [each["machine"] for each in found.values()]
    newest = max(machines, key=lambda machine: machine["date"])
    versions = {name: version for each in found.values() for name, version in each["versions"].items()}
    versions = {name: version for name, version in versions.items() if name != "llama.cpp"}  # what it was built with
    lines = [
        f"<!-- machine: {kind} -->",
        f"## {kind}",
        "",
        f"{newest['processor']}: {newest['cores']} cores, {newest['threads']} threads, "
        f"{newest['memory_bytes'] / 1e9:.0f} GB, {newest['system']}.",
    ]
    peaks = [machine["peaks"] for machine in machines if machine["peaks"] and machine["instruction_set"] == best_of(machine)]
    if peaks:
        f32, bf16, read = (max(each[name] for each in peaks) for name in ("f32_gflops", "bf16_gflops", "read_gb_per_s"))
        in_bf16 = f", {bf16:.0f} in bf16" if bf16 else ""
        lines.append(f"Measured peaks: {f32:.0f} GFLOPS in f32{in_bf16}; {read:.1f} GB/s read from memory.")
    others, steal = (max(machine[name] for machine in machines) for name in ("others", "steal"))
    lines += [
        f"Of the processors' time during a comparison other programs took at most {others:.1%}, the host {steal:.1%}.",
        ", ".join(f"{name} {version}" for name, version in sorted(versions.items())) + ".",
        "",
    ]
    earlier = own_section(kind).search(document) if len(found) < len(COMPARISONS) else None
    if earlier:
        said = [line for line in introduction(earlier[0]) if line not in lines]
        lines += [EARLIER, *said, ""]
    lines += ["| | beside | graft | times as fast | measured |", "|---|---|---|---|---|"]
    for comparison in COMPARISONS:
        if each := found.get(comparison.name):
            when = f"{days(each['machine']['date'])}, {short(each['machine']['commit'])}"
            lines += [f"| {' | '.join(row)} | {when} |" for row in comparison.rows(each)]
    if earlier:
        new = {label_of(line) for line in lines}
        rows = [line for line in earlier[0].splitlines() if line.startswith("| ")]
        lines += [row for row in rows if label_of(row) not in new]
    return "\n".join([*lines, f"<!-- end of {kind} -->", ""])


def introduction(text: str) -> list[str]:
    """What a section says before its table."""
    return [line for line in text.partition("\n| ")[0].splitlines()[2:] if line and line != EARLIER]


def label_of(row: str) -> str:
    """The first cell of a table's row."""
    return row.split("|")[1].strip() if row.startswith("|") else ""


def own_section(kind: str) -> re.Pattern:
    return re.compile(rf"<!-- machine: {re.escape(kind)} -->\n.*?<!-- end of {re.escape(kind)} -->\n", re.DOTALL)


def best_of(machine: dict) -> str:
    return machine["instruction_sets"][0]


def short(name: str) -> str:
    return name[:9] + ("-dirty" if name.endswith("-dirty") else "")


def with_section(document: str, kind: str, text: str) -> str:
    """The document with the section of this kind replaced, or added behind those of others."""
    if own_section(kind).search(document):
        return own_section(kind).sub(lambda _: text, document)
    if document.count(END_OF_SECTIONS) != 1:
        raise SystemExit(f"{DOCUMENT} has no line {END_OF_SECTIONS}, before which the section would come")
    return document.replace(END_OF_SECTIONS, f"{text}\n{END_OF_SECTIONS}")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    names = [comparison.name for comparison in COMPARISONS]
    parser.add_argument("--only", nargs="+", choices=names, default=names, metavar="NAME", help="see --list")
    parser.add_argument("--quick", action="store_true", help="the shortest runs; the document stays as it is")
    parser.add_argument("--rounds", type=int, help="of each comparison, in place of its own number")
    parser.add_argument("--again", action="store_true", help="also what was measured at this commit")
    parser.add_argument("--list", action="store_true", help="say what there is, and end")
    parser.add_argument("--graft", type=Path, default=ROOT / "build" / "graft")
    parser.add_argument("--data", type=Path, default=ROOT / "data" / "wikisql")
    parser.add_argument("--work", type=Path, default=ROOT / "build-report", help="results and models")
    return parser.parse_args()


def main() -> None:
    args = arguments()
    if args.list:
        for comparison in COMPARISONS:
            print(f"{comparison.name:17} {comparison.minutes:4} min")
        return
    info = json.loads(run_program([args.graft, "info", "--json"]).output)
    kind = kind_of(info)
    args.work = args.work.resolve()  # comparisons run in another folder
    results = args.work / ("quick" if args.quick else re.sub(r"\W+", "-", kind))
    results.mkdir(parents=True, exist_ok=True)
    p = Paths(args.graft.resolve(), args.data.resolve(), args.work)
    make_models(p)
    for comparison in COMPARISONS:
        slower = comparison.environment.get("GRAFT_CPU_ISA")
        if comparison.name in args.only and slower != info["instruction_set"]["available"][0]:
            measure(comparison, p, args, results)
    found = {each.name: read_result(results / f"{each.name}.json") for each in COMPARISONS}
    document = "" if args.quick else DOCUMENT.read_text(encoding="utf-8")
    text = section(kind, {name: each for name, each in found.items() if each}, document)
    print(text)
    if not args.quick:
        DOCUMENT.write_text(with_section(document, kind, text), encoding="utf-8")


if __name__ == "__main__":
    main()
