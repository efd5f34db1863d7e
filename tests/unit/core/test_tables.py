"""Tests that tables are read back unchanged and are safe to open in a spreadsheet."""

import csv
import io

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from touchline.core.tables import Table
from touchline.errors import InputError

TABLE = Table(
    [
        ("text", "str"),
        ("whole", "int64"),
        ("whole or none", "Int64"),
        ("number", "float64"),
        ("number or none", "Float64"),
        ("known", "bool"),
        ("shown", "boolean"),
    ]
)
LINE = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), max_size=20)
WHOLE = st.integers(-(2**63), 2**63 - 1)
NUMBER = st.floats(allow_nan=False)
LIKE_NUMBERS = ["1e5", "007", "NA", "None", "nan", "<NA>", "", "1_0", "true", "yes", "-", "'", "=1"]
ROW = st.tuples(
    LINE | st.sampled_from(LIKE_NUMBERS),
    WHOLE,
    st.none() | WHOLE,
    NUMBER,
    st.none() | NUMBER,
    st.booleans(),
    st.none() | st.booleans(),
)


def rows_of(frame):
    """Return the rows of a frame as tuples of Python objects."""
    objects = frame.astype(object)
    return list(objects.where(objects.notna(), None).itertuples(index=False, name=None))


def test_tables_are_read_back_unchanged_and_written_like_python_csv(tmp_path):
    @settings(max_examples=150, deadline=None)
    @given(st.lists(ROW, max_size=5))
    def check(rows):
        path = tmp_path / "table.csv"
        TABLE.write(path, TABLE.frame(rows))
        read = TABLE.read(path)
        assert rows_of(read) == rows
        assert [str(dtype) for dtype in read.dtypes] == [dtype for _, dtype in TABLE.columns]
        # Texts and booleans are excluded, because Touchline writes both differently.
        plain = io.StringIO()
        csv.writer(plain, lineterminator="\n").writerows(row[1:5] for row in rows)
        with path.open(newline="") as file:
            cells = [row[1:5] for row in csv.reader(file)][1:]
        assert cells == list(csv.reader(plain.getvalue().splitlines()))

    check()


def test_cells_are_written_as_expected_for_each_type(tmp_path):
    rows = [("a, b", 1, 7, 1e-05, 0.1, True, False), (None, 2, None, 1e16, None, False, None)]
    TABLE.write(tmp_path / "t.csv", TABLE.frame(rows))
    assert (tmp_path / "t.csv").read_text().splitlines()[1:] == [
        '"a, b",1,7,1e-05,0.1,yes,no',
        ",2,,1e+16,,no,",
    ]


def test_two_columns_can_have_the_same_name(tmp_path):
    """A class can have the same name as a column of the summary."""
    table = Table([("events", "int64"), ("=events", "str"), ("events", "Int64")])
    table.write(tmp_path / "t.csv", table.frame([(1, "=a", None), (2, "b", 3)]))
    assert (tmp_path / "t.csv").read_text() == "events,'=events,events\n1,'=a,\n2,b,3\n"


def test_table_is_read_by_column_name(tmp_path):
    (tmp_path / "t.csv").write_text("b,more,a\n1.5,x,'=y\n")
    read = Table([("a", "str"), ("b", "Float64")]).read(tmp_path / "t.csv")
    pd.testing.assert_frame_equal(
        read, Table([("a", "str"), ("b", "Float64")]).frame([("=y", 1.5)])
    )


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "is not a table with a heading"),
        ("a,b\n1\n", "is not a table with a heading"),
        ("a,b\n1,yes,3\n", "is not a table with a heading"),
        ("a\n1\n", "has no column b"),
        ("a,b\n1,yes\n,yes\n", "line 3, column a: "),
        ("a,b\n1,maybe\n", "line 2, column b: 'maybe' is neither yes nor no"),
        ("a,b\n99999999999999999999,yes\n", "t.csv, "),
        (b"a,b\n\xff,yes\n", "is not a table with a heading"),
    ],
)
def test_invalid_table_is_rejected_with_the_place_of_the_mistake(tmp_path, text, complaint):
    path = tmp_path / "t.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(InputError, match=r"t\.csv") as caught:
        Table([("a", "int64"), ("b", "bool")]).read(path)
    assert complaint in str(caught.value)
    with pytest.raises(InputError, match=r"gone\.csv cannot be read: No such file"):
        TABLE.read(tmp_path / "gone.csv")
