"""Models of the Hugging Face hub, downloaded into the hub's own cache by the hub's own client.

The client honours HF_HOME, HF_HUB_CACHE, HF_ENDPOINT, HF_TOKEN, HF_HUB_OFFLINE and the usual proxy
variables. It writes the token nowhere. Its errors end in one sentence each.
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
        folder: Has the files that were downloaded.
        sizes: Bytes of each file of the model, by name. Files in folders of the model are left out.
    """

    repo: str
    commit: str
    folder: Path
    sizes: Mapping[str, int]


def find_commit(repo: str, revision: str) -> str:
    """Look up the commit of a revision, in the cache if the hub cannot be reached.

    Raises:
        InputError: There is no such model or revision, or it may not be read.
    """
    from huggingface_hub import resolve_revision
    from huggingface_hub.errors import RevisionResolutionError

    # It would log the address of each request, also of signed ones.
    logging.getLogger("httpx2").setLevel(logging.WARNING)
    with _one_sentence(repo, revision):
        try:
            before = resolve_revision(repo, revision=revision, local_files_only=True).resolved
        except RevisionResolutionError:
            before = None
        commit = str(resolve_revision(repo, revision=revision).resolved)
    if before not in (None, commit):
        log.warning(
            "%s: revision %s has changed: it was commit %s when this machine last asked, and is "
            "%s now, which is used; set revision to the one that you want.",
            repo,
            revision,
            before,
            commit,
        )
    elif revision != commit:
        log.warning(
            "%s: revision %s is commit %s today; set revision to it, so that the model stays the "
            "same.",
            repo,
            revision,
            commit,
        )
    return commit


def weight_bytes(repo: str, revision: str | None) -> int:
    """Ask the hub for the size of a model's weights.

    Raises:
        InputError: The model may not be read, or the hub cannot be reached.
    """
    from huggingface_hub import HfApi, RepoFile

    with _one_sentence(repo, revision or DEFAULT):
        files = list(HfApi().list_repo_tree(repo, revision=revision))
    is_weights = (f for f in files if isinstance(f, RepoFile) and f.path.endswith(".safetensors"))
    return sum(file.size for file in is_weights)


def open_snapshot(repo: str, commit: str, patterns: Sequence[str]) -> Snapshot:
    """List a model's files, and download those whose names match.

    Without the hub, the cache must have these.

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
            # An older client filled the cache, or it cannot be written.
            sizes = {file.name: file.stat().st_size for file in folder.iterdir() if file.is_file()}
    sizes = {name: size for name, size in sizes.items() if "/" not in name}
    return Snapshot(repo, commit, folder, sizes)


def check_room(snapshot: Snapshot, names: Sequence[str], folder: Path | None) -> None:
    """Refuse a download that the disk has no room for.

    Args:
        folder: where the files will be copied to, unless they are linked.

    Raises:
        InputError: Names the sizes that are needed and free.
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
                "free; make room, or set HF_HUB_CACHE (the hub's cache) or resources (the "
                "models) to a folder on another disk."
            )


def download(snapshot: Snapshot, names: Sequence[str]) -> list[Path]:
    """Bring files of a model into the cache; those that are there stay.

    Returns:
        Their paths, in the given order.

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
            log.info("%s at commit %s: %s are to be downloaded.", repo, commit, size)
        # Not by snapshot_download: its threads let Ctrl-C wait until their files are complete.
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
    """Compare the files with the hub's hashes; delete those that differ."""
    from huggingface_hub import HfApi

    found = HfApi().verify_repo_checksums(snapshot.repo, revision=snapshot.commit)
    wrong = [snapshot.folder / mismatch["path"] for mismatch in found.mismatches]
    for file in wrong:
        file.resolve().unlink()
        file.unlink(missing_ok=True)
    if wrong:
        raise InputError(
            f"{snapshot.repo}: {plain(wrong[0].name)} differs from the file that the hub lists and "
            "was deleted; run again. If that does not help, a proxy or a mirror may be at fault: "
            "try another network, or without HF_ENDPOINT."
        )


@contextmanager
def _one_sentence(repo: str, revision: str) -> Iterator[None]:
    """Turn the errors of the hub's client into one sentence each."""
    try:
        yield
    except InputError:
        raise
    # An answer that does not come from a hub can end in any error.
    except Exception as error:
        from huggingface_hub.errors import LocalEntryNotFoundError, RevisionResolutionError

        # These say that the cache does not help; their cause is why the client looked into it.
        is_of_cache = isinstance(error, LocalEntryNotFoundError | RevisionResolutionError)
        cause = error.__cause__ if is_of_cache else None
        raise InputError(_sentence(cause or error, repo, revision)) from error


def _sentence(error: BaseException, repo: str, revision: str) -> str:
    """Say why a model cannot be downloaded, and what to do."""
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
                f"{plain(repo)} is neither a folder here nor a name on the hub, which is like "
                "llava-hf/LLaVA-NeXT-Video-7B-hf; correct models.*.checkpoint."
            )
        case OfflineModeIsEnabled():
            return (
                f"{repo} at revision {revision} is not all in the hub's cache, and HF_HUB_OFFLINE "
                "(or TRANSFORMERS_OFFLINE) forbids to ask the hub; unset it, or run `snakemake "
                "models` with the same HF_HOME on a machine with internet."
            )
        case GatedRepoError():
            return (
                f"{repo} is gated ({reason}): accept its licence at "
                f"https://huggingface.co/{repo}, and set HF_TOKEN to a token of that account"
                f"{_token_in_use()}."
            )
        case RevisionNotFoundError():
            return (
                f"{repo} has no revision {plain(revision)} ({reason}); correct models.*.revision: "
                "a commit (40 digits and letters), a branch or a tag."
            )
        case RepositoryNotFoundError():
            return (
                f"{repo} is neither a folder here nor a model on the hub that may be read from "
                f"here ({reason}); correct models.*.checkpoint, or, if it is private or gated, set "
                f"HF_TOKEN to a token that may read it{_token_in_use()}."
            )
        case HfHubHTTPError(response=response):
            if response.status_code in (401, 403):
                return (
                    f"{repo} may not be read ({reason}); set HF_TOKEN to a token that may read "
                    f"it{_token_in_use()}."
                )
            if response.status_code == 407:
                return _refused_by_proxy(repo, reason)
            if response.status_code == 429:
                return (
                    f"{repo}: the hub limits how often it is asked ({reason}); run again later, "
                    "or set HF_TOKEN, as the limit is higher for known users. Complete files stay."
                )
            return f"{repo} cannot be downloaded ({reason}); run again later. Complete files stay."
        case httpx2.ProxyError():
            return _refused_by_proxy(repo, reason)
        case httpx2.HTTPError() | httpx2.InvalidURL() | ImportError():
            return _no_network(error, repo, reason)
        case OSError(errno=int(number)):
            is_full = number in (errno.ENOSPC, errno.EDQUOT)
            return (
                f"{repo} cannot be written to the hub's cache ({reason}); "
                + ("make room there" if is_full else "make it writable")
                + ", or set HF_HUB_CACHE to another folder. Complete files stay."
            )
    return (
        f"{repo} cannot be downloaded ({reason}). Perhaps the answer comes from no hub, but from a "
        "login page of the network, or a mirror that HF_ENDPOINT names; open "
        "https://huggingface.co in a browser on this machine, and run again."
    )


def _no_network(error: BaseException, repo: str, reason: str) -> str:
    if _has_cause(error, ssl.SSLCertVerificationError):
        return (
            f"{repo}: the hub's certificate is not trusted ({reason}); a proxy that looks into "
            "connections needs its own certificate named in SSL_CERT_FILE."
        )
    advice = (
        "check this machine's network, and HTTPS_PROXY if it needs a proxy, and run again "
        "(complete files stay); or run `snakemake models` on a machine with internet"
    )
    if _has_cause(error, socket.gaierror):
        return f"{repo}: the hub's name cannot be resolved ({reason}); {advice}."
    return f"{repo}: the hub cannot be reached ({reason}); {advice}."


def _refused_by_proxy(repo: str, reason: str) -> str:
    return (
        f"{repo}: the proxy refuses ({reason}); correct HTTPS_PROXY, as http://NAME:PASSWORD@HOST:"
        "PORT where it asks for a name."
    )


def _token_in_use() -> str:
    from huggingface_hub import get_token

    return " (the one in use may not)" if get_token() else " (none is set)"


def _reason(error: BaseException) -> str:
    """Quote the server, or else the error."""
    from huggingface_hub.errors import HfHubHTTPError

    if isinstance(error, HfHubHTTPError):
        words = f"{error.response.status_code} {error.response.reason_phrase}"
        return plain(f"{words}: {error.server_message}" if error.server_message else words)
    return plain(str(error) or type(error).__name__)


def _has_cause(error: BaseException | None, kind: type[BaseException]) -> bool:
    while error is not None and not isinstance(error, kind):
        error = error.__cause__ or error.__context__
    return error is not None
