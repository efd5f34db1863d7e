"""The parts of close shots: people, balls, lines, goals, camera moves.

The painter of a shot gets a `Take` (one moment of the shot) and the shot's random numbers. The
numbers are the same for all frames of the shot, so all movement comes from the `age` of the take.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from PIL import Image, ImageDraw

from demo.scene.backdrops import HEIGHT, MARGIN, WIDTH, from_above, pitchside
from demo.scene.figures import BLACK, KITS, LOOKS, WHITE, Colour, Kit, figure, stand_on
from demo.scene.match import TEAMS, Match, Shot, Team, opponent

LINE: Colour = (236, 242, 236)
_SCOREBOARD = 44  # rows at the top where no sign should be

Painter = Callable[["Take", Random], Image.Image]


@dataclass(frozen=True)
class Take:
    """One moment in one shot of a match."""

    match: Match
    shot: Shot
    stadium: int
    age: float  # seconds since the cut to this shot

    def kit(self, team: Team) -> Kit:
        return KITS[team][self.match.kits[TEAMS.index(team)]]

    @property
    def own_kit(self) -> Kit:
        """Return the kit of the team that the shot shows."""
        return self.kit(self.shot.team)

    @property
    def other(self) -> Kit:
        return self.kit(opponent(self.shot.team))


def drifting(image: Image.Image, take: Take, rng: Random) -> Image.Image:
    """Return the part of a backdrop that the drifting camera sees."""
    speed, start = rng.uniform(-9, 9), rng.uniform(-8, 8)
    x = round(min(MARGIN, max(-MARGIN, start + speed * take.age))) + MARGIN
    return image.crop((x, MARGIN, x + WIDTH, MARGIN + HEIGHT))


def low_view(take: Take, rng: Random) -> tuple[Image.Image, int]:
    """Return a pitchside picture to draw on, and its horizon (the first row of grass)."""
    horizon = rng.randrange(110, 200, 6)
    return drifting(pitchside(take.shot.seed, horizon, take.stadium), take, rng), horizon


def person(
    image: Image.Image,
    rng: Random,
    kit: Kit,
    pose: str,
    x: float,
    y: float,
    height: float,
    *,
    prop: str = "",
    turn: int = 0,
    mirror: bool | None = None,
) -> None:
    """Draw a person with feet at (x, y), mirrored at random by default."""
    look = rng.randrange(LOOKS)
    mirrored = rng.random() < 0.5 if mirror is None else mirror
    picture = figure(kit, pose, round(height), look, prop, turn)
    if mirrored:
        picture = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    stand_on(image, picture, x, y)


def close_by(rng: Random) -> tuple[float, float]:
    """Return the row of the feet and the height of a person whose raised hand stays visible."""
    feet = rng.uniform(315, 380)
    return feet, rng.uniform(0.7, 1.0) * (feet - _SCOREBOARD) / 1.43


def two_places(rng: Random, apart: float) -> tuple[float, float]:
    """Return columns for two people side by side, in random order."""
    first = rng.uniform(110, WIDTH - 110 - apart)
    return (first, first + apart) if rng.random() < 0.5 else (first + apart, first)


def bob(take: Take, rng: Random, size: float) -> float:
    return size * math.sin(take.age * rng.uniform(4, 8) + rng.uniform(0, 6))


def ball(image: Image.Image, x: float, y: float, radius: float) -> None:
    draw = ImageDraw.Draw(image)
    draw.ellipse((x - radius, y - radius, x + radius, y + radius), WHITE, BLACK, 2)
    draw.regular_polygon((x, y, radius * 0.45), 5, fill=BLACK)


def touchline(image: Image.Image, rng: Random, y: float) -> None:
    slope, width = rng.uniform(-14, 14), rng.randrange(6, 11)
    ImageDraw.Draw(image).line((0, y - slope, WIDTH, y + slope), LINE, width)


def goal_frame(image: Image.Image, x: float, ground: float, width: float) -> None:
    """Draw a goal with its net, seen from the front."""
    draw = ImageDraw.Draw(image)
    left, right, top = x - width / 2, x + width / 2, ground - width * 0.36
    mesh = max(10, width / 22)
    for step in range(1, int(width / mesh)):
        draw.line((left + step * mesh, top, left + step * mesh, ground), (205, 210, 212), 1)
    for step in range(1, int((ground - top) / mesh) + 1):
        draw.line((left, top + step * mesh, right, top + step * mesh), (205, 210, 212), 1)
    draw.line(((left, ground), (left, top), (right, top), (right, ground)), WHITE, 8, "curve")


def corner_ground(image: Image.Image, rng: Random) -> tuple[float, float]:
    """Draw lines that meet at a corner with its flag. Return the foot of the flag."""
    x, y = rng.uniform(200, 440), rng.uniform(265, 320)
    draw = ImageDraw.Draw(image)
    side = rng.choice((-1, 1))
    draw.line((x, y, x + side * 700, y + rng.uniform(-10, 20)), LINE, 8)
    draw.line((x, y, x + side * rng.uniform(120, 260), y + 200), LINE, 9)
    draw.arc((x - 80, y - 30, x + 80, y + 30), 0, 360, LINE, 6)
    tall = rng.uniform(120, 165)
    draw.line((x, y, x, y - tall), (245, 245, 200), 7)
    cloth = rng.choice(((250, 220, 40), (250, 250, 250), (250, 150, 30)))
    wave = rng.uniform(0, 8)
    tip = (x - side * 60, y - tall + 22 + wave)
    draw.polygon(((x, y - tall), tip, (x, y - tall + 48)), cloth)
    return x, y


def halfway(take: Take, rng: Random, circle: bool) -> tuple[Image.Image, float, float, float]:
    """Draw the middle of the pitch from above. Return the picture, its centre and half width."""
    image = drifting(from_above(take.shot.seed, take.stadium), take, rng)
    x, y, half = rng.uniform(260, 380), rng.uniform(190, 225), rng.uniform(170, 225)
    draw = ImageDraw.Draw(image)
    lean = rng.uniform(-50, 50)
    draw.line((x - lean, 0, x + lean * (HEIGHT - y) / y, HEIGHT), LINE, 6)
    if circle:
        draw.ellipse((x - half, y - half * 0.55, x + half, y + half * 0.55), None, LINE, 6)
    return image, x, y, half


def around_circle(rng: Random, x: float, y: float, half: float) -> tuple[float, float]:
    """Return a random place outside the centre circle."""
    angle, far = rng.uniform(0, 2 * math.pi), rng.uniform(1.2, 1.45)
    return x + half * far * math.cos(angle), y + half * 0.62 * far * math.sin(angle) + 24
