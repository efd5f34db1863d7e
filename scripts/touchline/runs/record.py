"""Record a run: its software, settings and inputs, and its results.

Later, compare files with the record.

The record helps people who cite a run or check its results. It holds no dates and no names of
machines or persons. The only paths in it are the paths in the settings and the paths below the
folder of results.
"""

from __future__ import annotations

import platform
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError

import touchline
from touchline.core import paths
from touchline.core.files import hash_file, read_json, read_record
from touchline.core.jobs import files_below, hashes_at_end
from touchline.core.records import HashedFile, Manifest, ModelFiles, Origin
from touchline.errors import InputError
from touchline.inputs.fingerprint import content_id
from touchline.inputs.given import expected_path
from touchline.inputs.settings import Settings
from touchline.inputs.videos import GameHalf, Video
from touchline.runs.checkout import read_checkout
from touchline.runs.inputs import Inputs
from touchline.runs.plan import Plan
from touchline.runs.records import (
    RecordedInput,
    RecordedModel,
    RecordedVideo,
    Role,
    RunRecord,
    Software,
)

# Packages that affect results. Some may not be installed: analysis does not need torch.
_PACKAGES = (
    *("snakemake", "snakemake-executor-plugin-slurm", "pydantic", "numpy", "scipy", "pandas"),
    *("scikit-learn", "SoccerNet", "json_repair", "av", "pillow", "torch", "transformers"),
    *("bitsandbytes", "accelerate", "peft", "safetensors", "tokenizers", "openai"),
)

Change = Literal["changed", "missing", "not in the record", "not checked"]


@dataclass(frozen=True, slots=True)
class Difference:
    """A difference between the record and the files, or something that could not be checked.

    Attributes:
        change: kind of difference.
        what: the file, video or model concerned.
    """

    change: Change
    what: str


def record_run(
    plan: Plan, config: Mapping[str, Any], results: Iterable[str], project: Path
) -> RunRecord:
    """Record a run whose results exist.

    Args:
        plan: the plan of the run.
        config: the settings as Snakemake merged them.
        results: files and folders that the run makes, below the folder of results.
        project: the folder of the Snakefile.

    Raises:
        InputError: a file cannot be read, or a result does not exist.
    """
    inputs, folder = plan.inputs, Path(plan.inputs.settings.results)
    names = {str(Path(each).relative_to(folder)) for each in results}
    notes = {paths.MODEL.format(model=model) for model in inputs.settings.detect_with}
    names |= {note for note in notes if (folder / note).exists()}
    files, changed = _recorded_results(folder, names)
    return RunRecord(
        software=_software(project),
        settings={name: config[name] for name in Settings.model_fields if name in config},
        models=[_model(folder, model, config) for model in inputs.settings.detect_with],
        videos=[_video(folder, video, plan) for video in inputs.selected],
        inputs=[_hashed_input(*each) for each in _given(inputs)],
        results=files,
        changed=changed,
    )


def read_run_record(path: Path) -> RunRecord:
    """Read the record of a run.

    Raises:
        InputError: the file cannot be read, or is not a record.
    """
    try:
        return RunRecord.model_validate(read_json(path))
    except ValidationError as error:
        raise InputError(
            f"{path} is not the record of a run by this version of Touchline. Give the path of a "
            "run.json."
        ) from error


def packages() -> dict[str, str]:
    """Return the versions of installed packages that affect results, by name."""
    found = {}
    for name in _PACKAGES:
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def differences(
    record: RunRecord, inputs: Inputs, results: Path, models: Mapping[str, Path]
) -> list[Difference]:
    """Return the differences between a record and the current results, inputs, videos and models.

    A missing input, video or model is reported as not checked. Results may have been copied without
    their inputs, and models may be deleted after a run.

    Args:
        record: the record of the run.
        inputs: the inputs named by the record's settings.
        results: the folder of results.
        models: the folder of each model, by name; without models that run on a server.
    """
    found = differing_results(record, results)
    found += _differing_inputs(record.inputs, inputs)
    for video in record.videos:
        found += _differing_video(video, inputs.videos.get(video.video))
    for model in record.models:
        folder = models.get(model.model)
        if folder is None:
            found.append(Difference("not checked", f"{model.model}, which runs on a server"))
        elif folder.is_dir():
            found += _differing_files(model.files, folder, f" (model {model.model})")
        else:
            found.append(Difference("not checked", f"{folder} ({model.model}), which is missing"))
    return found


def differing_results(record: RunRecord, results: Path) -> list[Difference]:
    """Return the differences between a record and the folder of results."""
    recorded = {file.path for file in record.results}
    return [
        *_differing_files(record.results, results, ""),
        *(
            Difference("not in the record", str(results / name))
            for name in files_below(results)
            if name not in recorded
        ),
    ]


# --- Software, videos, models and inputs of a run --------------------------------------------


def _software(project: Path) -> Software:
    """Return the versions of the project, Python and packages."""
    checkout = read_checkout(project)
    return Software(
        touchline=touchline.__version__,
        commit=checkout.commit,
        is_changed=checkout.is_changed,
        python=platform.python_version(),
        system=f"{platform.system()} {platform.machine()}",
        packages=packages(),
    )


def _video(results: Path, video: int, plan: Plan) -> RecordedVideo:
    """Return the record of a video: its game, its half and the fingerprint of its content."""
    manifest = None
    if video in plan.inputs.shown:
        manifest = read_record(results / paths.MANIFEST.format(video=video), Manifest)
    of = plan.half_for_video(video)
    return RecordedVideo(
        video=video,
        game=of.game,
        half=of.half,
        halves=of.halves,
        bytes=manifest.bytes if manifest else None,
        duration=manifest.duration if manifest else None,
        fingerprint=manifest.fingerprint if manifest else None,
    )


def _model(results: Path, model: str, config: Mapping[str, Any]) -> RecordedModel:
    """Return the record of a model, with the paths exactly as the settings write them.

    These paths may begin with ~.
    """
    path = results / paths.MODEL_FILES.format(model=model)
    files = ModelFiles(origin=None, packages={}, files=[])
    if path.exists():
        files = read_record(path, ModelFiles)
    origin, note = files.origin, results / paths.MODEL.format(model=model)
    if origin is None and note.exists():
        origin = read_record(note, Origin)
    if origin is not None:
        stated, adapter = config["models"][model], origin.adapter
        if adapter is not None:
            adapter = adapter.model_copy(update={"adapter": stated["adapter"]})
        changes = {"checkpoint": stated["checkpoint"], "adapter": adapter}
        origin = origin.model_copy(update=changes)
    return RecordedModel(model=model, origin=origin, packages=files.packages, files=files.files)


_Given = tuple[Role, int | None, str | None, str]


def _given(inputs: Inputs) -> Iterator[_Given]:
    """Yield the role, video, model and path of each input file, in a fixed order."""
    settings = inputs.settings
    if settings.detect_with:
        yield "prompt", None, None, settings.prompt
    yield "classes", None, None, settings.labels
    for video in inputs.selected:
        if video in inputs.annotations:
            yield "annotations", video, None, inputs.annotations[video]
        for model, path in inputs.given.get(video, {}).items():
            yield "predictions", video, model, path
    for model in settings.learned:
        if path_of_learned := settings.models[model].learned:
            yield "learned model", None, model, path_of_learned


def _hashed_input(role: Role, video: int | None, model: str | None, path: str) -> RecordedInput:
    """Return the record of an input file, with its hash."""
    file = hash_file(Path(path), Path(path).name)
    return RecordedInput(
        role=role, video=video, model=model, name=file.path, bytes=file.bytes, sha256=file.sha256
    )


# --- Files of a folder -----------------------------------------------------------------------


def hashed_folder(folder: Path) -> list[HashedFile]:
    """Hash the files of a folder, in the order of their paths.

    Raises:
        InputError: a file cannot be read.
    """
    return [hash_file(folder / name, name) for name in files_below(folder)]


def _recorded_results(folder: Path, names: Iterable[str]) -> tuple[list[HashedFile], list[str]]:
    """Return the hash of each result at the end of its job, and the paths changed since then.

    Jobs of earlier versions stored no hash. For their results, use the current hash.
    """
    at_end = hashes_at_end(folder)
    files: set[str] = set()
    for name in names:
        if (folder / name).is_dir():
            made = {each for each in at_end if each.startswith(f"{name}/")}
            files |= made or {f"{name}/{each}" for each in files_below(folder / name)}
        else:
            files.add(name)
    recorded = []
    changed = []
    for name in sorted(files):
        kept, path = at_end.get(name), folder / name
        if kept is None:
            recorded.append(hash_file(path, name))
            continue
        recorded.append(kept)
        if not path.exists() or hash_file(path, name) != kept:
            changed.append(name)
    return recorded, changed


def _differing_files(files: Iterable[HashedFile], folder: Path, of: str) -> Iterator[Difference]:
    """Yield a difference for each recorded file that is missing or has another hash."""
    for file in files:
        path = folder / file.path
        if not path.is_file():
            yield Difference("missing", f"{path}{of}")
        # A file of another size need not be read.
        elif path.stat().st_size != file.bytes or hash_file(path, file.path) != file:
            yield Difference("changed", f"{path}{of}")


def _differing_inputs(files: Iterable[RecordedInput], inputs: Inputs) -> Iterator[Difference]:
    """Yield a difference for each input that is changed, missing or not in the record."""
    there = {(role, video, model): path for role, video, model, path in _given(inputs)}
    for file in files:
        path = there.pop((file.role, file.video, file.model), None) or _expected(file, inputs)
        what = f"{path} ({file.role}{_of(file.video, file.model)})"
        if not Path(path).is_file():
            yield Difference("not checked", f"{what}, which is missing")
        elif _hashed_input(file.role, file.video, file.model, path).sha256 != file.sha256:
            yield Difference("changed", what)
    for (role, video, model), path in there.items():
        if Path(path).is_file():
            what = f"{path} ({role}{_of(video, model)})"
            yield Difference("not in the record", what)


def _expected(file: RecordedInput, inputs: Inputs) -> str:
    """Return the path where a missing input should be, or its name if the settings have no path."""
    row = inputs.videos.get(file.video) if file.video is not None else None
    if file.role == "annotations" and row is not None and row.labels is not None:
        return str(row.labels)
    model = inputs.settings.models.get(file.model or "")
    if file.role == "predictions" and file.video is not None and model and model.predictions:
        return expected_path(model.predictions, file.video, inputs.videos)
    return file.name


def _differing_video(video: RecordedVideo, row: Video | None) -> Iterator[Difference]:
    """Yield a difference for a video whose half or content differs from its record."""
    what = f"video {video.video}"
    if row is None:
        if (video.game, video.half, video.fingerprint) != (None, None, None):
            yield Difference("not checked", f"{what}, which the table of videos does not have")
        return
    recorded, now = GameHalf(video.game, video.half, halves=video.halves), row.game_half
    if recorded != now:
        yield Difference("changed", f"{what}: {_half(now)}; in the record {_half(recorded)}")
    if video.fingerprint is None:
        return
    if row.path is None:
        yield Difference("not checked", f"{what}, which has no path in the table of videos")
    elif not row.path.is_file():
        yield Difference("not checked", f"{row.path} ({what}), which is missing")
    elif content_id(row.path) != video.fingerprint:
        yield Difference("changed", f"{row.path} ({what})")


def _half(of: GameHalf) -> str:
    """Return a phrase that names the half and the game."""
    half = "no half" if of.half is None else f"half {of.half}"
    if of.halves:
        half = ", ".join(f"half {each.half or '?'} from {each.start:g} s" for each in of.halves)
    return f"{half} of {of.game or 'no game'}"


def _of(video: int | None, model: str | None) -> str:
    """Return a phrase that names the model and the video of an input."""
    return "".join([f" of {model}" if model else "", "" if video is None else f", video {video}"])
