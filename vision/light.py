"""Is the light whole: the ring light as the balls mirror it, the lamp of the field as equal lands show it.

It looks at things that were found already; whether a picture may be searched at all is judged in `vision.health`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vision.arithmetic import median
from vision.errors import BadRequest
from vision.frame import FloatArray, Frame, mean_levels

DIRECTIONS = 24
SEGMENT_WIDE = 3
"""Directions in one segment: an eighth of the ring, the finest that ring lights are built of (estimate)."""
RING_RADII = (0.35, 0.5, 0.65)
SEGMENT_DARK_RATIO = 0.6
"""A segment of the ring light that gives less than this share of the typical one is dead or covered (estimate)."""

BALLS_LEAST = 12
BALLS_MOST = 128
"""So many balls, evenly chosen, tell the light to a few per cent; a thousand take ten times as long."""

FIELD_DARK_RATIO = 0.6
"""The darkest side of the field may get this share of the light of the brightest (estimate)."""

_ANGLES = np.arange(DIRECTIONS) * (2 * math.pi / DIRECTIONS)
_RINGS = (np.array(RING_RADII)[:, None, None] * np.stack([np.cos(_ANGLES), -np.sin(_ANGLES)], axis=1)).reshape(-1, 2)
"""Places that are looked at, over the radius of a ball."""
_SEGMENTS = (np.arange(DIRECTIONS)[:, None] + np.arange(SEGMENT_WIDE) - SEGMENT_WIDE // 2) % DIRECTIONS
"""Directions in the segment about each one."""

REPLACE = "dead or covered: clean the light, then replace the segment"


@dataclass(frozen=True, eq=False)
class RingLight:
    """The ring light as its reflections on the balls show it.

    level_ratio   (DIRECTIONS,) light from an eighth of the ring about each direction against the typical eighth;
                  direction k is k * 360 / DIRECTIONS deg, anticlockwise from the right in the picture. A ball reflects
                  each lamp on the side that faces it
    reasons       dead or covered segments, with what to do; empty when all shine
    """

    level_ratio: FloatArray
    reasons: tuple[str, ...]


def ring_light(frame: Frame, centres_px: FloatArray, radius_px: float) -> RingLight:
    """Brightness round the ring that the light paints on every ball, mean over the balls.

    centres_px   (n, 2) column, row of balls that are there; rows with NaN are left out
    raises       BadRequest with fewer than 12 balls inside the picture
    """
    inside = np.isfinite(centres_px).all(axis=1) & frame.holds(centres_px, radius_px)
    at = centres_px[inside]
    if len(at) < BALLS_LEAST:
        raise BadRequest(f"{len(at)} balls inside the picture, {BALLS_LEAST} needed to judge the light")
    at = at[:: math.ceil(len(at) / BALLS_MOST)]
    level = mean_levels(frame.pixels, at, radius_px * _RINGS).reshape(len(RING_RADII), -1)
    ring = level[int(np.argmax([median(one) for one in level]))]
    segment = ring[_SEGMENTS].sum(axis=1) / SEGMENT_WIDE
    ratio = np.asarray(segment / max(median(segment), 1.0))
    dark = np.flatnonzero(ratio < SEGMENT_DARK_RATIO).tolist()
    lowest = [k for k in dark if ratio[k] <= ratio[k - 1] and ratio[k] < ratio[(k + 1) % DIRECTIONS]]
    return RingLight(ratio, tuple(dead_segment_text(k * 360.0 / DIRECTIONS, float(ratio[k])) for k in lowest))


def dead_segment_text(at_deg: float, level_ratio: float) -> str:
    """What is wrong with a segment of the ring light, and what to do."""
    return (
        f"ring light: the segment at {at_deg:.0f} deg in the picture gives {level_ratio:.0%} of the others, at least "
        f"{SEGMENT_DARK_RATIO:.0%} wanted; {REPLACE}"
    )


def ring_reasons(frame: Frame, centres_px: FloatArray, radius_px: float) -> tuple[str, ...]:
    """As `ring_light`, reasons only; with too few balls to tell there are none."""
    try:
        return ring_light(frame, centres_px, radius_px).reasons
    except BadRequest:
        return ()


def field_reasons(level: FloatArray, place_ratio: FloatArray, seen: NDArray[np.bool_]) -> tuple[str, ...]:
    """Does one side of the field lie in the dark? Read from things that are alike: the lands of one package.

    level         (n,) grey level of each
    place_ratio   (n, 2) where it lies in its picture, right and up, in half widths from the centre
    seen          (n,) which to use
    """
    if seen.sum() < BALLS_LEAST:
        return ()
    grey, at = level[seen], place_ratio[seen]
    kept = np.ones(len(grey), dtype=bool)
    for _ in range(3):  # a land under a scratch or a speck is no witness of the light
        design = np.column_stack([np.ones(len(at)), at])
        mean, right, up = np.linalg.lstsq(design[kept], grey[kept], rcond=1e-3)[0].tolist()
        off = np.abs(grey - design @ (mean, right, up))
        kept = off <= 3.0 * max(float(np.median(off)), 1.0)
    slope = math.hypot(right, up) / max(mean, 1.0)
    ratio = max(1.0 - slope, 0.0) / (1.0 + slope)
    return (dark_side_text(math.degrees(math.atan2(-up, -right)) % 360.0, ratio),) if ratio < FIELD_DARK_RATIO else ()


def dark_side_text(at_deg: float, level_ratio: float) -> str:
    """What is wrong with the lamp of the field, and what to do."""
    return (
        f"light of the field: the side at {at_deg:.0f} deg in the picture gets {level_ratio:.0%} of the light of the "
        f"other, at least {FIELD_DARK_RATIO:.0%} wanted; a segment of the lamp is {REPLACE}"
    )
