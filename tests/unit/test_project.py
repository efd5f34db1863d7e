"""Tests that a fact is the same in all files of the project that state it."""

import re
import shutil
import subprocess
from importlib.metadata import requires, version

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import touchline
from clones import ROOT
from touchline.schemas import schemas


def pins(text):
    return dict(re.findall(r"^([A-Za-z0-9_.-]+)==(\S+)$", text, re.MULTILINE))


DOCUMENTS = [
    *(ROOT / folder / "README.md" for folder in (".", "demo", "profiles/slurm")),
    ROOT / "CONTRIBUTING.md",
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted((ROOT / "benchmarks").glob("*.md")),
]
LINK = re.compile(r"\]\(([^)\s]+)\)")
CODE = re.compile(r"(?<![\w./-])(?:tests|scripts|benchmarks|demo|rules)/[\w./-]+\.(?:py|smk)\b")
DIRECT, LOCKED = (pins((ROOT / f"requirements.{kind}").read_text()) for kind in ("txt", "lock"))


def test_schemas_equal_those_of_the_code():
    written = {path.name: path.read_text() for path in (ROOT / "schemas").iterdir()}
    assert written == schemas(), "run `make schemas`"


def test_lock_has_all_direct_requirements():
    assert {name: LOCKED.get(name) for name in DIRECT} == DIRECT


@pytest.mark.parametrize(
    "environment", sorted((ROOT / "envs").glob("*.yaml")), ids=lambda p: p.stem
)
def test_environments_have_the_versions_of_the_requirements(environment):
    (pip,) = (
        d["pip"]
        for d in yaml.safe_load(environment.read_text())["dependencies"]
        if isinstance(d, dict)
    )
    stated = pins("\n".join(pip))
    assert len(stated) == len(pip)
    assert stated == {name: DIRECT[name] for name in stated}


@pytest.mark.parametrize(
    "environment", sorted((ROOT / "envs").glob("*.yaml")), ids=lambda p: p.stem
)
def test_environments_can_be_solved(environment):
    """The lock has all direct and indirect requirements in matching versions."""
    conda = yaml.safe_load(environment.read_text())["dependencies"]
    assert [part for part in conda if isinstance(part, str)] == ["python =3.11", "pip"]
    (pip,) = (part["pip"] for part in conda if isinstance(part, dict))
    asked, solved = [Requirement(each) for each in pip], set()
    locked = {canonicalize_name(name): pin for name, pin in LOCKED.items()}
    while asked:
        needed = asked.pop()
        name = canonicalize_name(needed.name)
        if name in locked:
            assert needed.specifier.contains(locked[name], prereleases=True), needed
        else:
            # Packages of torch's GPU build, whose versions follow from torch's pin.
            assert re.match("nvidia-|cuda-|triton|setuptools", name), needed
            continue
        if (name, extras := frozenset(needed.extras)) in solved:
            continue
        solved.add((name, extras))
        for text in requires(name) or ():
            inner = Requirement(text)
            if any(
                inner.marker is None or inner.marker.evaluate({"extra": extra})
                for extra in extras | {""}
            ):
                asked.append(inner)


def test_container_has_the_packages_of_make_install():
    """The project itself is not installed, because Snakemake reads its scripts from its folder."""
    installed = re.findall(r"\$\(BIN\)/pip install (.*)", (ROOT / "Makefile").read_text())
    contained = (
        (ROOT / "envs/touchline.def").read_text().partition("%post\n")[2].partition("\n\n")[0]
    )
    contained = contained.replace("--no-cache-dir ", "").replace("/opt/", "")
    assert [line.strip().removeprefix("pip install ") for line in contained.splitlines()] == [
        line for line in installed[:3] if "-e ." not in line
    ]


def test_slurm_profile_is_found_in_a_fresh_clone():
    assert (ROOT / "slurm").is_symlink()
    assert (ROOT / "slurm" / "config.yaml").exists()
    assert not (ROOT / "profiles" / "default").exists()


@pytest.mark.parametrize("python", ["python of tomorrow", "none"])
def test_unsupported_python_is_refused_with_a_sentence(tmp_path, python):
    """The cases are a Python of an unsupported version, and a missing one."""
    for name in ("Makefile", "pyproject.toml", "requirements.lock", "requirements.no-deps.txt"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / "tomorrow").write_text("#!/bin/sh\n[ $1 = -V ] && echo Python 3.14.0\n")
    (tmp_path / "tomorrow").chmod(0o755)
    command = ["make", "install", f"PYTHON=./{python.split()[-1]}"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "Touchline needs Python 3.11 to 3.13" in done.stderr
    assert "PYTHON=python3.12 make install" in done.stderr
    assert not (tmp_path / ".venv").exists()


def test_supported_pythons_are_the_same_in_all_files():
    for name, text in [
        ("Makefile", "(3, 11) <= sys.version_info[:2] <= (3, 13)"),
        ("pyproject.toml", 'requires-python = ">=3.11,<3.14"'),
        ("README.md", "Python 3.11 to 3.13"),
    ]:
        assert text in (ROOT / name).read_text(), name


def test_all_files_install_the_same_version_of_the_evaluator():
    root = ROOT
    stated = (root / "requirements.no-deps.txt").read_text().splitlines()[-1]
    assert stated == f"SoccerNet=={version('SoccerNet')}"
    assert stated in (root / "envs/analysis.post-deploy.sh").read_text()


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_and_files_in_documents_exist(document):
    text = document.read_text()
    links = [link.partition("#")[0] for link in LINK.findall(text) if ":" not in link]
    named = [document.parent / link for link in links]
    named += [ROOT / path for path in CODE.findall(text)]
    assert [str(path) for path in named if not path.exists()] == []


def test_citation_names_this_version():
    assert yaml.safe_load((ROOT / "CITATION.cff").read_text())["version"] == touchline.__version__
