"""Tests that spellings map to classes and that all other labels stay unknown."""

import pytest

from clones import ROOT
from touchline.errors import InputError
from touchline.inputs.labels import Labels

LABELS = Labels.read(ROOT / "labels.yaml")

# The 17 classes of SoccerNet-v2, in the order of SoccerNet.
SOCCERNET_V2 = [
    "Penalty", "Kick-off", "Goal", "Substitution", "Offside", "Shots on target",
    "Shots off target", "Clearance", "Ball out of play", "Throw-in", "Foul", "Indirect free-kick",
    "Direct free-kick", "Corner", "Yellow card", "Red card", "Yellow->red card",
]  # fmt: skip


def test_classes_are_those_of_soccernet_and_goal_kick():
    assert list(LABELS.classes) == [*SOCCERNET_V2, "Goal kick"]
    assert all(LABELS.canonical(name) == name for name in LABELS.classes)


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        ("Shot off target", "Shots off target"),
        ("shots-on-target", "Shots on target"),
        ("KICKOFF", "Kick-off"),
        ("kick_offs", "Kick-off"),
        ("Throw in", "Throw-in"),
        ("Corners", "Corner"),
        ("corner kick", "Corner"),
        ("Penalties", "Penalty"),
        ("Goals", "Goal"),
        ("goal-kick", "Goal kick"),
        ("Direct free kick", "Direct free-kick"),
        ("Yellow → red card", "Yellow->red card"),
        ("Second yellow card", "Yellow->red card"),
        ("**Foul**", "Foul"),
        ("Ｆｏｕｌ", "Foul"),
    ],
)
def test_spellings_map_to_their_class(label, expected):
    assert LABELS.canonical(label) == expected


@pytest.mark.parametrize(
    "label", ["Set Pieces", "Other", "Free-kick", "free kicks", "Card", "Shot"]
)
def test_ambiguous_words_are_no_class_and_have_a_reason(label):
    assert LABELS.canonical(label) is None
    assert LABELS.reason(label)


@pytest.mark.parametrize("label", ["Premier League", "", "…", "Goal or Foul", "Goalkeeper"])
def test_unknown_words_are_not_assigned_to_a_class(label):
    assert LABELS.canonical(label) is None
    assert LABELS.reason(label) is None


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("classes: {Goal: [Strike], Penalty: [strikes]}", "'strikes' is listed under both 'Goal'"),
        ("classes: {Goal: []}\nnot_classes: {goals: why}", "'Goal' is listed under both 'not_cl"),
        ("classes: {Goal: ['--']}", "has no letter"),
        ("classes: {Goal: Strike}", "classes.Goal"),
        ("kinds: {}", "classes"),
        ("", "the file"),
        (
            "classes: {Goal: []}\nconfirmed_by: {Gaol: [net]}",
            "'Gaol', which is not among the classes",
        ),
        ("classes: {Goal: []}\nconfirmed_by: {Goal: ['']}", "does not begin with a letter"),
        ("classes: {Goal: []}\nconfirmed_by: {Goal: net}", "confirmed_by.Goal"),
        ("classes: [", "not a YAML file"),
        (b"\xff\xfe\x00", "not a YAML file"),
    ],
)
def test_invalid_labels_file_is_rejected_with_the_mistake(tmp_path, content, complaint):
    path = tmp_path / "labels.yaml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(InputError, match=r"labels\.yaml") as caught:
        Labels.read(path)
    assert complaint in str(caught.value)


def test_missing_labels_file_is_rejected(tmp_path):
    with pytest.raises(InputError, match=r"none\.yaml cannot be read"):
        Labels.read(tmp_path / "none.yaml")


@pytest.mark.parametrize(
    ("details", "label", "expected"),
    [
        ("Players CELEBRATE a goal", "Goal", True),
        ("the player scores", "Goal", True),
        ("a lot of underscored words on the scoreboard", "Goal", False),
        ("takes a shot towards the goal", "Goal", False),
        ("Referee shows yellow card", "Yellow card", True),
        ("Referee shows yellow card", "Goal", False),
        ("anything", "Throw-in", False),
        ("anything", "Set Pieces", False),
    ],
)
def test_confirming_words_are_found_in_details(details, label, expected):
    assert LABELS.confirms(details, label) is expected
