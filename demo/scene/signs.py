"""The sign of each event: a close shot that differs from all other signs and distractors."""

from __future__ import annotations

import math
from random import Random

from PIL import Image, ImageDraw

from demo.scene.backdrops import WIDTH
from demo.scene.figures import BLACK, KEEPER, OFFICIAL, WHITE
from demo.scene.match import TAUGHT
from demo.scene.staging import (
    LINE,
    Painter,
    Take,
    around_circle,
    ball,
    bob,
    close_by,
    corner_ground,
    goal_frame,
    halfway,
    low_view,
    person,
    touchline,
    two_places,
)


def _goal(take: Take, rng: Random) -> Image.Image:
    image, horizon = low_view(take, rng)
    centre = rng.uniform(220, 420)
    goal_frame(image, centre, horizon + 50, rng.uniform(330, 480))
    ball(image, centre + rng.uniform(-90, 90), horizon + 40, 9)
    places = sorted(rng.uniform(-36, 36) + centre + step for step in (-140, -10, 120))
    for x in places[: rng.choice((3, 3, 2))]:
        height = rng.uniform(130, 185)
        jump = abs(bob(take, rng, 14))
        person(image, rng, take.own_kit, "cheer", x, rng.uniform(300, 350) - jump, height)
    return image


def _corner(take: Take, rng: Random) -> Image.Image:
    image, _ = low_view(take, rng)
    x, y = corner_ground(image, rng)
    side = rng.choice((-1, 1))
    ball(image, x + side * 26, y + 12, 12)
    pose, height = rng.choice(("stride", "kick", "step")), rng.uniform(150, 195)
    place = x + side * rng.uniform(90, 130) + bob(take, rng, 6)
    person(image, rng, take.own_kit, pose, place, y + rng.uniform(10, 40), height, mirror=side > 0)
    return image


def _booking(card: str) -> Painter:
    def painter(take: Take, rng: Random) -> Image.Image:
        image, _ = low_view(take, rng)
        feet, height = close_by(rng)
        player, referee = two_places(rng, rng.uniform(110, 190))
        pose = rng.choice(("stand", "shrug", "lower"))
        size = height * rng.uniform(0.85, 1.05)
        person(image, rng, take.own_kit, pose, player + bob(take, rng, 3), feet, size)
        # The card is on the side away from the player, so that it stays visible.
        mirror = referee < player
        person(image, rng, OFFICIAL, "raise", referee, feet + 4, height, prop=card, mirror=mirror)
        return image

    return painter


def _substitution(take: Take, rng: Random) -> Image.Image:
    image, horizon = low_view(take, rng)
    draw = ImageDraw.Draw(image)
    left = rng.uniform(-60, 260)
    draw.rounded_rectangle((left, horizon - 66, left + 420, horizon + 8), 14, (70, 76, 90))
    draw.rectangle((left + 14, horizon - 40, left + 406, horizon + 6), (44, 46, 54))
    feet, height = close_by(rng)
    player, official = two_places(rng, rng.uniform(130, 200))
    touchline(image, rng, feet - 6)
    pose = rng.choice(("stand", "step", "point"))
    size = height * rng.uniform(0.85, 1.0)
    person(image, rng, take.own_kit, pose, player + bob(take, rng, 5), feet, size)
    # The numbers on the board must not be mirrored.
    person(image, rng, OFFICIAL, "throw", official, feet, height, prop="board", mirror=False)
    return image


def _offside(take: Take, rng: Random) -> Image.Image:
    image, _ = low_view(take, rng)
    feet, height = close_by(rng)
    player, linesman = two_places(rng, rng.uniform(140, 210))
    touchline(image, rng, feet - 8)
    size = height * rng.uniform(0.75, 0.95)
    person(image, rng, take.own_kit, "shrug", player, feet - 22 + bob(take, rng, 3), size)
    mirror = linesman < player
    person(image, rng, OFFICIAL, "raise", linesman, feet, height, prop="flag", mirror=mirror)
    return image


def _penalty(take: Take, rng: Random) -> Image.Image:
    image, horizon = low_view(take, rng)
    centre, ground = rng.uniform(240, 400), horizon + 26
    draw = ImageDraw.Draw(image)
    draw.line((0, ground, WIDTH, ground), LINE, 4)
    width = rng.uniform(240, 320)
    goal_frame(image, centre, ground, width)
    box = [(centre + side * width * far, row) for side, far, row in _box_corners(ground)]
    draw.line(box, LINE, 5)
    x = centre + width * 0.2 * math.sin(take.age * 3 + rng.uniform(0, 6))
    person(image, rng, KEEPER, "shrug", x, ground + 4, width * 0.3)
    spot = (centre + rng.uniform(-20, 20), rng.uniform(285, 310))
    draw.ellipse((spot[0] - 16, spot[1] + 4, spot[0] + 16, spot[1] + 12), LINE)
    ball(image, spot[0], spot[1], 13)
    side = rng.choice((-1, 1))
    x, pose = spot[0] + side * rng.uniform(60, 95), rng.choice(("stride", "kick", "step"))
    feet, height = rng.uniform(325, 350), rng.uniform(150, 190)
    person(image, rng, take.own_kit, pose, x + bob(take, rng, 5), feet, height, mirror=side > 0)
    return image


def _box_corners(ground: float) -> tuple[tuple[int, float, float], ...]:
    return (
        (-1, 0.85, ground),
        (-1, 1.05, ground + 40),
        (1, 1.05, ground + 40),
        (1, 0.85, ground),
    )


def _throw_in(take: Take, rng: Random) -> Image.Image:
    image, _ = low_view(take, rng)
    feet, height = close_by(rng)
    x = rng.uniform(150, WIDTH - 150)
    touchline(image, rng, feet - 4)
    if rng.random() < 0.5:
        away = x + rng.choice((-1, 1)) * rng.uniform(130, 220)
        pose = rng.choice(("stand", "step"))
        person(image, rng, take.other, pose, away, feet - 50, height * 0.55)
    person(image, rng, take.own_kit, "throw", x, feet + bob(take, rng, 3), height, prop="ball")
    return image


def _kick_off(take: Take, rng: Random) -> Image.Image:
    image, x, y, half = halfway(take, rng, circle=True)
    height = rng.uniform(84, 108)
    for _ in range(rng.choice((2, 3, 4))):
        place = around_circle(rng, x, y, half)
        person(image, rng, take.other, "stand", *place, height * 0.75)
    for side in (-1, 1):
        pose = rng.choice(("stand", "step", "stride"))
        column = x + side * rng.uniform(46, 70) + bob(take, rng, 3)
        person(image, rng, take.own_kit, pose, column, y + rng.uniform(14, 34), height)
    ball(image, x, y + 6, 9)
    return image


def _foul(take: Take, rng: Random) -> Image.Image:
    image, _ = low_view(take, rng)
    feet, height = rng.uniform(300, 345), rng.uniform(165, 200)
    lying, standing = two_places(rng, rng.uniform(140, 180))
    turn = rng.choice((-90, 90))
    person(image, rng, take.other, "shrug", lying + bob(take, rng, 3), feet, height, turn=turn)
    pose = rng.choice(("stand", "shrug", "stride", "step"))
    person(image, rng, take.own_kit, pose, standing, feet - 8, height)
    ball(image, (lying + standing) / 2 + rng.uniform(-30, 30), feet + 8, 11)
    return image


def _drinks_break(take: Take, rng: Random) -> Image.Image:
    image, _ = low_view(take, rng)
    feet, height = rng.uniform(310, 345), rng.uniform(150, 190)
    x = rng.uniform(240, 400)
    for side in rng.sample((-1.0, 0.0, 1.0), rng.choice((2, 3))):
        place = x + side * rng.uniform(95, 130)
        raised = abs(bob(take, rng, 5))
        person(
            image, rng, take.own_kit, rng.choice(("point", "raise", "stand")), place, feet, height
        )
        draw = ImageDraw.Draw(image)
        mouth = feet - 0.88 * height - raised
        draw.rectangle((place - 7, mouth - 34, place + 7, mouth), (90, 190, 250), BLACK, 2)
        draw.rectangle((place - 4, mouth - 42, place + 4, mouth - 34), WHITE, BLACK, 1)
    draw = ImageDraw.Draw(image)
    low = feet + 14
    draw.rectangle((x - 62, low - 44, x + 62, low), (20, 70, 190), BLACK, 3)
    draw.rectangle((x - 66, low - 56, x + 66, low - 42), WHITE, BLACK, 3)
    return image


# The sign of the class that models were not trained on. `SIGNS` has the others.
TAUGHT_SIGNS: dict[str, Painter] = {TAUGHT: _drinks_break}

SIGNS: dict[str, Painter] = {
    "Goal": _goal,
    "Corner": _corner,
    "Yellow card": _booking("yellow"),
    "Red card": _booking("red"),
    "Substitution": _substitution,
    "Offside": _offside,
    "Penalty": _penalty,
    "Throw-in": _throw_in,
    "Kick-off": _kick_off,
    "Foul": _foul,
}
