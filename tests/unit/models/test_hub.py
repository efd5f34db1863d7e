"""Downloads from a hub that misbehaves: they go on where they were, or end with one sentence."""

import json
import logging
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import pytest

from facsimiles import FAMILIES, REPOS, facsimile
from fakehub import COMMIT, LATER, FakeHub, Order
from touchline.models.hub import DownloadProgress, Found, RemoteFile

pytestmark = pytest.mark.slow

REPO = REPOS["llava"]
SHARD = "model-00002-of-00003.safetensors"

# What the script of the rule does, with pauses that are noted instead of waited, and after what
# a test wants.
FETCH = """
import os
import shutil
import sys
from pathlib import Path
from types import SimpleNamespace
from touchline.models import hub, patience
from touchline.models.checkpoints import fetch
from touchline.core.logs import job_log
patience.time = SimpleNamespace(sleep=lambda s: print("paused", s))
exec(os.environ.get("FIRST", ""))
with job_log("fetch.log"):
    fetch(sys.argv[1], sys.argv[2] or None, sys.argv[3], Path("models/llava/checkpoint"))
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
    """An address where no one listens, nor can as long as the test runs."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"


class Machine:
    """A user's machine with a cache of its own, whose hub is the fake one."""

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
        """Run it; gives the exit status, the pauses, and the log."""
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
        pauses = [float(line.split()[1]) for line in done.stdout.splitlines()]
        return done.returncode, pauses, (self.folder / "fetch.log").read_text()

    def coming(self) -> list[int]:
        """Sizes of what the cache has of files that are not whole yet."""
        sizes = []
        for part in self.cache.glob("*/blobs/*.incomplete"):
            with suppress(FileNotFoundError):  # it has just become whole
                sizes.append(part.stat().st_size)
        return sizes

    def refused(self, *arguments, **environment):
        """The one sentence that it ends with."""
        status, pauses, log = self.fetch(*arguments, **environment)
        assert status == 1, log
        last = log.splitlines()[-1]
        assert "ERROR" in last
        return last.partition("ERROR ")[2], pauses


def same(folder, model):
    """Whether a folder has the model's files; README and hidden files are not wanted."""
    wanted = {f.name for f in model.iterdir() if f.suffix not in (".md", "") and f.name[0] != "."}
    there = {f.name for f in folder.iterdir()} - {"touchline_origin.json"}
    return there == wanted and all(
        (folder / name).read_bytes() == (model / name).read_bytes() for name in wanted
    )


def test_a_model_comes_whole_into_the_hub_s_cache_and_stays_when_that_is_emptied(
    hub, machine, model
):
    status, pauses, log = machine.fetch()
    assert (status, pauses) == (0, [])
    assert same(machine.checkpoint, model)
    assert f"revision main is commit {COMMIT} today" in log
    assert json.loads((machine.checkpoint / "touchline_origin.json").read_text()) == {
        "checkpoint": REPO,
        "revision": None,
        "commit": COMMIT,
        "adapter": None,
    }
    # As the hub's own client would find it.
    found = subprocess.run(
        [
            sys.executable,
            "-c",
            "from huggingface_hub import snapshot_download as s;"
            f"print(s({REPO!r}, local_files_only=True))",
        ],
        env=machine.environment,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    assert same(Path(found), model)
    # No second copy on the disk, and no link into the cache.
    weights = machine.checkpoint / SHARD
    assert (weights.stat().st_nlink, weights.is_symlink()) == (2, False)
    subprocess.run(["rm", "-r", machine.cache], check=True)
    assert same(machine.checkpoint, model)


def test_a_connection_that_is_cut_again_and_again_brings_each_byte_once(hub, machine, model):
    size = (model / SHARD).stat().st_size
    hub.orders = [Order(SHARD, times=3, cut=size // 4)]
    status, pauses, log = machine.fetch()
    assert (status, pauses) == (0, [1, 2, 4])
    assert hub.bytes_of(SHARD) == size
    assert "incomplete" in log or "trying again in 2 s" in log
    assert same(machine.checkpoint, model)


def test_a_connection_that_falls_silent_is_given_up(hub, machine, model):
    size = (model / SHARD).stat().st_size
    hub.orders = [Order(SHARD, hold=size // 2)]
    status, _, log = machine.fetch(FIRST="hub.SILENCE = 1")
    assert status == 0
    assert "trying again" in log
    assert hub.bytes_of(SHARD) == size


def test_where_no_link_can_be_there_are_copies_and_room_for_them(hub, machine, model):
    weights = sum(file.stat().st_size for file in model.glob("*.safetensors"))
    no_links = "def link(*_): raise OSError(18, 'Invalid cross-device link')\nos.link = link\n"
    for free, status in ((2 * weights - 1, 1), (2 * weights, 0)):
        room = f"shutil.disk_usage = lambda place: SimpleNamespace(free={free})"
        assert machine.fetch(FIRST=no_links + room)[0] == status
    assert same(machine.checkpoint, model)
    assert (machine.checkpoint / SHARD).stat().st_nlink == 1


def test_a_page_in_place_of_the_rest_does_not_cost_what_has_come(hub, machine, model):
    size = (model / SHARD).stat().st_size
    hub.orders = [Order(SHARD, cut=size // 2)]
    hub.orders += [
        Order(SHARD, times=2, body=b"<html>Log in", headers={"Content-Type": "text/html"})
    ]
    message, _ = machine.refused()
    assert f"{SHARD} differs from what the hub lists" in message
    hub.served.clear()
    assert machine.fetch()[0] == 0
    assert hub.bytes_of(SHARD) == size - size // 2
    assert same(machine.checkpoint, model)


def test_a_part_in_the_cache_is_no_reason_to_give_up_early(hub, machine, nowhere):
    hub.orders = [Order(SHARD, times=99, cut=0)]
    machine.refused()
    message, pauses = machine.refused(HF_ENDPOINT=nowhere)
    assert "the hub cannot be reached" in message
    assert len(pauses) == 7
    message, _ = machine.refused(HF_HUB_OFFLINE="1")
    assert "is not all in the hub's cache" in message


def test_killed_in_the_middle_the_next_attempt_brings_only_the_rest(hub, machine, model):
    size = (model / SHARD).stat().st_size
    hub.orders = [Order(SHARD, hold=size // 2)]
    command, folder = machine.command(), machine.folder
    running = subprocess.Popen(
        command, cwd=folder, env=machine.environment, stderr=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 30
    while size // 2 not in machine.coming():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    running.send_signal(signal.SIGKILL)
    running.wait()
    # As Snakemake does with what a failed job leaves.
    subprocess.run(["rm", "-r", machine.checkpoint], check=True)
    first = dict(hub.served)
    # In between the branch moves on; a model of two commits would be of none.
    hub.branches["main"] = LATER
    hub.branches["old"] = COMMIT
    status, _, log = machine.fetch()
    assert status == 0, log
    assert f"revision main stays what it was at first, commit {COMMIT}" in log
    again = {path: count - first.get(path, 0) for path, count in hub.served.items()}
    assert sum(n for path, n in again.items() if path.endswith(SHARD)) == size - size // 2
    assert sum(n for path, n in again.items() if path.endswith("00001-of-00003.safetensors")) == 0
    assert same(machine.checkpoint, model)


def test_what_the_cache_has_needs_no_network(hub, machine, model, nowhere):
    machine.fetch()
    subprocess.run(["rm", "-r", machine.folder / "models"], check=True)
    hub.asked.clear()
    status, pauses, log = machine.fetch(HF_HUB_OFFLINE="1")
    assert (status, pauses, hub.asked) == (0, [], [])
    assert same(machine.checkpoint, model)
    subprocess.run(["rm", "-r", machine.folder / "models"], check=True)
    status, pauses, log = machine.fetch(HF_ENDPOINT=nowhere)
    assert (status, pauses) == (0, [])
    assert f"The cache has commit {COMMIT} of it, which is used." in log
    # Offline, another project on this machine may name the commit.
    assert machine.fetch(revision=COMMIT, HF_HUB_OFFLINE="1")[0] == 0


def test_what_is_not_all_in_the_cache_is_refused_offline(hub, machine):
    message, pauses = machine.refused(HF_HUB_OFFLINE="1")
    assert "HF_HUB_OFFLINE (or TRANSFORMERS_OFFLINE) forbids to ask the hub" in message
    assert pauses == []


def test_a_branch_that_moved_is_taken_once_the_model_s_folder_is_deleted_and_reported(hub, machine):
    machine.fetch(revision="main")
    hub.branches = {"main": LATER}
    subprocess.run(["rm", "-r", machine.checkpoint], check=True)
    hub.branches["old"] = COMMIT
    assert LATER not in machine.fetch(revision="main")[2]
    subprocess.run(["rm", "-r", machine.checkpoint.parent], check=True)
    log = machine.fetch(revision="main")[2]
    assert "WARNING" in log
    assert f"it was commit {COMMIT} when this machine last asked, and is {LATER} now" in log


@pytest.mark.parametrize(
    ("order", "pauses"),
    [
        (Order("revision/main", times=2, status=503), [1, 2]),
        (Order(SHARD, times=2, status=502), [1, 2]),
        (Order(SHARD, status=429, headers={"Retry-After": "7"}), [7]),
        (Order("config.json", status=429, headers={"RateLimit": '"api";r=0;t=55'}), [55]),
        (Order(SHARD, cut=0), [1]),
        (Order(SHARD, body=b"x" * 10), []),
        (Order(SHARD, body=b"x" * 964_992), []),
        (Order("00001-of-00003.safetensors", body=b"x" * 3_000_000), []),
    ],
)
def test_what_passes_is_waited_for(hub, machine, model, order, pauses):
    hub.orders = [order]
    status, waited, log = machine.fetch()
    assert (status, waited) == (0, pauses), log
    assert same(machine.checkpoint, model)


GATED = {"X-Error-Code": "GatedRepo", "X-Error-Message": "Access is restricted.\x07 Ask."}


@pytest.mark.parametrize(
    ("order", "sentences"),
    [
        (Order("config.json", status=403, headers=GATED), ["is gated", "accept its licence at"]),
        (Order("config.json", status=401, headers=GATED), ["is gated", "(none is set)"]),
        (Order("revision/main", status=401), ["may not be read (401 Unauthorized", "set HF_TOKEN"]),
        (Order("config.json", status=403), ["may not be read (403 Forbidden"]),
        (
            Order("revision/main", times=99, status=429, headers={"Retry-After": "9999"}),
            ["limits how often", "in 167 minutes", "set HF_TOKEN"],
        ),
        (Order("revision/main", times=99, status=503), ["cannot be downloaded (503 Service Unav"]),
        (Order("revision/main", status=407), ["the proxy refuses", "HTTPS_PROXY"]),
        (Order("revision/main", body=b"<html>Log in"), ["what answers is no hub", "login page"]),
        (Order("revision/main", body=b"[]"), ["what answers is no hub"]),
        (Order(SHARD, times=99, body=b"x" * 10), [SHARD, "differs from what the hub lists"]),
    ],
)
def test_what_does_not_pass_is_one_sentence(hub, machine, order, sentences):
    hub.orders = [order]
    message, _ = machine.refused()
    assert all(sentence in message for sentence in sentences), message
    assert message.startswith(REPO)
    assert message.isprintable()


def test_a_token_that_may_not_differs_from_none_and_written_nowhere(hub, machine):
    hub.orders = [Order("config.json", status=403, headers=GATED)]
    message, _ = machine.refused(HF_TOKEN="hf_secret")
    assert "(the one in use may not)" in message
    hub.orders = []
    assert machine.fetch(HF_TOKEN="hf_secret")[0] == 0
    # The hub learns it, and a host that it sends on to does not.
    asked = {path: token for path, token in hub.tokens.items() if REPO in path}
    assert {path for path, token in asked.items() if token is None} == {
        path for path in asked if path.startswith("/cdn/")
    }
    for file in machine.folder.rglob("*"):
        assert not file.is_file() or b"hf_secret" not in file.read_bytes(), file


def test_the_hub_s_no_differs_from_the_network_s(hub, machine, nowhere):
    message, pauses = machine.refused("llava-hf/none")
    assert "is neither a folder here nor a model on the hub that may be read from here" in message
    assert pauses == []
    message, pauses = machine.refused(revision="v9")
    assert "has no revision v9" in message
    assert pauses == []
    message, pauses = machine.refused("no/such/folder")
    assert "is neither a folder here nor a name on the hub" in message
    message, pauses = machine.refused(HF_ENDPOINT=nowhere)
    assert "the hub cannot be reached ([Errno 111] Connection refused)" in message
    assert len(pauses) == 7
    message, _ = machine.refused(HF_ENDPOINT="http://nowhere.invalid")
    assert "the hub's name cannot be resolved ([Errno -" in message
    proxy = hub.url.replace("127.0.0.1", "nobody:secret@127.0.0.1")
    message, pauses = machine.refused(HF_ENDPOINT="https://hub.invalid", https_proxy=proxy)
    assert "the proxy refuses (407 Proxy Authentication Required)" in message
    assert "secret" not in message
    assert pauses == []


def test_what_the_disk_has_no_room_for_is_not_begun(hub, machine, model):
    weights = sum(file.stat().st_size for file in model.glob("*.safetensors"))
    little = f"shutil.disk_usage = lambda place: SimpleNamespace(free={weights - 1})"
    message, _ = machine.refused(FIRST=little)
    assert f"needs {weights / 1e6:.1f} MB more in {machine.cache}" in message
    assert f"where {weights / 1e6:.1f} MB are free" in message
    assert hub.bytes_of(".safetensors") == 0
    # What is there from an earlier attempt needs no room.
    hub.orders = [Order(SHARD, times=99, cut=1)]
    machine.refused()
    hub.orders = []
    assert machine.fetch(FIRST=little)[0] == 0


def test_a_checkpoint_that_is_not_run_here_is_refused_before_its_weights_come(hub, machine):
    message, _ = machine.refused(family="qwen2_5_vl")
    assert "write family: llava_next_video" in message
    assert hub.bytes_of(".safetensors") == 0


def test_progress_is_a_line_now_and_then(tmp_path, monkeypatch, caplog):
    now = [0.0]
    monkeypatch.setattr("touchline.models.hub.time", SimpleNamespace(monotonic=lambda: now[0]))
    file = RemoteFile("model.safetensors", 14_000_000_000, "a" * 64)
    with caplog.at_level(logging.INFO):
        progress = DownloadProgress(Found("a/b", COMMIT, [file], tmp_path, is_cached=False), [file])
        for _ in range(140):
            now[0] += 1
            progress.add(100_000_000)
        progress.end()
    message = [record.getMessage() for record in caplog.records]
    assert message[0] == f"a/b at commit {COMMIT}: 14.0 GB to download, into {tmp_path}."
    assert message[1] == "a/b: 1.5 GB of 14.0 GB, 100.0 MB a second."
    assert message[-1] == "a/b: 14.0 GB in 140 s."
    assert len(message) == 2 + 140 // 15


def test_two_at_once_bring_a_file_once(hub, machine, model):
    """As two models of a configuration may name the same checkpoint."""
    hub.orders = [Order(SHARD, cut=1000)]
    running = [
        subprocess.Popen(machine.command(), cwd=folder, env=machine.environment)
        for folder in (machine.folder, machine.folder / "home")
        if folder.mkdir(exist_ok=True) is None
    ]
    assert [process.wait() for process in running] == [0, 0]
    assert hub.bytes_of(SHARD) == (model / SHARD).stat().st_size
