"""A run checks all packages that its jobs import, before its first job."""

import ast
import sys

import grimp
import pytest

from clones import ROOT
from touchline.runs.environment import ALWAYS, WITH_VIDEO

GRAPH = grimp.build_graph(
    "touchline", include_external_packages=True, exclude_type_checking_imports=True
)
# The Snakefile imports the first two. A separate message names a missing evaluator.
ELSEWHERE = {"pydantic", "yaml", "SoccerNet"}
# Commands of a person, which name missing packages themselves.
COMMANDS = {"status", "review"}
SCRIPTS = sorted({path.stem for path in (ROOT / "scripts").glob("*.py")} - COMMANDS)


def imported_by(script: str) -> set[str]:
    """Return the packages that a script and its modules of the library import."""
    tree = ast.parse((ROOT / "scripts" / f"{script}.py").read_text())
    names = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    ours = {name for name in names if name in GRAPH.modules and name.startswith("touchline")}
    found = names.union(*(GRAPH.find_upstream_modules(name) for name in ours))
    return {top for name in found if (top := name.partition(".")[0]) != "touchline"}


@pytest.mark.parametrize("script", SCRIPTS)
def test_run_checks_all_packages_of_a_job(script):
    is_with_video = f"{script}.py" in "".join(
        rule
        for path in (ROOT / "rules").glob("*.smk")
        for rule in path.read_text().split("\nrule ")
        if "envs/detect.yaml" in rule
    )
    known = {*ALWAYS, *(WITH_VIDEO if is_with_video else ()), *ELSEWHERE}
    known |= sys.stdlib_module_names
    assert imported_by(script) <= known
