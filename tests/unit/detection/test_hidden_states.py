"""The hidden state that is kept is what the first token of an answer comes from, at no cost."""

import pytest
import torch
from test_engine import GREEDY, kinds, pictures_of, stock_inputs, tasks
from test_evidence import ALONE, texts

from rounding import assert_near, assert_same_answers
from touchline.detection.engine import Answering
from touchline.detection.scheduler import halved
from touchline.detection.stopwatch import Stopwatch
from touchline.inputs.families import FAMILIES
from touchline.models.families import family
from touchline.models.families.base import Footage

FOOTAGE = Footage(320, 180, 1.0)


@pytest.fixture(scope="module", params=FAMILIES)
def model(request, checkpoints):
    return family(request.param)(checkpoints[request.param], "What happens?", FOOTAGE)


@pytest.fixture(scope="module")
def pictures(model):
    return pictures_of(model)


def answered(model, some, rows, keeps=True, settings=GREEDY):
    answering = Answering(
        model,
        settings,
        rows=rows,
        pictures=4 // model.frames_per_picture,
        clock=Stopwatch(),
        keeps_hidden=keeps,
    )
    return {task.index: found for task, found in answering.answers(iter(some))}


def by_the_library(model, task):
    """The last hidden state of transformers' own forward pass, behind the prompt."""
    ids, shown = stock_inputs(model, task)
    with torch.inference_mode():
        found = model.model(input_ids=ids, **shown, **kinds(model, ids), output_hidden_states=True)
    return found.hidden_states[-1][0, -1]


def test_the_hidden_state_is_the_library_s(model, pictures):
    for rows in (1, 5):
        found = answered(model, tasks(pictures), rows)
        for task in tasks(pictures):
            kept = torch.tensor(found[task.index].hidden)
            assert kept.dtype == torch.float16
            assert_near(kept.float(), by_the_library(model, task), share=0.002)


def test_the_head_makes_the_first_token_of_it(model, pictures):
    for answer in answered(model, tasks(pictures), 5).values():
        logits = model.model.lm_head(torch.tensor(answer.hidden).float())
        logprob = logits.log_softmax(-1)[answer.tokens[0]].item()
        assert logprob == pytest.approx(answer.logprobs[0], abs=0.01)


def test_answers_are_the_same_with_hidden_states_and_without(model, pictures):
    plain, kept = (answered(model, tasks(pictures), 4, keeps) for keeps in (False, True))
    assert_same_answers(kept, plain)
    assert all(answer.hidden is None for answer in plain.values())


def test_hidden_states_stay_without_answers(model, pictures):
    alone = Answering(
        model,
        ALONE,
        rows=4,
        pictures=4 // model.frames_per_picture,
        clock=Stopwatch(),
        candidates=model.tree_of(texts()),
        keeps_hidden=True,
    )
    found = {task.index: each for task, each in alone.answers(iter(tasks(pictures)))}
    both = answered(model, tasks(pictures), 4)
    for number, each in found.items():
        assert not each.tokens
        assert each.hidden.tolist() == both[number].hidden.tolist()


def test_what_float16_cannot_hold_is_its_largest():
    most = torch.finfo(torch.float16).max
    found = halved(torch.tensor([[1e9, -1e9, 0.5]]))
    assert found.tolist() == [[most, -most, 0.5]]
