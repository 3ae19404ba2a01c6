"""The orderly end while there is power left: what runs comes to its end, the head goes up, only then is all stopped.

It begins nothing of the process and lets nothing go: what hangs on the nozzle stays there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from drivers.devices.head import LiftProfile
from drivers.errors import DriverError
from drivers.wire.handshake import Stop
from station.alarms.catalogue import ProcessAlarm
from station.cell import Cell
from station.run.gate import Gate

STEPS_END_WITHIN_S = 5.0
"""a pick, a dip or a placement of the library's recipes is over in three. Estimate"""
LIFT_WITHIN_S = 2.5
"""with the two halves of a second before and after it, everything is over in ten"""
LIFT_SLOW_UM = 1_000.0
LIFT_SLOW_UM_PER_S = 5_000.0
"""so slowly a package leaves film, pocket or board while it is still close to it. Estimate"""


class Finishing:
    """`cut_off` ends the task that runs the machine, without a word to the machine."""

    def __init__(self, cell: Cell, gate: Gate, cut_off: Callable[[], Awaitable[None]]) -> None:
        self._cell, self._gate, self._cut_off = cell, gate, cut_off

    async def finish(self) -> None:
        """No step begins any more. Those that run have a few seconds; then the head, if it is still down, is lifted.

        A head that cannot be lifted stays where it is: the stop that follows is not kept waiting.
        """
        self._gate.shut_for_good()
        with suppress(TimeoutError):
            async with asyncio.timeout(STEPS_END_WITHIN_S):
                await self._gate.quiet()
        if not self._is_up():
            with suppress(TimeoutError, DriverError, ProcessAlarm):
                async with asyncio.timeout(LIFT_WITHIN_S):
                    await self._lift()

    def _is_up(self) -> bool:
        try:
            return self._cell.is_at_travel_height(self._cell.head.status.z_um)
        except DriverError:
            return False

    async def _lift(self) -> None:
        """raises   what head and guard raise"""
        head, limits = self._cell.head, self._cell.profile.head
        await self._cut_off()
        await self._cell.stop(Stop.CONTROLLED)
        await self._cell.stand_still()
        await head.release_stop()
        z_um = (await head.refresh()).z_um
        await head.lift(
            LiftProfile(
                z_slow_um=max(limits.safe_z_um, z_um - LIFT_SLOW_UM),
                slow_um_per_s=LIFT_SLOW_UM_PER_S,
                z_end_um=limits.safe_z_um,
                speed_um_per_s=limits.z_speed_um_per_s,
            )
        )
