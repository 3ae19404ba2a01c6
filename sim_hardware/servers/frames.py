"""The camera end of a frame stream: triggers in, frames out.

What the picture shows is the camera device's business.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from drivers.wire.camera_frame import TRIGGER_BYTES, Trigger
from drivers.wire.encoding import WireError
from sim_hardware.servers.cable import Cable, Plug


class Exposing(Protocol):
    """What a frame server needs of a camera."""

    def expose(self, trigger: Trigger, deliver: Callable[[bytes], None]) -> None:
        """Take one picture; `deliver` gets header and payload when it has been read out."""


class FrameStream(Plug):
    """One host at a camera. Bytes that are no trigger end the connection: there is no way back into step."""

    def __init__(self, camera: Exposing, cable: Cable) -> None:
        super().__init__(cable)
        self._camera = camera

    def data_received(self, data: bytes) -> None:
        buffer = self._buffer + self._cable.arrived(self._transport, data)
        while len(buffer) >= TRIGGER_BYTES and self._transport is not None:
            try:
                trigger = Trigger.decode(buffer[:TRIGGER_BYTES])
            except WireError:
                self._transport.close()
                return
            buffer = buffer[TRIGGER_BYTES:]
            self._camera.expose(trigger, self._deliver)
        self._buffer = buffer

    def _deliver(self, frame: bytes) -> None:
        if self._transport is not None:
            self._cable.send(self._transport, frame)
