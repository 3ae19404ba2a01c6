"""A ball array larger than the field: several pictures joined by the machine's own positions, one fit over all balls.

Every shot is searched by itself from one common coarse pose; a ball seen twice is one ball, and what two shots say of
it differently tells how far the machine's positions are off. Single pictures are judged in `vision.inspection`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from vision.balls import ArraySeen, bridged_pairs, named, see_array
from vision.blobs import bright_blobs, fine_ring_blobs, ring_blobs
from vision.errors import TooFewPoints
from vision.extras import extra_balls
from vision.frame import FloatArray
from vision.lattice import CoarsePose, placed_on_lattice
from vision.maps import BallMap, nearest_within
from vision.pose import RigidFit, apply_pose, fit_rigid, rigid_jacobian
from vision.predicted import Shot
from vision.results import BallFinding, Pose
from vision.scattered import placed_by_pairs
from vision.turn import TurnVerdict, ball_evidence, mark_contrasts, weighed_turns
from vision.verdicts import ball_findings

CONTRADICTION_SIGMAS = 6.0
CONTRADICTION_FLOOR_UM = 3.0
"""Shots that place the same balls farther apart than this do not belong together (estimate: rest of a lens's
distortion); another ball of the part stands some ten micrometres elsewhere in its site."""

SAME_RATIO = 0.3
"""Share of the pitch within which two shots speak of one ball."""


@dataclass(frozen=True, eq=False)
class Joined:
    """An array as several shots show it, under the turn that was decided.

    seen        per shot, None where a shot shows too little of the array
    fit         in the common frame, covariance with the positions of the shots in it
    present     (site_count,) a ball in at least one shot; shown: inside at least one shot
    at_um       (site_count, 2) of the balls present, common frame, positions of the shots corrected
    verdict     on the quarter turn
    reasons     shots that contradict the others; empty when they agree
    """

    seen: tuple[ArraySeen | None, ...]
    fit: RigidFit
    present: NDArray[np.bool_]
    shown: NDArray[np.bool_]
    at_um: FloatArray
    verdict: TurnVerdict
    reasons: tuple[str, ...]


def join_shots(
    shots: Sequence[Shot],
    ball_map: BallMap,
    scale_tolerance: float,
    position_sigma_um: float,
    nearest: Pose | None,
) -> Joined | None:
    """The array in all shots at once; None when none is seen.

    nearest   pose whose quarter turn is taken; None when the turn must be read
    """
    found = _coarse(shots, ball_map, scale_tolerance)
    if found is None:
        return None
    coarse, blobs = found
    seen = [
        see_array(shot.frame, ball_map, _from(coarse, shot), blobs_um)
        if shot.frame.holds(shot.to_px(apply_pose(coarse.pose, ball_map.xy_um)), 0.0).sum() >= 4
        else None
        for shot, blobs_um in zip(shots, blobs)
    ]
    if all(one is None for one in seen):
        return None
    verdict = _turn(shots, ball_map, seen, coarse.pose, nearest)
    rows = ball_map.turned_rows[verdict.quarter_turns % 4]
    turned = tuple(
        None if one is None else named(shot.frame, ball_map, one.all_turns.picked(rows), one.blobs_um)
        for shot, one in zip(shots, seen)
    )
    return _joint_fit(shots, ball_map, turned, position_sigma_um, verdict)


def _coarse(
    shots: Sequence[Shot], ball_map: BallMap, scale_tolerance: float
) -> tuple[CoarsePose, list[FloatArray]] | None:
    """Pose in the common frame from the blobs of all shots together, and the blobs of each in its own frame."""
    for look in (bright_blobs, ring_blobs, fine_ring_blobs):
        blobs = [look(shot.frame, ball_map) for shot in shots]
        together = np.empty((0, 2))
        for shot, own in zip(shots, blobs):
            common = own + shot.centre_um
            is_new = nearest_within(common, together, SAME_RATIO * ball_map.pitch_um) < 0
            together = np.concatenate([together, common[is_new]])
        for place in (placed_on_lattice, placed_by_pairs) if ball_map.is_lattice else (placed_by_pairs,):
            coarse = place(together, ball_map, scale_tolerance)
            if coarse is not None and coarse.covered_ratio > 0.7:
                return coarse, blobs
    return None


def _from(coarse: CoarsePose, shot: Shot) -> CoarsePose:
    pose = coarse.pose
    return replace(coarse, pose=Pose(pose.x_um - shot.centre_x_um, pose.y_um - shot.centre_y_um, pose.theta_deg))


def _turn(
    shots: Sequence[Shot], ball_map: BallMap, seen: Sequence[ArraySeen | None], coarse: Pose, nearest: Pose | None
) -> TurnVerdict:
    """Evidence of all shots: a ball counts where any shot shows one."""
    if nearest is not None:
        return TurnVerdict(round((nearest.theta_deg - coarse.theta_deg) / 90.0), math.inf, "")
    places = len(ball_map.all_turns_um)
    ball, unclear = np.zeros(places, dtype=bool), np.zeros(places, dtype=bool)
    contrast, views = 0.0, []
    for shot, one in zip(shots, seen):
        if one is None:
            continue
        is_ball, may_be = ball_evidence(ball_map, one)
        ball, unclear = ball | is_ball, unclear | may_be
        contrast = max(contrast, float(np.ptp(one.all_turns.profile)))
        views.append((shot.frame, one))

    def marks() -> FloatArray | None:
        read = [mark_contrasts(frame, ball_map, one) for frame, one in views]
        known = [values for values in read if values is not None]
        return np.max(known, axis=0) if known else None

    return weighed_turns(ball_map, ball, unclear & ~ball, marks, contrast)


def _joint_fit(
    shots: Sequence[Shot],
    ball_map: BallMap,
    seen: tuple[ArraySeen | None, ...],
    position_sigma_um: float,
    verdict: TurnVerdict,
) -> Joined | None:
    """One position per ball from all shots, each shot free to be off by its position sigma, then one rigid fit.

    The scatter of the balls on the part is the same in every shot, so balls seen twice compare shots to a hundredth of
    a micrometre.
    """
    count, sites = len(shots), ball_map.count
    at_um, weight = np.full((count, sites, 2), np.nan), np.zeros((count, sites))
    shown = np.zeros(sites, dtype=bool)
    common_var = np.zeros(2)
    for k, (shot, one) in enumerate(zip(shots, seen)):
        if one is None:
            continue
        shown |= one.discs.seen
        at_um[k, one.present] = shot.to_common(one.discs.centres_px[one.present])
        weight[k, one.present] = 1.0 / (one.discs.sigmas_px[one.present] * shot.frame.um_per_px) ** 2
        common_var = np.maximum(common_var, (one.all_turns.common_sigma_px * shot.frame.um_per_px) ** 2)
    total = weight.sum(axis=0)
    present = total > 0
    known = np.nan_to_num(at_um[:, present])
    share = weight[:, present] / total[present]  # of every shot in every ball
    normal = np.diag(weight.sum(axis=1)) - share @ weight[:, present].T
    shift, shift_covariance = np.zeros((count, 2)), np.zeros((count, count))
    if position_sigma_um > 0:
        shift_covariance = np.linalg.inv(normal + np.eye(count) / position_sigma_um**2)
        off = known - (share[..., None] * known).sum(axis=0)
        shift = shift_covariance @ (weight[:, present, None] * off).sum(axis=1)
    ball_um = (share[..., None] * (known - shift[:, None])).sum(axis=0)
    model = ball_map.xy_um[present]
    try:
        fit = fit_rigid(model, ball_um, sigma_um=1.0 / np.sqrt(total[present]))
    except TooFewPoints:
        return None
    jacobian = rigid_jacobian(fit.pose, model)[np.repeat(fit.used, 2)]
    gain = np.linalg.pinv(jacobian)
    covariance = fit.covariance + np.diag([*common_var, 0.0])
    for axis in (0, 1):
        spread = gain[:, axis::2] @ share[:, fit.used].T
        covariance = covariance + spread @ shift_covariance @ spread.T
    all_um = np.full((sites, 2), np.nan)
    all_um[present] = ball_um
    reasons = _contradictions(at_um, weight, ball_map, fit, position_sigma_um)
    return Joined(seen, replace(fit, covariance=covariance), present, shown, all_um, verdict, reasons)


def _contradictions(
    at_um: FloatArray, weight: FloatArray, ball_map: BallMap, fit: RigidFit, position_sigma_um: float
) -> tuple[str, ...]:
    """Shots that put balls elsewhere than the other shots do, or than the array as a whole allows."""
    allowed_um = math.hypot(CONTRADICTION_FLOOR_UM, CONTRADICTION_SIGMAS * math.sqrt(2.0) * position_sigma_um)
    count = len(at_um)
    apart = np.zeros((count, count))
    for a in range(count):
        for b in range(a + 1, count):
            both = (weight[a] > 0) & (weight[b] > 0)
            if both.any():
                off = np.hypot(*(at_um[a, both] - at_um[b, both]).T)
                apart[a, b] = apart[b, a] = float(np.median(off))
    wrong = apart > allowed_um
    if not wrong.any():
        alone = [k for k in range(count) if (weight[k] > 0).any() and not (apart[k] > 0).any()]
        texts = [_lone(k, at_um, weight, ball_map, fit, allowed_um) for k in alone] if count > 1 else []
        return tuple(text for text in texts if text)
    votes = wrong.sum(axis=1)
    liars = np.flatnonzero(votes == votes.max())
    worst_um = float(apart.max())
    if len(liars) == 1:
        who = f"shot {liars[0] + 1} contradicts the others"
    else:
        a, b = (int(k) + 1 for k in np.unravel_index(int(np.argmax(apart)), apart.shape))
        who = f"shots {min(a, b)} and {max(a, b)} contradict each other"
    return (f"{who}: the same balls lie {worst_um:.1f} um apart, allowed {allowed_um:.1f} um",)


def _lone(shot: int, at_um: FloatArray, weight: FloatArray, ball_map: BallMap, fit: RigidFit, allowed_um: float) -> str:
    """Why a shot that shares no ball with another one does not belong to the array that the others show."""
    own, other = weight[shot] > 0, (np.delete(weight, shot, axis=0) > 0).any(axis=0)
    if int(other.sum()) < 4:
        return ""
    others_um = np.nanmean(np.delete(at_um, shot, axis=0)[:, other], axis=0)
    rest = fit_rigid(ball_map.xy_um[other], others_um)
    off_um = np.median(at_um[shot, own] - rest.apply(ball_map.xy_um[own]), axis=0)
    lever_um = ball_map.reach_um * math.radians(math.sqrt(max(float(rest.covariance[2, 2]), 0.0)))
    spread_um = CONTRADICTION_SIGMAS * math.hypot(1.5 * rest.rms_um / math.sqrt(float(own.sum())), lever_um)
    far_um = float(np.hypot(*off_um))
    if far_um <= math.hypot(allowed_um, spread_um):
        return ""
    return f"shot {shot + 1} contradicts the others: its balls lie {far_um:.1f} um off the array of the others"


def joined_findings(shots: Sequence[Shot], ball_map: BallMap, joined: Joined) -> tuple[BallFinding, ...]:
    """One finding per site from the shot that shows it best, then the extra balls of all shots, each once."""
    expected_um = joined.fit.apply(ball_map.xy_um)
    best: dict[str, tuple[float, BallFinding]] = {}
    extras: list[BallFinding] = []
    extra_um = np.empty((0, 2))
    for number, (shot, seen) in enumerate(zip(shots, joined.seen), start=1):
        if seen is None:
            continue
        found = extra_balls(shot.frame, ball_map, seen)
        pairs = bridged_pairs(shot.frame, seen, ball_map)
        discs = seen.discs
        findings = ball_findings(shot.frame, seen, found, ball_map, pairs)
        for site, finding in enumerate(findings[: ball_map.count]):
            # A ball counts before an empty site, a bridge before none, then the better view.
            rank = (finding.state != "missing") * 4.0 + (finding.state == "bridged") * 2.0 + discs.seen[site]
            rank += 0.5 * float(np.nan_to_num(discs.match[site]))
            if finding.name not in best or rank > best[finding.name][0]:
                off_um = float(np.hypot(*(joined.at_um[site] - expected_um[site])))
                best[finding.name] = rank, finding._replace(offset_um=off_um, shot=number)
        common = shot.to_common(found.centres_px)
        is_new = nearest_within(common, extra_um, SAME_RATIO * ball_map.pitch_um) < 0
        extra_um = np.concatenate([extra_um, common[is_new]])
        extras += [finding._replace(shot=number) for finding, new in zip(findings[ball_map.count :], is_new) if new]
    named_extras = (finding._replace(name=f"extra {k + 1}") for k, finding in enumerate(extras))
    return (*(best[name][1] for name in ball_map.names), *named_extras)
