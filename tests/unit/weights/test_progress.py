"""Test the log lines about a download."""

import logging

from touchline.weights.progress import LoggedProgress


def test_progress_line_has_sizes_speed_and_time_left(caplog):
    caplog.set_level(logging.INFO, "touchline")
    bar = LoggedProgress(
        total=4_000_000, what="org/model", before=2_000_000, whole=8_000_000, every=0.0
    )
    bar.update(1_000_000)
    bar.close()
    line = caplog.messages[0]
    assert line.startswith("org/model: 3.0 MB of 8.0 MB, ")
    assert "per second" in line
    assert line.endswith(" left (minutes:seconds)")


def test_progress_is_not_logged_before_ten_seconds(caplog, capsys):
    caplog.set_level(logging.INFO, "touchline")
    bar = LoggedProgress(total=10, what="org/model", before=0, whole=10)
    bar.update(5)
    assert caplog.messages == []
    assert capsys.readouterr() == ("", "")
