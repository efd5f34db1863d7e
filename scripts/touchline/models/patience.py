"""Asking the hub as long as the next attempt may go better, and the sentence when it may not."""

from __future__ import annotations

import errno
import logging
import re
import socket
import ssl
import time
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TypeVar

from touchline.errors import InputError, plain

log = logging.getLogger(__name__)

# Seconds between attempts: two minutes together.
PAUSES = (1, 2, 4, 8, 15, 30, 60)
# No pause that a server asks for may be longer, in seconds.
LONGEST_PAUSE = 180
# Seconds without a byte, after which an answer is given up.
SILENCE = 20

T = TypeVar("T")


class Unreachable(InputError):
    """The hub cannot be reached now; what is in the cache may do."""


class Patience:
    """Attempts that are repeated after growing pauses, where the next may go better.

    Args:
        revision: what is asked for, for the sentence that ends it.
        is_short: whether one attempt is enough.
    """

    def __init__(self, repo: str, revision: str, is_short: bool = False) -> None:
        self._repo, self._revision = repo, revision
        self._pauses = () if is_short else PAUSES
        self._made = 0

    def refresh(self) -> None:
        """Begin with short pauses again, as something came."""
        self._made = 0

    def ask(self, request: Callable[[], T]) -> T:
        """The first answer that comes.

        Raises:
            InputError: none came, or what came will be the same the next time; an `Unreachable`
                if it says nothing about what was asked for.
        """
        import httpx2

        # An answer that is no hub's ends in any of these four.
        of_content = (ValueError, TypeError, KeyError, AttributeError)
        troubles = (httpx2.HTTPError, httpx2.InvalidURL, OSError, ImportError, *of_content)
        while True:
            try:
                return request()
            except troubles as error:
                self._wait(error)

    def _wait(self, error: Exception) -> None:
        asked = _asked_pause(error)
        if not _may_pass(error) or self._made == len(self._pauses) or asked > LONGEST_PAUSE:
            raise refusal(error, self._repo, self._revision) from error
        pause = max(self._pauses[self._made], asked)
        self._made += 1
        log.warning("%s: %s; trying again in %.0f s.", self._repo, _reason(error), pause)
        time.sleep(pause)


def _may_pass(error: Exception) -> bool:
    """Whether the same request may succeed in a minute."""
    import httpx2
    from huggingface_hub.errors import HfHubHTTPError

    if isinstance(error, HfHubHTTPError):
        status = error.response.status_code
        return status in (408, 425, 429) or status >= 500
    if isinstance(error, httpx2.ProxyError):
        return not str(error).startswith("4")  # such as "407 Proxy Authentication Required"
    if isinstance(error, httpx2.ConnectError):
        return _cause(error, ssl.SSLCertVerificationError) is None
    return isinstance(
        error, (httpx2.TimeoutException, httpx2.NetworkError, httpx2.RemoteProtocolError)
    )


def _asked_pause(error: Exception) -> float:
    """Seconds that the server asks to wait (RFC 9110, Retry-After; the hub's RateLimit header)."""
    from huggingface_hub.errors import HfHubHTTPError
    from huggingface_hub.utils import parse_ratelimit_headers

    if not isinstance(error, HfHubHTTPError):
        return 0
    headers = error.response.headers
    limit = parse_ratelimit_headers(headers)
    if error.response.status_code == 429 and limit is not None and limit.remaining == 0:
        return float(limit.reset_in_seconds)
    stated = headers.get("Retry-After", "").strip()
    if re.fullmatch(r"\d{1,9}", stated):
        return int(stated)
    try:
        return (parsedate_to_datetime(stated) - datetime.now(UTC)).total_seconds()
    except (ValueError, TypeError):
        return 0


def refusal(error: Exception, repo: str, revision: str) -> InputError:
    """The sentence for an error that ends the download."""
    import httpx2
    from huggingface_hub.errors import (
        GatedRepoError,
        HfHubHTTPError,
        OfflineModeIsEnabled,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    reason = _reason(error)
    match error:
        case OfflineModeIsEnabled():
            return Unreachable(
                f"{repo} at revision {revision} is not all in the hub's cache, and HF_HUB_OFFLINE "
                "(or TRANSFORMERS_OFFLINE) forbids to ask the hub; unset it, or run `snakemake "
                "models` with the same HF_HOME on a machine with internet."
            )
        case GatedRepoError():
            return InputError(
                f"{repo} is gated ({reason}): accept its licence at "
                f"https://huggingface.co/{repo}, and set HF_TOKEN to a token of that account"
                f"{_token_in_use()}."
            )
        case RevisionNotFoundError():
            return InputError(
                f"{repo} has no revision {plain(revision)} ({reason}); correct models.*.revision: "
                "a commit (40 digits and letters), a branch or a tag."
            )
        case RepositoryNotFoundError():
            return InputError(
                f"{repo} is neither a folder here nor a model on the hub that may be read from "
                f"here ({reason}); correct models.*.checkpoint, or, if it is private or gated, set "
                f"HF_TOKEN to a token that may read it{_token_in_use()}."
            )
        case HfHubHTTPError(response=response):
            status = response.status_code
            if status in (401, 403):
                return InputError(
                    f"{repo} may not be read ({reason}); set HF_TOKEN to a token that may read "
                    f"it{_token_in_use()}."
                )
            if status == 407:
                return _by_proxy(repo, reason)
            if status == 429:
                seconds = _asked_pause(error)
                wait = f" in {seconds / 60:.0f} minutes" if seconds > LONGEST_PAUSE else " later"
                return Unreachable(
                    f"{repo}: the hub limits how often it is asked ({reason}); run again{wait}, "
                    "or set HF_TOKEN, as the limit is higher for known users. What has come stays."
                )
            kind = Unreachable if status >= 500 else InputError
            return kind(
                f"{repo} cannot be downloaded ({reason}); run again later. What has come stays."
            )
        case httpx2.ProxyError():
            return _by_proxy(repo, reason)
        case httpx2.HTTPError() | httpx2.InvalidURL() | ImportError():
            return Unreachable(_no_network(error, repo, reason))
        case OSError(errno=int(number)):
            full = number in (errno.ENOSPC, errno.EDQUOT)
            return InputError(
                f"{repo} cannot be written to the hub's cache ({reason}); "
                + ("make room there" if full else "make it writable")
                + ", or set HF_HUB_CACHE to another folder. What has come stays."
            )
    return Unreachable(
        f"{repo}: what answers is no hub ({reason}), perhaps a login page of the network, or a "
        "mirror that HF_ENDPOINT names; open https://huggingface.co in a browser on this machine."
    )


def _no_network(error: Exception, repo: str, reason: str) -> str:
    if _cause(error, ssl.SSLCertVerificationError):
        return (
            f"{repo}: the hub's certificate is not trusted ({reason}); a proxy that looks into "
            "connections needs its own certificate named in SSL_CERT_FILE."
        )
    advice = (
        "check this machine's network, and HTTPS_PROXY if it needs a proxy, and run again (what "
        "has come stays); or run `snakemake models` on a machine with internet"
    )
    if _cause(error, socket.gaierror):
        return f"{repo}: the hub's name cannot be resolved ({reason}); {advice}."
    return f"{repo}: the hub cannot be reached ({reason}); {advice}."


def _by_proxy(repo: str, reason: str) -> InputError:
    return Unreachable(
        f"{repo}: the proxy refuses ({reason}); correct HTTPS_PROXY, as http://NAME:PASSWORD@HOST:"
        "PORT where it asks for a name."
    )


def _token_in_use() -> str:
    from huggingface_hub import get_token

    return " (the one in use may not)" if get_token() else " (none is set)"


def _reason(error: BaseException) -> str:
    """Why, in the words of whoever knows best."""
    from huggingface_hub.errors import HfHubHTTPError

    if isinstance(error, HfHubHTTPError):
        words = f"{error.response.status_code} {error.response.reason_phrase}"
        return plain(f"{words}: {error.server_message}" if error.server_message else words)
    return plain(str(error) or type(error).__name__)


def _cause(error: BaseException | None, kind: type[BaseException]) -> BaseException | None:
    """The error of a kind that led to another."""
    while error is not None and not isinstance(error, kind):
        error = error.__cause__ or error.__context__
    return error
