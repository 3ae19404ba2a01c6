"""The device end of a Modbus wire, TCP or RTU frames in a stream, written from the public specification.

It knows framing, function codes and exceptions; what a register means is the device's business.
Source: MODBUS Application Protocol Specification V1.1b3; MODBUS Messaging on TCP/IP V1.0b; MODBUS over Serial Line
V1.02 (modbus.org).
"""

from __future__ import annotations

import struct

from drivers.wire.encoding import crc16
from sim_hardware.devices.registers import (
    DEVICE_FAILURE,
    ILLEGAL_FUNCTION,
    ILLEGAL_VALUE,
    ModbusFault,
    RegisterMemory,
)
from sim_hardware.servers.cable import Cable, Plug

READ_HOLDING, READ_INPUT, WRITE_ONE, WRITE_MANY, READ_WRITE = 3, 4, 6, 16, 23
READ_LIMIT, WRITE_LIMIT, READ_WRITE_LIMIT = 125, 123, 121
BROADCAST_UNIT = 0
ANY_UNIT = 0xFF

_MBAP = struct.Struct(">HHHB")
_TWO = struct.Struct(">HH")
_WRITE_MANY = struct.Struct(">HHB")
_READ_WRITE = struct.Struct(">HHHHB")
MBAP_LENGTHS = range(2, 255)
"""unit and PDU; the PDU has at most 253 bytes"""
RTU_SILENCE_S = 0.050
"""a frame that stands incomplete this long is forgotten; far above 1.5 characters, as bytes come through a network"""


def execute(memory: RegisterMemory, pdu: bytes) -> bytes:
    """One request PDU -> one reply PDU, exceptions included."""
    code = pdu[0]
    try:
        return bytes((code,)) + _reply(memory, code, pdu)
    except ModbusFault as fault:
        return bytes((code | 0x80, fault.code))


def _reply(memory: RegisterMemory, code: int, pdu: bytes) -> bytes:
    if code in (READ_HOLDING, READ_INPUT):
        if len(pdu) != 5:
            raise ModbusFault(ILLEGAL_VALUE)
        address, count = _TWO.unpack_from(pdu, 1)
        return _read(memory, address, count, READ_LIMIT)
    if code == READ_WRITE:
        if len(pdu) < 10:
            raise ModbusFault(ILLEGAL_VALUE)
        address, count, to, words, size = _READ_WRITE.unpack_from(pdu, 1)
        if not 1 <= count <= READ_LIMIT:
            raise ModbusFault(ILLEGAL_VALUE)
        memory.write(to, _data(pdu, 10, words, size, READ_WRITE_LIMIT))
        return _read(memory, address, count, READ_LIMIT)
    if code == WRITE_MANY:
        if len(pdu) < 6:
            raise ModbusFault(ILLEGAL_VALUE)
        address, words, size = _WRITE_MANY.unpack_from(pdu, 1)
        memory.write(address, _data(pdu, 6, words, size, WRITE_LIMIT))
        return pdu[1:5]
    if code == WRITE_ONE:
        if len(pdu) != 5:
            raise ModbusFault(ILLEGAL_VALUE)
        memory.write(_TWO.unpack_from(pdu, 1)[0], pdu[3:5])
        return pdu[1:5]
    raise ModbusFault(ILLEGAL_FUNCTION)


def _read(memory: RegisterMemory, address: int, count: int, limit: int) -> bytes:
    if not 1 <= count <= limit:
        raise ModbusFault(ILLEGAL_VALUE)
    data = memory.read(address, count)
    return bytes((len(data),)) + data


def _data(pdu: bytes, offset: int, words: int, size: int, limit: int) -> bytes:
    if not 1 <= words <= limit or size != 2 * words or len(pdu) != offset + size:
        raise ModbusFault(ILLEGAL_VALUE)
    return pdu[offset:]


class _ModbusProtocol(Plug):
    """What both framings share: one connection of one host to one device."""

    def __init__(self, memory: RegisterMemory, cable: Cable) -> None:
        super().__init__(cable)
        self._memory = memory

    def _executed(self, pdu: bytes) -> bytes:
        faults = self._cable.faults
        if faults.are_none:
            return execute(self._memory, pdu)
        now_s, name = self._cable.loop.time(), self._cable.name
        failure = faults.strikes("device_failure", now_s, name)
        if failure is not None:
            return bytes((pdu[0] | 0x80, round(failure.value) or DEVICE_FAILURE))
        reply = execute(self._memory, pdu)
        wrong = faults.active("reply_wrong_unit", now_s, name)
        if wrong is not None and wrong.value and faults.strikes("reply_wrong_unit", now_s, name) is not None:
            # Function 3 is answered as 4 and the other way round: same form, another meaning.
            return bytes((reply[0] ^ 0x07,)) + reply[1:]
        return reply

    def _named(self, unit: int) -> int:
        """The unit that the reply names."""
        faults, now_s, name = self._cable.faults, self._cable.loop.time(), self._cable.name
        wrong = None if faults.are_none else faults.active("reply_wrong_unit", now_s, name)
        if wrong is None or wrong.value or faults.strikes("reply_wrong_unit", now_s, name) is None:
            return unit
        return unit + 1

    def _numbered(self, transaction: int) -> int:
        """The transaction number that the reply carries."""
        faults = self._cable.faults
        if faults.are_none or not faults.strikes("reply_wrong_number", self._cable.loop.time(), self._cable.name):
            return transaction
        return (transaction - 1) & 0xFFFF


class ModbusTcp(_ModbusProtocol):
    """MBAP framing. Requests may come split or several in one packet; they are answered in order."""

    def data_received(self, data: bytes) -> None:
        data = self._cable.arrived(self._transport, data)
        buffer = self._buffer + data if self._buffer else data
        while len(buffer) >= _MBAP.size and self._transport is not None:
            transaction, protocol, length, unit = _MBAP.unpack_from(buffer)
            if protocol != 0 or length not in MBAP_LENGTHS:
                # Without a trustworthy length there is no way back into step: only a new connection helps.
                self._transport.close()
                return
            end = 6 + length
            if len(buffer) < end:
                break
            pdu, buffer = buffer[7:end], buffer[end:]
            if unit in (self._memory.unit, BROADCAST_UNIT, ANY_UNIT):
                reply = self._executed(pdu)
                if self._transport is not None:
                    head = _MBAP.pack(self._numbered(transaction), 0, len(reply) + 1, self._named(unit))
                    self._cable.send(self._transport, head + reply)
        self._buffer = buffer


class ModbusRtu(_ModbusProtocol):
    """RTU framing with CRC in a byte stream. A damaged frame is ignored in silence, and all bytes with it."""

    def __init__(self, memory: RegisterMemory, cable: Cable) -> None:
        super().__init__(memory, cable)
        self._last_byte_s = 0.0

    def data_received(self, data: bytes) -> None:
        now = self._cable.loop.time()
        data = self._cable.arrived(self._transport, data)
        if self._buffer and now - self._last_byte_s > RTU_SILENCE_S:
            self._buffer = b""
        self._last_byte_s = now
        buffer = self._buffer + data if self._buffer else data
        while buffer and self._transport is not None:
            end = rtu_length(buffer)
            if end is None or len(buffer) < end:
                break
            frame, buffer = buffer[:end], buffer[end:]
            if len(frame) < 4 or crc16(frame[:-2]) != int.from_bytes(frame[-2:], "little"):
                buffer = b""
                break
            self._answer(frame)
        self._buffer = buffer

    def _answer(self, frame: bytes) -> None:
        unit = frame[0]
        if unit not in (self._memory.unit, BROADCAST_UNIT):
            return
        reply = self._executed(frame[1:-2])
        if unit != BROADCAST_UNIT and self._transport is not None:
            body = bytes((self._named(unit),)) + reply
            self._cable.send(self._transport, body + crc16(body).to_bytes(2, "little"))


def rtu_length(buffer: bytes) -> int | None:
    """Length of the request frame that begins here, CRC included; None while it cannot be told yet.

    A function code that is not served has no known length: everything at hand counts as the frame.
    """
    if len(buffer) < 2:
        return None
    code = buffer[1]
    if code in (READ_HOLDING, READ_INPUT, WRITE_ONE):
        return 8
    if code == WRITE_MANY:
        return 9 + buffer[6] if len(buffer) > 6 else None
    if code == READ_WRITE:
        return 13 + buffer[10] if len(buffer) > 10 else None
    return len(buffer)
