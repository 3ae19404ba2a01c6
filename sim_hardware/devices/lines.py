"""What every serial device of the cell shares: identity, heartbeat and command frames, as fields of a line.

Framing and checksums are the server's business; what is measured and what a command does is that of the device.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from drivers.wire.common import MAP_VERSION
from drivers.wire.encoding import WireError
from drivers.wire.handshake import ARG_COUNT
from drivers.wire.serial_frames import IDENTITY, PATTERN_UM
from sim_hardware.devices.handshake import CommandChannel, DeviceCore
from sim_hardware.devices.registers import watchdog_fields

if TYPE_CHECKING:
    from sim_hardware.plant import Plant

_BEAT_FIELDS = 3
_COMMAND_FIELDS = 3 + ARG_COUNT
_JOG_FIELDS = 3


class LineDevice:
    """Base of a serial device; a subclass sets `channel` where it takes commands and overrides `measured`, `other`."""

    def __init__(self, plant: Plant, name: str, device_kind: int, serial_number: int) -> None:
        self.plant = plant
        self.name = name
        self.core = DeviceCore(plant.loop, plant.boot_ids(name), name=name, faults=plant.faults)
        self.channel: CommandChannel | None = None
        self._device_kind = device_kind
        self._serial_number = serial_number
        self._replies = 0
        self._frozen: tuple[str, ...] | None = None
        self._frozen_echo: str | None = None

    def measured(self) -> tuple[str, ...]:
        """The device's own fields of the status, between the common head and the channel, as counts in text."""
        return ()

    def other(self, verb: str, fields: tuple[str, ...]) -> tuple[str, ...] | None:
        """Answer to a verb of this device alone; None or WireError: no answer."""
        return None

    def answer(self, verb: str, fields: tuple[str, ...]) -> tuple[str, ...] | None:
        """Fields of the reply, or None for silence: a request without sense is not answered, as on a real line."""
        try:
            if verb == "BEA":
                self._beat(fields)
                return self.status()
            if verb == "CMD" and self.channel is not None:
                self._command(fields)
                return self.status()
            if verb == "JOG" and self.channel is not None:
                return self._jog(fields)
            if verb == "IDN":
                return self._identity()
            return self.other(verb, fields)
        except (WireError, ValueError):
            return None

    def _beat(self, fields: tuple[str, ...]) -> None:
        if len(fields) != _BEAT_FIELDS:
            raise WireError("beat")
        session, heartbeat, stop_request = map(int, fields)
        self.core.beat(session, heartbeat & 0xFFFF, stop_request)

    def _command(self, fields: tuple[str, ...]) -> None:
        if len(fields) != _COMMAND_FIELDS or self.channel is None:
            raise WireError("command")
        session, seq, code, *args = map(int, fields)
        self.channel.offer(session, seq, code, args)

    def _jog(self, fields: tuple[str, ...]) -> tuple[str, ...]:
        if len(fields) != _JOG_FIELDS:
            raise WireError("jog frame")
        session, number, held = map(int, fields)
        self.core.jog_frame(session, number, held == 1)
        return fields

    def status(self) -> tuple[str, ...]:
        faults = self.plant.faults
        if faults.are_none:
            self._frozen = self._frozen_echo = None
            return self._scanned(str(self.core.host_heartbeat))
        now_s = self.plant.now()
        if faults.active("status_frozen", now_s, self.name) is not None and self._frozen is not None:
            return self._frozen
        echo = str(self.core.host_heartbeat)
        if faults.active("echo_frozen", now_s, self.name) is not None:
            echo = self._frozen_echo = self._frozen_echo or echo
        self._frozen = self._scanned(echo)
        return self._frozen

    def _scanned(self, echo: str) -> tuple[str, ...]:
        core = self.core
        self._replies = (self._replies + 1) & 0xFFFF
        head = (str(core.boot_id), str(self._replies), echo)
        if self.channel is None:
            return (*head, *self.measured())
        return (*head, *self.measured(), *self.channel.fields())

    def _identity(self) -> tuple[str, ...]:
        faults, now_s = self.plant.faults, self.plant.now()
        return IDENTITY.pack(
            {
                "pattern_um": PATTERN_UM,
                "map_version": MAP_VERSION,
                "device_kind": self._device_kind,
                "serial_number": self._serial_number + (faults.active("identity_wrong", now_s, self.name) is not None),
                "boot_id": self.core.boot_id,
                "watchdog_limit_s": self.core.watchdog_limit_s,
                **watchdog_fields(faults, now_s, self.name),
            }
        )

    def reboot(self) -> None:
        """Power off and on."""
        self._replies = 0
        self.core.reboot()
