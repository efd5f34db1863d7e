"""The page of a match in Firefox: it opens without errors, takes verdicts and keeps them."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from long_match import MODELS, write_page

HERE = Path(__file__).parent
FIREFOX = os.environ.get("FIREFOX") or shutil.which("firefox-esr") or shutil.which("firefox")


@pytest.mark.skipif(FIREFOX is None, reason="there is no Firefox (Debian's firefox-esr)")
def test_page_works_in_firefox(tmp_path):
    page = tmp_path / "page.html"
    write_page(page, MODELS, 950, lambda times: [], with_truth=False)
    done = subprocess.run(
        ["node", HERE / "firefox.mjs", FIREFOX, page],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert seen["messages"] == []
    decided, again, undone = seen["progress"]
    assert "confirmed" in decided
    assert again == decided
    assert undone != decided
    assert seen["lanes"] >= 18
    assert seen["wide"] <= 0
    assert seen["scrolled"] == 0
