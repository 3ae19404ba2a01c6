"""Whole questions to a picture: each function answers one step of the process sheet with frozen data.

It knows nothing of machine, recipe or camera; limits that decide on a part are applied by the caller.
"""

from __future__ import annotations

import math

import numpy as np

from vision.balls import ArraySeen, ball_findings, bridged_pairs, see_array, turned_sites
from vision.errors import BadRequest
from vision.frame import Frame, health_reasons
from vision.lattice import bright_blobs, placed_on_lattice
from vision.maps import BallMap
from vision.pose import as_matrix3, turn_matrix, wrapped_deg
from vision.results import NAN, UNKNOWN, ArrayFix, Pose
from vision.turn import decide_turn, turned_pose

FOUND_LEAST_RATIO = 0.7
"""With fewer of the expected balls it is not this part, or not this picture."""

SIDE_LEAST_RATIO = 1.0 / 3.0
"""A side that shows fewer of its balls cannot be told from a shifted or smaller array."""

EXTRA_MOST_RATIO = 0.05
"""More balls than this where none belong: another part."""


def inspect_package(
    frame: Frame,
    ball_map: BallMap,
    *,
    expected: Pose | None = None,
    scale_tolerance: float = 0.01,
    turn_known: bool = False,
) -> ArrayFix:
    """Find the whole ball array and judge every ball.

    expected          where the array should be; used only to choose the quarter turn when `turn_known`
    scale_tolerance   allowed difference of the measured size from the map, ratio
    turn_known        the quarter turn nearest to `expected` is taken: for a part that was looked at before
    returns           found; ambiguous when the quarter turn cannot be told; refused with reasons
    raises            BadRequest
    """
    _check_request(expected, scale_tolerance, turn_known)
    unhealthy = health_reasons(frame)
    if unhealthy:
        return refused_array(ball_map, unhealthy)
    blobs_um = bright_blobs(frame, ball_map)
    coarse = placed_on_lattice(blobs_um, ball_map, scale_tolerance) if ball_map.is_lattice else None
    seen = see_array(frame, ball_map, coarse.pose, blobs_um) if coarse is not None else None
    if seen is None:
        text = f"no array of {ball_map.count} balls found: {len(blobs_um)} bright spots seen, none of their lattices fits"
        return refused_array(ball_map, (text,))
    return judged_array(frame, ball_map, seen, expected if turn_known else None, scale_tolerance)


def judged_array(
    frame: Frame, ball_map: BallMap, seen: ArraySeen, turn_from: Pose | None, scale_tolerance: float
) -> ArrayFix:
    """Turn an array as seen into an answer; the gates that refuse it are all here."""
    quarter, margin, reason = 0, math.inf, ""
    if turn_from is not None:
        quarter = round((turn_from.theta_deg - seen.fit.theta_deg) / 90.0) % 4
    else:
        verdict = decide_turn(frame, ball_map, seen)
        quarter, margin, reason = verdict.quarter_turns, verdict.margin, verdict.reason
    if quarter and (ball_map.turned_onto[quarter] >= 0).all():
        seen = turned_sites(seen, ball_map, quarter, frame.um_per_px, frame.to_um(seen.discs.centres_px))
    elif quarter:
        again = see_array(frame, ball_map, turned_pose(seen.fit.pose, quarter), frame.to_um(seen.extras.centres_px))
        if again is None:
            return refused_array(ball_map, ("the array was lost when looked at in its own turn",))
        seen = again
    reasons = array_problems(ball_map, seen, scale_tolerance)
    findings = ball_findings(frame, seen, ball_map, bridged_pairs(frame, seen, ball_map))
    found_count = int(seen.present.sum())
    if reasons:
        return ArrayFix("refused", reasons, NAN, NAN, NAN, NAN, UNKNOWN, findings, 0.0, found_count, ball_map.count)
    fit = seen.fit
    status = "ambiguous" if reason else "found"
    return ArrayFix(
        "ambiguous" if status == "ambiguous" else "found", (reason,) if reason else (), fit.x_um, fit.y_um,
        wrapped_deg(fit.theta_deg), fit.scale_ratio, as_matrix3(fit.covariance), findings, margin, found_count,
        ball_map.count,
    )  # fmt: skip


def array_problems(ball_map: BallMap, seen: ArraySeen, scale_tolerance: float) -> tuple[str, ...]:
    """Why the array as seen is not the expected one; empty when it is."""
    problems = []
    outside = int((~seen.discs.seen).sum())
    if outside:
        problems.append(f"{outside} of {ball_map.count} balls lie outside the picture")
    problems += _side_problems(ball_map, seen)
    found = int(seen.present.sum())
    if found < FOUND_LEAST_RATIO * ball_map.count:
        problems.append(f"only {found} of {ball_map.count} balls found, at least {FOUND_LEAST_RATIO:.0%} wanted")
    if seen.extra_count > max(3.0, EXTRA_MOST_RATIO * ball_map.count):
        problems.append(f"{seen.extra_count} balls where none belong: another part?")
    if abs(seen.fit.scale_ratio - 1.0) > scale_tolerance:
        problems.append(f"array measures {seen.fit.scale_ratio:.4f} of its drawing, allowed 1 +- {scale_tolerance:.4f}")
    return tuple(problems)


def _side_problems(ball_map: BallMap, seen: ArraySeen) -> list[str]:
    """Sides of the array, named as they lie in the picture, that show too few of their balls."""
    problems = []
    for axis in range(2):
        for sign in (-1.0, 1.0):
            along = sign * ball_map.xy_um[:, axis]
            row = along > along.max() - 0.5 * ball_map.pitch_um
            found, wanted = int(seen.present[row].sum()), int(row.sum())
            if found < SIDE_LEAST_RATIO * wanted:
                normal = turn_matrix(seen.fit.theta_deg)[:, axis] * sign
                side = ("right" if normal[0] > 0 else "left") if abs(normal[0]) > abs(normal[1]) else (
                    "upper" if normal[1] > 0 else "lower")  # fmt: skip
                count = "no balls" if found == 0 else "too few balls"
                problems.append(f"{count} found on the {side} side: {found} of {wanted}")
    return problems


def refused_array(ball_map: BallMap, reasons: tuple[str, ...]) -> ArrayFix:
    return ArrayFix("refused", reasons, NAN, NAN, NAN, NAN, UNKNOWN, (), 0.0, 0, ball_map.count)


def _check_request(expected: Pose | None, scale_tolerance: float, turn_known: bool) -> None:
    if not (math.isfinite(scale_tolerance) and 0 < scale_tolerance < 0.2):
        raise BadRequest(f"scale tolerance {scale_tolerance} is not between 0 and 0.2")
    if expected is not None and not np.isfinite([expected.x_um, expected.y_um, expected.theta_deg]).all():
        raise BadRequest("the expected pose is not finite")
    if turn_known and expected is None:
        raise BadRequest("a known turn needs the expected pose it is known from")
