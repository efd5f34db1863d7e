"""`snakemake -s PROJECT/Snakefile` in another folder, with files of the project or that folder."""

import os
import re
import subprocess
import sys

import pytest

from clones import given, new_clone


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """Return a copy of the project without files of a user."""
    return new_clone(tmp_path_factory.mktemp("project") / "touch line", {}).folder


@pytest.fixture
def snakemake(project, tmp_path):
    """Return a function that runs the project's Snakefile elsewhere and returns the output."""

    def run(*arguments) -> str:
        command = [sys.executable, "-m", "snakemake", "-s", project / "Snakefile", *arguments]
        environment = {k: v for k, v in os.environ.items() if not k.startswith("SNAKEMAKE")}
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run


def test_run_in_another_folder_uses_the_files_of_the_project(snakemake, tmp_path):
    (tmp_path / "given_0.json").write_text(given([(2, "Goal"), (6, "corners")]))
    (tmp_path / "my.yaml").write_text(
        "videos: null\ndetect_with: []\ncompare_with: [other]\n"
        "models: {other: {predictions: 'given_{video}.json'}}\n"
    )
    snakemake("--cores", "2", "--configfile=my.yaml")
    # The alias is one of the project's labels.yaml.
    assert "Corner" in (tmp_path / "results/events/events_other_video_0.csv").read_text()
    assert (tmp_path / "results/report/index.html").exists()


def test_files_in_the_folder_of_the_run_replace_the_files_of_the_project(
    snakemake, project, tmp_path, clip
):
    (tmp_path / "videos.tsv").write_text(f"video\tpath\n0\t{clip}\n")

    def files() -> set[str]:
        """List the files that the run would read and write."""
        return set(re.findall(r">([^<>]+)</font>", snakemake("--filegraph")))

    (tmp_path / "config.yaml").write_text("slices: 2\ncompare_with: []\n")
    names = {"prompts/soccer_events.txt", "labels.yaml"}
    shipped = {str(project / name) for name in names}
    before = files()
    assert shipped <= before
    assert not names & before
    last = "results/partials/partial_results_llava_vid0_gpu{}.json"
    assert last.format(1) in before
    assert last.format(2) not in before
    (tmp_path / "prompts").mkdir()
    for name in names:
        (tmp_path / name).write_bytes((project / name).read_bytes())
    after = files()
    assert names <= after
    assert not shipped & after
