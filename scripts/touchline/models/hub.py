"""Models of the Hugging Face hub, downloaded into the hub's own cache.

The hub's client forgets what it has of a file when it is interrupted, and a 7B model is a few
files of 5 GB. So files come by plain HTTP, each into `blobs/HASH.incomplete`, from where the last
attempt ended, however that ended; and are checked against their hash. Places and names are those
of the client (https://huggingface.co/docs/huggingface_hub/guides/manage-cache), so that other
programs find the files and `hf cache` can delete them. HF_HOME, HF_HUB_CACHE, HF_ENDPOINT,
HF_TOKEN, HF_HUB_OFFLINE and the usual proxy variables are honoured; the token is written nowhere.
"""

from __future__ import annotations

import hashlib
import logging
import os
import re
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from touchline.core.files import write_text
from touchline.errors import InputError, plain
from touchline.models.patience import SILENCE, Patience, Unreachable, refusal

log = logging.getLogger(__name__)

DEFAULT = "main"
# Seconds between two lines of progress.
_BETWEEN_LINES = 15
# Bytes that show that a connection is of use.
_OF_USE = 2**20

_COMMIT = re.compile(r"[0-9a-f]{40}")
_HASH = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


class _WrongContent(Exception):
    """What came is not the file that the hub lists."""


@dataclass(frozen=True)
class RemoteFile:
    """A file of a model on the hub.

    Attributes:
        size: in bytes.
        hash: SHA-256, or git's SHA-1 of a file that git keeps itself; names the file in the cache.
    """

    name: str
    size: int
    hash: str


@dataclass(frozen=True)
class Found:
    """A model at a commit.

    Attributes:
        files: on the hub, or in the cache if the hub cannot be reached.
        folder: its place in the cache.
        is_cached: nothing is to be downloaded, or can be.
    """

    repo: str
    commit: str
    files: Sequence[RemoteFile]
    folder: Path
    is_cached: bool

    @property
    def snapshot(self) -> Path:
        return self.folder / "snapshots" / self.commit

    def blob(self, file: RemoteFile) -> Path:
        """Where the cache keeps a file's content."""
        return self.folder / "blobs" / file.hash

    def partial(self, file: RemoteFile) -> Path:
        """Where the part of a file is that has come so far."""
        return self.folder / "blobs" / f"{file.hash}.incomplete"

    def have(self, file: RemoteFile) -> int:
        """Bytes of a file that are here."""
        return file.size if self.has(file) else min(_size(self.partial(file)), file.size)

    def has(self, file: RemoteFile) -> bool:
        """Whether all of a file is here."""
        blob = self.blob(file)
        return self.is_cached or (blob.exists() and blob.stat().st_size == file.size)


def find(
    repo: str, revision: str, patterns: Sequence[str], is_whole: Callable[[Path], bool]
) -> Found:
    """Look a model up on the hub, or in the cache where the hub cannot be reached.

    Args:
        patterns: of the files' names; those in folders of the repository are left out.
        is_whole: whether a folder of the cache has all of a model.

    Raises:
        InputError: there is no such model or revision, it may not be read, or the hub cannot be
            reached and the cache has it not.
    """
    from huggingface_hub import constants
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.file_download import repo_folder_name
    from huggingface_hub.utils import validate_repo_id

    try:
        validate_repo_id(repo)
    except HFValidationError as error:
        raise InputError(
            f"{plain(repo)} is neither a folder here nor a name on the hub, which is like "
            "llava-hf/LLaVA-NeXT-Video-7B-hf; correct models.*.checkpoint."
        ) from error
    # It would log the address of each request, also of signed ones.
    logging.getLogger("httpx2").setLevel(logging.WARNING)
    folder = Path(constants.HF_HUB_CACHE) / repo_folder_name(repo_id=repo, repo_type="model")
    cached = _in_cache(repo, revision, patterns, folder)
    if cached is not None and not is_whole(cached.snapshot):
        cached = None
    patience = Patience(repo, revision, is_short=cached is not None)
    try:
        commit, files = patience.ask(lambda: _ask(repo, revision, patterns))
    except Unreachable as error:
        if cached is None:
            raise
        log.warning("%s The cache has commit %s of it, which is used.", error, cached.commit)
        return cached
    if revision != commit:
        _tell_commit(repo, revision, commit, folder)
    return Found(repo, commit, files, folder, is_cached=False)


def _ask(repo: str, revision: str, patterns: Sequence[str]) -> tuple[str, list[RemoteFile]]:
    """The commit and the files that the hub names. It is not trusted: they become paths here."""
    from huggingface_hub import HfApi

    info = HfApi().model_info(repo, revision=revision, files_metadata=True, timeout=SILENCE)
    if not _COMMIT.fullmatch(str(info.sha)):
        raise ValueError(f"it names no commit, but {info.sha!r}")
    files = []
    for file in info.siblings or []:
        name = str(file.rfilename)
        if "/" in name or not name.isprintable() or not _matches(name, patterns):
            continue
        size, digest = (file.lfs.size, file.lfs.sha256) if file.lfs else (file.size, file.blob_id)
        if not (isinstance(size, int) and size >= 0 and _HASH.fullmatch(str(digest))):
            raise ValueError(f"it states no size or hash of {name}")
        files.append(RemoteFile(name, size, str(digest)))
    return str(info.sha), files


def _matches(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatch(name, pattern) for pattern in patterns)


def _in_cache(repo: str, revision: str, patterns: Sequence[str], folder: Path) -> Found | None:
    """A model as far as the cache has it."""
    commit = revision if _COMMIT.fullmatch(revision) else _noted(folder, revision)
    if commit is None:
        return None
    snapshot = folder / "snapshots" / commit
    files = [
        RemoteFile(path.name, path.stat().st_size, "")
        for path in (sorted(snapshot.iterdir()) if snapshot.is_dir() else [])
        if path.is_file() and _matches(path.name, patterns)
    ]
    return Found(repo, commit, files, folder, is_cached=True) if files else None


def _noted(folder: Path, revision: str) -> str | None:
    """The commit that a revision was when the cache last heard of it."""
    try:
        commit = (folder / "refs" / revision).read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return None
    return commit if _COMMIT.fullmatch(commit) else None


def _tell_commit(repo: str, revision: str, commit: str, folder: Path) -> None:
    before = _noted(folder, revision)
    if before not in (None, commit):
        log.warning(
            "%s: revision %s has changed: it was commit %s when this machine last asked, and is "
            "%s now, which is used; set revision to the one that you want.",
            repo,
            revision,
            before,
            commit,
        )
    else:
        log.warning(
            "%s: revision %s is commit %s today; set revision to it, so that the model stays the "
            "same.",
            repo,
            revision,
            commit,
        )
    try:
        write_text(folder / "refs" / revision, commit)
    except OSError as error:
        log.warning("The hub's cache cannot be written: %s.", plain(error))


def check_room(found: Found, files: Sequence[RemoteFile], folder: Path | None) -> None:
    """End before a download that the disk has no room for.

    Args:
        folder: where the files will be copied to, unless they are linked.

    Raises:
        InputError: says what is needed and what is free.
    """
    missing = sum(file.size - found.have(file) for file in files)
    needed = {_parent_that_is(found.folder): missing}
    if folder is not None:
        copies = sum(file.size for file in files)
        same = [place for place in needed if place.stat().st_dev == folder.stat().st_dev]
        place = same[0] if same else folder
        needed[place] = needed.get(place, 0) + copies
    for place, size in needed.items():
        free = shutil.disk_usage(place).free
        if size > free:
            raise InputError(
                f"{found.repo} needs {_bytes(size)} more in {place}, where {_bytes(free)} are "
                "free; make room, or set HF_HUB_CACHE (the hub's cache) or resources (the "
                "models) to a folder on another disk."
            )


def download(found: Found, files: Sequence[RemoteFile]) -> list[Path]:
    """Bring files of a model into the cache, going on where an earlier attempt ended.

    Returns:
        their paths there, in the given order.

    Raises:
        InputError: it cannot be done; what has come stays for the next attempt.
    """
    if not found.is_cached:
        try:
            _download(found, files)
        except OSError as error:
            raise refusal(error, found.repo, found.commit) from error
    return [found.snapshot / file.name for file in files]


def _download(found: Found, files: Sequence[RemoteFile]) -> None:
    from huggingface_hub import constants
    from huggingface_hub.utils import WeakFileLock

    found.snapshot.mkdir(parents=True, exist_ok=True)
    (found.folder / "blobs").mkdir(exist_ok=True)
    locks = Path(constants.HF_HUB_CACHE) / ".locks" / found.folder.name
    locks.mkdir(parents=True, exist_ok=True)
    progress = DownloadProgress(found, files)
    for file in files:
        blob, link = found.blob(file), found.snapshot / file.name
        with WeakFileLock(locks / f"{file.hash}.lock"):
            if not found.has(file):
                _complete(found, file, progress)
                os.replace(found.partial(file), blob)
            if not link.exists():
                link.unlink(missing_ok=True)
                try:
                    link.symlink_to(os.path.relpath(blob, link.parent))
                except OSError:  # a file system without links
                    shutil.copyfile(blob, link)
    progress.end()


def _complete(found: Found, file: RemoteFile, progress: DownloadProgress) -> None:
    """Bring the rest of a file; if it is not what it should be, all of it once more."""
    part = found.partial(file)
    for is_last in (False, True):
        patience = Patience(found.repo, found.commit)
        try:
            if _size(part) < file.size or not part.exists():
                patience.ask(lambda: _append(found, file, progress, patience))  # noqa: B023
            if (is_ := _size(part)) != file.size:
                raise _WrongContent(f"it has {is_} bytes and should have {file.size}")
            if _hash_of(part, file) != file.hash:
                raise _WrongContent("its hash is not the one that the hub lists")
            return
        except _WrongContent as error:
            if (came := _size(part)) >= file.size:
                progress.add(-came)
                part.unlink()
            if is_last:
                raise InputError(
                    f"{found.repo}: {file.name} differs from what the hub lists, twice in a row "
                    f"({plain(error)}); a proxy or a mirror may be at fault: try another "
                    "network, or without HF_ENDPOINT."
                ) from error
            log.warning(
                "%s: %s differs from what the hub lists (%s); trying again.",
                found.repo,
                file.name,
                error,
            )


def _append(found: Found, file: RemoteFile, progress: DownloadProgress, patience: Patience) -> None:
    """One request for the rest of a file, written as it comes."""
    from huggingface_hub import get_session, hf_hub_url
    from huggingface_hub.utils import build_hf_headers, hf_raise_for_status

    # Not buffered, so that what has come is there whatever happens to this process.
    with found.partial(file).open("ab", buffering=0) as part:
        have = part.tell()
        headers = {**build_hf_headers(), "Accept-Encoding": "identity"}
        if have:
            headers["Range"] = f"bytes={have}-"
        url = hf_hub_url(found.repo, file.name, revision=found.commit)
        with get_session().stream("GET", url, headers=headers, timeout=SILENCE) as answer:
            if answer.status_code == 416:
                raise _WrongContent(f"the server has no more than {have} bytes")
            hf_raise_for_status(answer)
            # A server that knows no ranges begins at the start.
            begin = have if answer.status_code == 206 else 0
            length = answer.headers.get("Content-Length", "")
            if begin + int(length or file.size - begin) != file.size or (have and not length):
                # Perhaps a page that says why not: what has come must not make room for it.
                raise _WrongContent(
                    f"the server has {begin + int(length or 0)} bytes of {file.size}"
                )
            if begin < have:
                part.truncate(0)
                progress.add(-have)
            came = 0
            for piece in answer.iter_bytes():
                part.write(piece)
                progress.add(len(piece))
                came += len(piece)
                if came >= _OF_USE:
                    patience.refresh()
                if begin + came > file.size:
                    raise _WrongContent(f"it goes on after {file.size} bytes")


def _hash_of(path: Path, file: RemoteFile) -> str:
    if len(file.hash) == 64:
        with path.open("rb") as opened:
            return hashlib.file_digest(opened, "sha256").hexdigest()
    # https://git-scm.com/book/en/v2/Git-Internals-Git-Objects
    content = path.read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


class DownloadProgress:
    """Lines in the log of how far a download is."""

    def __init__(self, found: Found, files: Sequence[RemoteFile]) -> None:
        self._repo = found.repo
        self._total = sum(file.size for file in files)
        self._here = sum(found.have(file) for file in files)
        self._came = 0
        self._started = self._logged = time.monotonic()
        self._is_quiet = self._here == self._total
        if not self._is_quiet:
            log.info(
                "%s at commit %s: %s to download%s, into %s.",
                found.repo,
                found.commit,
                _bytes(self._total - self._here),
                f", {_bytes(self._here)} are here" if self._here else "",
                found.folder,
            )

    def add(self, count: int) -> None:
        """Count bytes that came, or, if negative, that are of no use."""
        self._here += count
        self._came += max(0, count)
        now = time.monotonic()
        if now - self._logged >= _BETWEEN_LINES:
            self._logged = now
            log.info(
                "%s: %s of %s, %s a second.",
                self._repo,
                _bytes(self._here),
                _bytes(self._total),
                _bytes(self._came / (now - self._started)),
            )

    def end(self) -> None:
        """All is there."""
        if not self._is_quiet:
            seconds = time.monotonic() - self._started
            log.info("%s: %s in %.0f s.", self._repo, _bytes(self._came), seconds)


def _bytes(count: float) -> str:
    for unit in ("kB", "MB"):
        count /= 1000
        if count < 1000:
            return f"{count:.1f} {unit}"
    return f"{count / 1000:.1f} GB"


def _size(path: Path) -> int:
    """In bytes, of a file that may not be there."""
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _parent_that_is(path: Path) -> Path:
    """The first folder upwards that exists."""
    return next(folder for folder in (path, *path.parents) if folder.exists())
