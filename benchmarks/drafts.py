"""Count the steps that drafts save, with real answers of a 7B model.

    TOUCHLINE_REAL_DATA=~/data python benchmarks/drafts.py

The folder has final_predictions_*.json files in qwen7b/, with answers to windows of 4 s every 2 s.
A half is divided into four slices. The scheduling is simulated: the rows, the groups in which free
rows are filled, and the tokens known at each step. Windows without an answer are answered "none". A
token is a part of a word or a sign (answers.py).

Expected before measuring: 64 rows begin together, so no draft is known for them. They are a sixth
of a slice. So answers of another slice should save a sixth of the steps, and the prompt half of it.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from answers import TOKEN
from models import PROMPT

from touchline.detection.drafts import Drafts

SLICE, STEP = 750, 2  # seconds
END = 0  # id of the end token


class Words(dict[str, int]):
    """Ids of tokens, which are given as they appear."""

    def __missing__(self, token: str) -> int:
        self[token] = 1 + len(self)
        return self[token]

    def ids(self, text: str) -> list[int]:
        """Return the ids of a text, without the end token."""
        return [self[token] for token in TOKEN.findall(text)]


def slices_of(file: Path, words: Words) -> Iterator[list[list[int]]]:
    """Yield the answers in each slice of a predictions file."""
    texts = {round(item["time"]): item["raw"] for item in json.loads(file.read_text())}
    for start in range(0, max(texts), SLICE):
        times = range(start, min(start + SLICE, max(texts)), STEP)
        yield [[*words.ids(texts.get(time, "none")), END] for time in times]


def count_steps(
    answers: Sequence[list[int]], drafts: Drafts, count: int, rows: int
) -> tuple[int, int, int]:
    """Simulate a slice.

    Args:
        answers: tokens of the answers.
        drafts: drafts, which learn from the answers.
        count: number of drafts per step.
        rows: number of windows at a time.

    Returns:
        The number of steps, the number of steps of rows that are not free, and the number of tokens
        of these rows.
    """
    waiting = list(reversed(answers))
    batch: dict[int, tuple[list[int], int]] = {}  # by row: an answer and its number of known tokens
    steps = busy = tokens = 0
    while waiting or batch:
        free = [row for row in range(rows) if row not in batch]
        if waiting and len(free) >= rows // 4:
            batch |= {row: (waiting.pop(), 1) for row in free[: min(rows // 4, len(waiting))]}
            continue
        steps += 1
        guesses = {row: drafts.next_tokens(own[:done], count) for row, (own, done) in batch.items()}
        for row, (own, done) in list(batch.items()):
            right = 0
            while right < count and own[done : done + right + 1] == guesses[row][: right + 1]:
                right += 1
            new = min(right + 1, len(own) - done)
            drafts.learn(own[: done + new], done - (done == 1))
            batch[row] = own, done + new
            busy, tokens = busy + 1, tokens + new
            if done + new == len(own):
                del batch[row]
    return steps, busy, tokens


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--drafts", type=int, nargs="+", default=[3, 5, 7])
    parser.add_argument("--rows", type=int, nargs="+", default=[64, 128])
    options = parser.parse_args()
    words = Words()
    files = sorted(Path(os.environ["TOUCHLINE_REAL_DATA"]).glob("qwen7b/final_predictions_*.json"))
    halves = [list(slices_of(file, words)) for file in files]
    print("| rows | drafts | known before | steps per slice | tokens per step of a row |")
    print("|---|---|---|---|---|")
    for rows in options.rows:
        for count in options.drafts:
            for before in ("nothing", "the prompt", "the prompt and a slice of another half"):
                found = []
                for number, half in enumerate(halves):
                    for answers in half:
                        drafts = Drafts()
                        if before != "nothing":
                            drafts.learn(words.ids(PROMPT))
                        for known in halves[number - 1][:1] if "another" in before else ():
                            for answer in known:
                                drafts.learn(answer)
                        found.append(count_steps(answers, drafts, count, rows))
                steps, busy, tokens = map(sum, zip(*found, strict=True))
                print(
                    f"| {rows} | {count} | {before} | {steps / len(found):.1f} | "
                    f"{tokens / busy:.2f} |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
