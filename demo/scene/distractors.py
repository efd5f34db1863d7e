"""Shots that resemble the sign of an event and show no event."""

from __future__ import annotations

from random import Random

from PIL import Image, ImageDraw

from demo.scene.backdrops import WIDTH, spectators
from demo.scene.figures import BIB, CARDS, COAT, KEEPER, OFFICIAL, WHITE
from demo.scene.staging import (
    Painter,
    Take,
    around_circle,
    ball,
    bob,
    close_by,
    corner_ground,
    drifting,
    goal_frame,
    halfway,
    low_view,
    person,
    touchline,
    two_places,
)


def _lowered_flag(take: Take, rng: Random) -> Image.Image:
    image, _ = low_view(take, rng)
    feet, height = close_by(rng)
    player, linesman = two_places(rng, rng.uniform(140, 210))
    touchline(image, rng, feet - 8)
    if rng.random() < 0.6:
        pose = rng.choice(("stand", "stride", "shrug"))
        person(image, rng, take.own_kit, pose, player, feet - 22, height * 0.9)
    x = linesman + bob(take, rng, 8)
    mirror = linesman < player
    person(image, rng, OFFICIAL, "lower", x, feet, height, prop="flag", mirror=mirror)
    return image


def _scarf(take: Take, rng: Random) -> Image.Image:
    """Draw a person on the touchline with a scarf in a card's colour."""
    image, _ = low_view(take, rng)
    feet, height = close_by(rng)
    player, x = two_places(rng, rng.uniform(150, 210))
    if rng.random() < 0.5:
        person(image, rng, take.own_kit, rng.choice(("stand", "step")), player, feet, height * 0.9)
    colour = CARDS[rng.choice(sorted(CARDS))]
    person(image, rng, COAT, "cheer", x, feet, height)
    y = feet - 1.14 * height + bob(take, rng, 4)
    half = 0.42 * height
    box = (x - half, y - 0.06 * height, x + half, y + 0.06 * height)
    ImageDraw.Draw(image).rectangle(box, colour)
    return image


def _warm_up(take: Take, rng: Random) -> Image.Image:
    image, _ = low_view(take, rng)
    touchline(image, rng, rng.uniform(250, 300))
    x = rng.uniform(120, 200)
    for _ in range(rng.choice((2, 3, 4))):
        pose, height = rng.choice(("cheer", "stride", "step", "stand")), rng.uniform(130, 180)
        y = rng.uniform(300, 345) - abs(bob(take, rng, 8))
        person(image, rng, BIB, pose, x, y, height)
        x += rng.uniform(95, 140)
    return image


def _crowd(take: Take, rng: Random) -> Image.Image:
    image = drifting(spectators(take.shot.seed, (take.own_kit.shirt, take.own_kit.trim)), take, rng)
    draw = ImageDraw.Draw(image)
    for _ in range(rng.randrange(4)):
        x, y, wave = rng.uniform(60, 520), rng.uniform(60, 300), bob(take, rng, 12)
        draw.rectangle(
            (x, y + wave, x + 90, y + wave + 18), rng.choice((take.own_kit.shirt, WHITE))
        )
    return image


def _ball_out(take: Take, rng: Random) -> Image.Image:
    image, horizon = low_view(take, rng)
    y = rng.uniform(horizon + 60, 320)
    touchline(image, rng, y)
    x = rng.uniform(120, 400) + 60 * take.age
    ball(image, x, y - rng.uniform(16, 40), rng.uniform(9, 15))
    if rng.random() < 0.5:
        place, pose = rng.uniform(120, 520), rng.choice(("step", "stand", "shrug"))
        person(image, rng, take.own_kit, pose, place, y + 30, rng.uniform(130, 190))
    return image


def _goalmouth(take: Take, rng: Random) -> Image.Image:
    image, horizon = low_view(take, rng)
    centre = rng.uniform(200, 440)
    goal_frame(image, centre, horizon + 50, rng.uniform(280, 460))
    pose, prop = rng.choice((("stand", ""), ("shrug", ""), ("throw", "ball"), ("cheer", "")))
    x = centre + rng.uniform(-100, 100)
    person(image, rng, KEEPER, pose, x, horizon + rng.uniform(60, 120), 120, prop=prop)
    if rng.random() < 0.5:
        x = centre + rng.choice((-1, 1)) * rng.uniform(130, 190)
        pose = rng.choice(("stand", "stride", "point"))
        person(image, rng, take.own_kit, pose, x, rng.uniform(290, 340), rng.uniform(130, 170))
    return image


def _referee(take: Take, rng: Random) -> Image.Image:
    image, _ = low_view(take, rng)
    feet, height = close_by(rng)
    player, referee = two_places(rng, rng.uniform(110, 190))
    if rng.random() < 0.7:
        pose = rng.choice(("stand", "shrug", "step"))
        person(image, rng, take.own_kit, pose, player, feet, height * rng.uniform(0.85, 1.05))
    person(image, rng, OFFICIAL, rng.choice(("raise", "point", "cheer")), referee, feet, height)
    return image


def _corner_flag(take: Take, rng: Random) -> Image.Image:
    image, _ = low_view(take, rng)
    x, y = corner_ground(image, rng)
    if rng.random() < 0.5:
        kit, pose = rng.choice(((OFFICIAL, "stand"), (BIB, "step"), (OFFICIAL, "point")))
        place = x + rng.choice((-1, 1)) * rng.uniform(90, 140)
        person(image, rng, kit, pose, place, y + 20, rng.uniform(140, 190))
    return image


def _aerial(take: Take, rng: Random) -> Image.Image:
    """Draw play around the halfway line from above. Both teams are in the circle."""
    image, x, y, half = halfway(take, rng, circle=rng.random() < 0.6)
    height = rng.uniform(70, 100)
    inside = [
        take.own_kit,
        take.other,
        *([rng.choice((take.own_kit, take.other))] * rng.randrange(2)),
    ]
    for kit in inside:
        place = (x + rng.uniform(-0.6, 0.6) * half, y + rng.uniform(-0.1, 0.5) * half)
        drift = rng.uniform(-20, 20) * take.age
        person(image, rng, kit, rng.choice(("stride", "step")), place[0] + drift, place[1], height)
    for _ in range(rng.choice((2, 3, 4))):
        kit = rng.choice((take.own_kit, take.other))
        person(image, rng, kit, "stride", *around_circle(rng, x, y, half), height * 0.85)
    ball(image, x + rng.uniform(-1, 1) * half, y + rng.uniform(-60, 100), 8)
    return image


def _close_up(take: Take, rng: Random) -> Image.Image:
    image, _ = low_view(take, rng)
    feet, height = close_by(rng)
    pose = rng.choice(("stand", "stride", "step", "point", "shrug", "cheer"))
    x = rng.uniform(160, WIDTH - 160) + rng.uniform(-25, 25) * take.age
    person(image, rng, take.own_kit, pose, x, feet + bob(take, rng, 4), height)
    return image


def _injury(take: Take, rng: Random) -> Image.Image:
    image, _ = low_view(take, rng)
    feet, height = rng.uniform(300, 345), rng.uniform(165, 200)
    lying, standing = two_places(rng, rng.uniform(140, 180))
    turn = rng.choice((-90, 90))
    person(image, rng, take.other, "shrug", lying, feet, height, turn=turn)
    if rng.random() < 0.75:
        kit, pose = rng.choice(((BIB, "step"), (COAT, "stand"), (OFFICIAL, "stand")))
        person(image, rng, kit, pose, standing + bob(take, rng, 4), feet - 8, height)
    return image


def _keeper(take: Take, rng: Random) -> Image.Image:
    image, _ = low_view(take, rng)
    feet, height = close_by(rng)
    x = rng.uniform(150, WIDTH - 150) + bob(take, rng, 5)
    prop = rng.choice(("ball", "ball", ""))
    person(image, rng, KEEPER, "throw" if prop else "point", x, feet, height, prop=prop)
    return image


DISTRACTIONS: dict[str, Painter] = {
    "lowered flag": _lowered_flag,
    "scarf": _scarf,
    "warm-up": _warm_up,
    "crowd": _crowd,
    "ball out": _ball_out,
    "goalmouth": _goalmouth,
    "referee": _referee,
    "corner flag": _corner_flag,
    "aerial": _aerial,
    "close-up": _close_up,
    "injury": _injury,
    "keeper": _keeper,
}
