"""Rotation and mirroring of decoded pictures, as in a player."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import numpy as np
from av.buffer import Buffer
from av.video.frame import VideoFrame
from numpy.typing import NDArray

_KEPT: NDArray[np.int32] = np.eye(3, dtype=np.int32)


def display_matrix(frame: VideoFrame) -> NDArray[np.int32]:
    """Return the int32 matrix [3, 3] by which a player places the picture.

    A step to the right in the stored picture is a step along row 0 on the screen. A step down is a
    step along row 1 (FFmpeg, libavutil/display.h).
    """
    try:
        stated = cast(Mapping[str, Buffer], frame.side_data)["DISPLAYMATRIX"]
    except KeyError:
        return _KEPT
    except ValueError:  # The frame has a kind of side data that PyAV (18.1) does not know.
        return _rotated(frame.rotation)
    return np.frombuffer(bytes(stated), np.int32).reshape(3, 3)


def _rotated(degrees: int) -> NDArray[np.int32]:
    """Return the matrix of an anticlockwise rotation, rounded to quarter turns."""
    return np.linalg.matrix_power(
        np.array([[0, -1, 0], [1, 0, 0], [0, 0, 1]], np.int32), round(degrees / 90) % 4
    )


def apply_display_matrix(picture: NDArray[Any], matrix: NDArray[np.int32]) -> NDArray[Any]:
    """Rotate a picture by quarter turns and mirror it, according to its display matrix.

    Args:
        picture: [height, width, ...].
        matrix: int32 [3, 3]. Angles are rounded to quarter turns.
    """
    (a, b), (c, d) = matrix[:2, :2].tolist()
    # If a step to the right leads up or down, rows become columns.
    if abs(b) > abs(a):
        picture, a, d = picture.swapaxes(0, 1), c, b
    return picture[:: -1 if d < 0 else 1, :: -1 if a < 0 else 1]
