"""The Modbus cable to the motion PLC (TCP) and the dip unit (RTU): one request, one reply, nothing sent twice.

It knows registers as bytes only; what they mean and when to ask again is the business of `drivers.devices`.
The only file that imports pymodbus. Its retries and its reconnecting are switched off: a repeated write could be
executed twice, and only the command handshake knows whether repeating is harmless.
"""

from __future__ import annotations

import asyncio
import logging
import struct
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from pymodbus import FramerType
from pymodbus.client import AsyncModbusSerialClient, AsyncModbusTcpClient
from pymodbus.exceptions import ConnectionException, ModbusException
from pymodbus.pdu import ModbusPDU

from drivers.errors import BadReply, LinkError, LinkLost, LinkRefused, ReplyTimeout
from drivers.links.capture import Capture

READ_HOLDING = 3
WRITE_MULTIPLE = 16
READ_WRITE_MULTIPLE = 23

REPLY_TIMEOUT_S = 0.150  # a PLC answers within 10 ms; a scan that hangs for longer is a fault
CONNECT_TIMEOUT_S = 1.0
RTU_QUIET_S = 0.150  # silence after an error, so that a late reply has come and gone before the next request
DEFAULT_BAUDRATE = 115_200

_NOT_NOW_CODES = (5, 6, 10, 11)  # acknowledge, busy, gateway path, gateway target: the device itself refused nothing

# The library logs what this link reports as errors of its own; twice would be noise.
logging.getLogger("pymodbus").setLevel(logging.CRITICAL + 1)


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
        self._client: AsyncModbusTcpClient | AsyncModbusSerialClient | None = None
        self._is_up = False
        self._turn = asyncio.Lock()
        self._in_flight = False
        self._quiet_until_s = 0.0
        self._is_rtu = not where.startswith("tcp:")
        self._bus_jobs: list[asyncio.Task[bytes]] = []

    @property
    def is_connected(self) -> bool:
        return self._client is not None

    async def connect(self) -> None:
        """Open the connection; an open one is closed first."""
        await self.close()
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
        # The library knows one time for connecting and for replies; from here on it is the one for replies.
        client.ctx.comm_params.timeout_connect = self._reply_timeout_s
        self._client = client
        self._note(f"connected to {self.where}")

    async def close(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            client.close()
            self._fail_request(client)
        if self._bus_jobs:
            await asyncio.gather(*self._bus_jobs, return_exceptions=True)

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
        if not self._is_rtu:
            return await self._execute(function_code, body, what)
        # An RTU reply carries no number. If a cancelled caller ended the request, its reply would be taken for the
        # next one, so the bus finishes every request and a caller can only stop waiting for it.
        job = asyncio.get_running_loop().create_task(self._execute(function_code, body, what), name=f"{self.name} bus")
        self._bus_jobs.append(job)
        job.add_done_callback(self._bus_job_done)
        return await asyncio.shield(job)

    def _bus_job_done(self, job: asyncio.Task[bytes]) -> None:
        self._bus_jobs.remove(job)
        if not job.cancelled():
            job.exception()  # a caller that has left does not want to hear of it

    async def _execute(self, function_code: int, body: bytes, what: str) -> bytes:
        async with self._turn:
            if self._quiet_until_s:
                await self._keep_quiet()
            client = self._client
            if client is None:
                raise LinkLost(f"{self.name}: not connected to {self.where}. Connect first.", device=self.name)
            self._in_flight = True
            request = _Request(function_code, body, self._unit)
            reply: Any
            try:
                reply = await client.execute(False, request)
            except ModbusException as error:
                raise self._failed(client, what, error) from None
            finally:
                self._in_flight = False
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

    async def _keep_quiet(self) -> None:
        rest_s = self._quiet_until_s - asyncio.get_running_loop().time()
        self._quiet_until_s = 0.0
        if rest_s > 0:
            await asyncio.sleep(rest_s)

    def _failed(self, client: object, what: str, error: ModbusException) -> LinkError:
        if self._client is not client or isinstance(error, ConnectionException):
            return LinkLost(f"{self.name}: the connection ended during {what}. Reconnect, then read.", device=self.name)
        if self._is_rtu:
            self._quiet_until_s = asyncio.get_running_loop().time() + RTU_QUIET_S
        self._note(f"{what}: {error}")
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

    def _make_client(self) -> AsyncModbusTcpClient | AsyncModbusSerialClient:
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
        client = self._client
        if is_connected or client is None:
            return
        self._client = None
        self._note("connection lost")
        self._fail_request(client)
        if self.on_lost is not None:
            self.on_lost(LinkLost(f"{self.name}: connection to {self.where} lost. Reconnect.", device=self.name))

    def _fail_request(self, client: AsyncModbusTcpClient | AsyncModbusSerialClient) -> None:
        """The library would wait for its time-out; the caller shall know now."""
        waiting = client.ctx.response_future
        if self._in_flight and not waiting.done():
            waiting.set_exception(ModbusException("connection lost"))

    def _trace_packet(self, is_sent: bool, data: bytes) -> bytes:
        assert self._capture is not None
        (self._capture.sent if is_sent else self._capture.received)(self.name, data)
        return data

    def _note(self, text: str) -> None:
        if self._capture is not None:
            self._capture.note(self.name, text)
