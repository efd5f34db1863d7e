"""A run with a model behind an OpenAI-compatible endpoint."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager

import pytest
import yaml

from clones import ROOT, new_clone, signal_slices
from fakeserver import GOAL, FakeServer, completion, error, serving, wait_until
from media import steady, write_video

KEY = "sk-secret-0123456789"


@pytest.fixture(scope="module")
def fake():
    def answer(body, number):
        return (400, error("filtered", "content_filter")) if number == 2 else completion(GOAL)

    with serving(answer) as fake:
        yield fake


@pytest.fixture(scope="module")
def asked(fake):
    """Return the settings of a model on the server."""
    return {
        "family": "server",
        "endpoint": fake.endpoint,
        "checkpoint": "tiny",
        "key_variable": "THE_KEY",
    }


@pytest.fixture(scope="module")
def clone(tmp_path_factory, clip, asked):
    """Return a clone after a complete run with the model on the server."""
    config = {
        "slices": 1,
        "videos": str(clip),
        "detect_with": "asked",
        "compare_with": [],
        "models": {"asked": asked},
    }
    clone = new_clone(tmp_path_factory.mktemp("server") / "clone", config)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("THE_KEY", KEY)
        done = clone.run()
    clone.output = done.stdout + done.stderr
    return clone


def test_run_on_a_server_fetches_nothing_and_prints_its_requests(clone, fake):
    assert not (clone.folder / "resources").exists()
    assert f"asked sends 127.0.0.1:{fake.port} 1,800 requests" in clone.output
    assert "GPU" not in clone.output
    assert len(fake.requests) == 5


def test_refused_window_and_tokens_are_counted(clone):
    coverage = clone.read("coverage/coverage_asked_video_0.json")
    counts = coverage["counts"]
    assert (counts["answers"], counts["skipped"]) == (5, 1)
    assert (counts["prompt_tokens"], counts["answer_tokens"]) == (400, 12)
    text = (clone.folder / "results/summary/summary.txt").read_text()
    assert "Tokens of asked, counted by its server: 400 sent, 12 received." in text
    ledger = clone.read("windows/windows_asked_vid0_gpu0.jsonl")
    assert sorted(line["status"] for line in ledger) == [*["events"] * 4, "refused"]


def test_record_names_the_host_and_the_reported_model(clone, fake):
    (model,) = clone.read("run.json")["models"]
    host = f"127.0.0.1:{fake.port}"
    assert model["origin"]["server"] == {"host": host, "reported": "tiny-1"}
    verify = [sys.executable, "scripts/verify.py"]
    done = subprocess.run(verify, cwd=clone.folder, capture_output=True, text=True, check=True)
    assert "not checked: asked, which runs on a server" in done.stdout


def test_key_is_in_no_file(clone, fake):
    assert fake.headers[0]["authorization"] == f"Bearer {KEY}"
    assert KEY not in clone.output
    files = [path for path in clone.folder.rglob("*") if path.is_file()]
    assert any(".snakemake" in path.parts for path in files)
    assert [path for path in files if KEY.encode() in path.read_bytes()] == []


@pytest.mark.parametrize(
    ("change", "slices"),
    [
        ({"endpoint": "http://another:8000/v1"}, 0),
        ({"key_variable": "ANOTHER_KEY"}, 0),
        ({"checkpoint": "larger"}, 1),
        ({"frames_as": "png"}, 1),
    ],
)
def test_changed_model_or_frames_repeat_the_detection_but_a_changed_address_does_not(
    clone, asked, change, slices
):
    jobs = clone.jobs("predictions", models={"asked": asked | change})
    assert jobs.get("detect_slice", 0) == slices


def test_run_without_the_key_ends_before_its_first_job(clone, fake):
    before = len(fake.requests)
    done = clone.snakemake(results="keyless")
    assert done.returncode != 0
    assert "The environment variable THE_KEY is not set" in done.stdout + done.stderr
    assert len(fake.requests) == before


def test_models_target_has_nothing_to_fetch(clone):
    done = clone.run("models")
    assert "nothing to fetch" in done.stdout + done.stderr


# --- Slow: kills, and a server that we did not write ---------------------------------------------


def lines(clone):
    """Return the windows in the journal, in the order of its lines."""
    files = clone.results("journal/*/*/*.jsonl")
    texts = [line for file in files for line in file.read_bytes().splitlines(keepends=True)]
    return [json.loads(line)["window"] for line in texts if line.endswith(b"\n")]


def window_of(body):
    """Return a key of a request's window, made from its pictures."""
    return json.dumps(body["messages"])


@pytest.mark.slow
def test_killed_worker_and_server_repeat_only_requests_in_flight(tmp_path, asked, monkeypatch):
    monkeypatch.setenv("THE_KEY", KEY)
    in_flight = 4

    def answer(*_):
        time.sleep(0.05)
        return completion(GOAL)

    servers = [FakeServer(answer)]
    model = asked | {"endpoint": servers[0].endpoint}
    config = {
        "slices": 1,
        "videos": "long.mkv",
        "detect_with": "asked",
        "compare_with": [],
        "models": {"asked": model},
        "batch": {"windows": in_flight},
    }
    clone = new_clone(tmp_path / "clone", config)
    write_video(clone.folder / "long.mkv", steady(600, rate=2), gop=20)
    (clone.folder / "my.yaml").write_text(yaml.safe_dump(config))
    target = "results/windows/windows_asked_vid0_gpu0.jsonl"
    command = [sys.executable, "-m", "snakemake", "--cores", "1", target]
    command += ["--configfile", "my.yaml", "--rerun-incomplete"]
    kills = [signal.SIGKILL, signal.SIGTERM]
    for count, kill in enumerate(kills, 1):
        with (clone.folder / "output.txt").open("w") as output:
            run = subprocess.Popen(command, cwd=clone.folder, stdout=output, stderr=output)
        wait_until(lambda count=count: len(lines(clone)) >= 60 * count, 120)
        servers[-1].stop()
        time.sleep(1)
        servers.append(FakeServer(answer, servers[-1].port))
        wait_until(lambda count=count: len(lines(clone)) >= 60 * count + 30, 120)
        signal_slices(run, kill)
        assert run.wait(timeout=60) != 0
    answered = lines(clone)
    assert len(answered) == len(set(answered))
    clone.run(target, "--rerun-incomplete")
    servers[-1].stop()
    records = [json.loads(line) for line in (clone.folder / target).read_text().splitlines()]
    assert [record["window"] for record in records] == list(range(300))
    assert {record["status"] for record in records} == {"events"}
    sent = [window_of(body) for server in servers for body in server.requests]
    repeated = len(sent) - 300
    print(f"{len(kills)} kills of each, {repeated} requests sent again")
    assert repeated <= in_flight * 2 * len(kills)


@contextmanager
def transformers_serve(folder, model, log):
    """Run `transformers serve` and yield its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "transformers.cli.transformers", "serve", str(model)]
    command += ["--trust-remote-code", "--dtype", "float32", "--device", "cpu"]
    command += ["--host", "127.0.0.1", "--port", str(port)]
    environment = os.environ | {
        "PYTHONPATH": str(ROOT / "scripts"),
        "HF_HOME": str(folder / "hub"),
        "HF_HUB_OFFLINE": "1",
        "CUDA_VISIBLE_DEVICES": "",
    }
    with log.open("w") as output:
        server = subprocess.Popen(command, env=environment, stdout=output, stderr=output)
    try:
        wait_until(lambda: server.poll() is not None or "running on" in log.read_text(), 120)
        assert server.poll() is None, log.read_text()
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        server.terminate()
        server.wait(30)


@pytest.mark.slow
def test_transformers_serve_gives_the_answers_of_our_own_family(tmp_path):
    clone = new_clone(tmp_path / "clone", {})
    making = [sys.executable, ROOT / "demo/make_matches.py", "--seeds", "43", "--out", "out"]
    subprocess.run(making, cwd=clone.folder, check=True, capture_output=True)
    model = shutil.copytree(ROOT / "demo/model-llava", tmp_path / "model")
    shutil.copy(ROOT / "tests/tiny_processor.py", model)
    mapped = {"auto_map": {"AutoProcessor": "tiny_processor.TinyProcessor"}}
    (model / "processor_config.json").write_text(json.dumps(mapped))
    with transformers_serve(tmp_path, model, tmp_path / "serve.log") as endpoint:
        clone.config |= yaml.safe_load((ROOT / "demo/config.yaml").read_text()) | {
            "videos": "out/videos.tsv",
            "results": "results",
            "resources": "resources",
            "detect_with": ["llava", "asked"],
            "models": {
                "llava": {
                    "checkpoint": str(ROOT / "demo/model-llava"),
                    "revision": None,
                    "quantization": "none",
                },
                "asked": {
                    "family": "server",
                    "endpoint": endpoint,
                    "checkpoint": str(model),
                    "frames_as": "png",
                },
            },
        }
        clone.run("predictions")
    found = {}
    for name in ("llava", "asked"):
        found[name] = [
            (record["start"], record["text"])
            for slice in range(4)
            for record in clone.read(f"windows/windows_{name}_vid0_gpu{slice}.jsonl")
        ]
    assert found["asked"] == found["llava"]
    assert len(found["asked"]) == 120
    events = [clone.read(f"predictions/final_predictions_{name}_video_0.json") for name in found]
    assert events[0] == events[1]
    assert events[0]
