#!/usr/bin/env python3
"""Uploads to a Hub on this machine: graft beside the official client, with faults and kills.

    hub_uploads.py GRAFT --model GGUF [--kills N] [--seed S]

The logits driver is looked for in tests/ beside GRAFT.

The server is tests/hub/hub_server.py. It is held to the official client first: huggingface_hub has to upload to it.
Then each reads what the other has uploaded; the card is what huggingface_hub reads as one; faults lead to the whole
upload or to an error and an untouched repository; a token reaches the endpoint alone; and what a graft that is killed
N times, at random moments, leaves behind is finished by the next one.
"""

import json
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import hub
import numpy as np
from huggingface_hub import ModelCard
from safetensors.numpy import save_file

WEIGHTS = "model.safetensors"
LARGE = 33 << 20  # bytes: in parts of 5 MB
CARD = """---
license: other
license_name: a-licence
license_link: "https://example.com/licence?a=b#c"
language: [en, 'de']
datasets:
- acme/some-data
tags:
- whatever
extra: {nested: [1, 2]}
---
# The original
"""


class Check:
    def __init__(self, options, server: hub.Server, root: Path, work: Path):
        self.graft, self.driver = options.graft, options.driver
        self.server, self.root, self.work = server, root, work
        self.folder = work / "model"

    def environment(self, **more) -> dict:
        return hub.environment(self.server, self.work, **{"HF_TOKEN": "hf_secret"} | more)

    def upload(self, name: str, *more: str, **environment) -> tuple[int, str]:
        return hub.run([self.graft, "upload", str(self.folder), "--repo", name, *more], self.environment(**environment))

    def official(self, code: str, *arguments: str) -> str:
        done = subprocess.run([sys.executable, "-c", "import sys, huggingface_hub as h\n" + code, *arguments],
                              env=self.environment(), capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, f"the official client fails: {done.stderr[-3000:]}"
        return done.stdout.strip()

    def files(self, folder: Path) -> dict[str, bytes]:
        return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*"))
                if p.is_file() and not p.name.startswith(".")}

    def holds(self, name: str) -> bool:
        """Whether a repository has the folder's files; it has all of them or none, and never a wrong one."""
        there = self.files(self.root / name) if (self.root / name).is_dir() else {}
        if not there:
            return False
        there.pop("README.md")
        assert there == self.files(self.folder), f"{name} is corrupt: {there.keys()}"
        return True

    def forget(self, *names: str) -> None:
        """Removes repositories, and all that the server and graft know of uploads."""
        for name in names:
            shutil.rmtree(self.root / name, ignore_errors=True)
        for path in (self.root / ".objects").iterdir():
            path.unlink()
        shutil.rmtree(self.work / "home" / "graft", ignore_errors=True)

    def notes(self) -> list[Path]:
        return list((self.work / "home" / "graft" / "uploads").glob("*.json"))


def make_model(folder: Path, weights: int, seed: int) -> None:
    folder.mkdir(parents=True)
    numbers = np.random.default_rng(seed).integers(0, 256, weights, dtype=np.uint8)
    save_file({"w": numbers}, folder / WEIGHTS)
    shutil.copy(folder / WEIGHTS, folder / "twin.safetensors")  # is sent once
    save_file({"w": numbers[:300_000]}, folder / "small.safetensors")
    (folder / "config.json").write_text('{"model_type": "llama", "quantization": {"bits": 4, "group_size": 64}}\n')
    (folder / "tokenizer.json").write_text(json.dumps({"filler": "x" * 300_000}))
    (folder / "empty.txt").write_text("")
    (folder / "sub").mkdir()
    (folder / "sub" / "deep.json").write_text("{}")
    (folder / ".hidden").write_text("a note of one's own")
    (folder / "graft.json").write_text(json.dumps({
        "base_model": "acme/base", "datasets": ["acme/own-data", "acme/some-data"],
        "steps": [{"command": "graft lora --train", "graft_version": "0", "facts": [
            {"name": "iterations", "value": "600"}, {"name": "validation loss", "value": "1.230"}]}]}))


def check_official(check: Check) -> None:
    code = "h.create_repo(sys.argv[2], private=True)\n" \
           "h.upload_folder(repo_id=sys.argv[2], folder_path=sys.argv[1], commit_message='hello')"
    check.official(code, str(check.folder), "them/theirs")
    assert check.files(check.root / "them/theirs") | {} == {
        name: data for name, data in check.files(check.folder).items()}
    assert (check.root / "them/theirs/.private").exists()
    code, said = hub.run([check.graft, "info", "--model", "them/theirs"], check.environment())
    snapshot = next((check.work / "cache/models--them--theirs/snapshots").iterdir())
    assert (snapshot / WEIGHTS).read_bytes() == (check.folder / WEIGHTS).read_bytes(), said
    shutil.rmtree(check.root / "them")
    print("the official client uploads to the server, and graft downloads it")


def check_upload(check: Check) -> None:
    check.forget()
    with check.server.log() as log:
        code, said = check.upload("me/ours")
    assert code == 0 and check.holds("me/ours"), said
    parts = [e for e in log if e["path"].startswith("/part/")]
    assert len(parts) == -(-(check.folder / WEIGHTS).stat().st_size // (5 << 20)), "in parts"
    assert [e for e in log if e["path"].startswith("/put/")], "and whole"
    assert not check.notes(), "a finished upload leaves no note"
    path = Path(check.official("print(h.snapshot_download(sys.argv[1]))", "me/ours"))
    there = check.files(path)
    card = there.pop("README.md").decode()
    assert there == check.files(check.folder)
    with check.server.log() as log:
        code, said = check.upload("me/ours")
    assert code == 0 and "already" in said and not [e for e in log if e["method"] == "PUT"], said
    # One file that is new: it alone is sent.
    (check.folder / "notes.txt").write_text("new")
    with check.server.log() as log:
        code, said = check.upload("me/ours")
    assert code == 0 and "1 file " in said and not [e for e in log if e["method"] == "PUT"], said
    assert check.holds("me/ours")
    (check.folder / "notes.txt").unlink()
    print("the official client reads what graft has uploaded; what is there is not sent again")

    data = ModelCard(card).data.to_dict()
    assert data == {
        "library_name": "mlx", "pipeline_tag": "text-generation", "tags": ["mlx", "graft"], "base_model": "acme/base",
        "base_model_relation": "quantized", "license": "other", "license_name": "a-licence",
        "license_link": "https://example.com/licence?a=b#c", "language": ["en", "de"],
        "datasets": ["acme/some-data", "acme/own-data"]}, data
    for part in ("graft lora --train", "| validation loss | 1.230 |", "graft generate --model me/ours",
                 "mlx_lm.generate --model me/ours", "huggingface.co/acme/base"):
        assert part in card, part
    (check.folder / "README.md").write_text("My own words\n")
    code, said = check.upload("me/own")
    assert code == 0 and (check.root / "me/own/README.md").read_text() == "My own words\n", said
    (check.folder / "README.md").write_text("---\nlicense: bad\n---\n")
    with check.server.log() as log:
        code, said = check.upload("me/bad")
    assert code == 1 and "does not take the metadata" in said and "must be one of those" in said, said
    assert not [e for e in log if e["method"] == "PUT"], "a card that is refused is found before anything is sent"
    assert not (check.root / "me/bad").exists()
    (check.folder / "README.md").unlink()
    (check.root / "me/ours/notes.txt").unlink()
    (check.root / "me/ours/README.md").write_text("Words that somebody wrote there\n")
    (check.folder / "config.json").write_text('{"model_type": "llama"}\n')
    code, said = check.upload("me/ours")
    assert code == 0 and "stays as it is" in said, said
    assert (check.root / "me/ours/README.md").read_text().startswith("Words that") and check.holds("me/ours")
    print("huggingface_hub reads the card: base model, relation, licence, data sets")


def check_errors(check: Check) -> None:
    check.forget("me/ours")
    for name, more, says, environment in (
            ("me/ours", [], "may not write to me/ours", {"HF_TOKEN": "hf_reader"}),
            ("me/ours", [], "does not know the token", {"HF_TOKEN": "hf_wrong"}),
            ("me/ours", [], "set HF_TOKEN", {"HF_TOKEN": ""}),
            ("me/ours", [], "HF_HUB_OFFLINE", {"HF_HUB_OFFLINE": "1"}),
            ("others/taken", [], "may not write to others/taken", {}),
            ("others/new", [], "may not write to others/new", {}),
            ("acme/base", ["--private"], "is public", {}),
            ("a/b/c", [], "cannot be a repository's name", {}),
            ("me/ours", ["--hf-path", "no name"], "--hf-path", {}),
            ("me/ours", [], "must be reached by https", {"HF_ENDPOINT": "http://example.com"}),
    ):
        code, said = check.upload(name, *more, **environment)
        assert code in (1, 2) and says in said, f"{name}: {said}"
        assert not (check.root / "me/ours").exists()
    (check.folder / "graft.json").rename(check.work / "graft.json")
    code, said = check.upload("me/ours")
    assert code == 2 and "--hf-path" in said, said
    code, said = check.upload("me/ours", "--hf-path", "acme/absent")
    assert code == 0 and "names no licence" in said, said
    (check.work / "graft.json").rename(check.folder / "graft.json")
    check.forget("me/ours", "me/secret")
    code, said = check.upload("me/secret", "--private")
    assert code == 0 and check.holds("me/secret") and (check.root / "me/secret/.private").exists(), said
    code, said = check.upload("plain")
    assert code == 0 and check.holds("mlx-community/plain"), said
    print("errors name what to do; nothing is uploaded without saying what it is made from")


def check_faults(check: Check) -> None:
    again = [  # what passes by itself
        {"path": "/part/", "kind": "cut", "after": 1000, "times": 3}, {"path": "/part/", "kind": "status", "status": 500},
        {"path": "/part/", "kind": "status", "status": 503, "times": 4}, {"path": "/part/", "kind": "forget"},
        {"path": "/part/", "kind": "status", "status": 429, "headers": {"Retry-After": "1"}},
        {"path": "/part/", "kind": "wrong"}, {"path": "/part/", "kind": "lost"},
        {"path": "/part/", "kind": "stall", "after": 1 << 20, "seconds": 10},
        {"path": "/part/", "kind": "slow", "rate": 20_000_000}, {"path": "/complete/", "kind": "lost"},
        {"path": "/complete/", "kind": "status", "status": 500}, {"path": "/complete/", "kind": "forget"},
        {"path": "/put/", "kind": "cut", "after": 0}, {"path": "/put/", "kind": "wrong"},
        {"path": "/put/", "kind": "status", "status": 500, "times": 2}, {"path": "/put/", "kind": "lost"},
        {"path": "/put/", "kind": "status", "status": 403}, {"path": "/verify", "kind": "status", "status": 502},
        {"path": "/verify", "kind": "status", "status": 404},
        {"path": "/batch", "kind": "status", "status": 503, "times": 2}, {"path": "/batch", "kind": "lost"},
        {"path": "/preupload", "kind": "status", "status": 429, "headers": {"Retry-After": "0"}},
        {"path": "/create", "kind": "status", "status": 500}, {"path": "/create", "kind": "lost"},
        {"path": "/commit", "kind": "lost"}, {"path": "/commit", "kind": "status", "status": 500},
        {"path": "/commit", "kind": "status", "status": 412}, {"path": "/commit", "kind": "cut", "after": 1000},
    ]
    for fault in again:
        check.forget("me/ours")
        check.server.set_faults([fault])
        start = time.monotonic()
        code, said = check.upload("me/ours")
        assert code == 0 and check.holds("me/ours"), f"{fault}: {said}"
        assert time.monotonic() - start < 60, fault
        check.server.check_met(fault)
    ends = [  # what does not: an error, and nothing in the repository
        {"path": "/batch", "kind": "cut", "after": 0, "times": 99},
        {"path": "/part/", "kind": "status", "status": 403, "times": 99}, {"path": "/put/", "kind": "wrong", "times": 99},
        {"path": "/commit", "kind": "status", "status": 400}, {"path": "/commit", "kind": "status", "status": 403},
        {"path": "/preupload", "kind": "status", "status": 403},
    ]
    for fault in ends:
        check.forget("me/ours")
        older = check.root / "me/ours"
        older.mkdir(parents=True)
        (older / "config.json").write_text("an older version")
        (older / "README.md").write_text("somebody's words")
        check.server.set_faults([fault])
        code, said = check.upload("me/ours")
        assert code == 1 and check.files(older) == {
            "config.json": b"an older version", "README.md": b"somebody's words"}, f"{fault}: {said}"
        check.server.check_met(fault)
        assert fault["kind"] != "cut" or "when the connection is back, to go on: graft upload" in said, said
        check.server.set_faults([])
        code, said = check.upload("me/ours")
        assert code == 0 and check.holds("me/ours"), f"after {fault}: {said}"
    print(f"{len(again) + len(ends)} faults: the whole upload, or an error and nothing of it")


def check_story(check: Check, gguf: str) -> None:
    """A model by name is made smaller, trained and fused; what is uploaded says so, and mlx-lm runs it by name."""
    graft = check.graft

    def run(*command: str, **environment) -> str:
        code, said = hub.run([graft, *command], check.environment(**environment), 300)
        assert code == 0, f"{command}: {said}"
        return said

    work = check.work / "story"
    work.mkdir()
    original, small, adapter, fused = (str(work / name) for name in ("original", "small", "a.npz", "fused"))
    run("convert", "--hf-path", gguf, "--mlx-path", original, "--dequantize")
    shutil.copytree(original, check.root / "acme" / "smol", ignore=shutil.ignore_patterns("graft.json"))
    (check.root / "acme" / "smol" / "README.md").write_text("---\nlicense: apache-2.0\n---\n")
    run("convert", "--hf-path", "acme/smol", "--mlx-path", small, "-q", "--upload-name", "me/smol-4bit")
    card = ModelCard((check.root / "me/smol-4bit/README.md").read_text())
    assert card.data.base_model == "acme/smol" and card.data.license == "apache-2.0", card.data
    assert card.data.base_model_relation == "quantized" and "-q --q-bits 4" in card.text
    for split in ("train", "valid"):
        (work / f"{split}.jsonl").write_text('{"text": "The capital of France is Paris."}\n' * 4)
    run("lora", "--model", small, "--train", "--data", str(work), "--iters", "2", "--adapter-file", adapter,
        "--lora-layers", "2")
    run("fuse", "--model", small, "--adapter-file", adapter, "--save-path", fused, "--upload-name", "me/capitals")
    card = ModelCard((check.root / "me/capitals/README.md").read_text())
    assert card.data.base_model == "acme/smol" and card.data.base_model_relation == "finetune", card.data
    for part in ("graft convert --hf-path acme/smol -q", "graft lora", "| iterations | 2 |", "graft fuse --model"):
        assert part in card.text, part
    assert str(work) not in card.text
    ours = run("generate", "--model", "me/capitals", "--prompt", "The capital of France is", "--max-tokens", "8",
               "--ignore-chat-template", "--temp", "0", HF_HUB_DISABLE_PROGRESS_BARS="1")
    assert len(ours.split()) > 2, ours
    # Words depend on how a processor rounds; logits in f32 do not by more than a little.
    said = check.official("import mlx_lm, mlx.core as mx, json\nm, t = mlx_lm.load('me/capitals')\n"
                          "m.set_dtype(mx.float32)\nids = t.encode('The capital of France is')\n"
                          "mx.savez(sys.argv[1], logits=m(mx.array([ids]))[0])\nprint(json.dumps(ids))",
                          str(work / "theirs.npz"))
    ids = [str(i) for i in json.loads(said.splitlines()[-1])]
    subprocess.run([check.driver, fused, "none", work / "ours.npz", *ids], check=True)
    theirs, ours = (np.load(work / f"{name}.npz")["logits"] for name in ("theirs", "ours"))
    assert np.abs(theirs - ours).max() < 1e-4 * np.abs(theirs).max(), np.abs(theirs - ours).max()
    (work / "adapter").mkdir()
    shutil.copy(adapter, work / "adapter" / "adapters.npz")
    run("upload", str(work / "adapter"), "--repo", "me/adapter")
    card = ModelCard((check.root / "me/adapter/README.md").read_text())
    assert card.data.base_model == "acme/smol" and card.data.base_model_relation == "adapter", card.data
    print("converted, trained, fused and uploaded by name: the cards say so, and mlx-lm runs it by name")


def check_resume(check: Check) -> None:
    check.forget("me/ours")
    check.server.set_faults([{"path": "/part/", "kind": "slow", "rate": 3_000_000, "times": 99}])
    process = subprocess.Popen([check.graft, "upload", str(check.folder), "--repo", "me/ours"], env=check.environment(),
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    # At least four parts are there, the others on their way; a busy machine needs longer.
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        notes = check.notes()
        if notes and sum(bool(part["etag"]) for part in json.loads(notes[0].read_text())["parts"]) >= 4:
            break
        time.sleep(0.05)
    process.kill()
    process.wait()
    check.server.set_faults([])
    assert len(check.notes()) == 1, check.notes()
    assert (check.work / "home/graft/uploads").stat().st_mode & 0o77 == 0, "others can read the addresses"
    with check.server.log() as log:
        code, said = check.upload("me/ours")
    assert code == 0 and check.holds("me/ours"), said
    sent = sum(e["bytes"] for e in log if e["path"].startswith("/part/"))
    assert 0 < sent <= LARGE - (15 << 20), f"{sent} bytes were sent again"
    assert not check.notes()
    print(f"resumed after a kill: {sent / LARGE:.0%} of the file was sent the second time")


def check_kills(check: Check, kills: int, seed: int) -> None:
    choose, finished = random.Random(seed), 0
    check.forget("me/ours")
    check.server.set_faults([{"path": "/part/", "kind": "slow", "rate": 60_000_000, "times": 10**6}])
    for _ in range(kills):
        process = subprocess.Popen([check.graft, "upload", str(check.folder), "--repo", "me/ours"],
                                   env=check.environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(choose.uniform(0, 0.5))
        process.send_signal(signal.SIGKILL)
        process.wait()
        time.sleep(0.05)  # the server may be at the last request
        check.server.settle()
        if check.holds("me/ours"):
            finished += 1
            check.forget("me/ours")
    check.server.set_faults([])
    code, said = check.upload("me/ours")
    assert code == 0 and check.holds("me/ours"), said
    print(f"{kills} kills: nothing corrupt, {finished + 1} uploads finished")


def main() -> None:
    options = hub.arguments(__doc__, "a small model as GGUF")
    with tempfile.TemporaryDirectory() as temporary:
        work = Path(temporary)
        root = work / "root"
        (root / "others" / "taken").mkdir(parents=True)
        (root / "acme" / "base").mkdir(parents=True)
        (root / "acme" / "base" / "README.md").write_text(CARD)
        check = Check(options, hub.Server(root), root, work)
        make_model(check.folder, LARGE, 0)
        check_official(check)
        check_upload(check)
        check_errors(check)
        check_story(check, options.model)
        check_faults(check)
        check_resume(check)
        check_kills(check, options.kills, options.seed)
        log = check.server.get("/_log")
        assert not [e for e in log if e["leak"]], "a token left the endpoint"
        assert {e["port"] for e in log if e["method"] == "PUT"} == {"second"}


if __name__ == "__main__":
    main()
