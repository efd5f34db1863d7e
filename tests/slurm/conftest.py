"""A real SLURM per test module, and clones that run the demo's match on it."""

import shutil
import signal
import subprocess
import sys

import pytest
import yaml

from clones import ROOT, new_clone
from slurm.cluster import Cluster, reason_against
from slurm.runs import Run, final_files

DURATION = 120
NOTHING_TO_CHECK = "\n\ndef check_usable(gpu):\n    pass\n"

# A slice of 150 windows lasts a minute or more, so that a fast machine leaves time to disturb it.
PACED = """

_add = Writer.add


def _add_paced(self, record):
    _add(self, record)
    time.sleep(max(0.0, getattr(self, "_due", 0.0) - time.monotonic()))
    self._due = time.monotonic() + 0.4


Writer.add = _add_paced
"""
# Lines about waiting jobs come sooner.
IMPATIENT = "\n_FIRST = _LONGEST = 10.0\n"


@pytest.fixture(scope="session")
def match(tmp_path_factory):
    """Return a folder with a short match of the demo: video, labels, table, given predictions."""
    folder = tmp_path_factory.mktemp("match")
    script = [sys.executable, ROOT / "demo" / "make_matches.py", "--seeds", "43"]
    subprocess.run([*script, "--duration", str(DURATION), "--out", folder], check=True)
    return folder


@pytest.fixture(scope="module")
def cluster(request):
    """Start a cluster. With the parameter True, its jobs see only their own GPU.

    A module whose tests need an accounting database sets ACCOUNTING = True.
    """
    constrained = getattr(request, "param", False)
    accounting = getattr(request.module, "ACCOUNTING", False)
    against = reason_against(constrained=constrained, accounting=accounting)
    if against:
        pytest.skip(f"No SLURM here: {against}")
    cluster = Cluster(constrained=constrained, accounting=accounting)
    cluster.up()
    yield cluster
    cluster.down()


@pytest.fixture(scope="module")
def demo(match, tmp_path_factory):
    """Return a clone whose config.yaml is the demo's, so that no --configfile is needed."""
    return new_demo(match, tmp_path_factory.mktemp("demo") / "a clone")


def new_demo(match, folder):
    """Return a clone with the demo's settings, models and match."""
    clone = new_clone(folder, {})
    # The cluster's GPUs are none, so no torch can use them; all else is the project's own.
    with (clone.folder / "scripts" / "touchline" / "models" / "cuda.py").open("a") as cuda:
        cuda.write(NOTHING_TO_CHECK)
    for model in (ROOT / "demo").glob("model-*"):
        shutil.copytree(model, clone.folder / "demo" / model.name)
    shutil.copytree(match, clone.folder / "matches")
    settings = yaml.safe_load((ROOT / "config.yaml").read_text())
    changed = yaml.safe_load((ROOT / "demo" / "config.yaml").read_text())
    text = yaml.safe_dump(merged(settings, changed)).replace("demo/out", "matches")
    (clone.folder / "config.yaml").write_text(text)
    return clone


def merged(below, above):
    """Return nested settings with those of another file on top."""
    if not (isinstance(below, dict) and isinstance(above, dict)):
        return above
    return below | {key: merged(below.get(key), value) for key, value in above.items()}


@pytest.fixture(scope="session")
def clone(match, tmp_path_factory):
    """Return a clone that only detects, one window at a time, so that tests can disturb it."""
    demo = new_demo(match, tmp_path_factory.mktemp("faults") / "clone")
    path = demo.folder / "config.yaml"
    settings = yaml.safe_load(path.read_text())
    settings |= {"batch": {"windows": 1}, "detect_with": "llava", "videos": "matches/short.tsv"}
    settings["window"]["step"] = 0.2
    path.write_text(yaml.safe_dump(settings))
    for module, more in {"detection/journal": PACED, "slurm/waiting": IMPATIENT}.items():
        with (demo.folder / "scripts" / "touchline" / f"{module}.py").open("a") as file:
            file.write(more)
    table = demo.folder / "matches"
    rows = [row.split("\t")[:2] for row in (table / "videos.tsv").read_text().splitlines()]
    (table / "short.tsv").write_text("".join("\t".join(row) + "\n" for row in rows))
    return demo


@pytest.fixture(scope="session")
def undisturbed(clone):
    """Return the files of an undisturbed run on this machine."""
    clone.run(results="undisturbed")
    files = final_files(clone.folder / "undisturbed")
    assert {name.split("/")[0] for name in files} >= {"partials", "windows", "predictions"}
    return files


@pytest.fixture
def new_run(clone):
    """Return a function that starts a run into a results folder. Runs end with their test."""
    runs = []

    def start(results, *arguments):
        runs.append(Run(clone, results, arguments))
        return runs[-1]

    yield start
    for run in runs:
        if run.process.poll() is None:
            run.kill(signal.SIGINT)
