"""Balls pressed out of round: the same profile on an ellipse, fitted one by one.

The joint fit takes round things and knows an oval to first order only; a ball pressed to two thirds of its width lies a
micrometre beside where it says, or is no ball to it at all. Few balls of a part are, so this may take its time.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vision.discs import BIN_PX, DiscFit
from vision.frame import ByteArray, FloatArray

OVAL_FROM = 0.12
"""Elongation from which a shape is looked for: at 0.3 a ball lay 0.5 um off, at 0.5 as much as 2.4 um (measured)."""
MATCH_LEAST = 0.90
"""Correlation that a ball reaches on its ellipse; dirt on a bare site stayed below 0.8."""
AXIS_MOST = 0.33
"""Half the elongation: an axis ratio of one half."""
BALLS_MOST = 12
ROUNDS = 12
SETTLED_PX = 0.003
STEPS = np.array([0.05, 0.05, 0.01, 0.01])
"""Of column, row and the two ovals, for the slopes of the model."""


def rounded(pixels: ByteArray, discs: DiscFit, candidates: NDArray[np.bool_], radius_px: float) -> DiscFit:
    """The discs with those among the candidates that are balls out of round put where they are.

    candidates   sites where something of a ball's brightness stands
    """
    with np.errstate(invalid="ignore"):
        sites = np.flatnonzero(candidates & (discs.oval_ratio > OVAL_FROM))
    sites = sites[np.argsort(-discs.oval_ratio[sites], kind="stable")[:BALLS_MOST]]
    if len(sites) == 0:
        return discs
    found = discs.picked(sites)
    better = np.zeros(len(sites), dtype=bool)
    for k, at_px in enumerate(found.centres_px):
        fitted = _on_ellipse(pixels, at_px, discs.profile, radius_px, discs.reach_ratio * radius_px)
        if fitted is None:
            continue
        centre_px, amplitude, oval, match = fitted
        better[k] = match > max(MATCH_LEAST, float(found.match[k])) and amplitude > 0.5
        found.centres_px[k], found.amplitude[k], found.match[k], found.oval_ratio[k] = centre_px, amplitude, match, oval
    return discs.replaced(sites, found, better)


def _on_ellipse(
    pixels: ByteArray, at_px: FloatArray, profile: FloatArray, radius_px: float, reach_px: float
) -> tuple[FloatArray, float, float, float] | None:
    """Centre, amplitude, elongation and match of the profile on an ellipse of its area; None where none settles."""
    half = int(np.ceil(reach_px * 1.5))
    left, top = np.rint(at_px).astype(int) - half
    window = pixels[max(top, 0) : top + 2 * half + 1, max(left, 0) : left + 2 * half + 1]
    if window.shape != (2 * half + 1, 2 * half + 1) or left < 0 or top < 0:
        return None
    row, col = np.mgrid[top : top + 2 * half + 1, left : left + 2 * half + 1].astype(np.float64)
    level = window.astype(np.float64).ravel()
    place = np.array([at_px[0], at_px[1], 0.0, 0.0])
    for _ in range(ROUNDS):
        shape, radius, along = _drawn(place, col, row, profile)
        weight = (radius < reach_px) / (1.0 + np.maximum(shape, 0.0) / 40.0)
        slopes = [(_drawn(place + one, col, row, profile)[0] - shape) / one.sum() for one in np.diag(STEPS)]
        tilts = [shape * along[0], shape * along[1]]
        linear = np.stack([shape, np.ones_like(shape), *tilts])
        amplitude = float(_solved(linear, weight, level)[0])
        if not amplitude > 0.2:
            return None
        solved = _solved(np.concatenate([linear, amplitude * np.stack(slopes)]), weight, level)
        step = np.clip(solved[4:], [-1.0, -1.0, -0.08, -0.08], [1.0, 1.0, 0.08, 0.08])
        place = place + step
        place[2:] *= min(1.0, AXIS_MOST / max(float(np.hypot(*place[2:])), 1e-9))
        if np.hypot(*(place[:2] - at_px)) > 0.5 * radius_px:
            return None
        if np.abs(step[:2]).max() < SETTLED_PX:
            break
    else:
        return None
    shape, radius, _ = _drawn(place, col, row, profile)
    inside = radius < reach_px
    match = float(np.corrcoef(shape[inside], level[inside])[0, 1])
    return place[:2], amplitude, 2.0 * float(np.hypot(*place[2:])), match


def _drawn(
    place: FloatArray, col: FloatArray, row: FloatArray, profile: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Level, radius on the ellipse and direction (2, n) of every pixel."""
    x, y = (col - place[0]).ravel(), (row - place[1]).ravel()
    size = 1.0 / np.sqrt(1.0 - place[2] ** 2 - place[3] ** 2)
    u = size * ((1.0 + place[2]) * x + place[3] * y)
    v = size * (place[3] * x + (1.0 - place[2]) * y)
    radius = np.hypot(u, v)
    level = np.interp(radius / BIN_PX, np.arange(len(profile)), profile)
    return level, radius, np.stack([u, v]) / np.maximum(radius, 0.5)


def _solved(columns: FloatArray, weight: FloatArray, level: FloatArray) -> FloatArray:
    weighted = columns * weight
    return np.asarray(np.linalg.lstsq(weighted @ columns.T, weighted @ level, rcond=None)[0])
