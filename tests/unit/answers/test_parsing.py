"""Every answer ends as events, as none or as unparsed."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clones import ROOT
from touchline.answers.asked import Asked
from touchline.answers.parsing import asked_by, is_cut_off, parse_answer, render_event
from touchline.answers.reading import MAX_CHARACTERS
from touchline.core.records import ParsedEvent
from touchline.inputs.labels import Labels

CLASSES = Labels.read(ROOT / "labels.yaml")
ASKED = Asked(CLASSES.is_spelling)
PROMPT = (ROOT / "prompts" / "soccer_events.txt").read_text()


def parse(text: str):
    return parse_answer(text, ASKED)


def labels(text: str) -> list[str]:
    return [event.label for event in parse(text).events]


FENCED = """```json
[
\t{"label": "Shot off target", "team": "away", "confidence": 0.8, "details": "wide of the post"}
]
```"""


@pytest.mark.parametrize(
    "text",
    [
        FENCED,
        FENCED.removeprefix("```json").removesuffix("```"),
        FENCED.replace("```json", "```"),
        FENCED.replace("```json", "```JSON"),
        f"Here is what I see:\n{FENCED}\nThe striker is unlucky.",
        '{"label": "Shot off target", "team": "away", "confidence": 0.8, "details": "wide of the '
        'post"} It happens at the start.',
        '{"events": [{"label": "Shot off target", "team": "away", "confidence": 0.8, '
        '"details": "wide of the post"}]}',
        "{'label': 'Shot off target', 'team': 'away', 'confidence': 0.8, "
        "'details': 'wide of the post'}",
        "[{'label': 'Shot off target', 'team': 'away', 'confidence': 0.8, "
        "'details': 'wide of the post'},]",
        '{"label": "Shot off target" "team": "away", confidence: 0.8, '
        '"details": "wide of the post",}',
        "{“label”: “Shot off target”, “team”: “away”, “confidence”: 0.8, "
        "“details”: “wide of the post”}",
        "{label: Shot off target, team: away, confidence: 0.8, details: wide of the post}",
    ],
)
def test_one_event_in_any_dress(text):
    expected = ParsedEvent(
        label="Shot off target", team="away", confidence=0.8, details="wide of the post"
    )
    assert parse(text).events == (expected,)


@pytest.mark.parametrize(
    "text",
    [
        '[{"label": "Foul"}, {"label": "Yellow card"}]',
        '{"label": "Foul"}\n{"label": "Yellow card"}',
        '```json\n{"label": "Foul"}\n```\nand then\n```json\n{"label": "Yellow card"}\n```',
        "First {'label': 'Foul'}, then {'label': 'Yellow card'}.",
        '[{"label": "Foul"}, {"label": "none"}, {"label": "Yellow card"}]',
        '[{"label": "Foul"}, {"label": "Yellow card"}, {"label": "Red ca',
        '[{"label": "Foul", "details": {"minute": 3}}, {"label": "Yellow card"}',
    ],
)
def test_all_events_of_an_answer_count(text):
    assert labels(text) == ["Foul", "Yellow card"]


@pytest.mark.parametrize(
    "details",
    [
        "the keeper's save, then the referee's whistle",
        'he said "no" twice',
        "braces {like these} and [those]",
        "back\\slash and\nnew line",
    ],
)
def test_quotes_and_braces_inside_details(details):
    event = ParsedEvent(label="Foul", details=details)
    assert parse(render_event(event)).events == (event,)


def test_apostrophes_that_a_model_does_not_escape():
    (event,) = parse("{'label': 'Foul', 'details': 'the player's shirt'}").events
    assert (event.label, event.details) == ("Foul", "the player's shirt")


@pytest.mark.parametrize(
    "text",
    [
        "none",
        "None.",
        '"none"',
        " NONE\n\n",
        "```none```",
        "```json\nnone\n```",
        "No events.",
        "no event",
        "None of these events happens in the frames.",
        "[]",
        "```json\n[]\n```",
        "{}",
        "null",
        '{"label": "none"}',
        '[{"label": "None", "team": "home", "confidence": 0.9}]',
        "{'label': None}",
        '{"events": []}',
        'My answer: {"label": "none"}',
        "none (the players are walking)",
        "none\n\nThe frames show the goalkeeper, but no goal.".replace("but", "and"),
        "none. The players are in midfield.",
        "Answer: none",
        "**Final answer:** none.",
        "Here is the answer:\n```json\nnone\n```",
        "```text\nThere are no events in these frames.\n```",
        "No significant events",
        "I don't see any of the listed events in this clip.",
        "N/A",
        "Nothing happens.",
        '{"label": "N/A"}',
        '[{"label": "Nothing", "team": "home"}]',
        '{"label": "none of the above"}',
        '{"event": "No event"}',
        '["none"]',
        "label: none",
        '<event label="none"/>',
        "Penalty: no\nGoal: No\nCorner: not visible",
        '{"Goal": false, "Corner": "no"}',
        "Result: []",
        "Unable to identify any events.",
    ],
)
def test_none_is_what_the_whole_answer_says(text):
    assert parse(text).status == "none"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nonetheless",
        "No goal, but a corner.",
        "None of the fouls is given, so play goes on and a goal is scored.",
        "A foul is committed. {}",
        "A defender heads the ball away.",
        "No video is shown.",
        "I cannot see the video.",
        "Not all of these events happen.",
        "none\n\nBut then a goal is scored.",
        "none. The players walk up for the corner.",
        "The goalkeeper",
        "GO```AL",
        "5",
        "home",
        '{"name": "Harry Kane"}',
        '{"label": "-"}',
        '{"label": ""}',
        "```",
    ],
)
def test_what_cannot_be_read_is_unparsed_not_none(text):
    assert parse(text).status == "unparsed"


COMPLETE = (
    '{"team": "home", "label": "Yellow card", "confidence": 0.95, "details": "a late tackle"}'
)


@pytest.mark.parametrize("length", range(len(COMPLETE)))
def test_a_cut_never_invents_a_label_or_a_number(length):
    answer = parse(COMPLETE[:length])
    if length < COMPLETE.index(', "confidence"'):
        assert answer.status == "unparsed"
        return
    (event,) = answer.events
    assert event.label == "Yellow card"
    assert event.confidence == (0.95 if ', "det' in COMPLETE[:length] else event.confidence)
    assert event.confidence in (None, 0.95)
    assert "a late tackle".startswith(event.details)


def test_a_label_that_is_never_closed_is_not_guessed():
    assert parse('{"label": "Goal, "team": "home"}').status == "unparsed"
    assert parse('{"details": "x", "label": "Yellow}').status == "unparsed"
    assert parse("{label: Yellow").status == "unparsed"


def test_runaway_text_gives_the_events_that_are_complete():
    runaway = '```json\n[\n\t{"label": "Foul", "team": "home", "details": "Number 1' + "7" * 250
    (event,) = parse(runaway).events
    assert (event.label, event.team) == ("Foul", "home")
    assert labels('{"label": "Foul"}, ' * 5 + '{"label": "Fou') == ["Foul"] * 5


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("0.9", 0.9),
        ('"0.9"', 0.9),
        ('"90%"', 0.9),
        ("90", 0.9),
        ('"90"', 0.9),
        ("1", 1.0),
        ("0", 0.0),
        ("100", 1.0),
        ('"0.5%"', 0.005),
        ('"high"', None),
        ("null", None),
        ("true", None),
        ("-0.1", None),
        ("101", None),
        ("NaN", None),
        ("Infinity", None),
        ("1" * 400, None),
        ("[0.9]", None),
    ],
)
def test_confidence_is_a_probability_or_nothing(value, expected):
    (event,) = parse(f'{{"label": "Goal", "confidence": {value}}}').events
    assert event.confidence == expected


@pytest.mark.parametrize(
    ("team", "expected"),
    [
        ("home", "home"),
        ("Home team", "home"),
        ("AWAY (in white)", "away"),
        ("home or away", None),
        ("unknown", None),
        ("none", None),
        ("homely", None),
    ],
)
def test_team(team, expected):
    (event,) = parse(f'{{"label": "Goal", "team": "{team}"}}').events
    assert event.team == expected


def test_the_model_cannot_set_the_score():
    (event,) = parse('{"label": "Goal", "score": 1}').events
    assert event.score is None


def test_nothing_is_evaluated(tmp_path):
    path = tmp_path / "made"
    assert parse(f"{{'label': open({str(path)!r}, 'w').name}}").status == "unparsed"
    assert not path.exists()


PIECES = [
    "{", "}", "[", "]", "(", '"', "'", ",", ":", "\\", "none", "label", '{"label": ', '"Goal"',
    "```", '{"label": "Foul", "details": "', "{'label': '", "0.9", "\0", "\ud800", "\n", "é", "-",
    "~", "…",
]  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(st.one_of(st.text(), st.lists(st.sampled_from(PIECES), max_size=60).map("".join)))
def test_no_text_crashes_the_parser_and_what_it_gives_can_be_written(text):
    answer = parse(text)
    assert bool(answer.events) == (answer.status == "events")
    for event in answer.events:
        event.model_dump_json().encode()
        # A label is never made up: its letters stand in the text.
        assert (
            "\\" in text
            or "�" in event.label
            or "?" in event.label
            or event.label in " ".join(text.split())
        )


@pytest.mark.parametrize("prefix", ["", '{"label": "Goal", "details": ', "{'label': 'Goal', 'x': "])
@pytest.mark.parametrize(
    "piece",
    ["[", "{", "(", '{"a":', "{'a': ", "[{", "-", "~", '"', "'", "\\", "\0", "\ud800", " ", "```",
     "none ", '{"label": ', '{"label": "x', '{"label": "x", ', "0", "0x", "label: "],
)  # fmt: skip
def test_a_megabyte_of_anything_takes_a_moment(prefix, piece):
    begin = time.perf_counter()
    parse(prefix + piece * (1_000_000 // len(piece)))
    assert time.perf_counter() - begin < 5


def test_deep_but_valid_nesting():
    depth = 400
    assert labels("[" * depth + '{"label": "Goal"}' + "]" * depth) == ["Goal"]
    parse('{"label": "Goal", "details": ' + "[" * 900 + "]" * 900 + "}")


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=200)
EVENTS = st.builds(
    ParsedEvent,
    label=TEXTS.map(lambda text: " ".join(text.split())).filter(
        lambda text: any(map(str.isalnum, text)) and parse(text).status != "none"
    ),
    team=st.sampled_from(["home", "away", None]),
    confidence=st.none() | st.floats(0, 1),
    details=TEXTS,
)


@settings(max_examples=300, deadline=None)
@given(EVENTS)
def test_what_is_rendered_is_parsed_back(event):
    assert parse(render_event(event)).events == (event,)
    assert parse(render_event(event, said_by=[("llava", 4.0)])).events == (event,)


@settings(max_examples=100, deadline=None)
@given(st.lists(EVENTS, min_size=1, max_size=5))
def test_events_in_strict_json_are_all_found_in_prose(events):
    text = "I see:\n" + "\nand then\n".join(event.model_dump_json() for event in events)
    assert parse(text).events == tuple(events)


def test_a_long_list_in_strict_json_is_read_to_its_end():
    text = "[" + ", ".join(['{"label": "Goal"}'] * MAX_CHARACTERS) + "]"
    assert len(parse(text).events) == MAX_CHARACTERS


def test_endless_details_fit_into_a_table():
    (event,) = parse('{"label": "Goal", "details": "' + "x" * 1_000_000 + '"}').events
    assert len(event.details) == MAX_CHARACTERS


@pytest.mark.parametrize(
    "text",
    [
        '{"event": "Foul"} {"EVENT_TYPE": "Yellow card"}',
        '[{"type": "Foul"}, {"Name": "Yellow card"}]',
        '{"label": ["Foul", "Yellow card"]}',
        '{"label": "Foul, Yellow card"}',
        '["Foul", "Yellow card"]',
        'Answer: ["Foul", "Yellow card"]',
        '{"Foul": {"team": "home"}, "Yellow card": {}, "Yellow  card": {"team": "away"}}',
        '{"Foul": true, "Goal": false, "Yellow card": 0.9}',
        '{"events": [{"event": {"type": "Foul"}}, {"Yellow card": "for the late tackle"}]}',
        "Foul\nYellow card",
        "Foul and yellow card.",
        "**Foul**, **Yellow card**",
        "- Foul\n- Yellow card: for the late tackle",
        "1. Foul (away)\n2) Yellow card – the second of the match\n\nThat is all.",
        "The events are: Foul; Yellow card",
        "Foul: yes\nGoal: no\nYellow card: yes",
        "| Foul | home |\n| Yellow card | away | 0.8 |",
        '<event label="Foul" team="home"/><event team="away" label="Yellow card"/>',
        "<event><label>Foul</label></event><event><label>Yellow card</label></event>",
        "Label: Foul\nTeam: home\n\nLabel: Yellow card\nTeam: away",
        "- event: Foul, team: home\n- event: Yellow card, team: away",
        "a) Foul\nb) Yellow card",
        "Event 1: Foul\nEvent 2: Yellow card",
        "«Foul»\t«Yellow card»",
        '["Foul", "Yellow card", "Go',
    ],
)
def test_names_of_events_are_read_in_whatever_form_a_model_gives_them(text):
    assert [label.casefold() for label in labels(text)] == ["foul", "yellow card"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Goal: No. 7 scores", ["Goal"]),
        ("Goal: no goal is scored", []),
        ("Goal: 0.9", ["Goal"]),
        ("Goal: 0", []),
        ('{"Goal": "0.0", "Foul": 1, "Corner": 0}', ["Foul"]),
        ('{"answer": "Goal", "confidence": 0.7}', ["Goal"]),
        ('{"answer": "none", "confidence": 0.7}', []),
    ],
)
def test_a_name_that_is_denied_makes_no_event(text, found):
    assert labels(text) == found
    assert parse(text).status == ("events" if found else "none")


def test_what_stands_beside_a_name_comes_along():
    expected = ParsedEvent(label="Goal", team="home", confidence=0.9, details="a header")
    for text in (
        '{"Goal": {"team": "home", "confidence": 0.9, "details": "a header"}}',
        '{"event": {"type": "Goal", "team": "home"}, "probability": "90%", "detail": "a header"}',
        "- **Goal** (home team, 0.9, a header)",
        "Event: Goal\nTeam: home\nConfidence: 0.9\nDetails: a header",
        '<event type="Goal" team="home" confidence="0.9" details="a header"/>',
    ):
        assert parse(text).events == (expected,), text


EXAMPLE = '{"label": "Goal", "team": "home", "confidence": 0.9, "details": "one short sentence"}'


@pytest.mark.parametrize(
    "text",
    [
        PROMPT,
        f"[{EXAMPLE}]",
        f"```json\n[\n  {EXAMPLE}\n]\n```",
        EXAMPLE.replace('"', "'"),
        PROMPT.splitlines()[2],
        "\n".join(f"- {name}" for name in PROMPT.splitlines()[2].split(", ")),
        "Kick-off, Goal, Substitution, Offside",
    ],
)
def test_the_prompt_s_own_words_are_no_answer(text):
    assert parse_answer(text, asked_by(PROMPT)).status == "unparsed"


def test_an_answer_beside_the_prompt_s_own_words_counts():
    asked = asked_by(PROMPT)
    own = EXAMPLE.replace("one short sentence", "a header")
    assert parse_answer(f"[{EXAMPLE}, {own}]", asked).events[0].details == "a header"
    assert parse_answer("Which of these events happen in them?\nGoal", asked).events
    assert [e.label for e in parse_answer("Goal, Substitution", asked).events] == [
        "Goal",
        "Substitution",
    ]
    # A prompt's example without details may well be a true answer.
    bare = asked_by('Answer like this:\n[{"label": "Goal", "team": "home"}]\nGoal, Foul')
    assert parse_answer('[{"label": "Goal", "team": "home"}]', bare).status == "events"


def test_bare_words_are_names_where_the_prompt_lists_them():
    asked = asked_by("What happens?\n- Try\n- Conversion kick\nSay none if nothing does.")
    assert parse_answer("Try", asked).status == "events"
    assert parse_answer("conversion kicks", asked).status == "events"
    assert parse_answer("Goal", asked).status == "unparsed"
    assert parse_answer('{"label": "Goal"}', asked).status == "events"


def test_a_last_name_that_may_be_cut_off_is_not_read():
    for text, whole in (("- Foul\n- Goal", ["Foul"]), ("Foul, Goal", ["Foul"]), ("Goal", [])):
        assert [e.label for e in parse_answer(text, ASKED, is_cut=True).events] == whole


@pytest.mark.parametrize(
    ("text", "is_cut"),
    [
        ('[{"label": "Goal"}, {"label": "Cor', True),
        ('```json\n[{"label": "Goal", "details": "the ball', True),
        ('Here it is: [{"label": "Goal"},', True),
        ("[{'label': 'Goal'}, {'label'", True),
        ('[{"label": "Goal"}]', False),
        ('```json\n[{"label": "Goal"}]\n```', False),
        ('[{"label": "Goal"}] That is all', False),
        ("[{'label': 'Goal'}]", False),
        ("Goal", False),
        ("none", False),
        ("", False),
        ("[" * 100_000, True),
    ],
)
def test_an_answer_that_ends_in_the_middle_is_known(text, is_cut):
    assert is_cut_off(text) == is_cut
