"""A loaded model as a checkpoint folder, with what stood beside its weights."""

from __future__ import annotations

import logging
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from touchline.core.disk import name_file_in_errors
from touchline.weights.checkpoints import checkpoint_files

if TYPE_CHECKING:
    from transformers import PreTrainedModel

log = logging.getLogger(__name__)


def save(model: PreTrainedModel, source: Path, folder: Path) -> None:
    """Write a model that was made from a checkpoint to a folder, anew.

    Raises:
        InputError: there is no room, or no permission.
    """
    shutil.rmtree(folder, ignore_errors=True)
    with name_file_in_errors(folder):
        model.save_pretrained(folder)
    for file in checkpoint_files(source):
        weights = ".safetensors" in file.name
        # What the model wrote itself (its config, with the quantization) stays.
        if not weights and not (folder / file.name).exists():
            shutil.copyfile(file, folder / file.name)
    # Weights are written private to the user; a cluster's group may want to read them.
    mode = (folder / "config.json").stat().st_mode
    for file in folder.glob("*.safetensors"):
        _share(file, mode)


def _share(file: Path, mode: int) -> None:
    """Give a file the mode of a new file; the file system may refuse that."""
    if file.stat().st_mode == mode:
        return
    try:
        os.chmod(file, mode)
    except OSError as error:
        log.warning("%s may be readable by you alone: %s.", file, error.strerror)
