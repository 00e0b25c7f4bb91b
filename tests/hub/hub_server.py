#!/usr/bin/env python3
"""A small Hub on this machine, for the tests: model repositories in folders, over the endpoints that downloads use.

    hub_server.py ROOT [--port N]

ROOT/<owner>/<name>/ is a repository; its one commit is a hash of its files. Prints "port N" when it listens. Files of
at least --lfs bytes are in LFS: `resolve` sends those to a second port, as the Hub sends them to another host.

POST /_faults takes a JSON list of faults; each applies to the first requests that match it:
    {"path": "model.safetensors", "kind": KIND, "times": 3, ...}
kinds:
    status      answer with "status", and the headers "headers"
    cut         close the connection after "after" bytes of the body
    wrong       change a byte of the body
    long        send more bytes than the file has, with no Content-Length
    stall       send "after" bytes, then nothing for "seconds"
    slow        "rate" bytes a second
    no_ranges   ignore Range
    elsewhere   redirect to the second port whatever it is
GET /_log lists requests: port, method, path, range, whether a token came along, and bytes sent.
A request to the second port that carries a token is answered with 500 and marked in the log as "leak".
A repository with a file .private wants the token "hf_secret"; one with .gated answers as a gated one does.
"""

import argparse
import hashlib
import json
import re
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

TOKEN = "Bearer hf_secret"
HIDDEN = (".private", ".gated")


class Hub:
    def __init__(self, root: Path, lfs_from: int):
        self.root = root
        self.lfs_from = lfs_from
        self.faults: list[dict] = []
        self.log: list[dict] = []
        self.lock = threading.Lock()
        self.known: dict[Path, tuple[tuple[int, int], dict]] = {}
        self.ports = [0, 0]

    def files(self, name: str) -> list[dict]:
        folder = self.root / name
        paths = sorted(p for p in folder.rglob("*") if p.is_file() and p.name not in HIDDEN)
        return [{"path": p.relative_to(folder).as_posix(), **self.facts(p)} for p in paths]

    def facts(self, path: Path) -> dict:
        """Size and hash of a file, remembered while it does not change."""
        status = path.stat()
        key = (status.st_size, status.st_mtime_ns)
        if path in self.known and self.known[path][0] == key:
            return self.known[path][1]
        lfs = status.st_size >= self.lfs_from
        digest = hashlib.sha256() if lfs else hashlib.sha1(b"blob %d\0" % status.st_size)
        with path.open("rb") as file:
            while piece := file.read(1 << 22):
                digest.update(piece)
        facts = {"size": status.st_size, "etag": digest.hexdigest(), "lfs": lfs}
        self.known[path] = (key, facts)
        return facts

    def commit(self, name: str) -> str:
        text = "".join(f"{file['path']} {file['etag']}\n" for file in self.files(name))
        return hashlib.sha1(text.encode()).hexdigest()

    def fault(self, path: str) -> dict | None:
        with self.lock:
            for fault in self.faults:
                if fault["path"] in path and fault.get("times", 1) > 0:
                    fault["times"] = fault.get("times", 1) - 1
                    return dict(fault)
        return None


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: Hub

    def log_message(self, *arguments):
        pass

    def port(self) -> int:
        return self.server.server_address[1]

    def reply(self, status: int, body: bytes = b"", headers: dict | None = None) -> None:
        self.send_response(status)
        for key, value in (headers or {}).items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def error(self, status: int, code: str, message: str) -> None:
        self.reply(status, json.dumps({"error": message}).encode(),
                   {"X-Error-Code": code, "X-Error-Message": message, "Content-Type": "application/json"})

    def json(self, value) -> None:
        self.reply(200, json.dumps(value).encode(), {"Content-Type": "application/json"})

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path == "/_faults":
            self.hub.faults = json.loads(body)
            return self.json({})
        self.reply(404)

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        url = urlsplit(self.path)
        path = unquote(url.path)
        if path == "/_log":
            return self.json(self.hub.log)
        second = self.port() == self.hub.ports[1]
        token = self.headers.get("Authorization")
        self.entry = {"port": "second" if second else "first", "method": self.command, "path": path,
                      "range": self.headers.get("Range"), "token": token is not None,
                      "leak": second and token is not None, "bytes": 0}
        self.hub.log.append(self.entry)
        if self.entry["leak"]:
            return self.reply(500)
        fault = self.hub.fault(path)
        if fault and fault["kind"] == "status":
            return self.reply(fault["status"], b"", fault.get("headers"))
        if fault and fault["kind"] == "elsewhere" and not second:
            return self.redirect()
        if second and (match := re.fullmatch(r"/lfs/([^/]+/[^/]+)/(.+)", path)):
            return self.content(self.hub.root / match[1] / match[2], fault)
        if match := re.fullmatch(r"/api/models/([^/]+/[^/]+?)(?:/(revision|tree)/(.+))?", path):
            return self.api(match[1], match[2] or "revision", match[3] or "main", parse_qs(url.query))
        if match := re.fullmatch(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path):
            return self.resolve(match[1], match[2], match[3], fault)
        self.reply(404)

    def redirect(self) -> None:
        self.reply(302, b"", {"Location": f"http://127.0.0.1:{self.hub.ports[1]}{self.path}"})

    def allowed(self, name: str, revision: str) -> bool:
        """Whether a repository and revision may be read; answers if not."""
        folder = self.hub.root / name
        token = self.headers.get("Authorization")
        if not folder.is_dir() or ((folder / ".private").exists() and token != TOKEN):
            self.error(404 if token == TOKEN else 401, "RepoNotFound", "Repository not found")
        elif (folder / ".gated").exists() and token != TOKEN:
            self.error(401 if token is None else 403, "GatedRepo", f"Access to model {name} is restricted")
        elif revision not in ("main", "v1.0", "refs/pr/1", self.hub.commit(name)):
            self.error(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        else:
            return True
        return False

    def api(self, name: str, what: str, revision: str, query: dict) -> None:
        if what == "tree":
            revision = revision.split("/")[0]
        if not self.allowed(name, revision):
            return None
        files = self.hub.files(name)
        if what == "tree":
            def entry(file):
                lfs = {"oid": file["etag"], "size": file["size"], "pointerSize": 134} if file["lfs"] else None
                own = file["etag"] if not file["lfs"] else "0" * 40
                return {"type": "file", "path": file["path"], "size": file["size"], "oid": own} | (
                    {"lfs": lfs} if lfs else {})
            return self.json([entry(file) for file in files])
        siblings = []
        for file in files:
            entry = {"rfilename": file["path"]}
            if "blobs" in query:
                entry |= {"size": file["size"], "blobId": "0" * 40 if file["lfs"] else file["etag"]}
                if file["lfs"]:
                    entry["lfs"] = {"sha256": file["etag"], "size": file["size"], "pointerSize": 134}
            siblings.append(entry)
        self.json({"id": name, "modelId": name, "sha": self.hub.commit(name), "siblings": siblings, "tags": [],
                   "private": False, "downloads": 0, "likes": 0})

    def resolve(self, name: str, revision: str, file: str, fault: dict | None) -> None:
        if not self.allowed(name, revision):
            return None
        path = self.hub.root / name / file
        if not path.is_file() or ".." in file:
            return self.error(404, "EntryNotFound", f"{file} is not there")
        facts = self.hub.facts(path)
        headers = {"X-Repo-Commit": self.hub.commit(name), "Accept-Ranges": "bytes", "ETag": f'"{facts["etag"]}"'}
        if facts["lfs"]:
            headers |= {"X-Linked-Etag": f'"{facts["etag"]}"', "X-Linked-Size": str(facts["size"]),
                        "Location": f"http://127.0.0.1:{self.hub.ports[1]}/lfs/{name}/{file}"}
            return self.reply(302, b"", headers)
        self.content(path, fault, headers)

    def content(self, path: Path, fault: dict | None, headers: dict | None = None) -> None:
        fault = fault or {"kind": "none"}
        kind = fault["kind"]
        size = path.stat().st_size
        begin, end = 0, size
        wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range") or "")
        partial = wanted is not None and kind != "no_ranges"
        if partial:
            begin, end = int(wanted[1]), min(size, int(wanted[2]) + 1) if wanted[2] else size
            if begin >= size:
                return self.reply(416)
        self.send_response(206 if partial else 200)
        for key, value in (headers or {}).items():
            self.send_header(key, value)
        if partial:
            self.send_header("Content-Range", f"bytes {begin}-{end - 1}/{size}")
        if kind == "long":
            self.close_connection = True
            self.send_header("Connection", "close")
        else:
            self.send_header("Content-Length", str(end - begin))
        self.end_headers()
        if self.command == "HEAD":
            return None
        left = end - begin
        with path.open("rb") as file:
            file.seek(begin)
            if kind == "none":
                self.wfile.flush()
                try:
                    self.entry["bytes"] = self.connection.sendfile(file, begin, left) if left else 0
                except OSError:
                    self.close_connection = True
                return None
            self.send_with_fault(file, left, fault)

    def send_with_fault(self, file, left: int, fault: dict) -> None:
        kind, sent = fault["kind"], 0
        try:
            while left > 0:
                piece = bytearray(file.read(min(left, fault.get("rate", 1 << 20) // 10 or 1)))
                if kind == "wrong" and sent == 0:
                    piece[len(piece) // 2] ^= 1
                if kind in ("cut", "stall") and sent + len(piece) > fault["after"]:
                    self.wfile.write(piece[:fault["after"] - sent])
                    self.wfile.flush()
                    if kind == "stall":
                        time.sleep(fault["seconds"])
                    self.close_connection = True
                    self.connection.close()
                    return
                self.wfile.write(piece)
                if kind == "slow":
                    time.sleep(0.1)
                sent += len(piece)
                left -= len(piece)
                self.entry["bytes"] = sent
            if kind == "long":
                self.wfile.write(b"more" * 1000)
        except OSError:
            self.close_connection = True


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        if not isinstance(sys.exc_info()[1], ConnectionError):  # a client that was killed
            super().handle_error(request, client_address)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root", type=Path)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--lfs", type=int, default=100_000, help="files of so many bytes are in LFS")
    options = parser.parse_args()
    Handler.hub = Hub(options.root, options.lfs)
    servers = [Server(("127.0.0.1", port), Handler) for port in (options.port, 0)]
    Handler.hub.ports = [server.server_address[1] for server in servers]
    for server in servers:
        threading.Thread(target=server.serve_forever, daemon=True).start()
    print(f"port {Handler.hub.ports[0]}", flush=True)
    sys.stdin.read()  # until whoever started it goes away


if __name__ == "__main__":
    main()
