"""Tests of finding and reading given predictions in a file, a folder or a zip."""

import json
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from touchline.errors import InputError
from touchline.inputs.given import find_entries, find_given, read_entries, same_game
from touchline.inputs.videos import Video

ROMA = "italy_serie-a/2016-2017/2016-10-02 - 21-45 AS Roma 2 - 1 Inter"
BURNLEY = "england_epl/2014-2015/2015-02-21 - 18-00 Chelsea 1 - 1 Burnley"
VIDEOS = {
    0: Video(video=0, path="/sn/a/1_224p.mkv", game=ROMA, half=1),
    1: Video(video=1, path="/sn/a/2_224p.mkv", game=ROMA, half=2),
    2: Video(video=2, path="/sn/b/1_224p.mkv", game=BURNLEY, half=1),
    3: Video(video=3, path="/own/cup.mp4"),
}


def spotted(game=ROMA, label="Goal"):
    item = {"gameTime": "1 - 0:05", "label": label, "position": "5500", "half": "1"}
    return json.dumps({"UrlLocal": game, "predictions": [item | {"confidence": "0.5"}]})


def read_labels(path, video):
    return [item["label"] for item in read_entries(path, video, VIDEOS.get(video)).items]


@pytest.fixture
def folder(tmp_path):
    """Create a challenge's folder with the files of two games."""
    for game, label in ((ROMA, "Goal"), (BURNLEY, "Foul")):
        (tmp_path / "out" / game).mkdir(parents=True)
        (tmp_path / "out" / game / "results_spotting.json").write_text(spotted(game, label))
    return tmp_path / "out"


def zipped(path, members, **how):
    with zipfile.ZipFile(path, "w", **how) as archive:
        for name, text in members.items():
            archive.writestr(name, text)
    return str(path)


def test_file_of_each_game_is_found_in_a_folder(folder):
    found = find_entries(str(folder), [0, 1, 2, 3], VIDEOS)
    roma = str(folder / ROMA / "results_spotting.json")
    assert found == {0: roma, 1: roma, 2: str(folder / BURNLEY / "results_spotting.json")}
    assert (read_labels(found[0], 0), read_labels(found[2], 2)) == (["Goal"], ["Foul"])


@pytest.mark.parametrize("place", ["", "italy_serie-a", "italy_serie-a/2016-2017"])
def test_folder_may_be_above_or_below_the_folder_of_the_league(folder, place):
    start = folder.parent if not place else folder / place
    assert set(find_entries(str(start), [0, 2], VIDEOS)) == ({0} if place else {0, 2})


def test_game_is_found_without_its_league(folder):
    rows = {0: Video(video=0, path="x", game=ROMA.split("/")[-1], half=1)}
    (path,) = find_entries(str(folder), [0], rows).values()
    assert read_entries(path, 0, rows[0]).form == "soccernet"


def test_zip_is_read_without_unpacking(tmp_path):
    names = {f"{game}/results_spotting.json": spotted(game) for game in (ROMA, BURNLEY)}
    names["__MACOSX/" + f"{ROMA}/._results_spotting.json"] = "junk"
    path = zipped(tmp_path / "s.zip", names, compression=zipfile.ZIP_DEFLATED)
    assert find_entries(path, [0, 1, 2, 3], VIDEOS) == {0: path, 1: path, 2: path}
    entries = read_entries(path, 1, VIDEOS[1])
    assert entries.place == f"{path}/{ROMA}/results_spotting.json"
    assert [item["label"] for item in entries.items] == ["Goal"]
    assert sorted(each.name for each in tmp_path.iterdir()) == ["s.zip"]


def test_zip_members_with_unsafe_paths_write_no_files(tmp_path):
    path = zipped(
        tmp_path / "s.zip",
        {
            "../../../evil/results_spotting.json": spotted("evil"),
            f"/abs/{ROMA}/results_spotting.json": spotted(),
        },
    )
    assert set(find_entries(path, [0, 2], VIDEOS)) == {0}
    assert sorted(each.name for each in tmp_path.iterdir()) == ["s.zip"]


def test_single_file_is_assigned_to_the_videos_of_its_game(tmp_path):
    (tmp_path / "r.json").write_text(spotted(ROMA.replace("/", "\\") + "\\"))
    assert set(find_entries(str(tmp_path / "r.json"), [0, 1, 2, 3], VIDEOS)) == {0, 1}


def osl(*samples):
    return json.dumps({"version": "2.0", "data": list(samples)})


def sample(name, path="x.mp4", **metadata):
    events = [{"head": "action", "label": name, "position_ms": 5}]
    inputs = [{"type": "video", "path": path}]
    return {"id": name, "inputs": inputs, "metadata": metadata, "events": events}


def test_osl_sample_is_found_by_game_path_or_id(tmp_path):
    path = tmp_path / "osl.json"
    path.write_text(
        osl(
            sample("second", game=ROMA, half=2),
            sample("first", game=ROMA, half="1"),
            sample("other resolution", path=f"{BURNLEY}/1_720p.mp4"),
            sample("second of it", path=f"{BURNLEY}/2_720p.mp4", game=BURNLEY),
            sample("video_3"),
        )
    )
    assert set(find_entries(str(path), [0, 1, 2, 3, 4], VIDEOS)) == {0, 1, 2, 3}
    found = [read_labels(path, video)[0] for video in (0, 1, 2, 3)]
    assert found == ["first", "second", "other resolution", "video_3"]


def test_sample_of_a_moved_video_is_found_by_its_path(tmp_path):
    (tmp_path / "osl.json").write_text(osl(sample("a", path="b/1_224p.mkv"), sample("b")))
    assert read_labels(tmp_path / "osl.json", 2) == ["a"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", ["r.json is not a JSON file in UTF-8"]),
        (b"\xff\xfe\x00", ["is not a JSON file in UTF-8"]),
        ("[" * 100_000, ["is not a JSON file in UTF-8"]),
        ("3", ["no readable predictions", "results_spotting.json", "OSL JSON"]),
        ('{"predictions": {}}', ["no readable predictions"]),
        ('{"annotations": []}', ["no readable predictions"]),
        ('{"data": [3]}', ["an item of its data is no JSON object"]),
        (osl(sample("a"), sample("b")), ["no sample of video 0", ROMA, "half 1"]),
        (osl(sample("a", game=BURNLEY, half=1)), ["no sample of video 0"]),
        (osl(sample("a", game=ROMA, half=2)), ["no sample of video 0", "half 1"]),
        (
            osl(sample("a", game=ROMA, half=1), sample("b", game=ROMA, half=1)),
            ["2 samples of video 0", "'a'", "'b'"],
        ),
        (osl({"id": "a", "events": 3}), ["the events of the sample 'a' are not a list"]),
        (spotted(BURNLEY), ["is about the game", "Burnley", "video 0 shows", "Roma"]),
    ],
)
def test_invalid_file_is_rejected_with_one_line(tmp_path, content, words):
    path = tmp_path / "r.json"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(InputError) as error:
        read_entries(path, 0, VIDEOS[0])
    (line,) = str(error.value).splitlines()
    assert all(word in line for word in words), line


def broken(content):
    """Damage the member of a zip."""
    place = content.index(b"Goal")
    return content[:place] + b"Foul" + content[place + 4 :]


def encrypted(content):
    """Mark the member of a zip as encrypted."""
    changed = bytearray(content)
    changed[content.index(b"PK\x03\x04") + 6] |= 1
    changed[content.index(b"PK\x01\x02") + 8] |= 1
    return bytes(changed)


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda content: b"no zip", ["s.zip cannot be read", "not a zip file"]),
        (lambda content: content[:-30], ["s.zip cannot be read", "not a zip file"]),
        (broken, ["results_spotting.json cannot be read", "CRC"]),
        (encrypted, ["results_spotting.json cannot be read", "encrypted"]),
    ],
)
def test_damaged_zip_is_rejected_with_one_line(tmp_path, damage, words):
    path = tmp_path / "s.zip"
    zipped(path, {f"{ROMA}/results_spotting.json": spotted()})
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(InputError) as error:
        read_entries(path, 0, VIDEOS[0])
    (line,) = str(error.value).splitlines()
    assert all(word in line for word in words), line


def test_file_above_the_size_limit_is_rejected(tmp_path):
    path = tmp_path / "s.zip"
    bomb = {f"{ROMA}/results_spotting.json": " " * (65 * 2**20)}
    zipped(path, bomb, compression=zipfile.ZIP_DEFLATED)
    assert path.stat().st_size < 2**18
    with pytest.raises(InputError, match="has more than 64 MiB"):
        read_entries(path, 0, VIDEOS[0])
    (tmp_path / "r.json").write_bytes(b" " * (65 * 2**20))
    with pytest.raises(InputError, match="has more than 64 MiB"):
        read_entries(tmp_path / "r.json", 0, VIDEOS[0])


def test_duplicate_game_is_rejected(tmp_path, folder):
    members = {f"{top}/{ROMA}/results_spotting.json": spotted() for top in "ab"}
    path = zipped(tmp_path / "s.zip", members)
    with pytest.raises(InputError, match="2 files of the game"):
        find_entries(path, [0], VIDEOS)
    again = folder / "spain" / ROMA.split("/")[1] / ROMA.split("/")[2]
    again.mkdir(parents=True)
    (again / "results_spotting.json").write_text(spotted())
    rows = {0: Video(video=0, path="x", game=ROMA.split("/")[2], half=1)}
    with pytest.raises(InputError, match="Name the game with its league and season"):
        find_entries(str(folder), [0], rows)


def test_missing_predictions_are_reported_with_the_expected_path(tmp_path, folder):
    path = zipped(tmp_path / "s.zip", {f"{ROMA}/results_spotting.json": spotted()})
    (tmp_path / "r.json").write_text(spotted())
    for source, words in (
        (str(folder), [f"{folder}/video_3/results_spotting.json: no such file", "video 3."]),
        (path, [f"{path}/{BURNLEY}/results_spotting.json: no such file", "video 2-3."]),
        (
            f"{tmp_path}/r.json",
            [f"r.json: the file has no predictions for '{BURNLEY}'", "video 2-3."],
        ),
        (f"{tmp_path}/none.zip", ["none.zip: no such file", "video 0-3."]),
        (f"{tmp_path}/none", ["none: no such file", "video 0-3."]),
    ):
        with pytest.raises(InputError) as error:
            find_given({"netvlad": source}, [0, 1, 2, 3], VIDEOS, skip_missing=False)
        (line,) = str(error.value).splitlines()
        for word in (*words, "models.netvlad.predictions", "missing_predictions: skip"):
            assert word in line
    some = find_given({"netvlad": path}, [0, 1, 2, 3], VIDEOS, skip_missing=True)
    assert some == {0: {"netvlad": path}, 1: {"netvlad": path}, 2: {}, 3: {}}
    with pytest.raises(InputError, match="name its game in the table of videos"):
        find_given({"netvlad": str(folder)}, [3], VIDEOS, skip_missing=False)


def test_list_of_answers_is_rejected_for_several_videos(tmp_path):
    (tmp_path / "p.json").write_text("[]")
    with pytest.raises(InputError, match=r"predictions of one video. .* by \{video\}"):
        find_entries(f"{tmp_path}/p.json", [0], VIDEOS)
    (tmp_path / "r.json").write_text('{"predictions": []}')
    with pytest.raises(InputError, match="does not name its game"):
        find_entries(f"{tmp_path}/r.json", [0], VIDEOS)


@given(st.lists(st.text("ab .-é", min_size=1).filter(str.strip), min_size=1, max_size=4))
def test_game_name_ignores_parent_folders(parts):
    name = "/".join(parts)
    assert same_game(name, f"{name}/") == same_game(name, f"x/{name}")
    assert not same_game(name, f"{name}/more")
