"""An environment that lacks something is refused before the first job."""

import sys
from pathlib import Path

import pytest

from touchline.errors import InputError
from touchline.runs.environment import check_environment


def test_an_environment_that_lacks_something_is_refused(monkeypatch):
    check_environment(with_video=False, project=Path("/here"))
    monkeypatch.setitem(sys.modules, "av", None)
    check_environment(with_video=False, project=Path("/here"))
    with pytest.raises(InputError, match=r"lacks av: activate .*/here/.venv/bin/activate"):
        check_environment(with_video=True, project=Path("/here"))
