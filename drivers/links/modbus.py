"""The Modbus cable to the motion PLC (TCP) and the dip unit (RTU): one request, one reply, nothing sent twice.

It knows registers as bytes only; what they mean and when to ask again is the business of `drivers.devices`.
The only file that imports pymodbus. Its retries and its reconnecting are switched off: a repeated write could be
executed twice, and only the command handshake knows whether repeating is harmless.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import struct
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from pymodbus import FramerType
from pymodbus.client import AsyncModbusSerialClient, AsyncModbusTcpClient
from pymodbus.exceptions import ConnectionException
from pymodbus.framer.rtu import FramerRTU
from pymodbus.pdu import ModbusPDU

from drivers.errors import BadReply, LinkError, LinkLost, LinkRefused, ReplyTimeout
from drivers.links.capture import Capture
from drivers.wire.encoding import crc16

READ_HOLDING = 3
WRITE_MULTIPLE = 16
READ_WRITE_MULTIPLE = 23

REPLY_TIMEOUT_S = 0.150  # a PLC answers within 10 ms; a scan that hangs for longer is a fault
CONNECT_TIMEOUT_S = 1.0
RTU_QUIET_S = 0.100  # silence after an error, so that a late reply has come and gone before the next request
DEFAULT_BAUDRATE = 115_200


def _swapped_crc(data: bytes) -> int:
    """The sum as the library wants it: first byte on the wire high."""
    crc = crc16(bytes(data))
    return (crc & 0xFF) << 8 | crc >> 8


_NOT_NOW_CODES = (5, 6, 10, 11)  # acknowledge, busy, gateway path, gateway target: the device itself refused nothing

# The library sums an RTU frame byte by byte, a quarter of the time of an exchange; the same sum with larger tables.
FramerRTU.compute_CRC = staticmethod(_swapped_crc)  # type: ignore[method-assign]

# The library logs what this link reports as errors of its own; twice would be noise.
logging.getLogger("pymodbus").setLevel(logging.CRITICAL + 1)


_Client = AsyncModbusTcpClient | AsyncModbusSerialClient


class _Request(ModbusPDU):
    """A request whose bytes are ready; the library adds framing and transaction number."""

    def __init__(self, function_code: int, payload: bytes, unit: int) -> None:
        self.function_code = function_code
        self.dev_id = unit
        self.transaction_id = 0
        self.payload = payload

    def encode(self) -> bytes:
        return self.payload


class _Registers(ModbusPDU):
    """A reply with registers, kept as bytes. Never raises: damage is judged by the link, not in the parser."""

    rtu_byte_count_pos = 2

    def __init__(self) -> None:
        self.data: bytes = b""

    def decode(self, data: bytes) -> None:
        if data and data[0] == len(data) - 1:
            self.data = data[1:]

    def __str__(self) -> str:
        return "registers"


class _Read(_Registers):
    function_code = READ_HOLDING


class _ReadWritten(_Registers):
    function_code = READ_WRITE_MULTIPLE


class _Written(ModbusPDU):
    """The reply to a write: start address and number of registers."""

    function_code = WRITE_MULTIPLE
    rtu_frame_size = 8

    def __init__(self) -> None:
        self.data: bytes = b""

    def decode(self, data: bytes) -> None:
        self.data = data

    def __str__(self) -> str:
        return "written"


def _time_out(waiting: asyncio.Future[Any]) -> None:
    if not waiting.done():
        waiting.set_exception(TimeoutError())


def _look_at(ended: asyncio.Future[Any]) -> None:
    """An end that is news for nobody."""
    if not ended.cancelled():
        ended.exception()


class ModbusLink:
    """One unit on one connection.

    where    "tcp://host:port" (Modbus TCP), "rtu://host:port" (RTU frames over TCP), "/dev/..." (RTU on a serial port)
    on_lost  called once, at once, when an open connection ends by itself
    raises   LinkRefused, LinkLost, ReplyTimeout, BadReply
    """

    def __init__(
        self,
        where: str,
        unit: int,
        *,
        name: str,
        reply_timeout_s: float = REPLY_TIMEOUT_S,
        baudrate: int = DEFAULT_BAUDRATE,
        capture: Capture | None = None,
    ) -> None:
        self.where = where
        self.name = name
        self.on_lost: Callable[[LinkLost], None] | None = None
        self._unit = unit
        self._reply_timeout_s = reply_timeout_s
        self._baudrate = baudrate
        self._capture = capture
        self._client: _Client | None = None
        self._loop: asyncio.AbstractEventLoop
        self._is_up = False
        self._turn = asyncio.Lock()
        self._waiting: asyncio.Future[Any] | None = None
        self._quiet_until_s = 0.0
        self._is_rtu = not where.startswith("tcp:")

    @property
    def is_connected(self) -> bool:
        return self._client is not None

    async def connect(self) -> None:
        """Open the connection; an open one is closed first."""
        await self.close()
        self._loop = asyncio.get_running_loop()
        client = self._make_client()
        for reply in (_Read, _ReadWritten, _Written):
            client.register(reply)
        # A port that accepts and resets at once counts as refused; the library would call it connected.
        if not await client.connect() or not self._is_up:
            client.close()
            raise LinkRefused(
                f"{self.name}: no connection to {self.where} within {CONNECT_TIMEOUT_S:g} s. "
                "Check cable, power and address.",
                device=self.name,
            )
        self._client = client
        self._note(f"connected to {self.where}")

    async def close(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            client.close()
            self._fail_request()

    async def read(self, address: int, word_count: int) -> bytes:
        """Function code 3 -> the registers, two bytes each, big-endian."""
        data = await self._transact(READ_HOLDING, struct.pack(">HH", address, word_count), f"read 0x{address:04X}")
        return self._registers(data, word_count, address)

    async def write(self, address: int, registers: bytes) -> None:
        """Function code 16: all registers in one request."""
        head = struct.pack(">HH", address, len(registers) // 2)
        body = head + bytes((len(registers),)) + registers
        reply = await self._transact(WRITE_MULTIPLE, body, f"write 0x{address:04X}")
        if reply != head:
            raise BadReply(
                f"{self.name}: the reply to a write at 0x{address:04X} names {reply.hex()}, expected {head.hex()}. "
                "It was not used.",
                device=self.name,
            )

    async def exchange(self, write_address: int, registers: bytes, read_address: int, word_count: int) -> bytes:
        """Function code 23: write, then read, in one transaction -> the registers read."""
        head = struct.pack(">HHHHB", read_address, word_count, write_address, len(registers) // 2, len(registers))
        data = await self._transact(READ_WRITE_MULTIPLE, head + registers, "exchange")
        return self._registers(data, word_count, read_address)

    # -- one request, one reply ---------------------------------------------------------------------------------

    async def _transact(self, function_code: int, body: bytes, what: str) -> bytes:
        async with self._turn:
            if self._is_rtu:
                await self._bus_is_free()
            client = self._client
            if client is None:
                raise LinkLost(f"{self.name}: not connected to {self.where}. Connect first.", device=self.name)
            request = _Request(function_code, body, self._unit)
            waiting = self._send(client, request)
            timer = self._loop.call_later(self._reply_timeout_s, _time_out, waiting)
            try:
                # An RTU reply carries no number. If a cancelled caller ended the request, its reply would be taken
                # for that of the next one; so the request runs to its end and the caller only stops waiting.
                reply = await (asyncio.shield(waiting) if self._is_rtu else waiting)
            except asyncio.CancelledError:
                # The shield has let go of it as well: however it ends now, somebody has to look.
                waiting.add_done_callback(_look_at)
                raise
            except TimeoutError:
                raise self._timed_out(what) from None
            except ConnectionException:
                raise LinkLost(
                    f"{self.name}: the connection ended during {what}. Reconnect, then read.", device=self.name
                ) from None
            finally:
                if waiting.done():
                    timer.cancel()
        if reply.transaction_id != request.transaction_id:
            # The library takes number 0 for any number; a device that sends it is not answering this request.
            raise BadReply(
                f"{self.name}: reply number {reply.transaction_id} to {what} number {request.transaction_id}. "
                "It was not used.",
                device=self.name,
            )
        if reply.function_code == function_code:
            data: bytes = reply.data
            return data
        raise self._refused(reply, function_code, what)

    def _send(self, client: _Client, request: _Request) -> asyncio.Future[Any]:
        """Give one request to the library's framing and parsing; the time-out is ours, and there is no second try."""
        manager = client.ctx
        waiting: asyncio.Future[Any] = self._loop.create_future()
        request.transaction_id = manager.getNextTID()
        manager.response_future = self._waiting = waiting
        manager.pdu_send(request)  # also forgets what was left of an earlier reply
        return waiting

    async def _bus_is_free(self) -> None:
        """Wait for the reply to a caller that has left, and keep silent after an error."""
        if self._waiting is not None and not self._waiting.done():
            with contextlib.suppress(TimeoutError, ConnectionException):
                await asyncio.shield(self._waiting)
        rest_s = self._quiet_until_s - self._loop.time()
        if rest_s > 0:
            await asyncio.sleep(rest_s)

    def _timed_out(self, what: str) -> ReplyTimeout:
        self._quiet_until_s = self._loop.time() + RTU_QUIET_S
        self._note(f"no reply to {what}")
        return ReplyTimeout(
            f"{self.name}: no reply to {what} within {self._reply_timeout_s:g} s. "
            "It may have been obeyed: read before writing again.",
            device=self.name,
        )

    def _refused(self, reply: Any, function_code: int, what: str) -> LinkError:
        code = getattr(reply, "exception_code", 0)
        if reply.function_code != function_code | 0x80:
            return BadReply(
                f"{self.name}: reply with function code {reply.function_code} to {what} with {function_code}. "
                "It was not used.",
                device=self.name,
            )
        details = {"exception_code": code}
        if code in _NOT_NOW_CODES:
            return ReplyTimeout(
                f"{self.name}: {what} answered with Modbus exception {code} (busy or gateway). Read again.",
                device=self.name,
                details=details,
            )
        return LinkRefused(
            f"{self.name}: {what} refused with Modbus exception {code} "
            "(1 function, 2 address, 3 value, 4 device failure). Compare the register map versions.",
            device=self.name,
            details=details,
        )

    def _registers(self, data: bytes, word_count: int, address: int) -> bytes:
        if len(data) != 2 * word_count:
            raise BadReply(
                f"{self.name}: {len(data)} bytes from 0x{address:04X}, expected {2 * word_count}. They were not used.",
                device=self.name,
            )
        return data

    # -- the connection -----------------------------------------------------------------------------------------

    def _make_client(self) -> _Client:
        traces: dict[str, Any] = {"trace_connect": self._connection_changed}
        if self._capture is not None:
            traces["trace_packet"] = self._trace_packet
        common: dict[str, Any] = {"retries": 0, "reconnect_delay": 0, "timeout": CONNECT_TIMEOUT_S, "name": self.name}
        if self.where.startswith("/"):
            return AsyncModbusSerialClient(
                self.where, framer=FramerType.RTU, baudrate=self._baudrate, **common, **traces
            )
        url = urlsplit(self.where)
        if url.scheme not in ("tcp", "rtu") or not url.hostname or not url.port:
            raise LinkRefused(
                f"{self.name}: {self.where!r} is no Modbus address. Use tcp://host:port, rtu://host:port or /dev/...",
                device=self.name,
            )
        framer = FramerType.SOCKET if url.scheme == "tcp" else FramerType.RTU
        return AsyncModbusTcpClient(url.hostname, port=url.port, framer=framer, **common, **traces)

    def _connection_changed(self, is_connected: bool) -> None:
        self._is_up = is_connected
        if is_connected or self._client is None:
            return
        self._client = None
        self._note("connection lost")
        self._fail_request()
        if self.on_lost is not None:
            self.on_lost(LinkLost(f"{self.name}: connection to {self.where} lost. Reconnect.", device=self.name))

    def _fail_request(self) -> None:
        """A caller that waits shall know now, not after its time-out."""
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(ConnectionException("connection ended"))

    def _trace_packet(self, is_sent: bool, data: bytes) -> bytes:
        assert self._capture is not None
        (self._capture.sent if is_sent else self._capture.received)(self.name, data)
        return data

    def _note(self, text: str) -> None:
        if self._capture is not None:
            self._capture.note(self.name, text)
