"""Test that the kept hidden state is the source of an answer's first token."""

import pytest
import torch
from test_engine import answered, kinds, pictures_of, stock_inputs, tasks
from test_evidence import ALONE, weighed

from rounding import assert_near, assert_same_answers
from touchline.detection.scheduler import to_float16
from touchline.inputs.families import FAMILIES
from touchline.models.families import family
from touchline.models.families.base import Footage

FOOTAGE = Footage(320, 180, 1.0)


@pytest.fixture(scope="module", params=FAMILIES)
def model(request, checkpoints):
    return family(request.param)(checkpoints[request.param], "What happens?", FOOTAGE, "float32")


@pytest.fixture(scope="module")
def pictures(model):
    return pictures_of(model)


def with_states(model, some, rows):
    return answered(model, some, rows, keeps_hidden=True)


def by_the_library(model, task):
    """Return the last hidden state after the prompt, from transformers' own forward pass."""
    ids, shown = stock_inputs(model, task)
    with torch.inference_mode():
        found = model.model(input_ids=ids, **shown, **kinds(model, ids), output_hidden_states=True)
    return found.hidden_states[-1][0, -1]


def test_hidden_state_equals_transformers(model, pictures):
    for rows in (1, 5):
        found = with_states(model, tasks(pictures), rows)
        for task in tasks(pictures):
            kept = torch.tensor(found[task.index].hidden, device=model.device)
            assert kept.dtype == torch.float16
            assert_near(kept.float(), by_the_library(model, task), share=0.002)


def test_kept_hidden_state_predicts_the_first_token(model, pictures):
    for answer in with_states(model, tasks(pictures), 5).values():
        logits = model.model.lm_head(torch.tensor(answer.hidden, device=model.device).float())
        logprob = logits.log_softmax(-1)[answer.tokens[0]].item()
        assert logprob == pytest.approx(answer.logprobs[0], abs=0.01)


def test_keeping_hidden_states_does_not_change_answers(model, pictures):
    plain, kept = (how(model, tasks(pictures), 4) for how in (answered, with_states))
    assert_same_answers(kept, plain)
    assert all(answer.hidden is None for answer in plain.values())


def test_hidden_states_are_the_same_without_answers(model, pictures):
    found = weighed(model, tasks(pictures), 4, ALONE, keeps_hidden=True)
    both = with_states(model, tasks(pictures), 4)
    for number, each in found.items():
        assert not each.tokens
        assert each.hidden.tolist() == both[number].hidden.tolist()


def test_hidden_states_are_clamped_to_float16():
    most = torch.finfo(torch.float16).max
    found = to_float16(torch.tensor([[1e9, -1e9, 0.5]]))
    assert found.tolist() == [[most, -most, 0.5]]
