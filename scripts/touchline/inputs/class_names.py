"""Checks of the classes that the settings name, against labels.yaml."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from touchline.core.soccernet import SOCCERNET_CLASSES
from touchline.errors import InputError, nearest
from touchline.inputs.labels import Labels
from touchline.inputs.settings import Settings


def resolve_class_names(settings: Settings, taught: Sequence[str] = ()) -> Settings:
    """Check the classes that the settings name, and replace spellings in weights by class names.

    Weights may use any spelling of labels.yaml. The file is read only if the settings name a class.

    Args:
        settings: the settings.
        taught: classes that annotations name and labels.yaml does not have.

    Raises:
        InputError: labels.yaml cannot be read, or a name is not a class. There is one line per
            name.
    """
    weights, classes = settings.ensemble.weights, settings.evaluation.classes or ()
    if not classes and not any(isinstance(each, dict) for each in weights.values()):
        return settings
    labels = Labels.read(settings.labels, taught)
    valid = list(dict.fromkeys([*labels.classes, *SOCCERNET_CLASSES]))
    mistakes = [
        f"config.evaluation.classes: {name!a} is not a class in labels.yaml"
        f"{nearest(labels.canonical(name) or name, valid)}"
        for name in classes
        if name not in valid
    ]
    weighted = {
        model: _by_class(model, each, labels, mistakes) if isinstance(each, dict) else each
        for model, each in weights.items()
    }
    if mistakes:
        raise InputError("\n".join(mistakes))
    ensemble = settings.ensemble.model_copy(update={"weights": weighted})
    return settings.model_copy(update={"ensemble": ensemble})


def _by_class(
    model: str, weights: Mapping[str, float], labels: Labels, mistakes: list[str]
) -> dict[str, float]:
    """Return a model's weights by class. Words in `not_classes` of labels.yaml stay unchanged."""
    found: dict[str, float] = {}
    for name, weight in weights.items():
        label = labels.canonical(name) or name
        if not labels.is_spelling(name):
            mistakes.append(
                f"config.ensemble.weights.{model}: {name!a} is not a class in labels.yaml"
                f"{nearest(name, labels.classes)}"
            )
        elif label in found:
            mistakes.append(
                f"config.ensemble.weights.{model} names the class {label} twice. Keep one of its "
                "spellings."
            )
        found[label] = weight
    return found
