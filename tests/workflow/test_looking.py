"""Test the output of Snakemake that other programs read, and the flow chart in docs/design."""

import csv
import io
import json
import re
import subprocess
import sys

import pytest

from clones import ROOT, given, new_clone


@pytest.fixture(scope="module")
def project(tmp_path_factory, clip):
    """Return a clone before any run:

    two videos with labels, a model that runs, and one with given predictions.
    """
    config = {
        "models": {
            "llava": {"checkpoint": "some/weights", "revision": None},
            "other": {"predictions": "given_{video}.json"},
        },
        "compare_with": ["other"],
    }
    clone = new_clone(tmp_path_factory.mktemp("looking") / "clone", config)
    rows = ["video\tpath\tgame\thalf\tlabels"]
    for video in (0, 1):
        rows.append(f"{video}\t{clip}\tmatch {video}\t1\tlabels.json")
        (clone.folder / f"given_{video}.json").write_text(given([(2, "Goal")]))
    (clone.folder / "labels.json").write_text(json.dumps({"annotations": []}))
    (clone.folder / "videos.tsv").write_text("\n".join(rows) + "\n")
    return clone


@pytest.mark.parametrize("flag", ["--dag", "--rulegraph"])
def test_printed_graphs_contain_only_the_graph(project, flag):
    output = project.run(flag).stdout.strip()
    assert re.fullmatch(r"digraph \w+ \{.*\}", output, re.DOTALL), output[:300]
    for line in output.splitlines()[1:-1]:
        assert re.match(r"\s*(graph|node|edge)?\s*(\[|\d+ ?\[|\d+ -> \d+)", line), line
    assert "detect_slice" in output


def test_printed_summary_is_a_table(project):
    rows = list(csv.DictReader(io.StringIO(project.run("--summary").stdout), delimiter="\t"))
    assert "results/partials/partial_results_llava_vid0_gpu0.json" in {
        row["output_file"] for row in rows
    }
    assert all(None not in row and None not in row.values() for row in rows)


# Packages that are not in envs/workflow.yaml.
LACKING = ["av", "bitsandbytes", "json_repair", "numpy", "pandas", "safetensors", "torch"]


@pytest.mark.parametrize("arguments", [["-n"], ["--cores", "1"]], ids=["plan", "run"])
def test_dry_run_works_without_packages_that_a_run_reports_as_missing(
    project, checkpoint, arguments
):
    options = [f"models={{llava: {{checkpoint: {checkpoint}}}}}", "compare_with=[]"]
    command = f"""if True:
        import sys
        import snakemake.cli  # which imports numpy and pandas where they are
        for name in {LACKING}:
            sys.modules[name] = None
        snakemake.cli.main({[*arguments, "--config", *options]})
    """
    done = subprocess.run(
        [sys.executable, "-c", command],
        cwd=project.folder,
        capture_output=True,
        text=True,
        check=False,
    )
    output = done.stdout + done.stderr
    assert (done.returncode == 0) == (arguments == ["-n"]), output
    sentence = "lacks json_repair, numpy, pandas, safetensors, av, bitsandbytes, torch: activate "
    assert (sentence in output) == (arguments != ["-n"])
    assert "Traceback" not in output


def arrows(mermaid: str) -> set[tuple[str, str]]:
    """Return the arrows between rules in a flow chart."""
    names = dict(re.findall(r"(\w+)\[(\w+)\]", mermaid))
    found = re.findall(r"(\w+) --> (\w+)", mermaid)
    return {(names.get(a, a), names.get(b, b)) for a, b in found}


def edges(mermaid: str) -> set[tuple[str, str]]:
    """Return the arrows, except those to the target `all` and to the run's record."""
    return {(a, b) for a, b in arrows(mermaid) if b not in ("all", "record_run")}


def test_flow_chart_of_the_docs_shows_the_rules(project):
    page = ROOT / "docs" / "design" / "rules.md"
    written = re.findall(r"```mermaid\n(.*?)```", page.read_text(), re.DOTALL)
    true = edges(project.run("--rulegraph", "mermaid-js").stdout)
    lines = "\n".join(f"    {a} --> {b}" for a, b in sorted(true))
    assert edges(written[0]) == true, f"write into {page}:\nflowchart TB\n{lines}"


def test_record_runs_last_and_depends_only_on_final_files(project):
    """More edges would make Snakemake plan a run of a thousand videos for minutes."""
    there = arrows(project.run("--rulegraph", "mermaid-js").stdout)
    last = {a for a, b in there if b == "record_run"}
    # An ensemble's shortlist is on no page, other models' are.
    leaves = last - {"shortlist_events"}
    assert {b for a, b in there if a in leaves} == {"all", "record_run"}
    behind = last
    while more := {a for a, b in there if b in behind} - behind:
        behind |= more
    assert behind == {rule for arrow in there for rule in arrow} - {"all", "record_run"}
