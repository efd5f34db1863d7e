"""Tests of tables as lines of text."""

from touchline.core.text_table import text_table


def test_columns_are_as_wide_as_their_longest_cell():
    assert text_table(["n", "name", "f1"], [["1", "a", "0.5"], ["10", "long name", "–"]]) == [
        " n  name        f1",
        " 1  a          0.5",
        "10  long name    –",
    ]
    assert text_table(["a", "class"], [], left=1) == ["a  class"]


def test_long_rows_are_not_wrapped_or_cut(monkeypatch):
    monkeypatch.setenv("COLUMNS", "20")
    monkeypatch.setenv("FORCE_COLOR", "1")
    names = [f"a model with a long name {number}" for number in range(100)]
    head, row = text_table(names, [["x" * 5000, *names[1:]]])
    assert head.split("  ")[-1].strip() == names[-1]
    assert row.startswith("x" * 5000 + "  ")
    assert "…" not in head + row


def test_markup_and_control_characters_are_not_interpreted():
    _, row = text_table(["n", "label"], [["1", "[bold]x[/] :goal: \x1b[2J\na\u2028\x9b"]])
    assert row == "1  [bold]x[/] :goal:  [2J a"
