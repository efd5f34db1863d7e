"""Test the checks of the Python environment before the first job."""

import os
import site
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from touchline.errors import InputError
from touchline.runs.environment import check_environment, leave_user_packages_out


def test_environment_without_a_needed_package_is_refused(monkeypatch):
    check_environment(with_video=False, project=Path("/here"))
    monkeypatch.setitem(sys.modules, "av", None)
    check_environment(with_video=False, project=Path("/here"))
    with pytest.raises(InputError, match=r"lacks av: activate .*/here/.venv/bin/activate"):
        check_environment(with_video=True, project=Path("/here"))


@pytest.mark.parametrize(
    ("is_in_home", "is_main_process", "is_set"),
    [(False, True, True), (False, False, True), (True, False, True), (True, True, False)],
)
def test_conda_environments_ignore_the_user_s_packages(
    monkeypatch, is_in_home, is_main_process, is_set
):
    """A Snakemake that is itself installed in ~/.local must stay importable for its jobs."""
    place = Path(find_spec("snakemake").origin).parents[1] if is_in_home else Path("/home/.local")
    monkeypatch.setattr(site, "getusersitepackages", lambda: str(place))
    monkeypatch.setenv("PYTHONNOUSERSITE", "")
    leave_user_packages_out(is_main_process)
    assert os.environ["PYTHONNOUSERSITE"] == ("1" if is_set else "")
