"""Tests that answers drawn from the grammar of docs/answers.md are read correctly."""

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from clones import ROOT
from touchline.answers.asked import PromptContent
from touchline.answers.parsing import parse_answer
from touchline.core.records import ParsedEvent
from touchline.inputs.labels import Labels

CLASSES = Labels.read(ROOT / "labels.yaml")
ASKED = PromptContent(CLASSES.is_spelling)


def parse(text: str):
    return parse_answer(text, ASKED)


OBJECTS = st.sampled_from(["event", "events", "soccer event", "notable action", "incidents"])
WHERE = st.sampled_from(["", " in these frames", " in the video clip", " here", " that I can see"])
STATEMENTS = st.one_of(
    st.sampled_from(["none", "None.", "NONE", "no", "nothing", "N/A", "null", "not applicable"]),
    st.builds("{0} {1}{2}".format, st.sampled_from(["No", "There are no"]), OBJECTS, WHERE),
    st.builds("I {0} see any {1}{2}.".format, st.sampled_from(["don't", "do not"]), OBJECTS, WHERE),
    st.builds("None of the {0} listed above occur{1}.".format, OBJECTS, WHERE),
)
IDLE = st.sampled_from(
    ["the players walk back", "midfield play, a wide view", "a replay of a pass"]
)
EXPLANATIONS = st.one_of(
    st.just(""),
    st.builds(" ({})".format, IDLE),
    st.builds("\n\nExplanation: {}, no goal.".format, IDLE),
    st.builds("\n{}".format, IDLE),
)
LEAD_INS = st.sampled_from(["", "Answer: ", "**Final answer:** ", "Here is the result:\n"])
FENCES = st.sampled_from(["{}", "```\n{}\n```", "```json\n{}\n```", "```text\n{}\n```", "  {}\n\n"])


@settings(max_examples=300, deadline=None)
@given(LEAD_INS, STATEMENTS, EXPLANATIONS, FENCES)
def test_every_negative_answer_of_the_grammar_is_read_as_none(
    lead_in, statement, explanation, fence
):
    text = fence.format(lead_in + statement + explanation)
    assert parse(text).status == "none", text


NAMES = st.sampled_from(CLASSES.classes)
KEYS = st.sampled_from(["label", "Label", "event", "EVENT", "type", "name", "event_type"])
DRAWN = st.builds(
    ParsedEvent,
    label=NAMES,
    team=st.sampled_from(["home", "away", None]),
    confidence=st.none() | st.sampled_from([0.0, 0.25, 0.9, 1.0]),
)


def as_object(event: ParsedEvent, key: str, dump=json.dumps) -> str:
    """Write an event as an object."""
    return dump({key: event.label, "team": event.team, "confidence": event.confidence})


def as_pairs(event: ParsedEvent, template: str, between: str) -> str:
    """Write an event as pairs of key and value."""
    pairs = {"label": event.label, "team": event.team, "confidence": event.confidence}
    return between.join(
        template.format(key=key, value=value) for key, value in pairs.items() if value is not None
    )


# Each form writes events as one text, with all their fields.
FORMS = {
    "objects": lambda events, key: "\n".join(as_object(e, key) for e in events),
    "list": lambda events, key: "[" + ", ".join(as_object(e, key) for e in events) + "]",
    "python": lambda events, key: "[" + ", ".join(as_object(e, key, repr) for e in events) + ",]",
    "inside": lambda events, key: f'{{"events": [{", ".join(as_object(e, key) for e in events)}]}}',
    "named": lambda events, key: "\n".join(
        json.dumps({e.label: {"team": e.team, "confidence": e.confidence}}) for e in events
    ),
    "attributes": lambda events, key: "\n".join(
        "<event " + as_pairs(e, '{key}="{value}"', " ") + "/>" for e in events
    ),
    "elements": lambda events, key: "".join(
        f"<event>{as_pairs(e, '<{key}>{value}</{key}>', '')}</event>" for e in events
    ),
    "lines": lambda events, key: "\n\n".join(as_pairs(e, "{key}: {value}", "\n") for e in events),
}  # fmt: skip
# These forms write only the names of events.
NAME_FORMS = {
    "bullets": lambda names: "\n".join(f"- **{name}**" for name in names),
    "numbers": lambda names: "\n".join(f"{n}. {name}" for n, name in enumerate(names, 1)),
    "listed": lambda names: "\n".join(f"* {name}: as the ball is played" for name in names),
    "commas": ", ".join,
    "strings": json.dumps,
    "one label": lambda names: json.dumps({"label": names}),
    "one text": lambda names: json.dumps({"label": " and ".join(names)}),
}


@settings(max_examples=400, deadline=None)
@given(
    st.lists(DRAWN, min_size=1, max_size=4), st.sampled_from(sorted(FORMS)), KEYS, LEAD_INS, FENCES
)
def test_events_in_every_form_are_read_completely(events, form, key, lead_in, fence):
    text = fence.format(lead_in + FORMS[form](events, key).replace("{", "{{").replace("}", "}}"))
    assert parse(text.replace("{{", "{").replace("}}", "}")).events == tuple(events), text


@settings(max_examples=400, deadline=None)
@given(
    st.lists(NAMES, min_size=1, max_size=4), st.sampled_from(sorted(NAME_FORMS)), LEAD_INS, FENCES
)
def test_names_in_every_form_are_read_completely(names, form, lead_in, fence):
    text = lead_in + NAME_FORMS[form](names)
    assert [e.label for e in parse(fence.replace("{}", text)).events] == names, text


@settings(max_examples=400, deadline=None)
@given(st.lists(DRAWN, min_size=1, max_size=3), st.sampled_from(sorted(FORMS)), KEYS, st.data())
def test_incomplete_answer_gives_only_complete_events(events, form, key, data):
    text = FORMS[form](events, key)
    cut = data.draw(st.integers(0, len(text)))
    names = [event.label for event in events]
    found = [event.label for event in parse_answer(text[:cut], ASKED, is_cut=True).events]
    assert found == names[: len(found)], text[:cut]
