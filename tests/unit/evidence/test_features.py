"""Test files of features."""

import numpy as np
import pytest

from touchline.core.records import WindowOutcome
from touchline.errors import InputError
from touchline.evidence.features import join_features, read_features, write_features
from touchline.evidence.origin import FeatureOrigin

ORIGIN = FeatureOrigin(
    checkpoint="m", weights="w", family="f", quantization="nf4", prompt="p", window={}, image={}
)


def outcome(number, status="none", start=None):
    answered = status in ("none", "events", "weighed")
    return WindowOutcome(
        window=number,
        start=2.0 * number if start is None else start,
        end=2.0 * number + 4 if start is None else start + 4,
        frame_times=[2.0 * number, 2.0 * number + 3] if answered else [],
        status=status,
        attempts=1,
        features=np.full(3, number, np.float16).tobytes() if answered else b"",
    )


def written(tmp_path, name, records, origin=ORIGIN):
    path = tmp_path / name
    write_features(path, records, origin)
    return str(path), [record.ledger_line for record in records]


def test_features_file_has_answered_windows_and_their_origin(tmp_path):
    path, _ = written(tmp_path, "a", [outcome(0), outcome(1, "skipped_oom"), outcome(2, "weighed")])
    found = read_features(path)
    assert found.origin == ORIGIN
    assert found.windows.tolist() == [0, 2]
    assert found.states.dtype == np.float16
    assert found.states.tolist() == [[0, 0, 0], [2, 2, 2]]


def test_features_of_slices_are_joined_by_time(tmp_path):
    first = written(tmp_path, "a", [outcome(0), outcome(1, "no_frames")])
    second = written(tmp_path, "b", [outcome(0, start=4.0), outcome(1, "events", start=6.0)])
    found = join_features([second, first])
    assert found.windows[:, 0].tolist() == [0, 2, 4, 6]
    assert found.answered.tolist() == [True, False, True, True]
    assert found.states[:, 0].tolist() == [0, 0, 1]


def test_slice_without_answers_has_no_features(tmp_path):
    nothing = written(tmp_path, "a", [outcome(0, "no_frames"), outcome(1, "skipped_oom")])
    assert join_features([nothing]).states.shape == (0, 0)
    some = written(tmp_path, "b", [outcome(0, start=4.0)])
    assert join_features([nothing, some]).states.shape == (1, 3)


@pytest.mark.parametrize(
    "rows", [[0, 1], [0, 1, 2, 3], [0, 2, 1], [0, 0, 1]], ids=["less", "more", "order", "twice"]
)
def test_features_that_do_not_fit_the_ledger_are_refused(tmp_path, rows):
    path, _ = written(tmp_path, "a", [outcome(n) for n in rows])
    ledger = [outcome(n).ledger_line for n in range(3)]
    with pytest.raises(InputError, match="does not have each of the 3 answered windows"):
        join_features([(path, ledger)])


def test_slices_with_different_settings_are_refused(tmp_path):
    first = written(tmp_path, "a", [outcome(0)])
    other = ORIGIN.model_copy(update={"quantization": "none"})
    second = written(tmp_path, "b", [outcome(0, start=4.0)], other)
    with pytest.raises(InputError, match=r"quantization \(nf4 before, none now\)"):
        join_features([first, second])


@pytest.mark.parametrize("content", [b"", b"words", b"\xff" * 40])
def test_invalid_features_file_is_refused_in_one_sentence(tmp_path, content):
    (tmp_path / "a").write_bytes(content)
    with pytest.raises(InputError, match="not a readable file of features"):
        read_features(tmp_path / "a")
