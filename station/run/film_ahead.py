"""The film for the next package, made while the present one is placed. It outlives the package that it was begun in.

It lays and measures nothing itself: the steps do. At most one film is on its way.
"""

from __future__ import annotations

import asyncio

from station.process.step import Work
from station.run.schedule import FILM, PREPARE_FILM
from station.run.steps import StepRunner


class FilmAhead:
    """Begun by the schedule, waited for by the dip that needs it."""

    def __init__(self, steps: StepRunner) -> None:
        self._steps = steps
        self._making: asyncio.Task[None] | None = None

    @property
    def is_coming(self) -> bool:
        return self._making is not None

    @property
    def has_failed(self) -> bool:
        """Making it ended in something that `ready` will raise."""
        making = self._making
        return making is not None and making.done() and not making.cancelled() and making.exception() is not None

    def begin(self, work: Work) -> None:
        """Start making a film; does nothing while one is on its way."""
        if self._making is None:
            self._making = asyncio.create_task(self._make(work), name="film ahead")

    async def ready(self) -> None:
        """Wait until the film is made. Raises PartSettled, RunEnded as the steps did."""
        making, self._making = self._making, None
        if making is not None:
            try:
                await asyncio.shield(making)
            except asyncio.CancelledError:
                making.cancel()
                raise

    def cancel(self) -> None:
        """The machine is about to be stopped: what that does to its devices is no news for this film."""
        if self._making is not None:
            self._making.cancel()

    async def drop(self) -> None:
        """The job is over: end the work on it and forget how it ended."""
        self.cancel()
        making, self._making = self._making, None
        if making is not None:
            await asyncio.gather(making, return_exceptions=True)

    async def _make(self, work: Work) -> None:
        for slot in PREPARE_FILM:
            await self._steps.do(slot.step, work, FILM)
