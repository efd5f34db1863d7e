"""Settings and files of the project, for a run that can start in another folder."""

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
    """Return the project's config.yaml and, if there is one, config.yaml in the current folder.

    Args:
        project: folder of the Snakefile.

    Raises:
        InputError: a file is no YAML or has no settings.
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
                f"{file} has no settings, such as `slices: 4`. Write some, or delete the file."
            )
    return files


def read_config(project: Path, files: Sequence[Path], words: Sequence[str]) -> dict[str, Any]:
    """Combine the settings as Snakemake does. Later sources override earlier ones.

    Args:
        project: folder of the Snakefile.
        files: files after --configfile.
        words: words after --config.

    Raises:
        InputError: a file does not exist or has no settings, or a word is not KEY=VALUE.
    """
    config: dict[str, Any] = {}
    for path in [*settings_files(project), *files]:
        if not path.exists():
            raise InputError(
                f"{path} does not exist. Snakemake reads every word after --configfile as a file, "
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
    """Overwrite settings of `below` with the settings of `above`, group by group."""
    for key, value in above.items():
        if isinstance(value, dict) and isinstance(below.get(key), dict):
            _update(below[key], value)
        else:
            below[key] = value


def with_project_files(settings: Settings, project: Path) -> Settings:
    """Use the project's labels, prompt and models where the user has no such file.

    If a path exists relative to the current folder, the user's file is used.

    Args:
        settings: the settings.
        project: folder of the Snakefile.
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
