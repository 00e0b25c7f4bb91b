#!/usr/bin/env python3
"""Times graft's download of a model from this machine against curl's of the same file, in turn; hashing is graft's alone.

    compare_download.py GRAFT [--megabytes 1000] [--rounds 5]

Checks the file before it counts a time. Prints each round, the medians, their ratio, and graft's peak memory.
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("graft")
    parser.add_argument("--megabytes", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    from hub_downloads import WEIGHTS, Server, make_repository  # numpy and safetensors: .venv-interop

    with tempfile.TemporaryDirectory() as temporary:
        work = Path(temporary)
        make_repository(work / "root" / "acme" / "big", options.megabytes * 10**6, 0)
        server = Server(work / "root")
        environment = os.environ | {"HF_ENDPOINT": server.endpoint, "HF_HUB_CACHE": str(work / "cache"),
                                    "HF_HOME": str(work)}
        server.get("/api/models/acme/big/revision/main?blobs=true")  # the server's own hashing, once
        commit = server.get("/api/models/acme/big")["sha"]
        times: dict[str, list[float]] = {"curl": [], "graft": []}
        peaks = []
        wanted = work / "root/acme/big" / WEIGHTS
        for _ in range(options.rounds):
            start = time.perf_counter()
            subprocess.run(["curl", "-sSL", "-o", work / "curl", f"{server.endpoint}/acme/big/resolve/{commit}/{WEIGHTS}"],
                           check=True)
            times["curl"].append(time.perf_counter() - start)
            subprocess.run(["cmp", work / "curl", wanted], check=True)
            (work / "curl").unlink()

            shutil.rmtree(work / "cache", ignore_errors=True)
            start = time.perf_counter()
            process = subprocess.Popen([options.graft, "tokenize", "--model", "acme/big"], env=environment,
                                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            peaks.append(0.0)
            while process.poll() is None:
                peaks[-1] = max(peaks[-1], peak_megabytes(process.pid))
                time.sleep(0.01)
            times["graft"].append(time.perf_counter() - start)
            found = next((work / "cache").glob(f"models--acme--big/snapshots/*/{WEIGHTS}"))
            subprocess.run(["cmp", found, wanted], check=True)
            print(f"curl {times['curl'][-1]:.2f} s, graft {times['graft'][-1]:.2f} s, {peaks[-1]:.0f} MB")
        curl, graft = (statistics.median(times[key]) for key in ("curl", "graft"))
        print(f"medians: curl {curl:.2f} s ({options.megabytes / curl:.0f} MB/s), "
              f"graft {graft:.2f} s ({options.megabytes / graft:.0f} MB/s); graft reaches {curl / graft:.0%} of curl's "
              f"rate with at most {max(peaks):.0f} MB of memory")


if __name__ == "__main__":
    main()
