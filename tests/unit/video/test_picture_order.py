"""Tests of the display order of pictures, from valid and damaged packets."""

from types import SimpleNamespace

import av
import pytest
from av.packet import Packet
from hypothesis import example, given
from hypothesis import strategies as st

from media import SIZE, steady, write_video
from touchline.video.picture_order import PictureOrder, with_display_times


@pytest.mark.parametrize("codec", ["libx264", "libx265"])
@pytest.mark.parametrize("suffix", ["mp4", "ts"])
@pytest.mark.parametrize("b_frames", [0, 3])
def test_display_order_equals_the_order_of_stated_times(tmp_path, codec, suffix, b_frames):
    path = tmp_path / f"v.{suffix}"
    write_video(path, steady(8), codec=codec, b_frames=b_frames, size=SIZE)
    with av.open(str(path)) as file:
        order = PictureOrder(file.streams.video[0])
        read = [
            (packet.pts, order.order_of(packet)) for packet in file.demux(video=0) if packet.size
        ]
    by_time = sorted(range(len(read)), key=lambda place: read[place][0])
    assert by_time == sorted(range(len(read)), key=lambda place: read[place][1])


@given(
    st.sampled_from(["h264", "hevc"]),
    st.binary(max_size=80),
    st.lists(st.binary(min_size=1, max_size=80), max_size=5),
    st.binary(max_size=2),
)
@example("hevc", b"", [b"\0", b"\0", b"\0\0\1"], b"")  # a unit of one byte
def test_damaged_units_raise_no_error(codec, header, packets, start):
    # Units of a kind that the code reads, after a start code or a length.
    kinds = {"h264": b"\x67\x68\x65\x41", "hevc": b"\x42\x44\x26\x02"}[codec]
    units = [b"\0\0\1" + bytes([kinds[k % 4]]) + content for k, content in enumerate(packets)]
    named = SimpleNamespace(canonical_name=codec)
    stream = SimpleNamespace(
        codec_context=SimpleNamespace(codec=named, extradata=start + header + b"".join(units))
    )
    given_packets = [Packet(unit) for unit in units]
    for times in "in_decoding_order", "sparse":
        assert list(with_display_times(given_packets, PictureOrder(stream), times)) == given_packets
