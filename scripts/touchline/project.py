"""Files that come with the project, for a run that is started in another folder."""

from __future__ import annotations

from pathlib import Path

from touchline.config import Settings


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
