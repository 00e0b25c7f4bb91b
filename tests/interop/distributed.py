#!/usr/bin/env python3
"""Trainings of several processes, on the engines and under the faults that need more than a unit test: Open MPI, a real SSH
server on this machine, two hosts in network namespaces, and random kills.

    distributed.py GRAFT [--kills N] [--seed N] [CHECK ...]

  mpi         mpirun and `graft launch --backend mpi`: the bytes of MLX's ring, twice the same
  curve       200 steps by 1, 2 and 4 processes on both engines: losses within 0.002
  kills       a random rank is killed again and again, `--restarts` goes on: the bytes of a run that nobody disturbed
  ssh         two hosts over sshd on loopback: bytes, Ctrl-C, a host key that is not known, a host that is not there
  namespaces  two hosts in network namespaces: bytes, and a link that is cut while they train

What is not installed, or not allowed here, is said and left out: Open MPI, sshd, namespaces (root).
"""

import argparse
import contextlib
import getpass
import json
import os
import pathlib
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

import mlx.core as mx
import tiny_models

STOPS_WITHIN = 15  # seconds from a fault to the end of all
MPI = {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}


class Left(Exception):
    """A check that cannot be made here."""


def lora(folder, adapter, *more):
    return ["lora", "--train", "--model", folder / "model", "--data", folder / "data", "--iters", "12", "--batch-size", "4",
            "--save-every", "4", "--steps-per-eval", "6", "--steps-per-report", "2", "--lora-layers", "2", "--threads", "1",
            "--learning-rate", "1e-3", "--adapter-file", adapter, "--sample-tokens", "0", *more]  # fmt: skip


def run(command, environment=None, limit=120):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=limit,
                          env=os.environ | (environment or {}))  # fmt: skip
    return done


def succeeded(command, environment=None):
    done = run(command, environment)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}\nended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done


def require(condition, what):
    if not condition:
        sys.exit(what)


def write_inputs(folder):
    tiny_models.write_checkpoint(folder / "model", mx.float32)
    (folder / "data").mkdir()
    rng = random.Random(1)
    for split in ["train", "valid"]:
        lines = [json.dumps({"text": "".join(chr(40 + (i * 7 + j) % 50) for j in range(rng.randint(20, 60)))})
                 for i in range(40)]  # fmt: skip
        (folder / "data" / f"{split}.jsonl").write_text("\n".join(lines))


def losses(text):
    return [float(loss) for loss in re.findall(r"(?:Train|Val) loss ([0-9.]+)", text)]


def mpi(graft, folder, _):
    if not shutil.which("mpirun"):
        raise Left("Open MPI is not installed")
    bytes_of = {}
    for ranks in [2, 3]:
        runs = {"ring": [graft, "launch", "-n", ranks, "--"],
                "launched": [graft, "launch", "--backend", "mpi", "-n", ranks, "--"],
                "mpirun": ["mpirun", "--oversubscribe", "--bind-to", "none", "-n", ranks, graft]}  # fmt: skip
        for name, start in runs.items():
            for attempt in range(2):
                adapter = folder / f"{name}{ranks}{attempt}.npz"
                done = succeeded([*start, *lora(folder, adapter)], MPI)
                require(done.stdout.count("Saved adapter weights") == 3, f"{name}: not one of {ranks} speaks:\n{done.stdout}")
                bytes_of[name, ranks, attempt] = adapter.read_bytes()
        require(len({each for key, each in bytes_of.items() if key[1] == ranks}) == 1,
                f"{ranks} processes give other bytes on other engines")  # fmt: skip
    # Weights that are trained as they are, more than are gathered: by the engines' own sums.
    more = ["--fine-tune-type", "full", "--iters", "3"]
    for name, start in {"ring": [graft, "launch", "-n", 3, "--"],
                        "mpi": [graft, "launch", "--backend", "mpi", "-n", 3, "--"]}.items():  # fmt: skip
        files = [folder / f"full-{name}{attempt}.safetensors" for attempt in range(2)]
        for file in files:
            succeeded([*start, *lora(folder, file, *more)], MPI)
        require(files[0].read_bytes() == files[1].read_bytes(), f"{name}: other bytes at the second time")
    adapter = folder / "interrupted.npz"
    process = subprocess.Popen([str(word) for word in [graft, "launch", "--backend", "mpi", "-n", 2, "--",
                                                       *lora(folder, adapter, "--iters", "100000000")]],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ | MPI)  # fmt: skip
    for line in process.stdout:
        if "Iter 4: " in line:
            break
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=60)
    require(process.returncode != 0 and "Interrupted" in error and adapter.exists(), f"Ctrl-C: {process.returncode}\n{error}")
    return "2 and 3 processes: one file from the ring, from graft launch and from mpirun, and at the second time"


def curve(graft, folder, _):
    more = ["--iters", "200", "--steps-per-eval", "50"]
    expected = losses(succeeded([graft, *lora(folder, folder / "c.npz", *more)]).stdout)
    worst = 0
    for backend in ["ring", "mpi"] if shutil.which("mpirun") else ["ring"]:
        for ranks in [2, 4]:
            found = losses(succeeded([graft, "launch", "--backend", backend, "-n", ranks, "--",
                                      *lora(folder, folder / "c.npz", *more)], MPI).stdout)  # fmt: skip
            require(len(found) == len(expected), f"{backend}, {ranks}: {len(found)} losses, not {len(expected)}")
            worst = max(worst, *(abs(a - b) for a, b in zip(found, expected, strict=True)))
    require(worst <= 0.002, f"losses differ by {worst}")
    return f"200 steps by 2 and 4 processes: losses within {worst:.3f}"


def processes_with(word):
    """Their folders in /proc, of those with a word on their command line."""
    found = []
    for path in pathlib.Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if word.encode() in path.joinpath("cmdline").read_bytes() and path.name != str(os.getpid()):
                found.append(path)
    return found


def processes_of(mark):
    """The ranks' processes of a launch, by rank."""
    found = {}
    for path in pathlib.Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            variables = path.joinpath("environ").read_bytes().split(b"\0")
            if mark in variables and b"--keep-job" not in path.joinpath("cmdline").read_bytes():
                for variable in variables:
                    if variable.startswith(b"GRAFT_RANK="):
                        found[int(variable.split(b"=")[1])] = int(path.name)
    return found


def kills(graft, folder, options):
    rng = random.Random(options.seed)
    whole = folder / "whole.npz"
    more = ["--iters", "60", "--save-every", "2"]
    start = time.monotonic()
    succeeded([graft, "launch", "-n", 2, "--", *lora(folder, whole, *more)])
    span = time.monotonic() - start
    killed = trainings = 0
    while killed < options.kills:
        adapter = folder / f"killed{trainings}.npz"
        mark = f"OF_DISTRIBUTED={trainings}"
        arguments = [graft, "launch", "-n", 2, "--restarts", 1000, "--", *lora(folder, adapter, *more)]
        name, value = mark.split("=")
        with (folder / "log").open("w") as log:
            process = subprocess.Popen([str(word) for word in arguments], stdout=log, stderr=subprocess.STDOUT,
                                       env=os.environ | {name: value})  # fmt: skip
            own = 0
            while process.poll() is None:
                time.sleep(rng.uniform(0, span) / 2)
                there = processes_of(mark.encode())
                if there and own < 5 and killed < options.kills:  # else it would not come to its end
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(rng.choice(list(there.values())), signal.SIGKILL)
                        killed, own = killed + 1, own + 1
        require(process.returncode == 0, f"ended with {process.returncode}:\n{(folder / 'log').read_text()[-3000:]}")
        require(adapter.read_bytes() == whole.read_bytes(), f"another adapter after {killed} kills")
        require(not processes_of(mark.encode()), "a process is left")
        trainings += 1
    return f"{killed} kills in {trainings} trainings: the bytes of one that nobody disturbed"


def free_port(host):
    with socket.socket() as one:
        one.bind((host, 0))
        return one.getsockname()[1]


@contextlib.contextmanager
def ssh_server(folder):
    """An SSH server on 127.0.0.2 for this user; the command that reaches it, and its file of known hosts."""
    sshd = shutil.which("sshd", path="/usr/sbin:/usr/bin")
    if not sshd or not shutil.which("ssh-keygen"):
        raise Left("sshd is not installed")
    for name in ["host", "own"]:
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True)
    (folder / "authorized").write_bytes((folder / "own.pub").read_bytes())
    (folder / "authorized").chmod(0o600)
    port = free_port("127.0.0.2")
    if os.geteuid() == 0:
        pathlib.Path("/run/sshd").mkdir(exist_ok=True)
    (folder / "sshd_config").write_text(
        f"Port {port}\nListenAddress 127.0.0.2\nListenAddress 127.0.0.3\nHostKey {folder}/host\n"
        f"AuthorizedKeysFile {folder}/authorized\nStrictModes no\nUsePAM no\nPidFile none\nPasswordAuthentication no\n"
        "PermitRootLogin prohibit-password\n")  # fmt: skip
    server = subprocess.Popen([sshd, "-D", "-f", folder / "sshd_config"], stderr=subprocess.DEVNULL)
    key = " ".join((folder / "host.pub").read_text().split()[:2])
    known = folder / "known"
    known.write_text("".join(f"[127.0.0.{last}]:{port} {key}\n" for last in (2, 3)))
    command = f"ssh -p {port} -i {folder}/own -o UserKnownHostsFile={known} -l {getpass.getuser()}"
    try:
        for _ in range(100):
            time.sleep(0.05)
            if run([*command.split(), "127.0.0.2", "true"]).returncode == 0:
                break
        else:
            raise Left("an SSH server does not let this user in here")
        yield command, known
    finally:
        server.terminate()
        server.wait()


def ssh(graft, folder, _):
    local = folder / "local.npz"
    succeeded([graft, "launch", "-n", 2, "--", *lora(folder, local)])
    with ssh_server(folder) as (command, known):
        launch = [graft, "launch", "--hosts", "127.0.0.2,127.0.0.3", "--ssh", command, "--port", free_port(""), "--"]
        remote = folder / "remote.npz"
        done = run([*launch, *lora(folder, remote)])
        require(done.returncode == 0, f"over ssh: {done.returncode}\n{done.stdout}{done.stderr}")
        require(remote.read_bytes() == local.read_bytes(), "other bytes over ssh")

        process = subprocess.Popen([str(word) for word in [*launch, *lora(folder, remote, "--iters", "100000000")]],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                   env=os.environ | {"HF_TOKEN": "hf_secret"})  # fmt: skip
        for line in process.stdout:
            if "Iter 4: " in line:
                break
        ranks = [path for path in processes_with(str(remote)) if b"GRAFT_RANK" in path.joinpath("environ").read_bytes()]
        require(len(ranks) == 2, f"{len(ranks)} processes on two hosts")
        for path in ranks:
            require(b"hf_secret" not in path.joinpath("environ").read_bytes(), "a token went to another host")
        process.send_signal(signal.SIGINT)
        out, error = process.communicate(timeout=60)
        require(process.returncode == 130 and "Interrupted" in error, f"Ctrl-C over ssh: {process.returncode}\n{error}")

        # The launcher itself is killed: what it started on other hosts ends, too.
        process = subprocess.Popen([str(word) for word in [*launch, *lora(folder, remote, "--iters", "100000000")]],
                                   stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)  # fmt: skip
        for line in process.stdout:
            if "Iter 4: " in line:
                break
        process.kill()
        process.communicate()
        deadline = time.monotonic() + STOPS_WITHIN
        while processes_with(str(remote)) and time.monotonic() < deadline:
            time.sleep(0.2)
        require(not processes_with(str(remote)), "processes are left where the launcher was killed")

        known.write_text("")
        done = run([*launch, *lora(folder, remote)])
        require(done.returncode == 255 and "erification failed" in done.stderr,
                f"a host key that nobody knows: {done.returncode}\n{done.stderr}")  # fmt: skip
    return "two hosts over sshd: the bytes of local processes; Ctrl-C; a killed launcher; an unknown host key"


def ip(*words):
    subprocess.run(["ip", *words], check=True, capture_output=True)


@contextlib.contextmanager
def two_hosts():
    """Two network namespaces with a link between them: their names, and their addresses."""
    names = [f"graft-{os.getpid()}-{i}" for i in range(2)]
    try:
        for name in names:
            ip("netns", "add", name)
        ip("link", "add", "g0", "netns", names[0], "type", "veth", "peer", "name", "g0", "netns", names[1])
        for i, name in enumerate(names):
            ip("-n", name, "addr", "add", f"10.77.0.{i + 1}/24", "dev", "g0")
            ip("-n", name, "link", "set", "g0", "up")
            ip("-n", name, "link", "set", "lo", "up")
    except (OSError, subprocess.CalledProcessError) as error:
        for name in names:
            subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True)
        raise Left("network namespaces are not allowed here") from error
    try:
        yield names
    finally:
        for name in names:
            subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True)


def started_in(names, graft, arguments):
    """A rank in each namespace."""
    ranks = []
    for rank, name in enumerate(names):
        variables = {"GRAFT_RANK": str(rank), "GRAFT_SIZE": "2", "GRAFT_MEETING": "10.77.0.1:32323", "GRAFT_SECRET": "0123456789abcdef"}
        ranks.append(subprocess.Popen(["ip", "netns", "exec", name, str(graft), *map(str, arguments)], text=True,
                                      stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=os.environ | variables))  # fmt: skip
    return ranks


def namespaces(graft, folder, _):
    local = folder / "near.npz"
    succeeded([graft, "launch", "-n", 2, "--", *lora(folder, local)])
    with two_hosts() as names:
        far = folder / "far.npz"
        ranks = started_in(names, graft, lora(folder, far))
        for rank in ranks:
            out, error = rank.communicate(timeout=120)
            require(rank.returncode == 0, f"two hosts: {rank.returncode}\n{out}{error}")
        require(far.read_bytes() == local.read_bytes(), "two hosts give other bytes")

        ranks = started_in(names, graft, lora(folder, far, "--iters", "100000000"))
        for line in ranks[0].stdout:
            if "Iter 4: " in line:
                break
        ip("-n", names[1], "link", "set", "g0", "down")
        start = time.monotonic()
        for other, rank in enumerate(ranks):
            try:
                _, error = rank.communicate(timeout=STOPS_WITHIN)
            except subprocess.TimeoutExpired:
                rank.kill()
                sys.exit(f"rank {other} goes on without the other")
            require(rank.returncode == 1 and f"rank {1 - other} (" in error, f"a cut link: {rank.returncode}\n{error}")
        require((folder / "far.checkpoints").exists(), "no checkpoint is left")
    return f"two hosts: the bytes of local processes; a link that is cut ends both after {time.monotonic() - start:.1f} s"


CHECKS = {check.__name__: check for check in (mpi, curve, kills, ssh, namespaces)}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("graft", type=pathlib.Path)
    parser.add_argument("checks", nargs="*", choices=[[], *CHECKS], metavar="CHECK")
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    # Whoever started this in the background may have it ignored, and so would all that this starts.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for name in options.checks or CHECKS:
        with tempfile.TemporaryDirectory() as scratch:
            folder = pathlib.Path(scratch)
            write_inputs(folder)
            start = time.monotonic()
            try:
                text = CHECKS[name](options.graft.resolve(), folder, options)
            except Left as left:
                text = f"left out, since {left}"
            print(f"{name}: {text} ({time.monotonic() - start:.0f} s)", flush=True)


if __name__ == "__main__":
    main()
