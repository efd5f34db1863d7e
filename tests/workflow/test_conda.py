"""`--sdm conda`, with a fake conda whose environments are this Python."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from clones import given, new_clone

pytestmark = pytest.mark.slow

STAND_IN = """\
#!/bin/sh
echo "$1 $PYTHONNOUSERSITE" >> {asked}
case "$*" in
  --version) echo conda 24.7.1;;
  "info --json") echo '{{"conda_prefix": "{prefix}", "platform": "linux-64"}}';;
  *channel_priority*) echo '{{"get": {{"channel_priority": "strict"}}}}';;
  env*) while [ "$1" != --prefix ]; do shift; done; mkdir -p "$2";;
esac
"""


def test_conda_environments_ignore_packages_in_the_home_folder(tmp_path):
    prefix, asked = tmp_path / "conda", tmp_path / "asked"
    (prefix / "bin").mkdir(parents=True)
    (prefix / "bin" / "conda").write_text(STAND_IN.format(prefix=prefix, asked=asked))
    (prefix / "bin" / "conda").chmod(0o755)
    (prefix / "bin" / "activate").write_text(f'echo "activate $PYTHONNOUSERSITE" >> {asked}\n')
    clone = new_clone(tmp_path / "clone", {})
    # It would install a package into this Python.
    (clone.folder / "envs/analysis.post-deploy.sh").unlink()
    (clone.folder / "given_0.json").write_text(given([(2, "Goal")]))
    (clone.folder / "my.yaml").write_text(
        "videos: null\ndetect_with: []\ncompare_with: [other]\n"
        "models: {other: {predictions: 'given_{video}.json'}}\n"
    )
    without = ("SNAKEMAKE", "PYTHONNOUSERSITE")
    environment = {k: v for k, v in os.environ.items() if not k.startswith(without)}
    # Snakemake keeps the PYTHONPATH of the tests from environments of conda.
    path = [str(prefix / "bin"), str(Path(sys.executable).parent), os.environ["PATH"]]
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", "--cores=2", "--sdm=conda", "--configfile=my.yaml"],
        cwd=clone.folder,
        env=environment | {"PATH": os.pathsep.join(path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    lines = set(asked.read_text().splitlines())
    assert {"env 1", "activate 1"} <= lines
    assert all(line.endswith(" 1") for line in lines)
