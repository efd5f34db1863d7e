"""Files that come with the project, for a run that is started in another folder."""

from __future__ import annotations

from pathlib import Path

import yaml

from touchline.core.files import read_text
from touchline.errors import InputError, plain
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


def with_project_files(settings: Settings, project: Path) -> Settings:
    """Settings that name the project's labels, prompt and models where the user has none.

    A path is the user's as long as there is something by it, seen from where the run is started.

    Args:
        project: the folder of the Snakefile.
    """

    def found(path: str) -> str:
        own, shipped = Path(path), project / path
        return str(shipped) if shipped.exists() and not own.exists() else path

    models = {
        name: model.model_copy(update={"checkpoint": found(model.checkpoint)})
        if model.checkpoint
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
