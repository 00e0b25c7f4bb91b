"""What comparisons share: programs that they run and measure, and the form of their JSON."""

import json
import re
import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from machine import Machine


@dataclass
class Finished:
    """A program that has ended."""

    seconds: float  # from its start to its end
    peak_bytes: int  # the most that it had resident
    output: str


def peak_resident_bytes(process: int | str) -> int:
    """VmHWM of a process, 0 once it has gone. What wait4 says counts its parent's, too, from before exec."""
    try:
        status = Path(f"/proc/{process}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    return int(found[1]) * 1024 if found else 0


class PeakWatcher:
    """Watches the memory of a process until its end, in a thread."""

    def __init__(self, process: subprocess.Popen):
        self.peak_bytes = 0
        self._thread = threading.Thread(target=self._watch, args=(process,))
        self._thread.start()

    def _watch(self, process: subprocess.Popen) -> None:
        while process.poll() is None:
            self.peak_bytes = max(self.peak_bytes, peak_resident_bytes(process.pid))
            time.sleep(0.01)

    def wait(self) -> int:
        self._thread.join()
        return self.peak_bytes


def run_program(command: list, environment: dict | None = None, check: bool = True) -> Finished:
    """Ends the comparison if the program ends with another code than 0, unless `check` is off."""
    command = list(map(str, command))
    start = time.perf_counter()
    process = subprocess.Popen(
        command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    watcher = PeakWatcher(process)
    try:
        output, errors = process.communicate()
    except BaseException:
        process.kill()
        raise
    seconds = time.perf_counter() - start
    peak = watcher.wait()
    if check and process.returncode != 0:
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}: {(errors or output).strip()[-2000:]}")
    return Finished(seconds, peak, output)


def result(machine: Machine, args, versions: dict, runs, medians, ratios) -> dict:
    """What a comparison found. `runs` has every figure, `medians` those of each program; `ratios` are graft's speed
    divided by the other program's, unless the comparison says otherwise."""
    return {
        "machine": machine.finish(),
        "versions": machine.versions | versions,
        "settings": {name: str(value) if isinstance(value, Path) else value for name, value in vars(args).items()},
        "runs": runs,
        "medians": medians,
        "ratios": ratios,
    }


def write_result(file: Path | None, found: dict) -> None:
    if file is not None:
        file.write_text(json.dumps(found, indent=2, default=str) + "\n", encoding="utf-8")
