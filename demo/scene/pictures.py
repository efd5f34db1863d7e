"""The frames of a match: the shot on screen, the broadcaster's graphics, light and weather."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from random import Random

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from demo.scene.backdrops import HEIGHT, PANORAMA, PITCH, STADIUMS, WIDTH, on_panorama, panorama
from demo.scene.distractors import DISTRACTIONS
from demo.scene.figures import BLACK, KEEPER, KITS, LOOKS, OFFICIAL, WHITE, Kit, figure, stand_on
from demo.scene.match import Match, Shot
from demo.scene.signs import SIGNS, TAUGHT_SIGNS
from demo.scene.staging import Take

_TOUCH = 1.6  # seconds between two touches of the ball
_CLOSE = SIGNS | TAUGHT_SIGNS | DISTRACTIONS
_POSES = ("stride", "stand", "step", "stand")  # a player who runs, in this order


@dataclass(frozen=True)
class _Weather:
    """The look of a match. `curve` maps 3 x 256 levels, and `grain` is the width of the noise."""

    curve: tuple[int, ...]
    grain: int
    falling: str


def render(match: Match, time: float) -> np.ndarray:
    """Draw the frame on screen at `time` (seconds), uint8 [HEIGHT, WIDTH, 3], red green blue."""
    shot = match.shot_at(time)
    stadium = match.seed % STADIUMS
    if shot.kind in ("wide", "banner"):
        image = _wide(match, shot, stadium, time)
    else:
        image = _CLOSE[shot.kind](Take(match, shot, stadium, time - shot.start), Random(shot.seed))
    if shot.kind == "banner":
        _statistics(image, match, Random(shot.seed))
    _scoreboard(image, match, time)
    return _through_weather(image, _weather(match.seed), time)


def _wide(match: Match, shot: Shot, stadium: int, time: float) -> Image.Image:
    """Draw the main camera's view, which follows the ball and shows all players near it."""
    rng = Random(shot.seed)
    ball_x, ball_y = _ball_at(match.seed, time)
    # The camera is slower than the ball, so it follows the ball's average place.
    look_x = sum(_ball_at(match.seed, time + lag)[0] for lag in (-1.2, -0.4, 0.4, 1.2)) / 4
    width = rng.uniform(500, 860)
    height = width * HEIGHT / WIDTH
    middle, row, _ = on_panorama(look_x, PITCH[1] / 2 + (ball_y - PITCH[1] / 2) * 0.4)
    left = min(max(middle - width / 2, 0), PANORAMA[0] - width)
    top = min(max(row - height * 0.55, 0), PANORAMA[1] - height)
    box = (left, top, left + width, top + height)
    image = panorama(stadium).resize((WIDTH, HEIGHT), Image.Resampling.BILINEAR, box)
    zoom = WIDTH / width

    def on_frame(x: float, y: float) -> tuple[float, float, float]:
        px, py, scale = on_panorama(x, y)
        return (px - left) * zoom, (py - top) * zoom, scale * zoom

    draw = ImageDraw.Draw(image)
    for x, y, kit, number in sorted(_people(match, time), key=lambda person: -person[1]):
        px, py, scale = on_frame(x, y)
        if not -20 < px < WIDTH + 20:
            continue
        tall = max(8, round(2.3 * scale))
        draw.ellipse((px - tall * 0.3, py - 2, px + tall * 0.3, py + 2), (40, 84, 40))
        pose = _POSES[int(time * 5 + number) % len(_POSES)]
        stand_on(image, figure(kit, pose, tall, number % LOOKS), px, py)
    px, py, scale = on_frame(ball_x, ball_y)
    radius = max(2.0, 0.22 * scale)
    draw.ellipse((px - radius, py - 2 * radius, px + radius, py), WHITE, BLACK)
    return image


def _ball_at(seed: int, time: float) -> tuple[float, float]:
    """Return the place of the ball on the pitch (metres) while it is passed around."""
    touch = max(0.0, time) / _TOUCH
    share = touch % 1.0
    x0, y0 = _place(seed, int(touch))
    x1, y1 = _place(seed, int(touch) + 1)
    return x0 + (x1 - x0) * share, y0 + (y1 - y0) * share


@lru_cache(maxsize=256)
def _place(seed: int, touch: int) -> tuple[float, float]:
    """Return the place of touch number `touch`. Play moves slowly from end to end."""
    rng = Random(seed * 1_000_003 + touch)
    swing = 30 * math.sin(touch / 6 + seed % 7)
    return PITCH[0] / 2 + swing + rng.uniform(-16, 16), rng.uniform(6, PITCH[1] - 6)


def _people(match: Match, time: float) -> list[tuple[float, float, Kit, int]]:
    """Return all people on the pitch: place (metres), kit, and a number."""
    ball_x, ball_y = _ball_at(match.seed, time - 0.3)
    people: list[tuple[float, float, Kit, int]] = []
    kits = (KITS["home"][match.kits[0]], KITS["away"][match.kits[1]])
    for side, kit in enumerate(kits):
        facing = 1 if side == 0 else -1
        for number in range(10):
            line, lane = (number + 2) // 4, number % 4
            home_x = PITCH[0] / 2 + facing * (-24 + 15 * line)
            home_y = 10 + 16 * lane + 4 * (line % 2)
            phase = match.seed % 50 + number * 1.7 + side * 3.1
            x = home_x + 0.5 * (ball_x - PITCH[0] / 2) + 4 * math.sin(time * 0.7 + phase)
            y = home_y + 0.25 * (ball_y - PITCH[1] / 2) + 3 * math.cos(time * 0.6 + phase)
            people.append((x, min(max(y, 1), PITCH[1] - 1), kit, side * 10 + number))
        people.append((52.5 - facing * 50, 34 + (ball_y - 34) * 0.1, KEEPER, 20 + side))
    people.append((ball_x - 8, ball_y * 0.6 + 16, OFFICIAL, 22))
    return people


def _scoreboard(image: Image.Image, match: Match, time: float) -> None:
    goals = [e.team for e in match.events if e.label == "Goal" and e.time <= time]
    score = (goals.count("home"), goals.count("away"))
    image.paste(_score_panel(match.kits, score, int(time)), (18, 14))


@lru_cache(maxsize=16)
def _score_panel(kits: tuple[int, int], score: tuple[int, int], second: int) -> Image.Image:
    panel = Image.new("RGB", (190, 26), (28, 30, 40))
    draw = ImageDraw.Draw(panel)
    font = ImageFont.load_default(13)
    for x, kit in ((0, KITS["home"][kits[0]]), (125, KITS["away"][kits[1]])):
        draw.rectangle((x, 0, x + 9, 26), kit.shirt)
        draw.rectangle((x, 19, x + 9, 26), kit.trim)
    draw.text((27, 13), "HOM", WHITE, font, anchor="mm")
    draw.rectangle((46, 0, 86, 26), (236, 236, 240))
    draw.text((66, 13), f"{score[0]} - {score[1]}", BLACK, font, anchor="mm")
    draw.text((105, 13), "AWY", WHITE, font, anchor="mm")
    clock = f"{second // 60:02d}:{second % 60:02d}"
    draw.text((162, 13), clock, (250, 226, 120), font, anchor="mm")
    return panel


def _statistics(image: Image.Image, match: Match, rng: Random) -> None:
    """Draw a graphic along the lower edge, with bars in the colours of the kits."""
    draw = ImageDraw.Draw(image)
    top, half = rng.randrange(236, 290), rng.randrange(150, 250)
    middle, share = WIDTH / 2, rng.uniform(0.3, 0.7)
    draw.rectangle((middle - half, top, middle + half, top + 54), (28, 30, 40))
    text = rng.choice(("POSSESSION", "SHOTS ON TARGET", "CORNERS", "YELLOW CARDS", "DISTANCE"))
    draw.text((middle, top + 14), text, WHITE, ImageFont.load_default(16), anchor="mm")
    split = middle - half + 10 + (2 * half - 20) * share
    draw.rectangle(
        (middle - half + 10, top + 28, split, top + 44), KITS["home"][match.kits[0]].shirt
    )
    draw.rectangle(
        (split, top + 28, middle + half - 10, top + 44), KITS["away"][match.kits[1]].shirt
    )


@lru_cache(maxsize=8)
def _weather(seed: int) -> _Weather:
    rng = Random(seed + 77)
    gamma, haze = rng.uniform(0.8, 1.3), max(0.0, rng.uniform(-0.4, 0.3))
    light = rng.uniform(0.8, 1.08)
    gains = [light * rng.uniform(0.94, 1.05) for _ in range(3)]
    grain = rng.randrange(1, 6)
    levels = np.linspace(0, 1, 256)[None] ** gamma * np.array(gains)[:, None]
    levels = np.clip(levels * (1 - haze) + 0.8 * haze, 0, 1)
    # A margin at both ends, so that adding the grain cannot overflow.
    curve = np.round(grain + levels * (255 - 2 * grain)).astype(int).ravel().tolist()
    return _Weather(tuple(curve), grain, rng.choice(("", "", "", "rain", "snow")))


def _through_weather(image: Image.Image, weather: _Weather, time: float) -> np.ndarray:
    rng = Random(round(time * 1000))
    if weather.falling:
        draw = ImageDraw.Draw(image)
        for _ in range(60):
            x, y = rng.randrange(WIDTH), rng.randrange(HEIGHT)
            if weather.falling == "rain":
                draw.line((x, y, x - 3, y + 14), (170, 180, 190), 1)
            else:
                draw.ellipse((x, y, x + 3, y + 3), (235, 238, 242))
    frame = np.array(image.point(weather.curve))
    top, left = rng.randrange(64), rng.randrange(64)
    frame += _grain(weather.grain)[top : top + HEIGHT, left : left + WIDTH]
    return frame


@lru_cache(maxsize=8)
def _grain(width: int) -> np.ndarray:
    """Return noise from -width to width, as bytes that wrap around when added to a frame."""
    noise = np.random.default_rng(0).integers(-width, width + 1, (HEIGHT + 64, WIDTH + 64, 3))
    return noise.astype(np.int8).view(np.uint8)
