"""Test that rules and scripts agree on each record of parameters."""

import json
import re
from dataclasses import replace
from types import SimpleNamespace

import pytest
from pydantic import TypeAdapter

from clones import ROOT
from touchline.runs.plan import Plan
from touchline.runs.rule_params import (
    ClassParams,
    DetectSliceParams,
    FetchAdapterParams,
    LearnModelParams,
    PlannedJob,
    RecordRunParams,
    RuleParams,
)

WILDCARDS = SimpleNamespace(model="runs", video="3", slice="0")
RECORDS = [
    each
    for each in (*RuleParams.__subclasses__(), *ClassParams.__subclasses__())
    if each is not ClassParams
]


def is_plain(value) -> bool:
    """Return whether a value has only types whose changes Snakemake notices."""
    if isinstance(value, dict):
        return all(is_plain(each) for pair in value.items() for each in pair)
    if isinstance(value, list):
        return all(is_plain(each) for each in value)
    return value is None or type(value) in (bool, int, float, str)


def with_adapter(plan):
    settings = plan.inputs.settings
    model = settings.models["runs"].model_copy(update={"adapter": "adapter"})
    models = settings.models | {"runs": model}
    return with_settings(plan, models=models)


def with_settings(plan, **changes):
    settings = plan.inputs.settings.model_copy(update=changes)
    return Plan(replace(plan.inputs, settings=settings))


@pytest.mark.parametrize("record", [each for each in RECORDS if each is not RecordRunParams])
def test_script_reads_the_parameters_of_its_rule(plan, record):
    plan = with_adapter(plan) if record is FetchAdapterParams else plan
    made = record.plain(PlannedJob(plan, WILDCARDS))
    passed = {name: made[name] for name in record.param_names(plan)}
    assert is_plain(passed)
    read = record.read(SimpleNamespace(params=passed))
    # A list that is read may be a tuple.
    assert json.dumps(TypeAdapter(record).dump_python(read)) == json.dumps(made)


def test_classes_are_a_parameter_only_with_evidence(plan):
    assert "classes" not in DetectSliceParams.param_names(plan)
    generation = plan.inputs.settings.generation.model_copy(update={"evidence": True})
    weighing = with_settings(plan, generation=generation)
    assert "classes" in DetectSliceParams.param_names(weighing)
    passed = DetectSliceParams.plain(PlannedJob(weighing, WILDCARDS))
    assert passed["classes"] == list(plan.inputs.classes)


def test_taught_classes_are_a_parameter_only_if_a_class_is_taught(plan):
    for record in ClassParams.__subclasses__():
        assert "taught" not in record.param_names(plan)
        taught = Plan(replace(plan.inputs, taught=["Drinks break"]))
        assert "taught" in record.param_names(taught)
        if record is not LearnModelParams:
            made = record.plain(PlannedJob(taught, WILDCARDS))
            assert made["taught"] == ["Drinks break"]


def test_rule_and_script_use_the_same_record():
    rules = [
        rule
        for path in (ROOT / "rules").glob("*.smk")
        for rule in re.split(r"^rule ", path.read_text(), flags=re.MULTILINE)[1:]
        if "    params:" in rule
    ]
    records = {re.search(r"rule_params\.(\w+)", rule)[1] for rule in rules}
    assert len(records) == len(rules) == len(RECORDS)
    for rule in rules:
        record = re.search(r"rule_params\.(\w+)", rule)[1]
        script = re.search(r'"\.\./(scripts/\w+\.py)"', rule)[1]
        assert f"{record}.read(" in (ROOT / script).read_text(), script
