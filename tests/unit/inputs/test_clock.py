"""Tests of halves in a video and of the match clock."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from touchline.errors import InputError
from touchline.inputs.clock import HalfStart, half_spans, parse_half_starts, span_at, span_of
from touchline.inputs.settings import WindowSettings, read_table
from touchline.inputs.videos import read_videos
from touchline.inputs.windows import list_windows, slice_bounds, watched_parts, whole_video

MATCH = parse_half_starts("1=00:04:10,2=01:06:32")


def windows(stretches, slices, rule):
    bounds = [slice_bounds(stretches, slices, number) for number in range(slices)]
    return [list_windows(*each, stretches, rule) for each in bounds]


@pytest.mark.parametrize(
    ("text", "halves"),
    [
        ("1=00:04:10,2=01:06:32", [(1, 250.0, None), (2, 3992.0, None)]),
        ("1 = 4:10 - 51:30 , 2=3992.5", [(1, 250.0, 3090.0), (2, 3992.5, None)]),
        ("2=0", [(2, 0.0, None)]),
        ("1=0,3=7200-8300,4=8400", [(1, 0, None), (3, 7200, 8300), (4, 8400, None)]),
    ],
)
def test_starts_of_halves_are_parsed(text, halves):
    found = parse_half_starts(text)
    assert [(each.half, each.start, each.end) for each in found] == halves


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no half is named"),
        ("4:10", "'4:10' is not the start of a half"),
        ("5=4:10", "'5=4:10' is not the start of a half"),
        ("1=4:99", "'4:99' is not a time"),
        ("1=1:2:3:4", "'1:2:3:4' is not a time"),
        ("2=10,1=20", "half 1 is written after half 2"),
        ("1=20,2=10", "half 2 begins before half 1 has ended"),
        ("1=0-3000,2=2900", "half 2 begins before half 1 has ended"),
        ("1=20-10", "half 1 ends before it begins"),
    ],
)
def test_invalid_starts_are_rejected_with_the_expected_format(text, words):
    with pytest.raises(ValueError, match="write as 1=00:04:10,2=01:06:32") as refused:
        parse_half_starts(text)
    assert words in str(refused.value)


def test_time_of_a_video_is_in_one_half_or_outside():
    spans = half_spans(MATCH, None, 7000.0)
    assert [(span.half, span.start, span.end) for span in spans] == [
        (1, 250.0, 3850.0),
        (2, 3992.0, 7000.0),
    ]
    assert span_at(spans, 100.0) is None
    assert span_at(spans, 3900.0) is None
    assert span_at(spans, 4000.0).half_time(4000.0) == 8.0
    assert span_of(spans, 1).video_time(10.5) == 260.5


def test_video_that_starts_after_the_kick_off_shows_the_rest_of_the_half():
    (span,) = half_spans([HalfStart(1, -30.0)], 1, 600.0)
    assert (span.start, span.end, span.half_time(0.0)) == (0.0, 600.0, 30.0)


def test_whole_video_is_one_half_if_no_starts_are_given():
    (span,) = half_spans((), 2, None)
    assert (span.half, span.kickoff, span.start, span.end) == (2, 0.0, 0.0, math.inf)


def test_windows_outside_the_halves_are_left_out_by_default():
    stretches = watched_parts(7000.0, MATCH, WindowSettings())
    shown = [w for part in windows(stretches, 4, WindowSettings()) for w in part]
    assert min(w.start for w in shown) == 250.0
    assert not [w for w in shown if w.end > 3850.0 and w.start < 3992.0]
    rule = WindowSettings(outside_halves=True)
    assert watched_parts(7000.0, MATCH, rule) == whole_video(7000.0)


def test_video_that_ends_before_its_halves_is_rejected():
    with pytest.raises(
        InputError, match=r"ends after 200 s, before any half begins\. Correct half_"
    ):
        watched_parts(200.0, MATCH, WindowSettings())


@given(
    first=st.floats(60, 3200).map(lambda x: round(x, 3)),
    second=st.floats(60, 3200).map(lambda x: round(x, 3)),
    lead=st.floats(0, 600).map(lambda x: round(x, 3)),
    pause=st.floats(0, 1200).map(lambda x: round(x, 3)),
)
def test_match_in_one_file_has_the_same_windows_as_in_two_files(first, second, lead, pause):
    rule = WindowSettings()
    start = round(lead + first + pause, 3)
    halves = [HalfStart(1, lead, round(lead + first, 3)), HalfStart(2, start)]
    stretches = watched_parts(round(start + second, 3), halves, rule)
    shown = [w for part in windows(stretches, 4, rule) for w in part]
    for number, (begin, length) in enumerate([(lead, first), (start, second)]):
        mine = [w for w in shown if begin <= w.start < begin + length - 1e-6]
        slices = [n for n in range(1, 4) if matches(mine, begin, length, n, rule)]
        assert len(slices) == 1, number


def matches(mine, begin, length, slices, rule):
    """Return whether the windows equal those of the same half in its own file."""
    own = [w for part in windows(whole_video(length), slices, rule) for w in part]
    return len(own) == len(mine) and all(
        abs(a.start + begin - b.start) < 0.0015 and abs(a.end + begin - b.end) < 0.0015
        for a, b in zip(own, mine, strict=True)
    )


def test_table_gives_starts_or_an_offset_of_halves(tmp_path):
    rows = "0\ta.mp4\tm\t1=4:10,2=3992\t\n1\tb.mp4\tn\t\t-37\n"
    (tmp_path / "videos.tsv").write_text(f"video\tpath\tgame\thalf_starts\toffset\n{rows}")
    first, second = read_videos(tmp_path / "videos.tsv").values()
    assert first.halves == (HalfStart(1, 250.0), HalfStart(2, 3992.0))
    assert second.halves == (HalfStart(None, 37.0),)


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        ("1=4:10\t-37\t", "line 2: half_starts: half_starts and offset are both given"),
        ("1=4:10,2=3992\t\t1", "line 2: half_starts: half_starts names other halves than"),
        ("4:10\t\t", "line 2: half_starts: '4:10' is not the start of a half"),
        ("\tsoon\t", "line 2: offset: 'soon': "),
    ],
)
def test_contradictory_clock_is_rejected_with_its_line(tmp_path, cells, words):
    head = "video\tpath\thalf_starts\toffset\thalf"
    (tmp_path / "videos.tsv").write_text(f"{head}\n0\ta.mp4\t{cells}\n")
    with pytest.raises(InputError) as refused:
        read_videos(tmp_path / "videos.tsv")
    assert words in str(refused.value)


def test_half_starts_setting_applies_to_a_single_video(tmp_path):
    (tmp_path / "match.mp4").write_bytes(b"\0")
    config = {"videos": str(tmp_path / "match.mp4"), "half_starts": "1=4:10,2=3992", "models": {}}
    config |= {"detect_with": []}
    assert read_table(config)[0].halves == (HalfStart(1, 250.0), HalfStart(2, 3992.0))
    (tmp_path / "other.mp4").write_bytes(b"\0")
    with pytest.raises(
        InputError, match=r"has 2 videos without starts \(0-1\). Write them into the"
    ):
        read_table(config | {"videos": str(tmp_path)})
