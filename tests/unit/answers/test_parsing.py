"""Tests of the parser: every answer becomes “events”, “none” or “unparsed”."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clones import ROOT
from touchline.answers.asked import PromptContent
from touchline.answers.parsing import is_cut_off, parse_answer, parse_prompt, render_event
from touchline.answers.reading import MAX_CHARACTERS
from touchline.core.records import ParsedEvent
from touchline.inputs.labels import Labels

CLASSES = Labels.read(ROOT / "labels.yaml")
ASKED = PromptContent(CLASSES.is_spelling)
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
def test_all_answer_formats_give_the_same_event(text):
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
def test_all_events_of_an_answer_are_read(text):
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
def test_quotes_and_braces_inside_details_are_kept(details):
    event = ParsedEvent(label="Foul", details=details)
    assert parse(render_event(event)).events == (event,)


def test_unescaped_apostrophe_does_not_end_a_string():
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
def test_answer_that_only_denies_events_is_none(text):
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
def test_unreadable_answer_is_unparsed(text):
    assert parse(text).status == "unparsed"


COMPLETE = (
    '{"team": "home", "label": "Yellow card", "confidence": 0.95, "details": "a late tackle"}'
)


@pytest.mark.parametrize("length", range(len(COMPLETE)))
def test_cut_off_answer_gives_no_invented_label_or_number(length):
    answer = parse(COMPLETE[:length])
    if length < COMPLETE.index(', "confidence"'):
        assert answer.status == "unparsed"
        return
    (event,) = answer.events
    assert event.label == "Yellow card"
    assert event.confidence == (0.95 if ', "det' in COMPLETE[:length] else event.confidence)
    assert event.confidence in (None, 0.95)
    assert "a late tackle".startswith(event.details)


def test_label_without_closing_quote_is_not_guessed():
    assert parse('{"label": "Goal, "team": "home"}').status == "unparsed"
    assert parse('{"details": "x", "label": "Yellow}').status == "unparsed"
    assert parse("{label: Yellow").status == "unparsed"


def test_endless_answer_gives_its_complete_events():
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
def test_confidence_is_a_probability_or_missing(value, expected):
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
def test_team_is_home_away_or_missing(team, expected):
    (event,) = parse(f'{{"label": "Goal", "team": "{team}"}}').events
    assert event.team == expected


def test_score_in_an_answer_is_ignored():
    (event,) = parse('{"label": "Goal", "score": 1}').events
    assert event.score is None


def test_python_code_in_an_answer_is_not_run(tmp_path):
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
def test_parser_accepts_any_text_and_gives_writable_events(text):
    answer = parse(text)
    assert bool(answer.events) == (answer.status == "events")
    for event in answer.events:
        event.model_dump_json().encode()
        # Labels are never invented, so the text contains their letters.
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
def test_parsing_a_megabyte_takes_less_than_five_seconds(prefix, piece):
    begin = time.perf_counter()
    parse(prefix + piece * (1_000_000 // len(piece)))
    assert time.perf_counter() - begin < 5


def test_deeply_nested_event_is_read():
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
def test_rendered_event_is_parsed_back_unchanged(event):
    assert parse(render_event(event)).events == (event,)
    assert parse(render_event(event, said_by=[("llava", 4.0)])).events == (event,)


@settings(max_examples=100, deadline=None)
@given(st.lists(EVENTS, min_size=1, max_size=5))
def test_all_json_events_within_prose_are_found(events):
    text = "I see:\n" + "\nand then\n".join(event.model_dump_json() for event in events)
    assert parse(text).events == tuple(events)


def test_long_json_list_is_read_to_its_end():
    text = "[" + ", ".join(['{"label": "Goal"}'] * MAX_CHARACTERS) + "]"
    assert len(parse(text).events) == MAX_CHARACTERS


def test_long_details_are_cut_to_the_limit():
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
def test_event_names_are_read_in_every_common_form(text):
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
def test_negated_class_makes_no_event(text, found):
    assert labels(text) == found
    assert parse(text).status == ("events" if found else "none")


def test_team_and_confidence_and_details_after_a_class_are_read():
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
def test_answer_that_repeats_the_prompt_is_unparsed(text):
    assert parse_answer(text, parse_prompt(PROMPT)).status == "unparsed"


def test_answer_next_to_a_repetition_of_the_prompt_is_read():
    asked = parse_prompt(PROMPT)
    own = EXAMPLE.replace("one short sentence", "a header")
    assert parse_answer(f"[{EXAMPLE}, {own}]", asked).events[0].details == "a header"
    assert parse_answer("Which of these events happen in them?\nGoal", asked).events
    assert [e.label for e in parse_answer("Goal, Substitution", asked).events] == [
        "Goal",
        "Substitution",
    ]
    # A true answer can equal the prompt's example if the example has no details.
    bare = parse_prompt('Answer like this:\n[{"label": "Goal", "team": "home"}]\nGoal, Foul')
    assert parse_answer('[{"label": "Goal", "team": "home"}]', bare).status == "events"


def test_bare_words_are_class_names_if_the_prompt_lists_them():
    asked = parse_prompt("What happens?\n- Try\n- Conversion kick\nSay none if nothing does.")
    assert parse_answer("Try", asked).status == "events"
    assert parse_answer("conversion kicks", asked).status == "events"
    assert parse_answer("Goal", asked).status == "unparsed"
    assert parse_answer('{"label": "Goal"}', asked).status == "events"


def test_last_word_of_a_cut_off_answer_is_ignored():
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
def test_cut_off_answer_is_detected(text, is_cut):
    assert is_cut_off(text) == is_cut
