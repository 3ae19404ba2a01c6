"""Balls where none belong: what stands away from all sites of an array and looks like its balls.

Debris that does not look like a ball is not looked for here.
"""

from __future__ import annotations

import cv2
import numpy as np

from vision.arithmetic import least_squares
from vision.balls import SOFT_REACH_RATIO, UNCLEAR_MATCH, ArraySeen, looks_like_ball
from vision.best_place import best_places, drawn_profile
from vision.blobs import QUICK_RADIUS_PX, bright_blobs
from vision.discs import DiscFit, fit_discs
from vision.frame import FloatArray, Frame, thinned
from vision.maps import BallMap, nearest_within

PLAY_PX = 3.0
"""The coarse look is no better than this."""

AROUND_PITCHES = 2.0
"""How far beyond the array is looked."""

EVEN_RATIO = 0.85
"""Light on the dimmest ball over that on the brightest from which the fast look passes over none: it takes spots from a
third of the typical light, and where one side is 40 % brighter an extra ball was passed over (measured)."""

SAME_RATIO = 0.3
"""Share of the pitch within which two places are one."""


def extra_balls(frame: Frame, ball_map: BallMap, seen: ArraySeen) -> DiscFit:
    """Things away from all sites that look like the balls of this array."""
    fit, blobs_um = seen.fit, _all_places(frame, ball_map, seen)
    away = nearest_within(blobs_um, fit.apply(ball_map.xy_um), 0.5 * ball_map.pitch_um) < 0
    reach_um = ball_map.reach_um + AROUND_PITCHES * ball_map.pitch_um
    strange = away & (np.hypot(*(blobs_um - (fit.x_um, fit.y_um)).T) < reach_um)
    if not strange.any():
        return seen.all_turns.picked(np.zeros(0, dtype=np.int64))
    radius_px = fit.held_scale * ball_map.radius_um / frame.um_per_px
    profile, reach_ratio = seen.all_turns.profile, seen.all_turns.reach_ratio
    template = drawn_profile(profile, reach_ratio * radius_px)
    places, match = best_places(frame.pixels, frame.to_px(blobs_um[strange]), template, PLAY_PX)
    alike = places[match > UNCLEAR_MATCH]
    ground_shows = reach_ratio == SOFT_REACH_RATIO
    found = fit_discs(
        frame.pixels, alike, radius_px, reach_ratio=reach_ratio, profile=profile, rounds=3, ground_shows=ground_shows
    )
    return found.picked(looks_like_ball(found, seen.all_turns))


def _all_places(frame: Frame, ball_map: BallMap, seen: ArraySeen) -> FloatArray:
    """Where balls may be, um. The fast look measures all spots by one level, so that it passes over extra balls in the
    dim part of an uneven field: there it looks once more, at a copy in the even light that the array itself shows."""
    discs = seen.discs
    at, lit = discs.centres_px[seen.present], discs.amplitude[seen.present]
    design = np.column_stack([at, np.ones(len(at))])
    plane = least_squares(design, lit)
    light = design @ plane
    if light.min() > EVEN_RATIO * light.max():
        return seen.blobs_um
    factor = max(1, round(ball_map.radius_um / frame.um_per_px / QUICK_RADIUS_PX))
    small = thinned(frame.pixels, factor)
    column, row = (np.arange(n, dtype=np.float32) * factor for n in (small.shape[1], small.shape[0]))
    share = (plane[0] * column)[None, :] + (plane[1] * row)[:, None] + plane[2]
    even = small * (light.max() / np.maximum(share, 0.5 * light.min())).astype(np.float32)
    copy = Frame(cv2.convertScaleAbs(even), frame.um_per_px * factor)
    more_um = frame.to_um(copy.to_px(bright_blobs(copy, ball_map)) * factor)
    is_new = nearest_within(more_um, seen.blobs_um, SAME_RATIO * ball_map.pitch_um) < 0
    return np.concatenate([seen.blobs_um, more_um[is_new]])
