"""What is looked at beside everything: the safety chain where nothing moves, and that what is buffered gets written.

While something moves the devices watch the chain themselves, within milliseconds. Nothing here changes a state.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from drivers.errors import DriverError
from station.alarms.catalogue import ProcessAlarm
from station.cell import Cell
from station.run.packml import State
from station.store.errors import StoreError
from station.store.store import Store

WATCH_EVERY_S = 0.5
SAVE_EVERY_S = 2.0
"""buffered events are written at least this often; what must be durable before an act is committed by the act"""

AT_REST = (State.IDLE, State.HELD, State.COMPLETE)


async def watch(
    cell: Cell,
    store: Store,
    state: Callable[[], State],
    on_alarm: Callable[[ProcessAlarm], Awaitable[None]],
    on_store_failed: Callable[[StoreError], Awaitable[None]],
) -> None:
    """Until cancelled, or until the store has failed."""
    loop = asyncio.get_running_loop()
    save_at_s = loop.time() + SAVE_EVERY_S
    while True:
        await asyncio.sleep(WATCH_EVERY_S)
        if state() in AT_REST:
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
