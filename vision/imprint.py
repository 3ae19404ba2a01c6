"""The print that a dip leaves in the film: one dark mark per ball, a second witness beside the picture of the balls.

It says which ball left a mark, where and how wide. A mark shows contact with the film; how much material a ball took is
judged on the ball itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vision.blobs import bright_blobs
from vision.discs import BIN_PX, DiscFit
from vision.errors import BadRequest
from vision.frame import FloatArray, Frame
from vision.lattice import placed_on_lattice
from vision.maps import BallMap
from vision.pose import as_matrix3
from vision.predicted import PredictedSeen, Shot, check_shots, discs_at, see_predicted
from vision.results import NAN, UNKNOWN, ImprintFinding, MarkFinding, MarkState, Pose
from vision.scattered import placed_by_pairs

CONTRAST_LEAST = 8.0
"""Grey levels that the marks must differ from the film."""

FOUND_LEAST_RATIO = 0.25
"""With fewer of the visible marks the print itself is not recognised, and no pose is given."""

VISIBLE_LEAST_RATIO = 0.5

OTHER_MARK_VOTE = 0.5
"""Share of the typical mark's correlation with a plain disc from which a mark stands at a place where none belongs."""

CANNOT_TELL_MATERIAL = "how much material a ball took: a mark shows contact with the film"
CANNOT_TELL_TURN = "the turn of the package: the marks fit {} of the four quarter turns alike"


def check_imprint(
    shots: Sequence[Shot],
    balls_in_film: BallMap,
    *,
    expected: Pose | None = None,
    search_um: float = 150.0,
    theta_search_deg: float = 1.5,
) -> ImprintFinding:
    """Look for the mark of every ball in the film.

    shots           pictures with their centres in the common frame (image-aligned)
    balls_in_film   the ball map as seen from above (`BallMap.mirrored()`), diameter of the expected marks
    expected        where the package was dipped, in that frame
    returns         found: `missing` names the balls that left no mark; refused when there is no print at all, or when
                    the marks fit another quarter turn of the map better
    raises          BadRequest
    """
    if not np.isfinite(search_um):
        raise BadRequest("the search range must be finite")
    unhealthy = check_shots(shots)
    count = balls_in_film.count
    if unhealthy:
        return _without_print(unhealthy, count)
    pose = expected or Pose(0.0, 0.0, 0.0)
    seen = see_predicted(
        shots, balls_in_film, pose, search_um=search_um, theta_search_deg=theta_search_deg, polarity="dark"
    )
    found, shown = int(seen.found.sum()), int(seen.visible.sum())
    if shown < VISIBLE_LEAST_RATIO * count:
        return _without_print((f"the shots show the places of {shown} of {count} balls",), count)
    if seen.fit is None or found < FOUND_LEAST_RATIO * shown or seen.contrast > -CONTRAST_LEAST:
        return _without_print((f"no print of the balls in the film: {found} of {shown} marks in view",), count)
    turns = _turns(shots, balls_in_film, seen)
    best = int(np.argmax(turns))
    if turns[best] > turns[0]:
        text = f"the print is turned by {90 * best} deg against the map: {turns[best] - turns[0]} places fit better"
        return _without_print((text,), count)
    cannot_tell = [CANNOT_TELL_MATERIAL]
    if (alike := turns.count(turns[0])) > 1:
        cannot_tell.append(CANNOT_TELL_TURN.format(alike))
    names = np.array(balls_in_film.names)
    missing = tuple(str(name) for name in names[seen.visible & ~seen.found])
    unseen = tuple(str(name) for name in names[~seen.visible])
    reasons = []
    if missing:
        reasons.append(f"{len(missing)} of {shown} marks missing")
    if unseen:
        reasons.append(f"{len(unseen)} places outside the shots")
    fit = seen.fit
    return ImprintFinding(
        "found", tuple(reasons), found, count, missing, unseen, fit.x_um, fit.y_um, fit.theta_deg,
        as_matrix3(fit.covariance), _marks(shots, balls_in_film, seen), tuple(cannot_tell),
    )  # fmt: skip


def locate_print(frame: Frame, balls_in_film: BallMap, *, scale_tolerance: float = 0.02) -> Pose | None:
    """Where a print lies that may be anywhere in the picture, good to a pixel, in the quarter turn nearest to 0 deg;
    None where the marks form no such pattern. For `check_imprint(expected=...)`."""
    inverted = Frame(np.asarray(255 - frame.pixels, dtype=np.uint8), frame.um_per_px, frame.k1_per_um2, frame.bend_um)
    blobs_um = bright_blobs(inverted, balls_in_film)
    coarse = placed_on_lattice(blobs_um, balls_in_film, scale_tolerance) if balls_in_film.is_lattice else None
    coarse = coarse or placed_by_pairs(blobs_um, balls_in_film, scale_tolerance)
    if coarse is None:
        return None
    theta_deg = coarse.pose.theta_deg - 90.0 * round(coarse.pose.theta_deg / 90.0)
    return Pose(coarse.pose.x_um, coarse.pose.y_um, theta_deg)


def _turns(shots: Sequence[Shot], balls: BallMap, seen: PredictedSeen) -> list[int]:
    """For 0 to 3 quarter turns of the map: places in view that agree with it, a mark where a ball is and none where
    none is."""
    places = balls.all_turns_um
    marked = np.concatenate([seen.found, np.zeros(len(places) - balls.count, dtype=bool)])
    known = np.concatenate([seen.visible, np.zeros(len(places) - balls.count, dtype=bool)])
    if len(places) > balls.count and seen.fit is not None:
        vote = discs_at(shots, seen.fit.apply(places[balls.count :]), balls.radius_um, "dark")
        known[balls.count :] = np.isfinite(vote)
        marked[balls.count :] = np.nan_to_num(vote) > OTHER_MARK_VOTE * seen.vote
    agree = []
    for rows in balls.turned_rows:
        has_ball = np.zeros(len(places), dtype=bool)
        has_ball[rows[: balls.count][rows[: balls.count] >= 0]] = True
        agree.append(int((known & (has_ball == marked)).sum()))
    return agree


@dataclass(frozen=True, eq=False)
class _Best:
    """The clearest look at every mark over all shots, (n,)."""

    at_um: FloatArray
    diameter_um: FloatArray


def _marks(shots: Sequence[Shot], balls: BallMap, seen: PredictedSeen) -> tuple[MarkFinding, ...]:
    if seen.fit is None:
        return ()
    best = _best_look(shots, balls, seen)
    place_um = seen.fit.apply(balls.xy_um)
    state: NDArray[np.str_] = np.where(seen.found, "present", np.where(seen.visible, "missing", "unseen"))
    at_um = np.where(seen.found[:, None], best.at_um, place_um)
    diameter_um = np.where(seen.found, best.diameter_um, np.nan)
    offset_um = np.where(seen.found, np.hypot(*(best.at_um - place_um).T), np.nan)
    rows = zip(balls.names, state.tolist(), at_um.tolist(), diameter_um.tolist(), offset_um.tolist(), strict=True)
    return tuple(MarkFinding(name, _state(kind), x, y, size, off) for name, kind, (x, y), size, off in rows)


def _state(kind: str) -> MarkState:
    return "present" if kind == "present" else "missing" if kind == "missing" else "unseen"


def _best_look(shots: Sequence[Shot], balls: BallMap, seen: PredictedSeen) -> _Best:
    clearest = np.full(balls.count, -2.0)
    at_um, diameter_um = np.full((balls.count, 2), np.nan), np.full(balls.count, np.nan)
    for shot, discs in zip(shots, seen.discs, strict=True):
        better = discs.seen & (np.nan_to_num(discs.match, nan=-2.0) > clearest)
        clearest[better] = discs.match[better]
        at_um[better] = shot.to_common(discs.centres_px[better])
        typical_um = 2.0 * _half_level_px(discs, balls.radius_um / shot.frame.um_per_px) * shot.frame.um_per_px
        diameter_um[better] = (typical_um * discs.size_ratio)[better]
    return _Best(at_um, diameter_um)


def _half_level_px(discs: DiscFit, radius_px: float) -> float:
    """Radius at which the typical mark's level has come half way to the brightest of its surroundings; NaN without."""
    level = discs.profile
    last = min(len(level) - 1, round(1.4 * radius_px / BIN_PX))
    inside = float(level[: max(1, round(0.5 * radius_px / BIN_PX))].mean())
    half = 0.5 * (inside + float(level[: last + 1].max()))
    beyond = np.flatnonzero(level[: last + 1] > half)
    if len(beyond) == 0 or beyond[0] == 0:
        return NAN
    at = int(beyond[0])
    return BIN_PX * (at - 1 + (half - float(level[at - 1])) / max(float(level[at] - level[at - 1]), 1e-6))


def _without_print(reasons: tuple[str, ...], count: int) -> ImprintFinding:
    return ImprintFinding("refused", reasons, 0, count, (), (), NAN, NAN, NAN, UNKNOWN)
