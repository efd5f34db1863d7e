"""Write the videos, true events and table of generated matches.

python demo/make_matches.py --seeds 43 --out FOLDER
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Iterator
from pathlib import Path

import av

from demo.scene.backdrops import HEIGHT, WIDTH
from demo.scene.match import FRAME_RATE, Match, labels_v2, schedule
from demo.scene.pictures import render
from touchline.core.files import replace_file, write_json


def main() -> None:
    options = _options()
    rows = ["video\tpath\tgame\thalf\tlabels"]
    for number, seed in enumerate(options.seeds):
        match = schedule(seed, options.duration, options.hard, options.breaks)
        name = f"match_{seed}"
        folder = options.out / name
        folder.mkdir(parents=True, exist_ok=True)
        write_video(match, folder / "match.mp4")
        write_json(folder / "Labels-v2.json", labels_v2(match, name))
        rows.append(f"{number}\t{name}/match.mp4\t{name}\t1\t{name}/Labels-v2.json")
        print(f"{folder}: {len(match.events)} events in {match.duration:g} s", flush=True)
    with replace_file(options.out / "videos.tsv") as table:
        table.write("\n".join(rows) + "\n")


def write_video(match: Match, path: Path) -> None:
    """Write the match as H.264, one frame at a time. Delete the file after an error."""
    unfinished = path.with_name(f".{path.name}")
    try:
        with av.open(str(unfinished), "w", format="mp4") as container:
            stream = container.add_stream("libx264", rate=FRAME_RATE)
            stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
            stream.gop_size = 2 * FRAME_RATE
            stream.options = {"preset": "ultrafast", "crf": "29"}
            for number in _with_progress(round(match.duration * FRAME_RATE)):
                picture = render(match, number / FRAME_RATE)
                container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
            container.mux(stream.encode())
        os.replace(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)


def _with_progress(frames: int) -> Iterator[int]:
    """Yield the frame numbers, and print the progress every 20 s of video."""
    started = time.monotonic()
    for number in range(frames):
        yield number
        if (number + 1) % (20 * FRAME_RATE) == 0 or number + 1 == frames:
            spent = time.monotonic() - started
            print(f"drawn {(number + 1) / FRAME_RATE:.0f} s of video in {spent:.0f} s", flush=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    add = parser.add_argument
    add(
        "--seeds", type=int, nargs="+", default=[43], help="below 900000; training uses later seeds"
    )
    add("--duration", type=float, default=240.0, help="seconds")
    add("--hard", action="store_true", help="signs half as long, more shots that resemble one")
    add("--breaks", action="store_true", help="drinks breaks, too, which no model was taught")
    add("--out", type=Path, required=True, help="folder to write into")
    return parser.parse_args()


if __name__ == "__main__":
    main()
