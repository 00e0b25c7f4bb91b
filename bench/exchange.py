#!/usr/bin/env python3
"""What the exchange of gradients takes: build/bench/exchange_times by 2 and 4 processes over MLX's ring and Open MPI on
loopback, and by two in network namespaces through a link of 1 Gbit/s (root), as a table; and what follows from it.

    bench/exchange.py BENCH [--parameters N ...] [--step-seconds S]

The second table has, for gradients of so many parameters, the efficiency that 2 to 64 hosts can have, where a host's part
of a step takes --step-seconds: step / (step + exchange), with the ring's arithmetic on the measured bytes a second.
"""

import argparse
import contextlib
import json
import os
import pathlib
import shutil
import socket
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tests" / "interop"))

MPI = {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
GATHERED = 16 << 20  # bytes; above, more than two processes use the engine's all-reduce


def read(out):
    return {line["bytes"]: line["seconds"] for line in map(json.loads, out.splitlines())}


def environment(rank, ranks, meeting):
    return os.environ | {"GRAFT_RANK": str(rank), "GRAFT_SIZE": str(ranks), "GRAFT_MEETING": meeting, "GRAFT_SECRET": "0123456789abcdef"}


def ring(bench, ranks):
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        meeting = f"127.0.0.1:{one.getsockname()[1]}"
    others = [subprocess.Popen([bench], env=environment(rank, ranks, meeting)) for rank in range(1, ranks)]
    first = subprocess.run([bench], env=environment(0, ranks, meeting), capture_output=True, text=True, check=True)
    for other in others:
        other.wait()
    return read(first.stdout)


def mpi(bench, ranks):
    command = ["mpirun", "--oversubscribe", "--bind-to", "none", "-n", str(ranks), str(bench)]
    return read(subprocess.run(command, env=os.environ | MPI, capture_output=True, text=True, check=True).stdout)


def namespaces(bench):
    import distributed  # its two hosts

    with distributed.two_hosts() as names:
        for name in names:
            subprocess.run(["tc", "-n", name, "qdisc", "add", "dev", "g0", "root", "tbf", "rate", "1gbit", "burst", "256kb",
                            "latency", "50ms"], check=True)  # fmt: skip
        ranks = [subprocess.Popen(["ip", "netns", "exec", name, str(bench)], stdout=subprocess.PIPE, text=True,
                                  env=environment(rank, 2, "10.77.0.1:32323")) for rank, name in enumerate(names)]  # fmt: skip
        out, _ = ranks[0].communicate()
        ranks[1].communicate()
        return read(out)


def of_size(bytes_):
    return f"{bytes_ // 1024} KB" if bytes_ < 1 << 20 else f"{bytes_ >> 20} MB"


def seconds(value):
    return f"{value * 1e3:.2f} ms" if value < 1 else f"{value:.2f} s"


def exchange_seconds(call, byte, bytes_, hosts):
    moved = (hosts - 1) * bytes_ if hosts == 2 or bytes_ <= GATHERED else 2 * (hosts - 1) / hosts * bytes_
    return call * (hosts - 1) + byte * moved


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bench", type=pathlib.Path)
    parser.add_argument("--parameters", type=int, nargs="+", default=[245760, 4_900_000, 134_515_008])
    parser.add_argument("--step-seconds", type=float, nargs="+", default=[0.5, 0.5, 1.2])
    args = parser.parse_args()
    bench = args.bench.resolve()
    measured = {"ring, 2": ring(bench, 2), "ring, 4": ring(bench, 4)}
    if shutil.which("mpirun"):
        measured |= {"MPI, 2": mpi(bench, 2), "MPI, 4": mpi(bench, 4)}
    with contextlib.suppress(Exception):
        measured["ring, 2, 1 Gbit/s"] = namespaces(bench)
    print(f"| bytes | {' | '.join(measured)} |\n|---{'|---' * len(measured)}|")
    for bytes_ in measured["ring, 2"]:
        print(f"| {of_size(bytes_)} | {' | '.join(seconds(each[bytes_]) for each in measured.values())} |")
    link = measured.get("ring, 2, 1 Gbit/s")
    if not link:
        return
    sizes = sorted(link)
    call, byte = link[sizes[0]], (link[sizes[-1]] - link[sizes[0]]) / (sizes[-1] - sizes[0])
    hosts = [2, 4, 8, 16, 32, 64]
    print(f"\n| parameters, seconds of a step | {' | '.join(f'{n} hosts' for n in hosts)} |\n|---{'|---' * len(hosts)}|")
    for parameters, step in zip(args.parameters, args.step_seconds, strict=True):
        shares = [step / (step + exchange_seconds(call, byte, 4 * parameters, n)) for n in hosts]
        print(f"| {parameters / 1e6:.2f}M, {step} s | {' | '.join(f'{share:.0%}' for share in shares)} |")


if __name__ == "__main__":
    main()
