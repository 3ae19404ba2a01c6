"""Is this picture fit to be measured: exposure, contrast, focus; each trouble with its cause and what to do.

It looks at pixels only and finds nothing of the product; a picture that fails here is refused before any result.
"""

from __future__ import annotations

import math
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

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
