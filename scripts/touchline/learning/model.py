"""Store a learnt model in a file.

For each group of games, the model has a part that was learnt without this group.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.numpy import save

from touchline.core.files import write_bytes
from touchline.evidence.features import VideoFeatures
from touchline.evidence.origin import FeatureOrigin
from touchline.evidence.tables import Evidence
from touchline.learning.note import ENTRY, read_note
from touchline.learning.records import LearntGame, LearntNote, LearntPart
from touchline.learning.reduction import Floats, directions, standardize, with_context
from touchline.learning.training import Fit

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class LearntModel:
    """A model learnt from the games with annotations.

    Attributes:
        note: origin of the features, games, and parts.
        tensors: components, weights, intercepts and floors of each part, by name.
    """

    note: LearntNote
    tensors: dict[str, Floats]

    @classmethod
    def of(
        cls,
        origin: FeatureOrigin,
        games: Sequence[LearntGame],
        fits: Sequence[tuple[Sequence[str], Fit]],
        width: int,
    ) -> LearntModel:
        """Combine learnt parts into a model.

        Args:
            origin: origin of the features.
            games: games with annotations.
            fits: each part with the games left out of its training.
            width: width of a window's features.
        """
        projection, tensors, parts = directions(width), {}, []
        for number, (without, fit) in enumerate(fits):
            parts.append(
                LearntPart(without=[*without], classes=[*fit.classes], strength=fit.strength)
            )
            tensors[f"{number}.components"] = projection @ fit.components
            tensors[f"{number}.weights"] = fit.weights
            tensors[f"{number}.intercepts"] = fit.intercepts
            tensors[f"{number}.floors"] = fit.floors
        return cls(LearntNote(origin=origin, games=[*games], parts=parts), tensors)

    def write(self, path: str | Path) -> None:
        """Write the model as safetensors, which cannot contain code."""
        tensors = {name: np.ascontiguousarray(each) for name, each in self.tensors.items()}
        write_bytes(path, save(tensors, {ENTRY: self.note.model_dump_json()}))

    @classmethod
    def read(cls, path: str | Path) -> LearntModel:
        """Read a file that `write` wrote.

        Raises:
            InputError: the file is missing, or is not a learnt model.
        """
        note = read_note(path)
        with safe_open(path, framework="numpy") as file:
            return cls(note, {name: file.get_tensor(name) for name in [*file.keys()]})

    def probabilities(self, features: VideoFeatures, game: str, fingerprint: str) -> Evidence:
        """Compute the probability of each class in each window of a video, learnt from other games.

        A game of the training is recognized by its name, or by the content of one of its videos.

        Args:
            features: features of the video.
            game: game of the video.
            fingerprint: fingerprint of the video.
        """
        part = self._part_for(game, fingerprint)
        if part is None:
            log.warning(
                "No class is spotted. The video matches several training games, and each model "
                "was trained on one or more of them."
            )
            nothing = np.full((len(features.windows), 1), np.nan)
            nothing[features.answered] = 0.0
            return Evidence(features.windows, (), nothing, "learned")
        components, weights, intercepts, floors = (
            self.tensors[f"{part}.{name}"]
            for name in ("components", "weights", "intercepts", "floors")
        )
        values = with_context(
            standardize(features.states) @ components.reshape(features.states.shape[1], -1)
            if len(features.states)
            else np.zeros((0, components.shape[1]), np.float32),
            features.answered,
            features.windows[:, 0],
            features.origin.window["step"],
        )
        classes = tuple(self.note.parts[part].classes)
        found = np.full((len(features.windows), len(classes) + 1), np.nan)
        found[features.answered] = log_probabilities(
            np.maximum(values @ weights.T + intercepts, floors)
        )
        return Evidence(features.windows, classes, found, "learned")

    def _part_for(self, game: str, fingerprint: str) -> int | None:
        """Return the number of the part that was learnt without the game of a video, or None."""
        names = {
            each.game
            for each in self.note.games
            if each.game == game or fingerprint in each.fingerprints
        }
        fitting = (
            number
            for number, part in enumerate(self.note.parts)
            if (names <= set(part.without) if names else not part.without)
        )
        return next(fitting, None)


def log_probabilities(logits: NDArray[np.floating]) -> NDArray[np.float64]:
    """Compute log-probabilities, [windows, classes + 1]. The last column is for no class.

    Args:
        logits: log-odds of each class, [windows, classes].
    """
    exact = logits.astype(np.float64)
    none = -np.logaddexp(0.0, exact).sum(axis=1)
    return np.column_stack([-np.logaddexp(0.0, -exact), none])
