"""Comparisons that tolerate rounding differences between processors.

A sum of float32 numbers depends on the order of its terms. The order depends on the processor, the
number of threads and the shape of a batch. So two computations of the same value agree only up to a
share of its size. If two tokens are equally likely, either can be chosen.
"""

from collections.abc import Mapping

import pytest
import torch

# Orders of summation differ by 4e-6. In these models, a wrong mask or position makes 2e-4 to 5e-3.
SHARE = 5e-5

# Some processors multiply 4-bit weights in bfloat16.
NF4_SHARE = 1e-3


def near(expected, share=SHARE):
    """Return an object that equals log-likelihoods or log probabilities up to rounding."""
    return pytest.approx(expected, rel=share, abs=10 * share)


def assert_near(ours: torch.Tensor, theirs: torch.Tensor, share: float = SHARE) -> None:
    """Assert that tensors differ by at most a share of their largest value."""
    ours, theirs = ours.float(), theirs.float()
    assert ours.shape == theirs.shape
    assert (ours - theirs).abs().max() <= share * theirs.abs().max()


def assert_same_greedy(ours, theirs, share=SHARE) -> None:
    """Assert that two greedy answers are equal up to a choice between equally likely tokens.

    Args:
        ours: tokens and log probabilities.
        theirs: tokens and log probabilities.
        share: allowed share of rounding differences.
    """
    for place, (mine, other) in enumerate(zip(ours.tokens, theirs.tokens, strict=False)):
        assert ours.logprobs[place] == near(theirs.logprobs[place], share), place
        if mine != other:
            # Both tokens are equally likely here, so the rest of the answers may differ.
            return
    assert len(ours.tokens) == len(theirs.tokens)


def assert_same_answers(
    ours: Mapping, theirs: Mapping, share: float = SHARE, sampled: bool = False
) -> None:
    """Assert that windows have the same answers from two computations.

    If two tokens are equally likely, or if a random number lies at the border of two tokens,
    rounding decides between them. So one window in ten may have another answer.

    Args:
        ours: answers by window.
        theirs: answers by window.
        share: allowed share of rounding differences.
        sampled: whether tokens were drawn at random.
    """
    assert set(ours) == set(theirs)
    different = [window for window in ours if ours[window].tokens != theirs[window].tokens]
    assert len(different) <= max(1, len(ours) // 10)
    for window, answer in ours.items():
        if window in different and sampled:
            continue
        assert_same_greedy(answer, theirs[window], share)
