"""What a comparison ran on: facts of the machine and of the source, which every comparison prints and keeps.

    machine = Machine(graft)          # before the first run; prints
    ...
    facts = machine.finish()          # after the last one; prints

graft's program says what the processor is; its peaks are measured by products_bench, built beside it, at both ends of a
comparison, a second each: the higher figures count, since other programs only lower them. `steal` is the share of the
processors' time that the host of a virtual machine gave to others, `others` that of programs that the comparison did not
start, and `load_before` and `load_after` are the load averages of 1, 5 and 15 minutes.
"""

import json
import os
import platform
import re
import subprocess
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PEAKS = {"f32_gflops": "peak f32 GFLOPS", "bf16_gflops": "peak bf16 GFLOPS", "read_gb_per_s": "memory read GB/s"}


@dataclass
class ProcessorTime:
    """Seconds of all processors since the start of the system; 0 where it does not say."""

    total: float = 0.0
    busy: float = 0.0  # in programs and for them
    stolen: float = 0.0
    own: float = 0.0  # of busy: this process, and those that it started and that have ended

    @classmethod
    def now(cls) -> "ProcessorTime":
        try:
            line = Path("/proc/stat").read_text().split("\n", 1)[0]
        except FileNotFoundError:
            return cls()
        ticks = os.sysconf("SC_CLK_TCK")
        user, nice, system, idle, waiting, irq, soft, stolen = (int(value) / ticks for value in line.split()[1:9])
        busy = user + nice + system + irq + soft
        return cls(busy + idle + waiting + stolen, busy, stolen, sum(os.times()[:4]))

    def __sub__(self, other: "ProcessorTime") -> "ProcessorTime":
        return ProcessorTime(*(getattr(self, name) - getattr(other, name) for name in ("total", "busy", "stolen", "own")))

    def share(self, seconds: float) -> float:
        return seconds / self.total if self.total else 0.0


class Machine:
    """`graft` is the program that is measured; without one there is less to say."""

    def __init__(self, graft: Path | str | None, threads: int | None = None):
        self.graft = None if graft is None else Path(graft)
        self.environment = os.environ | ({} if threads is None else {"GRAFT_THREADS": str(threads)})
        self.start = ProcessorTime.now()
        self.facts = {
            "kind": None,
            "processor": processor_name(),
            "cores": physical_cores(),
            "threads": os.cpu_count(),
            "instruction_sets": [],
            "instruction_set": None,
            "peaks": None,
            "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
            "system": f"{platform.system()} {platform.machine()}",
            "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
            "commit": commit(),
            "load_before": os.getloadavg(),
        }
        self.versions = {}
        if self.graft is not None:
            info = json.loads(self._output([self.graft, "info", "--json"]))
            sets = info["instruction_set"]
            self.facts |= {
                "kind": kind_of(info),
                "processor": info["cpu"]["model"],
                "instruction_sets": sets["available"],
                "instruction_set": sets["name"],
                "peaks": self._peaks(),
            }
            self.versions = {"graft": info["graft_version"], "MLX": info["mlx_version"]}
        self._print()

    def finish(self) -> dict:
        """The facts, with load and steal as they were in the meantime."""
        spent = ProcessorTime.now() - self.start  # before the peaks are measured again
        load = os.getloadavg()
        again = self._peaks() if self.facts["peaks"] else None
        if again:
            self.facts["peaks"] = {name: max(peak, again[name]) for name, peak in self.facts["peaks"].items()}
        self.facts |= {"load_after": load, "steal": spent.share(spent.stolen)}
        self.facts["others"] = spent.share(max(spent.busy - spent.own, 0.0))
        print(f"load after: {load[0]:.2f}; meanwhile the host took {self.facts['steal']:.1%} of the processors' time", end="")
        print(f", other programs {self.facts['others']:.1%}", flush=True)
        return self.facts

    def _output(self, command: list) -> str:
        command = list(map(str, command))
        done = subprocess.run(command, capture_output=True, text=True, env=self.environment)
        if done.returncode != 0:
            raise SystemExit(f"{' '.join(command)} ended with {done.returncode}: {done.stderr.strip()}")
        return done.stdout

    def _peaks(self) -> dict[str, float] | None:
        """None where the benchmarks were not built."""
        bench = self.graft.parent / "bench" / "products_bench"
        if not bench.exists():
            return None
        # The context comes with a benchmark only: the shortest one.
        options = ["--benchmark_filter=lora_up/f32/N:90/", "--benchmark_min_time=0.001", "--json"]
        context = json.loads(self._output([bench, *options]))["context"]
        return {name: float(context[key]) for name, key in PEAKS.items()}

    def _print(self) -> None:
        facts = self.facts
        print(f"machine: {facts['processor']}, {facts['cores']} cores, {facts['threads']} threads", end="")
        print(f", {facts['instruction_set'] or facts['system']}, {facts['memory_bytes'] / 1e9:.0f} GB; ", end="")
        print(f"load {facts['load_before'][0]:.2f}; {facts['date']}, commit {facts['commit'][:12]}")
        if facts["peaks"]:
            print("peaks: {f32_gflops} GFLOPS f32, {bf16_gflops} bf16, {read_gb_per_s} GB/s".format(**facts["peaks"]))
        elif self.graft is not None:
            print("peaks: not measured, since bench/products_bench is not built beside the program")
        print(end="", flush=True)


def processor_name() -> str:
    try:
        found = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    except FileNotFoundError:
        found = None
    return found[1] if found else platform.processor() or platform.machine()


def physical_cores() -> int:
    """Cores, each with one or more threads; processors where the system does not say."""
    try:
        text = Path("/proc/cpuinfo").read_text()
    except FileNotFoundError:
        return os.cpu_count()
    cores = set(re.findall(r"physical id\s*: (\d+)\n(?:.+\n)*?core id\s*: (\d+)", text))
    return len(cores) or os.cpu_count()


def kind_of(info: dict) -> str:
    """Of `graft info --json`: what machines with comparable figures share, such as "AMD EPYC, AVX-512 bf16, 2 cores"."""
    name = re.sub(r"\((R|TM)\)| CPU\b| Processor\b|\d+-Core\b|@.*", "", info["cpu"]["model"])
    sets = info["instruction_set"]
    if sets["amx_bf16"]:
        instructions = "AMX bf16"
    elif sets["avx512_bf16"]:
        instructions = "AVX-512 bf16"
    else:
        best = sets["available"][0]
        instructions = {"avx3_vnni": "AVX-512 VNNI", "avx3": "AVX-512"}.get(best, best.upper())
    return f"{' '.join(name.split())}, {instructions}, {info['cpu']['usable_cores']} cores"


def commit() -> str:
    """Of the source that this file is of; "-dirty" where files beside the documentation differ from it."""
    try:
        git = ["git", "-C", str(ROOT)]
        found = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()
        changed = subprocess.run(
            [*git, "diff", "--name-only", "HEAD", "--", ".", ":!docs"], check=True, capture_output=True, text=True
        ).stdout
    except (FileNotFoundError, subprocess.CalledProcessError):
        return "unknown"
    return found + ("-dirty" if changed.strip() else "")
