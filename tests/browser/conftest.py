"""A browser, and the pages of a small run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from browsing import PREDICTED, TRUE, VIDEO, Browser, given_only

from clones import Clone
from media import steady, write_video


@pytest.fixture(scope="session")
def browser(tmp_path_factory) -> Iterator[Browser]:
    browser = Browser(tmp_path_factory.mktemp("downloads"))
    yield browser
    browser.driver.quit()


@pytest.fixture(scope="session")
def match(tmp_path_factory) -> Clone:
    """Return a run on a real video with numbered frames, three models and labels."""
    folder = tmp_path_factory.mktemp("match") / "run"
    row = {"video": "7", "path": VIDEO, "home": "Reds", "away": "Blues", "labels": "true.csv"}
    clone = given_only(folder, PREDICTED, row)
    (folder / "true.csv").write_text(TRUE)
    # A low rate, because the numbers in the pictures are limited.
    write_video(folder / VIDEO, steady(120, rate=10), codec="libx264")
    clone.run("report")
    return clone


@pytest.fixture
def page(match) -> Path:
    return match.folder / "results/report/video_7.html"
