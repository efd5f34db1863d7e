"""Test that a server's answers and faults end in records or in one error message."""

import base64
import io
import itertools
import json
import logging
import threading
import time
from email.utils import formatdate

import pytest
import torch
from PIL import Image

from fakeserver import GOAL, FakeServer, completion, error, serving, wait_until
from touchline.answers.parsing import parse_prompt
from touchline.detection import server as module
from touchline.detection.server import ServerAnswering
from touchline.errors import InputError
from touchline.inputs.served import Access, ServedModel, estimate_prompt_tokens
from touchline.inputs.settings import GenerationSettings, WindowSettings
from touchline.inputs.windows import list_windows, whole_video
from touchline.video.sampler import Frame

KEY = "sk-secret-0123456789"
PROMPT = "Which of these happen?\nGoal, Foul"


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch):
    monkeypatch.setattr(module, "_FIRST_PAUSE", 0.01)
    monkeypatch.setattr(module, "_LONGEST_PAUSE", 0.05)


@pytest.fixture(autouse=True)
def key(monkeypatch):
    monkeypatch.setenv("THE_KEY", KEY)


def windows(count):
    end = 2.0 * count
    return list_windows(0, end, whole_video(end), WindowSettings())


def frames(some, missing=()):
    """Yield frames of one colour each. Their red value is their time in seconds."""
    times = sorted({time for window in some for time in window.times} - set(missing))
    for each in times:
        picture = torch.zeros((3, 36, 64), dtype=torch.uint8)
        picture[0] = int(each)
        yield Frame(each, each, picture)


def outcomes(endpoint, count=5, *, frames_as="png", missing=(), **options):
    """Return the records by window, and the names that the server reported."""
    settings = GenerationSettings(**options.pop("settings", {}))
    patience = options.pop("patience", 5.0)
    access = Access(endpoint, "THE_KEY", options.pop("requests", 4), patience)
    reports = []
    answering = ServerAnswering(
        ServedModel("tiny", frames_as), access, settings, PROMPT, reports.append
    )
    some = windows(count)
    found = list(answering.outcomes(some, frames(some, missing), parse_prompt(PROMPT)))
    assert sorted(each.window for each in found) == list(range(count))
    return {each.window: each for each in found}, reports


def statuses(endpoint, count=5, **options):
    found, _ = outcomes(endpoint, count, **options)
    return [found[number].status for number in range(count)]


def shown(body):
    """Return the times in seconds of the pictures in a request."""
    urls = [part["image_url"]["url"] for part in body["messages"][0]["content"][:-1]]
    files = [base64.b64decode(url.partition(",")[2]) for url in urls]
    return [Image.open(io.BytesIO(file)).getpixel((0, 0))[0] for file in files]


def number(body):
    """Return the number of the window in a request."""
    return shown(body)[0] // 2


def test_answer_is_recorded_with_its_events_and_tokens():
    with serving(lambda body, _: completion(GOAL if number(body) == 1 else "none")) as fake:
        found, reports = outcomes(fake.endpoint)
    assert [found[each].status for each in range(5)] == ["none", "events", *["none"] * 3]
    assert [event.label for event in found[1].events] == ["Goal"]
    assert (found[1].text, found[1].score, found[1].events[0].score) == (GOAL, None, None)
    assert (found[1].tokens, found[1].prompt_tokens, found[1].attempts) == (3, 100, 1)
    assert found[1].frame_times == [2, 3, 4, 5]
    assert [(each.host, each.reported) for each in reports] == [
        (f"127.0.0.1:{fake.port}", "tiny-1")
    ]


def test_request_contains_prompt_and_frames_and_is_greedy():
    with serving() as fake:
        outcomes(fake.endpoint, settings={"max_new_tokens": 7})
    body = min(fake.requests, key=number)
    assert shown(body) == [0, 1, 2, 3]
    assert body["messages"][0]["content"][-1] == {"type": "text", "text": PROMPT}
    assert (body["model"], body["temperature"], body["max_tokens"]) == ("tiny", 0, 7)
    assert body["logprobs"] is True
    assert "seed" not in body
    assert fake.headers[0]["authorization"] == f"Bearer {KEY}"


def test_sampling_settings_are_sent_to_the_server():
    sampling = {"do_sample": True, "temperature": 0.5, "top_p": 0.8, "seed": 3}
    with serving() as fake:
        outcomes(fake.endpoint, settings=sampling)
    body = fake.requests[0]
    assert (body["temperature"], body["top_p"], body["seed"]) == (0.5, 0.8, 3)


def test_video_is_sent_as_one_part_with_all_frames():
    with serving() as fake:
        outcomes(fake.endpoint, 1, frames_as="video")
    video, text = fake.requests[0]["messages"][0]["content"]
    assert (video["type"], text["type"]) == ("video_url", "text")
    kind, _, data = video["video_url"]["url"].partition(",")
    assert kind == "data:video/jpeg;base64"
    pictures = [Image.open(io.BytesIO(base64.b64decode(each))) for each in data.split(",")]
    assert [(each.format, each.size) for each in pictures] == [("JPEG", (64, 36))] * 2


def test_frame_in_several_windows_is_encoded_once(monkeypatch):
    encoded = []
    encode = module._encode_frame
    monkeypatch.setattr(module, "_encode_frame", lambda *what: encoded.append(1) or encode(*what))
    with serving() as fake:
        outcomes(fake.endpoint)
    assert len(encoded) == 10


def test_requests_in_flight_are_limited():
    def slow(body, _):
        time.sleep(0.02)
        return completion()

    with serving(slow) as fake:
        outcomes(fake.endpoint, 20, requests=3)
    assert fake.most == 3


def test_window_without_frames_is_not_sent():
    with serving() as fake:
        found = statuses(fake.endpoint, 5, missing={4, 5, 6, 7})
    assert found == ["none", "none", "no_frames", "none", "none"]
    assert len(fake.requests) == 4


def test_answer_is_yielded_while_others_are_in_flight():
    gate = threading.Event()

    def answer(body, _):
        if number(body) == 0:
            gate.wait(10)
        return completion()

    with serving(answer) as fake:
        some = windows(5)
        answering = ServerAnswering(
            ServedModel("tiny", "png"), Access(fake.endpoint), GenerationSettings(), PROMPT, print
        )
        done = answering.outcomes(some, frames(some), parse_prompt(PROMPT))
        assert {next(done).window for _ in range(4)} == {1, 2, 3, 4}
        gate.set()
        assert next(done).window == 0
        done.close()


def test_event_from_a_server_gets_the_probability_of_its_label():
    tokens = [('[{"label": "', -0.1), ("Go", -0.2), ("al", -0.3), (GOAL[16:], -0.4)]
    with serving(lambda *_: completion(GOAL, tokens=tokens)) as fake:
        found, _ = outcomes(fake.endpoint, 1)
    assert found[0].events[0].score == pytest.approx(2.718281828 ** (-0.5), abs=1e-5)
    assert found[0].score == pytest.approx(2.718281828 ** (-0.25), abs=1e-5)


@pytest.mark.parametrize(
    "changes",
    [
        {"usage": None, "model": None},
        {"usage": {"prompt_tokens": -1}, "model": 7},
        {"choices": [{"message": {"content": "none"}, "logprobs": {"tokens": ["none"]}}]},
        {"choices": [{"message": {"content": "none"}, "logprobs": {"content": [{"token": 1}]}}]},
        {"choices": [{"message": {"content": "none"}, "logprobs": "none"}]},
    ],
)
def test_answer_with_invalid_optional_fields_is_accepted(changes):
    with serving(lambda *_: completion() | changes) as fake:
        found, _ = outcomes(fake.endpoint, 1)
    assert (found[0].status, found[0].score, found[0].attempts) == ("none", None, 1)


def test_infinite_probability_is_left_out():
    text = json.dumps(completion(tokens=[("none", float("-inf"))]))
    with serving(lambda *_: text) as fake:
        found, _ = outcomes(fake.endpoint, 1)
    assert (found[0].status, found[0].score) == ("none", None)


def test_tokens_with_parts_of_a_character_are_joined():
    parts = [{"token": "\\xc3", "bytes": [0xC3], "logprob": -0.5}]
    parts += [{"token": "\\xa9", "bytes": [0xA9], "logprob": -0.5}]
    choice = {"message": {"content": "é"}, "logprobs": {"content": parts}}
    with serving(lambda *_: completion() | {"choices": [choice]}) as fake:
        found, _ = outcomes(fake.endpoint, 1)
    assert found[0].text == "é"
    assert found[0].score == pytest.approx(2.718281828**-0.5, abs=1e-5)


def test_parameters_unknown_to_the_server_are_left_out():
    def answer(body, _):
        if "logprobs" in body:
            return 400, error("Unknown parameter: logprobs")
        if "max_tokens" in body:
            return 400, error("'max_tokens' is not supported; use 'max_completion_tokens'.")
        return completion()

    with serving(answer) as fake:
        assert statuses(fake.endpoint) == ["none"] * 5
    assert fake.requests[-1]["max_completion_tokens"] == 256


FAULTS = {
    "429 with Retry-After": lambda: (429, error("slow down"), {"Retry-After": "0.05"}),
    "429 with a date": lambda: (429, error("wait"), {"Retry-After": formatdate(0, usegmt=True)}),
    "429 with a wrong Retry-After": lambda: (429, error("wait"), {"Retry-After": "soon"}),
    "500": lambda: (500, "Internal Server Error"),
    "502": lambda: (502, "<html>Bad gateway</html>"),
    "503": lambda: (503, error("loading")),
    "529": lambda: (529, error("overloaded")),
    "dropped connection": lambda: None,
    "garbage": lambda: "<html>welcome</html>",
    "half an answer": lambda: '{"choices": [',
    "other types": lambda: completion() | {"choices": "none"},
    "no choice": lambda: completion() | {"choices": []},
    "a number": lambda: "42",
    "content of another type": lambda: completion({"say": "none"}),
    "null": lambda: "null",
}


@pytest.mark.parametrize("fault", FAULTS)
def test_request_is_repeated_after_a_fault(fault):
    seen = set()

    def answer(body, _):
        if number(body) in seen:
            return completion()
        seen.add(number(body))
        return FAULTS[fault]()

    with serving(answer) as fake:
        found, _ = outcomes(fake.endpoint)
    assert [found[each].status for each in range(5)] == ["none"] * 5
    assert [found[each].attempts for each in range(5)] == [2] * 5


def test_all_requests_wait_for_the_pause_that_the_server_asks_for():
    times = []

    def answer(body, count):
        times.append(time.monotonic())
        if count == 0:
            return 429, error("slow down"), {"Retry-After": "0.5"}
        time.sleep(0.1)
        return completion()

    with serving(answer) as fake:
        outcomes(fake.endpoint, 8, requests=2)
    # The second request was already in flight.
    assert all(each - times[0] >= 0.49 for each in times[3:])


def test_request_is_repeated_after_a_timeout(monkeypatch):
    monkeypatch.setattr(module, "_TIMEOUT", 0.3)

    def answer(body, count):
        if count == 0:
            time.sleep(1)
        return completion()

    with serving(answer) as fake:
        assert statuses(fake.endpoint) == ["none"] * 5


def test_requests_continue_after_a_server_restart(caplog):
    fake = FakeServer(lambda *_: time.sleep(0.03) or completion())
    again = []

    def restart():
        wait_until(lambda: len(fake.requests) > 4)
        fake.stop()
        time.sleep(0.3)
        again.append(FakeServer(port=fake.port))

    thread = threading.Thread(target=restart)
    thread.start()
    with caplog.at_level(logging.INFO):
        assert statuses(fake.endpoint, 40, patience=20.0) == ["none"] * 40
    thread.join()
    again[0].stop()
    assert "The server answers again." in caplog.text


def test_unreachable_server_ends_the_slice_with_one_sentence():
    with serving() as fake:
        pass
    with pytest.raises(InputError) as caught:
        outcomes(fake.endpoint, patience=0.3)
    assert f"127.0.0.1:{fake.port} has not answered for 0 minutes" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_server_pause_longer_than_the_allowed_wait_ends_the_slice():
    with (
        serving(lambda *_: (429, error("enough"), {"Retry-After": "7200"})) as fake,
        pytest.raises(InputError, match="asks to wait 120 minutes"),
    ):
        outcomes(fake.endpoint)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ((401, error(f"Incorrect API key provided: {KEY}")), "the key in THE_KEY is not valid"),
        ((403, error(f"{KEY} may not use this model")), "does not allow the request"),
        ((404, error("The model `tiny` does not exist.", "model_not_found")), "no model tiny"),
        ((404, {"detail": "Not Found"}), "not its address"),
        ((429, error("You exceeded your quota", "insufficient_quota")), "requires payment"),
        ((400, {"detail": "Server is pinned to 'a'; requested 'b'."}), "Server is pinned to"),
    ],
)
def test_refusal_of_every_request_ends_the_slice(answer, words, caplog):
    with serving(lambda *_: answer) as fake, pytest.raises(InputError) as caught:
        outcomes(fake.endpoint)
    assert words in str(caught.value)
    assert KEY not in str(caught.value) + caplog.text
    assert len(fake.requests) <= 4


REFUSALS = {
    "too long": lambda: (
        400,
        error("This model's maximum context length is 1024 tokens.", "context_length_exceeded"),
    ),
    "too large": lambda: (413, "Payload Too Large"),
    "filtered": lambda: (400, error("The response was filtered", "content_filter")),
    "filtered answer": lambda: completion("", finish="content_filter"),
    "refusal": lambda: (
        completion(None)
        | {"choices": [{"message": {"content": None, "refusal": "I cannot help with that."}}]}
    ),
    "always fails": lambda: (500, error("CUDA error")),
    "always garbage": lambda: "garbage",
}


@pytest.mark.parametrize("kind", REFUSALS)
def test_refused_window_is_recorded_and_others_are_answered(kind, caplog):
    def answer(body, _):
        time.sleep(0.02)
        return REFUSALS[kind]() if number(body) == 2 else completion()

    with serving(answer) as fake:
        assert statuses(fake.endpoint, 60) == ["none"] * 2 + ["refused"] + ["none"] * 57
    assert "Window 2 (4.000-8.000 s) is refused" in caplog.text


def test_empty_answer_is_unparsed():
    with serving(lambda *_: completion(None, finish="length")) as fake:
        assert statuses(fake.endpoint, 1) == ["unparsed"]


def test_answers_are_not_lost_when_another_request_ends_the_slice():
    counter, barrier = itertools.count(), threading.Barrier(4)

    def answer(*_):
        barrier.wait(5)
        if next(counter) == 0:
            return 401, error("no")
        time.sleep(0.3)
        return completion()

    some = windows(4)
    with serving(answer) as fake:
        answering = ServerAnswering(
            ServedModel("tiny", "png"), Access(fake.endpoint), GenerationSettings(), PROMPT, print
        )
        found = []

        with pytest.raises(InputError):
            found.extend(answering.outcomes(some, frames(some), parse_prompt(PROMPT)))
    assert len(found) == 3


@pytest.mark.parametrize("variable", ["OPENAI_API_KEY", "OPENAI_ADMIN_KEY"])
def test_key_of_another_service_is_not_sent(variable, monkeypatch):
    monkeypatch.setenv(variable, "sk-of-another")
    with serving() as fake:
        some = windows(1)
        answering = ServerAnswering(
            ServedModel("tiny", "png"), Access(fake.endpoint), GenerationSettings(), PROMPT, print
        )
        list(answering.outcomes(some, frames(some), parse_prompt(PROMPT)))
    assert "sk-of-another" not in str(fake.headers)


def test_key_is_not_logged(caplog, monkeypatch):
    monkeypatch.setenv("OPENAI_LOG", "debug")
    answers = iter([(500, error(f"bad {KEY}")), (503, KEY), f"<html>{KEY}", None])
    with serving(lambda *_: next(answers, completion())) as fake, caplog.at_level(logging.DEBUG):
        outcomes(fake.endpoint)
    assert KEY not in caplog.text
    assert "base64" not in caplog.text


@pytest.mark.parametrize(("value", "words"), [("", "is not set"), ("a\nb", "no key has")])
def test_missing_or_invalid_key_is_refused(value, words, monkeypatch):
    monkeypatch.setenv("THE_KEY", value)
    with pytest.raises(InputError, match=words):
        outcomes("http://127.0.0.1:1/v1")


def test_tokens_of_a_prompt_are_estimated():
    assert estimate_prompt_tokens("a" * 400, 4, 384, 216) == 523
