"""Writing of MP4 files, which are either complete or absent."""

from __future__ import annotations

import errno
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

from touchline.core.disk import name_file_in_errors, temporary_prefix


@contextmanager
def writing_mp4(path: Path) -> Iterator[OutputContainer]:
    """Open an MP4 file for writing. It appears at `path` only if no error occurs.

    Raises:
        OSError: the file cannot be written.
    """
    temporary = path.with_name(f"{temporary_prefix(path)}{uuid.uuid4().hex[:8]}")
    with name_file_in_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            # With the index at the start, a file can play while it loads.
            options = {"movflags": "+faststart"}
            with av.open(str(temporary), "w", format="mp4", options=options) as output:
                yield output
            temporary.replace(path)
        except BaseException as error:
            temporary.unlink(missing_ok=True)
            if isinstance(error, av.FFmpegError) and _is_of_system(error):
                raise OSError(error.errno, os.strerror(error.errno), str(path)) from error
            raise


def _is_of_system(error: av.FFmpegError) -> bool:
    """Return whether an error comes from the operating system. EINVAL comes from the muxer."""
    return error.errno in errno.errorcode and error.errno != errno.EINVAL


def mux_by_time(output: OutputContainer, *streams: Iterable[Packet[Any]]) -> None:
    """Write the packets of several streams in the order of their decoding times."""
    for packet in heapq.merge(*streams, key=_decoding_time):
        output.mux(packet)


def _decoding_time(packet: Packet[Any]) -> Fraction:
    """Return the decoding time of a packet, in seconds."""
    ticks = packet.pts if packet.dts is None else packet.dts
    return (ticks or 0) * packet.time_base
