"""Tests of the plan of clips, of their names, and of the LosslessCut project."""

import pytest

from touchline.clips.llc import make_project, project_name
from touchline.clips.plan import Clip, Moment, plan_clips, plan_reels, safe_part
from touchline.inputs.clock import parse_half_starts
from touchline.inputs.settings import ClipsSettings
from touchline.inputs.videos import Name

SETTINGS = ClipsSettings()


def planned(*moments, name=None, duration=3000.0, settings=SETTINGS):
    return plan_clips(moments, settings, name=name or Name(), video=3, duration=duration)


def test_clip_name_has_game_half_clock_and_class():
    game = "italy_serie-a/2016-2017/2016-10-02 - 21-45 Roma 2 - 1 Inter"
    (clip,) = planned(Moment(725.9, "Shots on target"), name=Name(game, 1))
    assert clip.file == "2016-10-02-21-45-Roma-2-1-Inter_half1_00-12-05_Shots-on-target.mp4"
    (clip,) = planned(Moment(725.9, "Goal"))
    assert clip.file == "video3_00-12-05_Goal.mp4"


def test_clip_name_has_the_clock_of_the_half():
    name = Name("g", halves=parse_half_starts("1=00:01:00-00:20:00,2=00:30:00"))
    files = [
        clip.file for clip in planned(*(Moment(t, "Goal") for t in (90, 1500, 1860)), name=name)
    ]
    assert files == [
        "g_half1_00-00-30_Goal.mp4",
        "g_00-25-00_Goal.mp4",
        "g_half2_00-01-00_Goal.mp4",
    ]


def test_clip_starts_before_and_ends_after_its_event_within_the_video():
    spans = [
        (clip.start, clip.end) for clip in planned(*(Moment(t, "Goal") for t in (3, 50, 2999)))
    ]
    assert spans == [(0, 8), (42, 55), (2991, 3000)]
    assert planned(Moment(3009, "Goal")) == []


def test_manual_in_and_out_points_replace_the_settings():
    moments = Moment(50, "Goal", 30, None), Moment(60, "Goal", None, 80), Moment(70, "Goal", 10, 20)
    spans = [(clip.start, clip.end) for clip in planned(*moments)]
    assert spans == [(30, 55), (52, 80), (10, 20)]


def test_clips_with_equal_names_are_numbered():
    moments = Moment(50.1, "Goal"), Moment(50.2, "goal"), Moment(50.3, "Goal"), Moment(51, "Goal")
    assert [clip.file for clip in planned(*moments)] == [
        "video3_00-00-50_Goal.mp4",
        "video3_00-00-50_goal_2.mp4",
        "video3_00-00-50_Goal_3.mp4",
        "video3_00-00-51_Goal.mp4",
    ]


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("../../etc/passwd", "etc-passwd"),
        ('a\\b:c*d?"<>|\n\x00e.', "a-b-c-d-e"),
        ("الأهلي ضد الزمالك", "الأهلي-ضد-الزمالك"),
        ("हिन्दी", "हिन्दी"),
        ("\u202egnp.exe", "gnp-exe"),
        ("cafe\u0301", "café"),
        ("\ud800", ""),
        ("...", ""),
        ("x" * 500, "x" * 50),
        ("ä" * 500, "ä" * 25),
    ],
)
def test_parts_of_file_names_are_safe(text, part):
    assert safe_part(text) == part


def test_clip_names_are_short_enough_for_any_disk():
    (clip,) = planned(Moment(5, "ع" * 300), name=Name("ن" * 300, 1))
    assert len(clip.file.encode()) <= 143


def test_reel_has_the_clips_of_its_class():
    clips = planned(*(Moment(t, label) for t, label in [(5, "Goal"), (6, "Foul"), (70, "Goal")]))
    reels = plan_reels(clips)
    assert {label: (file, [c.time_s for c in parts]) for label, (file, parts) in reels.items()} == {
        "Foul": ("reel_Foul.mp4", [6]),
        "Goal": ("reel_Goal.mp4", [5, 70]),
    }


def test_editing_project_has_the_clips_on_the_clock_of_a_video_player(tmp_path):
    clips = [Clip("a.mp4", "Goal", 10, 2, 15), Clip("b.mp4", 'A "B"', 20, 12.5, 25)]
    path = tmp_path / "match 1.ts"
    assert project_name(path) == "match 1-proj.llc"
    assert make_project(clips, path, 0.48) == {
        "version": 1,
        "mediaFileName": "match 1.ts",
        "cutSegments": [
            {"start": 2.48, "end": 15.48, "name": "Goal"},
            {"start": 12.98, "end": 25.48, "name": 'A "B"'},
        ],
    }
