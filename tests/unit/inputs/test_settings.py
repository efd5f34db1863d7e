"""Tests of settings: defaults in config.yaml, and one clear line per mistake."""

import re
from typing import Annotated, get_args, get_origin

import pytest
import yaml

from clones import ROOT
from touchline.errors import InputError
from touchline.inputs.settings import GenerationSettings, Section, Settings, read_settings

CONFIG = yaml.safe_load((ROOT / "config.yaml").read_text())
MODELS = {"llava": {"checkpoint": "some/model"}, "qwen7b": {"predictions": "p_{video}.json"}}


def test_config_yaml_has_every_setting_with_its_default():
    assert read_settings(CONFIG) == read_settings({"models": CONFIG["models"]})
    stated = {key: set(value) if isinstance(value, dict) else None for key, value in CONFIG.items()}
    assert set(stated) == set(Settings.model_fields)
    for section in (
        "window",
        "image",
        "generation",
        "merge",
        "shortlist",
        "comparison",
        "ensemble",
        "evaluation",
    ):
        assert stated[section] == set(Settings.model_fields[section].annotation.model_fields)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"windw": {}}, ["config.windw", "window?"]),
        ({"window": {"secnds": 3}}, ["config.window.secnds", "window.seconds?"]),
        ({"window": {"step": "two"}}, ["config.window.step", "'two'", "number"]),
        ({"window": {"step": 5}}, ["step (5 s)", "seconds (4 s)"]),
        ({"window": None}, ["config.window", "None", "group of settings"]),
        ({"shortlist": {"per_class": 0}}, ["config.shortlist.per_class", "0"]),
        ({"slices": 0}, ["config.slices", "0", "greater than or equal to 1"]),
        ({"max_duration": -3}, ["config.max_duration", "-3"]),
        ({"max_duration": float("nan")}, ["config.max_duration", "nan"]),
        ({"image": {"fit": "padd"}}, ["config.image.fit", "'padd'", "'pad'"]),
        ({"generation": {"top_p": 1.5}}, ["config.generation.top_p", "1.5"]),
        ({"comparison": {"chance_shifts": 3}}, ["config.comparison.chance_shifts", "20"]),
        ({"detect_with": "lava"}, ["detect_with", "lava", "did you mean llava?"]),
        ({"detect_with": ["qwen7b"]}, ["qwen7b", "no checkpoint", "compare_with"]),
        ({"compare_with": ["llava"]}, ["llava", "no predictions", "detect_with"]),
        ({"videos": None}, ["videos is null", "detect_with: []"]),
        ({"models": {"l_a": {"checkpoint": "x"}}}, ["'l_a'", "letters"]),
        ({"models": {"ensemble": {"checkpoint": "x"}}}, ["ensemble", "taken"]),
        ({"models": {"llava": {"checkpont": "x"}}}, ["models.llava.checkpont", "checkpoint?"]),
        ({"models": {"llava": {}}}, ["models.llava", "either checkpoint", "or predictions"]),
        (
            {"models": {"q": {"predictions": "p", "learned": "l"}}},
            ["models.q", "learned needs a model that runs"],
        ),
        (
            {
                "learn": True,
                "detect_with": "gpt",
                "models": {
                    "gpt": {
                        "family": "server",
                        "endpoint": "http://host:8000/v1",
                        "checkpoint": "m",
                    }
                },
            },
            ["learn needs a model's hidden states", "the server of gpt", "learn: false"],
        ),
        (
            {
                "models": {"q": {"predictions": "p.json"}},
                "videos": None,
                "detect_with": [],
                "compare_with": "q",
            },
            ["videos is null", "models.q", "{video}", "a table of videos"],
        ),
        ({"window": {"frames": 4, "seconds": 60, "step": 30}}, ["frames: 4", "would be skipped"]),
        ({"merge": {"window": float("inf")}}, ["config.merge.window", "inf"]),
        ({"slices": 10**400}, ["config.slices", "64"]),
        (
            {"models": {"llava": {"checkpoint": "x", "trust_code": True}}},
            ["models.llava", "trust_code", "set family: generic"],
        ),
        (
            {
                "models": {"llava": {"checkpoint": "x", "family": "generic"}},
                "generation": {"evidence": True},
            },
            ["generation.evidence", "llava is generic", "evidence: false"],
        ),
    ],
)
def test_mistake_in_settings_is_reported_in_one_line(given, words):
    with pytest.raises(InputError) as error:
        read_settings({"models": MODELS} | given)
    (line,) = str(error.value).splitlines()
    assert all(word in line for word in words), line


def test_all_mistakes_in_settings_are_reported_together():
    with pytest.raises(InputError) as error:
        read_settings({"models": MODELS, "slices": "many", "window": {"fps": 0}, "selct": 3})
    assert len(str(error.value).splitlines()) == 3


def test_single_model_and_number_need_no_list_or_quotes():
    settings = read_settings({"models": MODELS, "detect_with": "llava", "select": 3})
    assert settings.detect_with == ["llava"]
    assert settings.select == "3"
    listed = read_settings({"models": MODELS, "select": [0, "4-7"]})
    assert listed.select == "0,4-7"


def numbers(section, prefix=()):
    """Yield the place of every setting that can be a number."""
    for name, field in section.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, Section):
            yield from numbers(inner, (*prefix, name))
        elif {int, float} & set(map(without_annotation, [inner, *get_args(inner)])):
            yield (*prefix, name)


def without_annotation(kind):
    """Return a type without pydantic's annotations."""
    return get_args(kind)[0] if get_origin(kind) is Annotated else kind


def test_every_number_setting_has_a_finite_range():
    places = list(numbers(Settings))
    assert len(places) >= 20
    for place in places:
        for value in (float("inf"), float("-inf"), float("nan"), 1e300, -1e300, 10**30):
            config: object = [value] if place[-1] == "tolerances" else value
            for key in reversed(place):
                config = {key: config}
            with pytest.raises(InputError, match=re.escape(f"config.{'.'.join(place)}")):
                read_settings({"models": MODELS} | config)


def test_home_and_variables_in_paths_are_expanded(monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    monkeypatch.setenv("DATA", "/data")
    models = {"llava": {"checkpoint": "~/llava"}, "qwen7b": {"predictions": "$DATA/{video}.json"}}
    settings = read_settings({"models": models, "videos": "~/videos.tsv", "results": "$NONE/out"})
    assert settings.videos == "/home/me/videos.tsv"
    assert settings.models["llava"].checkpoint == "/home/me/llava"
    assert settings.models["qwen7b"].predictions == "/data/{video}.json"
    assert settings.results == "$NONE/out"


def test_settings_without_evidence_keep_old_results_valid():
    """Other hashes would make all results and unfinished slices of earlier versions invalid."""
    before = {
        "max_new_tokens": 256,
        "do_sample": False,
        "temperature": 0.7,
        "top_p": 0.9,
        "seed": 0,
    }
    assert GenerationSettings().shaping == before
    with_evidence = GenerationSettings(evidence=True).shaping
    assert with_evidence == before | {"evidence": True, "answers": True}
    assert with_evidence != GenerationSettings(evidence=True, answers=False).shaping


def test_settings_without_answers_and_evidence_are_rejected():
    with pytest.raises(
        InputError, match=r"config\.generation: answers and evidence are both false"
    ):
        read_settings(
            {"models": {}, "compare_with": [], "detect_with": [], "generation": {"answers": False}}
        )


SERVED = {"family": "server", "endpoint": "https://host:8000/v1/", "checkpoint": "a/model"}


def served(**changes):
    return read_settings({"models": MODELS | {"asked": SERVED | changes}, "detect_with": "asked"})


def test_server_model_needs_only_address_and_name():
    model = served().models["asked"]
    assert (model.is_served, model.endpoint) == (True, "https://host:8000/v1")
    assert model.access(read_settings({"models": MODELS}).batch).host == "host:8000"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"endpoint": None}, "needs endpoint"),
        ({"checkpoint": None}, "either checkpoint"),
        ({"endpoint": "host:8000"}, "not the address of a server"),
        ({"endpoint": "http://host:port/v1"}, "not the address of a server"),
        ({"endpoint": "ftp://host/v1"}, "not the address of a server"),
        ({"endpoint": "http://me:secret@host/v1"}, "leave them out"),
        ({"endpoint": "http://host/v1?key=secret"}, "leave them out"),
        ({"key_variable": "sk-secret"}, "not the name of an environment variable"),
        ({"key_variable": "secret0123456789abcdef"}, "not the name of an environment variable"),
        ({"quantization": "nf4"}, "quantization cannot be set"),
        ({"dtype": "float16"}, "dtype cannot be set"),
        ({"adapter": "my/lora"}, "adapter cannot be set"),
        ({"revision": "main"}, "revision cannot be set"),
        ({"frames_as": "gif"}, "frames_as is 'gif'"),
        ({"family": "qwen2_5_vl"}, "endpoint needs a model of a server"),
        ({"family": "sever"}, "did you mean server?"),
    ],
)
def test_invalid_server_settings_are_rejected_without_printing_secrets(changes, words):
    with pytest.raises(InputError) as caught:
        served(**changes)
    assert words in str(caught.value)
    assert "secret" not in str(caught.value)


def test_evidence_from_a_server_model_is_rejected():
    with pytest.raises(InputError, match="that the server of asked does not send"):
        read_settings(
            {
                "models": {"asked": SERVED},
                "detect_with": "asked",
                "generation": {"evidence": True},
            }
        )
