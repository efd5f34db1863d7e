"""A fake Hugging Face hub that can fail on demand.

Paths, headers and error codes are those that the hub's client reads (huggingface_hub: hf_api.py,
file_download.py, utils/_http.py).
"""

import hashlib
import json
import re
import threading
from collections import Counter
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

COMMIT, LATER = "1" * 40, "2" * 40


@dataclass
class Order:
    """A failure for the next requests whose path has this ending.

    Attributes:
        path: ending of the path.
        times: number of requests that fail.
        status: HTTP status of the answer.
        headers: headers of the answer.
        cut: number of bytes of the body after which the connection is closed.
        hold: number of bytes of the body after which the connection stays open but silent.
        body: content to send instead.
    """

    path: str
    times: int = 1
    status: int | None = None
    headers: dict = field(default_factory=dict)
    cut: int | None = None
    hold: int | None = None
    body: bytes | None = None


class FakeHub:
    """A server with models by name. Each model is a folder of files at a commit.

    Attributes:
        url: address for HF_ENDPOINT.
        branches: commit of each revision.
        orders: failures to apply, in the order of requests.
        asked: paths of all requests.
        served: number of sent bytes, by path.
        tokens: the last client's Authorization header, by path.
    """

    def __init__(self, models: dict[str, Path]) -> None:
        self.models = models
        self.branches = {"main": COMMIT}
        self.orders: list[Order] = []
        self.asked: list[str] = []
        self.served: Counter[str] = Counter()
        self.tokens: dict[str, str | None] = {}
        self.released = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> "FakeHub":
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_) -> None:
        self.released.set()
        self._server.shutdown()
        self._server.server_close()

    def bytes_sent(self, ending: str) -> int:
        """Return the number of bytes that were sent for files whose names have this ending."""
        return sum(count for path, count in self.served.items() if path.endswith(ending))

    def _order(self, path: str, is_head: bool = False) -> Order | None:
        """Return the next failure for a path.

        HEAD requests get no failures of the content, because their answers have no content.
        """
        for order in self.orders:
            if is_head and not order.status:
                continue
            if order.times and path.endswith(order.path):
                order.times -= 1
                return order
        return None

    def _handler(hub):
        """Return the class that handles requests."""

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True  # It would delay the data after a header.

            def log_message(self, *_):
                pass

            def do_CONNECT(self):
                # Answer like a proxy without known users.
                self.answer(407, b"")

            def do_GET(self):
                path = unquote(urlsplit(self.path).path)
                hub.asked.append(path)
                hub.tokens[path] = self.headers.get("Authorization")
                path = path.removeprefix("/cdn")
                order = hub._order(path)
                if order and order.status:
                    return self.answer(order.status, b"", order.headers)
                if found := re.fullmatch(
                    r"/api/models/([^/]+/[^/]+)/(revision|tree)/([^/]+)", path
                ):
                    return self.model(*found.groups(), order)
                if found := re.fullmatch(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path):
                    return self.file(*found.groups(), order)
                return self.answer(404, b"")

            def do_HEAD(self):
                path = unquote(urlsplit(self.path).path)
                hub.asked.append(path)
                hub.tokens[path] = self.headers.get("Authorization")
                order = hub._order(path, is_head=True)
                if order:
                    return self.answer(order.status, b"", order.headers)
                name, commit, file = re.fullmatch(
                    r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path
                ).groups()
                content = hub.models[name] / file
                size, etag = content.stat().st_size, f'"{digest(content)}"'
                headers = {"X-Repo-Commit": commit, "X-Linked-Etag": etag, "X-Linked-Size": size}
                if not path.endswith(".safetensors"):
                    return self.answer(200, b"", headers)
                # Large files are on another host from the client's point of view.
                place = f"http://localhost:{hub._server.server_port}/cdn{path}"
                return self.answer(302, b"", headers | {"Location": place})

            def model(self, name, kind, revision, order):
                commit = hub.branches.get(revision, revision)
                if name not in hub.models:
                    # The hub answers unknown clients in this way.
                    return self.answer(401, b"", {"X-Error-Code": "RepoNotFound"})
                if commit not in hub.branches.values():
                    return self.answer(404, b"", {"X-Error-Code": "RevisionNotFound"})
                files = [listed(file) for file in sorted(hub.models[name].iterdir())]
                stated = files if kind == "tree" else {"id": name, "sha": commit}
                body = json.dumps(stated).encode() if not order else order.body
                return self.answer(200, body, {"Content-Type": "application/json"})

            def file(self, name, _, file, order):
                path = hub.models[name] / file
                content = path.read_bytes() if not (order and order.body) else order.body
                begin = int(re.findall(r"\d+", self.headers.get("Range", "bytes=0-"))[0])
                headers = {"Accept-Ranges": "bytes"}
                if begin >= len(content) > 0:
                    return self.answer(416, b"", headers)
                if begin:
                    headers["Content-Range"] = f"bytes {begin}-{len(content) - 1}/{len(content)}"
                return self.answer(206 if begin else 200, content[begin:], headers, order)

            def answer(self, status, body, headers=(), order=None):
                self.send_response(status)
                for key, value in dict(headers).items():
                    self.send_header(key, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                limits = [n for n in (order and (order.cut, order.hold)) or () if n is not None]
                part = body[: limits[0]] if limits else body
                self.wfile.write(part)
                self.wfile.flush()
                hub.served[unquote(urlsplit(self.path).path)] += len(part)
                if order and order.hold is not None:
                    hub.released.wait(60)
                if limits:
                    self.close_connection = True

        return Handler


def digest(path: Path) -> str:
    """Return the hash by which the hub names a file's content.

    It is SHA-256 for files in Git LFS, and git's SHA-1 for all others.
    """
    content = path.read_bytes()
    if path.suffix == ".safetensors":
        return hashlib.sha256(content).hexdigest()
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def listed(path: Path) -> dict:
    """Return the hub's entry for a file."""
    size, oid = path.stat().st_size, digest(path)
    entry = {"type": "file", "path": path.name, "size": size, "oid": oid}
    if path.suffix == ".safetensors":
        entry |= {"oid": "0" * 40, "lfs": {"oid": oid, "size": size, "pointerSize": 134}}
    return entry
