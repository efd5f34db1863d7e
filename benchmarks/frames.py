"""Measure the CPU time of sampling the frames of a match half, beside three other ways.

    python benchmarks/frames.py                                  # 50-minute halves, 15 min
    python benchmarks/frames.py --length 120 --stretch 20 --rounds 3 --heights 720    # a trial

It needs Debian's `ffmpeg` with its shared libraries, and
`pip install --no-deps torchcodec==0.13.0`.

Each side gives the frames of windows of 4 s every 2 s, at 1 frame per second and at most 384
pixels:

- ours: `read_frames`, with one thread and with four
- the predecessor: one ffmpeg process per window, which writes JPEGs that Pillow reads
- a plain decode: all frames by PyAV, in order, in one thread; wanted frames are scaled as ours
- torchcodec: `get_frames_played_at`, scaled in its decoder, with exact seeking (which first reads
  the whole file) and with approximate seeking

The script makes the video: a camera pans and zooms over turf, a crowd and running players, with
grain. It has x264's preset medium, B-frames and 25 frames per second. The packets of a short clip
are repeated up to the full length. A round measures one stretch of the half, with each side in
turn. The next round uses another stretch, and windows at another distance from the keyframes. A
half has four slices. So the time for opening the file and the first window counts four times. The
other time is scaled up to the length of the half. For the predecessor, a round measures four
windows. Results are medians over the rounds, as CPU time (user and system) of the process and its
children.

Expected before measuring: ours takes at most 1/5 of the predecessor's time, and less than
torchcodec. With a keyframe every 2 s, it takes at most 0.6 of a plain decode. Longer groups of
pictures save less. Savings come from two kinds of skipped pictures: those after the last wanted one
of a group, and those that no other picture refers to (about half of all pictures).
"""

from __future__ import annotations

import argparse
import math
import resource
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from functools import cache, partial
from itertools import product
from multiprocessing import get_context
from pathlib import Path

import av
import numpy as np
from PIL import Image, ImageDraw

from touchline.core.records import Manifest
from touchline.inputs.settings import WindowSettings
from touchline.inputs.videos import Video
from touchline.inputs.windows import Window, list_windows, whole_video
from touchline.video.packets import open_video
from touchline.video.probe import probe
from touchline.video.sampler import read_frames
from touchline.video.transforms import cap_size

ROOT = Path(__file__).parents[1]

RATE = 25
CLIP = 30  # seconds
MAX_SIZE = 384
TORCHCODEC_BATCH = 64  # frames per call
PREDECESSOR_WINDOWS = 4  # per round, because it is slow
SLICES = 4


def ours(threads: int, path: Path, windows: Sequence[Window]) -> int:
    frames = read_frames(
        manifest_of(path), path, times_of(windows), max_size=MAX_SIZE, threads=threads
    )
    return sum(1 for _ in frames)


@cache
def manifest_of(path: Path) -> Manifest:
    return probe(Video(video=0, path=path))


def predecessor_frames(path: Path, window: Window) -> list[np.ndarray]:
    """Return a window's frames by an ffmpeg process and JPEG files, uint8 [H, W, 3]."""
    frames = []
    with tempfile.TemporaryDirectory() as folder:
        command = ["ffmpeg", "-nostdin", "-loglevel", "error", "-ss", str(window.start)]
        command += ["-t", str(window.end - window.start), "-i", str(path), "-vf", "fps=1"]
        subprocess.run([*command, f"{folder}/%d.jpg"], check=True)
        for file in sorted(Path(folder).iterdir()):
            with Image.open(file) as picture:
                picture.thumbnail((MAX_SIZE, MAX_SIZE))
                frames.append(np.array(picture.convert("RGB")))
    return frames


def predecessor(path: Path, windows: Sequence[Window]) -> int:
    return sum(len(predecessor_frames(path, window)) for window in windows)


def plain(path: Path, windows: Sequence[Window]) -> int:
    times, count = times_of(windows), 0
    with open_video(path) as (container, stream):
        stream.codec_context.thread_count = 1
        assert stream.time_base is not None
        container.seek(round(times[0] / stream.time_base), stream=stream)
        for frame in container.decode(stream):
            if frame.time > times[-1]:
                break
            # Wanted times lie on the frames' own, or between two of them.
            if frame.time <= times[count] < frame.time + 1 / RATE:
                small = cap_size(frame.width, frame.height, MAX_SIZE)
                frame.reformat(*small, format="rgb24", interpolation="BICUBIC").to_ndarray()
                count += 1
                if count == len(times):
                    break
    return count


def torchcodec(seek_mode: str, path: Path, windows: Sequence[Window]) -> int:
    from torchcodec.decoders import VideoDecoder
    from torchcodec.transforms import Resize

    with av.open(str(path)) as container:
        width, height = cap_size(
            container.streams.video[0].width, container.streams.video[0].height, MAX_SIZE
        )
    decoder = VideoDecoder(path, seek_mode=seek_mode, transforms=[Resize((height, width))])
    times = times_of(windows)
    batches = [times[k : k + TORCHCODEC_BATCH] for k in range(0, len(times), TORCHCODEC_BATCH)]
    return sum(len(decoder.get_frames_played_at(batch).data) for batch in batches)


SIDES: dict[str, Callable[[Path, Sequence[Window]], int]] = {
    "ours": partial(ours, 1),
    "ours, 4 threads": partial(ours, 4),
    "predecessor": predecessor,
    "plain decode": plain,
    "torchcodec exact": partial(torchcodec, "exact"),
    "torchcodec approximate": partial(torchcodec, "approximate"),
}


def times_of(windows: Sequence[Window]) -> list[float]:
    return sorted({time for window in windows for time in window.times})


def main() -> None:
    options = arguments()
    lines = [
        f"CPU seconds per half of {options.length:g} s, medians of {options.rounds} rounds. "
        "Brackets show ours with one thread, divided by that value.",
        "",
        "| video | Mbit/s | " + " | ".join(SIDES) + " |",
        "|---" * (len(SIDES) + 2) + "|",
    ]
    with ExitStack() as stack:
        # One process per side, so that no side uses memory of another.
        process = partial(ProcessPoolExecutor, 1, mp_context=get_context("spawn"))
        sides = {name: stack.enter_context(process()) for name in SIDES}
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        for height, seconds in product(options.heights, options.groups):
            path = folder / f"{height}.mp4"
            make_video(path, height, round(seconds * RATE), options.length)
            rate = path.stat().st_size * 8e-6 / options.length
            took: dict[str, list[float]] = {name: [] for name in SIDES}
            for number in range(options.rounds):
                for name, executor in sides.items():
                    job = executor.submit(half_seconds, name, path, number, options)
                    took[name].append(job.result())
                    print(f"{path.stem} {name}: {took[name][-1]:.1f} s", file=sys.stderr)
            medians = {name: statistics.median(each) for name, each in took.items()}
            cells = [f"{each:.1f} ({medians['ours'] / each:.2f})" for each in medians.values()]
            video = f"{height}p, keyframe every {seconds:g} s"
            lines.append(f"| {video} | {rate:.1f} | " + " | ".join(cells) + " |")
            path.unlink()
    table = "\n".join(lines) + "\n"
    if options.out:
        options.out.write_text(table)
    else:
        print(table, end="")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--length", type=float, default=3000.0, help="seconds of the half")
    parser.add_argument("--stretch", type=float, default=40.0, help="seconds measured per round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--heights", type=int, nargs="+", default=[720, 1080])
    parser.add_argument(
        "--groups", type=float, nargs="+", default=[2.0, 10.0], help="seconds between keyframes"
    )
    parser.add_argument("--out", type=Path, help="file for the table")
    return parser.parse_args()


def half_seconds(name: str, path: Path, number: int, options: argparse.Namespace) -> float:
    """Estimate the CPU seconds of a half in slices from a measured part of the half."""
    side = SIDES[name]
    # Each round has another part and another distance from the keyframes.
    at = (options.length - options.stretch) * number / options.rounds // 1 + number / options.rounds
    windows = list_windows(at, at + options.stretch, whole_video(options.length), WindowSettings())
    if name == "predecessor":
        some = windows[:: max(1, len(windows) // PREDECESSOR_WINDOWS)]
        per_window = cpu_seconds(side, path, some) / len(some)
        return per_window * float(options.length) / WindowSettings().step
    if number == 0:
        side(path, windows[:1])  # the first call imports packages
    opening = cpu_seconds(side, path, windows[:1])
    rest = cpu_seconds(side, path, windows) - opening
    shown = WindowSettings().seconds
    scale = float(options.length - SLICES * shown) / float(options.stretch - shown)
    return SLICES * opening + rest * scale


def cpu_seconds(
    side: Callable[[Path, Sequence[Window]], int], path: Path, windows: Sequence[Window]
) -> float:
    before = used()
    count = side(path, windows)
    after = used()
    wanted = len(times_of(windows))
    # ffmpeg's fps filter rounds, so a window may have one frame more or less.
    assert side is predecessor or count == wanted, f"{count} frames for {wanted} times"
    return after - before


def used() -> float:
    both = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in both)


# The video.


def make_video(path: Path, height: int, gop: int, length: float) -> None:
    """Encode a clip, then repeat its packets."""
    clip = path.with_stem("clip")
    encode_clip(clip, height, gop)
    repeat(clip, path, length)
    clip.unlink()


def encode_clip(path: Path, height: int, gop: int) -> None:
    width = height * 16 // 9
    with av.open(str(path), "w") as output:
        x264 = f"keyint={gop}:min-keyint={gop}:scenecut=0"
        options = {"preset": "medium", "crf": "20", "x264-params": x264}
        stream = output.add_stream("libx264", rate=RATE, options=options)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for picture in match_pictures(width, height):
            output.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        output.mux(stream.encode(None))


def match_pictures(width: int, height: int) -> Iterator[np.ndarray]:
    """Yield the clip's pictures, uint8 [height, width, 3]."""
    rng = np.random.default_rng(0)
    ground = Image.fromarray(_ground(rng, 3 * width, 2 * height))
    grain = [rng.normal(scale=2.0, size=(height, width, 1)) for _ in range(8)]
    players = rng.uniform(size=(22, 4))
    for number in range(CLIP * RATE):
        t = number / RATE
        zoom = 1.2 + 0.3 * math.sin(t / 4)
        left = width * (0.75 + 0.6 * math.sin(t / 3))
        top = height * (0.35 + 0.2 * math.sin(t / 5))
        view = ground.transform(
            (width, height),
            Image.Transform.AFFINE,
            (zoom, 0, left, 0, zoom, top),
            Image.Resampling.BICUBIC,
        )
        draw = ImageDraw.Draw(view)
        for k, (x0, y0, speed, phase) in enumerate(players):
            run, turn = math.sin(t * (0.5 + speed) + 6 * phase), math.sin(t * (0.5 + phase))
            x = (3 * width * x0 + 0.3 * height * run - left) / zoom
            y = (height * (0.6 + y0 + 0.1 * turn) - top) / zoom
            tall, wide = height / 9 / zoom, height / 30 / zoom
            shirt = (190, 40, 40) if k % 2 else (235, 235, 240)
            draw.ellipse((x, y, x + wide, y + 0.6 * tall), fill=shirt)
            swing = wide * 0.5 * math.sin(9 * t + k)
            for leg in (swing, -swing):
                hip = (x + wide / 2, y + 0.5 * tall)
                foot = (hip[0] + leg, y + tall)
                draw.line((*hip, *foot), fill=(30, 30, 60), width=max(2, int(wide / 5)))
        noisy = np.asarray(view, np.int16) + grain[number % len(grain)].astype(np.int16)
        yield noisy.clip(0, 255).astype(np.uint8)


def _ground(rng: np.random.Generator, width: int, height: int) -> np.ndarray:
    """Draw mown turf under a full stand, uint8 [height, width, 3]."""

    def texture(cell: int, strength: float) -> np.ndarray:
        small = rng.normal(size=(height // cell + 1, width // cell + 1)).astype(np.float32)
        return strength * np.asarray(
            Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC)
        )

    stripes = 7.0 * (np.arange(width) * 16 // width % 2)
    turf = texture(64, 6) + texture(8, 4) + texture(3, 4) + stripes
    picture = np.stack([55 + 0.8 * turf, 120 + turf, 50 + 0.7 * turf], -1)
    stand = height // 5
    for channel in range(3):
        picture[:stand, :, channel] = 90 + (texture(9, 35) + texture(4, 12))[:stand]
    return picture.clip(0, 255).astype(np.uint8)


def repeat(clip: Path, path: Path, length: float) -> None:
    """Write a clip's packets repeatedly, up to a length in seconds."""
    with av.open(str(path), "w") as output:
        stream = None
        for turn in range(math.ceil(length / CLIP)):
            with av.open(str(clip)) as source:
                template = source.streams.video[0]
                stream = stream or output.add_stream_from_template(template)
                shift = round(turn * CLIP / template.time_base)
                for packet in source.demux(template):
                    if packet.size:
                        packet.pts, packet.dts = packet.pts + shift, packet.dts + shift
                        packet.stream = stream
                        output.mux(packet)


if __name__ == "__main__":
    main()
