"""What is said of a ball that is no good: pressed out of round, or with something on it."""

import math

import numpy as np
import pytest

from tests.vision.scenes import PackagePart, perimeter_map, to_px
from vision.frame import Frame
from vision.inspection import inspect_package

SMALL = perimeter_map(11, 2, 500.0, 320.0, without=("R11C1",))
OPTICS = {"shape": (900, 960), "traces": 30}
SCALE = 8.0
RADIUS_PX = 20.0


def speck(pixels, at, axes_px, turn_deg: float, level: float) -> None:
    """A blurred ellipse of one level over what stands there; `pixels` is changed."""
    half = math.ceil(max(axes_px)) + 6
    column, row = round(float(at[0])), round(float(at[1]))
    y, x = np.mgrid[row - half : row + half + 1, column - half : column + half + 1]
    c, s = math.cos(math.radians(turn_deg)), math.sin(math.radians(turn_deg))
    along, across = (x - at[0]) * c + (y - at[1]) * s, (y - at[1]) * c - (x - at[0]) * s
    outside = (np.hypot(along / axes_px[0], across / axes_px[1]) - 1.0) * min(axes_px)
    share = 0.5 - 0.5 * np.tanh(0.8 * outside / 1.2)
    window = pixels[row - half : row + half + 1, column - half : column + half + 1]
    window += (level - window) * share


@pytest.fixture(scope="module")
def drawn():
    """A picture with a lost ball, and where each ball of the map lies in it."""
    part = PackagePart(SMALL, seed=4, body_um=6200.0, missing=("R1C6",))
    frame, _ = part.draw(60.0, -40.0, 0.0, seed=2, **OPTICS)
    return frame.pixels.astype(float), to_px(SMALL.xy_um + np.array([60.0, -40.0]), OPTICS["shape"], SCALE)


def states(pixels) -> dict[str, str]:
    fix = inspect_package(Frame(np.clip(np.round(pixels), 0, 255).astype(np.uint8), SCALE), SMALL)
    assert fix.status == "found", fix.reasons
    return {ball.name: ball.state for ball in fix.balls if ball.state != "ok"}


@pytest.mark.parametrize(
    ("name", "axes_ratio", "off_ratio", "level"),
    [
        ("R1C6", (0.62, 0.55), (0.05, 0.0), 190.0),
        ("R3C1", (0.6, 0.4), (0.3, 0.2), 220.0),
        ("R5C11", (0.5, 0.5), (-0.4, 0.0), 25.0),
    ],
    ids=["in place of a ball", "bright on a ball", "dark on a ball"],
)
def test_something_on_a_ball_or_in_its_place_is_debris(drawn, name, axes_ratio, off_ratio, level):
    pixels, centres = drawn[0].copy(), drawn[1]
    at = centres[SMALL.names.index(name)] + np.array(off_ratio) * RADIUS_PX
    speck(pixels, at, tuple(RADIUS_PX * ratio for ratio in axes_ratio), 30.0, level)
    assert states(pixels) == {"R1C6": "missing"} | {name: "debris"}


@pytest.mark.parametrize("axis_ratio", [0.62, 0.7, 0.76])
def test_a_ball_pressed_out_of_round_is_deformed_and_no_debris(drawn, axis_ratio):
    """The picture of one ball squeezed one way and stretched the other, its area kept."""
    pixels, centres = drawn[0].copy(), drawn[1]
    at, half = centres[SMALL.names.index("R7C1")], 26
    column, row = round(float(at[0])), round(float(at[1]))
    y, x = np.mgrid[-half : half + 1, -half : half + 1] + np.array([row - at[1], column - at[0]])[:, None, None]
    stretch = math.sqrt(axis_ratio)
    from_x, from_y = at[0] + x * stretch, at[1] + y / stretch
    left, top = np.floor(from_x).astype(int), np.floor(from_y).astype(int)
    u, v = from_x - left, from_y - top
    source = drawn[0]
    squeezed = (
        source[top, left] * (1 - u) * (1 - v) + source[top, left + 1] * u * (1 - v)
        + source[top + 1, left] * (1 - u) * v + source[top + 1, left + 1] * u * v
    )  # fmt: skip
    pixels[row - half : row + half + 1, column - half : column + half + 1] = squeezed
    assert states(pixels) == {"R1C6": "missing", "R7C1": "deformed"}
