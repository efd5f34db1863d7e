"""A partial belongs to its ledger."""

import pytest
from samples import window

from touchline.core.files import write_json
from touchline.errors import InputError
from touchline.events.partials import check_partial


def test_a_partial_and_its_ledger_are_of_one_attempt(tmp_path):
    windows = [window(0, 0, "Goal"), window(1, 2), window(2, 4, status="unparsed")]
    write_json(tmp_path / "partial.json", [{}, {}])
    check_partial(tmp_path / "partial.json", windows)
    with pytest.raises(InputError, match="does not hold the 1 answers of its ledger"):
        check_partial(tmp_path / "partial.json", windows[:2])
