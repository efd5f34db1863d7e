"""Download models of the Hugging Face hub into the hub's own cache, with the hub's own client.

The client uses HF_HOME, HF_HUB_CACHE, HF_ENDPOINT, HF_TOKEN, HF_HUB_OFFLINE and the usual proxy
variables. The token is never written. Each error of the client becomes one sentence.
"""

from __future__ import annotations

import errno
import logging
import shutil
import socket
import ssl
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from rich.filesize import decimal

from touchline.errors import InputError, plain

log = logging.getLogger(__name__)

DEFAULT = "main"


@dataclass(frozen=True)
class Snapshot:
    """A model at one commit, in the hub's cache.

    Attributes:
        repo: Name of the model on the hub.
        commit: Hash of the commit.
        folder: Folder of the downloaded files.
        sizes: Size of each file of the model in bytes, by name; without files in subfolders.
    """

    repo: str
    commit: str
    folder: Path
    sizes: Mapping[str, int]


def find_commit(repo: str, revision: str) -> str:
    """Return the commit of a revision, from the cache if the hub cannot be reached.

    Raises:
        InputError: The model or the revision does not exist, or may not be read.
    """
    from huggingface_hub import resolve_revision
    from huggingface_hub.errors import RevisionResolutionError

    # This logger would log the address of each request, including signed addresses.
    logging.getLogger("httpx2").setLevel(logging.WARNING)
    with _one_sentence(repo, revision):
        try:
            before = resolve_revision(repo, revision=revision, local_files_only=True).resolved
        except RevisionResolutionError:
            before = None
        commit = str(resolve_revision(repo, revision=revision).resolved)
    if before not in (None, commit):
        log.warning(
            "%s: revision %s now means commit %s, which is used. When this machine last asked, it "
            "meant %s. Set revision to the commit that you want.",
            repo,
            revision,
            commit,
            before,
        )
    elif revision != commit:
        log.warning(
            "%s: revision %s is commit %s today. Set revision to this commit to keep the model.",
            repo,
            revision,
            commit,
        )
    return commit


def weight_bytes(repo: str, revision: str | None) -> int:
    """Return the size of a model's weights in bytes, as listed by the hub.

    Raises:
        InputError: The model may not be read, or the hub cannot be reached.
    """
    from huggingface_hub import HfApi, RepoFile

    with _one_sentence(repo, revision or DEFAULT):
        files = list(HfApi().list_repo_tree(repo, revision=revision))
    is_weights = (f for f in files if isinstance(f, RepoFile) and f.path.endswith(".safetensors"))
    return sum(file.size for file in is_weights)


def open_snapshot(repo: str, commit: str, patterns: Sequence[str]) -> Snapshot:
    """List a model's files, and download the files whose names match.

    Without the hub, the files must be in the cache.

    Raises:
        InputError: The model may not be read, or cannot be downloaded.
    """
    from huggingface_hub import get_cached_repo_tree, snapshot_download
    from huggingface_hub.errors import CachedRepoTreeNotFoundError

    with _one_sentence(repo, commit):
        folder = Path(
            snapshot_download(
                repo, revision=commit, allow_patterns=list(patterns), ignore_patterns="*/*"
            )
        )
        try:
            sizes = {file.path: file.size for file in get_cached_repo_tree(repo, revision=commit)}
        except CachedRepoTreeNotFoundError:
            # An older client filled the cache, or the cache cannot be written.
            sizes = {file.name: file.stat().st_size for file in folder.iterdir() if file.is_file()}
    sizes = {name: size for name, size in sizes.items() if "/" not in name}
    return Snapshot(repo, commit, folder, sizes)


def check_room(snapshot: Snapshot, names: Sequence[str], folder: Path | None) -> None:
    """Refuse a download that does not fit on the disk.

    Args:
        snapshot: the model.
        names: names of the files to download.
        folder: folder to copy the files to; None if they are linked.

    Raises:
        InputError: The disk has too little room. The message has the needed and the free size.
    """
    missing = [name for name in names if not (snapshot.folder / name).exists()]
    needed = {snapshot.folder: sum(snapshot.sizes[name] for name in missing)}
    if folder is not None:
        copies = sum(snapshot.sizes[name] for name in names)
        is_same = snapshot.folder.stat().st_dev == folder.stat().st_dev
        place = snapshot.folder if is_same else folder
        needed[place] = needed.get(place, 0) + copies
    for place, size in needed.items():
        free = shutil.disk_usage(place).free
        if size > free:
            raise InputError(
                f"{snapshot.repo} needs {decimal(size)} more in {place}, where {decimal(free)} are "
                "free. Free space, or set HF_HUB_CACHE (the hub's cache) or the setting "
                "resources (the models) to a folder on another disk."
            )


def download(snapshot: Snapshot, names: Sequence[str]) -> list[Path]:
    """Download files of a model into the cache, unless they are already there.

    Returns:
        Paths of the files, in the given order.

    Raises:
        InputError: A file cannot be downloaded, or differs from the file on the hub.
    """
    from huggingface_hub import hf_hub_download

    from touchline.weights.progress import LoggedProgress

    repo, commit = snapshot.repo, snapshot.commit
    files = [snapshot.folder / name for name in names]
    missing = [file for file in files if not file.exists()]
    whole, before = sum(snapshot.sizes[file.name] for file in missing), 0
    with _one_sentence(repo, commit):
        if missing:
            size = f"{decimal(whole)} in {len(missing)} files"
            log.info("%s at commit %s: downloading %s.", repo, commit, size)
        # Do not use snapshot_download, because its threads delay Ctrl-C until files are complete.
        for number, file in enumerate(missing, start=1):
            size = decimal(snapshot.sizes[file.name])
            what = f"{plain(file.name)}, {size} (file {number} of {len(missing)})"
            log.info("%s: downloading %s.", repo, what)
            bar = partial(LoggedProgress, what=repo, before=before, whole=whole)
            hf_hub_download(repo, file.name, revision=commit, tqdm_class=bar)
            before += snapshot.sizes[file.name]
        if missing:
            _verify(snapshot)
            log.info("%s: all files are in %s.", repo, snapshot.folder)
    return files


def _verify(snapshot: Snapshot) -> None:
    """Compare the files with the hub's hashes, and delete files that differ.

    Raises:
        InputError: A file differs.
    """
    from huggingface_hub import HfApi

    found = HfApi().verify_repo_checksums(snapshot.repo, revision=snapshot.commit)
    wrong = [snapshot.folder / mismatch["path"] for mismatch in found.mismatches]
    for file in wrong:
        file.resolve().unlink()
        file.unlink(missing_ok=True)
    if wrong:
        raise InputError(
            f"{snapshot.repo}: {plain(wrong[0].name)} differs from the file that the hub lists and "
            "was deleted. Run again. If that does not help, the cause may be a proxy or a mirror. "
            "Try another network, or unset HF_ENDPOINT."
        )


@contextmanager
def _one_sentence(repo: str, revision: str) -> Iterator[None]:
    """Convert errors of the hub's client into InputError with one sentence."""
    try:
        yield
    except InputError:
        raise
    # An answer that does not come from a hub can cause any error.
    except Exception as error:
        from huggingface_hub.errors import LocalEntryNotFoundError, RevisionResolutionError

        # These errors only say that the cache lacks files. Their cause is the original error.
        is_of_cache = isinstance(error, LocalEntryNotFoundError | RevisionResolutionError)
        cause = error.__cause__ if is_of_cache else None
        raise InputError(_sentence(cause or error, repo, revision)) from error


def _sentence(error: BaseException, repo: str, revision: str) -> str:
    """Return a sentence with the reason why a model cannot be downloaded, and advice."""
    import httpx2
    from huggingface_hub.errors import (
        GatedRepoError,
        HfHubHTTPError,
        HFValidationError,
        OfflineModeIsEnabled,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    reason = _reason(error)
    match error:
        case HFValidationError():
            return (
                f"{plain(repo)} is neither a folder here nor a name on the hub, such as "
                "llava-hf/LLaVA-NeXT-Video-7B-hf. Correct models.*.checkpoint."
            )
        case OfflineModeIsEnabled():
            return (
                f"{repo} at revision {revision} is incomplete in the hub's cache, but "
                "HF_HUB_OFFLINE (or TRANSFORMERS_OFFLINE) forbids downloads. Unset it, or type "
                "`snakemake models` with the same HF_HOME on a machine with internet."
            )
        case GatedRepoError():
            return (
                f"{repo} is gated ({reason}). Accept its licence at "
                f"https://huggingface.co/{repo}, and set HF_TOKEN to a token of the account that "
                "accepted it"
                f"{_token_in_use()}."
            )
        case RevisionNotFoundError():
            return (
                f"{repo} has no revision {plain(revision)} ({reason}). Set models.*.revision to a "
                "commit (40 digits and letters), a branch or a tag."
            )
        case RepositoryNotFoundError():
            return (
                f"{repo} is neither a folder here nor a readable model on the hub ({reason}). "
                "Correct models.*.checkpoint. If the model is private or gated, set HF_TOKEN to a "
                f"token that may read it{_token_in_use()}."
            )
        case HfHubHTTPError(response=response):
            if response.status_code in (401, 403):
                return (
                    f"{repo} may not be read ({reason}). Set HF_TOKEN to a token that may read "
                    f"it{_token_in_use()}."
                )
            if response.status_code == 407:
                return _refused_by_proxy(repo, reason)
            if response.status_code == 429:
                return (
                    f"{repo}: the hub limits the rate of requests ({reason}). Run again later, or "
                    "set HF_TOKEN, because known users have a higher limit. Complete files stay."
                )
            return (
                f"{repo} cannot be downloaded ({reason}). Run again later. Complete files are kept."
            )
        case httpx2.ProxyError():
            return _refused_by_proxy(repo, reason)
        case httpx2.HTTPError() | httpx2.InvalidURL() | ImportError():
            return _no_network(error, repo, reason)
        case OSError(errno=int(number)):
            is_full = number in (errno.ENOSPC, errno.EDQUOT)
            return (
                f"{repo} cannot be written to the hub's cache ({reason}). "
                + ("Free space there" if is_full else "Make the cache writable")
                + ", or set HF_HUB_CACHE to another folder. Complete files are kept."
            )
    return (
        f"{repo} cannot be downloaded ({reason}). The answer may come from a login page of the "
        "network or from the mirror in HF_ENDPOINT. Open https://huggingface.co in a browser on "
        "this machine, and run again."
    )


def _no_network(error: BaseException, repo: str, reason: str) -> str:
    """Return a sentence about a failed connection to the hub."""
    if _has_cause(error, ssl.SSLCertVerificationError):
        return (
            f"{repo}: the hub's certificate is not trusted ({reason}). If a proxy inspects "
            "connections, set SSL_CERT_FILE to its certificate."
        )
    advice = (
        "Check this machine's network, and HTTPS_PROXY if it needs a proxy. Then run again "
        "(complete files are kept), or type `snakemake models` on a machine with internet"
    )
    if _has_cause(error, socket.gaierror):
        return f"{repo}: the hub's name cannot be resolved ({reason}). {advice}."
    return f"{repo}: the hub cannot be reached ({reason}). {advice}."


def _refused_by_proxy(repo: str, reason: str) -> str:
    """Return a sentence about a proxy that refuses the connection."""
    return (
        f"{repo}: the proxy refuses the connection ({reason}). Correct HTTPS_PROXY. For a proxy "
        "with a login, use http://NAME:PASSWORD@HOST:PORT."
    )


def _token_in_use() -> str:
    """Return a remark on whether a token is set."""
    from huggingface_hub import get_token

    return " (the current token may not)" if get_token() else " (no token is set)"


def _reason(error: BaseException) -> str:
    """Return the server's message, or else the error's."""
    from huggingface_hub.errors import HfHubHTTPError

    if isinstance(error, HfHubHTTPError):
        words = f"{error.response.status_code} {error.response.reason_phrase}"
        return plain(f"{words}: {error.server_message}" if error.server_message else words)
    return plain(str(error) or type(error).__name__)


def _has_cause(error: BaseException | None, kind: type[BaseException]) -> bool:
    """Return whether an error, or any of its causes, is of a kind."""
    while error is not None and not isinstance(error, kind):
        error = error.__cause__ or error.__context__
    return error is not None
