"""What is looked at beside everything: the safety chain where nothing moves, the clamp while a board is built, links,
the supply of material and of power, whether the service itself is late, and that what is buffered gets written.

While something moves the devices watch the chain themselves, within milliseconds. Nothing here changes a state: what is
found is an alarm, and its row in the catalogue says what follows. Looking never waits for the disk.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from drivers.devices.dip_unit import Reservoir
from drivers.errors import DriverError
from station.alarms.active import AlarmList
from station.alarms.catalogue import ProcessAlarm
from station.alarms.translate import alarm_for, bug_event
from station.cell import Cell
from station.lateness import LoopLag
from station.run.job import JobRun
from station.run.noticed import Noticed
from station.run.packml import WAIT_STATES, Command, Packml, State
from station.store.errors import StoreError
from station.store.store import Store

WATCH_EVERY_S = 0.5
"""at least; an input of the PLC that changes is looked at as soon as a status shows it"""
SAVE_EVERY_S = 2.0
"""buffered events are written at least this often; what must be durable before an act is committed by the act"""
SLOW_LINK_S = 0.060
"""a heartbeat takes a few milliseconds there and back; a device this slow is told of a contact too late. Estimate"""
SLOW_FOR_S = 3.0
"""for so long without one quick exchange. Estimate"""

SILENT_FOR_S = 1.5
"""a short disturbance ends by itself within a second"""

NOTHING_BEGUN = (
    State.IDLE,
    State.COMPLETE,
    State.STOPPING,
    State.STOPPED,
    State.ABORTING,
    State.ABORTED,
    State.CLEARING,
)
AT_REST = (State.IDLE, State.SUSPENDED, State.HELD, State.COMPLETE)


class Watch:
    """`look` is called at every round, `running` is the job that is built now."""

    def __init__(
        self,
        cell: Cell,
        store: Store,
        packml: Packml,
        loop_lag: LoopLag,
        look: Callable[[], object],
        running: Callable[[], JobRun | None],
        alarms: AlarmList,
        noticed: Noticed,
    ) -> None:
        self._cell, self._store, self._packml = cell, store, packml
        self._loop_lag, self._look, self._running, self._alarms = loop_lag, look, running, alarms
        self._noticed = noticed
        self._was_low = False
        self._told_silent = {device.name for device in cell.devices}
        """that need not be told of; before the first Reset none is heard"""
        self._silent_since_s: dict[str, float] = {}
        self._known_s, self._links_lost = 0.0, 0
        """what was silent then is known: it was needed, or an alarm has told of it"""
        self._last_bug: dict[str, Any] = {}
        self._slow_since_s: dict[str, float] = {}

    async def run(self) -> None:
        """Until cancelled: look around, and beside it save, until the store has failed."""
        async with asyncio.TaskGroup() as beside:
            beside.create_task(self._for_ever(self._look_around), name="look around")
            beside.create_task(self._for_ever(self._save), name="save")

    async def _for_ever(self, work: Callable[[], Awaitable[None]]) -> None:
        """A mistake in it is told and stops the machine, and it begins anew: nothing runs unwatched."""
        while True:
            try:
                await work()
                return
            except Exception as error:
                told = bug_event("watch", error)
                may_abort = self._packml.allows(Command.ABORT)
                if may_abort or told != self._last_bug:
                    # In a machine that aborts already it is written all the same, once and not at every round.
                    self._last_bug = told
                    self._store.events.append("bug", told)
                if may_abort:
                    await self._noticed.act_on(alarm_for(error, "watch"))

    async def _look_around(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await self._cell.safety.input_changed(WATCH_EVERY_S)
            self._look()
            for found in (
                self._reservoir_low(),
                self._chain_open(),
                self._on_battery(),
                self._board_loose(),
                self._gone_silent(loop.time()),
                self._link_slow(loop.time()),
                self._loop_late(),
                self._commit_slow(),
            ):
                if found is not None:
                    await self._noticed.act_on(found)

    async def _save(self) -> None:
        while True:
            await asyncio.sleep(SAVE_EVERY_S)
            try:
                await self._store.commit()
            except StoreError as error:
                await self._noticed.store_failed(error)
                return

    def _reservoir_low(self) -> ProcessAlarm | None:
        """Once, when it falls."""
        try:
            is_low = self._cell.dip_unit.status.reservoir is Reservoir.LOW
        except DriverError:
            is_low = False
        was_low, self._was_low = self._was_low, is_low
        return ProcessAlarm("reservoir_low", level=Reservoir.LOW.name) if is_low and not was_low else None

    def _chain_open(self) -> ProcessAlarm | None:
        """A door may be opened in Held, that is what Held is for; after an e-stop no axis is where it was believed."""
        if self._packml.state not in AT_REST:
            return None
        try:
            inputs = self._cell.safety.inputs
        except DriverError:
            return None
        wanted = (("emergency stop released", inputs.estop_ok), ("drives enabled", inputs.drives_enabled))
        missing = [name for name, is_ok in wanted if not is_ok]
        if not missing:
            return None
        return ProcessAlarm("interlock_open", device="plc", what=f"not fulfilled while waiting: {', '.join(missing)}")

    def _on_battery(self) -> ProcessAlarm | None:
        """What runs is ended and everything written down while there is power for it."""
        if self._packml.state in NOTHING_BEGUN:
            return None
        try:
            is_on_battery = self._cell.safety.inputs.on_battery
        except DriverError:
            return None
        return ProcessAlarm("on_battery", device="plc") if is_on_battery else None

    def _board_loose(self) -> ProcessAlarm | None:
        """What was measured of a board holds for one clamping only."""
        run = self._running()
        if run is None or not run.has_clamped:
            return None
        try:
            conveyor = self._cell.conveyor
            wanted = (("clamp closed", conveyor.is_clamped), ("board at the stop pins", conveyor.is_board_present))
        except DriverError:
            return None
        missing = [name for name, is_ok in wanted if not is_ok]
        return ProcessAlarm("board_loose", what=", ".join(missing)) if missing else None

    def _gone_silent(self, now_s: float) -> ProcessAlarm | None:
        """Of a device that falls silent under a command the command tells. At rest nobody asks it anything, and what it
        would say, of a key that is turned or a door that opens, goes unseen. Told once in a silence."""
        links_lost = self._alarms.raised["link_lost"]
        if self._packml.state not in WAIT_STATES or links_lost != self._links_lost:
            self._known_s, self._links_lost = now_s, links_lost
        silent = [device.name for device in self._cell.devices if not device.is_connected]
        self._silent_since_s = {name: self._silent_since_s.get(name, now_s) for name in silent}
        new = [
            name
            for name, since_s in self._silent_since_s.items()
            if name not in self._told_silent and since_s > self._known_s and now_s - since_s >= SILENT_FOR_S
        ]
        self._told_silent = (self._told_silent & set(silent)) | set(new)
        if not silent:
            self._alarms.over("not_heard", "heard again")
        return ProcessAlarm("not_heard", devices=", ".join(new)) if new else None

    def _link_slow(self, now_s: float) -> ProcessAlarm | None:
        """A cable or switch that goes bad slows down before it fails. Asked about while boards are built."""
        slow = {}
        for device in self._cell.moving_devices if self._packml.state is State.EXECUTE else ():
            if device.is_connected and device.round_trip_s > SLOW_LINK_S:
                slow[device.name] = self._slow_since_s.get(device.name, now_s)
        self._slow_since_s = slow
        for device in self._cell.moving_devices:
            if now_s - slow.get(device.name, now_s) >= SLOW_FOR_S:
                del slow[device.name]
                trip_ms, limit_ms = device.round_trip_s * 1e3, SLOW_LINK_S * 1e3
                return ProcessAlarm("link_slow", device=device.name, trip_ms=trip_ms, limit_ms=limit_ms)
        return None

    def _loop_late(self) -> ProcessAlarm | None:
        """What happens while the alarm stands is not told again."""
        lag_s, limit_s = self._loop_lag.worst.untold(), self._cell.profile.limits.loop_lag_s
        if lag_s <= limit_s or self._alarms.stands("loop_late"):
            return None
        return ProcessAlarm("loop_late", lag_ms=lag_s * 1e3, limit_ms=limit_s * 1e3)

    def _commit_slow(self) -> ProcessAlarm | None:
        """As above; of a commit that failed alarm 801 tells."""
        took_s, limit_s = self._store.writing.commits.untold(), self._cell.profile.limits.commit_s
        if took_s <= limit_s or self._alarms.stands("commit_slow") or self._store.failure is not None:
            return None
        return ProcessAlarm("commit_slow", took_s=took_s, limit_s=limit_s)
