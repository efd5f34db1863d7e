"""The code of the pages passes the type check."""

import subprocess
from pathlib import Path

HERE = Path(__file__).parent


def test_code_of_the_pages_passes_the_type_check():
    checked = subprocess.run(
        [HERE / "node_modules/.bin/tsc", "--project", HERE],
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.stdout == ""
    assert checked.returncode == 0
