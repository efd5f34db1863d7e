"""Detection of sections in an MPEG-TS file whose video changes its PID.

A broadcaster may change the programme tables during a recording, and `cat` may join two recordings
with different tables. FFmpeg then creates a new stream, which PyAV does not show. So each section
is read as a separate file (with FFmpeg's protocol `subfile`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import groupby, pairwise
from mmap import ACCESS_READ, mmap
from pathlib import Path

import av
from av.container import InputContainer

from touchline.core.records import Section

# PID and kind of a stream in FFmpeg's description of a file.
_STREAM = re.compile(r"Stream #0:\d+\[0x([0-9a-f]+)\].*?: (\w+):")
# Start of a packet with a PAT (PID 0), which begins a section: sync byte, flags and PID.
_PAT = b"\x47\x40\x00"
_PACKET = 188
# Flags in byte 1, with either priority: a picture starts or continues in the packet.
_STARTS, _CONTINUES = (0x40, 0x60), (0x00, 0x20)
# Stream numbers of video in the header of a picture: MPEG's, and extended ones (VC-1).
_VIDEO_IDS = {*range(0xE0, 0xF0), 0xFD}
# A stream with fewer pictures per change of the PID runs beside the other one (a second camera).
_LEAST_RUN = 5


def picture_pids(container: InputContainer) -> set[int]:
    """Return the PIDs of all video streams of an MPEG-TS file, including later ones."""
    level = av.logging.get_level()
    # PyAV shows only the streams at opening, but FFmpeg's description has all streams.
    av.logging.set_level(av.logging.INFO)
    try:
        described = _STREAM.findall(container.dumps_format())  # type: ignore[attr-defined]
    finally:
        av.logging.set_level(level)
    now = {int(pid, 16) for pid, kind in described if kind == "Video"}
    return now | {stream.id for stream in container.streams.video}


def find_sections(path: Path, chosen: int, pids: set[int]) -> list[Section]:
    """Split an MPEG-TS file where its video changes from one PID to another.

    Args:
        path: the file.
        chosen: PID of some part of the video.
        pids: PIDs of all video streams in the file.

    Returns:
        The sections in the order of the file; none if the video stays on one PID.
    """
    with path.open("rb") as file, mmap(file.fileno(), 0, access=ACCESS_READ) as content:
        starts = list(_picture_starts(content, pids))
        joined = {chosen}
        for pid in dict.fromkeys(pid for _, pid in starts):
            both = [each for _, each in starts if each in joined or each == pid]
            changes = sum(before != after for before, after in pairwise(e == pid for e in both))
            if both.count(pid) >= _LEAST_RUN * changes:
                joined.add(pid)
        runs = [
            (pid, [at for at, _ in run])
            for pid, run in groupby((each for each in starts if each[1] in joined), lambda e: e[1])
        ]
        if len(runs) < 2:
            return []
        begins, ends = [0], []
        for (before, old), (_, new) in pairwise(runs):
            tables = content.rfind(_PAT, old[-1], new[0])
            # Without new tables, the rest of the last picture before the change is skipped.
            begins.append(tables if tables >= 0 else old[-1] + _PACKET)
            tail = re.compile(b"\x47" + _head(before, _CONTINUES), re.DOTALL)
            ends.append(new[0] if tail.search(content, begins[-1], new[0]) else begins[-1])
        ends.append(len(content))
    return [
        Section(begin=begin, end=end, pid=pid)
        for begin, end, (pid, _) in zip(begins, ends, runs, strict=True)
    ]


def _picture_starts(content: mmap, pids: set[int]) -> Iterator[tuple[int, int]]:
    """Yield the packets in which a picture starts: (place in bytes, PID).

    In ISO/IEC 13818-1, 2.4.3, byte 1 has a flag for a start, and bytes 1 and 2 have the PID. The
    payload follows an adaptation field. It begins with 00 00 01 and the number of a stream.
    """
    heads = b"|".join(_head(pid, _STARTS) for pid in sorted(pids))
    pattern = re.compile(b"\x47(?:" + heads + b")", re.DOTALL)
    for match in pattern.finditer(content):
        at = match.start()
        head = content[at : at + 5]
        payload = at + 4 + (1 + head[4] if head[3:] and head[3] & 0x20 else 0)
        if content[payload : payload + 3] == b"\0\0\1" and content[payload + 3] in _VIDEO_IDS:
            yield at, (head[1] & 0x1F) << 8 | head[2]


def _head(pid: int, flags: Iterable[int]) -> bytes:
    """Return a pattern for bytes 1 and 2 of a packet with this PID and any of the flags."""
    first = b"".join(re.escape(bytes([flag | pid >> 8])) for flag in flags)
    return b"[" + first + b"]" + re.escape(bytes([pid & 255]))
