"""The tray feeder: takes an empty tray away and brings a full one. It does not count parts."""

from __future__ import annotations

from drivers.devices.motion_plc import MotionPlc
from drivers.wire.motion_plc import CHANGE_TRAY, Inputs

CHANGE_TRAY_S = 4.0  # estimate of the reference machine


class Feeder:
    """Changes trays."""

    def __init__(self, plc: MotionPlc, change_tray_s: float = CHANGE_TRAY_S) -> None:
        self._plc = plc
        self._channel = plc.channels["feeder"]
        self._change_tray_s = change_tray_s

    async def change_tray(self) -> None:
        """Raises NothingThere when there is no tray left, InterlockOpen, DriverError."""
        await self._channel.execute(CHANGE_TRAY, expected_s=self._change_tray_s)

    @property
    def tray_count(self) -> int:
        """Trays changed since the PLC started. Raises StaleReading."""
        return int(self._plc.newest().values["tray_count"])

    @property
    def is_tray_in_place(self) -> bool:
        """Raises StaleReading."""
        return Inputs.TRAY_IN_PLACE in self._plc.inputs
