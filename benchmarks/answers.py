"""Make random weights write answers that have the lengths and repeats of real ones.

Random weights never end an answer, and their texts never repeat. Here the embeddings and the
vocabulary head are set so that each token leads to its successors in generated answers. If there
are several successors, the pictures decide. All products have the shapes of the full model, so
times are valid. The generated answers follow the format of prompts/soccer_events.txt and use words
of real answers.
"""

from __future__ import annotations

import math
import random
import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

import torch

from touchline.models.families.base import VideoLanguageModel

_CONTEXT = 5  # number of last tokens that decide the next one
_FIRST_ID = 1000  # smaller ids are tokens of prompts
_LIKENESS = 0.85
_DIRECTIONS = 16
_SURE = 16.0  # logits of possible next tokens above all others
_CHANCE = 1.3  # as log-probabilities with noise of Gumbel's distribution are drawn from
TOKEN = re.compile(r"\s*[A-Za-z]{1,8}|\d|[^\sA-Za-z\d]+")
_LABELS = (
    *["Corner", "Foul", "Shots on target", "Shots off target", "Throw-in", "Clearance"] * 4,
    *["Goal", "Yellow card", "Substitution", "Ball out of play", "Offside", "Free kick"],
)
_WHO = (
    *["A player", "The player", "A defender", "The goalkeeper", "A midfielder", "The attacker"],
    *["A player in red", "A player in white", "The home team", "The visitors", "The captain"],
)
_DOES = (
    *["takes the kick", "clears the ball", "passes the ball", "shoots at the goal", "heads it on"],
    *["brings down an opponent", "crosses into the area", "dribbles past a defender", "falls down"],
    *["celebrates with the crowd", "argues with the referee", "throws the ball in", "runs back"],
)
_WHERE = (
    *["near the corner flag", "in the penalty area", "at the edge of the box", "on the left wing"],
    *["close to the touchline", "in midfield", "from a long distance", "in front of the goal"],
    *["after a foul", "under pressure", "as the replay shows", "while others watch", "on the line"],
)


def drawn(count: int, seed: int = 0) -> list[list[str]]:
    """Draw answers, each as a list of tokens."""
    source = random.Random(seed)
    answers = []
    for _ in range(count):
        events = []
        for _ in range(1 if source.random() < 0.85 else 2):
            details = " ".join(map(source.choice, (_WHO, _DOES, _WHERE)))
            team = source.choice(("home", "away", "unknown"))
            confidence = source.choice((0.9, 0.9, 0.9, 0.85, 0.95))
            events.append(
                f'{{"label": "{source.choice(_LABELS)}", "team": "{team}", '
                f'"confidence": {confidence}, "details": "{details}."}}'
            )
        answers.append(TOKEN.findall("[" + ", ".join(events) + "]"))
    return answers


@torch.inference_mode()
def teach(model: VideoLanguageModel, windows: Sequence[Sequence[torch.Tensor]]) -> None:
    """Set the embeddings and the vocabulary head of a model with random weights.

    Its answers are then those of `drawn`.

    Args:
        windows: pictures of some windows. The model's states for them decide between tokens.
    """
    follows, first, end = _states()
    library = model.model
    embeddings, head = library.get_input_embeddings().weight, library.lm_head.weight
    count, width = embeddings.shape
    last = int(model.prompt(len(windows[0])).ids[-1])
    ids = {state: place for place, state in enumerate(follows, _FIRST_ID)}
    ids |= {first: last, end: min(model.eos)}
    assert max(ids.values()) < count
    noise = torch.Generator(model.device).manual_seed(1)

    def normal(*shape: int) -> torch.Tensor:
        return torch.randn(shape, generator=noise, device=model.device)

    codes = normal(count, width)
    # Large enough that the layers hide neither the last token nor the pictures.
    for loud in (2.0**n for n in range(-4, 8)):
        embeddings.copy_(codes * loud)
        hidden = _last_hidden(model, windows[:4]).float()
        if torch.cosine_similarity(hidden, codes[last], dim=-1).median() > _LIKENESS:
            break
    hidden = _last_hidden(model, windows).float()
    seen = hidden - hidden.mean(0)
    directions = torch.linalg.svd(seen, full_matrices=False).Vh[:_DIRECTIONS]
    spread = (seen @ directions.T).std(0)
    chances = normal(count, len(directions)) / spread / len(directions) ** 0.5
    new = _CHANCE * chances @ directions
    level = (hidden @ codes[last]).mean()
    for state, nexts in follows.items():
        total = sum(nexts.values())
        for after, times in nexts.items():
            new[ids[after]] += (_SURE + math.log(times / total)) / level * codes[ids[state]]
    head.copy_(new)


def _last_hidden(
    model: VideoLanguageModel, windows: Sequence[Sequence[torch.Tensor]]
) -> torch.Tensor:
    """Return the inputs of the vocabulary head after the prompt, [windows, width]."""
    found = []
    for window in windows:
        features = model.encode(torch.stack(list(window)))[None]
        found.append(model.prefill(features, model.new_cache(1, len(window), 1), [0]).hidden)
    return torch.cat(found)


def _states(count: int = 3000) -> tuple[dict[Any, Counter[Any]], Any, Any]:
    """Return the states of `count` drawn answers, with counts of the states that follow.

    A state is the last few tokens, and the number of labels before them.
    """
    first, end = ("first",), ("end",)
    follows: defaultdict[Any, Counter[Any]] = defaultdict(Counter)
    for answer in drawn(count):
        state: Any = first
        for place in range(len(answer)):
            # All answers have the same end, so that it follows one place instead of hundreds. At
            # the same place, the pictures choose the same token, so a second event must not lead to
            # a third.
            closes = place + 1 == len(answer)
            begin = place + 1 - (1 if closes else min(_CONTEXT, place + 1))
            after = (answer[:place].count("label"), *answer[begin : place + 1])
            follows[state][after] += 1
            state = after
        follows[state][end] += 1
    return dict(follows), first, end
