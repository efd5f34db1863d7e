"""Tests that pictures of high dynamic range look like standard range after conversion."""

from fractions import Fraction

import av
import numpy as np
import pytest

from media import sample_frames

# The inverse of the code's conversion, from the same recommendations.
BT2020_OF_BT709 = np.array(
    [[0.6274, 0.3293, 0.0433], [0.0691, 0.9195, 0.0114], [0.0164, 0.0880, 0.8956]]
)


def pq(light):
    """Return the PQ signal of light in cd/m² (ITU-R BT.2100, table 4)."""
    m1, m2, c1, c2, c3 = 2610 / 16384, 2523 / 32, 3424 / 4096, 2413 / 128, 2392 / 128
    part = (light / 10_000) ** m1
    return ((c1 + c2 * part) / (1 + c3 * part)) ** m2


def hlg(light):
    """Return the HLG signal of light in cd/m² on a 1,000 cd/m² display (ITU-R BT.2100, table 5)."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    luminance = np.maximum(light @ [0.2627, 0.6780, 0.0593], 1e-9)[..., None] / 1000
    scene = light / 1000 * luminance ** (1 / 1.2 - 1)
    high = a * np.log(np.maximum(12 * scene - b, 1e-9)) + c
    return np.where(scene <= 1 / 12, np.sqrt(3 * scene), high)


TRANSFERS = {"pq": (pq, av.video.reformatter.ColorTrc.SMPTE2084),
             "hlg": (hlg, av.video.reformatter.ColorTrc.ARIB_STD_B67)}  # fmt: skip


@pytest.mark.parametrize("kind", TRANSFERS)
def test_hdr_colours_equal_the_colours_of_standard_range(tmp_path, kind):
    signal_of, transfer = TRANSFERS[kind]
    colours = np.random.default_rng(0).integers(20, 201, (9, 16, 3))
    # White and brighter light must stay distinguishable.
    colours[0, :3] = 255
    light = 203 * ((colours / 255) ** 2.4 @ BT2020_OF_BT709.T)
    light[0, 1:3] = [[600], [1000]]
    blocks = np.kron(signal_of(light.clip(0)), np.ones((16, 16, 1)))
    path = tmp_path / "v.mkv"
    with av.open(str(path), "w") as output:
        # With reordering, x265 gives a single picture an uninitialized decoding time, which
        # sometimes cannot be written.
        options = {"x265-params": "log-level=none:qp=4:bframes=0"}
        stream = output.add_stream("libx265", rate=25, options=options)
        stream.width, stream.height, stream.pix_fmt = 256, 144, "yuv420p10le"
        context = stream.codec_context
        context.color_trc, context.color_primaries, context.colorspace = transfer.value, 9, 9
        picture = av.VideoFrame.from_ndarray((65_535 * blocks).astype(np.uint16), format="rgb48le")
        frame = picture.reformat(format="yuv420p10le", dst_colorspace="BT2020")
        frame.pts, frame.time_base = 0, Fraction(1, 25)
        output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    (shown,) = sample_frames(path, [0.0], 0.0, 384)
    got = shown.picture.permute(1, 2, 0).numpy()[8::16, 8::16].astype(int)
    off = np.abs(got - colours).reshape(-1, 3)[3:]
    # Without conversion, the mean error is 21 (HLG) and 38 (PQ).
    assert off.mean() < 1
    assert off.max() <= 10
    white, brighter, brightest = got[0, :3].mean(-1)
    assert 225 < white < brighter < brightest <= 255
