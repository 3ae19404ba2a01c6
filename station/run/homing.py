"""What Resetting does: connect, home with Z first, calibrate where that is due. It decides no state."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from station.calibrate.model import Calibration
from station.calibrate.routine import calibrate
from station.cell import Cell
from station.clock import Clock
from station.eyes import Eyes
from station.store.event_log import EventLog


async def home_and_calibrate(cell: Cell, eyes: Eyes, clock: Clock, log: EventLog, show: Callable[[str], None]) -> None:
    """Raises what the devices say, ProcessAlarm calibration_failed."""
    await cell.connect()
    await cell.release_stop()
    # Z first: nothing travels before the tip is known to be up.
    show("Home Z")
    await cell.head.home()
    show("Home axes")
    async with asyncio.TaskGroup() as together:
        together.create_task(cell.gantry.home(), name="home gantry")
        together.create_task(cell.dip_unit.home(), name="home blade")
    if calibration_is_due(cell, clock):
        show("Calibrate")
        found = await calibrate(cell, eyes)
        log.append("calibration.done", {"hash": found.hash, **_plain(found)})


def calibration_is_due(cell: Cell, clock: Clock) -> bool:
    found = cell.calibration
    return found is None or clock.mono_s() - found.at_s > cell.profile.limits.calibration_max_age_s


def _plain(found: Calibration) -> dict[str, float]:
    return {
        "up_residual_um": found.up_residual_um,
        "down_residual_um": found.down_residual_um,
        "axis_residual_um": found.axis_residual_um,
        "offset_sigma_um": found.offset_sigma_um,
    }
