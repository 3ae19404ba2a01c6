"""The board once more after every placement: does it still lie where it was measured?

One fiducial tells. A board that slipped in its clamp and axes that lost steps look alike from here: either way what was
placed is judged by where the board is now, and nothing more is built by the old fit.
"""

from __future__ import annotations

from math import hypot

from station.alarms.catalogue import ProcessAlarm
from station.cell import Cell
from station.coordinates import Shift
from station.process.locate_board import see_fiducial
from station.process.outcomes import BoardLocated, MarkSeen
from station.process.step import Work

MOVED_LIMIT_UM = 30.0
"""a fiducial is found again within a few um; an axis drifts by less in the life of a board. Estimate"""


async def look_at_mark(cell: Cell, work: Work) -> MarkSeen:
    """See the fiducial next to the site again and compare it with the fit of the board.

    raises   ProcessAlarm fiducial_not_found
    """
    located, site = work.findings.the(BoardLocated), work.the_site
    fiducials = work.recipe.board.fiducials
    index = min(
        range(len(fiducials)), key=lambda i: hypot(fiducials[i].x_um - site.x_um, fiducials[i].y_um - site.y_um)
    )
    fix, seen = await see_fiducial(cell, work, fiducials[index])
    return MarkSeen(name=fiducials[index].name, at=cell.here(), moved=seen - located.seen[index], sigma_um=fix.sigma_um)


def moved_too_far(mark: MarkSeen | None) -> ProcessAlarm | None:
    """What to ask a person, None where the board lies as it was measured. What was not looked at has not moved."""
    if mark is None or mark.moved_um <= MOVED_LIMIT_UM:
        return None
    moved: Shift = mark.moved
    return ProcessAlarm("board_moved", name=mark.name, x_um=moved.x_um, y_um=moved.y_um, limit_um=MOVED_LIMIT_UM)
