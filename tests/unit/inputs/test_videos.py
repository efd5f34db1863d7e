"""Tests of the list of videos and of their selection."""

import re
import subprocess
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clones import ROOT
from touchline.errors import InputError
from touchline.inputs.given import find_given, given_videos
from touchline.inputs.videos import (
    SOCCERNET_LABELS,
    describe_ignored_files,
    ranges,
    read_videos,
    select,
)

GAME = "2015-02-21 - 18-00 Chelsea 1 - 1 Burnley"


def table(folder, text):
    path = folder / "videos.tsv"
    path.write_text(text, encoding="utf-8")
    return path


def test_table_with_unusual_file_names_is_read(tmp_path):
    names = ["a b.mkv", 'it\'s "one"; rm -rf.mp4', "Çınar–São 1.mkv", "C:odd.ts"]
    rows = "".join(f"{10 * n}\t{name}\n" for n, name in enumerate(names))
    videos = read_videos(table(tmp_path, f"video\tpath\n{rows}"))
    assert {n: v.path for n, v in videos.items()} == {
        10 * n: tmp_path / name for n, name in enumerate(names)
    }


def test_optional_columns_may_be_empty(tmp_path):
    path = table(
        tmp_path,
        "video\tpath\tgame\thalf\thome\taway\tlabels\n"
        "0\t/abs/1.mkv\tA vs B\t2\tA\tB\tLabels-v2.json\n1\t2.mkv\t\t\t\t\t\n",
    )
    first, second = read_videos(path).values()
    assert (first.game, first.half, first.home, first.away) == ("A vs B", 2, "A", "B")
    assert str(first.path) == "/abs/1.mkv"
    assert first.labels == tmp_path / "Labels-v2.json"
    assert (second.game, second.half, second.labels) == (None, None, None)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("video\tpath\n", ["no rows"]),
        ("video\tpath\n0\ta.mkv\n0\tb.mkv\n", ["line 3", "video 0", "twice"]),
        ("video\tpath\nx\ta.mkv\n", ["line 2", "video", "'x'"]),
        ("video\tpath\n-1\ta.mkv\n", ["line 2", "video", "'-1'"]),
        ("video\tpath\n0\t\n", ["line 2", "path", "empty"]),
        ("video path\n0 a.mkv\n", ["line 2", "tabs"]),
        ("video\tpath\tpitch\n0\ta.mkv\tgrass\n", ["line 2", "pitch", "no such column"]),
        ("video\tpath\n0\ta.mkv\textra\n", ["line 2", "more cells"]),
        ("video\tpath\t\n0\ta.mkv\textra\n", ["line 2", "a column without a name"]),
        ("video\tpath\tpath\n0\ta.mkv\tb.mkv\n", ["line 1", "path", "twice"]),
    ],
)
def test_invalid_table_is_rejected_with_the_line(tmp_path, text, words):
    with pytest.raises(InputError) as error:
        read_videos(table(tmp_path, text))
    assert all(word in str(error.value) for word in words), error.value


ROWS = {0: "a.mkv", 1: "b.mkv"}


@pytest.mark.parametrize(
    "text",
    [
        "video\tpath\r\n0\ta.mkv\r\n1\tb.mkv\r\n",
        "video\tpath\r0\ta.mkv\r1\tb.mkv",
        "\ufeffvideo\tpath\n0\ta.mkv\n1\tb.mkv",
        "\n\nvideo\tpath\n\n0\ta.mkv\n \t \n1\tb.mkv\n\n\n",
        "video\tpath\t\t\n0\ta.mkv\t\t\n1\tb.mkv\n\t\t\t\n\t\t\t\n",
        "video\tpath\n0\ta.mkv\t\t\t\n1\tb.mkv\n",
        '"video"\t"path"\n"0"\t"a.mkv"\n"1"\t"b.mkv"\n',
        "VIDEO\t Path \n 0 \ta.mkv \n1\t b.mkv",
        "path\tvideo\na.mkv\t0\nb.mkv\t1\n",
    ],
)
def test_table_from_a_spreadsheet_is_read(tmp_path, text):
    path = tmp_path / "videos.tsv"
    path.write_text(text, encoding="utf-8", newline="")
    assert {n: v.path.name for n, v in read_videos(path).items()} == ROWS


@pytest.mark.parametrize(
    ("cell", "name"),
    [
        ('"a ""b"" c.mkv"', 'a "b" c.mkv'),
        ('"a\tb.mkv"', "a\tb.mkv"),
        ('"a, b.mkv"', "a, b.mkv"),
        ('a "b".mkv', 'a "b".mkv'),
        ('"a" b.mkv', '"a" b.mkv'),
        ('"a.mkv', '"a.mkv'),
        ('"a\nb.mkv"', "a b.mkv"),
    ],
)
def test_only_fully_quoted_cells_lose_their_quotes(tmp_path, cell, name):
    videos = read_videos(table(tmp_path, f"video\tpath\tgame\n0\t{cell}\tm\n1\tb.mkv\t\n"))
    assert {n: v.path.name for n, v in videos.items()} == {0: name, 1: "b.mkv"}


def test_error_message_has_the_real_line_number(tmp_path):
    text = '\n\nvideo\tpath\tgame\n\n0\ta.mkv\t"two\nlines"\n\t\t\nx\tb.mkv\t\n'
    with pytest.raises(InputError, match=r"videos\.tsv, line 8: video: 'x'"):
        read_videos(table(tmp_path, text))


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_table_in_utf_16_is_rejected(tmp_path, encoding):
    (tmp_path / "videos.tsv").write_bytes("video\tpath\n0\ta.mkv\n".encode(encoding))
    with pytest.raises(InputError, match=r"is in UTF-16, or no text\. Save it as UTF-8 text"):
        read_videos(tmp_path / "videos.tsv")


def test_row_without_a_path_needs_a_game(tmp_path):
    (video,) = read_videos(table(tmp_path, "video\tpath\tgame\n0\t\tm\n")).values()
    assert (video.path, video.game) == (None, "m")
    with pytest.raises(InputError, match="line 2: path: the cell is empty"):
        read_videos(table(tmp_path, "video\tgame\tpath\n0\t\t\n"))


cells = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), min_size=1, max_size=9)
names = cells.map(str.strip).filter(lambda name: name and name[0] not in '"/~$')


@given(st.lists(names, min_size=1, max_size=5), st.booleans(), st.sampled_from(["\n", "\r\n"]))
def test_quoted_cells_are_read_back_unchanged(tmp_path_factory, found, quoted, end):
    rows = ['"' + name.replace('"', '""') + '"' if quoted else name for name in found]
    text = end.join(["video\tpath\tgame", *(f"{n}\t{row}\t{row}" for n, row in enumerate(rows))])
    path = tmp_path_factory.mktemp("table") / "videos.tsv"
    path.write_text(text, encoding="utf-8", newline="")
    composed = [unicodedata.normalize("NFC", name) for name in found]
    assert [video.game for video in read_videos(path).values()] == composed


def test_missing_table_is_rejected_with_an_example(tmp_path):
    with pytest.raises(InputError, match=r"examples/videos\.tsv"):
        read_videos(tmp_path / "none.tsv")


def test_videos_in_a_folder_are_numbered_in_sorted_order(tmp_path):
    for name in ["b.mp4", "a.mkv", "sub/c.MKV", "notes.txt", ".hidden.mkv"]:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    videos = read_videos(tmp_path)
    assert [v.path.name for v in videos.values()] == ["a.mkv", "b.mp4", "c.MKV"]
    assert list(videos) == [0, 1, 2]


def test_ignored_files_are_listed_with_the_rarest_kind_first(tmp_path):
    names = ["0.MTS", "1.wmv", "2.mxf", "match.xyz", "noext", SOCCERNET_LABELS, ".hidden"]
    for name in [*names, *(f"sub/{k}.txt" for k in range(9))]:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert [v.path.name for v in read_videos(tmp_path).values()] == ["0.MTS", "1.wmv", "2.mxf"]
    assert ": match.xyz, noext, sub/0.txt and 8 more. " in describe_ignored_files(tmp_path)
    for name in ("match.xyz", "noext", *(f"sub/{k}.txt" for k in range(9))):
        (tmp_path / name).unlink()
    assert describe_ignored_files(tmp_path) is None
    assert describe_ignored_files(table(tmp_path, "video\tpath\n0\t0.MTS\n")) is None


def test_folder_without_videos_is_rejected(tmp_path):
    with pytest.raises(InputError, match="no video file"):
        read_videos(tmp_path)


def test_soccernet_folders_give_game_half_and_labels(tmp_path):
    folder = tmp_path / "england_epl" / "2014-2015" / GAME
    folder.mkdir(parents=True)
    for name in ["1_224p.mkv", "2_224p.mkv", "Labels-v2.json"]:
        (folder / name).touch()
    first, second = read_videos(tmp_path).values()
    assert first.game == second.game == f"england_epl/2014-2015/{GAME}"
    assert (first.half, second.half) == (1, 2)
    assert (first.home, first.away) == ("Chelsea", "Burnley")
    assert first.labels == folder / "Labels-v2.json"


@pytest.mark.parametrize(
    ("text", "numbers"),
    [("all", [0, 1, 2, 3, 4, 20]), ("3", [3]), ("0-3", [0, 1, 2, 3]), ("0-2, 20", [0, 1, 2, 20])],
)
def test_selection_is_read_as_numbers_and_ranges(text, numbers):
    assert select([20, 4, 3, 2, 1, 0], text) == numbers


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ["selects nothing"]),
        (" , ", ["selects nothing"]),
        ("7", ["video 7", "0-2,5"]),
        ("0-5", ["video 3", "0-2,5"]),
        ("0-999999999", ["video 3"]),
        ("2-0", ["'2-0'"]),
        ("first", ["'first'"]),
        ("-3", ["'-3'"]),
        ("1.5", ["'1.5'"]),
    ],
)
def test_invalid_selection_is_rejected(text, words):
    with pytest.raises(InputError) as error:
        select([0, 1, 2, 5], text)
    assert all(word in str(error.value) for word in words), error.value


@given(st.sets(st.integers(0, 300), min_size=1))
def test_ranges_are_read_back_by_select(numbers):
    assert select(numbers, ranges(numbers)) == sorted(numbers)


def test_existing_predictions_are_found_and_missing_files_reported(tmp_path):
    template = f"{tmp_path}/final_predictions_qwen_video_{{video}}.json"
    for video in (0, 1, 12):
        (tmp_path / f"final_predictions_qwen_video_{video}.json").touch()
    (tmp_path / "final_predictions_qwen_video_x.json").touch()
    assert given_videos({"qwen": template}) == [0, 1, 12]
    found = find_given({"qwen": template}, [0, 2, 3], {}, skip_missing=True)
    assert found == {0: {"qwen": template.replace("{video}", "0")}, 2: {}, 3: {}}
    with pytest.raises(InputError) as error:
        find_given({"qwen": template}, [0, 2, 3], {}, skip_missing=False)
    for word in ("video_2.json", "video 2-3", "missing_predictions: skip"):
        assert word in str(error.value)


def test_video_number_may_occur_several_times_in_a_path(tmp_path):
    for folder, name in (("3", "3"), ("7", "7"), ("8", "9"), ("05", "05")):
        (tmp_path / f"match_{folder}").mkdir()
        (tmp_path / f"match_{folder}" / f"out_{name}.json").touch()
    template = f"{tmp_path}/match_{{video}}/out_{{video}}.json"
    assert given_videos({"qwen": template}) == [3, 7]
    found = find_given({"qwen": template}, [3], {}, skip_missing=False)
    assert found == {3: {"qwen": f"{tmp_path}/match_3/out_3.json"}}
    with pytest.raises(InputError, match=r"No file fits .*mistyped"):
        given_videos({"qwen": f"{tmp_path}/mistyped_{{video}}.json"})


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"video;path\n0;a.mkv\n", ["separates its columns by ';'", "tabs"]),
        (b"video,path\n0,a.mkv\n", ["separates its columns by ','", "tabs"]),
        ("video\tpath\n0\ta.mkv\n".encode("utf-16"), ["is in UTF-16", "UTF-8"]),
        ("video\tpath\n0\té.mkv\n".encode("latin-1"), ["not in UTF-8", "Latin-1", "line 2"]),
    ],
)
def test_table_in_another_format_is_rejected_with_a_remedy(tmp_path, content, words):
    path = tmp_path / "videos.tsv"
    path.write_bytes(content)
    with pytest.raises(InputError) as error:
        read_videos(path)
    assert all(word in str(error.value) for word in words), error.value


def test_column_names_ignore_case_and_paths_are_expanded(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    monkeypatch.setenv("MATCHES", "/data/matches")
    path = table(tmp_path, "Video\tPATH \tGame\n0\t~/a.mkv\tX\n1\t$MATCHES/b.mkv\t\n")
    first, second = read_videos(path).values()
    assert (str(first.path), str(second.path)) == ("/home/me/a.mkv", "/data/matches/b.mkv")
    assert first.game == "X"


@pytest.mark.parametrize("name", ["match.mp4", "match.MKV", "final of 2015"])
def test_single_video_file_becomes_video_0(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(b"\0\0\0 ftypisom")
    assert {number: row.path for number, row in read_videos(path).items()} == {0: path}


def test_table_with_any_name_is_read_as_a_table(tmp_path):
    path = tmp_path / "matches"
    path.write_text("video\tpath\n3\ta.mp4\n")
    assert list(read_videos(path)) == [3]


@pytest.mark.parametrize(
    ("source", "command"),
    [
        ("https://example.org/live/index.m3u8", "ffmpeg -i https://example.org/live/index.m3u8 -c"),
        ("rtmp://example.org/a b", "ffmpeg -i 'rtmp://example.org/a b' -c copy match.mp4"),
        ("stream/index.m3u8", "ffmpeg -i stream/index.m3u8 -c copy match.mp4"),
    ],
)
def test_stream_is_rejected_with_the_command_that_makes_a_file(tmp_path, source, command):
    with pytest.raises(InputError, match=re.escape(command)) as refused:
        read_videos(source)
    assert "\n" not in str(refused.value)
    with pytest.raises(InputError, match=r"videos.tsv, line 2: path: .*Make "):
        read_videos(table(tmp_path, f"video\tpath\n0\t{source}\n"))


def test_folder_of_segments_is_rejected_with_the_command_that_joins(tmp_path):
    for number in range(12):
        (tmp_path / f"seg{number}.ts").write_bytes(b"G" * 1000)
    with pytest.raises(InputError, match=r"12 segments of a stream \(seg0.ts to seg11.ts\)"):
        read_videos(tmp_path)
    (tmp_path / "live.m3u8").write_text("#EXTM3U\n")
    with pytest.raises(InputError, match=r"ffmpeg -i \S+/live.m3u8 -c copy match.mp4"):
        read_videos(tmp_path)


def test_command_for_segments_joins_the_files_in_order(tmp_path):
    folder = tmp_path / "a stream"
    folder.mkdir()
    for number in range(12):
        (folder / f"seg{number}.ts").write_bytes(b"%d," % number)
    with pytest.raises(InputError) as refused:
        read_videos(folder)
    command = re.search(r"of them: (.*)\. If each", str(refused.value))[1]
    subprocess.run(command, shell=True, cwd=tmp_path, check=True)
    assert (tmp_path / "match.ts").read_bytes() == b"0,1,2,3,4,5,6,7,8,9,10,11,"


def test_large_numbered_files_are_not_read_as_segments_of_a_stream(tmp_path):
    for number in range(12):
        (tmp_path / f"match{number}.ts").write_bytes(b"G")
    with (tmp_path / "match3.ts").open("wb") as large:
        large.truncate(30_000_000)
    assert len(read_videos(tmp_path)) == 12


def test_example_table_has_one_row_to_fill_in(tmp_path):
    copy = tmp_path / "videos.tsv"
    copy.write_text((ROOT / "examples/videos.tsv").read_text())
    assert [row.path for row in read_videos(copy).values()] == [tmp_path / "my_match.mp4"]
