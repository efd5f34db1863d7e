"""Turn and mirror decoded pictures as a player does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import numpy as np
from av.buffer import Buffer
from av.video.frame import VideoFrame
from numpy.typing import NDArray

_KEPT: NDArray[np.int32] = np.eye(3, dtype=np.int32)


def display_matrix(frame: VideoFrame) -> NDArray[np.int32]:
    """Return the matrix [3, 3] by which a player places the picture, as int32.

    Row k says where a step to the right (0) or down (1) in the stored picture leads on the
    screen (FFmpeg, libavutil/display.h).
    """
    try:
        stated = cast(Mapping[str, Buffer], frame.side_data)["DISPLAYMATRIX"]
    except KeyError:
        return _KEPT
    except ValueError:  # PyAV (18.1) does not know a kind of side data that the frame has
        return _rotated(frame.rotation)
    return np.frombuffer(bytes(stated), np.int32).reshape(3, 3)


def _rotated(degrees: int) -> NDArray[np.int32]:
    """Return the matrix of an anticlockwise rotation by the nearest quarter turns."""
    return np.linalg.matrix_power(
        np.array([[0, -1, 0], [1, 0, 0], [0, 0, 1]], np.int32), round(degrees / 90) % 4
    )


def placed(picture: NDArray[Any], matrix: NDArray[np.int32]) -> NDArray[Any]:
    """Turn a picture by quarter turns, and mirror it, as its display matrix says.

    Args:
        picture: [height, width, ...].
        matrix: int32 [3, 3]; an angle between quarter turns counts as the nearest one.
    """
    (a, b), (c, d) = matrix[:2, :2].tolist()
    # A step to the right leads up or down: rows become columns.
    if abs(b) > abs(a):
        picture, a, d = picture.swapaxes(0, 1), c, b
    return picture[:: -1 if d < 0 else 1, :: -1 if a < 0 else 1]
