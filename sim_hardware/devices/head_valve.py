"""The vacuum valve of the head: opened until a level is reached, closed with a puff until the nozzle is at ambient.

Nothing here moves Z; what the nozzle touches comes from the head.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from drivers.wire.encoding import Number
from drivers.wire.handshake import Result
from sim_hardware.devices.handshake import CommandChannel
from sim_hardware.world.grip import Below, Grip
from sim_hardware.world.surfaces import Floor
from sim_hardware.world.vacuum import OPEN_KPA, RELEASE_KPA, Seal

if TYPE_CHECKING:
    from sim_hardware.plant import Plant

AMBIENT_KPA = -1.0


class NozzleValve:
    """Carries out VACUUM_ON and VACUUM_OFF on the head's channel."""

    def __init__(
        self,
        plant: Plant,
        grip: Grip,
        channel: CommandChannel,
        stands: Callable[[float], tuple[Below | None, float]],
    ) -> None:
        """`stands` gives what is below the nozzle and its Z at a time."""
        self._plant, self._grip, self._channel, self._stands = plant, grip, channel, stands
        self._release: asyncio.TimerHandle | None = None
        self.on_release: Callable[[float], None] | None = None

    def open(self, args: dict[str, Number], now_s: float) -> None:
        """VACUUM_ON: ends when the level is reached, or when the time is over."""
        vacuum = self._grip.vacuum
        if self._release is not None:
            self._release.cancel()
            self._release = None
        vacuum.supply_ratio = 1.0 if self._plant.safety.vacuum_supply_ok else 0.0
        vacuum.open_kpa = self._plant.faults.value("nozzle_clogged", now_s, OPEN_KPA)
        vacuum.seal = self._grip.seal_on(*self._stands(now_s))
        vacuum.open_valve(now_s)
        within_s = float(args["within_s"])
        reached_s = vacuum.time_to_level_s(float(args["level_kpa"]), now_s)
        self._end_after(within_s if reached_s is None else min(within_s, reached_s), now_s)

    def close(self, args: dict[str, Number], now_s: float) -> None:
        """VACUUM_OFF: the part lets go as soon as the pressure has risen, whatever the host does next."""
        vacuum, blow_off_s, within_s = self._grip.vacuum, float(args["blow_off_s"]), float(args["within_s"])
        has_puff = blow_off_s > 0.0 and self._plant.faults.strikes("blow_off_missing", now_s) is None
        vacuum.close_valve(now_s, blow_off=has_puff)
        free_s = vacuum.time_to_rise_s(RELEASE_KPA, now_s) or 0.0
        if free_s == 0.0:
            self._let_go(now_s)
        else:
            self._release = self._plant.call_at(now_s + free_s, self._let_go, now_s + free_s)
        ambient_s = vacuum.time_to_rise_s(AMBIENT_KPA, now_s)
        took_s = within_s if ambient_s is None else min(within_s, ambient_s)
        self._end_after(max(took_s, blow_off_s), now_s)

    def _end_after(self, took_s: float, now_s: float) -> None:
        self._channel.at(now_s + took_s, self._ended, took_s, now_s + took_s)

    def _ended(self, took_s: float, t_s: float) -> None:
        self._channel.finish(Result.DONE, {"vacuum_kpa": self.read_kpa(t_s), "time_s": took_s})

    def read_kpa(self, t_s: float) -> float:
        """What the vacuum sensor says."""
        fault = self._plant.faults.active("vacuum_sensor", t_s)
        return self._grip.vacuum.pressure_kpa(t_s) if fault is None else fault.value

    def _let_go(self, t_s: float) -> None:
        self._release = None
        held = self._plant.held
        if held is not None and self._plant.faults.strikes("part_sticks", t_s) is not None:
            self._plant.record("part sticks", serial=held.part.serial)
            return
        below, _ = self._stands(t_s)
        is_binned = below is None or below.surface.floor is Floor.BIN
        if is_binned and self._grip.clinging.begins(t_s):
            self._grip.vacuum.set_seal(Seal.OPEN, t_s)
            return
        self._grip.clinging.ends()
        self._grip.let_go(*self._stands(t_s), t_s)
        if self.on_release is not None:
            self.on_release(t_s)
