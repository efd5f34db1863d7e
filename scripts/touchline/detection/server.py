"""Ask a model behind an OpenAI-compatible endpoint about the windows of a slice.

Requests run side by side in one event loop. Every answer becomes a record at once. Failures of the
server or the network only delay the answers (see `_Server`).
"""

from __future__ import annotations

import asyncio
import base64
import io
import logging
import math
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Annotated, Any

import httpx2
from openai import APIConnectionError, APIStatusError, AsyncOpenAI
from PIL import Image
from pydantic import (
    BaseModel,
    Field,
    FiniteFloat,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)

from touchline.answers.asked import PromptContent
from touchline.answers.parsing import parse_answer
from touchline.core.records import ServerOrigin, Status, WindowOutcome
from touchline.detection.scoring import Generated, mean_probability, score_events
from touchline.errors import InputError, plain
from touchline.inputs.served import Access, FramesAs, ServedModel
from touchline.inputs.settings import GenerationSettings
from touchline.inputs.windows import Window

if TYPE_CHECKING:
    import torch

    from touchline.video.sampler import Frame

log = logging.getLogger(__name__)
# These loggers would log every request, and with OPENAI_LOG=debug its pictures.
for _name in ("openai", "httpx2"):
    logging.getLogger(_name).setLevel(logging.WARNING)

# Seconds until a request counts as lost.
_TIMEOUT = httpx2.Timeout(600.0, connect=10.0)
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 30.0
# Seconds in which requests in flight may still be answered after one request ends the slice.
_GRACE = 10.0
# A window is given up after this number of failures, if the server answers other windows.
_MOST_FAILURES = 5
# JPEG without visible loss and with full colour resolution.
_JPEG = {"format": "JPEG", "quality": 95, "subsampling": 0}

# Error codes and words of servers for a request that is too long or not allowed.
_TOO_LONG = (
    *("context_length_exceeded", "context length", "maximum context", "max_model_len"),
    *("maximum model length", "too many tokens", "too long", "longer than the maximum"),
)
_FILTERED = ("content_filter", "content_policy", "content management policy", "moderation")


# --- Answers of a server -------------------------------------------------------------------------


def _valid_or_none(value: Any, validate: ValidatorFunctionWrapHandler) -> Any:
    """Replace an invalid value by None, so that the rest of the answer counts."""
    try:
        return validate(value)
    except ValidationError:
        return None


class _Token(BaseModel):
    """A token of an answer with its log probability."""

    token: str
    logprob: FiniteFloat
    # For a token with part of a character, the text is not enough.
    codes: list[Annotated[int, Field(ge=0, le=255)]] | None = Field(None, alias="bytes")

    @property
    def spelled(self) -> bytes:
        """Return the bytes of the token."""
        return self.token.encode() if self.codes is None else bytes(self.codes)


class _LogProbs(BaseModel):
    """The log-probabilities of an answer's tokens."""

    content: list[_Token] | None = None


class _Message(BaseModel):
    """The text or the refusal of an answer."""

    content: str | None = None
    refusal: str | None = None


class _Choice(BaseModel):
    """One of the answers in a chat completion."""

    message: _Message
    finish_reason: str | None = None
    logprobs: Annotated[_LogProbs | None, WrapValidator(_valid_or_none)] = None


class _Usage(BaseModel):
    """The number of tokens, as counted by the server."""

    prompt_tokens: int = Field(0, ge=0)
    completion_tokens: int = Field(0, ge=0)


class _Completion(BaseModel):
    """The used fields of a chat completion. Other fields are ignored."""

    model: Annotated[str | None, WrapValidator(_valid_or_none)] = None
    choices: list[_Choice] = Field(min_length=1)
    usage: Annotated[_Usage | None, WrapValidator(_valid_or_none)] = None


class _Refusal(Exception):
    """Raised if the server refuses one window but answers others."""


# --- Asking --------------------------------------------------------------------------------------


@dataclass
class _Request:
    """A request about one window."""

    window: Window
    times: list[float]
    urls: list[str]
    attempts: int = 0


class _Server:
    """A client that repeats requests until the server answers or the time limit `patience` ends.

    If the server is down or limits the rate, one pause holds back all requests. If only one request
    waited, the others would use up the rate limit. If the server fails on one window, only that
    window waits.
    """

    def __init__(
        self,
        model: ServedModel,
        access: Access,
        settings: GenerationSettings,
        prompt: str,
    ) -> None:
        self._model, self._access, self._settings = model, access, settings
        self._prompt = prompt
        self._key = access.read_key()
        self._client = AsyncOpenAI(
            # Without a key, the library would send OPENAI_API_KEY to another server.
            api_key=self._key or "none",
            organization="",
            project="",
            base_url=access.endpoint,
            timeout=_TIMEOUT,
            max_retries=0,
        )
        # Some servers do not know these parameters.
        self._length_name = "max_tokens"
        self._asks_logprobs = True
        self._answered = 0
        self._answered_at = time.monotonic()
        self._resume_at = 0.0
        self._is_down = False

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def ask(self, request: _Request) -> _Completion:
        """Return the server's answer about a window.

        Raises:
            _Refusal: the server does not answer about this window.
            InputError: the server would refuse every window, or does not answer for too long.
        """
        failures, answered = 0, self._answered
        while True:
            await asyncio.sleep(max(0.0, self._resume_at - time.monotonic()))
            request.attempts += 1
            sent = self._parameters(request)
            try:
                raw = await self._client.chat.completions.with_raw_response.create(**sent)
                completion = _Completion.model_validate_json(raw.content)
            except APIStatusError as error:
                reason = self._after_status(error, sent)
                if reason is None:
                    continue
                is_of_window, wanted = error.status_code == 500, _retry_after(error.response)
            except APIConnectionError as error:
                cause = error.__cause__ or error
                reason, wanted = f"{type(cause).__name__}: {cause}", None
                is_of_window = isinstance(cause, httpx2.ReadTimeout)
            except httpx2.HTTPError as error:
                reason, is_of_window, wanted = f"the answer was cut off: {error}", False, None
            except ValidationError as error:
                reason = f"the answer is not a chat completion: {_first_mistake(error)}"
                is_of_window, wanted = True, None
            else:
                self._note_answer()
                return completion
            failures += is_of_window
            if failures >= _MOST_FAILURES and self._answered > answered:
                raise _Refusal(f"the server fails only on this window: {self._quoted(reason)}")
            pause = self._pause(reason, wanted, request.attempts)
            if is_of_window:
                await asyncio.sleep(pause)
            else:
                self._resume_at = max(self._resume_at, time.monotonic() + pause)

    def _parameters(self, request: _Request) -> dict[str, Any]:
        """Return the parameters of a request."""
        settings = self._settings
        chosen: dict[str, Any] = {"temperature": 0}
        if settings.do_sample:
            chosen = {
                "temperature": settings.temperature,
                "top_p": settings.top_p,
                "seed": settings.seed,
            }
        if self._asks_logprobs:
            chosen["logprobs"] = True
        kind = "video_url" if self._model.frames_as == "video" else "image_url"
        shown = [{"type": kind, kind: {"url": url}} for url in request.urls]
        return {
            "model": self._model.name,
            "messages": [
                {"role": "user", "content": [*shown, {"type": "text", "text": self._prompt}]}
            ],
            self._length_name: settings.max_new_tokens,
            **chosen,
        }

    def _note_answer(self) -> None:
        """Note that the server has answered."""
        if self._is_down:
            log.info("The server answers again.")
        self._is_down = False
        self._answered += 1
        self._answered_at = time.monotonic()

    def _after_status(self, error: APIStatusError, sent: Mapping[str, Any]) -> str | None:
        """Return the reason to wait and ask again, or None to ask again at once with other
        parameters.

        Args:
            error: the server's error.
            sent: parameters of the request.

        Raises:
            _Refusal: the server refuses this window.
            InputError: the server would refuse every window.
        """
        host, status = self._access.host, error.status_code
        reason = self._quoted(_error_message(error))
        words = f"{error.code or ''} {reason}".lower()
        if status in (400, 403, 413, 422):
            if status == 413 or any(word in words for word in _TOO_LONG):
                raise _Refusal(f"the request is too long for the server: {reason}")
            if any(word in words for word in _FILTERED):
                raise _Refusal(f"a filter of the server stops the request: {reason}")
        if status == 401:
            # Do not quote the server, because its message may contain parts of the key.
            how = (
                f"the key in {self._access.key_variable} is not valid there"
                if self._access.key_variable
                else "set models.*.key_variable to the environment variable that holds the key"
            )
            raise InputError(f"{host} requires a valid key (401): {how}.")
        if status == 403:
            raise InputError(f"{host} does not allow the request (403). It says: {reason}")
        if status == 404 or "model_not_found" in words:
            raise InputError(
                f"{host} has no model {self._model.name}, or {self._access.endpoint} is not its "
                f"address. Correct models.*.checkpoint or endpoint. It says: {reason}"
            )
        if status == 402 or "insufficient_quota" in words:
            raise InputError(f"{host} requires payment ({status}). It says: {reason}")
        if status in (408, 409, 425, 429) or status >= 500:
            return f"status {status}: {reason}"
        if "logprobs" in sent and "logprob" in words:
            self._asks_logprobs = False
            return None
        if "max_tokens" in sent and "max_completion_tokens" in words:
            self._length_name = "max_completion_tokens"
            return None
        if self._answered:
            raise _Refusal(f"the server refuses the request: {reason}")
        raise InputError(f"{host} refuses the request ({status}). It says: {reason}")

    def _pause(self, reason: str, wanted: float | None, attempts: int) -> float:
        """Return the seconds to wait before the next attempt.

        Args:
            reason: reason of the failure.
            wanted: pause that the server asks for; None if it names none.
            attempts: number of attempts so far.

        Raises:
            InputError: the server has not answered for too long, or asks for a pause that is too
                long.
        """
        now, patience, host = time.monotonic(), self._access.patience, self._access.host
        if now - self._answered_at > patience:
            raise InputError(
                f"{host} has not answered for {patience / 60:.0f} minutes "
                f"({self._quoted(reason)}). Check that the server runs and that models.*.endpoint "
                "is its address. Then type the same command again: slices resume where they "
                "stopped."
            )
        if wanted is not None and wanted > patience:
            raise InputError(
                f"{host} asks to wait {wanted / 60:.0f} minutes ({self._quoted(reason)}). Type the "
                "same command again after that time."
            )
        usual = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2 ** min(attempts - 1, 10))
        # Some servers repeatedly ask for a pause of 0 s.
        pause = usual * random.uniform(0.75, 1.0) if wanted is None else max(_FIRST_PAUSE, wanted)
        if not self._is_down:
            log.warning(
                "%s does not answer (%s). Repeating the request for at most %.0f minutes.",
                host,
                self._quoted(reason),
                patience / 60,
            )
        self._is_down = True
        return pause

    def _quoted(self, text: object) -> str:
        """Shorten a server's words for a message, and remove the key from them."""
        words = str(text)
        if self._key:
            words = words.replace(self._key, "…")
        return plain(words)


def _error_message(error: APIStatusError) -> str:
    """Return the server's message about an error."""
    body = error.body
    if isinstance(body, dict):
        return str(body.get("message") or body.get("detail") or body.get("error") or body)
    return str(body or error.message)


def _first_mistake(error: ValidationError) -> str:
    """Return the first mistake of a validation error as text."""
    mistake = error.errors(include_url=False, include_input=False)[0]
    place = ".".join(map(str, mistake["loc"]))
    return f"{place} {mistake['msg']}".strip()


def _retry_after(response: httpx2.Response) -> float | None:
    """Return the pause in seconds that the server asks for, or None."""
    stated = response.headers.get("retry-after", "")
    try:
        seconds = float(stated)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(stated).timestamp() - time.time()
        except ValueError:
            return None
    return max(0.0, seconds) if math.isfinite(seconds) else None


# --- A slice -------------------------------------------------------------------------------------


class ServerAnswering:
    """Answering of windows by a server.

    Attributes:
        rows: largest number of requests in flight.
        prompt_tokens, answer_tokens: number of tokens so far, as counted by the server.
    """

    def __init__(
        self,
        model: ServedModel,
        access: Access,
        settings: GenerationSettings,
        prompt: str,
        on_report: Callable[[ServerOrigin], None],
    ) -> None:
        self.rows = access.requests
        self._reported: set[str] = set()
        self._model, self._access, self._settings, self._prompt = model, access, settings, prompt
        self._on_report = on_report
        self.prompt_tokens = self.answer_tokens = 0

    def outcomes(
        self, windows: Sequence[Window], frames: Iterator[Frame], asked: PromptContent
    ) -> Iterator[WindowOutcome]:
        """Ask about windows, and yield the record of each window as soon as it is done.

        Args:
            windows: windows of one slice, by time.
            frames: frames of the windows, by time.
            asked: content of the prompt, for reading the answers.
        """
        server = _Server(self._model, self._access, self._settings, self._prompt)
        source = _requests(windows, frames, self._model.frames_as)
        loop, reader = asyncio.new_event_loop(), ThreadPoolExecutor(1)
        pending: set[asyncio.Task[WindowOutcome]] = set()
        reading: asyncio.Future[_Request | None] | None = None
        is_over = False

        async def something_done() -> None:
            """Wait until a request or the reading of frames is done."""
            waiting: list[asyncio.Future[Any]] = [*pending, *([reading] if reading else [])]
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)

        async def ended() -> None:
            """Wait until all requests have ended, and close the connections."""
            await asyncio.gather(*pending, server.close(), return_exceptions=True)

        try:
            while pending or not is_over:
                if not (is_over or reading) and len(pending) < self.rows:
                    # Decode the next frames in a thread, while requests continue.
                    reading = loop.run_in_executor(reader, next, source, None)
                loop.run_until_complete(something_done())
                if reading and reading.done():
                    request, reading = reading.result(), None
                    if request is None:
                        is_over = True
                    elif request.urls:
                        pending.add(loop.create_task(self._outcome(server, request, asked)))
                    else:
                        yield _record(request, "no_frames")
                done = {task for task in pending if task.done()}
                if any(task.exception() for task in done) and done < pending:
                    # Wait for the other answers, which may already be paid for.
                    loop.run_until_complete(asyncio.wait(pending, timeout=_GRACE))
                    done = {task for task in pending if task.done()}
                pending -= done
                # Answers first, so that the error of another request does not lose them.
                for task in sorted(done, key=lambda task: task.exception() is not None):
                    yield task.result()
        finally:
            for task in pending:
                task.cancel()
            loop.run_until_complete(ended())
            reader.shutdown(wait=False)
            loop.close()

    async def _outcome(
        self, server: _Server, request: _Request, asked: PromptContent
    ) -> WindowOutcome:
        """Ask about one window, and return its record."""
        try:
            completion = await server.ask(request)
        except _Refusal as error:
            return self._refused(request, str(error))
        choice, usage = completion.choices[0], completion.usage or _Usage()
        self._note(completion.model or "", usage)
        counted = {
            "tokens": usage.completion_tokens,
            "prompt_tokens": usage.prompt_tokens,
        }
        if choice.finish_reason == "content_filter" or choice.message.refusal:
            words = choice.message.refusal or "finish_reason is content_filter"
            return self._refused(request, plain(words), **counted)
        text = choice.message.content or ""
        answer = parse_answer(text, asked, choice.finish_reason == "length")
        tokens = choice.logprobs.content or [] if choice.logprobs else []
        spelled = [token.spelled for token in tokens]
        logprobs = tuple(min(0.0, token.logprob) for token in tokens)
        generated = Generated(text, tuple(range(len(tokens))), logprobs)

        def decode(ids: Sequence[int]) -> str:
            """Decode the first tokens of the answer."""
            return b"".join(spelled[: len(ids)]).decode(errors="ignore")

        events = list(answer.events)
        # A model that thinks first has other tokens before its text.
        if decode(generated.tokens).startswith(text):
            events = score_events(events, generated, decode)
        return _record(
            request,
            answer.status,
            text=text,
            events=events,
            score=mean_probability(logprobs),
            **counted,
        )

    def _refused(self, request: _Request, reason: str, **counted: int) -> WindowOutcome:
        """Log that a window is refused, and return its record."""
        window = request.window
        log.warning(
            "Window %d (%.3f-%.3f s) is refused: %s", window.index, window.start, window.end, reason
        )
        return _record(request, "refused", **counted)

    def _note(self, reported: str, usage: _Usage) -> None:
        """Count tokens, and report the server's name for its model if this name is new."""
        self.prompt_tokens += usage.prompt_tokens
        self.answer_tokens += usage.completion_tokens
        if reported not in self._reported:
            self._reported.add(reported)
            self._on_report(ServerOrigin(host=self._access.host, reported=plain(reported)))


def _requests(
    windows: Sequence[Window], frames: Iterator[Frame], frames_as: FramesAs
) -> Iterator[_Request]:
    """Yield the request about each window. A frame in several windows is encoded once."""
    kept: dict[float, tuple[float, str]] = {}
    upcoming = next(frames, None)
    for window in windows:
        kept = {wanted: each for wanted, each in kept.items() if wanted >= window.start}
        while upcoming is not None and upcoming.wanted < window.end:
            kept[upcoming.wanted] = (upcoming.time, _encode_frame(upcoming.picture, frames_as))
            upcoming = next(frames, None)
        shown = [kept[wanted] for wanted in window.times if wanted in kept]
        pictures = [picture for _, picture in shown]
        if frames_as == "video" and pictures:
            urls = [f"data:video/jpeg;base64,{','.join(pictures)}"]
        else:
            urls = [f"data:image/{frames_as};base64,{picture}" for picture in pictures]
        yield _Request(window, [when for when, _ in shown], urls)


def _encode_frame(picture: torch.Tensor, frames_as: FramesAs) -> str:
    """Encode a frame, uint8 [3, H, W], as an image file in base64."""
    file = io.BytesIO()
    how: dict[str, Any] = {"format": "PNG"} if frames_as == "png" else _JPEG
    Image.fromarray(picture.permute(1, 2, 0).numpy()).save(file, **how)
    return base64.b64encode(file.getvalue()).decode("ascii")


def _record(request: _Request, status: Status, **found: Any) -> WindowOutcome:
    """Return the record of a window."""
    window = request.window
    return WindowOutcome(
        window=window.index,
        start=window.start,
        end=window.end,
        frame_times=request.times,
        status=status,
        attempts=request.attempts,
        **found,
    )
