"""The people on the pitch, drawn as small pictures: kits, poses and things in their hands."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from PIL import Image, ImageDraw, ImageFont

Colour = tuple[int, int, int]
Point = tuple[float, float]


@dataclass(frozen=True)
class Kit:
    """The clothes of a person. `pattern` is the arrangement of `trim` on the shirt."""

    shirt: Colour
    trim: Colour
    shorts: Colour
    socks: Colour
    pattern: str = "plain"


WHITE, BLACK = (240, 240, 240), (22, 22, 26)

# Home sides play in warm colours, away sides in cold ones.
KITS = {
    "home": (
        Kit((204, 24, 34), WHITE, WHITE, (204, 24, 34)),
        Kit((240, 120, 20), BLACK, BLACK, (240, 120, 20)),
        Kit((150, 16, 44), (236, 170, 60), (110, 12, 34), (150, 16, 44), "stripes"),
        Kit((228, 60, 120), WHITE, BLACK, (228, 60, 120), "sash"),
    ),
    "away": (
        Kit((28, 70, 205), WHITE, WHITE, (28, 70, 205)),
        Kit((110, 190, 240), WHITE, WHITE, (110, 190, 240), "stripes"),
        Kit((236, 238, 242), (30, 60, 160), (236, 238, 242), (236, 238, 242), "hoops"),
        Kit((26, 36, 110), (120, 200, 240), (26, 36, 110), (120, 200, 240), "sash"),
    ),
}
OFFICIAL = Kit(BLACK, (70, 70, 76), BLACK, BLACK)
KEEPER = Kit((60, 190, 70), BLACK, (40, 130, 50), (60, 190, 70))
BIB = Kit((190, 235, 60), (60, 90, 40), BLACK, BLACK)
COAT = Kit((58, 60, 70), (90, 90, 100), (40, 42, 50), (40, 42, 50))

CARDS = {"yellow": (255, 225, 20), "red": (235, 20, 30)}
FLAG = ((250, 220, 40), (235, 90, 30))

SKINS: tuple[Colour, ...] = ((238, 200, 170), (214, 164, 124), (160, 110, 76), (104, 68, 48))
HAIRS: tuple[Colour, ...] = ((40, 28, 20), (92, 60, 30), (20, 18, 18), (200, 160, 90))
LOOKS = len(SKINS)

# Elbow and hand of the left and the right arm; knee and foot of the left and the right leg.
# In heights of the body, x to the right and y upwards from between the feet.
POSES: dict[str, tuple[tuple[Point, ...], tuple[Point, ...]]] = {
    "stand": (
        ((-0.22, 0.62), (-0.2, 0.46), (0.22, 0.62), (0.2, 0.46)),
        ((-0.09, 0.26), (-0.1, 0.02), (0.09, 0.26), (0.1, 0.02)),
    ),
    "stride": (
        ((-0.24, 0.66), (-0.1, 0.56), (0.24, 0.62), (0.32, 0.5)),
        ((-0.14, 0.3), (-0.3, 0.1), (0.18, 0.3), (0.2, 0.02)),
    ),
    "step": (
        ((-0.26, 0.6), (-0.32, 0.48), (0.22, 0.64), (0.08, 0.58)),
        ((-0.12, 0.28), (-0.12, 0.02), (0.1, 0.3), (0.26, 0.14)),
    ),
    "cheer": (
        ((-0.28, 0.9), (-0.36, 1.14), (0.28, 0.9), (0.36, 1.14)),
        ((-0.13, 0.26), (-0.2, 0.02), (0.13, 0.26), (0.2, 0.02)),
    ),
    "throw": (
        ((-0.22, 0.98), (-0.07, 1.16), (0.22, 0.98), (0.07, 1.16)),
        ((-0.14, 0.28), (-0.22, 0.02), (0.12, 0.28), (0.16, 0.02)),
    ),
    "raise": (
        ((-0.22, 0.62), (-0.2, 0.46), (0.24, 0.92), (0.28, 1.14)),
        ((-0.09, 0.26), (-0.1, 0.02), (0.09, 0.26), (0.1, 0.02)),
    ),
    "point": (
        ((-0.22, 0.62), (-0.2, 0.46), (0.32, 0.76), (0.52, 0.78)),
        ((-0.1, 0.26), (-0.14, 0.02), (0.1, 0.26), (0.14, 0.02)),
    ),
    "lower": (
        ((-0.22, 0.62), (-0.2, 0.46), (0.24, 0.6), (0.3, 0.42)),
        ((-0.09, 0.26), (-0.1, 0.02), (0.09, 0.26), (0.1, 0.02)),
    ),
    "shrug": (
        ((-0.3, 0.68), (-0.46, 0.8), (0.3, 0.68), (0.46, 0.8)),
        ((-0.1, 0.26), (-0.14, 0.02), (0.1, 0.26), (0.14, 0.02)),
    ),
    "kick": (
        ((-0.3, 0.7), (-0.44, 0.6), (0.28, 0.66), (0.36, 0.54)),
        ((-0.08, 0.26), (-0.1, 0.02), (0.18, 0.32), (0.38, 0.2)),
    ),
}
CANVAS = 1.5  # side of a figure's square canvas, in heights of the body
_MASTER = 240  # height of the body in the picture that is scaled to all sizes


@lru_cache(maxsize=600)
def figure(
    kit: Kit, pose: str, height: int, look: int = 0, prop: str = "", turn: int = 0
) -> Image.Image:
    """Draw a person in a square RGBA picture, with the feet in the middle of its lower edge.

    Args:
        pose: a key of POSES.
        height: height of the body in pixels. The picture's side is CANVAS times that.
        look: number of a skin and hair, below LOOKS. A negative number mirrors the picture.
        prop: thing in the hands: "", "ball", "yellow", "red", "flag" or "board".
        turn: degrees anticlockwise about the middle of the body (90 lies flat).
    """
    image = _master(kit, pose, abs(look) % LOOKS, prop)
    if turn:
        # Turned about the middle of the body, then lowered until it touches the ground.
        middle = (image.width / 2, image.height - 0.5 * _MASTER)
        angle = math.radians(turn)
        reach = 0.5 * abs(math.cos(angle)) + 0.16 * abs(math.sin(angle))
        image = image.rotate(
            turn,
            Image.Resampling.BILINEAR,
            center=middle,
            translate=(0, round((0.5 - reach) * _MASTER)),
        )
    if look < 0:
        image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    side = max(2, round(CANVAS * height))
    return image.resize((side, side), Image.Resampling.BILINEAR, reducing_gap=2.0)


def stand_on(canvas: Image.Image, person: Image.Image, x: float, y: float) -> None:
    """Paste a figure so that its feet are at (x, y) of the canvas."""
    canvas.paste(person, (round(x - person.width / 2), round(y - person.height)), person)


@lru_cache(maxsize=160)
def _master(kit: Kit, pose: str, look: int, prop: str) -> Image.Image:
    image = Image.new("RGBA", (round(CANVAS * _MASTER),) * 2, (*kit.shirt, 0))
    draw = ImageDraw.Draw(image)
    skin, hair = SKINS[look], HAIRS[look]

    def at(point: Point) -> Point:
        return image.width / 2 + point[0] * _MASTER, image.height - point[1] * _MASTER

    def limb(start: Point, end: Point, colour: Colour, thick: float) -> None:
        (x0, y0), (x1, y1) = at(start), at(end)
        radius = thick * _MASTER / 2
        draw.line((x0, y0, x1, y1), colour, round(2 * radius))
        for x, y in ((x0, y0), (x1, y1)):
            draw.ellipse((x - radius, y - radius, x + radius, y + radius), colour)

    (elbow_l, hand_l, elbow_r, hand_r), (knee_l, foot_l, knee_r, foot_r) = POSES[pose]
    for hip, knee, foot in (((-0.07, 0.46), knee_l, foot_l), ((0.07, 0.46), knee_r, foot_r)):
        limb(hip, knee, skin, 0.1)
        limb(hip, _between(hip, knee, 0.7), kit.shorts, 0.14)
        limb(_between(knee, foot, 0.15), foot, kit.socks, 0.08)
        limb(foot, (foot[0] + 0.05, foot[1]), BLACK, 0.06)
    _shirt(draw, kit, at)
    for shoulder, elbow, hand in (
        ((-0.13, 0.77), elbow_l, hand_l),
        ((0.13, 0.77), elbow_r, hand_r),
    ):
        limb(elbow, hand, skin, 0.07)
        limb(shoulder, elbow, kit.shirt, 0.1)
    limb((0.0, 0.82), (0.0, 0.86), skin, 0.08)
    x, y = at((0.0, 0.915))
    radius = 0.085 * _MASTER
    draw.ellipse((x - radius, y - radius, x + radius, y + radius), skin)
    draw.chord((x - radius, y - radius, x + radius, y + radius), 170, 370, hair)
    _hold(draw, prop, at(hand_l), at(hand_r))
    return image


def _between(start: Point, end: Point, share: float) -> Point:
    return start[0] + (end[0] - start[0]) * share, start[1] + (end[1] - start[1]) * share


def _shirt(draw: ImageDraw.ImageDraw, kit: Kit, at: Callable[[Point], Point]) -> None:
    corners = [(-0.17, 0.8), (0.17, 0.8), (0.13, 0.44), (-0.13, 0.44)]
    draw.polygon([at(corner) for corner in corners], kit.shirt)
    if kit.pattern == "stripes":
        for x in (-0.09, 0.0, 0.09):
            draw.line((at((x, 0.8)), at((x * 0.8, 0.44))), kit.trim, 8)
    elif kit.pattern == "hoops":
        for y in (0.52, 0.62, 0.72):
            draw.line((at((-0.14, y)), at((0.14, y))), kit.trim, 8)
    elif kit.pattern == "sash":
        draw.line((at((-0.14, 0.78)), at((0.11, 0.46))), kit.trim, 14)


def _hold(draw: ImageDraw.ImageDraw, prop: str, left: Point, right: Point) -> None:
    x, y = right
    if prop == "ball":
        x, y, radius = (left[0] + x) / 2, (left[1] + y) / 2, 0.1 * _MASTER
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), WHITE, BLACK, 3)
        draw.regular_polygon((x, y, radius * 0.45), 5, fill=BLACK)
    elif prop in CARDS:
        half, tall = 0.1 * _MASTER, 0.28 * _MASTER
        draw.rectangle((x - half, y - tall, x + half, y), CARDS[prop], WHITE, 2)
    elif prop == "flag":
        # The stick continues the direction of the forearm, up or down.
        way = -1 if y < left[1] else 1
        far, width = y + way * 0.26 * _MASTER, 0.3 * _MASTER
        draw.line((x, y, x, far), (200, 200, 200), 5)
        low, high = sorted((far, far - way * 0.2 * _MASTER))
        middle = (low + high) / 2
        draw.rectangle((x, low, x + width, high), FLAG[0])
        draw.rectangle((x, low, x + width / 2, middle), FLAG[1])
        draw.rectangle((x + width / 2, middle, x + width, high), FLAG[1])
    elif prop == "board":
        x, y = (left[0] + x) / 2, min(left[1], y)
        wide, tall = 0.36 * _MASTER, 0.2 * _MASTER
        draw.rounded_rectangle((x - wide, y - tall, x + wide, y + tall / 2), 8, BLACK, WHITE, 3)
        font = ImageFont.load_default(round(0.24 * _MASTER))
        draw.text((x - wide / 2, y - tall / 4), "7", (255, 70, 60), font, anchor="mm")
        draw.text((x + wide / 2, y - tall / 4), "18", (70, 255, 90), font, anchor="mm")
