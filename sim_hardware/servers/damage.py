"""What can happen to a reply on its way to the host: lost, cut, held back, swapped, torn to pieces, wrong bits, noise.

It knows bytes and no protocol; what of a Modbus frame names number, unit and function is damaged in `modbus`.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sim_hardware.servers.cable import Cable

CUT_AFTER_S = 0.001
"""half a reply is on the wire before the reset comes: together they could reach a stream reader in one step"""
NOISE = bytes((0x00, 0xFF, 0x5A, 0x0D, 0x80, 0x31, 0x2C, 0xA5))
"""Bytes of a disturbed line: a break, idle level, a pattern, an end of line, digits that look like values."""
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


def pieces(cable: Cable, transport: asyncio.Transport, data: bytes) -> list[bytes]:
    """What leaves instead of `data`, in order; nothing where the reply is lost or kept."""
    faults, now_s, name = cable.faults, cable.loop.time(), cable.name
    if faults.active("link_silent", now_s, name) is not None or faults.strikes("reply_lost", now_s, name) is not None:
        return []
    cut = faults.strikes("reply_cut", now_s, name)
    if cut is not None:
        transport.write(data[: _count(cut.value, len(data))])
        cable.loop.call_later(CUT_AFTER_S, reset, transport)
        return []
    for kind, is_before in (("reply_held", True), ("reply_swapped", False)):
        if cable.kept is None and faults.strikes(kind, now_s, name) is not None:
            cable.kept = (data, is_before)
            return []
    leaves = _spoilt(cable, data)
    if cable.kept is not None:
        (kept, is_before), cable.kept = cable.kept, None
        return [kept, *leaves] if is_before else [*leaves, kept]
    return leaves


def _spoilt(cable: Cable, data: bytes) -> list[bytes]:
    faults, now_s, name = cable.faults, cable.loop.time(), cable.name
    short = faults.strikes("reply_truncated", now_s, name)
    if short is not None:
        data = data[: _count(short.value, len(data))]
    flipped = faults.strikes("reply_flipped", now_s, name)
    if flipped is not None:
        bit = round(flipped.value) % (8 * len(data))
        wrong = bytearray(data)
        wrong[bit // 8] ^= 1 << (bit % 8)
        data = bytes(wrong)
    noise = faults.strikes("reply_noise", now_s, name)
    if noise is not None:
        data = _noise(noise.value) + data
    padded = faults.strikes("reply_padded", now_s, name)
    if padded is not None:
        data += _noise(padded.value)
    if faults.strikes("reply_split", now_s, name) is not None:
        return [data[i : i + 1] for i in range(len(data))]
    return [data]


def _count(value: float, size: int) -> int:
    """How many bytes of a reply get through: all but the last at most."""
    return min(round(value), size - 1) if value > 0.0 else size // 2


def _noise(count: float) -> bytes:
    wanted = max(1, round(count))
    return (NOISE * (wanted // len(NOISE) + 1))[:wanted]


def reset(transport: asyncio.Transport) -> None:
    """Break a connection so that the other end sees a reset, not an orderly end."""
    sock = transport.get_extra_info("socket")
    if sock is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
    transport.abort()
