"""What is said of every ball: there or not, whole, joined to another, dirty; and of the balls where none belong.

Nothing here looks for balls; places and fits come from `vision.balls` and `vision.extras`.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

import numpy as np
from numpy.typing import NDArray

from vision.arithmetic import median
from vision.balls import ArraySeen, is_wreck, unlike_others
from vision.discs import DiscFit
from vision.frame import FloatArray, Frame
from vision.maps import BallMap
from vision.results import BallFinding, BallState

SIZE_TOLERANCE = 0.20
OVAL_TOLERANCE = 0.20
"""Beyond these against the typical ball of the same picture a ball is deformed (estimates)."""

OVAL_COST = 1.4
DIRTY_MARGIN = 0.08
"""A ball pressed out of round is less like the others by OVAL_COST times its oval squared, and not by 0.06 more. With a
speck on it, or in its place, it is less like them by 0.08 and more: on drawings of two renderers none of 91 ovals was
taken for one of 209 specks, and 4 of these for ovals (measured)."""


def ball_findings(
    frame: Frame,
    seen: ArraySeen,
    extras: DiscFit,
    ball_map: BallMap,
    pairs: list[tuple[int, int]],
    *,
    all_alike: bool = True,
) -> tuple[BallFinding, ...]:
    """One finding per site of the map, in its order, then the extra balls.

    all_alike   what does not look like the other balls is deformed, or debris where no oval ball looks like that: not
                to be asked where some balls are wet
    """
    discs = seen.discs
    expected_um = seen.fit.apply(ball_map.xy_um)
    offset_um = np.hypot(*(frame.to_um(discs.centres_px) - expected_um).T)
    typical_um = 2.0 * ball_map.radius_um * seen.fit.held_scale
    deformed = (np.abs(discs.size_ratio - 1.0) > SIZE_TOLERANCE) | (discs.oval_ratio > OVAL_TOLERANCE)
    if all_alike:
        deformed |= unlike_others(discs, seen.present)
    states: list[BallState] = ["ok"] * ball_map.count
    wrecks = ~seen.present & is_wreck(discs) if all_alike else np.zeros(ball_map.count, dtype=bool)
    named_so: tuple[tuple[BallState, Iterable[int]], ...] = (
        ("deformed", np.flatnonzero(deformed).tolist()),
        ("bridged", (site for pair in pairs for site in pair)),
        ("missing", np.flatnonzero(~seen.present).tolist()),
        ("deformed", np.flatnonzero(wrecks).tolist()),
    )
    for state, sites in named_so:  # the later counts
        for site in sites:
            states[site] = state
    for site in np.flatnonzero(_is_dirty(discs, seen.present)).tolist() if all_alike else ():
        states[site] = "debris" if states[site] == "deformed" else states[site]
    at_px = np.where(seen.present[:, None], discs.centres_px, frame.to_px(expected_um))
    values = np.column_stack([typical_um * discs.size_ratio, offset_um, _roundness(discs.oval_ratio)])
    values[~seen.present] = np.nan
    findings = _listed(ball_map.names, states, at_px, values)
    count = len(extras.centres_px)
    values = np.column_stack([typical_um * extras.size_ratio, np.full(count, np.nan), _roundness(extras.oval_ratio)])
    numbers = tuple(f"extra {number + 1}" for number in range(count))
    return (*findings, *_listed(numbers, ["extra"] * count, extras.centres_px, values))


def _roundness(oval_ratio: FloatArray) -> FloatArray:
    """Shortest over longest diameter."""
    return (1.0 - 0.5 * oval_ratio) / (1.0 + 0.5 * oval_ratio)


def _listed(
    names: tuple[str, ...], states: list[BallState], at_px: FloatArray, values: FloatArray
) -> tuple[BallFinding, ...]:
    """values: diameter um, offset um, roundness"""
    columns = (names, states, *at_px.T.tolist(), *values.T.tolist(), [1] * len(names))
    return tuple(map(partial(tuple.__new__, BallFinding), zip(*columns, strict=True)))


def _is_dirty(discs: DiscFit, ball: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Less like the other balls than a ball of that oval is: something lies on it, or in its place."""
    typical = median(discs.match[ball]) if ball.any() else 1.0
    with np.errstate(invalid="ignore"):
        return np.asarray(discs.match / typical < 1.0 - OVAL_COST * discs.oval_ratio**2 - DIRTY_MARGIN)
