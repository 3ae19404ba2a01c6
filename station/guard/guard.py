"""The guard: stands before every command channel and lets a command through only when its interlocks hold.

It commands nothing and remembers nothing but which positions are to be trusted. The hard-wired chain and the devices
watch for themselves, within milliseconds; the guard says beforehand what would be wrong, and why.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

from drivers.devices.commanded_device import CommandedDevice
from drivers.wire.encoding import Number
from drivers.wire.handshake import CommandSpec
from station.alarms.catalogue import ProcessAlarm
from station.cell import Cell
from station.guard import conditions
from station.guard.conditions import Condition
from station.guard.facts import FRESH_S, Facts, Place, facts_of_dip_unit, facts_of_head, facts_of_plc, place_now
from station.guard.position import FACT_OF, PositionTrust
from station.guard.table import ACTIONS, BEFORE_STEP, HOMES, INTERLOCKS, ON_ITS_WAY, Action
from station.run.packml import FEEDING_STATES, MOVING_STATES, State

_READ = {conditions.PLC: facts_of_plc, conditions.HEAD: facts_of_head, conditions.DIP_UNIT: facts_of_dip_unit}
_SOURCES = {
    action: tuple(source for source in _READ if any(source in condition.sources for condition in row))
    for action, row in INTERLOCKS.items()
}
"""Only the devices that a row asks are read for it."""

CONDITIONS = tuple(value for value in vars(conditions).values() if isinstance(value, Condition))


def broken(action: Action, facts: Facts) -> tuple[Condition, ...]:
    """The conditions of this row that are not proven to hold, in the order of the table."""
    return tuple(condition for condition in INTERLOCKS[action] if not condition.holds(facts))


class Guard:
    """One for a cell; from its making on every command asks it.

    state   PackML state of the station: in some nothing moves, in Suspended only what brings boards and trays
    """

    def __init__(self, cell: Cell, position: PositionTrust, state: Callable[[], State]) -> None:
        self._cell, self.position, self._state = cell, position, state
        self.may_jog: Callable[[], bool] = lambda: False
        """set by whoever knows of a hand on a jog button"""
        self._devices: dict[str, CommandedDevice] = {
            conditions.PLC: cell.plc,
            conditions.HEAD: cell.head,
            conditions.DIP_UNIT: cell.dip_unit,
        }
        for device in cell.moving_devices:
            device.permit = self.permit

    def facts(self, sources: Collection[str] = tuple(_READ)) -> Facts:
        """What these devices say now; a change of what positions are worth is noted on the way."""
        state = self._state()
        found: dict[str, Any] = {
            "may_move": state in MOVING_STATES,
            "may_feed": state in FEEDING_STATES,
            "may_jog": self.may_jog(),
        }
        for source in sources:
            found |= _READ[source](self._cell)
        return self.position.look(Facts(**found))

    @property
    def is_position_trusted(self) -> bool:
        """All axes know where they are, by fresh readings and a homing that this station saw."""
        facts = self.facts()
        return all(getattr(facts, name) is True for name in FACT_OF.values())

    async def permit(self, channel: str, spec: CommandSpec, args: Mapping[str, Number]) -> None:
        """Asked by a device before it sends a command.

        raises   ProcessAlarm interlock_open, motion_forbidden; LinkError when a device that has to be asked is silent
        """
        action = ACTIONS.get((channel, spec.name))
        if action is None:
            raise ProcessAlarm("motion_forbidden", action=spec.name, reasons="no interlocks are known for it")
        if not isinstance(action, Action):
            await self._make_fresh((conditions.PLC,))
            action = action(args, place_now(self._cell) or Place.ELSEWHERE, self._cell.profile.head.safe_z_um)
        await self._require(action, INTERLOCKS[action])
        home = HOMES.get((channel, spec.name))
        if home is not None:
            self.position.homing(home)

    async def require_for(self, step_id: str) -> None:
        """Before an irreversible step: its first motion must be allowed. Raises as `permit`."""
        action = BEFORE_STEP.get(step_id)
        if action is not None:
            await self._require(action, tuple(row for row in INTERLOCKS[action] if row not in ON_ITS_WAY))

    def view(self) -> dict[str, Any]:
        """For people: every condition, and every action with what forbids it."""
        facts = self.facts()
        return {
            "conditions": [
                {
                    "id": condition.id,
                    "title": condition.title,
                    "holds": condition.ask(facts),
                    "reason": None if condition.holds(facts) else condition.reason(facts),
                }
                for condition in CONDITIONS
            ],
            "actions": [
                {
                    "id": action.name.lower(),
                    "title": action.value,
                    "allowed": not (missing := broken(action, facts)),
                    "forbidden_by": [condition.id for condition in missing],
                }
                for action in INTERLOCKS
            ],
            "position": self.position.view(),
        }

    async def _make_fresh(self, sources: Collection[str]) -> None:
        """A reading that is too old is asked for anew; a device that cannot be asked is lost, and that is the alarm."""
        for source in sources:
            device = self._devices[source]
            if device.age_s > FRESH_S:
                await device.regain()
                await device.beat()

    async def _require(self, action: Action, wanted: tuple[Condition, ...]) -> None:
        sources = _SOURCES[action]
        await self._make_fresh(sources)
        facts = self.facts(sources)
        missing = [condition for condition in wanted if not condition.holds(facts)]
        if not missing:
            return
        if self._state() in (State.STOPPING, State.ABORTING):
            # A step that a stop overtakes is cut off, like one whose device was stopped: no news for anybody.
            raise ProcessAlarm("device_stopped", device="guard", what=f"'{action.value}' is not begun any more")
        reasons = "; ".join(condition.reason(facts) for condition in missing)
        if any(condition.of_the_chain for condition in missing):
            raise ProcessAlarm("interlock_open", device="guard", what=f"'{action.value}' is forbidden: {reasons}")
        raise ProcessAlarm("motion_forbidden", action=action.value, reasons=reasons)
