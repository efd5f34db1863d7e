"""Model checkpoints on disk: fetched from the hub, quantized once, found complete.

Only safetensors are ever read, at one revision, and no code of the checkpoint runs.
"""

from __future__ import annotations

import logging
import os
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from touchline.errors import InputError
from touchline.families import FAMILIES, family
from touchline.files import read_json, write_json

if TYPE_CHECKING:
    from transformers import PreTrainedModel

log = logging.getLogger(__name__)

_COMMIT = re.compile(r"[0-9a-f]{40}")
_FILES = ["*.json", "*.safetensors", "*.model", "*.txt", "*.jinja"]
_ORIGIN = "touchline_origin.json"


def fetch(checkpoint: str, revision: str | None, family_name: str, folder: Path) -> None:
    """Bring a checkpoint into a folder: a download from the hub, or links to a local one.

    The folder also gets a note of where it came from, with the commit that a branch
    name stood for. HF_TOKEN in the environment is used by the hub's client for gated
    models and is written nowhere.

    Args:
        family_name: what the checkpoint must be of.

    Raises:
        InputError: the checkpoint cannot be had, has no safetensors or is of another family;
            says what to do.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    if Path(checkpoint).is_dir():
        source = Path(checkpoint).resolve()
        for file in checkpoint_files(checkpoint):
            (folder / file.name).symlink_to(source / file.name)
        commit = None
    else:
        commit = _download(checkpoint, revision, folder)
    if not any(folder.glob("*.safetensors")):
        raise InputError(
            f"{checkpoint} has no *.safetensors; other weight files can run code and are not "
            "read: choose a checkpoint or a revision that has them."
        )
    if (found := read_model_type(folder)) != family_name:
        raise InputError(
            f"{checkpoint} is of the family {found}, but its entry in models says {family_name}; "
            f"write family: {found}, or choose another checkpoint."
        )
    write_json(folder / _ORIGIN, {"checkpoint": checkpoint, "commit": commit})


def checkpoint_files(folder: str | Path) -> list[Path]:
    """The files of a local checkpoint folder that a model is made from."""
    return sorted(file for pattern in _FILES for file in Path(folder).glob(pattern))


def _download(checkpoint: str, revision: str | None, folder: Path) -> str:
    # Imported here, as the hub's client is slow to import and used on one machine only.
    from huggingface_hub import HfApi, snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled, RepositoryNotFoundError

    try:
        commit: str | None = HfApi().model_info(checkpoint, revision=revision).sha
        if commit is None:
            raise InputError(f"{checkpoint}: the hub names no commit for revision {revision}.")
        if not _COMMIT.fullmatch(revision or ""):
            log.warning(
                "%s: revision %s is commit %s today; set revision to it, so that the model "
                "stays the same.",
                checkpoint,
                revision or "main",
                commit,
            )
        snapshot_download(checkpoint, revision=commit, allow_patterns=_FILES, local_dir=folder)
    except RepositoryNotFoundError as error:
        raise InputError(
            f"{checkpoint} is neither a folder here nor a model on the hub that this machine may "
            "read; correct models.*.checkpoint, or set HF_TOKEN for a gated model."
        ) from error
    except (HfHubHTTPError, OfflineModeIsEnabled, OSError, ValueError) as error:
        raise InputError(
            f"{checkpoint} cannot be downloaded ({type(error).__name__}: {_first_line(error)}); "
            "run `snakemake models` on a machine with internet, or set checkpoint to a folder."
        ) from error
    # The client's own bookkeeping; it would make the folder look changed.
    shutil.rmtree(folder / ".cache", ignore_errors=True)
    return commit


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [""])[0]


def quantize(source: Path, folder: Path) -> None:
    """Save a checkpoint's language model in 4-bit NF4 (QLoRA, arXiv:2305.14314).

    The vision tower and the output layer keep their precision: they are small and lose
    most. The weights are saved before any forward pass, since that may
    repack them for the processor at hand.

    Raises:
        InputError: the checkpoint is not of a known family, or is already quantized.
    """
    model = load_quantizing(source)
    shutil.rmtree(folder, ignore_errors=True)
    model.save_pretrained(folder)
    for file in checkpoint_files(source):
        weights = ".safetensors" in file.name
        # What the model wrote itself (its config, with the quantization) stays.
        if not weights and not (folder / file.name).exists():
            shutil.copyfile(file, folder / file.name)
    _share(folder)


def load_quantizing(source: Path) -> PreTrainedModel:
    """A checkpoint in memory, its language model turned into 4-bit NF4 on the way.

    Raises:
        InputError: as `quantize`.
    """
    import torch
    from transformers import BitsAndBytesConfig

    hush_libraries()
    kind = family(read_model_type(source))
    if "quantization_config" in read_json(source / "config.json"):
        raise InputError(f"{source} is quantized already; set quantization: none for this model.")
    return kind.architecture.from_pretrained(
        source,
        local_files_only=True,
        use_safetensors=True,
        device_map="cuda:0" if torch.cuda.is_available() else "cpu",
        quantization_config=BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            # These keep their precision: they are small, and they lose most. A list replaces
            # the library's own, so it must name lm_head too.
            llm_int8_skip_modules=[*kind.vision, "lm_head"],
        ),
    )


def hush_libraries() -> None:
    """Keep progress bars and a hint at an optional package out of the logs."""
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)


def read_model_type(folder: Path) -> str:
    """The family that a checkpoint's config.json states.

    Raises:
        InputError: it states none that the detector knows.
    """
    stated = read_json(folder / "config.json").get("model_type")
    if stated not in FAMILIES:
        raise InputError(
            f"{folder} holds a model of type {stated!r}, but the detector runs "
            f"{' and '.join(FAMILIES)}; correct models.*.checkpoint."
        )
    return str(stated)


def _share(folder: Path) -> None:
    """Weights are written private to the user; a cluster's group may want to read them."""
    mode = (folder / "config.json").stat().st_mode
    for file in folder.glob("*.safetensors"):
        os.chmod(file, mode)
