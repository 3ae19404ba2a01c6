"""The print that a dip leaves in the film: one dark mark per ball, a second witness beside the picture of the balls.

It counts marks; how much material a ball took is judged on the ball itself.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from vision.errors import BadRequest
from vision.maps import BallMap
from vision.predicted import Shot, check_shots, see_predicted
from vision.results import NAN, ImprintFinding, Pose, Status

CONTRAST_LEAST = 8.0
"""Grey levels that the marks must differ from the film."""

FOUND_LEAST_RATIO = 0.25
"""With fewer of the visible marks the print itself is not recognised, and no pose is given."""

VISIBLE_LEAST_RATIO = 0.5


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
    returns         found: `missing` names the balls that left no mark; refused when there is no print at all
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
    names = np.array(balls_in_film.names)
    missing = tuple(str(name) for name in names[seen.visible & ~seen.found])
    unseen = tuple(str(name) for name in names[~seen.visible])
    reasons = []
    if missing:
        reasons.append(f"{len(missing)} of {shown} marks missing")
    if unseen:
        reasons.append(f"{len(unseen)} places outside the shots")
    status: Status = "found"
    return ImprintFinding(
        status, tuple(reasons), found, count, missing, unseen, seen.fit.x_um, seen.fit.y_um, seen.fit.theta_deg
    )


def _without_print(reasons: tuple[str, ...], count: int) -> ImprintFinding:
    return ImprintFinding("refused", reasons, 0, count, (), (), NAN, NAN, NAN)
