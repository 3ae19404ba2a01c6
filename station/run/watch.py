"""What is looked at beside everything: the safety chain where nothing moves, the supply of material, and that what is
buffered gets written.

While something moves the devices watch the chain themselves, within milliseconds. Nothing here changes a state.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from drivers.devices.dip_unit import Reservoir
from drivers.errors import DriverError
from station.alarms.catalogue import ProcessAlarm
from station.alarms.translate import alarm_for, bug_event
from station.cell import Cell
from station.run.packml import Command, Packml, State
from station.store.errors import StoreError
from station.store.store import Store

WATCH_EVERY_S = 0.5
SAVE_EVERY_S = 2.0
"""buffered events are written at least this often; what must be durable before an act is committed by the act"""

AT_REST = (State.IDLE, State.SUSPENDED, State.HELD, State.COMPLETE)


async def watch(
    cell: Cell,
    look: Callable[[], object],
    store: Store,
    packml: Packml,
    on_alarm: Callable[[ProcessAlarm], Awaitable[None]],
    on_warning: Callable[[ProcessAlarm], object],
    on_store_failed: Callable[[StoreError], Awaitable[None]],
) -> None:
    """Until cancelled, or until the store has failed. A mistake of ours in it is told and stops the machine, and the
    watch begins anew: nothing runs unwatched."""
    while True:
        try:
            await _watch(cell, look, store, packml, on_alarm, on_warning, on_store_failed)
            return
        except Exception as error:
            if packml.allows(Command.ABORT):
                store.events.append("bug", bug_event("watch", error))
                await on_alarm(alarm_for(error, "watch"))


async def _watch(
    cell: Cell,
    look: Callable[[], object],
    store: Store,
    packml: Packml,
    on_alarm: Callable[[ProcessAlarm], Awaitable[None]],
    on_warning: Callable[[ProcessAlarm], object],
    on_store_failed: Callable[[StoreError], Awaitable[None]],
) -> None:
    loop = asyncio.get_running_loop()
    save_at_s = loop.time() + SAVE_EVERY_S
    was_low = False
    while True:
        await asyncio.sleep(WATCH_EVERY_S)
        look()
        is_low = _is_reservoir_low(cell)
        if is_low and not was_low:
            on_warning(ProcessAlarm("reservoir_low", level=Reservoir.LOW.name))
        was_low = is_low
        if packml.state in AT_REST:
            alarm = _chain_open(cell)
            if alarm is not None:
                await on_alarm(alarm)
        if loop.time() >= save_at_s:
            save_at_s = loop.time() + SAVE_EVERY_S
            try:
                await store.commit()
            except StoreError as error:
                await on_store_failed(error)
                return


def _is_reservoir_low(cell: Cell) -> bool:
    try:
        return cell.dip_unit.status.reservoir is Reservoir.LOW
    except DriverError:
        return False


def _chain_open(cell: Cell) -> ProcessAlarm | None:
    """A door may be opened in Held, that is what Held is for; after an e-stop no axis is where it was believed."""
    try:
        inputs = cell.safety.inputs
    except DriverError:
        return None
    missing = [
        name
        for name, is_ok in (("emergency stop released", inputs.estop_ok), ("drives enabled", inputs.drives_enabled))
        if not is_ok
    ]
    if not missing:
        return None
    return ProcessAlarm("interlock_open", device="plc", what=f"not fulfilled while waiting: {', '.join(missing)}")
