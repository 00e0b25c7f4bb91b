#!/usr/bin/env python3
"""A small Hub on this machine, for the tests: repositories in folders, over the endpoints of downloads and uploads.

    hub_server.py ROOT [--port N] [--lfs BYTES] [--parts BYTES] [--part-size BYTES] [--certificate FILE]

ROOT/<owner>/<name>/ is a model's repository, ROOT/datasets/<owner>/<name>/ a data set's; its one commit is a hash of
its files. Prints "port N" when it listens. Files of at least --lfs bytes are in LFS: `resolve` sends those to a second
port, as the Hub sends them to another host, and there they are put, in parts if they have at least --parts bytes.

POST /_faults takes a JSON list of faults, GET gives what is left of them; each applies to the first requests that match it:
    {"path": "model.safetensors", "kind": KIND, "times": 3, ...}
kinds:
    status      answer with "status", and the headers "headers"
    cut         close the connection after "after" bytes of the body, of an upload's as of an answer's
    wrong       change a byte of the body
    long        send more bytes than the file has, with no Content-Length
    stall       send "after" bytes, then nothing for "seconds"
    slow        "rate" bytes a second
    no_ranges   ignore Range
    elsewhere   redirect to the second port whatever it is
    lost        do what is asked, and close the connection without an answer
    forget      forget all uploads in parts that are not complete, and answer with 403
GET /_ports gives both ports. GET /_log lists requests: port, method, path, range, whether a token came along, and bytes sent.
A request to the second port that carries a token is answered with 500 and marked in the log as "leak".
A repository with a file .private wants the token "hf_secret"; one with .gated answers as a gated one does. That token
may write to all owners but "others", "hf_reader" to none.
"""

import argparse
import base64
import hashlib
import json
import re
import shutil
import ssl
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

TOKEN, READER = "Bearer hf_secret", "Bearer hf_reader"
HIDDEN = (".private", ".gated")
LFS_ENDINGS = (".safetensors", ".npz")
REPOSITORY = r"(datasets/)?([^/]+/[^/]+?)"


class Hub:
    def __init__(self, root: Path, options):
        self.root = root
        self.lfs_from, self.parts_from, self.part_size = options.lfs, options.parts, options.part_size
        self.objects = root / ".objects"
        self.objects.mkdir(parents=True, exist_ok=True)
        self.uploads: dict[str, dict] = {}  # in parts, by a number
        self.faults: list[dict] = []
        self.log: list[dict] = []
        self.lock = threading.Lock()
        self.known: dict[Path, tuple[tuple[int, int], dict]] = {}
        self.ports = [0, 0]
        self.tls = options.certificate is not None

    def address(self, which: int) -> str:
        return f"{'https://localhost' if self.tls else 'http://127.0.0.1'}:{self.ports[which]}"

    def files(self, name: str) -> list[dict]:
        folder = self.root / name
        paths = sorted(p for p in folder.rglob("*")
                       if p.is_file() and p.name not in HIDDEN and not p.name.endswith(".new"))
        return [{"path": p.relative_to(folder).as_posix(), **self.facts(p)} for p in paths]

    def facts(self, path: Path) -> dict:
        """Size and hash of a file, remembered while it does not change."""
        status = path.stat()
        key = (status.st_size, status.st_mtime_ns)
        if path in self.known and self.known[path][0] == key:
            return self.known[path][1]
        lfs = status.st_size >= self.lfs_from or path.suffix in LFS_ENDINGS
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
                if fault["path"] in path and fault.setdefault("times", 1) > 0:
                    fault["times"] -= 1
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
        if self.path == "/_faults":
            self.hub.faults = json.loads(self.body(None))
            return self.json({})
        path, body, _ = self.taken()
        if body is None:
            return None
        if path == "/api/repos/create":
            return self.create(json.loads(body))
        if path == "/api/validate-yaml":
            bad = "license: bad" in json.loads(body)["content"]
            answer = {"errors": [{"message": '"license" must be one of those'}] if bad else [], "warnings": []}
            return self.reply(400 if bad else 200, json.dumps(answer).encode(), {"Content-Type": "application/json"})
        if match := re.fullmatch(r"/api/models/([^/]+/[^/]+)/(preupload|commit)/main", path):
            if self.may_write(match[1]):
                return self.preupload(match[1], body) if match[2] == "preupload" else self.commit(match[1], body)
            return None
        if match := re.fullmatch(r"/([^/]+/[^/]+)\.git/info/lfs/objects/batch", path):
            return self.batch(json.loads(body)) if self.may_write(match[1]) else None
        if path == "/verify":
            asked = json.loads(body)
            there = (self.hub.objects / asked["oid"]).is_file()
            return self.json({}) if there else self.error(404, "NotFound", "no such object")
        if match := re.fullmatch(r"/complete/(\d+)", path):
            return self.complete(match[1], json.loads(body))
        self.reply(404)

    def do_PUT(self):
        path, body, fault = self.taken()
        if body is None:
            return None
        if fault and fault["kind"] == "wrong":
            body = bytes([body[0] ^ 1]) + body[1:]
        if match := re.fullmatch(r"/put/([0-9a-f]{64})", path):
            if hashlib.sha256(body).hexdigest() != match[1]:
                return self.reply(400)
            (self.hub.objects / match[1]).write_bytes(body)
            return self.reply(200)
        if match := re.fullmatch(r"/part/(\d+)/(\d+)", path):
            upload = self.hub.uploads.get(match[1])
            if upload is None:
                return self.reply(403)
            etag = f'"{hashlib.md5(body).hexdigest()}"'
            (self.hub.objects / f"{match[1]}.{match[2]}").write_bytes(body)
            upload["parts"][int(match[2])] = etag
            return self.reply(200, b"", {"ETag": etag})
        self.reply(404)

    def taken(self) -> tuple[str, bytes | None, dict | None]:
        """The path of a request with a body, the body, and the fault; no body if the request ends here."""
        path, second, fault = self.begin()
        body = self.body(fault)
        if body is None or self.refused(fault, second):
            return path, None, fault
        if fault and fault["kind"] == "lost":
            self.reply = self.lose
        return path, body, fault

    def lose(self, *_, **__):
        self.close_connection = True
        self.connection.close()

    def begin(self) -> tuple[str, bool, dict | None]:
        """Notes a request; its path, whether it came to the second port, and the fault that it is to meet."""
        path = unquote(urlsplit(self.path).path)
        second = self.port() == self.hub.ports[1]
        token = self.headers.get("Authorization")
        self.entry = {"port": "second" if second else "first", "method": self.command, "path": path,
                      "range": self.headers.get("Range"), "token": token is not None,
                      "leak": second and token is not None, "bytes": 0}
        self.hub.log.append(self.entry)
        return path, second, self.hub.fault(path)

    def body(self, fault: dict | None) -> bytes | None:
        """The body of a request; nothing if a fault lets the connection end in the middle of it."""
        if self.headers.get("Transfer-Encoding") == "chunked":
            pieces = []
            while size := int(self.rfile.readline().split(b";")[0], 16):
                pieces.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(pieces)
        left, pieces, kind = int(self.headers.get("Content-Length", 0)), [], fault and fault["kind"]
        if kind in ("cut", "stall"):
            self.rfile.read(min(left, fault["after"]))
            if kind == "stall":
                time.sleep(fault["seconds"])
            self.lose()
            return None
        while left > 0:
            size = min(left, 1 << 20 if kind != "slow" else fault["rate"] // 20)
            piece = self.rfile.read(size)
            if len(piece) < size:
                self.close_connection = True
                return None
            if kind == "slow":
                time.sleep(0.05)
            pieces.append(piece)
            left -= size
            if hasattr(self, "entry"):
                self.entry["bytes"] += size
        return b"".join(pieces)

    def refused(self, fault: dict | None, second: bool) -> bool:
        """Whether a request ends here: for a token that should not be there, or by a fault."""
        if self.entry["leak"]:
            self.reply(500)
        elif fault and fault["kind"] == "status":
            self.reply(fault["status"], b"", fault.get("headers"))
        elif fault and fault["kind"] == "elsewhere" and not second:
            self.redirect()
        elif fault and fault["kind"] == "forget":
            self.hub.uploads.clear()
            self.reply(403)
        else:
            return False
        return True

    def may_write(self, name: str) -> bool:
        """Whether a repository may be written to; answers if not."""
        token = self.headers.get("Authorization")
        if token not in (TOKEN, READER):
            self.error(401, "", "Invalid username or password.")
        elif token == READER or name.startswith("others/"):
            self.error(403, "", "You don't have the rights to write to this repository")
        elif not (self.hub.root / name).is_dir():
            self.error(404, "RepoNotFound", "Repository not found")
        else:
            return True
        return False

    def create(self, wanted: dict) -> None:
        name = f"{wanted['organization']}/{wanted['name']}"
        token = self.headers.get("Authorization")
        if token not in (TOKEN, READER):
            return self.error(401, "", "Invalid username or password.")
        if (self.hub.root / name).is_dir():
            return self.error(409, "", "You already created this model repo")
        if token == READER or name.startswith("others/"):
            return self.error(403, "", "You don't have the rights to create a model under this namespace")
        (self.hub.root / name).mkdir(parents=True)
        if wanted.get("visibility") == "private" or wanted.get("private"):
            (self.hub.root / name / ".private").touch()
        self.json({"url": f"{self.hub.address(0)}/{name}", "name": name, "id": "1"})

    def preupload(self, name: str, body: bytes) -> None:
        there = {file["path"]: file for file in self.hub.files(name)}
        answers = []
        for file in json.loads(body)["files"]:
            base64.b64decode(file["sample"], validate=True)
            lfs = file["size"] >= self.hub.lfs_from or Path(file["path"]).suffix in LFS_ENDINGS
            answers.append({"path": file["path"], "uploadMode": "lfs" if lfs else "regular", "shouldIgnore": False,
                            "oid": there[file["path"]]["etag"] if file["path"] in there else None})
        self.json({"files": answers})

    def batch(self, asked: dict) -> None:
        first, second = self.hub.address(0), self.hub.address(1)
        objects = []
        for one in asked["objects"]:
            oid, size = one["oid"], one["size"]
            answer = {"oid": oid, "size": size}
            objects.append(answer)
            if (self.hub.objects / oid).is_file():
                continue
            upload = {"href": f"{second}/put/{oid}", "header": {}}
            if size >= self.hub.parts_from and "multipart" in asked["transfers"]:
                with self.hub.lock:
                    number = str(len(self.hub.uploads) + len(self.hub.log) * 1000)
                    count = -(-size // self.hub.part_size)
                    self.hub.uploads[number] = {"oid": oid, "size": size, "count": count, "parts": {}}
                upload = {"href": f"{first}/complete/{number}", "header": {
                    "chunk_size": str(self.hub.part_size),
                    **{str(part): f"{second}/part/{number}/{part}?signature=x" for part in range(1, count + 1)}}}
            answer["actions"] = {"upload": upload, "verify": {"href": f"{first}/verify", "header": {}}}
        self.json({"transfer": "multipart", "objects": objects})

    def complete(self, number: str, asked: dict) -> None:
        upload = self.hub.uploads.get(number)
        if upload is None:
            return self.error(404, "", "no such upload")
        parts = {part["partNumber"]: part["etag"] for part in asked["parts"]}
        if asked["oid"] != upload["oid"] or parts != upload["parts"] or len(parts) != upload["count"]:
            return self.error(400, "", "these are not the parts")
        whole = self.hub.objects / f"{number}.whole"
        digest = hashlib.sha256()
        with whole.open("wb") as file:
            for part in range(1, upload["count"] + 1):
                path = self.hub.objects / f"{number}.{part}"
                data = path.read_bytes()
                digest.update(data)
                file.write(data)
                path.unlink()
        del self.hub.uploads[number]
        if digest.hexdigest() != upload["oid"]:
            whole.unlink()
            return self.error(400, "", "the parts have another hash")
        whole.rename(self.hub.objects / upload["oid"])
        self.json({"success": True})

    def commit(self, name: str, body: bytes) -> None:
        lines = [json.loads(line) for line in body.splitlines() if line.strip()]
        assert lines[0]["key"] == "header" and lines[0]["value"]["summary"], lines[0]
        folder = self.hub.root / name
        with self.hub.lock:
            for line in lines[1:]:
                value = line["value"]
                if line["key"] == "lfsFile" and not (self.hub.objects / value["oid"]).is_file():
                    return self.error(400, "", f"{value['path']} was not uploaded")
            renames = []
            for line in lines[1:]:
                value = line["value"]
                path = folder / value["path"]
                path.parent.mkdir(parents=True, exist_ok=True)
                new = path.with_name(f".{path.name}.new")
                renames.append((new, path))
                if line["key"] == "lfsFile":
                    shutil.copy(self.hub.objects / value["oid"], new)
                else:
                    new.write_bytes(base64.b64decode(value["content"], validate=True))
            for new, path in renames:
                new.rename(path)
            sha = self.hub.commit(name)
        url = f"{self.hub.address(0)}/{name}/commit/{sha}"
        self.json({"success": True, "commitOid": sha, "commitUrl": url, "hookOutput": ""})

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        if self.path == "/_log":
            return self.json(self.hub.log)
        if self.path == "/_faults":
            with self.hub.lock:  # after whatever is being done
                return self.json(self.hub.faults)
        if self.path == "/_ports":
            return self.json(self.hub.ports)
        path, second, fault = self.begin()
        if self.refused(fault, second):
            return None
        if path == "/api/whoami-v2":
            known = self.headers.get("Authorization") in (TOKEN, READER)
            return self.json({"name": "me"}) if known else self.error(401, "", "Invalid username or password.")
        if second and path.startswith("/lfs/"):
            return self.content(self.hub.root / path.removeprefix("/lfs/"), fault)
        if match := re.fullmatch(r"/api/(models/|datasets/)([^/]+/[^/]+?)(?:/(revision|tree)/(.+))?", path):
            name = match[1].removeprefix("models/") + match[2]
            return self.api(name, match[3] or "revision", match[4] or "main", parse_qs(urlsplit(self.path).query))
        if match := re.fullmatch(rf"/{REPOSITORY}/resolve/([^/]+)/(.+)", path):
            return self.resolve((match[1] or "") + match[2], match[3], match[4], fault)
        self.reply(404)

    def redirect(self) -> None:
        self.reply(302, b"", {"Location": f"{self.hub.address(1)}{self.path}"})

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
                   "private": (self.hub.root / name / ".private").exists(), "downloads": 0, "likes": 0})

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
                        "Location": f"{self.hub.address(1)}/lfs/{name}/{file}"}
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
        if not isinstance(sys.exc_info()[1], (ConnectionError, ssl.SSLError)):  # a client that was killed, or left
            super().handle_error(request, client_address)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root", type=Path)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--lfs", type=int, default=100_000, help="files of so many bytes are in LFS")
    parser.add_argument("--parts", type=int, default=8 << 20, help="files of so many bytes are uploaded in parts")
    parser.add_argument("--part-size", type=int, default=5 << 20)
    parser.add_argument("--certificate", type=Path, help="speak TLS: a file with a key and a certificate for localhost")
    options = parser.parse_args()
    Handler.hub = Hub(options.root, options)
    servers = [Server(("127.0.0.1", port), Handler) for port in (options.port, 0)]
    Handler.hub.ports = [server.server_address[1] for server in servers]
    if options.certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(options.certificate)
        for server in servers:
            server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    for server in servers:
        threading.Thread(target=server.serve_forever, daemon=True).start()
    print(f"port {Handler.hub.ports[0]}", flush=True)
    sys.stdin.read()  # until whoever started it goes away


if __name__ == "__main__":
    main()
