"""The conveyor: brings a board to the stop pins, clamps it, lets it go. It does not know which board it is."""

from __future__ import annotations

from dataclasses import dataclass

from drivers.devices.motion_plc import MotionPlc
from drivers.wire.motion_plc import CLAMP, EJECT_BOARD, LOAD_BOARD, UNCLAMP, Inputs


@dataclass(frozen=True, slots=True)
class ConveyorTimes:
    """How long the transport takes: estimates of the reference machine, settings of a real one."""

    load_board_s: float = 2.0
    load_board_longest_s: float = 8.0
    """the belt runs as long as it takes a board to come from the far end of the magazine"""
    clamp_s: float = 0.15
    eject_board_s: float = 1.5


class Conveyor:
    """Every verb states an end and may be repeated."""

    def __init__(self, plc: MotionPlc, times: ConveyorTimes | None = None) -> None:
        self._plc = plc
        self._channel = plc.channels["transport"]
        self._times = ConveyorTimes() if times is None else times

    async def load_board(self) -> None:
        """Run until a board touches the stop pins. Raises NothingThere when none comes, InterlockOpen, DriverError."""
        times = self._times
        await self._channel.execute(LOAD_BOARD, expected_s=times.load_board_s, deadline_s=times.load_board_longest_s)

    async def clamp(self) -> None:
        """Clamp the board at the pins. Raises NothingThere, InterlockOpen (air), DriverError."""
        await self._channel.execute(CLAMP, expected_s=self._times.clamp_s)

    async def unclamp(self) -> None:
        """Open the clamp. Raises InterlockOpen (air), DriverError."""
        await self._channel.execute(UNCLAMP, expected_s=self._times.clamp_s)

    async def eject_board(self) -> None:
        """Lower the pins and run the board out. Raises InterlockOpen while it is clamped, DriverError."""
        await self._channel.execute(EJECT_BOARD, expected_s=self._times.eject_board_s)

    @property
    def is_board_present(self) -> bool:
        """A board touches the stop pins. Raises StaleReading."""
        return Inputs.BOARD_AT_STOP in self._plc.inputs

    @property
    def is_clamped(self) -> bool:
        """Raises StaleReading."""
        return Inputs.CLAMPED in self._plc.inputs
