#!/usr/bin/env python3
"""Times graft's download and upload of a model against curl's of the same file, from and to this machine, in turn.

    compare_hub.py GRAFT [--megabytes 1000] [--rounds 5]

Downloads: hashing is graft's alone. Uploads: curl puts the file where graft puts its parts, and hashes nothing; the
server, which is Python's, hashes both, and is most of the time. Checks the file before it counts a time. Prints each
round, the medians, their ratio, and graft's peak memory.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tests" / "interop"))


def peak_megabytes(process: int) -> float:
    """The most memory that a process has had; what wait4 says counts its parent's, from before exec."""
    try:
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1000 for line in lines if line.startswith("VmHWM")), 0.0)


def timed(command: list, environment: dict) -> tuple[float, float]:
    """Seconds that a program takes, and the megabytes of memory that it has at most."""
    start, peak = time.perf_counter(), 0.0
    process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL)
    while process.poll() is None:
        peak = max(peak, peak_megabytes(process.pid))
        time.sleep(0.01)
    return time.perf_counter() - start, peak


def report(what: str, megabytes: int, times: dict[str, list[float]], peaks: list[float]) -> None:
    curl, graft = (statistics.median(times[key]) for key in ("curl", "graft"))
    print(f"{what}, medians: curl {curl:.2f} s ({megabytes / curl:.0f} MB/s), graft {graft:.2f} s "
          f"({megabytes / graft:.0f} MB/s); graft reaches {curl / graft:.0%} of curl's rate with at most "
          f"{max(peaks):.0f} MB of memory")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("graft")
    parser.add_argument("--megabytes", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    import hub  # numpy and safetensors: .venv-interop
    from hub_downloads import WEIGHTS, make_repository

    with tempfile.TemporaryDirectory() as temporary:
        work = Path(temporary)
        root = work / "root"
        make_repository(root / "acme" / "big", options.megabytes * 10**6, 0)
        (root / "acme" / "big" / "README.md").write_text("Big\n")
        server = hub.Server(root)
        environment = os.environ | {"HF_ENDPOINT": server.endpoint, "HF_HUB_CACHE": str(work / "cache"),
                                    "HF_HOME": str(work), "HF_TOKEN": "hf_secret"}
        server.get("/api/models/acme/big/revision/main?blobs=true")  # the server's own hashing, once
        commit = server.get("/api/models/acme/big")["sha"]
        wanted = root / "acme/big" / WEIGHTS
        times: dict[str, list[float]] = {"curl": [], "graft": []}
        peaks = []
        for _ in range(options.rounds):
            url = f"{server.endpoint}/acme/big/resolve/{commit}/{WEIGHTS}"
            times["curl"].append(timed(["curl", "-sSL", "-o", work / "curl", url], environment)[0])
            subprocess.run(["cmp", work / "curl", wanted], check=True)
            (work / "curl").unlink()
            shutil.rmtree(work / "cache", ignore_errors=True)
            seconds, peak = timed([options.graft, "tokenize", "--model", "acme/big"], environment)
            times["graft"].append(seconds)
            peaks.append(peak)
            found = next((work / "cache").glob(f"models--acme--big/snapshots/*/{WEIGHTS}"))
            subprocess.run(["cmp", found, wanted], check=True)
            print(f"download: curl {times['curl'][-1]:.2f} s, graft {seconds:.2f} s, {peak:.0f} MB")
        report("download", options.megabytes, times, peaks)

        shutil.rmtree(work / "cache", ignore_errors=True)
        shutil.copytree(root / "acme/big", work / "big")
        oid = subprocess.run(["sha256sum", wanted], check=True, capture_output=True, text=True).stdout.split()[0]
        second = server.second_port()
        times, peaks = {"curl": [], "graft": []}, []
        for _ in range(options.rounds):
            url = f"http://127.0.0.1:{second}/put/{oid}"
            times["curl"].append(timed(["curl", "-sS", "-f", "-H", "Expect:", "-T", wanted, url], environment)[0])
            subprocess.run(["cmp", root / ".objects" / oid, wanted], check=True)
            shutil.rmtree(root / ".objects")
            (root / ".objects").mkdir()
            shutil.rmtree(root / "me", ignore_errors=True)
            seconds, peak = timed([options.graft, "upload", work / "big", "--repo", "me/big"], environment)
            times["graft"].append(seconds)
            peaks.append(peak)
            subprocess.run(["cmp", root / "me/big" / WEIGHTS, wanted], check=True)
            shutil.rmtree(root / ".objects")
            (root / ".objects").mkdir()
            print(f"upload: curl {times['curl'][-1]:.2f} s, graft {seconds:.2f} s, {peak:.0f} MB")
        report("upload", options.megabytes, times, peaks)


if __name__ == "__main__":
    main()
