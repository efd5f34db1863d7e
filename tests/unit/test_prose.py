"""The check of English finds the patterns that make people read twice, and passes plain text."""

import subprocess
import sys
from pathlib import Path

import pytest

CHECK = Path(__file__).parents[1] / "prose" / "check.py"


def faults(path, text):
    path.write_text(text)
    run = subprocess.run([sys.executable, CHECK, path], capture_output=True, text=True, check=False)
    assert run.returncode == (1 if run.stdout else 0), run.stderr
    return run.stdout.splitlines()[:-1]


@pytest.mark.parametrize(
    ("docstring", "words"),
    [
        ("Of a row of the cache.", "a sentence starts with “Of”"),
        ("Whether a file is there.", "starts with “Whether”"),
        ("Read it. Of each line, the first word counts.", "a sentence starts with “Of”"),
        ("Keep the best events, as many as possible.", "“as many as”: name the quantity"),
        ("Return what a checkpoint states.", "“what” outside of a question"),
        ("Write the summary, 1 line a video.", "“line a video”: write “per”"),
        ("Read two files, the first of which is empty.", "“of which” makes people read twice"),
        ("Read " + "a long list of words " * 6 + "twice.", "a sentence has 32 words"),
    ],
)
def test_docstring_that_needs_a_second_reading_is_named_with_its_line(tmp_path, docstring, words):
    found = faults(tmp_path / "module.py", f'x = 1\n\n\ndef f():\n    """{docstring}"""\n')
    assert len(found) == 1
    assert words in found[0]
    assert f"{tmp_path}/module.py:5: docstring: " in found[0]


def test_plain_texts_pass(tmp_path):
    code = '''
def test_duplicate_window_is_rejected():
    """Write one line per video and model.

    Args:
        path: the file to read.
    """
    # A repeated window would count its events twice.
    raise ValueError(f"{path} lacks window {number}. Delete the file and run again.")
'''
    assert faults(tmp_path / "module.py", code) == []


def test_name_of_a_test_states_a_behaviour(tmp_path):
    names = ["what_time_alone_does_not_solve", "in_4_bits_it_is_that_too", "works"]
    found = faults(tmp_path / "m.py", "".join(f"def test_{n}(): ...\n" for n in names))
    assert [line.split(": ")[0][-1] for line in found] == ["1", "2", "3"]


def test_code_and_links_and_tables_of_documents_are_not_read_as_sentences(tmp_path):
    text = (
        "Type `what so many as many as` ([page](http://what.org)), then:\n\n    what so many\n\n"
        "```\nso many\n```\n\n| so many | b |\n|---|---|\n| c | d |\n\nso many\n"
    )
    lines = [found.split(": ")[0].rpartition(":")[2] for found in faults(tmp_path / "a.md", text)]
    assert lines == ["9", "13"]


def test_table_of_nine_columns_is_refused(tmp_path):
    assert "9 columns" in faults(tmp_path / "a.md", "|a" * 9 + "|\n" + "|---" * 9 + "|\n")[0]
