"""The generated matches are repeatable, have correct labels, and mix classes and teams."""

from collections import Counter
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from demo.scene.match import (
    DISTRACTORS,
    LABELS,
    SAME_CLASS_GAP,
    SIGN_SECONDS,
    Match,
    Shot,
    labels_v2,
    schedule,
)
from demo.scene.pictures import render

SEEDS = range(5)


@pytest.fixture(scope="module", params=SEEDS)
def match(request: pytest.FixtureRequest) -> Match:
    return schedule(request.param, 240.0)


def test_same_seed_gives_the_same_match_and_pixels() -> None:
    first, again = schedule(3, 60.0), schedule(3, 60.0)

    assert first == again
    for time in (0.0, first.events[0].time, 33.3):
        np.testing.assert_array_equal(render(first, time), render(again, time))


def test_other_seeds_give_other_matches() -> None:
    assert schedule(3, 60.0).events != schedule(4, 60.0).events


def test_frames_do_not_depend_on_the_order_of_requests() -> None:
    match = schedule(1, 30.0)
    forwards = [render(match, float(time)) for time in range(0, 30, 6)]
    backwards = [render(match, float(time)) for time in range(24, -1, -6)]

    np.testing.assert_array_equal(forwards, backwards[::-1])


def test_frame_is_a_colour_picture() -> None:
    frame = render(schedule(0, 20.0), 7.0)

    assert frame.shape == (360, 640, 3)
    assert frame.dtype == np.uint8
    assert frame.std() > 10


def test_shots_cover_the_match_without_gaps_or_overlaps(match: Match) -> None:
    assert match.shots[0].start == 0
    assert match.shots[-1].end == match.duration
    for before, after in pairwise(match.shots):
        assert before.end == after.start
    assert all(shot.end > shot.start for shot in match.shots)


def test_every_event_has_its_own_shot(match: Match) -> None:
    signs = [shot for shot in match.shots if shot.kind in LABELS]

    assert [(s.start, s.end, s.kind, s.team) for s in signs] == [
        (e.time, e.end, e.label, e.team) for e in match.events
    ]
    shortest, longest = SIGN_SECONDS
    assert all(shortest - 1e-9 <= e.end - e.time <= longest + 1e-9 for e in match.events)


def test_signs_appear_and_disappear(match: Match) -> None:
    for event in match.events[:6]:
        shot = match.shot_at(event.time)
        without = replace(match, shots=tuple(s for s in match.shots if s is not shot))
        seen, unseen = render(match, event.time), render(without, event.time)

        assert np.abs(seen.astype(int) - unseen).mean() > 10
        assert match.shot_at(event.end) is not shot
        assert match.signs_at([event.end]) == []


def test_events_of_the_two_teams_look_different() -> None:
    for label in LABELS:
        home, away = (
            render(Match(0, 10.0, (0, 0), (), (Shot(0, 10.0, label, team, 5),)), 1.0)
            for team in ("home", "away")
        )
        assert (np.abs(home.astype(int) - away).max(axis=2) > 60).sum() > 500


def test_same_class_has_no_two_events_at_once(match: Match) -> None:
    for label in LABELS:
        times = [event.time for event in match.events if event.label == label]
        assert all(after - before >= SAME_CLASS_GAP - 1e-9 for before, after in pairwise(times))


def test_classes_and_teams_occur_about_equally_often() -> None:
    matches = [schedule(seed, 240.0) for seed in range(40)]
    count = Counter(event.label for match in matches for event in match.events)
    teams = Counter(event.team for match in matches for event in match.events)
    kinds = {shot.kind for match in matches for shot in match.shots}
    gaps = [b.time - a.time for match in matches for a, b in pairwise(match.events)]

    assert set(count) == set(LABELS)
    assert min(count.values()) > 0.8 * max(count.values())
    assert abs(teams["home"] - teams["away"]) < 0.1 * teams.total()
    assert kinds == {"wide", *DISTRACTORS, *LABELS}
    assert 8 < np.mean(gaps) < 10
    assert min(gaps) > SIGN_SECONDS[1]
    assert sum(gap < 4 for gap in gaps) > 100


@pytest.mark.parametrize("seed", range(10))
def test_four_minutes_show_every_class(seed: int) -> None:
    assert {event.label for event in schedule(seed, 240.0).events} == set(LABELS)


def test_labels_are_in_soccernet_form(match: Match) -> None:
    truth = labels_v2(match, "demo/one")

    assert truth["UrlLocal"] == "demo/one"
    assert len(truth["annotations"]) == len(match.events)
    for item, event in zip(truth["annotations"], match.events, strict=True):
        assert item == {
            "gameTime": f"1 - {int(event.time // 60):02d}:{int(event.time % 60):02d}",
            "label": event.label,
            "position": str(int(event.time * 1000)),
            "team": event.team,
            "visibility": "visible",
        }


def test_harder_matches_show_each_event_for_less_time_and_have_more_distractors() -> None:
    easy = [schedule(seed, 240.0) for seed in range(8)]
    hard = [schedule(seed, 240.0, hard=True) for seed in range(8)]

    def seconds(matches: list[Match], kinds: set[str]) -> list[float]:
        return [s.end - s.start for match in matches for s in match.shots if s.kind in kinds]

    signs = seconds(hard, set(LABELS))
    assert 0.5 <= min(signs) < 0.6
    assert 0.9 < max(signs) <= 1.0
    assert sum(seconds(hard, set(DISTRACTORS))) > 1.5 * sum(seconds(easy, set(DISTRACTORS)))
