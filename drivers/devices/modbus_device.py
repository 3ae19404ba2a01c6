"""A commanded device on Modbus: motion PLC and dip unit. It brings registers to the handshake and knows no command."""

from __future__ import annotations

import struct

from drivers.devices.commanded_device import CommandedDevice, OnLost
from drivers.devices.identity import check_identity, check_pattern, check_watchdog
from drivers.devices.reading import ModbusReading, Reading
from drivers.links.modbus import ModbusLink
from drivers.wire.common import CONTROL, IDENTITY, PATTERN_I32_UM, PATTERN_U16, PATTERN_U32
from drivers.wire.encoding import Block
from drivers.wire.handshake import ARG_COUNT, HEARTBEAT_PERIOD_S, command_crc

_PATTERN = {"pattern_u32": PATTERN_U32, "pattern_um": PATTERN_I32_UM, "pattern_u16": PATTERN_U16}
_CONTROL = struct.Struct(">" + "".join(quantity.kind.value for quantity in CONTROL.quantities))
_COMMAND = struct.Struct(f">IIH{ARG_COUNT}iH")


class ModbusDevice(CommandedDevice):
    """A device with identity, status, control and command blocks in registers."""

    def __init__(
        self,
        link: ModbusLink,
        status: Block,
        command_blocks: dict[str, Block],
        device_kind: int,
        *,
        session: int,
        serial_number: int | None = None,
        on_lost: OnLost | None = None,
        rest_period_s: float = HEARTBEAT_PERIOD_S,
    ) -> None:
        super().__init__(
            link.name, tuple(command_blocks), session=session, on_lost=on_lost, rest_period_s=rest_period_s
        )
        self._link = link
        self._status = status
        self._command_address = {name: block.address for name, block in command_blocks.items()}
        self._device_kind = device_kind
        self._serial_number = serial_number
        self._lamps = 0
        link.on_lost = self.link_lost

    async def _send_command(self, channel: str, sequence: int, code: int, counts: list[int]) -> Reading | None:
        crc = command_crc(self.session, sequence, code, counts)
        block = _COMMAND.pack(self.session, sequence, code, *counts, crc)
        await self._link.write(self._command_address[channel], block)
        return None

    async def _open_link(self) -> None:
        await self._link.connect()

    async def _close_link(self) -> None:
        await self._link.close()

    async def _identify(self, *, with_watchdog: bool) -> None:
        values = IDENTITY.unpack_bytes(await self._link.read(IDENTITY.address, IDENTITY.word_count))
        check_pattern(self.name, values, _PATTERN)
        check_identity(self.name, values, self._device_kind, self._serial_number)
        if with_watchdog:
            check_watchdog(self.name, values)

    async def _exchange_beat(self, heartbeat: int) -> Reading:
        control = _CONTROL.pack(self.session, heartbeat, self._stop_level, self._lamps)
        status = self._status
        data = await self._link.exchange(CONTROL.address, control, status.address, status.word_count)
        return ModbusReading(data, status, self._loop.time())
