"""The motion PLC as one device on one link; gantry, conveyor, feeder and safety are views of it.

It owns link, heartbeat and status. It does not know Z, packages or the process.
"""

from __future__ import annotations

from collections.abc import Callable

from drivers.devices.commanded_device import SILENCE_LIMIT_S, OnLost
from drivers.devices.modbus_device import ModbusDevice
from drivers.devices.reading import ModbusReading, Reading
from drivers.links.modbus import ModbusLink
from drivers.wire.handshake import HEARTBEAT_PERIOD_S
from drivers.wire.motion_plc import COMMAND_BLOCKS, DEVICE_KIND, JOG_FRAME, STATUS, Inputs

_INPUTS_AT = STATUS.address_of("inputs")


class MotionPlc(ModbusDevice):
    """Connect this one; the views work while it is connected."""

    def __init__(
        self,
        link: ModbusLink,
        *,
        session: int,
        serial_number: int | None = None,
        on_lost: OnLost | None = None,
        rest_period_s: float = HEARTBEAT_PERIOD_S,
    ) -> None:
        super().__init__(
            link,
            STATUS,
            COMMAND_BLOCKS,
            DEVICE_KIND,
            session=session,
            serial_number=serial_number,
            on_lost=on_lost,
            rest_period_s=rest_period_s,
        )
        self.on_inputs: Callable[[Inputs, float], None] | None = None
        """told of the inputs at once when a status shows others than the one before, or comes after a silence in which
        they may have changed and changed back; with the time for which nothing was heard"""
        self._bits = -1
        self._heard_at_s = -float("inf")

    def _take(self, reading: Reading) -> None:
        super()._take(reading)
        assert isinstance(reading, ModbusReading)
        bits, silent_s = reading.word(_INPUTS_AT), reading.received_at_s - self._heard_at_s
        self._heard_at_s = reading.received_at_s
        if bits != self._bits or silent_s > SILENCE_LIMIT_S:
            self._bits = bits
            if self.on_inputs is not None:
                self.on_inputs(Inputs(bits), silent_s)

    @property
    def inputs(self) -> Inputs:
        """Safety and presence inputs, at most 0.5 s old. Raises StaleReading."""
        return Inputs(int(self.newest().values["inputs"]))

    async def send_jog_frame(self, number: int, *, is_held: bool) -> None:
        """Tell the device that a jog button is still held, or was let go. Numbers rise. Raises LinkError."""
        values = {"session": self.session, "frame": number, "held": int(is_held)}
        await self._link.write(JOG_FRAME.address, JOG_FRAME.pack_bytes(values))

    def show_lamps(self, lamps: int) -> None:
        """Bits of the tower light; goes out with the next heartbeat."""
        self._lamps = lamps
