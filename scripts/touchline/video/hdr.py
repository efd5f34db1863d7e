"""Conversion of high dynamic range (PQ, HLG) to standard range, which models were trained on.

Without conversion, such pictures look pale and dark, because their signal and their colours have
another meaning. The conversion has three steps. It computes light from the signal (Recommendation
ITU-R BT.2100, tables 4 and 5). It maps diffuse white, 203 cd/m² (ITU-R BT.2408), to slightly below
white, which leaves room for brighter light. It converts the colours to BT.709 (ITU-R BT.2087).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from av.video.reformatter import ColorTrc
from numpy.typing import NDArray

Light = NDArray[np.float32]

_WHITE = 203.0  # cd/m²
_HLG_PEAK = 1000.0  # cd/m², peak of a display with HLG's system gamma of 1.2
# Light up to this share of white is unchanged. Brighter light is compressed into the rest.
_KNEE = 0.6
# Light on a standard display is the signal to the power of this gamma (ITU-R BT.1886).
_GAMMA = 2.4
_BT709_OF_BT2020 = np.array(
    [[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]],
    np.float32,
)
_BT2020_LUMINANCE = np.array([0.2627, 0.6780, 0.0593], np.float32)


def is_hdr(transfer: int) -> bool:
    """Return whether a frame's transfer characteristic (`color_trc`) is PQ or HLG."""
    return transfer in _LIGHT_OF


def to_standard_range(picture: NDArray[Any], transfer: int) -> NDArray[np.uint8]:
    """Convert a picture of high dynamic range to standard range.

    Args:
        picture: uint16 [H, W, 3], red green blue of BT.2020, full range.
        transfer: PQ or HLG, as `is_hdr` accepts them.

    Returns:
        [H, W, 3], red green blue of BT.709.
    """
    light = _LIGHT_OF[transfer](picture.astype(np.float32) / np.float32(65_535))
    light = np.maximum(light @ _BT709_OF_BT2020.T / _WHITE, 0)
    over = np.maximum(light - _KNEE, 0)
    shown = np.minimum(light, _KNEE) + over / (1 + over / (1 - _KNEE))
    signal: NDArray[np.uint8] = (255 * shown ** (1 / _GAMMA)).round().astype(np.uint8)
    return signal


def _pq_light(signal: Light) -> Light:
    """Convert a PQ signal to light in cd/m²."""
    m1, m2, c1, c2, c3 = 2610 / 16_384, 2523 / 32, 3424 / 4096, 2413 / 128, 2392 / 128
    root = signal ** np.float32(1 / m2)
    light: Light = 10_000 * (np.maximum(root - c1, 0) / (c2 - c3 * root)) ** np.float32(1 / m1)
    return light


def _hlg_light(signal: Light) -> Light:
    """Convert an HLG signal to light in cd/m²."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    scene: Light = np.where(signal <= 0.5, signal**2 / 3, (np.exp((signal - c) / a) + b) / 12)
    luminance = np.maximum(scene @ _BT2020_LUMINANCE, 1e-6)[..., None]
    light: Light = _HLG_PEAK * scene * luminance ** np.float32(0.2)
    return light


_LIGHT_OF: dict[int, Callable[[Light], Light]] = {
    ColorTrc.SMPTE2084.value: _pq_light,
    ColorTrc.ARIB_STD_B67.value: _hlg_light,
}
