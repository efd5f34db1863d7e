"""Cutting of a video into clips, with reels and a list of the clips."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from touchline.clips.copying import CannotCopy, check_copy, copy_clip, encoded_sound
from touchline.clips.encoding import encode_clip
from touchline.clips.llc import make_project, project_name
from touchline.clips.plan import Clip, plan_reels
from touchline.clips.records import ClipList, ClipRecord, ReelRecord
from touchline.clips.reels import join_clips
from touchline.core.files import write_json
from touchline.core.records import Manifest

log = logging.getLogger(__name__)


def cut_video(
    manifest: Manifest,
    path: Path,
    clips: Sequence[Clip],
    folder: Path,
    *,
    exact: bool,
    threads: int = 1,
) -> ClipList:
    """Write one file per clip, one reel per class, a project for LosslessCut and a list.

    If a clip cannot be copied, all clips of the video are cut exactly, so that they can be joined.

    Args:
        manifest: manifest of the video.
        path: current path of the video.
        clips: the clips.
        folder: folder to write into.
        exact: whether clips start and end at the exact picture.
        threads: number of encoding threads.

    Raises:
        InputError: the video cannot be read.
        OSError: a file cannot be written.
    """
    written: list[ClipRecord] = []
    if not exact:
        try:
            check_copy(manifest)
            if codecs := encoded_sound(path, manifest.stream):
                log.info("The sound (%s) is encoded as AAC.", ", ".join(codecs))
            written = [
                _record(clip, copy_clip(manifest, path, clip, folder / clip.file)) for clip in clips
            ]
        except CannotCopy as error:
            log.info(
                "%s cannot be copied: %s. All clips are encoded again and cut exactly.",
                path,
                error,
            )
            exact, written = True, []
            for clip in clips:
                (folder / clip.file).unlink(missing_ok=True)
    if exact:
        for clip in clips:
            span = encode_clip(manifest, path, clip, folder / clip.file, threads)
            if span:
                written.append(_record(clip, span))
            else:
                log.warning(
                    "There is no clip of %s at %.3f s, because the video has no picture there.",
                    clip.label,
                    clip.time_s,
                )
    there = {each.file for each in written}
    reels = []
    for label, (file, parts) in plan_reels([each for each in clips if each.file in there]).items():
        join_clips([folder / part.file for part in parts], folder / file)
        reels.append(ReelRecord(file=file, label=label))
    write_json(folder / project_name(path), make_project(clips, path, manifest.clock_offset))
    listed = ClipList(video=manifest.video, exact=exact, clips=written, reels=reels)
    write_json(folder / "clips.json", listed.model_dump())
    return listed


def _record(clip: Clip, span: tuple[float, float]) -> ClipRecord:
    """Return the record of a written clip."""
    return ClipRecord(
        file=clip.file,
        label=clip.label,
        time_s=clip.time_s,
        asked_start_s=clip.start,
        asked_end_s=clip.end,
        start_s=span[0],
        end_s=span[1],
    )
