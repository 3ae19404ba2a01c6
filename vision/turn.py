"""Which of the four quarter turns a square array has: by the sites where nothing belongs, or by the turn mark.

It never guesses: evidence that does not tell two turns apart makes the answer ambiguous.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from vision.balls import ArraySeen
from vision.frame import FloatArray, Frame, thinned
from vision.maps import BallMap, nearest_within, quarter_turned
from vision.pose import apply_pose, wrapped_deg
from vision.results import Pose

MARK_CONTRAST_RATIO = 0.15
"""Share of the array's own contrast by which a turn mark must stand out (estimate)."""

MARK_MATCH_LEAST = 0.6
"""Correlation with a plain disc that a turn mark must reach."""


@dataclass(frozen=True, slots=True)
class TurnVerdict:
    """Quarter turns to add to the pose; margin in balls (or in required mark contrasts), 0 when undecided."""

    quarter_turns: int
    margin: float
    reason: str
    """empty when decided"""


def decide_turn(frame: Frame, ball_map: BallMap, seen: ArraySeen) -> TurnVerdict:
    """Weigh the four turns: every ball must stand where one belongs; ties are broken by the turn mark only."""
    scores = _ball_scores(frame, ball_map, seen)
    order = np.argsort(-scores, kind="stable")
    best, margin = int(order[0]), float(scores[order[0]] - scores[order[1]])
    tied = [k for k in range(4) if scores[best] - scores[k] < 1.0]
    marks = mark_contrasts(frame, ball_map, seen.fit.pose)
    if marks is None:
        if len(tied) == 1:
            return TurnVerdict(best, margin, "")
        return TurnVerdict(best, 0.0, f"turn undecided: {_turns(tied)} fit equally well and the part has no turn mark")
    needed = MARK_CONTRAST_RATIO * float(np.ptp(seen.discs.profile))
    ranked = np.argsort(-marks, kind="stable")
    marked = int(ranked[0])
    mark_margin = float(marks[ranked[0]] - max(marks[ranked[1]], 0.0)) / max(needed, 1e-6)
    readable = bool(marks[marked] > needed and marks[ranked[1]] < 0.5 * marks[marked])
    if len(tied) == 1:
        if readable and marked != best:
            text = f"turn undecided: the balls say {90 * best} deg, the turn mark says {90 * marked} deg"
            return TurnVerdict(best, 0.0, text)
        return TurnVerdict(best, margin, "")
    if not readable:
        text = (f"turn undecided: {_turns(tied)} fit equally well and the turn mark is not readable "
                f"(contrast {marks[marked]:.0f} and {marks[ranked[1]]:.0f}, one above {needed:.0f})")  # fmt: skip
        return TurnVerdict(best, 0.0, text)
    if marked not in tied:
        return TurnVerdict(best, 0.0, f"turn undecided: turn mark at {90 * marked} deg, the balls exclude it")
    return TurnVerdict(marked, mark_margin, "")


def turned_pose(pose: Pose, quarter_turns: int) -> Pose:
    return Pose(pose.x_um, pose.y_um, wrapped_deg(pose.theta_deg + 90.0 * quarter_turns))


def _turns(tied: list[int]) -> str:
    return ", ".join(f"{90 * k}" for k in tied) + " deg"


def _ball_scores(frame: Frame, ball_map: BallMap, seen: ArraySeen) -> FloatArray:
    """Balls that stand on a site of the map under each of the four turns, (4,)."""
    extras_um = np.empty((0, 2))
    if seen.extra_count:
        pose = seen.fit.pose
        back = Pose(0.0, 0.0, -pose.theta_deg)
        extras_um = apply_pose(back, frame.to_um(seen.extras.centres_px) - (pose.x_um, pose.y_um))
    scores = np.zeros(4)
    for k in range(4):
        onto = ball_map.turned_onto[k]
        scores[k] = float(seen.present[onto[onto >= 0]].sum())
        free_um = quarter_turned(ball_map.xy_um[onto < 0], k)
        if len(free_um) and len(extras_um):
            scores[k] += float((nearest_within(free_um, extras_um, 0.3 * ball_map.pitch_um) >= 0).sum())
    return scores


def mark_contrasts(frame: Frame, ball_map: BallMap, pose: Pose) -> FloatArray | None:
    """Brightness of a disc over its surroundings where the turn mark stands under each of the four turns, (4,).

    0 where no disc is seen; None when the map has no mark.
    """
    if ball_map.a1_x_um is None or ball_map.a1_y_um is None or ball_map.a1_diameter_um is None:
        return None
    mark_um = np.array([[ball_map.a1_x_um, ball_map.a1_y_um]])
    contrasts = np.zeros(4)
    for k in range(4):
        at_px = frame.to_px(apply_pose(pose, quarter_turned(mark_um, k)))[0]
        contrasts[k] = disc_contrast(frame, at_px, 0.5 * ball_map.a1_diameter_um)
    return contrasts


def disc_contrast(frame: Frame, at_px: FloatArray, radius_um: float, play_um: float = 120.0) -> float:
    """Level of a bright disc over the ring about it, best place within the play; 0 where the shape is not a disc."""
    radius_px = radius_um / frame.um_per_px
    half = math.ceil(1.5 * radius_px)
    play = math.ceil(play_um / frame.um_per_px)
    col, row = round(float(at_px[0])), round(float(at_px[1]))
    size = half + play
    if row - size < 0 or col - size < 0 or row + size >= frame.size_px[1] or col + size >= frame.size_px[0]:
        return 0.0
    window = frame.pixels[row - size : row + size + 1, col - size : col + size + 1]
    y, x = np.mgrid[-half : half + 1, -half : half + 1]
    template = np.round(200 * np.clip(radius_px - np.hypot(x, y) + 0.5, 0, 1)).astype(np.uint8)
    thin = 2 if radius_px > 12 else 1  # the place is needed to a pixel or two only
    match = cv2.matchTemplate(thinned(window, thin), thinned(template, thin), cv2.TM_CCOEFF_NORMED)
    best_row, best_col = (int(v) for v in np.unravel_index(int(np.argmax(match)), match.shape))
    if not match[best_row, best_col] > MARK_MATCH_LEAST:
        return 0.0
    best_row, best_col = best_row * thin, best_col * thin
    patch = window[best_row : best_row + 2 * half + 1, best_col : best_col + 2 * half + 1]
    radius = np.hypot(x, y)
    inner = patch[radius < 0.8 * radius_px]
    return float(np.median(inner) - np.median(patch[(radius > 1.15 * radius_px) & (radius < 1.5 * radius_px)]))
