"""Where a placed body lies, by its four edges against darker surroundings, over one or several shots.

It sees the mould only; whether the balls sit on their lands is for the height and the force to say.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from vision.errors import BadRequest
from vision.frame import FloatArray
from vision.pose import apply_pose, as_matrix3, turn_matrix
from vision.predicted import Shot, check_shots
from vision.results import NAN, UNKNOWN, PlacedFix, Pose

STEP_LEAST = 15.0
"""Grey levels that the body must stand above what surrounds it."""

SCAN_SPACING_UM = 60.0
"""Distance between the scans along an edge: each scan is a few pixels apart, so its noise is its own."""

CORNER_FREE_UM = 300.0
"""Ends of the edges left out: corners are rounded or chamfered."""

SCAN_STEP_PX = 0.5
GOLDEN_RATIO = 0.6180339887
STEP_WIDTH_UM = 80.0
"""Width on either side over which a step is averaged in the first search."""

GOOD_LEAST_RATIO = 0.6
"""Share of the scans of a side that must show the edge on one line."""

BODY_SIZE_SIGMA_UM = 30.0
"""Spread of body sizes about the drawing; decides how much one edge alone tells about the centre (estimate)."""

SIZE_TOLERANCE_UM = 150.0
EDGE_MODEL_RATIO = 0.3
"""How far an edge as a whole may be seen off its place or leaning, as a share of its roughness: rounded, shaded,
against changing ground. Set on simulated sawn edges, so the claims on them are no independent check."""

LAGS = 40
"""So many neighbours along an edge may share its roughness and count as fewer witnesses."""


@dataclass(frozen=True, eq=False)
class _Side:
    """Scans across one edge: from outside to inside is the direction of `inward`."""

    normal: FloatArray
    """outward, body frame"""
    half_um: float
    """distance of the edge from the body centre"""
    tangent_um: FloatArray
    """(scan_count,) place along the edge"""
    levels: NDArray[np.float32]
    """(scan_count, samples) from `reach_um` outside to `reach_um` inside the expected edge"""
    out_um: FloatArray
    """(samples,) distance outside the expected edge"""
    dither_um: FloatArray
    """(scan_count,) by how much each scan starts farther out, so that no edge is sampled at one place in the pixel"""


def verify_placed(
    shots: Sequence[Shot],
    body_x_um: float,
    body_y_um: float,
    *,
    expected: Pose | None = None,
    search_um: float = 250.0,
    theta_search_deg: float = 1.5,
) -> PlacedFix:
    """Fit the outline of a rectangular body jointly over all shots.

    shots      pictures with their centres in the common frame (image-aligned)
    expected   pose of the body in that frame; its 180 deg turn is not told apart
    returns    found; refused when a side pair is not in view or no straight bright-to-dark edge is there
    raises     BadRequest
    """
    pose = expected or Pose(0.0, 0.0, 0.0)
    values = [body_x_um, body_y_um, search_um, theta_search_deg, pose.x_um, pose.y_um, pose.theta_deg]
    if not np.isfinite(values).all() or min(body_x_um, body_y_um) < 1000.0 or not 10.0 <= search_um <= 1000.0:
        raise BadRequest("body size (from 1,000 um), expected pose and search range (10 to 1,000 um) must be finite")
    unhealthy = check_shots(shots)
    if unhealthy:
        return _refused(unhealthy)
    sides = [side for axis in (0, 1) for sign in (-1.0, 1.0)
             if (side := _scanned(shots, body_x_um, body_y_um, pose, search_um, axis, sign)) is not None]  # fmt: skip
    for axis, name in ((0, "left nor the right"), (1, "lower nor the upper")):
        if not any(abs(side.normal[axis]) > 0.5 for side in sides):
            return _refused((f"neither the {name} edge is in view",))
    theta_deg, offsets = _first_lines(sides, search_um, theta_search_deg)
    points = [_edge_points(side, offset, theta_deg) for side, offset in zip(sides, offsets)]
    problems = _side_problems(sides, points, pose)
    if problems:
        return _refused(problems)
    return _joint_fit(sides, points, pose, theta_deg)


def _refused(reasons: tuple[str, ...]) -> PlacedFix:
    return PlacedFix("refused", reasons, NAN, NAN, NAN, UNKNOWN)


def _scanned(
    shots: Sequence[Shot], body_x_um: float, body_y_um: float, pose: Pose, search_um: float, axis: int, sign: float
) -> _Side | None:
    """All scans across one edge that lie in some shot; None with fewer than 12."""
    size = (body_x_um, body_y_um)
    half_um, length_um = 0.5 * size[axis], 0.5 * size[1 - axis] - CORNER_FREE_UM
    normal = np.zeros(2)
    normal[axis] = sign
    along = np.arange(-length_um, length_um + 1.0, SCAN_SPACING_UM)
    step_um = SCAN_STEP_PX * min(shot.frame.um_per_px for shot in shots)
    reach_um = search_um + 2 * STEP_WIDTH_UM
    out = np.arange(-reach_um, reach_um + step_um, step_um)
    local = np.zeros((len(along), len(out), 2))
    dither = (np.arange(len(along)) * GOLDEN_RATIO % 1.0) * 2 * step_um
    local[..., axis] = sign * (half_um + out[None, :] + dither[:, None])
    local[..., 1 - axis] = along[:, None]
    common = apply_pose(pose, local.reshape(-1, 2))
    levels, tangents, dithers = [], [], []
    for shot in shots:
        at_px = shot.to_px(common)
        whole = shot.frame.holds(at_px, 2.0).reshape(len(along), len(out)).all(axis=1)
        if not whole.any():
            continue
        picked = at_px.reshape(len(along), len(out), 2)[whole].astype(np.float32)
        levels.append(cv2.remap(shot.frame.pixels, picked[..., 0], picked[..., 1], cv2.INTER_CUBIC).astype(np.float32))
        tangents.append(along[whole])
        dithers.append(dither[whole])
    if sum(len(one) for one in tangents) < 12:
        return None
    return _Side(normal, half_um, np.concatenate(tangents), np.concatenate(levels), out, np.concatenate(dithers))


def _first_lines(sides: Sequence[_Side], search_um: float, theta_search_deg: float) -> tuple[float, list[float]]:
    """The small turn under which the steps of all sides line up best, and the offset of each edge, outward, um."""
    best: tuple[float, float, list[float]] = (-math.inf, 0.0, [])
    answers = [_step_answer(side, search_um) for side in sides]
    longest = max(float(np.abs(side.tangent_um).max()) for side in sides)
    step_deg = math.degrees(20.0 / longest)
    turns = math.ceil(theta_search_deg / step_deg)
    for theta_deg in np.arange(-turns, turns + 1) * step_deg:
        score, offsets = 0.0, []
        for side, (answer, at_um) in zip(sides, answers):
            lean_um = _lean(side, float(theta_deg))
            step_um = float(at_um[1] - at_um[0])
            shift = np.round(lean_um / step_um).astype(int)
            column = np.arange(len(at_um))[None, :] + shift[:, None]
            inside = (column >= 0) & (column < len(at_um))
            total = np.where(inside, answer[np.arange(len(shift))[:, None], np.clip(column, 0, len(at_um) - 1)], 0.0)
            summed = total.sum(axis=0) / len(shift)
            at = int(np.argmax(summed))
            score += float(summed[at])
            offsets.append(float(at_um[at]))
        if score > best[0]:
            best = (score, float(theta_deg), offsets)
    return best[1], best[2]


def _lean(side: _Side, theta_deg: float) -> FloatArray:
    """How far outward each scan's edge moves when the body turns by a small angle, um."""
    # A turn moves the point at tangent t of the right edge by -t * theta in x, of the upper edge by +t * theta in y.
    sense = -float(side.normal[0]) if abs(side.normal[0]) > 0.5 else float(side.normal[1])
    return sense * side.tangent_um * math.radians(theta_deg)


def _step_answer(side: _Side, search_um: float) -> tuple[FloatArray, FloatArray]:
    """Inside less outside mean at every place across the edge, capped so that no bright scrap outvotes the rest."""
    step_um = float(side.out_um[1] - side.out_um[0])
    width = max(2, round(STEP_WIDTH_UM / step_um))
    total = np.cumsum(np.pad(side.levels, ((0, 0), (1, 0))), axis=1, dtype=np.float64)
    mean = (total[:, width:] - total[:, :-width]) / width
    answer = np.clip(mean[:, :-width] - mean[:, width:], 0.0, 80.0)
    at_um = side.out_um[0] - 0.5 * step_um + step_um * (width + np.arange(answer.shape[1]))
    return answer, at_um


def _edge_points(side: _Side, offset_um: float, theta_deg: float) -> tuple[FloatArray, FloatArray, NDArray[np.bool_]]:
    """Steepest fall of every scan near the first line: (tangent, outward offset, good)."""
    step_um = float(side.out_um[1] - side.out_um[0])
    expected = offset_um + _lean(side, theta_deg)
    near = round(STEP_WIDTH_UM / step_um)
    start = np.round((expected - side.dither_um - side.out_um[0]) / step_um).astype(int)
    column = np.clip(start[:, None] + np.arange(-near, near + 1), 0, side.levels.shape[1] - 1)
    band = cv2.GaussianBlur(side.levels[np.arange(len(start))[:, None], column], (9, 1), 2.0)
    third = max(2, near // 2)
    inner, outer = np.median(band[:, :third], axis=1), np.median(band[:, -third:], axis=1)
    # The steepest place, not the half level: what lies outside may change level a little farther out.
    slope = band[:, :-2] - band[:, 2:]
    play = np.abs(np.arange(slope.shape[1]) - near + 1) <= near // 2
    at = np.clip(np.argmax(np.where(play, slope, -np.inf), axis=1), 1, slope.shape[1] - 2)
    rows = np.arange(len(at))
    before, peak, after = slope[rows, at - 1], slope[rows, at], slope[rows, at + 1]
    vertex = np.clip(0.5 * (after - before) / np.maximum(2 * peak - before - after, 1e-6), -0.5, 0.5)
    found_um = side.out_um[column[rows, at + 1]] + vertex * step_um + side.dither_um
    good = (inner - outer > STEP_LEAST) & (peak > 0.1 * STEP_LEAST)
    return side.tangent_um, np.where(good, found_um, np.nan), np.asarray(good)


def _side_problems(
    sides: Sequence[_Side], points: Sequence[tuple[FloatArray, FloatArray, NDArray[np.bool_]]], pose: Pose
) -> tuple[str, ...]:
    problems = []
    for side, (_, _, good) in zip(sides, points):
        if good.mean() < GOOD_LEAST_RATIO:
            normal = turn_matrix(pose.theta_deg) @ side.normal
            name = ("right" if normal[0] > 0 else "left") if abs(normal[0]) > abs(normal[1]) else (
                "upper" if normal[1] > 0 else "lower")  # fmt: skip
            seen = f"{int(good.sum())} of {len(good)} scans show one"
            problems.append(f"no edge of a bright body on the {name} side: {seen}")
    return tuple(problems)


def _joint_fit(
    sides: Sequence[_Side],
    points: Sequence[tuple[FloatArray, FloatArray, NDArray[np.bool_]]],
    pose: Pose,
    theta_deg: float,
) -> PlacedFix:
    """Shift, turn and the two body sizes from all edge points, hard rejection, sizes held near the drawing."""
    normals, places, halves, sizes = [], [], [], []
    for side, (tangent_um, found_um, good) in zip(sides, points):
        axis = 0 if abs(side.normal[0]) > 0.5 else 1
        place = np.empty((int(good.sum()), 2))
        place[:, axis] = side.normal[axis] * (side.half_um + found_um[good])
        place[:, 1 - axis] = tangent_um[good]
        places.append(place)
        normals.append(np.tile(side.normal, (len(place), 1)))
        halves.append(np.full(len(place), side.half_um))
        sizes.append(np.tile(np.eye(2)[axis] * 0.5, (len(place), 1)))
    normal_of, place_of = np.concatenate(normals), np.concatenate(places)
    half_of, size_of = np.concatenate(halves), np.concatenate(sizes)
    used = np.ones(len(place_of), dtype=bool)
    scatter_um, answer = 10.0, np.array([0.0, 0.0, theta_deg, 0.0, 0.0])
    for _ in range(12):
        outward = normal_of @ turn_matrix(float(answer[2])).T
        from_centre = place_of - answer[:2]
        residual = (outward * from_centre).sum(axis=1) - half_of - size_of @ answer[3:]
        across = outward[:, 0] * from_centre[:, 1] - outward[:, 1] * from_centre[:, 0]
        design = np.column_stack([outward, -across * math.radians(1.0), size_of])
        prior = np.diag([0.0, 0.0, 0.0, 1.0, 1.0]) * (scatter_um / BODY_SIZE_SIGMA_UM) ** 2
        normal = design[used].T @ design[used] + prior
        step = np.linalg.solve(normal, design[used].T @ residual[used] - prior @ answer)
        answer = answer + step
        middle = float(np.median(np.abs(residual[used])))
        scatter_um = max(1.4826 * middle, 0.1)
        keep = np.abs(residual) <= max(6.0 * middle, 1.0)
        if (keep == used).all() and float(np.abs(step[:3]).max()) < 1e-5:
            break
        used = keep
    if used.mean() < GOOD_LEAST_RATIO:
        return _refused((f"edge points do not lie on one rectangle: {int(used.sum())} of {len(used)} do",))
    if float(np.abs(answer[3:]).max()) > SIZE_TOLERANCE_UM:
        text = (f"the body measures {answer[3]:+.0f} um in x and {answer[4]:+.0f} um in y against its drawing, "
                f"allowed {SIZE_TOLERANCE_UM:.0f} um")  # fmt: skip
        return _refused((text,))
    inverse = np.linalg.inv(normal)
    noise = float((residual[used] ** 2).sum()) / max(int(used.sum()) - 5, 1)
    shared = _shared_scans(residual, used, points)
    spread = design[used] * math.sqrt(noise * shared)
    covariance = inverse @ (spread.T @ spread + prior * noise) @ inverse
    whole_um = EDGE_MODEL_RATIO * math.sqrt(noise)
    covariance += _edge_model_covariance(design, used, [int(good.sum()) for _, _, good in points], inverse, whole_um)
    shift = turn_matrix(pose.theta_deg) @ answer[:2]
    turn = np.eye(3)
    turn[:2, :2] = turn_matrix(pose.theta_deg)
    return PlacedFix(
        "found", (), float(pose.x_um + shift[0]), float(pose.y_um + shift[1]), float(pose.theta_deg + answer[2]),
        as_matrix3(turn @ covariance[:3, :3] @ turn.T),
    )  # fmt: skip


def _shared_scans(
    residual: FloatArray,
    used: NDArray[np.bool_],
    points: Sequence[tuple[FloatArray, FloatArray, NDArray[np.bool_]]],
) -> float:
    """How many scans count as one, from how alike neighbours along an edge are off: edges are rough, and two shots of
    the same edge are not two witnesses."""
    alike = np.zeros(LAGS + 1)
    start = 0
    for tangent_um, _, good in points:
        end = start + int(good.sum())
        order = np.argsort(tangent_um[good], kind="stable")
        off = np.where(used[start:end], residual[start:end], 0.0)[order]
        off = off - off.mean()
        for lag in range(min(LAGS, len(off) - 1) + 1):
            alike[lag] += float(off[: len(off) - lag] @ off[lag:])
        start = end
    if alike[0] <= 0.0:
        return 1.0
    ratio = alike[1:] / alike[0]
    last = int(np.argmax(ratio <= 0.0)) if (ratio <= 0.0).any() else LAGS
    return 1.0 + 2.0 * float(ratio[:last].sum())


def _edge_model_covariance(
    design: FloatArray, used: NDArray[np.bool_], counts: Sequence[int], inverse: FloatArray, whole_um: float
) -> FloatArray:
    """What it does to the answer when each edge as a whole is seen off its place or a little turned."""
    covariance = np.zeros((5, 5))
    end = np.cumsum(counts)
    for start, stop in zip(end - counts, end):
        rows = design[start:stop] * used[start:stop, None]
        place = rows[:, 2] / max(float(np.abs(rows[:, 2]).max()), 1e-12)
        for pull in (rows.sum(axis=0), (rows * place[:, None]).sum(axis=0)):
            moved = inverse @ pull * whole_um
            covariance += np.outer(moved, moved)
    return covariance
