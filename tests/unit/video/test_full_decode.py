"""Tests that slices and threads show the same pictures as a decode of the whole file."""

from fractions import Fraction

import av
import pytest
from av.packet import Packet

from media import SIZE, in_slices, number_in, numbered_picture, ts_with_other_times
from touchline.inputs.videos import Video
from touchline.video.decoder import Decoder
from touchline.video.packets import PacketFeed, PacketReader, Source, list_packets
from touchline.video.probe import probe
from touchline.video.sampler import _segments

RATE = 5
# Seconds. This exceeds the margin of 10 s in which a slice lists packets.
SECONDS = 60
X264 = {"preset": "ultrafast", "bf": "2"}
CABAC = X264 | {"x264-params": "cabac=1:ref=3"}
CAVLC = X264 | {"x264-params": "cabac=0"}
# Decoding one of a pair with the parameters of the other gives wrong pictures without an error.
FINE, COARSE = X264 | {"qp": "12"}, X264 | {"qp": "40"}
X265 = {"preset": "ultrafast", "x265-params": "log-level=none:keyint=10:pools=1"}

PYRAMID = {"preset": "ultrafast", "bf": "3", "x264-params": "b-pyramid=normal:ref=4"}
OTHER_X265 = X265 | {"x265-params": X265["x265-params"] + ":no-sao=1:ctu=16:ref=1"}

FILES = [
    ("mp4", "libx264", X264),
    ("mov", "libx264", X264),
    ("mkv", "libx264", X264),
    ("ts", "libx264", X264),
    ("flv", "libx264", X264),
    ("avi", "libx264", {"preset": "ultrafast", "bf": "0"}),
    ("3gp", "mpeg4", {}),
    ("avi", "mpeg4", {"bf": "2"}),
    ("mpg", "mpeg2video", {"bf": "2"}),
    ("ts", "mpeg2video", {"bf": "2"}),
    ("mxf", "mpeg2video", {}),
    ("mpg", "mpeg1video", {}),
    ("m2ts", "libx264", X264),
    ("vob", "mpeg2video", {"bf": "2"}),
    ("asf", "msmpeg4", {}),
    ("f4v", "libx264", X264),
    ("m4v", "mpeg4", {"bf": "2"}),
    ("3g2", "libx264", X264),
    ("wmv", "wmv2", {}),
    ("webm", "libvpx", {"deadline": "realtime", "cpu-used": "8"}),
    ("ogv", "libvpx", {"deadline": "realtime", "cpu-used": "8"}),
    ("webm", "libvpx-vp9", {"deadline": "realtime", "cpu-used": "8"}),
    ("mp4", "libx265", X265),
    ("mkv", "libx265", X265),
    ("ts", "libx265", X265),
    ("mp4", "libsvtav1", {"preset": "12"}),
    ("mkv", "libsvtav1", {"preset": "12", "svtav1-params": "pred-struct=1"}),
    ("webm", "libsvtav1", {"preset": "12", "svtav1-params": "lookahead=0:scd=0"}),
    ("mov", "prores_ks", {}),
    ("avi", "mjpeg", {}),
]


def rate_of(codec):
    # MPEG-1 and MPEG-2 allow only a few frame rates.
    return 25 if codec.startswith(("mpeg1", "mpeg2")) else RATE


def write(path, codec, options, *, seconds=SECONDS, first=0, size=SIZE):
    rate = rate_of(codec)
    with av.open(str(path), "w") as output:
        stream = output.add_stream(codec, rate=rate, options=options)
        stream.width, stream.height = size
        stream.pix_fmt = {"prores_ks": "yuv422p10le", "mjpeg": "yuvj420p"}.get(codec, "yuv420p")
        stream.codec_context.gop_size = 10 * rate // RATE
        for number in range(first, first + round(seconds * rate)):
            frame = av.VideoFrame.from_ndarray(numbered_picture(number, size), format="rgb24")
            frame.pts, frame.time_base = number - first, Fraction(1, rate)
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return path


def packets_of(path):
    with av.open(str(path)) as file:
        return [packet for packet in file.demux(video=0) if packet.size]


def full_decode(path, times):
    """Return the number of the picture on screen at each time, decoded from the file's start."""
    with av.open(str(path)) as file:
        shown = [(frame.time, frame.to_ndarray(format="rgb24")) for frame in file.decode(video=0)]
    start = shown[0][0]
    numbers = [
        (round(time - start, 6), number_in(picture.transpose(2, 0, 1))) for time, picture in shown
    ]
    return {time: max(each for each in numbers if each[0] <= time)[1] for time in times}


def by_count(rate):
    """Return a `full_decode` for videos with a steady rate whose decoded frames have no times."""
    return lambda _path, times: {time: int(time * rate + 1e-6) for time in times}


def check_all_ways(path, seconds=SECONDS, is_counting=True, reference=full_decode):
    # This step is no multiple of the keyframe interval, so every place in a group is requested.
    times = [round(0.1 + 0.6 * k, 3) for k in range(int(seconds / 0.6))]
    expected = reference(path, times)
    if is_counting:
        assert list(expected.values()) == sorted(expected.values())
    wrong = {}
    for slices in 1, 4:
        for threads in 1, 3:
            got = in_slices(path, times, slices, threads)
            wrong[slices, threads] = sum(got.get(time) != expected[time] for time in times)
    assert wrong == dict.fromkeys(wrong, 0), f"wrong pictures of {len(times)} by (slices, threads)"


@pytest.mark.parametrize(("suffix", "codec", "options"), FILES, ids=lambda v: str(v)[:10])
def test_any_slices_and_threads_give_the_frames_of_a_full_decode(tmp_path, suffix, codec, options):
    check_all_ways(write(tmp_path / f"v.{suffix}", codec, options))


OPEN_GROUPS = PYRAMID | {"x264-params": PYRAMID["x264-params"] + ":open-gop=1"}


@pytest.mark.parametrize("options", [X264, PYRAMID, OPEN_GROUPS], ids=["ibbp", "pyramid", "open"])
def test_b_frames_in_avi_are_shown_in_display_order(tmp_path, options):
    path = write(tmp_path / "v.avi", "libx264", options)
    assert probe(Video(video=0, path=path)).packet_times == "in_decoding_order"
    check_all_ways(path, reference=by_count(RATE))


@pytest.mark.parametrize("one_in", [None, 3], ids=["keyframes", "thirds"])
@pytest.mark.parametrize(
    ("codec", "options"),
    [
        ("libx264", {"preset": "ultrafast", "bf": "0"}),
        ("libx264", PYRAMID),
        ("libx264", OPEN_GROUPS),
        ("libx265", X265),
        ("mpeg2video", {"bf": "2"}),
    ],
    ids=["none", "pyramid", "open", "hevc", "mpeg2"],
)
def test_pictures_without_a_time_are_shown_in_display_order(tmp_path, codec, options, one_in):
    whole = write(tmp_path / "whole.ts", codec, options)
    untimed = {
        place: None
        for place, packet in enumerate(packets_of(whole))
        if not packet.is_keyframe and (one_in is None or place % one_in)
    }
    path = ts_with_other_times(whole, tmp_path / "v.ts", untimed)
    assert probe(Video(video=0, path=path)).duration == pytest.approx(SECONDS)
    check_all_ways(path, reference=by_count(rate_of(codec)))


def test_joined_parts_without_times_follow_each_other(tmp_path):
    whole = write(tmp_path / "whole.ts", "libx264", PYRAMID, seconds=20)
    packets = packets_of(whole)
    untimed = {k: None for k, packet in enumerate(packets) if not packet.is_keyframe}
    part = ts_with_other_times(whole, tmp_path / "part.ts", untimed)
    # The second part begins within a group of pictures, which cannot be decoded.
    path, late = tmp_path / "v.ts", part.read_bytes()
    path.write_bytes(late + late[packets[3].pos :])
    times = [round(0.1 + 0.6 * k, 3) for k in range(62)]
    lost = 10  # pictures before the second part's first keyframe
    manifest = probe(Video(video=0, path=path))
    assert manifest.duration == pytest.approx(40, abs=2.1)
    for slices in 1, 4:
        got = in_slices(path, times, slices, 1)
        assert {t: got[t] for t in times if t < 19.7} == {t: int(5 * t) for t in times if t < 19.7}
        second = {t: n for t, n in got.items() if t > 22.1}
        assert second
        shifts = {n - int(5 * t) for t, n in second.items()}
        assert len(shifts) == 1
        assert shifts.pop() in range(-100, -100 + lost + 1)


def boxes(content):
    """Yield the boxes of an MP4 file or box: kind, and content without the header."""
    at = 0
    while at < len(content):
        size = int.from_bytes(content[at : at + 4], "big")
        yield content[at + 4 : at + 8], content[at + 8 : at + size]
        at += size


def box(kind, content):
    return (len(content) + 8).to_bytes(4, "big") + kind + content


def numbers_box(kind, rows):
    fields = b"".join(value.to_bytes(4, "big") for row in rows for value in row)
    return box(kind, bytes(4) + len(rows).to_bytes(4, "big") + fields)


PARENTS = {b"moov", b"trak", b"mdia", b"minf", b"stbl"}


def find(content, kind):
    for name, inside in boxes(content):
        if name == kind:
            return inside
        if name in PARENTS and (found := find(inside, kind)) is not None:
            return found
    return None


def with_second_entry(content, entry, count):
    """Return an MP4 with one track whose samples from `count` on have another sample entry."""
    table = find(content, b"stsz")
    sizes = [int.from_bytes(table[at : at + 4], "big") for at in range(12, len(table), 4)]
    (begin,) = [int.from_bytes(find(content, b"stco")[8:12], "big")]

    def rewritten(content):
        result = b""
        for kind, inside in boxes(content):
            if kind in PARENTS:
                result += box(kind, rewritten(inside))
            elif kind == b"stsd":
                result += box(kind, bytes(4) + (2).to_bytes(4, "big") + inside[8:] + entry)
            elif kind == b"stsc":
                rows = [(1, count, 1), (2, len(sizes) - count, 2)]
                result += numbers_box(kind, rows)
            elif kind == b"stco":
                result += numbers_box(kind, [(begin,), (begin + sum(sizes[:count]),)])
            else:
                result += box(kind, inside)
        return result

    return rewritten(content)


def write_joined(path, first, second, second_head=b""):
    """Write the packets of two files as one stream with the header of the first file.

    Args:
        path: file to write.
        first: path of the first file.
        second: path of the second file.
        second_head: bytes to put before the second file's first packet.
    """
    with av.open(str(first)) as template, av.open(str(path), "w") as output:
        stream = output.add_stream_from_template(template.streams.video[0])
        for number, source in enumerate([first, second]):
            for place, packet in enumerate(packets_of(source)):
                head = second_head if number and not place else b""
                copy = Packet(head + bytes(packet))
                copy.time_base, copy.is_keyframe = packet.time_base, packet.is_keyframe
                shift = round(number * SECONDS / 2 / packet.time_base)
                copy.pts = packet.pts + shift
                copy.dts = None if packet.dts is None else packet.dts + shift
                copy.duration, copy.stream = packet.duration, stream
                output.mux(copy)
    return path


def halves(tmp_path, suffix, codec, options, size):
    """Write two files. The second continues the first with other parameters."""
    seconds = SECONDS / 2
    return [
        write(tmp_path / f"0.{suffix}", codec, options[0], seconds=seconds),
        write(
            tmp_path / f"1.{suffix}",
            codec,
            options[1],
            seconds=seconds,
            first=round(seconds * rate_of(codec)),
            size=size,
        ),
    ]


SIZES = pytest.mark.parametrize("size", [SIZE, (320, 180)])
ORDERS = pytest.mark.parametrize(
    "options", [(CABAC, CAVLC), (COARSE, FINE)], ids=["coding", "scale"]
)


@SIZES
@ORDERS
def test_flv_with_a_second_sequence_header_gives_the_frames_of_a_full_decode(
    tmp_path, options, size
):
    first, second = (
        path.read_bytes() for path in halves(tmp_path, "flv", "libx264", options, size)
    )
    path = tmp_path / "v.flv"
    path.write_bytes(first + flv_tags(second, round(SECONDS / 2 * 1000)))
    check_all_ways(path)


def flv_tags(content, shift):
    """Return the picture tags of an FLV file, with times shifted by milliseconds."""
    result, at = b"", 13
    while at < len(content):
        size = int.from_bytes(content[at + 1 : at + 4], "big")
        tag = bytearray(content[at : at + 11 + size + 4])
        at += len(tag)
        if tag[0] == 9:
            time = int.from_bytes(tag[4:7], "big") + shift
            tag[4:7] = time.to_bytes(3, "big")
            result += tag
    return result


@SIZES
@ORDERS
def test_mp4_with_two_sample_entries_gives_the_frames_of_a_full_decode(tmp_path, options, size):
    first, second = halves(tmp_path, "mp4", "libx264", options, size)
    path = write_joined(tmp_path / "v.mp4", first, second)
    entry = find(second.read_bytes(), b"stsd")[8:]
    count = len(packets_of(first))
    path.write_bytes(with_second_entry(path.read_bytes(), entry, count))
    check_all_ways(path)


def avcc_units(header):
    """Return the parameter sets of an avcC box. Before each, 4 bytes hold its length."""
    at, units = 6, []
    for _ in range(header[5] & 31):
        size = int.from_bytes(header[at : at + 2], "big")
        units.append(header[at + 2 : at + 2 + size])
        at += 2 + size
    at += 1
    size = int.from_bytes(header[at : at + 2], "big")
    units.append(header[at + 2 : at + 2 + size])
    return units


def hvcc_units(header):
    """Return the parameter sets of an hvcC box."""
    at, units = 23, []
    for _ in range(header[22]):
        count, at = int.from_bytes(header[at + 1 : at + 3], "big"), at + 3
        for _ in range(count):
            size = int.from_bytes(header[at : at + 2], "big")
            units.append(header[at + 2 : at + 2 + size])
            at += 2 + size
    return units


@pytest.mark.parametrize("suffix", ["mkv", "mp4"])
@SIZES
@ORDERS
def test_h264_with_new_parameters_at_one_keyframe_gives_all_frames(tmp_path, suffix, options, size):
    first, second = halves(tmp_path, "mp4", "libx264", options, size)
    with av.open(str(second)) as file:
        units = avcc_units(file.streams.video[0].codec_context.extradata)
    head = b"".join(len(unit).to_bytes(4, "big") + unit for unit in units)
    check_all_ways(write_joined(tmp_path / f"v.{suffix}", first, second, head))


@SIZES
def test_hevc_with_new_parameters_at_one_keyframe_gives_all_frames(tmp_path, size):
    first, second = halves(tmp_path, "mp4", "libx265", (X265, OTHER_X265), size)
    with av.open(str(second)) as file:
        units = hvcc_units(file.streams.video[0].codec_context.extradata)
    head = b"".join(len(unit).to_bytes(4, "big") + unit for unit in units)
    check_all_ways(write_joined(tmp_path / "v.mkv", first, second, head))


def without_sequence_header(content):
    """Remove the sequence header from the start of an AV1 packet, if there is one."""
    # The header has one byte, and the size is below 128.
    return content[2 + content[1] :] if content[0] == 0x0A else content


def test_av1_with_a_new_header_at_one_keyframe_gives_all_frames(tmp_path):
    sources = halves(tmp_path, "mp4", "libsvtav1", ({"preset": "12"},) * 2, (320, 180))
    path = tmp_path / "v.mkv"
    with av.open(str(path), "w") as output:
        width, height = SIZE
        stream = output.add_mux_stream("av1", rate=RATE, width=width, height=height)
        for number, source in enumerate(sources):
            for place, packet in enumerate(packets_of(source)):
                content = bytes(packet)
                copy = Packet(without_sequence_header(content) if number and place else content)
                copy.time_base, copy.is_keyframe = packet.time_base, packet.is_keyframe
                shift = round(number * SECONDS / 2 / packet.time_base)
                copy.pts, copy.dts = packet.pts + shift, packet.dts + shift
                copy.stream = stream
                output.mux(copy)
    assert probe(Video(video=0, path=path)).has_dependent_keyframes
    check_all_ways(path)


@pytest.mark.parametrize(
    ("codec", "options", "codes", "filler"),
    [
        # The unit types are replaced by types that decoders skip.
        ("libx264", (CABAC, CAVLC), [b"\x67", b"\x68"], b"\x6c"),
        ("libx264", (CAVLC, CABAC), [b"\x67", b"\x68"], b"\x6c"),
        ("libx265", (X265, OTHER_X265), [b"\x40\1", b"\x42\1", b"\x44\1"], b"\x60\1"),
        ("mpeg2video", ({}, {}), [b"\xb3"], b"\xb2"),
    ],
    ids=["h264", "h264-vlc", "hevc", "mpeg2"],
)
def test_ts_with_parameters_only_at_its_start_gives_all_frames(
    tmp_path, codec, options, codes, filler
):
    first, second = halves(tmp_path, "ts", codec, options, (320, 180))
    path = write_joined(tmp_path / "v.ts", first, second)
    keyframes = sum(packet.is_keyframe for packet in packets_of(first))
    content = path.read_bytes()
    for code in codes:
        *begin, rest = content.split(b"\0\0\1" + code, keyframes + 1)
        assert len(begin) == keyframes + 1
        rest = rest.replace(b"\0\0\1" + code, b"\0\0\1" + filler)
        content = (b"\0\0\1" + code).join([*begin, rest])
    path.write_bytes(content)
    assert probe(Video(video=0, path=path)).has_dependent_keyframes
    check_all_ways(path)


@pytest.fixture
def alternating(tmp_path):
    """Write an FLV file whose header changes three times, between two headers."""
    first, second = halves(tmp_path, "flv", "libx264", (FINE, COARSE), SIZE)
    parts = [path.read_bytes() for path in (first, second)]
    rest = [flv_tags(parts[k % 2], round(k * SECONDS / 2 * 1000)) for k in range(1, 4)]
    path = tmp_path / "v.flv"
    path.write_bytes(parts[0] + b"".join(rest))
    return path


def test_flv_with_alternating_headers_gives_all_frames(alternating):
    check_all_ways(alternating, 2 * SECONDS, is_counting=False)


def test_segments_in_reverse_order_give_all_frames(alternating):
    times = [0.5 + k for k in range(2 * SECONDS)]
    start = probe(Video(video=0, path=alternating)).start_time
    source = Source(alternating, has_dependent_keyframes=True)
    listing = list_packets(source, 0, 2 * SECONDS)
    got = {}
    with PacketReader(source, listing) as feeding, PacketReader(source, listing) as reader:
        feed, decoder = PacketFeed(feeding), Decoder(reader, listing)
        for segment in reversed(_segments(listing, times, start)):
            packets = feed.packets(segment.begin, segment.end + 1)
            for time, frame in decoder.pictures(segment, packets):
                got[time] = number_in(frame.to_ndarray(format="rgb24").transpose(2, 0, 1))
    assert got == full_decode(alternating, times)


def test_keyframes_of_ordinary_files_need_no_earlier_packets(tmp_path):
    for suffix, codec, options in FILES:
        path = write(tmp_path / f"{codec}.{suffix}", codec, options, seconds=4)
        assert not probe(Video(video=0, path=path)).has_dependent_keyframes
