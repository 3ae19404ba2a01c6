"""Devices on a serial line: the commanded ones (head, film gauge) and the simple ones (lights, board reader).

They bring lines to the handshake and know no command.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from drivers.devices.commanded_device import CommandedDevice, OnLost
from drivers.devices.identity import check_identity, check_pattern, check_watchdog
from drivers.devices.reading import Reading, SerialReading
from drivers.errors import BadReply, LinkError, LinkRefused, ReplyTimeout
from drivers.links.serial_line import SerialLine
from drivers.wire.encoding import Number, WireError
from drivers.wire.handshake import HEARTBEAT_PERIOD_S
from drivers.wire.serial_frames import IDENTITY, PATTERN_UM, Fields

IDENTIFY = "IDN"
BEAT = "BEA"
COMMAND = "CMD"
ASKS_MAX = 3


async def read_identity(line: SerialLine, device_kind: int, serial_number: int | None) -> Mapping[str, Number]:
    """Ask who is on the line. Raises WrongDevice, BadReply, LinkError."""
    values = unpack(line, IDENTITY, await line.request(IDENTIFY))
    check_pattern(line.name, values, {"pattern_um": PATTERN_UM})
    check_identity(line.name, values, device_kind, serial_number)
    return values


def unpack(line: SerialLine, declared: Fields, fields: Sequence[str]) -> dict[str, Number]:
    """Fields of a reply -> numbers. Raises BadReply when they do not follow the declaration."""
    try:
        return declared.unpack(fields)
    except WireError as error:
        raise BadReply(f"{line.name}: {error}. It was not used: read again.", device=line.name) from None


class CommandedSerialDevice(CommandedDevice):
    """A device with the command handshake on a line; every reply to BEA and CMD is its status."""

    def __init__(
        self,
        line: SerialLine,
        status: Fields,
        channel: str,
        device_kind: int,
        *,
        session: int,
        serial_number: int | None = None,
        on_lost: OnLost | None = None,
        rest_period_s: float = HEARTBEAT_PERIOD_S,
    ) -> None:
        super().__init__(line.name, (channel,), session=session, on_lost=on_lost, rest_period_s=rest_period_s)
        self._line = line
        self._status = status
        self._channel = self.channels[channel]
        self._device_kind = device_kind
        self._serial_number = serial_number
        line.on_lost = self.link_lost

    async def _send_command(self, channel: str, sequence: int, code: int, counts: list[int]) -> Reading | None:
        fields = map(str, (self.session, sequence, code, *counts))
        reading = self._read(await self._line.request(COMMAND, tuple(fields)))
        self._take(reading)
        return reading

    async def _open_link(self) -> None:
        await self._line.connect()

    async def _close_link(self) -> None:
        await self._line.close()

    async def _identify(self, *, with_watchdog: bool) -> None:
        values = await read_identity(self._line, self._device_kind, self._serial_number)
        if with_watchdog:
            check_watchdog(self.name, values)

    async def _exchange_beat(self, heartbeat: int) -> Reading:
        fields = (str(self.session), str(heartbeat), str(int(self._stop_level)))
        return self._read(await self._line.request(BEAT, fields))

    def _read(self, fields: tuple[str, ...]) -> Reading:
        try:
            return SerialReading(fields, self._status, self._loop.time())
        except (WireError, ValueError) as error:
            raise BadReply(f"{self.name}: {error}. It was not used: read again.", device=self.name) from None


class SimpleSerialDevice:
    """A device that moves nothing: it is asked and it answers, and asking twice is harmless."""

    def __init__(self, line: SerialLine, device_kind: int, serial_number: int | None = None) -> None:
        self.name = line.name
        self._line = line
        self._device_kind = device_kind
        self._serial_number = serial_number

    async def connect(self) -> None:
        """Open the line and prove who answers. Raises LinkRefused, WrongDevice, LinkError; the line is closed then."""
        try:
            try:
                await self._open()
            except LinkRefused:
                raise
            except LinkError:
                # One lost or damaged exchange is no lost device, and nothing has been commanded yet.
                await self._line.close()
                await self._open()
        except BaseException:
            await self._line.close()
            raise

    async def _open(self) -> None:
        await self._line.connect()
        await read_identity(self._line, self._device_kind, self._serial_number)

    async def close(self) -> None:
        await self._line.close()

    @property
    def is_connected(self) -> bool:
        return self._line.is_connected

    async def ask(self, verb: str, fields: Sequence[str], *, reply_timeout_s: float | None = None) -> tuple[str, ...]:
        """Ask, up to three times when a reply is lost or damaged. Raises LinkError."""
        for _ in range(ASKS_MAX - 1):
            try:
                return await self._line.request(verb, fields, reply_timeout_s=reply_timeout_s)
            except (ReplyTimeout, BadReply):
                continue
        return await self._line.request(verb, fields, reply_timeout_s=reply_timeout_s)

    def unpack(self, declared: Fields, fields: Sequence[str]) -> dict[str, Number]:
        """Raises BadReply when the fields do not follow the declaration."""
        return unpack(self._line, declared, fields)
