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
from pathlib import Path

from comparison import result, run_program, write_result
from machine import Machine

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tests" / "interop"))


def timed(command: list, environment: dict, check: bool = True) -> dict[str, float]:
    done = run_program(command, environment, check)
    return {"seconds": done.seconds, "peak_bytes": done.peak_bytes}


def report(what: str, megabytes: int, runs: dict[str, list[dict]]) -> tuple[dict, dict]:
    """The medians of a direction, and graft's rate divided by curl's."""
    medians = {
        name: {
            "seconds": statistics.median(run["seconds"] for run in each),
            "peak_bytes": max(run["peak_bytes"] for run in each),
        }
        for name, each in runs.items()
    }
    curl, graft = medians["curl"]["seconds"], medians["graft"]["seconds"]
    print(f"{what}, medians: curl {curl:.2f} s ({megabytes / curl:.0f} MB/s), graft {graft:.2f} s "
          f"({megabytes / graft:.0f} MB/s); graft reaches {curl / graft:.0%} of curl's rate with at most "
          f"{medians['graft']['peak_bytes'] / 1e6:.0f} MB of memory")
    return medians, {"speed": curl / graft}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("graft")
    parser.add_argument("--megabytes", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write facts, all runs and medians to this file")
    options = parser.parse_args()
    machine = Machine(options.graft)
    runs, medians, ratios = {}, {}, {}

    def keep(what: str, curl: dict, graft: dict) -> None:
        runs[what]["curl"].append(curl)
        runs[what]["graft"].append(graft)
        print(f"{what}: curl {curl['seconds']:.2f} s, graft {graft['seconds']:.2f} s, {graft['peak_bytes'] / 1e6:.0f} MB")

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
        runs["download"] = {"curl": [], "graft": []}
        for _ in range(options.rounds):
            url = f"{server.endpoint}/acme/big/resolve/{commit}/{WEIGHTS}"
            curl = timed(["curl", "-sSL", "-o", work / "curl", url], environment)
            subprocess.run(["cmp", work / "curl", wanted], check=True)
            (work / "curl").unlink()
            shutil.rmtree(work / "cache", ignore_errors=True)
            # Its tokenizer.json is none, which graft says once all is there.
            graft = timed([options.graft, "tokenize", "--model", "acme/big"], environment, check=False)
            found = next((work / "cache").glob(f"models--acme--big/snapshots/*/{WEIGHTS}"))
            subprocess.run(["cmp", found, wanted], check=True)
            keep("download", curl, graft)
        medians["download"], ratios["download"] = report("download", options.megabytes, runs["download"])

        shutil.rmtree(work / "cache", ignore_errors=True)
        shutil.copytree(root / "acme/big", work / "big")
        oid = subprocess.run(["sha256sum", wanted], check=True, capture_output=True, text=True).stdout.split()[0]
        second = server.second_port()
        runs["upload"] = {"curl": [], "graft": []}
        for _ in range(options.rounds):
            url = f"http://127.0.0.1:{second}/put/{oid}"
            curl = timed(["curl", "-sS", "-f", "-H", "Expect:", "-T", wanted, url], environment)
            subprocess.run(["cmp", root / ".objects" / oid, wanted], check=True)
            shutil.rmtree(root / ".objects")
            (root / ".objects").mkdir()
            shutil.rmtree(root / "me", ignore_errors=True)
            graft = timed([options.graft, "upload", work / "big", "--repo", "me/big"], environment)
            subprocess.run(["cmp", root / "me/big" / WEIGHTS, wanted], check=True)
            shutil.rmtree(root / ".objects")
            (root / ".objects").mkdir()
            keep("upload", curl, graft)
        medians["upload"], ratios["upload"] = report("upload", options.megabytes, runs["upload"])
    write_result(options.json, result(machine, options, {}, runs, medians, ratios))


if __name__ == "__main__":
    main()
