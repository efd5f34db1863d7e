"""Serve the pages of a run with their videos, and save the verdicts that people give on them.

Other users of the machine can reach its ports, and pages of other sites can send requests to them.
Therefore every address has a secret part, requests must name this machine, and only the server's
own pages may write. Files are found by the number of a video, never by a path in a request.
"""

from __future__ import annotations

import fcntl
import hashlib
import ipaddress
import mimetypes
import socket
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from email.utils import formatdate
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from touchline.core import paths
from touchline.core.disk import disk_message
from touchline.core.files import write_text
from touchline.errors import InputError
from touchline.evaluation.annotations import check_truth, verdicts_path
from touchline.inputs.labels import Labels
from touchline.inputs.videos import Video
from touchline.report.playable import playable_copy

# Most bytes of a table of verdicts. A page of 3,000 moments saves less than one million.
LARGEST = 8_000_000
FIRST_PORT, _PORTS = 8765, 100
# A page from disk must not connect. A served page may connect to this server. Its code
# (assets/server.js) detects the server by the meta element. The icon keeps browsers from asking.
_SERVED = {
    '<meta charset="utf-8">': '<meta charset="utf-8">\n<meta name="touchline-server" content=".">\n'
    '<link rel="icon" href="data:,">',
    "connect-src &#39;none&#39;": "connect-src &#39;self&#39;",
}
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class ReviewServer:
    """A server for the pages, videos and verdicts of one run."""

    def __init__(self, results: Path, videos: Mapping[int, Video], labels: Labels) -> None:
        """Create a server for one run.

        Args:
            results: folder of the run's results.
            videos: table of videos, by number.
            labels: classes that verdicts may name.
        """
        self._results = results
        self._videos = videos
        self._labels = labels

    def app(self, secret: str, names: Collection[str]) -> Starlette:
        """Create the web application.

        Args:
            secret: first part of every address.
            names: names of this machine that requests may use. IP addresses and localhost are
                always allowed.
        """
        routes = [
            Route("/", self._index),
            Route("/index.html", self._index),
            Route("/video_{video:int}.html", self._page),
            Route("/videos/{video:int}", self._video),
            Route("/videos/{video:int}/copy", self._copy),
            Route("/verdicts/{video:int}", self._verdicts),
            Route("/verdicts/{video:int}", self._save, methods=["PUT"]),
        ]
        guard = Middleware(_Guard, names=names)
        return Starlette(routes=[Mount(f"/{secret}", routes=routes, middleware=[guard])])

    def _index(self, _: Request) -> Response:
        """Return the page of the run."""
        return self._html(paths.INDEX)

    def _page(self, request: Request) -> Response:
        """Return the page of a match."""
        return self._html(paths.PAGE.format(video=_number(request)))

    def _html(self, name: str) -> Response:
        """Return a page that may connect to this server."""
        content = _content(self._results / name)
        if content is None:
            raise HTTPException(404)
        page = content.decode()
        for from_disk, served in _SERVED.items():
            page = page.replace(from_disk, served, 1)
        return HTMLResponse(page)

    def _video(self, request: Request) -> Response:
        """Return a video."""
        return _footage(self._path(request))

    def _copy(self, request: Request) -> Response:
        """Return the playable copy of a video."""
        return _footage(playable_copy(self._path(request)))

    def _path(self, request: Request) -> Path:
        """Return the path of the requested video."""
        row = self._videos.get(_number(request))
        if row is None or row.path is None:
            raise HTTPException(404)
        return row.path

    def _verdicts(self, request: Request) -> Response:
        """Return the saved verdicts on a video."""
        path = verdicts_path(self._results, _number(request))
        content = _content(path)
        if content is None:
            return Response(status_code=204)
        date = formatdate(path.stat().st_mtime, usegmt=True)
        headers = {"ETag": _version(content), "Last-Modified": date}
        return Response(content, media_type="text/csv", headers=headers)

    async def _save(self, request: Request) -> Response:
        """Save the verdicts on a video, unless other verdicts were saved in the meantime."""
        video = _number(request)
        if not (self._results / paths.PAGE.format(video=video)).is_file():
            raise HTTPException(404)
        # Only pages of this server have its address as their origin.
        if request.headers.get("origin") != f"http://{request.headers['host']}":
            raise HTTPException(403, "Only a page of this server can save verdicts.")
        known = request.headers.get("if-match")
        if known is None and request.headers.get("if-none-match") != "*":
            raise HTTPException(428, "Send If-Match or If-None-Match with the verdicts.")
        content = await _body(request)
        path = verdicts_path(self._results, video)
        try:
            with _locked(path.parent):
                before = _content(path)
                if known != (None if before is None else _version(before)):
                    raise HTTPException(412, "Other verdicts have been saved since.")
                problems = self._check(path, video, content)
                write_text(path, content.decode())
        except InputError as error:
            return JSONResponse({"refused": str(error)}, status_code=422)
        except OSError as error:
            return JSONResponse({"refused": disk_message(error) or str(error)}, status_code=500)
        saved = {"saved": str(path), "problems": problems}
        return JSONResponse(saved, headers={"ETag": _version(content)})

    def _check(self, path: Path, video: int, content: bytes) -> list[str]:
        """Check verdicts as the workflow does, and return the rows that it would leave out.

        Args:
            path: path at which the verdicts will be saved.
            video: number of the video.
            content: the verdicts.

        Raises:
            InputError: the workflow would refuse the verdicts.
        """
        row = self._videos.get(video)
        of = {"of": row.game_half} if row else {}
        with TemporaryDirectory() as folder:
            draft = Path(folder, path.name)
            draft.write_bytes(content)
            try:
                truth = check_truth(draft, self._labels, **of)
            except InputError as error:
                raise InputError(str(error).replace(str(draft), str(path))) from None
        problems = truth.problems[: -1 if truth.undecided else None]
        return [line.replace(str(draft), str(path)) for line in problems]


class _Guard:
    """Middleware that refuses requests whose host name is not this machine's.

    Without this check, a foreign site could point its own name at this machine and read the
    answers.
    """

    def __init__(self, app: ASGIApp, names: Collection[str]) -> None:
        self._app = app
        self._names = {name.lower() for name in ("localhost", *names)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse the request, or pass it on and add security headers to its answer."""

        async def send_guarded(message: Message) -> None:
            """Send a message with security headers."""
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(_HEADERS)
            await send(message)

        if scope["type"] == "http" and not self._is_own(Headers(scope=scope).get("host", "")):
            refused = Response("This is not the address of this server.", status_code=403)
            await refused(scope, receive, send_guarded)
        else:
            await self._app(scope, receive, send_guarded)

    def _is_own(self, host: str) -> bool:
        """Return whether a Host header names this machine."""
        try:
            name = urlsplit(f"//{host}").hostname or ""
            return name in self._names or bool(ipaddress.ip_address(name))
        except ValueError:
            return False


def listen(host: str, port: int | None) -> socket.socket:
    """Open the server's port.

    Args:
        host: address of this machine to listen on.
        port: number of the port; None for the first free port from `FIRST_PORT` on.

    Raises:
        InputError: the port is in use, or the host is not an address of this machine.
    """
    try:
        family = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)[0][0]
    except OSError as error:
        raise InputError(
            f"--host {host} is not an address of this machine ({error}). Use its name or address."
        ) from None
    if port is not None and not 0 < port < 65536:
        raise InputError(f"--port {port} is not a port. Use a number from 1024 to 65535.")
    wanted = range(FIRST_PORT, FIRST_PORT + _PORTS) if port is None else [port]
    for each in wanted:
        try:
            return socket.create_server((host, each), family=family)
        except PermissionError:
            raise InputError(
                f"Port {each} is reserved for root. Use --port with a number from 1024 on."
            ) from None
        except OSError as error:
            reason = error
    if port is None:
        raise InputError(
            f"No port from {wanted[0]} to {wanted[-1]} can be opened on {host} "
            f"({reason.strerror}). Name another port with --port."
        )
    raise InputError(
        f"Port {port} cannot be opened on {host} ({reason.strerror}). Name another port with "
        "--port, or leave --port out to use the next free port."
    )


def _footage(path: Path) -> Response:
    """Return a response with a video file."""
    if not path.is_file():
        raise HTTPException(404)
    kind = mimetypes.guess_type(path.name)[0] or ""
    # Browsers detect the type of an unknown video themselves.
    known = kind if kind.startswith("video/") else "application/octet-stream"
    return FileResponse(path, media_type=known)


def _number(request: Request) -> int:
    """Return the number of the requested video."""
    return int(request.path_params["video"])


def _content(path: Path) -> bytes | None:
    """Read a file of the results.

    Return None for a missing file or a link, which may lead elsewhere.
    """
    return path.read_bytes() if path.is_file() and not path.is_symlink() else None


def _version(content: bytes) -> str:
    """Return the ETag of a table's content."""
    return f'"{hashlib.sha256(content).hexdigest()}"'


async def _body(request: Request) -> bytes:
    """Read the body of a request.

    Raises:
        HTTPException: the body is too large, or is not UTF-8 text.
    """
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > LARGEST:
            raise HTTPException(413, f"The table of verdicts has more than {LARGEST} bytes.")
        parts.append(part)
    content = b"".join(parts)
    try:
        content.decode()
    except UnicodeDecodeError:
        raise HTTPException(422, "The table of verdicts is not UTF-8 text.") from None
    return content


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Lock the folder, so that other servers of the same results do not save at the same time."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("a") as file:
        # Some file systems do not support locks.
        with suppress(OSError):
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
