"""Backgrounds behind the players: stands, advertising boards, grass and lines.

They are drawn once and cached, because many frames show the same ground.
"""

from __future__ import annotations

import random
from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from demo.scene.figures import WHITE, Colour

WIDTH, HEIGHT = 640, 360
MARGIN = 30  # pixels a close backdrop is larger than the frame on each side, to pan over

# The panorama of the whole ground, from which the wide camera cuts its picture.
PANORAMA = (1800, 700)
PITCH = (105.0, 68.0)  # metres
STADIUMS = 5

_GRASS: tuple[tuple[Colour, Colour], ...] = (
    ((62, 138, 58), (72, 150, 66)),
    ((50, 122, 60), (60, 134, 70)),
    ((84, 142, 52), (96, 154, 60)),
)
_BOARDS: tuple[tuple[str, Colour, Colour], ...] = (
    ("NORTH BANK TEA", (20, 90, 60), WHITE),
    ("half-time pies", (245, 240, 225), (150, 60, 30)),
    ("FULLTIME", (40, 40, 48), (240, 220, 90)),
    ("Corner Bakes", (235, 235, 235), (40, 40, 48)),
    ("EXTRA TIME", (90, 60, 130), WHITE),
    ("Whistle & Co", (30, 120, 130), WHITE),
)
_CROWD: tuple[Colour, ...] = (
    (70, 74, 84),
    (120, 116, 110),
    (176, 170, 160),
    (60, 66, 110),
    (126, 60, 56),
    (206, 190, 150),
    (40, 42, 48),
)


def on_panorama(x: float, y: float) -> tuple[float, float, float]:
    """Return the place on the panorama of a point of the pitch.

    Args:
        x, y: metres from the near left corner of the pitch.

    Returns:
        x and y in pixels, and the length of a metre there in pixels.
    """
    scale = 1 / (1 / 15 + y * (1 / 10 - 1 / 15) / PITCH[1])
    return PANORAMA[0] / 2 + (x - PITCH[0] / 2) * scale, 82 * scale - 630, scale


@lru_cache(maxsize=STADIUMS)
def panorama(stadium: int) -> Image.Image:
    """Draw the whole ground as seen from the main stand, RGB of size PANORAMA."""
    rng = random.Random(stadium)
    image = Image.new("RGB", PANORAMA, _GRASS[stadium % len(_GRASS)][0])
    draw = ImageDraw.Draw(image)
    _stripes(draw, _GRASS[stadium % len(_GRASS)][1], rng.choice((5.25, 7.5, 10.5)))
    _pitch_lines(draw)
    _goals(draw)
    image.paste(_stand(rng, PANORAMA[0], 160, 5), (0, 0))
    _boards(image, rng, 160, 26)
    _boards(image, rng, 664, 36)
    return image.filter(ImageFilter.SMOOTH)


def _stripes(draw: ImageDraw.ImageDraw, colour: Colour, width: float) -> None:
    near, far, x = -6.0, PITCH[1] + 6.0, -42.0
    while x < PITCH[0] + 42:
        edge = [on_panorama(*p)[:2] for p in ((x, near), (x + width, near))]
        edge += [on_panorama(*p)[:2] for p in ((x + width, far), (x, far))]
        draw.polygon(edge, colour)
        x += 2 * width


def _pitch_lines(draw: ImageDraw.ImageDraw) -> None:
    long, wide = PITCH

    def path(*points: tuple[float, float]) -> None:
        draw.line([on_panorama(*point)[:2] for point in points], (232, 240, 232), 3)

    path((0, 0), (long, 0), (long, wide), (0, wide), (0, 0))
    path((long / 2, 0), (long / 2, wide))
    turns = np.linspace(0, 2 * np.pi, 60)
    path(*((long / 2 + 9.15 * np.cos(a), wide / 2 + 9.15 * np.sin(a)) for a in turns))
    for goal_line, inward in ((0.0, 1), (long, -1)):
        for depth, half in ((16.5, 20.16), (5.5, 9.16)):
            inner = goal_line + inward * depth
            low, high = wide / 2 - half, wide / 2 + half
            path((goal_line, low), (inner, low), (inner, high), (goal_line, high))
        arc = np.linspace(-0.92, 0.92, 20)
        path(
            *(
                (goal_line + inward * (11 + 9.15 * np.cos(a)), wide / 2 + 9.15 * np.sin(a))
                for a in arc
            )
        )


def _goals(draw: ImageDraw.ImageDraw) -> None:
    for goal_line in (0.0, PITCH[0]):
        posts = [on_panorama(goal_line, PITCH[1] / 2 + half) for half in (-3.66, 3.66)]
        (x0, y0, s0), (x1, y1, s1) = posts
        top = [(x0, y0 - 2.44 * s0), (x1, y1 - 2.44 * s1)]
        draw.line([(x0, y0), *top, (x1, y1)], WHITE, 4)


def _stand(rng: random.Random, width: int, height: int, seat: int) -> Image.Image:
    """Draw a stand with people in seats that are `seat` pixels wide."""
    draw = np.random.default_rng(rng.getrandbits(32))
    rows, columns = -(-height // seat), -(-width // seat)
    palette = np.array(_CROWD, dtype=np.float32)[draw.integers(len(_CROWD), size=(rows, columns))]
    palette *= draw.uniform(0.5, 0.9, size=(rows, columns, 1))
    image = Image.fromarray(palette.astype(np.uint8))
    return image.resize((columns * seat, rows * seat), Image.Resampling.BILINEAR).crop(
        (0, 0, width, height)
    )


def _boards(image: Image.Image, rng: random.Random, top: int, height: int) -> None:
    draw = ImageDraw.Draw(image)
    font = ImageFont.load_default(round(height * 0.66))
    x = -rng.randrange(100)
    while x < image.width:
        text, ground, ink = rng.choice(_BOARDS)
        width = height * 6
        draw.rectangle((x, top, x + width, top + height), ground)
        draw.text((x + width / 2, top + height / 2), text, ink, font, anchor="mm")
        x += width + 2


@lru_cache(maxsize=24)
def pitchside(seed: int, horizon: int, stadium: int) -> Image.Image:
    """Draw the view of a low camera: blurred stands, boards, and grass below row `horizon`.

    The picture is RGB and MARGIN pixels larger than a frame on each side. `horizon` is a row of the
    frame.
    """
    rng = random.Random(seed)
    size = (WIDTH + 2 * MARGIN, HEIGHT + 2 * MARGIN)
    ground = horizon + MARGIN
    dark, light = _GRASS[stadium % len(_GRASS)]
    image = Image.new("RGB", size, dark)
    draw = ImageDraw.Draw(image)
    y, depth, band = ground, 8.0, rng.randrange(2)
    while y < size[1]:
        draw.rectangle((0, y, size[0], y + depth), light if band else dark)
        y, depth, band = round(y + depth), depth * 1.7, 1 - band
    board = rng.randrange(22, 38)
    far = Image.new("RGB", (size[0], ground))
    far.paste(_stand(rng, size[0], ground - board, 12), (0, 0))
    _boards(far, rng, ground - board, board)
    image.paste(far.filter(ImageFilter.BoxBlur(1.5)), (0, 0))
    return image


@lru_cache(maxsize=8)
def from_above(seed: int, stadium: int) -> Image.Image:
    """Draw striped grass as seen by a high camera, RGB with MARGIN on each side."""
    rng = random.Random(seed)
    size = (WIDTH + 2 * MARGIN, HEIGHT + 2 * MARGIN)
    dark, light = _GRASS[stadium % len(_GRASS)]
    image = Image.new("RGB", size, dark)
    draw = ImageDraw.Draw(image)
    width, lean = rng.randrange(50, 110), rng.randrange(-40, 40)
    for x in range(-200, size[0] + 200, 2 * width):
        draw.polygon(
            ((x, 0), (x + width, 0), (x + width + lean, size[1]), (x + lean, size[1])), light
        )
    return image


@lru_cache(maxsize=8)
def spectators(seed: int, colours: tuple[Colour, ...]) -> Image.Image:
    """Draw spectators in close-up, many of them in `colours`.

    The picture has MARGIN more pixels on each side.
    """
    rng = random.Random(seed)
    size = (WIDTH + 2 * MARGIN, HEIGHT + 2 * MARGIN)
    image = Image.new("RGB", size, (44, 46, 54))
    draw = ImageDraw.Draw(image)
    seat = rng.randrange(34, 56)
    for row in range(-1, size[1] // seat + 1):
        for column in range(-1, size[0] // seat + 2):
            x = column * seat + (row % 2) * seat / 2 + rng.uniform(-4, 4)
            y = row * seat * 0.9 + rng.uniform(-4, 4)
            shirt = rng.choice(colours) if rng.random() < 0.6 else rng.choice(_CROWD)
            draw.rounded_rectangle((x, y + seat * 0.45, x + seat * 0.8, y + seat * 1.6), 9, shirt)
            skin = rng.choice(((232, 196, 168), (204, 156, 118), (140, 96, 68)))
            draw.ellipse((x + seat * 0.2, y, x + seat * 0.6, y + seat * 0.5), skin)
    return image.filter(ImageFilter.BoxBlur(1))
