"""Bring checkpoints into the folders that a run reads, and check them before they are loaded.

Only safetensors are read, at one commit. A checkpoint's own code is fetched and runs only if the
model has `trust_code: true`.
"""

from __future__ import annotations

import logging
import os
import shutil
import threading
from collections.abc import Collection
from contextlib import suppress
from dataclasses import asdict, dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from touchline.core.files import read_json, read_record, write_json
from touchline.core.records import Origin
from touchline.errors import InputError, nearest_file, plain
from touchline.inputs.families import FAMILIES, GENERIC
from touchline.weights import hub

log = logging.getLogger(__name__)

_SMALL_FILES = ("*.json", "*.model", "*.txt", "*.jinja")
_FILES = (*_SMALL_FILES, "*.safetensors")
_WEIGHTS = "model.safetensors"
_INDEX = "model.safetensors.index.json"
ORIGIN = "touchline_origin.json"
_CODE = "*.py"
# Note for the family generic, because config.json may name any model_type.
_GENERIC_NOTE = "touchline_generic.json"
_POINTER = b"version https://git-lfs.github.com/spec/"


@dataclass(frozen=True)
class GenericNote:
    """A note in a checkpoint's folder which says that the family generic runs it.

    Attributes:
        trust_code: Whether the checkpoint's own code may run.
        quantizes_at_load: Whether weights are quantized to 4 bits at every load, because no 4-bit
            copy of the model can be saved.
    """

    trust_code: bool = False
    quantizes_at_load: bool = False


def fetch(
    checkpoint: str,
    revision: str | None,
    family_name: str,
    folder: Path,
    *,
    trust_code: bool = False,
) -> None:
    """Bring a checkpoint into a folder: download it from the hub, or link to a folder on disk.

    Downloads go to the hub's cache (`touchline.weights.hub`). The folder gets hard links to them,
    or copies if the cache is on another file system. It gets no symbolic links, because the cache
    may be emptied, or be missing on the machine that runs the model.

    The folder gets a note of its origin. The commit of a branch or tag is also noted beside the
    folder. This note survives a failed job, so that the next attempt uses the same commit.

    Args:
        checkpoint: name on the hub, or path of a folder.
        revision: commit, branch or tag; None for the default.
        family_name: required family of the checkpoint.
        folder: folder to make.
        trust_code: whether the checkpoint's own code is fetched and may run.

    Raises:
        InputError: the checkpoint is not available or cannot run.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    note = GenericNote(trust_code) if family_name == GENERIC else None
    if Path(checkpoint).is_dir():
        source, commit = Path(checkpoint).resolve(), None
        check(source, note=note)
        _check_family(source, checkpoint, family_name)
        for file in checkpoint_files(source, has_code=trust_code):
            # Skip the notes of an earlier run, which do not apply to this folder.
            if file.name not in (ORIGIN, _GENERIC_NOTE):
                refer(file, folder)
        write_note(folder, note)
    else:
        write_note(folder, note)
        commit = _from_hub(checkpoint, revision, family_name, folder)
    origin = Origin(checkpoint=checkpoint, revision=revision, commit=commit)
    write_json(folder / ORIGIN, origin.model_dump())


def _from_hub(checkpoint: str, revision: str | None, family_name: str, folder: Path) -> str:
    """Download the checkpoint into the folder, and return its commit."""
    record = folder.with_name("commit.json")
    commit = pin_commit(record, checkpoint, revision, folder)
    note = read_note(folder)
    code = (_CODE,) if note and note.trust_code else ()
    snapshot = hub.open_snapshot(checkpoint, commit, (*_SMALL_FILES, *code))
    names = [name for name in snapshot.sizes if any(fnmatch(name, one) for one in (*_FILES, *code))]
    weights = [name for name in names if name.endswith(".safetensors")]
    place([snapshot.folder / name for name in names if name not in weights], folder)
    # Check these files before gigabytes are downloaded.
    try:
        check(folder, names)
    except InputError as error:
        # Name the model, because this folder is deleted when the job fails.
        raise InputError(str(error).replace(str(folder), checkpoint)) from None
    _check_family(folder, checkpoint, family_name)
    is_linked = any(file.stat().st_nlink > 1 for file in folder.iterdir())
    hub.check_room(snapshot, weights, None if is_linked else folder)
    place(hub.download(snapshot, weights), folder)
    check(folder)
    return commit


def refer(file: Path, folder: Path) -> None:
    """Make a symbolic link to a file. If the file system has none (CIFS), use `place`."""
    try:
        (folder / file.name).symlink_to(file)
    except OSError:
        place([file], folder)


def place(files: Collection[Path], folder: Path) -> None:
    """Make hard links to files, or copies if links are impossible."""
    for file in files:
        try:
            os.link(file.resolve(), folder / file.name)
        except OSError:
            try:
                shutil.copyfile(file, folder / file.name)
            except OSError as error:
                raise InputError(
                    f"{file} cannot be copied to {folder}: {error.strerror}. Free space there, or "
                    "set HF_HUB_CACHE to a folder on the same file system, so that nothing is "
                    "copied."
                ) from error


def pin_commit(record: Path, name: str, revision: str | None, folder: Path) -> str:
    """Find the commit of a revision, and note it. A commit noted earlier is used again.

    Args:
        record: file of the note.
        name: name of the model on the hub.
        revision: commit, branch or tag; None for the default.
        folder: folder of the model, for the log.

    Raises:
        InputError: The model or the revision does not exist, or may not be read.
    """
    before, wanted = read_origin(record), revision or hub.DEFAULT
    if before and before.commit and (before.checkpoint, before.revision) == (name, revision):
        if before.commit != revision:
            log.info(
                "%s: revision %s stays at the commit that was fetched first, %s. To use its "
                "current commit, delete %s and %s.",
                name,
                wanted,
                before.commit,
                record,
                folder,
            )
        wanted = before.commit
    commit = hub.find_commit(name, wanted)
    write_json(record, Origin(checkpoint=name, revision=revision, commit=commit).model_dump())
    return commit


def read_origin(place: Path) -> Origin | None:
    """Read the note of a checkpoint's origin, from a folder or a file.

    Return None without a note.
    """
    file = place / ORIGIN if place.is_dir() else place
    try:
        return read_record(file, Origin)
    except InputError:
        return None


def remember_origin(folder: Path, record: Path) -> None:
    """Write the name and commit of the running checkpoint to the log and the results.

    Log a warning if earlier results were made with another checkpoint.

    Args:
        folder: folder of a model that the workflow made.
        record: file in the results to which the origin is written.
    """
    origin = read_origin(folder)
    if origin is not None:
        note_origin(origin, record)


def note_origin(origin: Origin, record: Path) -> None:
    """Write the name of the running model to the log and the results.

    Log a warning if earlier results were made with another model.

    Args:
        origin: origin of the model.
        record: file in the results to which the origin is written.
    """
    before = read_origin(record)
    log.info("The model is %s.", plain(origin))
    if before is not None and before.model_names != origin.model_names:
        log.warning("Earlier results were made with %s. New results will differ.", plain(before))
    if before != origin:
        write_json(record, origin.model_dump())


def write_note(folder: Path, note: GenericNote | None) -> None:
    """Write a generic model's note into its folder. Models of our own families have no note."""
    if note is not None:
        write_json(folder / _GENERIC_NOTE, asdict(note))


def read_note(folder: Path) -> GenericNote | None:
    """Read the note file of a model of the family generic. Return None for other families."""
    file = folder / _GENERIC_NOTE
    return GenericNote(**read_json(file)) if file.exists() else None


def checkpoint_files(folder: str | Path, *, has_code: bool | None = None) -> list[Path]:
    """Return the files of a local checkpoint folder that affect the model.

    Args:
        folder: Folder of the checkpoint.
        has_code: Whether Python files count; None to follow the folder's own note.
    """
    if has_code is None:
        note = read_note(Path(folder))
        has_code = note is not None and note.trust_code
    patterns = (*_FILES, _CODE) if has_code else _FILES
    return sorted(file for pattern in patterns for file in Path(folder).glob(pattern))


def weight_bytes(folder: Path) -> int:
    """Return the total size of a checkpoint's weights, in bytes."""
    return sum(file.stat().st_size for file in folder.glob("*.safetensors"))


def begin_reading(folder: Path) -> None:
    """Read a checkpoint's weights in a thread, so that the system has them cached when they are
    loaded.

    On a cluster's file system, reading may take as long as all steps before the load.
    """

    def read() -> None:
        """Read all weights."""
        for file in folder.glob("*.safetensors"):
            with suppress(OSError):
                shutil.copyfile(file, os.devnull)

    threading.Thread(target=read, daemon=True).start()


def remedy(folder: Path) -> str:
    """Return advice about a folder with wrong files."""
    if (folder / ORIGIN).exists():
        return f"Delete {folder}, so that the next run makes it again, or choose another checkpoint"
    return "Get all of its files again, or choose another checkpoint"


def check(
    folder: Path, names: Collection[str] | None = None, *, note: GenericNote | None = None
) -> None:
    """Check a checkpoint folder without loading it.

    Formats: https://huggingface.co/docs/safetensors (the header has the place of each tensor, so
    the right length of the file is known) and
    https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md (pointers).

    Args:
        folder: folder of the checkpoint.
        names: names of the files that the folder will have, if weights are still to be downloaded.
        note: note of a model for the family generic; None to read the folder's own note.

    Raises:
        InputError: a file is missing or incomplete, or the checkpoint is of an unsupported kind.
    """
    note = note or read_note(folder)
    files = checkpoint_files(folder)
    names = {file.name for file in files} if names is None else set(names)
    if not names:
        raise InputError(f"{folder} has no file of a checkpoint. Correct models.*.checkpoint.")
    for file in files:
        check_no_pointer(file)
        if file.suffix == ".json":
            read_json(file)
    if "adapter_config.json" in names:
        raise InputError(
            f"{folder} is an adapter (LoRA), which only changes a model. Set models.*.adapter to "
            "it, and models.*.checkpoint to its base model."
        )
    if note:
        _check_generic(folder, note)
    else:
        read_model_type(folder)
    method = quantization_method(folder)
    if method not in (None, "bitsandbytes"):
        raise InputError(
            f"{folder} is already quantized, by {plain(method)}, which Touchline does not support. "
            "Choose its original checkpoint and set quantization: nf4."
        )
    for name in _needed_weights(folder, names):
        if (folder / name).exists():
            check_whole(folder / name)


def check_source(checkpoint: str, family_name: str, *, trust_code: bool = False) -> None:
    """Check a checkpoint that settings name, without using the hub.

    Raises:
        InputError: the folder cannot run, or the name cannot be on the hub.
    """
    folder = Path(checkpoint)
    if folder.is_dir():
        check(folder, note=GenericNote(trust_code) if family_name == GENERIC else None)
        _check_family(folder, checkpoint, family_name)
    else:
        check_hub_name(checkpoint, "models.*.checkpoint")


def check_hub_name(name: str, setting: str) -> None:
    """Refuse a name that is neither a folder nor a possible name on the hub.

    Raises:
        InputError: the name is neither.
    """
    is_local = "/" in name and Path(name).parent.is_dir()
    if name.startswith((".", "/", "~")) or name.count("/") != 1 or is_local:
        raise InputError(
            f"{name}: there is no such folder{nearest_file(name)}. Correct {setting}. It must be a "
            "folder or a name on the hub."
        )


def check_no_pointer(file: Path) -> None:
    """Refuse a Git LFS pointer in place of a file.

    Raises:
        InputError: the file is a pointer or cannot be read.
    """
    try:
        with file.open("rb") as opened:
            is_pointer = opened.read(len(_POINTER)) == _POINTER
    except OSError as error:
        raise InputError(
            f"{file} cannot be read ({error.strerror}). {remedy(file.parent)}."
        ) from error
    if is_pointer:
        raise InputError(
            f"{file} is a Git LFS pointer instead of the file. Type `git lfs pull` in "
            f"{file.parent}."
        )


def quantization_method(folder: Path) -> str | None:
    """Return the quantization method in a checkpoint's config.json, or None."""
    config = _read_config(folder)
    for part in (config, config.get("text_config")):
        for key in ("quantization_config", "compression_config"):
            if isinstance(part, dict) and (stated := part.get(key)):
                method = stated.get("quant_method") if isinstance(stated, dict) else None
                return str(method or "an unnamed method")
    return None


def _needed_weights(folder: Path, names: Collection[str]) -> list[str]:
    """Return the names of the weight files: a single file, or the files in an index.

    Raises:
        InputError: weight files are missing.
    """
    weights = sorted(name for name in names if name.endswith(".safetensors"))
    if _WEIGHTS in names:
        return [_WEIGHTS]
    if _INDEX not in names:
        if not weights:
            raise InputError(
                f"{folder} has no *.safetensors. Other weight files can run code and are not read. "
                "Choose a checkpoint or a revision with *.safetensors."
            )
        raise InputError(
            f"{folder} has weights in {len(weights)} files ({plain(weights[0])}, …), but neither "
            f"{_WEIGHTS} nor {_INDEX}, which lists the files. {remedy(folder)}."
        )
    stated = read_json(folder / _INDEX)
    places = stated.get("weight_map") if isinstance(stated, dict) else None
    if not isinstance(places, dict) or not places:
        raise InputError(f"{folder / _INDEX} names no weights. {remedy(folder)}.")
    shards = sorted({str(place) for place in places.values()})
    missing = [name for name in shards if name not in names]
    if missing:
        raise InputError(
            f"{folder} lacks {len(missing)} of the {len(shards)} files of weights that {_INDEX} "
            f"names ({plain(', '.join(missing[:3]))}). {remedy(folder)}."
        )
    return shards


def check_whole(file: Path) -> None:
    """Refuse a safetensors file that is incomplete or damaged.

    Raises:
        InputError: the file does not have the length that its header states.
    """
    try:
        import numpy  # noqa: F401
        from safetensors import SafetensorError, safe_open
    except ImportError:
        return  # The environment of `snakemake` may lack it. The job that fetches checks again.
    try:
        # Opening compares the header with the file's length. No weight is read.
        with safe_open(file, framework="numpy"):
            pass
    except (SafetensorError, OSError) as error:
        raise InputError(
            f"{file} is cut short or damaged ({plain(error)}; it has {file.stat().st_size} "
            f"bytes). {remedy(file.parent)}."
        ) from error


def read_family(folder: Path) -> str:
    """Return the family that runs a checkpoint: generic if its note says so, or else from
    config.json.

    Raises:
        InputError: config.json names no known family.
    """
    return GENERIC if read_note(folder) else read_model_type(folder)


def read_model_type(folder: Path) -> str:
    """Return the family in a checkpoint's config.json.

    Raises:
        InputError: config.json names no known family.
    """
    stated = _read_config(folder).get("model_type")
    if not isinstance(stated, str) or stated not in FAMILIES:
        raise InputError(
            f"{folder} has a model of type {plain(repr(stated))}, but Touchline runs "
            f"{' and '.join(FAMILIES)}. Correct models.*.checkpoint, or set family: generic for a "
            "model that transformers loads."
        )
    return stated


def _check_generic(folder: Path, note: GenericNote) -> None:
    """Check that transformers, or code that the user trusts, can run a checkpoint.

    Raises:
        InputError: The checkpoint needs its own code, which is not trusted, or nothing here runs
            it.
    """
    config = _read_config(folder)
    stated = config.get("model_type")
    try:
        from transformers import __version__
        from transformers.models.auto.modeling_auto import (
            MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES,
            MODEL_FOR_MULTIMODAL_LM_MAPPING_NAMES,
        )
    except ImportError:
        return  # The environment of `snakemake` may lack it. The job that fetches checks again.
    known = {*MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES, *MODEL_FOR_MULTIMODAL_LM_MAPPING_NAMES}
    if isinstance(stated, str) and stated in known:
        return
    if not config.get("auto_map"):
        raise InputError(
            f"{folder} has a model of type {plain(repr(stated))}, which transformers {__version__} "
            "does not load as a model of images and text. Choose another checkpoint, or a version "
            "of transformers that loads this type."
        )
    if not note.trust_code:
        raise InputError(refused_code(folder))


def refused_code(folder: Path) -> str:
    """Return a message that a checkpoint needs its own code, and the setting that allows it."""
    return (
        f"{folder} needs its own code (auto_map in its files), which would run on this machine "
        "with your permissions. Read its *.py files and set models.*.trust_code: true to run them, "
        "or choose a checkpoint that transformers loads without extra code."
    )


def _read_config(folder: Path) -> dict[str, Any]:
    """Read the config.json of a checkpoint."""
    file = folder / "config.json"
    if not file.exists():
        raise InputError(
            f"{folder} has no config.json, so it is not a complete model. {remedy(folder)}."
        )
    check_no_pointer(file)
    config = read_json(file)
    if not isinstance(config, dict):
        raise InputError(f"{file} describes no model. {remedy(folder)}.")
    return config


def _check_family(folder: Path, checkpoint: str, family_name: str) -> None:
    """Refuse a checkpoint of another family than its settings name."""
    if family_name != GENERIC and (found := read_model_type(folder)) != family_name:
        raise InputError(
            f"{checkpoint} has the family {found}, but its entry in models says {family_name}. "
            f"Write family: {found}, or choose another checkpoint."
        )
