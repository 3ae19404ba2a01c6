"""Whole questions to a picture: each function answers one step of the process sheet with frozen data.

It knows nothing of machine, recipe or camera; limits that decide on a part are applied by the caller.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from vision.balls import (
    ArraySeen,
    bridged_pairs,
    dry_profile,
    edge_width_um,
    may_be_ball,
    see_array,
    shows_plain_discs,
    turned_array,
)
from vision.blobs import bright_blobs, fine_ring_blobs, ring_blobs
from vision.discs import DiscFit
from vision.dots import locate_dots
from vision.errors import BadRequest
from vision.extras import extra_balls
from vision.fiducials import locate_fiducial
from vision.frame import FloatArray, Frame
from vision.health import health_reasons
from vision.imprint import check_imprint
from vision.lands import locate_site
from vision.lattice import in_step, placed_on_lattice
from vision.light import ring_reasons
from vision.maps import BallMap
from vision.material import material_bridges
from vision.outline import verify_placed
from vision.pose import RigidFit, as_matrix3, turn_matrix, wrapped_deg
from vision.predicted import Shot, check_shots
from vision.results import NAN, UNKNOWN, ArrayFix, DippedFinding, Pose
from vision.scattered import placed_by_pairs
from vision.shots import join_shots, joined_findings
from vision.turn import decide_turn
from vision.verdicts import ball_findings
from vision.wetting import FULL_STRENGTH, judge_wetting, other_part, read_pair

__all__ = [
    "check_imprint",
    "inspect_dipped",
    "inspect_package",
    "inspect_shots",
    "locate_dots",
    "locate_fiducial",
    "locate_site",
    "verify_placed",
]

FOUND_LEAST_RATIO = 0.7
"""With fewer of the expected balls it is not this part, or not this picture."""

SIDE_LEAST_RATIO = 1.0 / 3.0
"""A side that shows fewer of its balls cannot be told from a shifted or smaller array."""

BLUR_MOST_RATIO = 0.38
"""Width of the steepest edge on the balls over their radius; softer pictures show pads and balls alike (measured)."""

SEEN_ENOUGH_RATIO = 0.95
"""With more of the balls seen no other look is needed."""

PLAIN_TEXT = "even discs where balls are expected: bare lands?"

EXTRA_MOST_RATIO = 0.05
"""More balls than this where none belong: another part."""


def inspect_package(
    frame: Frame,
    ball_map: BallMap,
    *,
    expected: Pose | None = None,
    scale_tolerance: float = 0.01,
    turn_known: bool = False,
    polarity: Literal["bright", "dark", "auto"] = "bright",
) -> ArrayFix:
    """Find the whole ball array and judge every ball.

    expected          where the array should be; used only to choose the quarter turn when `turn_known`
    scale_tolerance   allowed difference of the measured size from the map, ratio
    turn_known        the quarter turn nearest to `expected` is taken: for a part that was looked at before
    polarity          balls brighter or darker than their ground; auto: bright, and dark where that shows no array
    returns           found; ambiguous when the quarter turn cannot be told; refused with reasons
    raises            BadRequest
    """
    _check_request(expected, scale_tolerance, turn_known)
    if polarity not in ("bright", "dark", "auto"):
        raise BadRequest(f"polarity {polarity!r} is none of bright, dark, auto")
    unhealthy = health_reasons(frame)
    if unhealthy:
        return refused_array(ball_map, unhealthy)
    nearest = expected if turn_known else None
    if polarity == "dark":
        return _inspected_dark(frame, ball_map, scale_tolerance, nearest)
    fix = _inspected(frame, ball_map, scale_tolerance, nearest)
    if polarity == "bright" or fix.status != "refused":
        return fix
    dark = _inspected_dark(frame, ball_map, scale_tolerance, nearest)
    return fix if dark.status == "refused" and len(dark.balls) <= len(fix.balls) else dark


def _inspected_dark(frame: Frame, ball_map: BallMap, scale_tolerance: float, nearest: Pose | None) -> ArrayFix:
    """Dark balls before a bright ground are bright ones in the negative."""
    negative = replace(frame, pixels=np.invert(frame.pixels))
    fix = _inspected(negative, ball_map, scale_tolerance, nearest, may_be_flat=True)
    return replace(fix, polarity="dark")


def _inspected(
    frame: Frame, ball_map: BallMap, scale_tolerance: float, nearest: Pose | None, *, may_be_flat: bool = False
) -> ArrayFix:
    """nearest: the pose whose quarter turn is taken, None when it must be read"""
    seen = find_array(frame, ball_map, scale_tolerance, may_be_flat=may_be_flat)
    if seen is None:
        spots = len(bright_blobs(frame, ball_map))
        text = f"no array of {ball_map.count} balls found: {spots} bright spots, the ball map fits them nowhere"
        return refused_array(ball_map, (text,))
    if not may_be_flat and shows_plain_discs(frame, ball_map, seen):
        return refused_array(ball_map, (PLAIN_TEXT,))
    margin, undecided = math.inf, ""
    if nearest is not None:
        turned = _in_turn(frame, ball_map, seen, nearest)
    else:
        verdict = decide_turn(frame, ball_map, seen)
        margin, undecided = verdict.margin, verdict.reason
        turned = turned_array(frame, ball_map, seen, verdict.quarter_turns)
    if turned is None:
        return refused_array(ball_map, ("the array was lost when looked at in its own turn",))
    pairs = bridged_pairs(frame, turned, ball_map)
    answer = array_answer(frame, ball_map, turned, pairs, margin, undecided, scale_tolerance)
    return answer if may_be_flat else replace(answer, notes=_light_notes(frame, ball_map, turned))


def _light_notes(frame: Frame, ball_map: BallMap, seen: ArraySeen) -> tuple[str, ...]:
    """The fit allows for one-sided light; who reads more from the balls than their places must know of it."""
    return ring_reasons(frame, seen.discs.centres_px[seen.present], ball_map.radius_um / frame.um_per_px)


def inspect_shots(
    shots: Sequence[Shot],
    ball_map: BallMap,
    *,
    expected: Pose | None = None,
    scale_tolerance: float = 0.01,
    turn_known: bool = False,
    position_sigma_um: float = 0.0,
) -> ArrayFix:
    """As `inspect_package` for a part larger than the field: the pictures together must show every ball.

    shots               pictures with their centres in a common frame; the answer is in that frame
    position_sigma_um   one standard deviation, per axis, of the centres against each other; it is in the covariance
    returns             refused as well where a shot contradicts the others: it is named
    raises              BadRequest
    """
    _check_request(expected, scale_tolerance, turn_known)
    if not (math.isfinite(position_sigma_um) and 0 <= position_sigma_um < 0.1 * ball_map.pitch_um):
        most_um = 0.1 * ball_map.pitch_um
        raise BadRequest(f"position sigma {position_sigma_um} um: 0 to a tenth of the pitch, {most_um:.0f} um, allowed")
    unhealthy = check_shots(shots)
    if unhealthy:
        return refused_array(ball_map, unhealthy)
    joined = join_shots(shots, ball_map, scale_tolerance, position_sigma_um, expected if turn_known else None)
    if joined is None:
        return refused_array(ball_map, (f"no array of {ball_map.count} balls found in {len(shots)} shots",))
    findings, fit = joined_findings(shots, ball_map, joined), joined.fit
    found_count, extra_count = int(joined.present.sum()), len(findings) - ball_map.count
    unseen = int((~joined.shown).sum())
    problems = list(joined.reasons)
    if any(one and shows_plain_discs(shot.frame, ball_map, one) for shot, one in zip(shots, joined.seen, strict=True)):
        problems.append(PLAIN_TEXT)
    if unseen:
        problems.append(f"{unseen} of {ball_map.count} balls lie outside all shots")
    problems += _side_problems(ball_map, joined.present, fit)
    problems += _count_problems(ball_map, found_count, extra_count, fit.scale_ratio, scale_tolerance)
    if problems:
        refused = refused_array(ball_map, tuple(problems))
        return replace(refused, balls=findings, found_count=found_count)
    undecided = joined.verdict.reason
    notes = (_light_notes(shot.frame, ball_map, one) for shot, one in zip(shots, joined.seen, strict=True) if one)
    return ArrayFix(
        "ambiguous" if undecided else "found", (undecided,) if undecided else (), fit.x_um, fit.y_um,
        wrapped_deg(fit.theta_deg), fit.scale_ratio, as_matrix3(fit.covariance), findings, joined.verdict.margin,
        found_count, ball_map.count, notes=tuple(dict.fromkeys(text for texts in notes for text in texts)),
    )  # fmt: skip


def inspect_dipped(
    dry: Frame,
    dry_fix: ArrayFix,
    wet: Frame,
    ball_map: BallMap,
    *,
    scale_tolerance: float = 0.01,
    full_strength: float = FULL_STRENGTH,
) -> DippedFinding:
    """Find the array again after the dip and judge what every ball took.

    dry, dry_fix    picture before the dip and what `inspect_package` said of it; the part keeps its quarter turn
    full_strength   taught effect of a full coat: unit of `strength_ratio` and base of partial and excess
    returns         no wetting is reported when either fix is not found, or where a segment of the ring light is dead in
                    either picture, for an eighth of every ball is not seen: the caller must not place
    raises          BadRequest when `dry_fix` belongs to another map
    """
    if dry_fix.expected_count != ball_map.count:
        raise BadRequest(f"the dry fix knows {dry_fix.expected_count} balls, the map {ball_map.count}")
    if not (math.isfinite(full_strength) and 0 < full_strength <= 2):
        raise BadRequest(f"full strength {full_strength} is not between 0 and 2")
    if dry_fix.status != "found":
        text = f"no wetting without a picture before the dip: it was {dry_fix.status}"
        return _no_wetting(refused_array(ball_map, (text, *dry_fix.reasons)))
    dry_px = centres_px(dry_fix, ball_map)
    learned = dry_profile(dry, dry_px, ball_map)
    expected = Pose(dry_fix.x_um, dry_fix.y_um, dry_fix.theta_deg)
    _check_request(expected, scale_tolerance, True)
    unhealthy = health_reasons(wet)
    seen = None if unhealthy else find_array(wet, ball_map, scale_tolerance, learned)
    if seen is None:
        return _no_wetting(refused_array(ball_map, unhealthy or ("array not found after the dip",)))
    seen = _in_turn(wet, ball_map, seen, expected)
    if seen is None:
        return _no_wetting(refused_array(ball_map, ("the array was lost when looked at in its own turn",)))
    wet_px = np.where(seen.present[:, None], seen.discs.centres_px, np.nan)
    unlit = dry_fix.notes or _light_notes(wet, ball_map, seen)
    if unlit:
        return _no_wetting(refused_array(ball_map, unlit))
    strange = other_part(dry, dry_px, wet, wet_px)
    if strange:
        return _no_wetting(refused_array(ball_map, strange))
    pairs = material_bridges(dry, dry_px, wet, wet_px, ball_map)
    fix = array_answer(wet, ball_map, seen, pairs, math.inf, "", scale_tolerance, all_alike=False)
    if fix.status != "found":
        return _no_wetting(fix)
    reading = read_pair(dry, dry_px, wet, wet_px, ball_map.radius_um, scale_ratio=fix.scale_ratio / dry_fix.scale_ratio)
    judged = judge_wetting(reading, ball_map, full_strength)
    bridges = tuple((ball_map.names[a], ball_map.names[b]) for a, b in pairs)
    return DippedFinding(
        fix, judged.wetting, bridges, judged.tilt_x, judged.tilt_y, judged.worst_probability, judged.reasons
    )


def _no_wetting(fix: ArrayFix) -> DippedFinding:
    return DippedFinding(fix, (), (), NAN, NAN, 0.0)


def centres_px(fix: ArrayFix, ball_map: BallMap) -> FloatArray:
    """Column, row of every site of the map as found, (n, 2); NaN where missing."""
    seen = {ball.name: (ball.x_px, ball.y_px) for ball in fix.balls if ball.state not in ("missing", "extra")}
    return np.array([seen.get(name, (np.nan, np.nan)) for name in ball_map.names])


def find_array(
    frame: Frame,
    ball_map: BallMap,
    scale_tolerance: float,
    known_profile: FloatArray | None = None,
    *,
    may_be_flat: bool = False,
) -> ArraySeen | None:
    """The array with its quarter turn still open; None when no array is seen.

    The fast look comes first; where balls may have been passed over, or a side shows hardly any as an array does that
    was placed a row off, the thorough one is taken as well.
    """
    best: ArraySeen | None = None
    for look in (bright_blobs, ring_blobs, fine_ring_blobs):
        blobs_um = look(frame, ball_map)
        for place in (placed_on_lattice, placed_by_pairs) if ball_map.is_lattice else (placed_by_pairs,):
            coarse = place(blobs_um, ball_map, scale_tolerance)
            if coarse is None:
                continue
            if ball_map.is_lattice and place is placed_by_pairs:
                coarse = in_step(coarse, blobs_um, ball_map)
            seen = see_array(frame, ball_map, coarse, blobs_um, known_profile, may_be_flat=may_be_flat)
            if seen is not None and (best is None or seen.present.sum() > best.present.sum()):
                best = seen
            if best is not None and _is_enough(ball_map, best):
                return best
    return best


def _is_enough(ball_map: BallMap, seen: ArraySeen) -> bool:
    """Whether no other look can show more of this array: nearly all balls are seen, or nothing that might be one stands
    on the sites of the others. Placed wrongly, balls would lie beside some sites, or a side would be bare.
    """
    share = np.count_nonzero(seen.present) / ball_map.count
    if share <= SEEN_ENOUGH_RATIO and (share <= FOUND_LEAST_RATIO or (may_be_ball(seen.discs) & ~seen.present).any()):
        return False
    return not _bare_sides(ball_map, seen.present)


def _in_turn(frame: Frame, ball_map: BallMap, seen: ArraySeen, nearest: Pose) -> ArraySeen | None:
    """The array in the quarter turn nearest to a known pose."""
    return turned_array(frame, ball_map, seen, round((nearest.theta_deg - seen.fit.theta_deg) / 90.0))


def array_answer(
    frame: Frame,
    ball_map: BallMap,
    seen: ArraySeen,
    pairs: list[tuple[int, int]],
    margin: float,
    undecided: str,
    scale_tolerance: float,
    *,
    all_alike: bool = True,
) -> ArrayFix:
    """An array as seen as an answer; the gates that refuse it are all here."""
    extras = extra_balls(frame, ball_map, seen)
    reasons = array_problems(frame, ball_map, seen, extras, scale_tolerance)
    findings = ball_findings(frame, seen, extras, ball_map, pairs, all_alike=all_alike)
    found_count, fit = int(seen.present.sum()), seen.fit
    if reasons:
        return ArrayFix("refused", reasons, NAN, NAN, NAN, NAN, UNKNOWN, findings, 0.0, found_count, ball_map.count)
    return ArrayFix(
        "ambiguous" if undecided else "found", (undecided,) if undecided else (), fit.x_um, fit.y_um,
        wrapped_deg(fit.theta_deg), fit.scale_ratio, as_matrix3(fit.covariance), findings, margin, found_count,
        ball_map.count,
    )  # fmt: skip


def array_problems(
    frame: Frame, ball_map: BallMap, seen: ArraySeen, extras: DiscFit, scale_tolerance: float
) -> tuple[str, ...]:
    """Why the array as seen is not the expected one; empty when it is."""
    problems = []
    outside = int((~seen.discs.seen).sum())
    if outside:
        problems.append(f"{outside} of {ball_map.count} balls lie outside the picture")
    problems += _side_problems(ball_map, seen.present, seen.fit)
    soft_um, most_um = edge_width_um(frame, ball_map, seen), BLUR_MOST_RATIO * ball_map.radius_um
    if soft_um > most_um:
        problems.append(f"picture blurred: edges on the balls are {soft_um:.0f} um wide, allowed {most_um:.0f} um")
    found, extra_count = int(seen.present.sum()), len(extras.centres_px)
    problems += _count_problems(ball_map, found, extra_count, seen.fit.scale_ratio, scale_tolerance)
    return tuple(problems)


def _count_problems(
    ball_map: BallMap, found: int, extra_count: int, scale_ratio: float, scale_tolerance: float
) -> list[str]:
    problems = []
    if found < FOUND_LEAST_RATIO * ball_map.count:
        problems.append(f"only {found} of {ball_map.count} balls found, at least {FOUND_LEAST_RATIO:.0%} wanted")
    if extra_count > max(3.0, EXTRA_MOST_RATIO * ball_map.count):
        problems.append(f"{extra_count} balls where none belong: another part?")
    if abs(scale_ratio - 1.0) > scale_tolerance:
        problems.append(f"array measures {scale_ratio:.4f} of its drawing, allowed 1 +- {scale_tolerance:.4f}")
    return problems


def _bare_sides(ball_map: BallMap, present: NDArray[np.bool_]) -> list[tuple[int, float, int, int]]:
    """Sides of the map that show too few of their balls: axis, sign, found, wanted."""
    bare = []
    for axis, sign, row in ball_map.side_rows:
        found = int(np.count_nonzero(present[row]))
        if found < SIDE_LEAST_RATIO * len(row):
            bare.append((axis, sign, found, len(row)))
    return bare


def _side_problems(ball_map: BallMap, present: NDArray[np.bool_], fit: RigidFit) -> list[str]:
    """Bare sides, named as they lie in the picture."""
    problems = []
    for axis, sign, found, wanted in _bare_sides(ball_map, present):
        normal = turn_matrix(fit.theta_deg)[:, axis] * sign
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
