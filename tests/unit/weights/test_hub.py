"""Test downloads from a faulty hub: they succeed later, or fail with one sentence."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

import tiny_generic
from facsimiles import FAMILIES, REPOS, facsimile
from fakehub import COMMIT, LATER, FakeHub, Order

pytestmark = pytest.mark.slow

REPO = REPOS["llava"]
SHARD = "model-00002-of-00003.safetensors"

# The rule's script, without pauses between attempts, and after the code that a test gives.
FETCH = """
import os
import shutil
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from touchline.weights.checkpoints import fetch
from touchline.core.logs import job_log
time.sleep = lambda seconds: None
exec(os.environ.get("FIRST", ""))
with job_log("fetch.log"):
    fetch(
        sys.argv[1],
        sys.argv[2] or None,
        sys.argv[3],
        Path("models/llava/checkpoint"),
        trust_code="TRUST_CODE" in os.environ,
    )
"""


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return facsimile("llava", tmp_path_factory.mktemp("hub") / "model")


@pytest.fixture
def hub(model):
    with FakeHub({REPO: model}) as hub:
        yield hub


@pytest.fixture
def machine(hub, tmp_path):
    return Machine(hub.url, tmp_path)


@pytest.fixture
def nowhere():
    """Return an address at which nothing can listen during the test."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"


class Machine:
    """A user's machine with its own cache. It uses the fake hub."""

    def __init__(self, url: str, folder: Path) -> None:
        self.folder = folder
        self.checkpoint = folder / "models" / "llava" / "checkpoint"
        self.cache = folder / "home" / "hub"
        known = {k: v for k, v in os.environ.items() if "proxy" not in k.lower() and k[:3] != "HF_"}
        self.environment = known | {
            "HF_ENDPOINT": url,
            "HF_HOME": str(folder / "home"),
        }

    def command(self, repo=REPO, revision="", family=FAMILIES["llava"]):
        return [sys.executable, "-c", FETCH, repo, revision, family]

    def fetch(self, repo=REPO, revision="", family=FAMILIES["llava"], **environment):
        """Run the script. Return its exit status and its log."""
        done = subprocess.run(
            self.command(repo, revision, family),
            cwd=self.folder,
            env=self.environment | environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert "Traceback" not in done.stderr
        return done.returncode, (self.folder / "fetch.log").read_text()

    def refused(self, *arguments, **environment):
        """Run the script. Return its final error message."""
        status, log = self.fetch(*arguments, **environment)
        assert status == 1, log
        last = log.splitlines()[-1]
        assert "ERROR" in last
        return last.partition("ERROR ")[2]

    def stop_in_second_shard(self, hub, signal_number):
        """End the script while the hub delays the second shard. Return its exit status."""
        hub.orders = [Order(SHARD, hold=100_000)]
        running = subprocess.Popen(
            self.command(), cwd=self.folder, env=self.environment, stderr=subprocess.DEVNULL
        )
        deadline = time.monotonic() + 30
        while not hub.bytes_sent(SHARD):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        running.send_signal(signal_number)
        return running.wait(timeout=5)


def same(folder, model):
    """Return whether a folder has the model's files, without README and hidden files."""
    wanted = {f.name for f in model.iterdir() if f.suffix not in (".md", "") and f.name[0] != "."}
    there = {f.name for f in folder.iterdir()} - {"touchline_origin.json"}
    return there == wanted and all(
        (folder / name).read_bytes() == (model / name).read_bytes() for name in wanted
    )


def test_model_is_downloaded_and_survives_an_emptied_cache(hub, machine, model):
    status, log = machine.fetch()
    assert status == 0
    assert same(machine.checkpoint, model)
    assert f"revision main is commit {COMMIT} today" in log
    assert f"downloading {SHARD}, 965.0 kB (file 2 of 3)" in log
    assert json.loads((machine.checkpoint / "touchline_origin.json").read_text()) == {
        "checkpoint": REPO,
        "revision": None,
        "commit": COMMIT,
        "adapter": None,
    }
    # No second copy on the disk, and no link into the cache.
    weights = machine.checkpoint / SHARD
    assert (weights.stat().st_nlink, weights.is_symlink()) == (2, False)
    subprocess.run(["rm", "-r", machine.cache], check=True)
    assert same(machine.checkpoint, model)


def test_files_are_copied_if_hard_links_are_impossible(hub, machine, model):
    weights = sum(file.stat().st_size for file in model.glob("*.safetensors"))
    no_links = "def link(*_): raise OSError(18, 'Invalid cross-device link')\nos.link = link\n"
    for free, status in ((2 * weights - 1, 1), (2 * weights, 0)):
        room = f"shutil.disk_usage = lambda place: SimpleNamespace(free={free})"
        assert machine.fetch(FIRST=no_links + room)[0] == status
    assert same(machine.checkpoint, model)
    assert (machine.checkpoint / SHARD).stat().st_nlink == 1


@pytest.mark.parametrize("signal_number", [signal.SIGKILL, signal.SIGINT])
def test_interrupted_download_keeps_complete_files_and_commit(hub, machine, model, signal_number):
    machine.stop_in_second_shard(hub, signal_number)
    # Snakemake deletes the files of a failed job in the same way.
    subprocess.run(["rm", "-r", machine.checkpoint], check=True)
    hub.served.clear()
    # Meanwhile the branch moves on. The model must not mix two commits.
    hub.branches |= {"main": LATER, "old": COMMIT}
    status, log = machine.fetch()
    assert status == 0, log
    assert f"revision main stays at the commit that was fetched first, {COMMIT}" in log
    assert hub.bytes_sent(SHARD) == (model / SHARD).stat().st_size
    assert hub.bytes_sent("00001-of-00003.safetensors") == 0
    assert same(machine.checkpoint, model)


def test_ctrl_c_ends_a_download_without_partial_files(hub, machine):
    assert machine.stop_in_second_shard(hub, signal.SIGINT) == 130
    assert not list(machine.cache.rglob("*.incomplete"))


def test_cached_model_needs_no_network(hub, machine, model, nowhere):
    machine.fetch()
    hub.asked.clear()
    for environment in ({"HF_HUB_OFFLINE": "1"}, {"HF_ENDPOINT": nowhere}):
        subprocess.run(["rm", "-r", machine.folder / "models"], check=True)
        status, log = machine.fetch(**environment)
        assert (status, hub.asked) == (0, []), log
        assert same(machine.checkpoint, model)
    # Another project on this machine may name the commit while offline.
    assert machine.fetch(revision=COMMIT, HF_HUB_OFFLINE="1")[0] == 0
    # Older clients filled the cache without a list of files.
    subprocess.run(["rm", "-r", *machine.cache.glob("*/trees")], check=True)
    assert machine.fetch(revision=COMMIT, HF_HUB_OFFLINE="1")[0] == 0
    assert same(machine.checkpoint, model)


def test_incomplete_cache_is_refused_without_network(hub, machine, nowhere):
    offline = "HF_HUB_OFFLINE (or TRANSFORMERS_OFFLINE) forbids downloads"
    assert offline in machine.refused(HF_HUB_OFFLINE="1")
    hub.orders = [Order(SHARD, times=99, status=403)]
    machine.refused()
    assert offline in machine.refused(HF_HUB_OFFLINE="1")
    assert "the hub cannot be reached" in machine.refused(HF_ENDPOINT=nowhere)


def test_moved_branch_is_reported_when_a_deleted_model_is_fetched_again(hub, machine):
    machine.fetch(revision="main")
    hub.branches = {"main": LATER}
    subprocess.run(["rm", "-r", machine.checkpoint], check=True)
    hub.branches["old"] = COMMIT
    assert LATER not in machine.fetch(revision="main")[1]
    subprocess.run(["rm", "-r", machine.checkpoint.parent], check=True)
    log = machine.fetch(revision="main")[1]
    assert "WARNING" in log
    assert f"now means commit {LATER}, which is used" in log


@pytest.mark.parametrize(
    "order",
    [
        Order(f"tree/{COMMIT}", times=2, status=503),
        Order(SHARD, times=2, status=502),
        Order(SHARD, status=429, headers={"Retry-After": "7"}),
        Order(SHARD, times=3, cut=250_000),
        Order(SHARD, cut=0),
    ],
)
def test_temporary_failure_is_retried(hub, machine, model, order):
    hub.orders = [order]
    status, log = machine.fetch()
    assert status == 0, log
    assert same(machine.checkpoint, model)


def test_file_with_a_wrong_hash_is_deleted_and_downloaded_again(hub, machine, model):
    content = bytearray((model / SHARD).read_bytes())
    content[-1] ^= 1
    hub.orders = [Order(SHARD, body=bytes(content))]
    assert f"{SHARD} differs from the file that the hub lists" in machine.refused()
    assert machine.fetch()[0] == 0
    assert same(machine.checkpoint, model)


GATED = {"X-Error-Code": "GatedRepo", "X-Error-Message": "Access is restricted.\x07 Ask."}


@pytest.mark.parametrize(
    ("order", "sentences"),
    [
        (Order("config.json", status=403, headers=GATED), ["is gated", "Accept its licence at"]),
        (Order("config.json", status=401, headers=GATED), ["is gated", "(no token is set)"]),
        (Order("revision/main", status=401), ["may not be read (401 Unauthorized", "Set HF_TOKEN"]),
        (Order("config.json", status=403), ["may not be read (403 Forbidden"]),
        (
            Order("revision/main", times=99, status=429),
            ["limits the rate of requests", "set HF_TOKEN"],
        ),
        (Order("revision/main", times=99, status=503), ["cannot be downloaded (503 Service Unav"]),
        (Order("revision/main", status=407), ["the proxy refuses", "HTTPS_PROXY"]),
        (Order("revision/main", body=b"<html>Log in"), ["may come from a login page"]),
        (Order("revision/main", body=b"[]"), ["may come from a login page"]),
        (
            Order(SHARD, times=99, body=b"x" * 10),
            ["cannot be downloaded", "may come from a login page"],
        ),
    ],
)
def test_permanent_failure_gives_one_sentence(hub, machine, order, sentences):
    hub.orders = [order]
    message = machine.refused()
    assert all(sentence in message for sentence in sentences), message
    assert message.startswith(REPO)
    assert message.isprintable()


def test_token_is_sent_only_to_the_hub_and_never_written(hub, machine):
    hub.orders = [Order("config.json", status=403, headers=GATED)]
    assert "(the current token may not)" in machine.refused(HF_TOKEN="hf_secret")
    hub.orders = []
    assert machine.fetch(HF_TOKEN="hf_secret")[0] == 0
    asked = {path: token for path, token in hub.tokens.items() if REPO in path}
    assert {path for path, token in asked.items() if token is None} == {
        path for path in asked if path.startswith("/cdn/")
    }
    for file in machine.folder.rglob("*"):
        assert not file.is_file() or b"hf_secret" not in file.read_bytes(), file


def test_messages_distinguish_hub_network_and_proxy(hub, machine, nowhere):
    message = machine.refused("llava-hf/none")
    assert "is neither a folder here nor a readable model on the hub" in message
    assert "has no revision v9" in machine.refused(revision="v9")
    assert f"has no revision {LATER}" in machine.refused(revision=LATER)
    message = machine.refused("no/such/folder")
    assert "is neither a folder here nor a name on the hub" in message
    message = machine.refused(HF_ENDPOINT=nowhere)
    assert "the hub cannot be reached ([Errno 111] Connection refused)" in message
    message = machine.refused(HF_ENDPOINT="http://nowhere.invalid")
    assert "the hub's name cannot be resolved ([Errno -" in message
    proxy = hub.url.replace("127.0.0.1", "nobody:secret@127.0.0.1")
    message = machine.refused(HF_ENDPOINT="https://hub.invalid", https_proxy=proxy)
    assert "the proxy refuses the connection (407 Proxy Authentication Required)" in message
    assert "secret" not in message


def test_download_without_room_is_refused(hub, machine, model):
    weights = sum(file.stat().st_size for file in model.glob("*.safetensors"))
    little = f"shutil.disk_usage = lambda place: SimpleNamespace(free={weights - 1})"
    message = machine.refused(FIRST=little)
    assert f"needs {weights / 1e6:.1f} MB more in {machine.cache}" in message
    assert f"where {weights / 1e6:.1f} MB are free" in message
    assert hub.bytes_sent(".safetensors") == 0
    # The first shard, which is complete, needs no room.
    hub.orders = [Order(SHARD, times=99, status=403)]
    machine.refused()
    hub.orders = []
    assert machine.fetch(FIRST=little)[0] == 0


def test_wrong_family_is_refused_before_weights_are_downloaded(hub, machine):
    message = machine.refused(family="qwen2_5_vl")
    assert "Write family: llava_next_video" in message
    assert hub.bytes_sent(".safetensors") == 0


def test_simultaneous_downloads_both_succeed(hub, machine, model):
    """Two models of a configuration may name the same checkpoint."""
    folders = (machine.folder, machine.folder / "home")
    folders[1].mkdir()
    running = [
        subprocess.Popen(machine.command(), cwd=folder, env=machine.environment)
        for folder in folders
    ]
    assert [process.wait() for process in running] == [0, 0]
    assert all(same(folder / "models" / "llava" / "checkpoint", model) for folder in folders)


def test_checkpoint_code_is_downloaded_only_if_trusted(tmp_path):
    folder = tiny_generic.save("llava", tmp_path / "model")
    (folder / "own.py").write_text("raise SystemExit")
    with FakeHub({"someone/llava": folder}) as hub:
        machine = Machine(hub.url, tmp_path / "machine")
        machine.folder.mkdir()
        arguments = ("someone/llava", "", "generic")
        assert machine.fetch(*arguments)[0] == 0
        assert not (machine.checkpoint / "own.py").exists()
        assert not hub.bytes_sent("own.py")
        assert machine.fetch(*arguments, TRUST_CODE="1")[0] == 0
        assert (machine.checkpoint / "own.py").exists()
        assert (machine.checkpoint / "model.safetensors").exists()
        # A model that transformers cannot load is refused before its weights are downloaded.
        config = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps(config | {"model_type": "own"}))
        other = Machine(hub.url, tmp_path / "other")
        other.folder.mkdir()
        assert "has a model of type 'own'" in other.refused(*arguments)
        (folder / "config.json").write_text(
            json.dumps(config | {"model_type": "own", "auto_map": {"AutoConfig": "own.Config"}})
        )
        another = Machine(hub.url, tmp_path / "another")
        another.folder.mkdir()
        assert "set models.*.trust_code: true to run them" in another.refused(*arguments)
