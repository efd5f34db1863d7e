"""Tests of paths with accents in either Unicode form, and of paths that are rejected."""

import os
import subprocess
import unicodedata
from functools import partial
from pathlib import Path

import pytest

from clones import given
from touchline.errors import InputError
from touchline.inputs.given import find_given, given_videos
from touchline.inputs.places import as_on_disk, check_braces, check_name
from touchline.inputs.project import with_project_files
from touchline.inputs.settings import Settings, read_settings
from touchline.inputs.videos import Video, read_videos

NAME = "Atlético – Málaga"
FORMS = [("NFC", "NFD"), ("NFD", "NFC")]


@pytest.fixture(params=FORMS, ids="disk {0[0]}, user {0[1]}".format)
def spelled(request, tmp_path, monkeypatch):
    """Return two functions that spell a name: as on the disk, and as the user types it."""
    monkeypatch.chdir(tmp_path)
    disk, user = request.param
    (tmp_path / unicodedata.normalize(disk, "é")).mkdir()
    if (tmp_path / unicodedata.normalize(user, "é")).exists():
        pytest.skip("the file system takes both forms for one name")
    return [partial(unicodedata.normalize, form) for form in request.param]


def test_path_is_found_in_the_other_unicode_form(spelled, tmp_path):
    on_disk, typed = spelled
    file = on_disk(f"é/{NAME}.mkv")
    Path(file).touch()
    assert as_on_disk(typed(file)) == file
    assert as_on_disk(f"{tmp_path}/{typed(file)}") == f"{tmp_path}/{file}"
    assert as_on_disk(typed("./é/ö.mkv")) == typed("./é/ö.mkv")


def test_table_finds_files_in_the_other_unicode_form(spelled, tmp_path):
    on_disk, typed = spelled
    for name in (f"é/{NAME}.mkv", f"é/{NAME}.csv"):
        (tmp_path / on_disk(name)).touch()
    table = tmp_path / on_disk("é/vídeos.tsv")
    table.write_text(
        f"video\tpath\tlabels\tgame\n0\t{typed(NAME)}.mkv\t{typed(NAME)}.csv\t{NAME}\n"
    )
    (video,) = read_videos(typed("é/vídeos.tsv")).values()
    assert video.path.exists()
    assert video.labels.exists()


def test_game_name_is_equal_in_both_unicode_forms():
    composed, decomposed = (
        Video(video=0, game=unicodedata.normalize(form, NAME)) for form in ("NFC", "NFD")
    )
    assert composed == decomposed


def test_given_predictions_are_found_with_accents_in_the_other_form(spelled, tmp_path):
    on_disk, typed = spelled
    (tmp_path / on_disk("é/prédiction_3.json")).write_text(given([(2, "Goal")]))
    source = typed("é/prédiction_{video}.json")
    assert given_videos({"other": source}) == [3]
    found = find_given({"other": source}, [3], {}, skip_missing=False)
    assert Path(found[3]["other"]).exists()
    game = tmp_path / on_disk(f"é/league/{NAME}")
    game.mkdir(parents=True)
    (game / "results_spotting.json").write_text('{"predictions": []}')
    for title in (f"league/{NAME}", NAME):
        videos = {0: Video(video=0, game=typed(title))}
        found = find_given({"other": typed("é")}, [0], videos, skip_missing=False)
        assert Path(found[0]["other"]).exists()


def test_files_in_settings_are_found_in_the_other_unicode_form(spelled, tmp_path):
    on_disk, typed = spelled
    for name in ("prómpt.txt", "clásses.yaml"):
        (tmp_path / on_disk(name)).touch()
    settings = Settings(
        prompt=typed("prómpt.txt"),
        labels=typed("clásses.yaml"),
        models={"llava": {"checkpoint": typed("é"), "adapter": typed("é")}},
    )
    found = with_project_files(settings, tmp_path / "project")
    model = found.models["llava"]
    for path in (found.prompt, found.labels, model.checkpoint, model.adapter):
        assert Path(path).exists()


@pytest.mark.parametrize("name", [b"Atl\xe9tico.mp4", b"it's \\ \xe9.mp4", b"\xfc/b.mp4"])
def test_command_in_the_message_renames_the_file(tmp_path, name):
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name))
    path.parent.mkdir(exist_ok=True)
    try:
        path.touch()
    except OSError as error:
        pytest.skip(f"the file system takes no such name: {error}")
    with pytest.raises(InputError) as refused:
        check_name(path)
    message = str(refused.value)
    assert message.isprintable()
    subprocess.run(["bash", "-c", message.partition("rename it: ")[2]], check=True)
    (renamed,) = (file for file in tmp_path.rglob("*.mp4"))
    check_name(renamed)
    assert "é" in renamed.name or "ü" in str(renamed)


def test_path_setting_that_is_not_utf_8_is_rejected():
    with pytest.raises(InputError, match=r"config.videos: b�.mkv: the name .* is not in UTF-8"):
        read_settings({"videos": os.fsdecode(b"b\xe9.mkv"), "models": {}, "detect_with": []})


@pytest.mark.parametrize("key", ["results", "resources"])
@pytest.mark.parametrize("path", ["res{x}", "{", "a}b"])
def test_folder_with_braces_is_rejected(key, path):
    with pytest.raises(InputError, match=rf"config.{key}: .* has braces"):
        read_settings({key: path, "models": {}, "detect_with": []})


def test_file_with_braces_is_rejected():
    check_braces("a/b.yaml")
    with pytest.raises(InputError, match=r"Use a name without \{ and \}"):
        check_braces("a{b}/c.yaml")
