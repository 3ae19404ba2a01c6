"""Is this picture fit to be measured: exposure, contrast, focus, light; each trouble with its cause and what to do.

It looks at pixels only and finds nothing of the product; a picture that fails here is refused before any result.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from vision.errors import BadRequest
from vision.frame import thinned_levels

DARK_LEVEL = 45
"""A picture whose brightest thousandth stays below this shows nothing that can be measured (estimate)."""

SATURATED_RATIO = 0.35
"""More clipped pixels than this and edges are no longer where the light says they are (estimate)."""

FLAT_LEVELS = 10
"""Between the darkest and the brightest thousandth."""

TILE_PX = 160
TILES = 6
THIN = 8
"""The tiles with the most contrast, on every eighth pixel, are those that focus is read from."""

REBLUR_PX = 3.0
EDGE_LEAST_LEVELS = 3.0
"""Slope per pixel, after reblurring, of an edge that tells the focus: 30 levels at a blur of 2 px. Softer pictures need
more contrast to be judged, fainter ones are not judged."""

EDGES_LEAST = 12
BLUR_MOST_PX = 4.5
"""Point spread of a picture in which marks and lands can still be told from shadows (estimate)."""

SEGMENTS = 8
RING_RADII = (0.35, 0.5, 0.65)
SEGMENT_DARK_RATIO = 0.6
"""A segment of the ring light that gives less than this share of the typical one is dead or covered (estimate)."""

BALLS_LEAST = 12


class Picture(Protocol):
    """What is looked at, a `vision.frame.Frame` or pixels alone."""

    @property
    def pixels(self) -> NDArray[np.uint8]: ...


def health_reasons(frame: Picture, *, may_be_flat: bool = False) -> tuple[str, ...]:
    """Why this picture should not be measured at all: too dark, saturated, without any content; empty when good.

    may_be_flat   an even grey is an answer here (a bare board), not a sign of a broken camera
    """
    _, counts = thinned_levels(frame.pixels, THIN if min(frame.pixels.shape) > 500 else 1)
    total = int(counts.sum())
    cumulative = np.cumsum(counts)
    brightest = int(np.searchsorted(cumulative, 0.999 * total))
    darkest = int(np.searchsorted(cumulative, 0.001 * total))
    saturated = float(counts[254:].sum()) / total
    if saturated > SATURATED_RATIO:
        return (
            f"picture saturated: {100 * saturated:.0f} % of it is white, allowed {100 * SATURATED_RATIO:.0f} %; "
            "too much light or too long an exposure: reduce one",
        )
    if brightest < DARK_LEVEL:
        return (
            f"picture too dark: brightest level {brightest}, at least {DARK_LEVEL} wanted; "
            "light off, lens covered or exposure too short: check the light first",
        )
    if brightest - darkest < FLAT_LEVELS and not may_be_flat:
        return (
            f"picture without content: all levels between {darkest} and {brightest}; "
            "nothing before the lens, or far out of focus",
        )
    return ()


def blur_px(frame: Picture) -> float:
    """Sigma of the point spread as the sharpest strong edges show it; NaN where there are too few to tell.

    Right to 15 % from 1.2 to 3.5 px on rims of marks and lands; beyond it reads low (5 for 6 px), and low on
    balls, whose narrow rings are no edges.

    A known blur is added: an edge of width s loses sqrt(1 + (added / s)^2) of its slope by it, whatever its height.
    source   the reblurring method for defocus: Zhuo and Sim, Pattern Recognition 44 (2011)
    """
    ratios = []
    for row, col in _busiest_tiles(frame.pixels):
        tile = frame.pixels[row : row + TILE_PX, col : col + TILE_PX].astype(np.float32)
        sharp = _slope(tile, 1.0)  # tames the noise of single pixels
        soft = _slope(tile, math.hypot(1.0, REBLUR_PX))
        at = (cv2.dilate(soft, np.ones((3, 3), np.uint8)) <= soft) & (soft > EDGE_LEAST_LEVELS)
        ratios.append(sharp[at] / soft[at])
    ratio = np.concatenate(ratios)
    if len(ratio) < EDGES_LEAST:
        return math.nan
    steepest = float(np.quantile(ratio, 0.8))
    if steepest <= 1.02:
        return math.inf
    return math.sqrt(max(REBLUR_PX**2 / (steepest**2 - 1.0) - 1.0, 0.0))


def _busiest_tiles(pixels: NDArray[np.uint8]) -> list[tuple[int, int]]:
    """Row and column of the tiles with the most contrast, in a coarse look at the picture."""
    thin = pixels[::THIN, ::THIN].astype(np.float32)
    side = TILE_PX // THIN
    rows, cols = max(thin.shape[0] // side, 1), max(thin.shape[1] // side, 1)
    blocks = thin[: rows * side, : cols * side]
    if blocks.size != rows * cols * side * side:
        return [(0, 0)]
    spread = blocks.reshape(rows, side, cols, side).std(axis=(1, 3))
    order = np.argsort(-spread, axis=None, kind="stable")[:TILES]
    return [(int(k) // cols * TILE_PX, int(k) % cols * TILE_PX) for k in order]


def _slope(tile: NDArray[np.float32], blur: float) -> NDArray[np.float32]:
    level = cv2.GaussianBlur(tile, (0, 0), blur)
    across, down = cv2.Sobel(level, cv2.CV_32F, 1, 0, scale=0.125), cv2.Sobel(level, cv2.CV_32F, 0, 1, scale=0.125)
    return np.asarray(cv2.magnitude(across, down), dtype=np.float32)


def focus_reasons(frame: Picture, *, most_px: float = BLUR_MOST_PX) -> tuple[str, ...]:
    """Out of focus, with cause and remedy; empty when sharp or when nothing in view tells."""
    blur = blur_px(frame)
    if math.isnan(blur) or blur <= most_px:
        return ()
    return (
        f"picture out of focus: edges are {blur:.1f} px wide, at most {most_px:.1f} wanted; "
        "height of the part or of the camera is wrong, or the lens is dirty: check the height, then clean",
    )


@dataclass(frozen=True, eq=False)
class RingLight:
    """The ring light as its reflections on the balls show it.

    level_ratio   (SEGMENTS,) of each segment against the typical one; segment k is centred at k * 360 / SEGMENTS deg,
                  anticlockwise from the right in the picture. A ball reflects each lamp on the side that faces it
    reasons       dead or covered segments, with what to do; empty when all shine
    """

    level_ratio: NDArray[np.float64]
    reasons: tuple[str, ...]


def ring_light(frame: Picture, centres_px: NDArray[np.float64], radius_px: float) -> RingLight:
    """Brightness round the ring that the light paints on every ball, mean over the balls.

    centres_px   (n, 2) column, row of balls that are there
    raises       BadRequest with fewer than 12 balls inside the picture
    """
    angle = (np.arange(SEGMENTS * 3) - 1) * (2 * math.pi / (SEGMENTS * 3))
    radii = np.array(RING_RADII) * radius_px
    rows, cols = frame.pixels.shape
    inside = (centres_px >= radius_px).all(axis=1) & (centres_px <= np.array([cols - 1, rows - 1]) - radius_px).all(
        axis=1
    )
    at = centres_px[inside]
    if len(at) < BALLS_LEAST:
        raise BadRequest(f"{len(at)} balls inside the picture, {BALLS_LEAST} needed to judge the light")
    x = np.rint(at[:, 0, None, None] + radii[:, None] * np.cos(angle)).astype(np.int64)
    y = np.rint(at[:, 1, None, None] - radii[:, None] * np.sin(angle)).astype(np.int64)
    level = frame.pixels[y, x].mean(axis=0)
    ring = level[int(np.argmax(np.median(level, axis=1)))]
    segment = ring.reshape(SEGMENTS, 3).mean(axis=1)
    ratio = np.asarray(segment / max(float(np.median(segment)), 1.0))
    reasons = tuple(
        f"light segment at {k * 360 // SEGMENTS} deg gives {ratio[k]:.0%} of the others, at least "
        f"{SEGMENT_DARK_RATIO:.0%} wanted; dead or covered: clean the ring light, then replace the segment"
        for k in np.flatnonzero(ratio < SEGMENT_DARK_RATIO).tolist()
    )
    return RingLight(ratio, reasons)
