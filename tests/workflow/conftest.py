"""A clone of the project for each test module."""

import pytest

from clones import Clone, new_clone


@pytest.fixture(scope="module")
def clone(tmp_path_factory, checkpoint) -> Clone:
    """Return a clone that runs the untrained checkpoint in two slices per video."""
    config = {
        "slices": 2,
        "generation": {"max_new_tokens": 6},
        "models": {"llava": {"checkpoint": str(checkpoint), "revision": None}},
        "compare_with": [],
    }
    return new_clone(tmp_path_factory.mktemp("clone") / "touch line", config)
