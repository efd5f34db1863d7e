"""A real SLURM for each test module, and clones that run the demo's match on it."""

import shutil
import subprocess
import sys

import pytest
import yaml

from clones import ROOT, new_clone
from slurm.cluster import Cluster, reason_against

DURATION = 120
NOTHING_TO_CHECK = "\n\ndef check_usable(gpu):\n    pass\n"


@pytest.fixture(scope="session")
def match(tmp_path_factory):
    """A folder with a short match of the demo: video, labels, table, a second opinion."""
    folder = tmp_path_factory.mktemp("match")
    script = [sys.executable, ROOT / "demo" / "make_matches.py", "--seeds", "43"]
    subprocess.run([*script, "--duration", str(DURATION), "--out", folder], check=True)
    return folder


@pytest.fixture(scope="module")
def cluster(request):
    """A cluster; with the parameter True one whose jobs see their own GPU only."""
    constrained = getattr(request, "param", False)
    against = reason_against(constrained=constrained)
    if against:
        pytest.skip(f"No SLURM here: {against}")
    cluster = Cluster(constrained=constrained)
    cluster.up()
    yield cluster
    cluster.down()


@pytest.fixture(scope="module")
def demo(match, tmp_path_factory):
    """A clone whose own config.yaml is the demo's, as a user writes it: no --configfile."""
    clone = new_clone(tmp_path_factory.mktemp("demo") / "clone", {})
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
    """Nested settings with those of another file on top."""
    if not (isinstance(below, dict) and isinstance(above, dict)):
        return above
    return below | {key: merged(below.get(key), value) for key, value in above.items()}
