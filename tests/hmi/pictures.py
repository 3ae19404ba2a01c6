"""Drawn up-camera pictures for pages and reports: a ring-lit ball field, dry or wet; not a model of any optics."""

from __future__ import annotations

import functools
from typing import Final

import cv2
import numpy as np

WIDTH_PX: Final = 2448
HEIGHT_PX: Final = 2048
UM_PER_PX: Final = 8.0
PITCH_UM: Final = 500.0
SIDE_COUNT: Final = 23
BALL_RADIUS_PX: Final = 19.0
BODY_UM: Final = 12_000.0
_LETTERS: Final = "ABCDEFGHJKLMNPRTUVWYABCDEFG"

Ball = tuple[str, float, float, float]


def ball_field(*, x_px: float = 31.0, y_px: float = -18.0, theta_deg: float = 0.8) -> tuple[Ball, ...]:
    """Two outer rows of a 23 x 23 grid at 500 um, 168 balls: (name, x_px, y_px, r_px), y down as in a picture."""
    turn = np.deg2rad(theta_deg)
    half = (SIDE_COUNT - 1) / 2
    balls: list[Ball] = []
    for row in range(SIDE_COUNT):
        for column in range(SIDE_COUNT):
            if 2 <= row < SIDE_COUNT - 2 and 2 <= column < SIDE_COUNT - 2:
                continue
            x, y = (column - half) * PITCH_UM / UM_PER_PX, (row - half) * PITCH_UM / UM_PER_PX
            prefix = "" if row < 20 else "A"
            balls.append(
                (
                    f"{prefix}{_LETTERS[row]}{column + 1}",
                    float((WIDTH_PX - 1) / 2 + x_px + x * np.cos(turn) + y * np.sin(turn)),
                    float((HEIGHT_PX - 1) / 2 + y_px - x * np.sin(turn) + y * np.cos(turn)),
                    BALL_RADIUS_PX,
                )
            )
    return tuple(balls)


@functools.cache
def ball_picture(balls: tuple[Ball, ...], states: tuple[tuple[str, str], ...], *, is_wet: bool, seed: int = 7) -> bytes:
    """PNG of the field; balls in `states` look missing, dry, partial, bridged or excess."""
    rng = np.random.default_rng(seed)
    state_of = dict(states)
    image = np.full((HEIGHT_PX, WIDTH_PX), 8.0, np.float32)
    xs, ys = [b[1] for b in balls], [b[2] for b in balls]
    box = cv2.boxPoints(
        (((min(xs) + max(xs)) / 2, (min(ys) + max(ys)) / 2), (BODY_UM / UM_PER_PX, BODY_UM / UM_PER_PX), -0.8)
    )
    cv2.fillPoly(image, [np.round(box).astype(np.int32)], 38.0)
    grain = cv2.GaussianBlur(rng.normal(0, 40, image.shape).astype(np.float32), (0, 0), 4)
    image = np.where(image > 20, image + grain, image)
    for name, x, y, radius in balls:
        _draw_ball(image, (x, y), radius, state_of.get(name, "wet" if is_wet else "ok"))
    image = cv2.GaussianBlur(image, (0, 0), 1.2) + rng.normal(0, 1.6, image.shape).astype(np.float32)
    done, encoded = cv2.imencode(".png", np.clip(image, 0, 255).astype(np.uint8))
    assert done
    return bytes(encoded.tobytes())


def _draw_ball(image: np.ndarray, centre: tuple[float, float], radius: float, state: str) -> None:
    at = tuple(round(value * 16) for value in centre)

    def disc(share: float, level: float, thickness: int = -1) -> None:
        cv2.circle(image, at, round(radius * share * 16), level, thickness, cv2.LINE_AA, 4)

    if state == "missing":
        disc(0.8, 70.0)
        return
    if state == "bridged":
        end = (at[0] + 62 * 16, at[1])
        cv2.line(image, at, end, 90.0, round(radius * 0.8), cv2.LINE_AA, 4)
    disc(1.0, 22.0)
    if state in ("wet", "bridged", "excess"):
        disc(0.92, 60.0)
        disc(0.46, 118.0, 9)
        disc(0.98, 90.0, 2)
    elif state == "partial":
        disc(0.92, 40.0)
        disc(0.56, 150.0, 7)
    else:
        disc(0.66, 200.0, 6)
