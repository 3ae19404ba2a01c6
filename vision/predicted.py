"""Arrays whose place is known to less than half a pitch, seen in one or several shots: lands, film marks, glass dots.

All sites vote for one shift and turn, then each is refined and all shots join in one rigid fit. Whether the answer is
acceptable is judged by those who ask.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from vision.discs import BIN_PX, DiscFit, fit_discs
from vision.errors import BadRequest
from vision.frame import FloatArray, Frame, shrunk
from vision.health import health_reasons
from vision.loose_shots import with_loose_shots
from vision.maps import BallMap
from vision.pose import RigidFit, apply_pose, fit_rigid
from vision.results import Pose

COARSE_RADIUS_PX = 4.0
FLAT_REACH_RATIO = 1.35
"""Window of the refinement over the radius: a flat disc is located by its rim, so rim and some ground belong in it."""

VOTE_FLOOR = 0.3
"""Correlation with a plain disc below which a place has no vote; an estimate."""

DISC_MATCH_LEAST = 0.6
DISC_AMPLITUDE_LEAST = 0.35


POSITION_SIGMA_UM = 5.0
"""How far a shot may lie off its place: settling of the axes, and the turn of the camera against them, 0.03 deg on 7 mm
(estimate)."""

SAME_PLACE_UM = 1e-6
"""One shot is its own frame."""


@dataclass(frozen=True, eq=False)
class Shot:
    """One picture of a scene that several pictures share.

    centre_x_um, centre_y_um   where its centre lies in the common frame: image-aligned (x right, y up), um
    """

    frame: Frame
    centre_x_um: float
    centre_y_um: float

    @property
    def centre_um(self) -> FloatArray:
        return np.array([self.centre_x_um, self.centre_y_um])

    def to_px(self, common_um: FloatArray) -> FloatArray:
        """(n, 2) points of the common frame -> column, row of this shot."""
        return self.frame.to_px(common_um - self.centre_um)

    def to_common(self, points_px: FloatArray) -> FloatArray:
        """(n, 2) column, row of this shot -> common frame, um."""
        return self.frame.to_um(points_px) + self.centre_um


@dataclass(frozen=True, eq=False)
class PredictedSeen:
    """What the shots show of the sites.

    pose         joint pose in the common frame: of the fit, or of the vote where no fit was possible
    fit          None with fewer than four discs
    visible      (site_count,) inside at least one shot
    found        (site_count,) a disc there in at least one shot that shows the site
    contrast     level of the typical disc over its surroundings, negative for dark marks
    vote         mean correlation with a plain disc at the voted pose, 0 to 1
    discs        per shot, all sites; rows that are not seen are outside the shot
    """

    pose: Pose
    fit: RigidFit | None
    visible: NDArray[np.bool_]
    found: NDArray[np.bool_]
    contrast: float
    vote: float
    discs: tuple[DiscFit, ...]


def check_shots(shots: Sequence[Shot], *, may_be_flat: bool = False) -> tuple[str, ...]:
    """Reasons not to use these shots, named by their number; empty when all are healthy."""
    if len(shots) == 0:
        raise BadRequest("no shot given")
    reasons = []
    for number, shot in enumerate(shots, start=1):
        if not (math.isfinite(shot.centre_x_um) and math.isfinite(shot.centre_y_um)):
            raise BadRequest(f"the centre of shot {number} is not finite")
        reasons += [f"shot {number}: {reason}" for reason in health_reasons(shot.frame, may_be_flat=may_be_flat)]
    return tuple(reasons)


def see_predicted(
    shots: Sequence[Shot],
    sites: BallMap,
    expected: Pose,
    *,
    search_um: float,
    theta_search_deg: float,
    polarity: Literal["bright", "dark"],
) -> PredictedSeen:
    """Look for flat discs at the sites near the expected pose.

    search_um         the true shift from `expected` per axis; less than half the pitch
    raises            BadRequest when the search range reaches the next site
    """
    if not np.isfinite([expected.x_um, expected.y_um, expected.theta_deg, search_um, theta_search_deg]).all():
        raise BadRequest("expected pose and search range must be finite")
    if not 0 < search_um < 0.5 * sites.pitch_um or not 0 <= theta_search_deg <= 10:
        raise BadRequest(
            f"search range {search_um:.0f} um and {theta_search_deg:.1f} deg: less than half the pitch of "
            f"{sites.pitch_um:.0f} um and 10 deg allowed"
        )
    answers = [_Answer(shot, sites.radius_um, polarity) for shot in shots]
    pose, vote = _voted_pose(answers, sites, expected, search_um, theta_search_deg)
    limit_um = 0.3 * sites.pitch_um
    discs = tuple(_refined(shot, sites, pose, limit_um) for shot in shots)
    contrast = _contrast(discs, sites.radius_um, shots)
    seen = _joined(shots, sites, pose, vote, discs, contrast)
    if seen.fit is None or seen.found[seen.visible].all():
        return seen
    again = tuple(_looked_again(shot, sites, seen, fit, limit_um) for shot, fit in zip(shots, discs))
    return _joined(shots, sites, pose, vote, again, contrast)


class _Answer:
    """Correlation of one shot with a plain disc, on a coarse copy."""

    def __init__(self, shot: Shot, radius_um: float, polarity: str) -> None:
        radius_px = radius_um / shot.frame.um_per_px
        self.shot = shot
        self.factor = max(1, round(radius_px / COARSE_RADIUS_PX))
        self.half = math.ceil(1.4 * radius_px / self.factor)
        small = shrunk(shot.frame.pixels, self.factor)
        y, x = np.mgrid[-self.half : self.half + 1, -self.half : self.half + 1]
        cover = np.clip(radius_px / self.factor - np.hypot(x, y) + 0.5, 0, 1)
        match = cv2.matchTemplate(small, np.round(200 * cover + 20).astype(np.uint8), cv2.TM_CCOEFF_NORMED)
        match = np.nan_to_num(match, nan=0.0, posinf=0.0, neginf=0.0)
        self.map = np.maximum((match if polarity == "bright" else -match) - VOTE_FLOOR, 0.0) / (1.0 - VOTE_FLOOR)

    def cells(self, common_um: FloatArray) -> FloatArray:
        """(n, 2) column, row in the correlation picture."""
        return (self.shot.to_px(common_um) - (self.factor - 1) / 2.0) / self.factor - self.half

    def at(self, common_um: FloatArray) -> FloatArray:
        """Correlation at points of the common frame, NaN outside, (n,)."""
        cell = np.round(self.cells(common_um)).astype(int)
        rows, cols = self.map.shape
        inside = (cell[:, 0] >= 0) & (cell[:, 1] >= 0) & (cell[:, 0] < cols) & (cell[:, 1] < rows)
        values = np.full(len(cell), np.nan)
        values[inside] = self.map[cell[inside, 1], cell[inside, 0]]
        return values


def _voted_pose(
    answers: Sequence[_Answer], sites: BallMap, expected: Pose, search_um: float, theta_search_deg: float
) -> tuple[Pose, float]:
    """The shift and turn for which the sites correlate best; every shot counts with the sites that it shows."""
    step_um = answers[0].factor * answers[0].shot.frame.um_per_px
    reach = math.ceil(search_um / step_um)
    shift = np.arange(-reach, reach + 1)
    step_deg = math.degrees(0.7 * sites.radius_um / sites.reach_um)
    turns = math.ceil(theta_search_deg / step_deg)
    best = (-1.0, expected)
    for theta_deg in expected.theta_deg + np.arange(-turns, turns + 1) * step_deg:
        points = apply_pose(Pose(expected.x_um, expected.y_um, float(theta_deg)), sites.xy_um)
        total = np.zeros((len(shift), len(shift)))
        shown = 0
        for answer in answers:
            cell = np.round(answer.cells(points)).astype(int)
            rows, cols = answer.map.shape
            inside = (cell >= reach).all(axis=1) & (cell[:, 0] < cols - reach) & (cell[:, 1] < rows - reach)
            cell = cell[inside]
            shown += len(cell)
            if len(cell):
                row = cell[:, 1, None, None] - shift[None, :, None]  # y up: rows fall
                total += answer.map[row, cell[:, 0, None, None] + shift[None, None, :]].sum(axis=0)
        score = float(total.max()) / max(shown, 1)
        if score > best[0]:
            up, right = (int(v) for v in np.unravel_index(int(np.argmax(total)), total.shape))
            pose = Pose(expected.x_um + float(shift[right]) * step_um, expected.y_um + float(shift[up]) * step_um,
                        float(theta_deg))  # fmt: skip
            best = (score, pose)
    return best[1], max(best[0], 0.0)


def _refined(shot: Shot, sites: BallMap, pose: Pose, limit_um: float) -> DiscFit:
    radius_px = sites.radius_um / shot.frame.um_per_px
    start_px = shot.to_px(apply_pose(pose, sites.xy_um))
    limit_px = min(limit_um / shot.frame.um_per_px, max(0.9 * radius_px, 5.0))
    return fit_discs(shot.frame.pixels, start_px, radius_px, reach_ratio=FLAT_REACH_RATIO, max_move_px=limit_px)


def _looked_again(shot: Shot, sites: BallMap, seen: PredictedSeen, discs: DiscFit, limit_um: float) -> DiscFit:
    """Sites without a disc once more, with the learned profile and from where the others say that it must be."""
    doubtful = np.flatnonzero(discs.seen & ~seen.found)
    if len(doubtful) == 0:
        return discs
    radius_px = sites.radius_um / shot.frame.um_per_px
    start_px = shot.to_px(apply_pose(seen.pose, sites.xy_um[doubtful]))
    again = fit_discs(
        shot.frame.pixels, start_px, radius_px, reach_ratio=FLAT_REACH_RATIO, profile=discs.profile, rounds=5,
        max_move_px=limit_um / shot.frame.um_per_px,
    )  # fmt: skip
    with np.errstate(invalid="ignore"):
        return discs.replaced(doubtful, again, again.seen & (again.match > discs.match[doubtful]))


def _contrast(discs: Sequence[DiscFit], radius_um: float, shots: Sequence[Shot]) -> float:
    """Level inside the typical disc less the level about it, mean over the shots that show any."""
    steps = []
    for fit, shot in zip(discs, shots):
        if not fit.seen.any():
            continue
        rim = radius_um / shot.frame.um_per_px / BIN_PX
        steps.append(float(fit.profile[: max(1, int(0.7 * rim))].mean() - fit.profile[int(1.15 * rim) :].mean()))
    return float(np.mean(steps)) if steps else 0.0


def _joined(
    shots: Sequence[Shot], sites: BallMap, pose: Pose, vote: float, discs: tuple[DiscFit, ...], contrast: float
) -> PredictedSeen:
    """One rigid fit over all discs of all shots; discs far from it are not counted as found."""
    site, seen_um, sigma_um, accepted = [], [], [], []
    visible = np.zeros(sites.count, dtype=bool)
    for fit, shot in zip(discs, shots):
        visible |= fit.seen
        with np.errstate(invalid="ignore"):
            good = fit.seen & (fit.match > DISC_MATCH_LEAST) & (fit.amplitude > DISC_AMPLITUDE_LEAST)
        accepted.append(good)
        site.append(np.flatnonzero(good))
        seen_um.append(shot.to_common(fit.centres_px[good]))
        sigma_um.append(fit.sigmas_px[good] * shot.frame.um_per_px)
    sites_of, points = np.concatenate(site), np.concatenate(seen_um)
    found = np.zeros(sites.count, dtype=bool)
    if len(np.unique(sites_of)) < 4:
        return PredictedSeen(pose, None, visible, found, contrast, vote, discs)
    model_um, sigmas_um = sites.xy_um[sites_of], np.concatenate(sigma_um)
    shot_of = np.repeat(np.arange(len(shots)), [len(one) for one in site])
    place_um = POSITION_SIGMA_UM if len(shots) > 1 else SAME_PLACE_UM
    joint = fit_rigid(model_um, points, sigma_um=sigmas_um)
    joint = with_loose_shots(joint, model_um, points, sigmas_um, shot_of, place_um)
    sigmas_um = sigmas_um * _scatter_ratio(joint, sigmas_um)
    joint = with_loose_shots(joint, model_um, points, sigmas_um, shot_of, place_um)
    near = np.hypot(*joint.residual_um.T) < 0.2 * sites.pitch_um
    found[sites_of[near & joint.used]] = True
    return PredictedSeen(joint.pose, joint, visible, found, contrast, vote, discs)


def _scatter_ratio(joint: RigidFit, sigma_um: FloatArray) -> float:
    """Scatter of the discs about the fit over what their noise alone explains, at least 1: mottle beside a land moves
    it as much, and lands stand off their drawing."""
    normalised = (joint.residual_um[joint.used] / sigma_um[joint.used, None]) ** 2
    freedom = 2 * int(joint.used.sum()) - 3
    return max(1.0, math.sqrt(float(normalised.sum()) / max(freedom, 1)))


def discs_at(shots: Sequence[Shot], points_um: FloatArray, radius_um: float, polarity: str) -> FloatArray:
    """Correlation with a plain disc at points of the common frame: best over a small play and all shots, (n,);
    NaN outside all shots."""
    best = np.full(len(points_um), np.nan)
    for shot in shots:
        answer = _Answer(shot, radius_um, polarity)
        step_um = answer.factor * shot.frame.um_per_px
        for dx in (-1, 0, 1):
            for dy in (-1, 0, 1):
                best = np.fmax(best, answer.at(points_um + np.array([dx, dy]) * step_um))
    return best
