"""Tests that partial predictions belong to their ledger."""

import pytest
from samples import window

from touchline.core.files import write_json
from touchline.errors import InputError
from touchline.events.partials import check_partial


def test_partial_with_another_number_of_answers_is_rejected(tmp_path):
    windows = [window(0, 0, "Goal"), window(1, 2), window(2, 4, status="unparsed")]
    write_json(tmp_path / "partial.json", [{}, {}])
    check_partial(tmp_path / "partial.json", windows)
    with pytest.raises(InputError, match="does not contain the 1 answers of its ledger"):
        check_partial(tmp_path / "partial.json", windows[:2])
