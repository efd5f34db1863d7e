"""What stands in two places says the same in both."""

import re
from pathlib import Path

import pytest
import yaml

from touchline.schemas import schemas

ROOT = Path(__file__).parents[2]


def pins(text):
    return dict(re.findall(r"^([A-Za-z0-9_.-]+)==(\S+)$", text, re.MULTILINE))


DIRECT, LOCKED = (pins((ROOT / f"requirements.{kind}").read_text()) for kind in ("txt", "lock"))


def test_the_schemas_are_those_of_the_code():
    written = {path.name: path.read_text() for path in (ROOT / "schemas").iterdir()}
    assert written == schemas(), "run `make schemas`"


def test_the_lock_holds_every_direct_requirement():
    assert {name: LOCKED.get(name) for name in DIRECT} == DIRECT


@pytest.mark.parametrize(
    "environment", sorted((ROOT / "envs").glob("*.yaml")), ids=lambda p: p.stem
)
def test_the_environments_have_the_versions_of_the_requirements(environment):
    (pip,) = (
        d["pip"]
        for d in yaml.safe_load(environment.read_text())["dependencies"]
        if isinstance(d, dict)
    )
    stated = pins("\n".join(pip))
    assert len(stated) == len(pip)
    assert stated == {name: DIRECT[name] for name in stated}


def test_the_slurm_profile_is_found_from_a_fresh_clone():
    assert (ROOT / "slurm").is_symlink()
    assert (ROOT / "slurm" / "config.yaml").exists()
    assert not (ROOT / "profiles" / "default").exists()
