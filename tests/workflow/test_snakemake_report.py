"""`snakemake --report` has all pages with captions and needs no network."""

import json
import re
import zipfile

import pytest

from clones import given, new_clone

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    config = {
        "videos": None,
        "detect_with": [],
        "compare_with": ["one", "two"],
        "models": {m: {"predictions": f"{m}_{{video}}.json"} for m in ("one", "two")},
    }
    clone = new_clone(tmp_path_factory.mktemp("report") / "clone", config)
    (clone.folder / "one_3.json").write_text(given([(10, "Goal"), (90, "Foul")]))
    (clone.folder / "two_3.json").write_text(given([(12, "Goal")]))
    clone.run()
    # As a machine that nothing outside can be reached from.
    clone.run("--report", "report.zip")
    with zipfile.ZipFile(clone.folder / "report.zip") as archive:
        yield {name: archive.read(name).decode() for name in archive.namelist()}


def test_report_has_all_pages_charts_and_tables(report):
    names = {name.rpartition("/")[2] for name in report}
    assert names == {
        *("report.html", "index.html", "video_3.html", "counts.svg", "agreement.svg"),
        *("summary.csv", "comparison_video_3.csv"),
    }


def test_report_has_a_caption_per_file(report):
    page = report["report/report.html"]
    for category in ("Matches", "The run", "Charts", "Tables"):
        assert json.dumps(category) in page
    assert "moment by moment" in page  # a caption
    assert "finds the events of soccer matches" in page


def test_report_loads_nothing_from_other_places(report):
    page = report["report/report.html"]
    assert not re.search(r"<(script|link|img)[^>]+(src|href)=.https?:", page)
