"""What two processors may differ in: the last digits of a model's arithmetic.

A sum of float32 numbers depends on the order of its terms, which depends on the processor, the
number of threads and the shape of a batch. So two ways to compute the same thing agree to a share
of the values' size, and where two tokens are equally likely either may be chosen.
"""

from collections.abc import Mapping

import pytest
import torch

# Orders of summing differ by 4e-6. In these models a wrong mask or position makes 2e-4 to 5e-3.
SHARE = 5e-5

# Some processors multiply 4-bit weights in bfloat16.
NF4_SHARE = 1e-3


def near(expected, share=SHARE):
    """Numbers that differ from these by rounding only: log-likelihoods or log probabilities."""
    return pytest.approx(expected, rel=share, abs=10 * share)


def assert_near(ours: torch.Tensor, theirs: torch.Tensor, share: float = SHARE) -> None:
    """Assert that tensors differ by a share of their largest value at most."""
    ours, theirs = ours.float(), theirs.float()
    assert ours.shape == theirs.shape
    assert (ours - theirs).abs().max() <= share * theirs.abs().max()


def assert_same_greedy(ours, theirs, share=SHARE) -> None:
    """Assert that two greedy answers are the same, but for a choice between equals.

    Args:
        ours, theirs: tokens and log probabilities.
    """
    for place, (mine, other) in enumerate(zip(ours.tokens, theirs.tokens, strict=False)):
        assert ours.logprobs[place] == near(theirs.logprobs[place], share), place
        if mine != other:
            # Both are the likeliest token there; what follows is about different texts.
            return
    assert len(ours.tokens) == len(theirs.tokens)


def assert_same_answers(
    ours: Mapping, theirs: Mapping, share: float = SHARE, sampled: bool = False
) -> None:
    """Assert that windows have the same answers, computed in two ways.

    Where two tokens are equally likely, or a random number lies on the edge between two, rounding
    decides. So one window in ten may have another answer.

    Args:
        ours, theirs: answers by window.
        sampled: tokens were drawn.
    """
    assert set(ours) == set(theirs)
    different = [window for window in ours if ours[window].tokens != theirs[window].tokens]
    assert len(different) <= max(1, len(ours) // 10)
    for window, answer in ours.items():
        if window in different and sampled:
            continue
        assert_same_greedy(answer, theirs[window], share)
