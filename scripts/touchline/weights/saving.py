"""Save a loaded model as a checkpoint folder, with the other files of its source."""

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
    """Save a model to a folder, and replace the folder's old contents.

    The model was made from the checkpoint `source`.

    Raises:
        InputError: the disk is full, or the folder may not be written.
    """
    shutil.rmtree(folder, ignore_errors=True)
    with name_file_in_errors(folder):
        model.save_pretrained(folder)
    for file in checkpoint_files(source):
        weights = ".safetensors" in file.name
        # Keep the files that the model wrote (its config, with the quantization).
        if not weights and not (folder / file.name).exists():
            shutil.copyfile(file, folder / file.name)
    # The library makes weights private to the user, but a group on a cluster may need them.
    mode = (folder / "config.json").stat().st_mode
    for file in folder.glob("*.safetensors"):
        _share(file, mode)


def _share(file: Path, mode: int) -> None:
    """Give a file the mode of a new file, unless the file system refuses."""
    if file.stat().st_mode == mode:
        return
    try:
        os.chmod(file, mode)
    except OSError as error:
        log.warning("%s may be readable only by you: %s.", file, error.strerror)
