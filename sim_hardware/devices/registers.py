"""What every Modbus device of the cell shares: identity, host control, command blocks, as registers in bytes.

Framing is the server's business; what is measured and what a command does is that of the single device.
"""

from __future__ import annotations

import struct
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from drivers.wire.common import (
    CONTROL,
    CONTROL_ADDRESS,
    IDENTITY,
    IDENTITY_ADDRESS,
    MAP_VERSION,
    PATTERN_I32_UM,
    PATTERN_U16,
    PATTERN_U32,
    STATUS_ADDRESS,
)
from drivers.wire.encoding import Block, Number, crc16
from drivers.wire.handshake import ARG_COUNT, WatchdogAction
from sim_hardware.devices.handshake import CommandChannel, DeviceCore
from sim_hardware.faults import Faults

if TYPE_CHECKING:
    from sim_hardware.plant import Plant

ILLEGAL_FUNCTION, ILLEGAL_ADDRESS, ILLEGAL_VALUE, DEVICE_FAILURE = 1, 2, 3, 4

_CONTROL = struct.Struct(">IHHH")
_COMMAND = struct.Struct(f">IIH{ARG_COUNT}iH")
_HEAD = struct.Struct(">HIHH")
_BEATS_PER_S = 100


class ModbusFault(Exception):
    """A request that the device answers with an exception code."""

    def __init__(self, code: int) -> None:
        super().__init__(f"Modbus exception {code}")
        self.code = code


def watchdog_fields(faults: Faults, now_s: float, device: str) -> dict[str, Number]:
    """What a device says of its dead-man, which a person may have switched off or set to go on."""
    fault = faults.active("watchdog_off", now_s, device)
    if fault is None:
        return {"watchdog_action": int(WatchdogAction.STOP), "watchdog_runs": 1}
    goes_on = fault.value == 1.0
    return {
        "watchdog_action": int(WatchdogAction.CONTINUE if goes_on else WatchdogAction.OFF),
        "watchdog_runs": int(goes_on),
    }


class RegisterMemory(Protocol):
    """What a Modbus server needs of a device. Register contents are big-endian bytes."""

    unit: int

    def read(self, address: int, count: int) -> bytes:
        """Raises ModbusFault."""

    def write(self, address: int, data: bytes) -> None:
        """Raises ModbusFault."""


class RegisterDevice(ABC):
    """Base of a Modbus device.

    A subclass makes its channels, calls `add_channel` for each and implements `measured`.
    """

    def __init__(self, plant: Plant, name: str, unit: int, device_kind: int, serial_number: int, status: Block) -> None:
        self.plant = plant
        self.name = name
        self.unit = unit
        self.core = DeviceCore(plant.loop, plant.boot_ids(name), name=name, faults=plant.faults)
        self.tower_light = 0
        self._device_kind = device_kind
        self._serial_number = serial_number
        self._status_words = status.word_count
        self._scan = 0
        self._frozen: bytes | None = None
        self._frozen_echo: int | None = None
        self._control_bytes = bytes(_CONTROL.size)
        self._channels: tuple[CommandChannel, ...] = ()
        self._command_blocks: dict[int, CommandChannel] = {}
        self._readers: dict[int, tuple[int, Callable[[], bytes]]] = {
            IDENTITY_ADDRESS: (IDENTITY.word_count, self._identity),
            STATUS_ADDRESS: (self._status_words, self._status),
            CONTROL_ADDRESS: (CONTROL.word_count, lambda: self._control_bytes),
        }

    def add_channel(self, channel: CommandChannel, block: Block) -> None:
        """Channels stand in the status block in the order of these calls."""
        self._channels += (channel,)
        self._command_blocks[block.address] = channel

    @abstractmethod
    def measured(self) -> bytes:
        """The device's own quantities of the status block, between the common head and the channels."""

    # -- from the server ----------------------------------------------------------------------------------------

    def read(self, address: int, count: int) -> bytes:
        """Registers of one block, or a part of it. A reading is one scan: never torn."""
        entry = self._readers.get(address)
        if entry is not None and count == entry[0]:
            return entry[1]()
        for start, (words, fetch) in self._readers.items():
            if start <= address and address + count <= start + words:
                return fetch()[2 * (address - start) : 2 * (address - start + count)]
        raise ModbusFault(ILLEGAL_ADDRESS)

    def write(self, address: int, data: bytes) -> None:
        """A command block must come whole; control registers may also be written one by one."""
        channel = self._command_blocks.get(address)
        if channel is not None:
            if len(data) != _COMMAND.size:
                raise ModbusFault(ILLEGAL_VALUE)
            session, seq, code, *args, crc = _COMMAND.unpack(data)
            channel.offer(session, seq, code, args, crc_ok=crc16(data[:-2]) == crc)
            return
        offset = 2 * (address - CONTROL_ADDRESS)
        if not (offset >= 0 and offset + len(data) <= _CONTROL.size):
            raise ModbusFault(ILLEGAL_ADDRESS)
        old = self._control_bytes
        self._control_bytes = old[:offset] + data + old[offset + len(data) :]
        session, heartbeat, stop_request, tower_light = _CONTROL.unpack(self._control_bytes)
        if self.core.beat(session, heartbeat, stop_request):
            self.tower_light = tower_light

    # -- blocks -------------------------------------------------------------------------------------------------

    def _identity(self) -> bytes:
        faults, now_s = self.plant.faults, self.plant.now()
        values = {
            "pattern_u32": PATTERN_U32,
            "pattern_um": PATTERN_I32_UM,
            "pattern_u16": PATTERN_U16,
            "map_version": MAP_VERSION,
            "device_kind": self._device_kind,
            "serial_number": self._serial_number + (faults.active("identity_wrong", now_s, self.name) is not None),
            "watchdog_limit_s": self.core.watchdog_limit_s,
            **watchdog_fields(faults, now_s, self.name),
        }
        words = IDENTITY.pack(values)
        data = struct.pack(f">{len(words)}H", *words)
        if faults.active("words_swapped", now_s, self.name) is not None:
            # The long numbers at the head of the block; a device with another word order turns every one of them.
            data = data[2:4] + data[0:2] + data[6:8] + data[4:6] + data[8:]
        return data

    def _status(self) -> bytes:
        if self.plant.faults.active("status_frozen", self.plant.now(), self.name) is not None:
            if self._frozen is None:
                self._frozen = self._scanned()
            return self._frozen
        self._frozen = None
        faults = self.plant.faults
        if not faults.are_none and faults.strikes("status_torn", self.plant.now(), self.name) is not None:
            old, new = self._scanned(), self._scanned()
            half = len(old) // 2
            return old[:half] + new[half:]
        return self._scanned()

    def _echo(self) -> int:
        frozen = not self.plant.faults.are_none and self.plant.faults.active("echo_frozen", self.plant.now(), self.name)
        if not frozen:
            self._frozen_echo = None
            return self.core.host_heartbeat
        if self._frozen_echo is None:
            self._frozen_echo = self.core.host_heartbeat
        return self._frozen_echo

    def _scanned(self) -> bytes:
        core = self.core
        self._scan = scan = (self._scan + 1) & 0xFFFF
        beats = int(core.loop.time() * _BEATS_PER_S) & 0xFFFF
        return b"".join(
            (
                _HEAD.pack(scan, core.boot_id, beats, self._echo()),
                self.measured(),
                *[channel.packed() for channel in self._channels],
                scan.to_bytes(2, "big"),
            )
        )

    def reboot(self) -> None:
        """Power off and on."""
        self._control_bytes = bytes(_CONTROL.size)
        self._scan = 0
        self.core.reboot()
