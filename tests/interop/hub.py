"""The Hub on this machine that the tests of downloads and uploads run against: tests/hub/hub_server.py, started."""

import argparse
import contextlib
import json
import os
import subprocess
import sys
import urllib.request
from pathlib import Path

HERE = Path(__file__).resolve().parent


class Server:
    def __init__(self, root: Path, certificate: Path | None = None):
        tls = ["--certificate", certificate] if certificate else []
        self.process = subprocess.Popen([sys.executable, HERE.parent / "hub" / "hub_server.py", root, *tls],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        port = self.process.stdout.readline().split()[1]
        self.endpoint = f"https://localhost:{port}" if certificate else f"http://127.0.0.1:{port}"

    def second_port(self) -> int:
        """Where files in LFS are fetched and put: the port that a redirect leads to."""
        return self.get("/_ports")[1]

    def get(self, path: str):
        with urllib.request.urlopen(self.endpoint + path) as answer:
            return json.load(answer)

    def set_faults(self, faults: list[dict]) -> None:
        urllib.request.urlopen(self.endpoint + "/_faults", json.dumps(faults).encode()).close()

    def settle(self) -> None:
        """Waits until no commit is being made."""
        self.get("/_faults")

    def check_met(self, fault: dict) -> None:
        """Whether a fault that was set has been met at least once."""
        left = self.get("/_faults")[0].get("times", 1)
        assert left < fault.get("times", 1), f"nobody has met {fault}"

    @contextlib.contextmanager
    def log(self):
        """The requests for files that arrive within the block, as a list that is filled at its end."""
        before, entries = len(self.get("/_log")), []
        yield entries
        entries += [e for e in self.get("/_log")[before:] if not e["path"].startswith("/api/")]


def arguments(description: str, model: str) -> argparse.Namespace:
    """What a test is called with; `model` says of what kind the one is that it takes."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("graft")
    parser.add_argument("--model", required=True, help=model)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    options.driver = Path(options.graft).resolve().parent / "tests" / "logits_driver"
    return options


def environment(server: Server, work: Path, **more) -> dict:
    """The variables for a client of the server with a cache and a home of its own; short time-outs."""
    own = {key: value for key, value in os.environ.items() if not key.startswith("HF_")}
    return own | {"HF_ENDPOINT": server.endpoint, "HF_HUB_CACHE": str(work / "cache"),
                  "HF_HOME": str(work / "home"), "HF_HUB_DISABLE_XET": "1", "HF_HUB_DOWNLOAD_TIMEOUT": "1",
                  "HF_HUB_DISABLE_PROGRESS_BARS": "1"} | more


def run(command: list, env: dict, seconds: float = 60) -> tuple[int, str]:
    """Runs a program to its end, which has to come in time: its exit code and all that it printed."""
    process = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        said, _ = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        raise AssertionError(f"{command[0]} hangs: {process.communicate()[0][-500:]}") from None
    assert "hf_secret" not in said, "a token was printed"
    return process.returncode, said
