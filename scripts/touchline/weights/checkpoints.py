"""Checkpoint folders: brought to where the run reads them, and looked over before they are loaded.

Only safetensors are ever read, at one commit. Code of a checkpoint is fetched and runs only where
the model has `trust_code: true`.
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
# In the folder of a model of the family generic, whose config.json may state any model_type.
_GENERIC_NOTE = "touchline_generic.json"
_POINTER = b"version https://git-lfs.github.com/spec/"


@dataclass(frozen=True)
class GenericNote:
    """The note in a checkpoint's folder that says that it is run by the family generic.

    Attributes:
        trust_code: Whether code that the checkpoint brings may run.
        quantizes_at_load: Whether weights are turned into 4 bits each time they are loaded, as no
            4-bit copy of this model can be saved.
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
    """Bring a checkpoint into a folder: from the hub, or as links to a folder on disk.

    What comes from the hub lies in the hub's cache (`touchline.weights.hub`), and here are hard
    links to it, or copies where the cache is on another file system: never symbolic links, as the
    cache may be emptied, or not be there on the machine that runs the model.

    The folder gets a note of where it came from. The commit that a branch or tag stood for is
    also kept beside the folder, where it outlives a failed job: the next attempt takes the same.

    Args:
        family_name: what the checkpoint must be of.
        trust_code: whether code that the checkpoint brings is fetched too, and may run.

    Raises:
        InputError: the checkpoint cannot be had, or cannot be run; says what to do.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    note = GenericNote(trust_code) if family_name == GENERIC else None
    if Path(checkpoint).is_dir():
        source, commit = Path(checkpoint).resolve(), None
        check(source, note=note)
        _check_family(source, checkpoint, family_name)
        for file in checkpoint_files(source, has_code=trust_code):
            # What an earlier run left in a folder that it made itself is not about this one.
            if file.name not in (ORIGIN, _GENERIC_NOTE):
                refer(file, folder)
        write_note(folder, note)
    else:
        write_note(folder, note)
        commit = _from_hub(checkpoint, revision, family_name, folder)
    origin = Origin(checkpoint=checkpoint, revision=revision, commit=commit)
    write_json(folder / ORIGIN, origin.model_dump())


def _from_hub(checkpoint: str, revision: str | None, family_name: str, folder: Path) -> str:
    """Fill the folder from the hub; gives the commit."""
    record = folder.with_name("commit.json")
    commit = pin_commit(record, checkpoint, revision, folder)
    note = read_note(folder)
    code = (_CODE,) if note and note.trust_code else ()
    snapshot = hub.open_snapshot(checkpoint, commit, (*_SMALL_FILES, *code))
    names = [name for name in snapshot.sizes if any(fnmatch(name, one) for one in (*_FILES, *code))]
    weights = [name for name in names if name.endswith(".safetensors")]
    place([snapshot.folder / name for name in names if name not in weights], folder)
    # What these show to be wrong is refused before gigabytes come.
    try:
        check(folder, names)
    except InputError as error:
        # Of the model by its name, as this folder goes when the job has failed.
        raise InputError(str(error).replace(str(folder), checkpoint)) from None
    _check_family(folder, checkpoint, family_name)
    is_linked = any(file.stat().st_nlink > 1 for file in folder.iterdir())
    hub.check_room(snapshot, weights, None if is_linked else folder)
    place(hub.download(snapshot, weights), folder)
    check(folder)
    return commit


def refer(file: Path, folder: Path) -> None:
    """Make a symbolic link to a file, or place the file where there can be no link (CIFS)."""
    try:
        (folder / file.name).symlink_to(file)
    except OSError:
        place([file], folder)


def place(files: Collection[Path], folder: Path) -> None:
    """Hard links to files, or copies where there can be none."""
    for file in files:
        try:
            os.link(file.resolve(), folder / file.name)
        except OSError:
            try:
                shutil.copyfile(file, folder / file.name)
            except OSError as error:
                raise InputError(
                    f"{file} cannot be copied to {folder}: {error.strerror}; make room there, or "
                    "set HF_HUB_CACHE to a folder on the same file system, where a link does."
                ) from error


def pin_commit(record: Path, name: str, revision: str | None, folder: Path) -> str:
    """Find the commit of a revision: the one that was taken before, if there is one; and note it.

    Args:
        record: the file of the note.
        folder: that is made, for the log.

    Raises:
        InputError: There is no such model or revision, or it may not be read.
    """
    before, wanted = read_origin(record), revision or hub.DEFAULT
    if before and before.commit and (before.checkpoint, before.revision) == (name, revision):
        if before.commit != revision:
            log.info(
                "%s: revision %s stays what it was at first, commit %s; to take today's, delete %s "
                "and %s.",
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
    """The note of where a checkpoint came from: of a folder, or in a file."""
    file = place / ORIGIN if place.is_dir() else place
    try:
        return read_record(file, Origin)
    except InputError:
        return None


def remember_origin(folder: Path, record: Path) -> None:
    """Write to the log and to the run's results which checkpoint they are made with.

    Warns where the results so far were made with another.

    Args:
        folder: a model's folder that the workflow made.
        record: a file among the results.
    """
    origin = read_origin(folder)
    if origin is not None:
        note_origin(origin, record)


def note_origin(origin: Origin, record: Path) -> None:
    """Write to the log and to the run's results which model they are made with.

    Warns where the results so far were made with another.

    Args:
        record: a file among the results.
    """
    before = read_origin(record)
    log.info("The model is %s.", plain(origin))
    if before is not None and before.model_names != origin.model_names:
        log.warning("Results so far were made with %s; these will differ.", plain(before))
    if before != origin:
        write_json(record, origin.model_dump())


def write_note(folder: Path, note: GenericNote | None) -> None:
    """Write a generic model's note into its folder; nothing for a family of ours."""
    if note is not None:
        write_json(folder / _GENERIC_NOTE, asdict(note))


def read_note(folder: Path) -> GenericNote | None:
    """Read a generic model's note; None in the folder of a family of ours."""
    file = folder / _GENERIC_NOTE
    return GenericNote(**read_json(file)) if file.exists() else None


def checkpoint_files(folder: str | Path, *, has_code: bool | None = None) -> list[Path]:
    """The files of a local checkpoint folder that a model is made from.

    Args:
        has_code: Whether Python files count; None: if the folder's own note trusts them.
    """
    if has_code is None:
        note = read_note(Path(folder))
        has_code = note is not None and note.trust_code
    patterns = (*_FILES, _CODE) if has_code else _FILES
    return sorted(file for pattern in patterns for file in Path(folder).glob(pattern))


def weight_bytes(folder: Path) -> int:
    """Sum up the sizes of a checkpoint's weights."""
    return sum(file.stat().st_size for file in folder.glob("*.safetensors"))


def begin_reading(folder: Path) -> None:
    """Let a thread read a checkpoint's weights, so that the system has them when they are loaded.

    Reading them from a cluster's file system may take as long as all that comes before.
    """

    def read() -> None:
        for file in folder.glob("*.safetensors"):
            with suppress(OSError):
                shutil.copyfile(file, os.devnull)

    threading.Thread(target=read, daemon=True).start()


def remedy(folder: Path) -> str:
    """What to do about a folder whose files are not as they should be."""
    if (folder / ORIGIN).exists():
        return f"delete {folder}, so that the next run makes it again, or choose another checkpoint"
    return "get its files again, whole, or choose another checkpoint"


def check(
    folder: Path, names: Collection[str] | None = None, *, note: GenericNote | None = None
) -> None:
    """Look a checkpoint folder over, without loading it.

    Formats: https://huggingface.co/docs/safetensors (a header states where each tensor lies, so
    that a file's right length is known) and
    https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md (pointers).

    Args:
        names: of the files that the folder will have, where weights are still to come.
        note: of a model that the family generic is to run; None: the folder's own note, if any.

    Raises:
        InputError: something is missing, cut short, or of a kind that is not run here.
    """
    note = note or read_note(folder)
    files = checkpoint_files(folder)
    names = {file.name for file in files} if names is None else set(names)
    if not names:
        raise InputError(f"{folder} has no file of a checkpoint; correct models.*.checkpoint.")
    for file in files:
        check_no_pointer(file)
        if file.suffix == ".json":
            read_json(file)
    if "adapter_config.json" in names:
        raise InputError(
            f"{folder} holds an adapter (LoRA), which is a change to a model and not a model; "
            "give it as models.*.adapter, and its base model as models.*.checkpoint."
        )
    if note:
        _check_generic(folder, note)
    else:
        read_model_type(folder)
    method = quantization_of(folder)
    if method not in (None, "bitsandbytes"):
        raise InputError(
            f"{folder} is quantized already, by {plain(method)}, which is not run here; choose the "
            "checkpoint that it was made from, with quantization: nf4."
        )
    for name in _needed_weights(folder, names):
        if (folder / name).exists():
            check_whole(folder / name)


def check_source(checkpoint: str, family_name: str, *, trust_code: bool = False) -> None:
    """Look over what settings name as a checkpoint, as far as that can be done without the hub.

    Raises:
        InputError: it is a folder that cannot be run, or can be no name on the hub.
    """
    folder = Path(checkpoint)
    if folder.is_dir():
        check(folder, note=GenericNote(trust_code) if family_name == GENERIC else None)
        _check_family(folder, checkpoint, family_name)
    else:
        check_hub_name(checkpoint, "models.*.checkpoint")


def check_hub_name(name: str, setting: str) -> None:
    """Raise InputError if a name that is no folder can be no name on the hub either."""
    is_local = "/" in name and Path(name).parent.is_dir()
    if name.startswith((".", "/", "~")) or name.count("/") != 1 or is_local:
        raise InputError(
            f"{name}: there is no such folder{nearest_file(name)}; correct {setting}: a folder, or "
            "a name on the hub."
        )


def check_no_pointer(file: Path) -> None:
    try:
        with file.open("rb") as opened:
            is_pointer = opened.read(len(_POINTER)) == _POINTER
    except OSError as error:
        raise InputError(
            f"{file} cannot be read ({error.strerror}); {remedy(file.parent)}."
        ) from error
    if is_pointer:
        raise InputError(
            f"{file} is a Git LFS pointer, which stands for the file and is not the file; run "
            f"`git lfs pull` in {file.parent}."
        )


def quantization_of(folder: Path) -> str | None:
    """The method that a checkpoint's weights were quantized by, as its config.json states it."""
    config = _read_config(folder)
    for part in (config, config.get("text_config")):
        for key in ("quantization_config", "compression_config"):
            if isinstance(part, dict) and (stated := part.get(key)):
                method = stated.get("quant_method") if isinstance(stated, dict) else None
                return str(method or "an unnamed method")
    return None


def _needed_weights(folder: Path, names: Collection[str]) -> list[str]:
    """The weights' files: one, or those that an index names."""
    weights = sorted(name for name in names if name.endswith(".safetensors"))
    if _WEIGHTS in names:
        return [_WEIGHTS]
    if _INDEX not in names:
        if not weights:
            raise InputError(
                f"{folder} has no *.safetensors; other weight files can run code and are not "
                "read: choose a checkpoint or a revision that has them."
            )
        raise InputError(
            f"{folder} has weights in {len(weights)} files ({plain(weights[0])}, …), but neither "
            f"{_WEIGHTS} nor {_INDEX}, which says what is where; {remedy(folder)}."
        )
    stated = read_json(folder / _INDEX)
    places = stated.get("weight_map") if isinstance(stated, dict) else None
    if not isinstance(places, dict) or not places:
        raise InputError(f"{folder / _INDEX} names no weights; {remedy(folder)}.")
    shards = sorted({str(place) for place in places.values()})
    missing = [name for name in shards if name not in names]
    if missing:
        raise InputError(
            f"{folder} lacks {len(missing)} of the {len(shards)} files of weights that {_INDEX} "
            f"names ({plain(', '.join(missing[:3]))}); {remedy(folder)}."
        )
    return shards


def check_whole(file: Path) -> None:
    try:
        import numpy  # noqa: F401
        from safetensors import SafetensorError, safe_open
    except ImportError:
        return  # Where `snakemake` itself runs, it may lack: the job that fetches looks again.
    try:
        # It compares the header with the file's length; no weight is read.
        with safe_open(file, framework="numpy"):
            pass
    except (SafetensorError, OSError) as error:
        raise InputError(
            f"{file} is cut short or damaged ({plain(error)}; it has {file.stat().st_size} "
            f"bytes); {remedy(file.parent)}."
        ) from error


def read_family(folder: Path) -> str:
    """Name the family that runs a checkpoint: generic if its note says so, else by its config.json.

    Raises:
        InputError: it states none that the detector knows.
    """
    return GENERIC if read_note(folder) else read_model_type(folder)


def read_model_type(folder: Path) -> str:
    """The family that a checkpoint's config.json states.

    Raises:
        InputError: it states none that the detector knows.
    """
    stated = _read_config(folder).get("model_type")
    if not isinstance(stated, str) or stated not in FAMILIES:
        raise InputError(
            f"{folder} holds a model of type {plain(repr(stated))}, but the detector runs "
            f"{' and '.join(FAMILIES)}; correct models.*.checkpoint, or set family: generic for a "
            "model that transformers loads."
        )
    return stated


def _check_generic(folder: Path, note: GenericNote) -> None:
    """Check that transformers, or code that the user trusts, can run a checkpoint.

    Raises:
        InputError: It is run by code of its own, which is not trusted, or by none that is here.
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
        return  # Where `snakemake` itself runs, it may lack: the job that fetches looks again.
    known = {*MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES, *MODEL_FOR_MULTIMODAL_LM_MAPPING_NAMES}
    if isinstance(stated, str) and stated in known:
        return
    if not config.get("auto_map"):
        raise InputError(
            f"{folder} holds a model of type {plain(repr(stated))}, which transformers "
            f"{__version__} does not load as a model of images and text; choose another "
            "checkpoint, or a version of transformers that does."
        )
    if not note.trust_code:
        raise InputError(refused_code(folder))


def refused_code(folder: Path) -> str:
    """Say that a checkpoint needs code of its own, and which setting allows it."""
    return (
        f"{folder} needs code of its own (auto_map in its files), which would run on this machine "
        "with your rights; read its *.py files, and set models.*.trust_code: true to run them, or "
        "choose a checkpoint that transformers loads by itself."
    )


def _read_config(folder: Path) -> dict[str, Any]:
    file = folder / "config.json"
    if not file.exists():
        raise InputError(
            f"{folder} has no config.json, so it is no model, or not all of one; {remedy(folder)}."
        )
    check_no_pointer(file)
    config = read_json(file)
    if not isinstance(config, dict):
        raise InputError(f"{file} describes no model; {remedy(folder)}.")
    return config


def _check_family(folder: Path, checkpoint: str, family_name: str) -> None:
    if family_name != GENERIC and (found := read_model_type(folder)) != family_name:
        raise InputError(
            f"{checkpoint} is of the family {found}, but its entry in models says {family_name}; "
            f"write family: {found}, or choose another checkpoint."
        )
