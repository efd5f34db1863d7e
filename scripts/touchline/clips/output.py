"""MP4 files that are either whole or not there."""

from __future__ import annotations

import heapq
import os
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.container import OutputContainer
from av.packet import Packet

from touchline.core.disk import hidden, writing


@contextmanager
def writing_mp4(path: Path) -> Iterator[OutputContainer]:
    """Open an MP4 file to write that appears at `path` only when all went well.

    Raises:
        OSError: the disk refuses.
    """
    temporary = path.with_name(f"{hidden(path)}{uuid.uuid4().hex[:8]}")
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            # With its index at the start, a file plays while it is loaded.
            options = {"movflags": "+faststart"}
            with av.open(str(temporary), "w", format="mp4", options=options) as output:
                yield output
            temporary.replace(path)
        except av.FFmpegError as error:
            temporary.unlink(missing_ok=True)
            if not isinstance(error, OSError) and 0 < error.errno < 200:
                raise OSError(error.errno, os.strerror(error.errno), str(path)) from error
            raise
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise


def mux_by_time(output: OutputContainer, *streams: Iterable[Packet[Any]]) -> None:
    """Write the packets of several streams in the order of their decoding times."""
    output.mux(heapq.merge(*streams, key=_decoding_time))


def _decoding_time(packet: Packet[Any]) -> Fraction:
    ticks = packet.pts if packet.dts is None else packet.dts
    return (ticks or 0) * packet.time_base
