"""What Resetting does: connect, home with Z first, empty the nozzle, calibrate where that is due.

It decides no state, and lets nothing go that a person has not looked at.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Any

from station.alarms.catalogue import Answer, ProcessAlarm
from station.calibrate.routine import calibrate
from station.cell import Cell
from station.clock import Clock
from station.eyes import Eyes
from station.guard.position import PositionTrust
from station.process.nozzle import RELEASE_WITHIN_S, open_valve, prove_open_nozzle_empty
from station.run.steps import RunEnded
from station.store.store import Store

BLOW_OFF_S = 0.1
GLASS_AWAY = "glass_away"
"""fact of the store: a calibration has begun and has not ended, the glass part may be anywhere"""

Ask = Callable[[ProcessAlarm, dict[str, Any]], Awaitable[Answer]]


async def home_and_calibrate(
    cell: Cell,
    eyes: Eyes,
    clock: Clock,
    store: Store,
    position: PositionTrust,
    show: Callable[[str], None],
    ask: Ask,
) -> bool | None:
    """Everything that Resetting does -> whether a package hung on the nozzle, None where its sensor could not tell.

    raises   what the devices say; ProcessAlarm wrong_nozzle, calibration_failed; RunEnded when a person answers to stop
    """
    await cell.connect()
    await cell.release_stop()
    # Z first: nothing travels before the tip is known to be up.
    show("Home Z")
    await cell.head.home()
    position.homed("z")
    _check_nozzle(cell)
    show("Home axes")
    async with asyncio.TaskGroup() as together:
        together.create_task(cell.gantry.home(), name="home gantry")
        together.create_task(cell.dip_unit.home(), name="home blade")
    position.homed("gantry")
    position.homed("blade")
    show("Look at the nozzle")
    was_held = await _empty_nozzle(cell, store, ask)
    if calibration_is_due(cell, clock):
        show("Calibrate")
        store.remember(GLASS_AWAY, "calibrating")
        await store.commit()
        found = await calibrate(cell, eyes)
        store.remember(GLASS_AWAY, "")
        store.events.append("calibration.done", {"hash": found.hash, **asdict(found)})
    return was_held


def _check_nozzle(cell: Cell) -> None:
    fitted, wanted = cell.head.status.nozzle_id, cell.profile.head.nozzle_id
    if fitted != wanted:
        raise ProcessAlarm("wrong_nozzle", fitted=fitted, wanted=wanted)


async def _empty_nozzle(cell: Cell, store: Store, ask: Ask) -> bool | None:
    """What an earlier run left on the nozzle belongs to nobody: after a person's word it goes to the bin. Where a
    calibration was cut off it may be the glass part: that is taken off by hand.

    Looked at with the valve open: what sticks without vacuum shows only then. Returns what was found at first.
    """
    was_held: bool | None = False
    while True:
        vacuum_kpa = await open_valve(cell)
        try:
            prove_open_nozzle_empty(vacuum_kpa)
        except ProcessAlarm as found:
            alarm = found
            if store.remembered(GLASS_AWAY) and found.definition.key == "nozzle_not_empty":
                alarm = ProcessAlarm("glass_on_nozzle", vacuum_kpa=vacuum_kpa)
            if not was_held:
                was_held = True if alarm.definition.key == "nozzle_not_empty" else None
        else:
            break
        answer = await ask(alarm, {})
        if answer is Answer.STOP:
            raise RunEnded(alarm, abort=False, is_chosen=True)
        if answer is not Answer.NEW_PART:
            continue
        inputs = cell.safety.inputs
        if not inputs.bin_in_place or inputs.bin_full:
            raise ProcessAlarm("bin_not_ready", what="full" if inputs.bin_full else "not in place")
        # How far it hangs down is not known here: it is let go at safe height.
        await cell.go_to(cell.profile.bin.point)
        await cell.head.vacuum_off(BLOW_OFF_S, RELEASE_WITHIN_S)
        store.events.append("part.binned", {"reason": alarm.text})
    await cell.head.vacuum_off(0.0, RELEASE_WITHIN_S)
    return was_held


def calibration_is_due(cell: Cell, clock: Clock) -> bool:
    found = cell.calibration
    return found is None or clock.mono_s() - found.at_s > cell.profile.limits.calibration_max_age_s
