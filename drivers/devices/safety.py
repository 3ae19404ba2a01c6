"""The safety chain as the PLC reports it, the stop level and the tower light.

It shows and it asks. The hard-wired chain acts on its own, with or without this software.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass

from drivers.devices.motion_plc import MotionPlc
from drivers.wire.handshake import Stop
from drivers.wire.motion_plc import Inputs

HAND_IN_S = 2.0
"""to open the door, reach to where things lie, and close it again takes longer. Estimate"""
RED, AMBER, GREEN, BUZZER = 1, 2, 4, 8


@dataclass(frozen=True, slots=True)
class SafetyInputs:
    """Read-only inputs of the chain and of the supplies."""

    estop_ok: bool
    door_closed: bool
    drives_enabled: bool
    air_ok: bool
    vacuum_supply_ok: bool
    key_manual: bool
    bin_in_place: bool
    bin_full: bool
    on_battery: bool


class Safety:
    """Inputs, stop level and tower light of the motion PLC."""

    def __init__(self, plc: MotionPlc) -> None:
        self._plc = plc
        self._changed = asyncio.Event()
        self._door_closed_since_s = float("inf")
        plc.on_inputs = self._seen

    @property
    def door_closed_since_s(self) -> float:
        """Since when the door is known to be closed, on the loop's clock; infinite while it is open or not known."""
        return self._door_closed_since_s

    async def input_changed(self, within_s: float) -> None:
        """Until an input of the PLC changes, at most so long. For one caller."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                await self._changed.wait()
        self._changed.clear()

    def _seen(self, inputs: Inputs, silent_s: float) -> None:
        self._changed.set()
        if Inputs.DOOR_CLOSED not in inputs:
            self._door_closed_since_s = float("inf")
        elif silent_s > HAND_IN_S or self._door_closed_since_s == float("inf"):
            self._door_closed_since_s = asyncio.get_running_loop().time()

    @property
    def inputs(self) -> SafetyInputs:
        """At most 0.5 s old. Raises StaleReading: an input that is not known is not safe."""
        bits = self._plc.inputs
        return SafetyInputs(
            estop_ok=Inputs.ESTOP_OK in bits,
            door_closed=Inputs.DOOR_CLOSED in bits,
            drives_enabled=Inputs.DRIVES_ENABLED in bits,
            air_ok=Inputs.AIR_OK in bits,
            vacuum_supply_ok=Inputs.VACUUM_SUPPLY_OK in bits,
            key_manual=Inputs.KEY_MANUAL in bits,
            bin_in_place=Inputs.BIN_IN_PLACE in bits,
            bin_full=Inputs.BIN_FULL in bits,
            on_battery=Inputs.ON_BATTERY in bits,
        )

    async def request_stop(self, level: Stop = Stop.CONTROLLED) -> None:
        """Stop gantry, transport and feeder and keep them stopped until released. Raises LinkError."""
        await self._plc.request_stop(level)

    async def release_stop(self) -> None:
        """Allow motion again; nothing continues by itself. Raises LinkError."""
        await self._plc.release_stop()

    def tower_light(self, *, red: bool = False, amber: bool = False, green: bool = False, buzzer: bool = False) -> None:
        """Show exactly these lamps; goes out with the next heartbeat, within 100 ms."""
        self._plc.show_lamps(RED * red | AMBER * amber | GREEN * green | BUZZER * buzzer)
