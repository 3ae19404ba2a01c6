"""One package through its graph of steps: each lane in order, lanes side by side, waiting where the schedule says."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from station.process.outcomes import PASS, Fate, Verdict
from station.process.step import Work
from station.run.film_ahead import FilmAhead
from station.run.schedule import FILM_AHEAD, LANES, Slot
from station.run.steps import PartSettled, RunEnded, StepRunner


class PackageRun:
    """Runs `slots` once. A lane that is told to end does so at its next step, never inside one."""

    def __init__(
        self, steps: StepRunner, work: Work, slots: Sequence[Slot], ahead: FilmAhead, begin_ahead_after: str = ""
    ) -> None:
        """begin_ahead_after   step after which the next film is begun; empty: no package follows"""
        self._steps, self._work, self._slots = steps, work, slots
        self._ahead, self._begin_ahead_after = ahead, begin_ahead_after
        self._ended = {slot.key: asyncio.Event() for slot in slots}
        self._verdict: Verdict = PASS
        self._failure: RunEnded | PartSettled | None = None

    async def run(self) -> Verdict:
        """Run to the end. Returns the first verdict that is not pass, else pass.

        raises   PartSettled, RunEnded of the lane that failed first, when all lanes stand
        """
        try:
            async with asyncio.TaskGroup() as group:
                for lane in LANES:
                    slots = [slot for slot in self._slots if slot.lane == lane]
                    if slots:
                        group.create_task(self._lane(slots), name=f"lane {lane}")
        except ExceptionGroup as group_of_failures:
            if self._failure is None:
                raise
            others = group_of_failures.split(RunEnded)[1]
            if others is not None:
                raise others from None
        if self._failure is not None:
            raise self._failure
        if self._ahead.has_failed:
            await self._ahead.ready()
        return self._verdict

    def _is_over(self) -> bool:
        given_up = self._verdict.fate in (Fate.REJECT_PART, Fate.SKIP_SITE)
        return given_up or self._failure is not None or self._ahead.has_failed

    async def _lane(self, slots: Sequence[Slot]) -> None:
        for slot in slots:
            try:
                for key in slot.after:
                    await (self._ahead.ready() if key == FILM_AHEAD else self._ended[key].wait())
                if self._is_over():
                    self._wake_all()
                    return
                outcome = await self._steps.do(slot.step, self._work, slot.lane)
            except PartSettled as failure:
                self._fail(failure)
                return
            except RunEnded as failure:
                self._fail(failure)
                if not failure.abort:
                    await self._steps.quiet()
                # Ends the other lanes as well: none may go on waiting for an answer that changes nothing any more.
                raise
            self._note(outcome.verdict)
            if self._is_over():
                self._wake_all()
                return
            self._ended[slot.key].set()
            if slot.key == self._begin_ahead_after:
                self._ahead.begin(self._work)

    def _note(self, verdict: Verdict) -> None:
        """The first verdict that is not pass stays."""
        if self._verdict.fate is Fate.PASS:
            self._verdict = verdict

    def _fail(self, failure: RunEnded | PartSettled) -> None:
        if self._failure is None or (isinstance(failure, RunEnded) and isinstance(self._failure, PartSettled)):
            self._failure = failure
        self._wake_all()

    def _wake_all(self) -> None:
        for event in self._ended.values():
            event.set()
