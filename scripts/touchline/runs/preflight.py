"""Check the inputs of a run before any job starts, and report all mistakes at once.

No video is decoded and no model is loaded. Files are opened to check that they exist and have the
right format.
"""

from __future__ import annotations

import math
import os
import re
import shlex
import time
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from touchline.core.files import read_text
from touchline.core.paths import CHECKPOINT
from touchline.detection.feature_origin import feature_origin, origin_by_settings
from touchline.errors import InputError, nearest_file, plain
from touchline.evaluation.annotations import check_truth, verdicts_path
from touchline.evaluation.records import LEAST_GAMES
from touchline.events.given import check_given
from touchline.inputs.given import expected_path
from touchline.inputs.halves import contradictions, repeated_halves, same_files
from touchline.inputs.hq import find_hq_file
from touchline.inputs.labels import Labels
from touchline.inputs.places import check_braces, check_name
from touchline.inputs.settings import GenerationSettings, Settings, WindowSettings, weight_for
from touchline.inputs.videos import GameHalf, describe_ignored_files, ranges
from touchline.inputs.windows import most_frames
from touchline.learning.note import check_learnt, read_note
from touchline.runs.inputs import Inputs, Mistakes, collect_inputs
from touchline.runs.plan import Plan
from touchline.weights import adapters, checkpoints

# Seconds. The clocks of machines in one network differ by less.
_CLOCKS_DIFFER = 5.0


def read_inputs(
    config: Mapping[str, Any],
    project: Path = Path(),
    *,
    only_models: bool = False,
    files: Sequence[Path] = (),
) -> Inputs:
    """Find the inputs that the settings name, and check every file.

    Args:
        config: the settings as Snakemake passes them.
        project: the folder of the project's own files.
        only_models: whether only models are fetched. Videos, labels and given predictions need not
            exist then.
        files: the settings files in addition to the project's own.

    Raises:
        InputError: something is wrong; the message has one line per mistake.
    """
    mistakes = Mistakes()
    inputs = collect_inputs(config, project, mistakes, only_models=only_models)
    mistakes.extend(_unusable_names(inputs, project))
    mistakes.extend(_missing_videos(inputs))
    mistakes.extend(repeated_halves(inputs.videos, inputs.selected))
    mistakes.extend(contradictions(inputs.videos, inputs.selected))
    mistakes.extend(_unusable_models(inputs.settings))
    if not only_models:
        mistakes.extend(_dated_in_the_future(inputs))
        mistakes.extend(_unusable_files(inputs))
        if not mistakes.lines:
            mistakes.catch(lambda: _check_threshold(inputs), None)
            mistakes.extend(_too_long_windows(inputs.settings))
            mistakes.extend(_unfit_learned_models(inputs))
    if mistakes.lines:
        mistakes.extend(_beside_settings(inputs.settings, files))
    mistakes.end()
    return inputs if only_models else replace(inputs, warnings=_warnings(inputs))


def _beside_settings(settings: Settings, files: Sequence[Path]) -> list[str]:
    """Return a line for each path that exists beside a settings file but not in the current folder.

    People expect a path in a file to start at the folder of that file.
    """
    models = {name: settings.models[name] for name in settings.detect_with}
    paths = {
        "videos": settings.videos,
        "labels": settings.labels,
        "prompt": settings.prompt,
        **{f"models.{name}.checkpoint": model.checkpoint for name, model in models.items()},
        **{f"models.{name}.adapter": model.adapter for name, model in models.items()},
        **{f"models.{name}.learned": model.learned for name, model in models.items()},
        **{
            f"models.{name}.predictions": settings.models[name].predictions
            for name in settings.compare_with
        },
    }
    lines = []
    for key, path in paths.items():
        for file in files:
            # A pattern with {video} is checked by its folder.
            wanted = Path(re.sub(r"[^/]*\{.*", "", path or ""))
            there = file.parent / wanted
            if path and not wanted.is_absolute() and there.exists() and not wanted.exists():
                lines.append(
                    f"config.{key}: {path} is in the folder of {file}, but paths start at the "
                    f"current folder ({Path.cwd()}). Write {file.parent / path}."
                )
    return lines


def _check_threshold(inputs: Inputs) -> None:
    """Refuse an ensemble threshold that no event can reach.

    Raises:
        InputError: the threshold exceeds the sum of the models' weights; the message has the sum.
    """
    settings, plan = inputs.settings, Plan(inputs)
    weights = settings.ensemble.weights
    if settings.ensemble.method != "weighted":
        return
    # If this run fuses nothing, check the settings for the run that will.
    fused = {tuple(plan.fused_models(each.video)) for each in plan.fused} or {
        tuple(settings.voters)
    }
    classes = {name for each in weights.values() if isinstance(each, dict) for name in each}
    most, models = max(
        (math.fsum(weight_for(weights, model, name) for model in models), models)
        for models in fused
        for name in [*classes, ""]
    )
    if most < settings.ensemble.threshold:
        raise InputError(
            f"config.ensemble.threshold is {settings.ensemble.threshold:g}, but the weights of "
            f"{', '.join(models)} sum up to {most:g} at most, so no event would be kept. Lower "
            "the threshold or raise ensemble.weights."
        )


def _warnings(inputs: Inputs) -> list[str]:
    """Return the warnings about inputs that are valid but probably not intended."""
    source = inputs.settings.videos
    found = [
        describe_ignored_files(source) if source else None,
        _weights_without_effect(inputs.settings),
        _unseen_ends(inputs.settings),
        _repeats_beyond_radius(inputs.settings),
        *_without_any_predictions(inputs),
        same_files(inputs.videos, inputs.shown),
        _without_footage(inputs),
        _exports_by_another_clock(inputs),
        _unused_verdicts(inputs),
        _nothing_to_learn(inputs),
        _too_few_games(inputs.settings, {inputs.games[video] for video in inputs.annotations}),
    ]
    return list(filter(None, found))


def _unused_verdicts(inputs: Inputs) -> str | None:
    """Return a warning if saved verdicts are unused, because the table of videos names other
    labels.
    """
    saved = {v: verdicts_path(inputs.settings.results, v) for v in inputs.annotations}
    unused = [
        video
        for video, path in saved.items()
        if path.is_file() and not path.samefile(inputs.annotations[video])
    ]
    if not unused:
        return None
    return (
        f"{saved[unused[0]]} is not used, because the table of videos names other labels for video "
        f"{ranges(unused)}. Empty the cell in the column labels, or write the path of the verdicts "
        "into it."
    )


def _nothing_to_learn(inputs: Inputs) -> str | None:
    """Return a warning if learning is on but no selected video has labels."""
    if not inputs.settings.learn or not inputs.settings.detect_with or inputs.annotations:
        return None
    return (
        "config.learn: no selected video has labels, so this run keeps features but nothing is "
        "learnt yet. Name labels in the table of videos, or review a match and save the verdicts. "
        "Then run again."
    )


def _weights_without_effect(settings: Settings) -> str | None:
    """Return a warning if the ensemble's weights name models that this run does not fuse."""
    idle = [name for name in settings.ensemble.weights if name not in settings.fused]
    if not idle:
        return None
    return (
        f"config.ensemble.weights: the weight of {', '.join(idle)} has no effect, because this run "
        f"fuses {', '.join(settings.fused) or 'no model'} (see detect_with, compare_with, "
        "generation and ensemble.members)."
    )


def _unseen_ends(settings: Settings) -> str | None:
    """Return a warning if the frames of a window do not reach its end."""
    window = settings.window
    shown, needed = window.frames / window.fps, math.ceil(window.seconds * window.fps)
    slower = math.floor(1000 * window.frames / window.seconds) / 1000
    if not settings.detect_with or window.frames >= needed:
        return None
    return (
        f"config.window: {window.frames} frames at {window.fps:g} per second show the first "
        f"{shown:g} s of each window of {window.seconds:g} s. Set window.frames to {needed}, "
        f"window.fps to {slower:g}, or window.seconds to {shown:g}."
    )


def _repeats_beyond_radius(settings: Settings) -> str | None:
    """Return a warning if an event seen in two overlapping windows would be counted twice."""
    window, radius = settings.window, settings.merge.window
    if not settings.detect_with or window.step <= radius or window.step >= window.seconds:
        return None
    return (
        f"config.merge.window is {radius:g} s, but overlapping windows start {window.step:g} s "
        "apart (window.step), so an event in two windows is counted twice. Set "
        f"merge.window to {window.step:g} or more."
    )


def _without_footage(inputs: Inputs) -> str | None:
    """Return a warning if the table of videos names files that do not exist."""
    named = [video for video in inputs.selected if video in inputs.videos]
    absent = {
        video: path
        for video in named
        if (path := inputs.videos[video].path) is not None and video not in inputs.shown
    }
    if not absent:
        return None
    first, path = next(iter(absent.items()))
    return (
        f"{path} (video {first}) does not exist{nearest_file(path)}, so the given predictions of "
        f"video {ranges(list(absent))} are read without footage: pages have no pictures, and the "
        "end of the video is unknown. Correct the path, or leave the cell empty."
    )


def _without_any_predictions(inputs: Inputs) -> Iterator[str]:
    """Yield a warning for each given model without predictions of any selected video."""
    settings = inputs.settings
    for model in settings.compare_with:
        source = settings.models[model].predictions or ""
        if not any(model in given for given in inputs.given.values()):
            place = expected_path(source, inputs.selected[0], inputs.videos)
            yield (
                f"{model} has no predictions of any selected video (there is no {place}). Correct "
                f"models.{model}.predictions, or remove {model} from compare_with."
            )


def _exports_by_another_clock(inputs: Inputs) -> str | None:
    """Return a warning if videos are untrimmed HQ files.

    SoccerNet's evaluator uses the clock of the 224p and 720p files, which starts at another moment.
    """
    found = [
        video
        for video in inputs.selected
        if video in inputs.videos
        and not inputs.videos[video].halves
        and find_hq_file(inputs.videos[video].path)
    ]
    if not found:
        return None
    return (
        f"Video {ranges(found)}: the clock of SoccerNet's HQ files differs from the clock of its "
        "labels and of predictions made on the 224p or 720p files. Compare these videos only with "
        "predictions made on HQ files, and do not give their exports to SoccerNet's evaluator."
    )


def _too_few_games(settings: Settings, games: Set[str]) -> str | None:
    """Return a warning if scores are to be learnt but too few games have labels."""
    if not settings.ensemble.calibrated or len(games) > LEAST_GAMES:
        return None
    return (
        "config.ensemble.calibrated: scores are learnt from the labels of other games, but only "
        f"{len(games)} of the selected games have labels. With so few games the gain cannot be "
        f"measured, so events keep their scores. Name labels of {LEAST_GAMES + 1} games or more in "
        "the table of videos."
    )


def _dated_in_the_future(inputs: Inputs) -> list[str]:
    """Return a line for each input file dated in the future.

    Snakemake would treat such a file as newer than its results.
    """
    settings = inputs.settings
    files = [
        settings.labels,
        *([settings.prompt] if settings.detect_with else []),
        *inputs.annotations.values(),
        *filter(None, (settings.models[name].learned for name in settings.detect_with)),
        *(path for paths in inputs.given.values() for path in paths.values()),
    ]
    lines = []
    for file in dict.fromkeys(files):
        try:
            date = os.stat(file).st_mtime
        except OSError:
            continue
        if date > time.time() + _CLOCKS_DIFFER:
            when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(date))
            lines.append(
                f"{file} is dated {when}, in the future, so Snakemake would repeat every job that "
                f"reads it. Type touch {shlex.quote(file)}, or set this machine's clock."
            )
    return lines


def _unusable_names(inputs: Inputs, project: Path) -> list[str]:
    """Return a line for each path that is not UTF-8, and for each path with braces that Snakemake
    reads.
    """
    settings = inputs.settings
    videos = (inputs.videos[video].path for video in inputs.selected if video in inputs.videos)
    models = [settings.models[name] for name in settings.detect_with]
    folders = [path for model in models for path in (model.checkpoint, model.adapter) if path]
    read: list[str | Path] = [
        settings.labels,
        *([settings.prompt] if models else []),
        *filter(os.path.isdir, folders),
        *inputs.annotations.values(),
        *(path for paths in inputs.given.values() for path in paths.values()),
    ]
    mistakes = Mistakes()
    for path in (Path.cwd(), project, *filter(None, videos), *read):
        mistakes.catch(partial(check_name, path), None)
    for path in (project, *read):
        mistakes.catch(partial(check_braces, path), None)
    return mistakes.lines


def _missing_videos(inputs: Inputs) -> list[str]:
    """Return a line for each selected video whose file is missing or cannot be read."""
    is_running = bool(inputs.settings.detect_with)
    lines = []
    for video in inputs.selected:
        path = inputs.videos[video].path if video in inputs.videos else None
        if path is None:
            if is_running:
                lines.append(
                    f"Video {video} has no path in {inputs.settings.videos}, so no model can watch "
                    "the video. Write its path there, or leave it out of config.select."
                )
            continue
        try:
            is_empty = path.stat().st_size == 0
        except (FileNotFoundError, NotADirectoryError):
            # Given predictions need no footage.
            if is_running:
                lines.append(
                    f"{path}: there is no such video{nearest_file(path)}. Correct the path of "
                    f"video {video}."
                )
            continue
        except OSError as error:
            lines.append(
                f"{plain(path)} (video {video}) cannot be found: {error.strerror}. Correct its "
                "path."
            )
            continue
        if path.is_dir():
            lines.append(f"{path} is a folder. Give the path of a file as video {video}.")
        elif not os.access(path, os.R_OK):
            lines.append(f"{path} (video {video}) cannot be read by you. Ask for read permission.")
        elif is_empty:
            lines.append(f"{path} (video {video}) is empty (0 bytes). Copy the video again.")
    return lines


def _unusable_models(settings: Settings) -> list[str]:
    """Return a line for each checkpoint or adapter that cannot be used."""
    mistakes = Mistakes()
    for model in (settings.models[name] for name in settings.detect_with):
        if model.is_served:
            continue
        adapter, source = model.adapter, partial(checkpoints.check_source, model.checkpoint or "")
        mistakes.catch(partial(source, model.family, trust_code=model.trust_code), None)
        if adapter:
            mistakes.catch(lambda: adapters.check_source(adapter), None)  # noqa: B023
    return mistakes.lines


def _too_long_windows(settings: Settings) -> list[str]:
    """Return a line for each local model whose context is too short for the windows.

    The video's frame size is not known yet, so the smallest size that the model accepts is assumed.
    A slice checks again with the true size before it loads the model.
    """
    window, new_tokens = settings.window, settings.generation.max_new_tokens
    frames = most_frames(window)
    # Skip the slow imports: every model reads windows of the default length.
    if frames <= WindowSettings().frames and new_tokens <= GenerationSettings().max_new_tokens:
        return []
    try:
        from touchline.models.families import family
        from touchline.models.families.base import Footage
    except ImportError:
        return []  # Jobs may run in another environment.
    mistakes, prompt = Mistakes(), read_text(settings.prompt)
    for name in settings.detect_with:
        model = settings.models[name]
        folder = None if model.is_served else _checkpoint_on_disk(settings, name)
        # Only jobs run a checkpoint's own code. A slice of such a model checks the length itself.
        if folder and not model.trust_code:
            mistakes.catch(
                partial(
                    family(model.family).check_length,
                    folder,
                    prompt,
                    Footage(1, 1, window.fps, frames),
                    new_tokens,
                ),
                None,
            )
    return mistakes.lines


def _unfit_learned_models(inputs: Inputs) -> list[str]:
    """Return a line for each learnt model made with another model, prompt, window or image setting.

    Weights are compared only if the model is on the disk. The job of each video compares them
    again.
    """
    settings, plan, mistakes = inputs.settings, Plan(inputs), Mistakes()
    for name in settings.detect_with:
        model = settings.models[name]
        path = model.learned
        if path is None:
            continue
        folder = Path(plan.model_folder(name))
        shown = (model, read_text(settings.prompt), settings.window, settings.image)
        learnt = read_note(path).origin
        if folder.is_dir():
            here = feature_origin(folder, *shown)
        else:
            here = origin_by_settings(*shown).model_copy(update={"weights": learnt.weights})
        mistakes.catch(partial(check_learnt, path, learnt, here), None)
    return mistakes.lines


def _checkpoint_on_disk(settings: Settings, name: str) -> Path | None:
    """Return the folder of a model's checkpoint, or None if it is not complete on the disk.

    The folder is the user's own, or the fetched one.
    """
    checkpoint = settings.models[name].checkpoint or ""
    if Path(checkpoint).is_dir():
        return Path(checkpoint)
    folder = Path(settings.resources, CHECKPOINT.format(model=name))
    origin = checkpoints.read_origin(folder)
    return folder if origin and origin.checkpoint == checkpoint else None


def _unusable_files(inputs: Inputs) -> list[str]:
    """Return a line for each invalid file that the settings or the table of videos name."""
    settings, videos = inputs.settings, inputs.videos
    mistakes = Mistakes()
    labels = mistakes.catch(lambda: Labels.read(settings.labels, inputs.taught), None)
    if settings.detect_with:
        mistakes.catch(lambda: _check_prompt(settings.prompt), None)
    if labels is not None:
        files = {
            (path, videos[video].game_half if video in videos else GameHalf())
            for video, path in inputs.annotations.items()
        }
        for path, of in sorted(files, key=str):
            mistakes.catch(lambda: check_truth(path, labels, of), None)  # noqa: B023
        for video, paths in inputs.given.items():
            row = videos.get(video)
            for path in paths.values():
                mistakes.catch(lambda: check_given(path, video, row, labels), None)  # noqa: B023
    return mistakes.lines


def _check_prompt(path: str) -> None:
    """Refuse an empty prompt."""
    if not read_text(path).strip():
        raise InputError(f"{path} is empty. Write the question for the model into it.")
