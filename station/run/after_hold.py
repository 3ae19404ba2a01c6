"""After a hold: a hand may have been in the machine. Before the head does anything, the nozzle says whether the package
still hangs there, the board who it is and where it lies. No film is used that was there with the door open, and no
package is placed by a look that was before it.

How old film and dip are, the steps ask for themselves before every act.
"""

from __future__ import annotations

from station.alarms.catalogue import ProcessAlarm
from station.cell import Cell
from station.coordinates import MachinePoint
from station.process import sheet
from station.process.mark_again import look_at_mark, moved_too_far
from station.process.outcomes import BoardLocated, BoardRead, FilmAccepted, Picked, Placed, SiteLocated, WetExposed
from station.process.step import Step, Work
from station.run.schedule import HEAD, LANE_OF

CARRIES = (
    sheet.EXPOSE_DRY,
    sheet.GO_TO_PLATE,
    sheet.DIP,
    sheet.LOOK_AT_IMPRINT,
    sheet.EXPOSE_WET,
    sheet.ALIGN,
    sheet.PLACE,
)
"""steps that begin with the package on the nozzle"""


class AfterHold:
    """`held` when the station has come to Held; `check` before every try of a step."""

    def __init__(self, cell: Cell) -> None:
        self._cell = cell
        self._is_due = False

    def held(self) -> None:
        self._is_due = True

    async def check(self, step: Step, work: Work) -> None:
        """Look once, with the first step of the head; what could not be looked at is looked at with the next try.

        raises   ProcessAlarm part_lost, grip_leaks, board_changed, board_unreadable, film_touched, package_touched, and
                 what locating board and site raises
        """
        if self._is_due and LANE_OF.get(step.id, HEAD) == HEAD:
            await self._look(step, work)
            self._is_due = False
        if step is sheet.DIP:
            self._film(work)
        if step in (sheet.ALIGN, sheet.PLACE):
            self._package(work)

    async def _look(self, step: Step, work: Work) -> None:
        found = work.findings
        if step in CARRIES and found.find(Picked) is not None:
            await self._cell.check_gripped("After the hold", work.recipe.pick.vacuum_kpa)
        read = found.find(BoardRead)
        if read is not None:
            await self._who(read)
            if work.site is not None and found.find(BoardLocated) and not found.find(Placed):
                await self._where(step, work)

    def _film(self, work: Work) -> None:
        """In whatever state the door was opened: what a finger did since, no gauge has seen."""
        accepted = work.findings.find(FilmAccepted)
        if accepted is not None and not self._was_closed_since(accepted.film.levelled_at_s):
            raise ProcessAlarm("film_touched", generation=accepted.film.generation)

    def _package(self, work: Work) -> None:
        """As for the film: who touched the package has turned it, or wiped its balls."""
        seen = work.findings.find(WetExposed)
        if seen is not None and not self._was_closed_since(seen.at_s):
            raise ProcessAlarm("package_touched")

    def _was_closed_since(self, at_s: float) -> bool:
        return at_s >= self._cell.safety.door_closed_since_s

    async def _who(self, read: BoardRead) -> None:
        found = await self._cell.board_reader.read_board()
        if not found:
            raise ProcessAlarm("board_unreadable", tries=1)
        if found != read.serial:
            raise ProcessAlarm("board_changed", serial=read.serial, found=found)

    async def _where(self, step: Step, work: Work) -> None:
        """A board that was pushed is located anew, and its site with it; then the head stands where it stood."""
        at = self._cell.gantry.position
        if moved_too_far(await look_at_mark(self._cell, work)) is not None:
            again = [sheet.LOCATE_BOARD]
            if work.findings.find(SiteLocated) is not None:
                again += [sheet.LOOK_AT_SITE, sheet.LOCATE_SITE]
            for one in again:
                work.findings.add(await one.run(self._cell, work))
            if step is sheet.PLACE:
                work.findings.add(await sheet.ALIGN.run(self._cell, work))
                return
        await self._cell.go_to(MachinePoint(at.x_um, at.y_um), at.theta_deg)
