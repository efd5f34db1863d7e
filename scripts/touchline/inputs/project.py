"""The project's settings and files, for a run that may be started in another folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from touchline.core.files import read_text
from touchline.errors import InputError, plain
from touchline.inputs.places import as_on_disk
from touchline.inputs.settings import Settings


def settings_files(project: Path) -> list[Path]:
    """The project's config.yaml and, over it, that of the folder that a run is started in.

    Args:
        project: the folder of the Snakefile.

    Raises:
        InputError: one of them is no YAML; says where.
    """
    files = [project / "config.yaml"]
    own = Path("config.yaml")
    if own.exists() and not own.samefile(files[0]):
        files.append(own)
    for file in files:
        try:
            content = yaml.safe_load(read_text(file))
        except yaml.YAMLError as error:
            raise InputError(f"{file} is not a YAML file: {plain(error)}.") from error
        if not isinstance(content, dict):
            raise InputError(
                f"{file} holds no settings, such as `slices: 4`; write some, or delete it."
            )
    return files


def read_config(project: Path, files: Sequence[Path], words: Sequence[str]) -> dict[str, Any]:
    """The settings as Snakemake would put them together, each over those before.

    Args:
        project: the folder of the Snakefile.
        files: those after --configfile.
        words: those after --config.

    Raises:
        InputError: a file is not there or holds no settings, or a word is no KEY=VALUE.
    """
    config: dict[str, Any] = {}
    for path in [*settings_files(project), *files]:
        if not path.exists():
            raise InputError(
                f"There is no {path}; Snakemake takes every word after --configfile for a file, "
                "so use --configfile=my.yaml."
            )
        try:
            _update(config, dict(yaml.safe_load(read_text(path)) or {}))
        except (ValueError, TypeError, yaml.YAMLError) as error:
            raise InputError(f"{path} cannot be read as settings: {plain(error)}") from None
    for word in words:
        key, equals, value = word.partition("=")
        if not equals:
            raise InputError(
                f"--config {word}: write KEY=VALUE, and a list without spaces: select=0,1."
            )
        config[key] = yaml.safe_load(value)
    return config


def _update(below: dict[str, Any], above: Mapping[str, Any]) -> None:
    for key, value in above.items():
        if isinstance(value, dict) and isinstance(below.get(key), dict):
            _update(below[key], value)
        else:
            below[key] = value


def with_project_files(settings: Settings, project: Path) -> Settings:
    """Settings that name the project's labels, prompt and models where the user has none.

    A path is the user's as long as there is something by it, seen from where the run is started.

    Args:
        project: the folder of the Snakefile.
    """

    def found(path: str) -> str:
        own, shipped = as_on_disk(path), project / path
        return str(shipped) if shipped.exists() and not Path(own).exists() else own

    models = {
        name: model.model_copy(
            update={
                "checkpoint": found(model.checkpoint),
                "adapter": model.adapter and as_on_disk(model.adapter),
            }
        )
        if model.checkpoint and not model.is_served
        else model
        for name, model in settings.models.items()
    }
    return settings.model_copy(
        update={
            "labels": found(settings.labels),
            "prompt": found(settings.prompt),
            "models": models,
        }
    )
