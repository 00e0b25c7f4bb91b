#!/usr/bin/env python3
"""Downloads by name from a Hub on this machine: graft against the official client, in one cache, and with faults.

    hub_downloads.py GRAFT --model FOLDER [--kills N] [--seed S]

The server is tests/hub/hub_server.py. It is held to the official client first: huggingface_hub has to download from it.
Then each finds what the other has downloaded, without a byte more; faults lead to the right file or to an error with no
wrong file; a token reaches the endpoint alone; two processes fetch a file once; and a graft that is killed N times, at
random moments, is finished by the next one.
"""

import contextlib
import hashlib
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import hub
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from safetensors.numpy import save_file

WEIGHTS = "model.safetensors"
LARGE = 150 << 20  # bytes: three parts


class Check:
    """Runs graft with a cache of its own, and says what was found."""

    def __init__(self, graft: str, server: hub.Server, root: Path, work: Path):
        self.graft, self.server, self.root, self.work = graft, server, root, work
        self.cache = work / "cache"

    def environment(self, **more) -> dict:
        return hub.environment(self.server, self.work, **more)

    def start(self, name: str, **environment) -> subprocess.Popen:
        # The weights are no model's: what comes after the download fails, and says so.
        return subprocess.Popen([self.graft, "info", "--model", name], env=self.environment(**environment),
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def run(self, name: str, **environment) -> str:
        code, said = hub.run([self.graft, "info", "--model", name], self.environment(**environment))
        assert code in (0, 1, 2), f"graft died: {code} {said}"
        return said

    def snapshot(self, name: str) -> Path:
        folder = self.cache / ("models--" + name.replace("/", "--"))
        return folder / "snapshots" / (folder / "refs" / "main").read_text()

    def holds(self, name: str) -> bool:
        """Whether the cache has the repository's files, right; never a wrong one."""
        folder = self.cache / ("models--" + name.replace("/", "--"))
        for blob in folder.glob("blobs/*"):
            if ".incomplete" in blob.name:
                continue
            data = blob.read_bytes()
            lfs = len(blob.name) == 64
            found = hashlib.sha256(data) if lfs else hashlib.sha1(b"blob %d\0" % len(data) + data)
            assert found.hexdigest() == blob.name, f"{blob} is corrupt"
        snapshots = list(folder.glob(f"snapshots/*/{WEIGHTS}"))
        return bool(snapshots) and all(
            (snapshots[0].parent / file).is_file()
            and (self.root / name / file).read_bytes() == (snapshots[0].parent / file).read_bytes()
            for file in (WEIGHTS, "config.json", "tokenizer.json"))

    def clear(self) -> None:
        shutil.rmtree(self.cache, ignore_errors=True)


def make_repository(folder: Path, weights: int, seed: int) -> None:
    """A repository with weights of so many bytes, and files that no model needs."""
    folder.mkdir(parents=True)
    numbers = np.random.default_rng(seed).integers(0, 256, weights, dtype=np.uint8)
    save_file({"w": numbers}, folder / WEIGHTS)
    (folder / "config.json").write_text('{"model_type": "llama"}\n')
    (folder / "tokenizer.json").write_text(json.dumps({"filler": "x" * 300_000}))
    (folder / "merges.txt").write_text("a b\n")
    for unwanted in ("pytorch_model.bin", "consolidated.safetensors", "notes.txt", "tf_model.h5"):
        (folder / unwanted).write_bytes(b"unwanted" * 100)
    (folder / "sub").mkdir()
    (folder / "sub" / "deep.json").write_text("{}")


def official(check: Check, name: str) -> Path:
    code = "import sys, huggingface_hub as h; print(h.snapshot_download(sys.argv[1], allow_patterns=['*.json', " \
           "'*.safetensors', '*.txt'], ignore_patterns=['consolidated*', 'notes.txt', 'sub/*']))"
    done = subprocess.run([sys.executable, "-c", code, name], env=check.environment(), capture_output=True, text=True,
                          timeout=120)
    assert done.returncode == 0, f"the official client fails: {done.stderr[-2000:]}"
    return Path(done.stdout.strip())


def check_sharing(check: Check) -> None:
    name = "acme/small"
    path = official(check, name)
    assert check.holds(name), "the official client's download"
    with check.server.log() as log:
        check.run(name)
    assert not log, f"graft fetches what the official client has fetched: {log}"
    check.clear()
    check.run(name)
    assert check.holds(name)
    assert check.snapshot(name) == path, "both name the snapshot alike"
    names = {p.name for p in path.iterdir()}
    assert names == {WEIGHTS, "config.json", "tokenizer.json", "merges.txt"}, names
    for file in path.iterdir():
        assert file.is_symlink() and os.readlink(file).startswith("../../blobs/"), file
    with check.server.log() as log:
        assert official(check, name) == path
    assert not [e for e in log if e["method"] == "GET"], f"the official client fetches what graft has: {log}"
    print("one cache: each finds what the other has downloaded")


def check_listing(check: Check) -> None:
    code = "import huggingface_hub as h\nfor r in h.scan_cache_dir().repos: print(r.repo_id, r.size_on_disk)"
    theirs = subprocess.run([sys.executable, "-c", code], env=check.environment(), capture_output=True, text=True,
                            check=True).stdout.split()
    ours = subprocess.run([check.graft, "cache"], env=check.environment(), capture_output=True, text=True,
                          check=True).stdout.splitlines()[1].split()
    assert theirs[0] == ours[0] and ours[1:3] == [f"{int(theirs[1]) / 1e6:.1f}", "MB"], (theirs, ours)
    print("graft cache lists what the official client lists")


def check_offline(check: Check) -> None:
    name = "acme/small"
    with check.server.log() as log:
        assert "HF_HUB_OFFLINE" not in check.run(name, HF_HUB_OFFLINE="1")
        assert "is not in" in check.run("acme/large", HF_HUB_OFFLINE="1")
        commit = check.snapshot(name).name
        check.run(f"{name}@{commit}", HF_ENDPOINT="http://127.0.0.1:9")
    assert not log
    err = check.run(name, HF_ENDPOINT="http://127.0.0.1:9")
    assert "using the copy" in err, err
    print("offline and without a server: the cache is used")


def check_errors(check: Check) -> None:
    for name, says, environment in (
            ("acme/absent", "there is no model acme/absent", {}),
            ("acme/small@nope", "no branch, tag or commit nope", {}),
            ("acme/private", "HF_TOKEN", {}),
            ("acme/gated", "accept its conditions", {}),
            ("acme/pickled", "safetensors only", {}),
            ("acme/small", "must be reached by https", {"HF_ENDPOINT": "http://example.com"}),
    ):
        err = check.run(name, **environment)
        assert says in err, f"{name}: {err}"
    with check.server.log() as log:
        check.run("acme/private", HF_TOKEN="hf_secret")
    assert check.holds("acme/private")
    assert all(e["token"] == (e["port"] == "first") for e in log), "the token goes to the endpoint alone"
    assert {e["port"] for e in log} == {"first", "second"}
    # Where the endpoint itself sends elsewhere, too.
    check.clear()
    check.server.set_faults([{"path": "/resolve/", "kind": "elsewhere", "times": 3}])
    with check.server.log() as log:
        check.run("acme/private", HF_TOKEN="hf_secret")
    assert not [e for e in log if e["leak"]], "a token followed a redirect"
    check.server.set_faults([])
    token = check.work / "home" / "token"
    token.parent.mkdir(exist_ok=True)
    token.write_text("hf_secret\n")
    token.chmod(0o644)
    check.clear()
    assert "chmod 600" in check.run("acme/private")
    assert check.holds("acme/private")
    token.unlink()
    check.clear()
    print("errors name what to do; the token reaches the endpoint alone")


def check_datasets(check: Check, model: str) -> None:
    """JSONL and Parquet as data sets of the Hub have them give the same losses, and the official client their files."""
    name, rows = "acme/questions", [f"Question {i}: what is {i} and {i}? {2 * i}." for i in range(40)]
    folder = check.root / "datasets" / name
    for place in ("jsonl", "parquet"):
        (folder / place).mkdir(parents=True)
    (folder / "README.md").write_text("---\nlicense: mit\n---\n")
    for split, word, texts in (("train", "train", rows[:30]), ("valid", "validation", rows[30:])):
        (folder / "jsonl" / f"{split}.jsonl").write_text("".join(json.dumps({"text": t}) + "\n" for t in texts))
        for shard in range(2):
            part = texts[:7] if shard == 0 else texts[7:]
            table = pa.table({"id": range(len(part)), "nested": [{"a": 1}] * len(part), "text": part})
            pq.write_table(table, folder / "parquet" / f"{word}-{shard:05}-of-00002.parquet", row_group_size=5)

    def train(data: str, **environment) -> tuple[int, str]:
        return hub.run([check.graft, "lora", "--model", model, "--train", "--data", data, "--iters", "2",
                        "--steps-per-report", "1", "--lora-layers", "1", "--adapter-file",
                        str(check.work / "adapters.npz")], check.environment(**environment), 120)

    def losses(said: str) -> list[str]:
        return [line.split(",")[0] for line in said.splitlines() if " loss " in line]

    for place in ("jsonl", "parquet"):
        code, said = train(f"{name}/{place}")
        assert code == 0 and "30 examples" in said and f"{name}/{place}/train" in said, said
        known = losses(said) if place == "jsonl" else known
        assert len(known) == 4 and losses(said) == known, said
    code = "import sys, huggingface_hub as h; print(h.snapshot_download(sys.argv[1], repo_type='dataset'))"
    with check.server.log() as log:
        path = subprocess.run([sys.executable, "-c", code, name], env=check.environment(), capture_output=True,
                              text=True, check=True).stdout.strip()
    fetched = {e["path"].rsplit("/", 1)[1] for e in log if e["method"] == "GET"}
    assert not fetched, f"the official client fetches what graft has: {fetched}"
    code, said = train(path + "/parquet")
    assert code == 0 and losses(said) == known, said
    code, said = train(f"{name}/jsonl", HF_HUB_OFFLINE="1")
    assert code == 0 and losses(said) == known, said
    for data, says in (("acme/nothing", "no data set"), (f"{name}/absent", "no JSONL, JSON, Parquet or CSV file")):
        code, said = train(data)
        assert code == 1 and says in said, said
    configs = [("few", "jsonl/train.jsonl", "jsonl/valid.jsonl"), ("all", "parquet/train-*", "parquet/val*.parquet")]
    (folder / "README.md").write_text("---\nconfigs:\n" + "".join(
        f"- config_name: {config}\n  data_files:\n  - split: train\n    path: {train_files}\n"
        f"  - split: validation\n    path: {valid_files}\n" for config, train_files, valid_files in configs) + "---\n")
    for config, files in (("few", f"{name}/jsonl/train.jsonl"), ("all", f"{name}/train (2 files)")):
        code, said = train(f"{name}?config={config}")
        assert code == 0 and losses(said) == known and files in said, said
    code, said = train(name)
    assert code == 1 and "it has several configs: there are few, all" in said, said
    code, said = train(f"{name}?config=few&train=train[:50%]&valid=train[-5:]")
    assert code == 0 and "15 examples" in said and "5 examples" in said, said
    (folder / "parquet" / "train-00001-of-00002.parquet").unlink()
    code, said = train(f"{name}/parquet")
    assert code == 1 and "there are 1 of 2" in said, said
    check.clear()
    print("data sets by name: JSONL and Parquet train alike, in one cache with the official client")


def check_adapters(check: Check, model: str) -> None:
    """Adapters by name, in the layouts of PEFT and mlx-lm: their own files are fetched, and nothing else."""
    data, own = check.work / "texts", check.work / "tuned.npz"
    data.mkdir()
    for split in ("train", "valid", "test"):
        (data / f"{split}.jsonl").write_text("".join(json.dumps({"text": f"{split}, one, two, {i}"}) + "\n" for i in range(12)))

    def graft(*arguments: str, **environment) -> tuple[int, str]:
        return hub.run([check.graft, *arguments], check.environment(**environment), 120)

    def fetched(log: list[dict]) -> set[str]:
        return {e["path"].rsplit("/", 1)[1] for e in log if "/resolve/" in e["path"]}

    code, said = graft("lora", "--model", model, "--train", "--data", str(data), "--iters", "2", "--lora-layers", "1",
                       "--adapter-file", str(own))
    assert code == 0, said
    for layout, file in (("peft", "adapter_model.safetensors"), ("mlx-lm", "adapters.safetensors")):
        name = f"acme/tuned-{layout}"
        folder = check.root / name
        code, said = graft("adapter", "convert", str(own), str(folder), "--format", layout)
        assert code == 0, said
        (folder / "README.md").write_text("A card.\n")
        for unwanted in ("optimizer.pt", "tokenizer.json", "0000100_adapters.safetensors", "training_args.bin"):
            (folder / unwanted).write_bytes(b"unwanted" * 100)
        with check.server.log() as log:
            code, said = graft("adapter", "diff", str(own), name)
        assert code == 0 and "The two are the same" in said, said
        assert fetched(log) == {file, "adapter_config.json", "README.md"}, fetched(log)
        for command in (["generate", "--model", model, "--prompt", "one", "--max-tokens", "2", "--adapter-file", name],
                        ["lora", "--model", model, "--test", "--data", str(data), "--adapter-file", f"{name}:0.5"],
                        ["adapter", "info", f"{name}@main"]):
            with check.server.log() as log:
                code, said = graft(*command)
            assert code == 0 and not fetched(log), (said, fetched(log))
        with check.server.log() as log:
            code, said = graft("adapter", "info", name, HF_HUB_OFFLINE="1")
            assert code == 0 and "LoRA" in said and not log, said
        (folder / "adapter_config.json").unlink()
        check.clear()
        code, said = graft("adapter", "info", name)
        assert code == 1 and f"it holds {file} without adapter_config.json" in said, said
    # Several in one repository: one is named, wherever it lies.
    folder = check.root / "acme" / "tuned-both"
    for target, options in ((folder, ("--format", "mlx-lm")), (folder / "adapters.npz", ()), (folder / "v2" / "sql.npz", ())):
        target.parent.mkdir(parents=True, exist_ok=True)
        code, said = graft("adapter", "convert", str(own), str(target), *options)
        assert code == 0, said
    code, said = graft("adapter", "info", "acme/tuned-both")
    assert code == 1 and "several adapters, adapters.safetensors, adapters.npz" in said and "?file=" in said, said
    for file, files in (("adapters.npz", {"adapters.npz"}), ("v2/sql.npz", {"sql.npz"}),
                        ("adapters.safetensors", {"adapters.safetensors", "adapter_config.json"})):
        check.clear()
        with check.server.log() as log:
            code, said = graft("adapter", "diff", str(own), f"acme/tuned-both@main?file={file}")
        assert code == 0 and "The two are the same" in said, said
        assert fetched(log) == files, fetched(log)
        code, said = graft("lora", "--model", model, "--test", "--data", str(data), "--adapter-file",
                           f"acme/tuned-both?file={file}:0.5", HF_HUB_OFFLINE="1")
        assert code == 0, said
    for name, says in (("acme/tuned-both?file=absent.npz", "it holds no absent.npz"),
                       ("acme/tuned-both?name=x", "behind ? stands file=NAME"),
                       ("acme/small", "as an adapter of the Hub: it holds no adapter"),
                       ("acme/absent", "there is no model acme/absent"), ("tuned", "must end in")):
        code, said = graft("adapter", "info", name)
        assert code in (1, 2) and says in said, said
    # What is measured and what is learned from is fetched where fusing needs it.
    texts = check.root / "datasets" / "acme" / "texts"
    shutil.copytree(data, texts)
    for bits, files in (("none", {"test.jsonl"}), ("4", {"test.jsonl", "train.jsonl", "valid.jsonl"})):
        check.clear()
        with check.server.log() as log:
            code, said = graft("fuse", "--model", model, "--adapter-file", str(own), "--data", "acme/texts",
                               "--save-path", str(check.work / "fused"), "--fused-bits", bits, "--max-loss-gap", "9",
                               "--repair", "none")
        assert code == 0 and "Loss on acme/texts/test.jsonl" in said, said
        assert fetched(log) == files, fetched(log)
    check.clear()
    print("adapters by name: their own files alone, in the layouts of PEFT and mlx-lm")


class Proxy(threading.Thread):
    """Takes CONNECT alone, and notes where to."""

    def __init__(self):
        super().__init__(daemon=True)
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{self.socket.getsockname()[1]}"
        self.asked: list[str] = []
        self.start()

    def run(self) -> None:
        while True:
            threading.Thread(target=self.serve, args=(self.socket.accept()[0],), daemon=True).start()

    def serve(self, client: socket.socket) -> None:
        request = b""
        while b"\r\n\r\n" not in request:
            request += client.recv(4096)
        self.asked.append(request.split(b"\r\n")[0].decode())
        assert b"hf_secret" not in request, "the proxy sees the token"
        host, port = request.split()[1].decode().rsplit(":", 1)
        server = socket.create_connection((host, int(port)))
        client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        back = threading.Thread(target=self.copy, args=(server, client), daemon=True)
        back.start()
        self.copy(client, server)
        back.join()

    @staticmethod
    def copy(source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 16):
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)


def check_tls(check: Check) -> None:
    """https with an authority of one's own, directly and through a proxy; without it nothing is believed."""
    certificate = check.work / "certificate.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", check.work / "key.pem", "-out",
                    certificate, "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"],
                   check=True, capture_output=True)
    both = check.work / "both.pem"
    both.write_text((check.work / "key.pem").read_text() + certificate.read_text())
    server, proxy, name = hub.Server(check.root, both), Proxy(), "acme/private"
    secure = {"HF_ENDPOINT": server.endpoint, "HF_TOKEN": "hf_secret"}
    check.clear()
    said = check.run(name, **secure)
    assert "certificate is not trusted" in said and "SSL_CERT_FILE" in said and not check.holds(name), said
    secure["SSL_CERT_FILE"] = str(certificate)
    for more, through in (({}, False), ({"HTTPS_PROXY": proxy.address}, True),
                          ({"HTTPS_PROXY": proxy.address, "NO_PROXY": "localhost"}, False)):
        check.clear()
        proxy.asked.clear()
        said = check.run(name, **secure, **more)
        assert check.holds(name), said
        assert bool(proxy.asked) == through, proxy.asked
        assert all(line.startswith("CONNECT localhost:") for line in proxy.asked)
    # WikiSQL's archive comes from somewhere else: no token goes there.
    for path, says in (("absent", "HTTP status 404"), ("acme/small/resolve/main/config.json", "archive")):
        code, said = hub.run([check.graft, "data", "wikisql", "--url", f"{server.endpoint}/{path}", "--output",
                              str(check.work / "sql")], check.environment(**secure))
        assert code == 1 and says in said, said
    log = json.loads(subprocess.run(["curl", "-s", "--cacert", certificate, server.endpoint + "/_log"],
                                    capture_output=True, check=True).stdout)
    assert log[-1]["path"].endswith("config.json") and not log[-1]["token"], log[-1]
    server.process.kill()
    check.clear()
    print("https: an authority of one's own, and a proxy unless NO_PROXY says otherwise")


def check_space(check: Check) -> None:
    """A disk that is too small is said before anything is sent."""
    small = check.work / "small"
    small.mkdir()
    command = 'mount -t tmpfs -o size=100m none "$1" && exec "$2" info --model acme/large'
    with check.server.log() as log:
        code, said = hub.run(["unshare", "-m", "sh", "-c", command, "sh", str(small), check.graft],
                             check.environment(HF_HUB_CACHE=str(small / "cache")))
    if "mount" in said or "unshare" in said:
        print("a small disk: not tried, as none can be mounted here")
        return
    assert code == 1 and "free; HF_HUB_CACHE names another place" in said, said
    assert not [e for e in log if WEIGHTS in e["path"]], "something was sent"
    print("a disk that is too small is said before anything is sent")


def check_faults(check: Check) -> None:
    small, large = "acme/small", "acme/large"
    again = [  # what passes by itself: the file arrives, right
        (small, {"kind": "cut", "after": 1000}), (small, {"kind": "cut", "after": 0, "times": 3}),
        (small, {"kind": "status", "status": 500}), (small, {"kind": "status", "status": 503, "times": 2}),
        (small, {"kind": "status", "status": 429, "headers": {"Retry-After": "1"}}),
        (small, {"kind": "status", "status": 504}), (small, {"kind": "wrong"}), (small, {"kind": "long"}),
        (small, {"kind": "stall", "after": 5000, "seconds": 5}), (small, {"kind": "no_ranges"}),
        (small, {"kind": "cut", "after": 100_000, "times": 4}), (small, {"kind": "slow", "rate": 2_000_000}),
        (large, {"kind": "cut", "after": 1 << 20}), (large, {"kind": "cut", "after": 30 << 20, "times": 5}),
        (large, {"kind": "no_ranges", "times": 20}), (large, {"kind": "status", "status": 502, "times": 3}),
        (large, {"kind": "wrong"}), (large, {"kind": "stall", "after": 9 << 20, "seconds": 5}),
        (large, {"kind": "long"}),
        (small, {"kind": "cut", "after": 10, "path": "tokenizer.json"}),
        (small, {"kind": "wrong", "path": "config.json"}),
        (small, {"kind": "status", "status": 500, "path": "/api/", "times": 2}),
        (small, {"kind": "status", "status": 429, "path": "/api/", "headers": {"Retry-After": "0"}}),
        (small, {"kind": "stall", "path": "config.json", "after": 3, "seconds": 5}),
    ]
    for name, fault in again:
        check.clear()
        check.server.set_faults([{"path": WEIGHTS, **fault}])
        start = time.monotonic()
        err = check.run(name)
        assert check.holds(name), f"{fault}: {err}"
        assert time.monotonic() - start < 60, fault
        check.server.check_met(fault)
    ends = [  # what does not: an error, nothing wrong, nothing lost
        (small, {"kind": "wrong", "times": 99}, "another hash"), (large, {"kind": "wrong", "times": 99}, "another hash"),
        (small, {"kind": "status", "status": 404}, "there is no model"),
        (small, {"kind": "status", "status": 403}, "HTTP status 403"),
        (small, {"kind": "status", "status": 500, "times": 99, "path": "config.json"}, "HTTP status 500"),
        (small, {"kind": "cut", "after": 0, "times": 99}, "what has arrived is kept"),
    ]
    for name, fault, says in ends:
        check.clear()
        check.run("acme/private", HF_TOKEN="hf_secret")
        check.server.set_faults([{"path": WEIGHTS, **fault}])
        err = check.run(name)
        assert says in err, f"{fault}: {err}"
        assert not check.holds(name)
        check.server.check_met(fault)
        check.server.set_faults([])
        assert check.holds("acme/private"), "an earlier file was lost"
        check.run(name)
        assert check.holds(name), "the next start finishes"
    check.server.set_faults([])
    print(f"{len(again) + len(ends)} faults: the right file or an error")


def check_resume(check: Check) -> None:
    name = "acme/large"
    check.clear()
    check.server.set_faults([{"path": WEIGHTS, "kind": "slow", "rate": 20_000_000, "times": 99}])
    process = check.start(name)
    time.sleep(2.5)
    process.kill()
    process.communicate()
    check.server.set_faults([])
    assert list(check.cache.rglob("*.incomplete")) and not check.holds(name)
    with check.server.log() as log:
        check.run(name)
    assert check.holds(name)
    sent = sum(e["bytes"] for e in log if WEIGHTS in e["path"])
    assert sent < LARGE - (20 << 20), f"{sent} bytes were sent again"
    print(f"resumed after a kill: {sent / LARGE:.0%} of the file was sent the second time")


def check_together(check: Check) -> None:
    name = "acme/large"
    check.clear()
    with check.server.log() as log:
        both = [check.start(name), check.start(name)]
        for process in both:
            process.communicate(timeout=60)
    assert check.holds(name)
    sent = sum(e["bytes"] for e in log if WEIGHTS in e["path"])
    assert sent < 1.1 * LARGE, f"two processes fetched {sent} bytes of {LARGE}"
    # A lock that the official client's library holds.
    check.clear()
    etag = hashlib.sha256((check.root / name / WEIGHTS).read_bytes()).hexdigest()
    lock = check.cache / ".locks" / "models--acme--large" / f"{etag}.lock"
    lock.parent.mkdir(parents=True)
    holder = subprocess.Popen([sys.executable, "-c", "import sys, time, filelock\nwith filelock.FileLock(sys.argv[1]):\n"
                               " print('held', flush=True)\n time.sleep(2)", lock], stdout=subprocess.PIPE, text=True)
    assert holder.stdout.readline() == "held\n"
    start = time.monotonic()
    err = check.run(name)
    assert "another process" in err and time.monotonic() - start > 1.5, err
    assert check.holds(name)
    print("two processes: one downloads, the other waits; so it does for the official client")


def check_kills(check: Check, kills: int, seed: int) -> None:
    name, choose, finished = "acme/large", random.Random(seed), 0
    check.clear()
    check.server.set_faults([{"path": WEIGHTS, "kind": "slow", "rate": 60_000_000, "times": 10**6}])
    for _ in range(kills):
        process = check.start(name)
        time.sleep(choose.uniform(0, 0.6))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        if check.holds(name):
            finished += 1
            check.clear()
    check.server.set_faults([])
    check.run(name)
    assert check.holds(name)
    print(f"{kills} kills: nothing corrupt, {finished + 1} downloads finished")


def main() -> None:
    options = hub.arguments(__doc__, "a small model's folder")
    with tempfile.TemporaryDirectory() as temporary:
        work = Path(temporary)
        root = work / "root"
        for seed, (name, size) in enumerate({"small": 700_000, "large": LARGE, "private": 300_000,
                                             "gated": 1000}.items()):
            make_repository(root / "acme" / name, size, seed)
        (root / "acme" / "private" / ".private").touch()
        (root / "acme" / "gated" / ".gated").touch()
        (root / "acme" / "pickled").mkdir()
        (root / "acme" / "pickled" / "config.json").write_text("{}")
        (root / "acme" / "pickled" / "pytorch_model.bin").write_bytes(b"x")
        check = Check(options.graft, hub.Server(root), root, work)
        check_sharing(check)
        check_listing(check)
        check_offline(check)
        check_errors(check)
        check_datasets(check, options.model)
        check_adapters(check, options.model)
        check_tls(check)
        check_space(check)
        check_faults(check)
        check_resume(check)
        check_together(check)
        check_kills(check, options.kills, options.seed)
        leaks = [e for e in check.server.get("/_log") if e["leak"]]
        assert not leaks, leaks


if __name__ == "__main__":
    main()
