"""Which of the four quarter turns a square array has: by the sites where nothing belongs, or by the turn mark.

It never guesses: evidence that does not tell two turns apart makes the answer ambiguous.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from vision.balls import ArraySeen, looks_like_ball, may_be_ball, unlike_others
from vision.frame import FloatArray, Frame, thinned
from vision.maps import BallMap, quarter_turned

MARK_CONTRAST_RATIO = 0.15
"""Share of the array's own contrast by which a turn mark must stand out (estimate)."""

MARK_MATCH_LEAST = 0.6
"""Correlation with a plain disc that a turn mark must reach."""


EXTRA_BALL_WEIGHT = 3.0
CERTAIN_MARGIN = 2.0
"""One missing ball more or less does not tell two turns apart: a part may have lost one."""

CLEAR_MARGIN = 3.5
"""From here the balls alone decide and the mark is not looked at: each doubtful site has been seen as it should be."""


@dataclass(frozen=True, slots=True)
class TurnVerdict:
    """Quarter turns to add to the pose; margin in missing balls (or in required mark contrasts), 0 when undecided."""

    quarter_turns: int
    margin: float
    reason: str
    """empty when decided"""


def decide_turn(frame: Frame, ball_map: BallMap, seen: ArraySeen) -> TurnVerdict:
    """Weigh the four turns by what would be wrong with the part under each; ties are broken by the turn mark only."""
    ball, unclear = ball_evidence(ball_map, seen)
    contrast = float(np.ptp(seen.all_turns.profile))
    return weighed_turns(ball_map, ball, unclear, lambda: mark_contrasts(frame, ball_map, seen), contrast)


def weighed_turns(
    ball_map: BallMap,
    ball: NDArray[np.bool_],
    unclear: NDArray[np.bool_],
    read_marks: Callable[[], FloatArray | None],
    contrast: float,
) -> TurnVerdict:
    """As `decide_turn`, from evidence however it was gathered.

    ball, unclear   a ball stands, something that may be one stands: at every place of `BallMap.all_turns_um`
    read_marks      contrast of the turn mark under each turn; asked for only where the balls leave a doubt
    contrast        of the array's own balls
    """
    faults = _faults(ball_map, ball, unclear)
    order = np.argsort(faults, kind="stable")
    best, margin = int(order[0]), float(faults[order[1]] - faults[order[0]])
    tied = [k for k in range(4) if faults[k] - faults[best] < CERTAIN_MARGIN]
    if margin >= CLEAR_MARGIN:
        return TurnVerdict(best, margin, "")
    marks = read_marks()
    if marks is None:
        if len(tied) == 1:
            return TurnVerdict(best, margin, "")
        text = f"turn undecided: {_turns(tied)} fit about equally well and the part has no turn mark"
        return TurnVerdict(best, 0.0, text)
    needed = MARK_CONTRAST_RATIO * contrast
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
        text = (f"turn undecided: {_turns(tied)} fit about equally well and the turn mark is not readable "
                f"(contrast {marks[marked]:.0f} and {marks[ranked[1]]:.0f}, one above {needed:.0f})")  # fmt: skip
        return TurnVerdict(best, 0.0, text)
    if marked not in tied:
        return TurnVerdict(best, 0.0, f"turn undecided: turn mark at {90 * marked} deg, the balls exclude it")
    return TurnVerdict(marked, mark_margin, "")


def _turns(tied: list[int]) -> str:
    return ", ".join(f"{90 * k}" for k in tied) + " deg"


def ball_evidence(ball_map: BallMap, seen: ArraySeen) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Where a ball stands, and where something that may be one, at every place of `BallMap.all_turns_um`."""
    ball = looks_like_ball(seen.all_turns)
    ball[: ball_map.count] = seen.present
    ball &= ~unlike_others(seen.all_turns, ball)
    return ball, np.asarray(may_be_ball(seen.all_turns) & ~ball)


def _faults(ball_map: BallMap, ball: NDArray[np.bool_], unclear: NDArray[np.bool_]) -> FloatArray:
    """How much would be wrong with the part under each of the four turns, in missing balls, (4,).

    A ball where none belongs counts more than a missing one: balls get lost, but none grow. What may be a ball or
    not counts half either way.
    """
    missing = np.where(ball, 0.0, np.where(unclear, 0.5, 1.0))
    extra = np.where(ball, EXTRA_BALL_WEIGHT, np.where(unclear, 0.5, 0.0))
    faults = np.zeros(4)
    for k in range(4):
        rows = ball_map.turned_rows[k]
        faults[k] = missing[rows[: ball_map.count]].sum() + extra[rows[ball_map.count :]].sum()
    return faults


def mark_contrasts(frame: Frame, ball_map: BallMap, seen: ArraySeen) -> FloatArray | None:
    """Brightness of a disc over its surroundings where the turn mark stands under each of the four turns, (4,).

    0 where no disc is seen; None when the map has no mark.
    """
    if ball_map.a1_x_um is None or ball_map.a1_y_um is None or ball_map.a1_diameter_um is None:
        return None
    mark_um = np.array([[ball_map.a1_x_um, ball_map.a1_y_um]])
    contrasts = np.zeros(4)
    for k in range(4):
        at_px = frame.to_px(seen.fit.apply(quarter_turned(mark_um, k)))[0]
        contrasts[k] = disc_contrast(frame, at_px, 0.5 * seen.fit.held_scale * ball_map.a1_diameter_um)
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
    thin = max(1, round(radius_px / 6.0))  # the place is needed to a pixel or two only
    match = cv2.matchTemplate(thinned(window, thin), thinned(template, thin), cv2.TM_CCOEFF_NORMED)
    best_row, best_col = (int(v) for v in np.unravel_index(int(np.argmax(match)), match.shape))
    if not match[best_row, best_col] > MARK_MATCH_LEAST:
        return 0.0
    # The last place of the thinned picture may lie beyond the last whole one.
    best_row, best_col = min(best_row * thin, 2 * play), min(best_col * thin, 2 * play)
    patch = window[best_row : best_row + 2 * half + 1, best_col : best_col + 2 * half + 1]
    radius = np.hypot(x, y)
    inner = patch[radius < 0.8 * radius_px]
    return float(np.median(inner) - np.median(patch[(radius > 1.15 * radius_px) & (radius < 1.5 * radius_px)]))
