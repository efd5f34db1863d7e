"""Test that evidence equals transformers' likelihoods in every batch."""

import random

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from test_engine import answered, kinds, pictures_of, stock_inputs, tasks

from rounding import NF4_SHARE, assert_same_answers, near
from touchline.errors import InputError
from touchline.inputs.candidates import make_candidates
from touchline.inputs.families import FAMILIES
from touchline.inputs.settings import GenerationSettings
from touchline.models.candidate_tree import CandidateTree
from touchline.models.families import family
from touchline.models.families.base import Footage

CLASSES = ("Goal", "Goal kick", "Yellow card", "Yellow->red card", "Hjørnespark")
PROMPT = 'Answer like this:\n[{"label": "Goal", "team": "home"}]\nIf nothing happens: none'
BOTH = GenerationSettings(max_new_tokens=6, evidence=True)
ALONE = GenerationSettings(max_new_tokens=6, evidence=True, answers=False)
FOOTAGE = Footage(320, 180, 1.0)
FEW = (0, 4, 11)


@pytest.fixture(scope="module", params=FAMILIES)
def model(request, checkpoints):
    return family(request.param)(checkpoints[request.param], "What happens?", FOOTAGE, "float32")


@pytest.fixture(scope="module")
def pictures(model):
    return pictures_of(model)


def texts():
    return [(each.text, each.decided) for each in make_candidates(PROMPT, CLASSES)]


def weighed(model, tasks, rows, settings=BOTH, **more):
    return answered(model, tasks, rows, settings, candidates=model.build_tree(texts()), **more)


def by_the_library(model, task):
    """Return the likelihood of each candidate, computed alone by transformers' own forward pass."""
    ids, shown = stock_inputs(model, task)
    found = []
    for text, decided in texts():
        answer = model.tokenizer(text, add_special_tokens=False)["input_ids"]
        while model.tokenizer.decode(answer[:-1]).startswith(text[:decided]):
            answer = answer[:-1]
        full = torch.cat([ids, ids.new_tensor([answer])], dim=1)
        with torch.inference_mode():
            logits = model.model(input_ids=full, **shown, **kinds(model, full)).logits[0]
        rows = logits[ids.shape[1] - 1 : -1].log_softmax(-1)
        found.append(sum(row[token].item() for row, token in zip(rows, answer, strict=True)))
    return found


def test_evidence_equals_transformers_likelihoods(model, pictures):
    found = weighed(model, tasks(pictures, windows=FEW), 2)
    for task in tasks(pictures, windows=FEW):
        expected = by_the_library(model, task)
        assert list(found[task.index].evidence) == near(expected)
        assert len(set(expected)) == len(CLASSES) + 1


def test_nf4_evidence_equals_transformers(kind, quantized):
    model = kind(quantized, "What happens?", FOOTAGE, "float32")
    found = weighed(model, tasks(pictures_of(model), windows=FEW), 2)
    for task in tasks(pictures_of(model), windows=FEW):
        expected = by_the_library(model, task)
        assert list(found[task.index].evidence) == near(expected, NF4_SHARE)


def test_evidence_does_not_change_answers(model, pictures):
    settings = GenerationSettings(max_new_tokens=6)
    plain = answered(model, tasks(pictures), 4, settings)
    both = weighed(model, tasks(pictures), 4)
    assert_same_answers(both, plain)
    assert all(not g.evidence for g in plain.values())


def test_evidence_does_not_depend_on_other_windows(model, pictures):
    whole = {n: g.evidence for n, g in weighed(model, tasks(pictures), 4).items()}
    shuffled = list(range(11))
    random.Random(3).shuffle(shuffled)
    for windows in ([5], [9, 2, 7], [*shuffled, 11]):
        some = weighed(model, tasks(pictures, windows=windows), 4)
        assert set(some) == set(windows)
        for number, found in some.items():
            assert found.evidence == near(whole[number])


def test_evidence_does_not_depend_on_the_batch_size(model, pictures):
    whole = weighed(model, tasks(pictures), 1)
    for rows in (3, 16):
        for number, found in weighed(model, tasks(pictures), rows).items():
            assert found.evidence == near(whole[number].evidence)


def test_evidence_is_the_same_without_answers(model, pictures):
    both, alone = (weighed(model, tasks(pictures), 4, how) for how in (BOTH, ALONE))
    assert set(alone) == set(both)
    for number, found in alone.items():
        assert found.evidence == near(both[number].evidence)
    assert all(not g.tokens and not g.text for g in alone.values())


def test_infinite_evidence_gives_a_failed_window(model, pictures):
    """A window with infinite evidence has failed if no answers are requested."""
    broken = tasks(pictures, windows=[2])
    features = model.encode(broken[0].pictures[0].pixels[None])[0]
    broken[0].pictures[0].features = torch.full_like(features, torch.nan)
    assert weighed(model, broken, 4, ALONE) == {2: "not_finite"}
    assert weighed(model, broken, 4) == {2: "not_finite"}


# --- The candidates and their tree ------------------------------------------------------------


def test_candidate_is_the_example_in_the_prompt_with_the_class_name():
    first, *_, last = make_candidates(PROMPT, CLASSES[1:] + CLASSES[:1])
    assert first.text == '[{"label": "Goal kick", "team": "home"}]'
    assert first.text[: first.decided] == '[{"label": "Goal kick"'
    assert (last.name, last.text, last.decided) == ("none", "none", 4)


@pytest.mark.parametrize(
    ("prompt", "classes", "words"),
    [
        ("What happens? If nothing does, say none.", ("Goal",), "no example of an answer"),
        ('Like\n{"label": "Tor"}\nor none', ("Goal",), "no example of an answer"),
        ('Like\n{"label": "Goal"}', ("Goal",), 'allow the answer "none"'),
        ('Like\n{"label": "Goal"}\nor none', ("Goal", "none"), 'called "none"'),
    ],
)
def test_prompt_without_candidates_is_refused_with_advice(prompt, classes, words):
    with pytest.raises(InputError, match=words) as raised:
        make_candidates(prompt, classes)
    assert "generation.evidence" in str(raised.value)


ANSWERS = st.lists(
    st.lists(st.integers(0, 3), min_size=1, max_size=6), min_size=1, max_size=8, unique_by=tuple
)


@given(ANSWERS)
def test_candidate_tree_has_every_prefix_once(answers):
    tree = CandidateTree.of(answers)
    beginnings = {tuple(a[:k]) for a in answers for k in range(1, len(a))}
    assert len(tree.tokens) == len(beginnings)
    assert len(tree.leads_to) == len(beginnings | {tuple(a) for a in answers})
    tokens, leads_to = tree.tokens.tolist(), tree.leads_to.tolist()
    for answer, path in zip(answers, tree.paths, strict=True):
        assert [leads_to[step] for step in path] == answer
        for depth, step in enumerate(path):
            place = tree.predicted_by[step].item()
            if not depth:
                assert place == -1
                continue
            assert tree.depths[place] == depth - 1
            line = tree.seen[place].nonzero()[:, 0].tolist()
            ordered = sorted(line, key=lambda at: tree.depths[at].item())
            assert [tokens[at] for at in ordered] == answer[:depth]


def test_likelihood_of_a_candidate_is_the_sum_of_its_steps():
    tree = CandidateTree.of([[1, 2], [1, 3], [4]])
    assert tree.likelihoods([-1.0, -0.5, -0.25, -2.0]) == (-1.5, -1.25, -2.0)
