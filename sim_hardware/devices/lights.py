"""The light controller behind its serial line: what is set, and therefore what a camera sees by.

How a light looks in a picture is the business of the optics.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from drivers.wire.lights import DEVICE_KIND, DOWN_CAMERA, LIGHT, UP_CAMERA
from sim_hardware.devices.lines import LineDevice
from sim_hardware.optics.scenes import Light

if TYPE_CHECKING:
    from sim_hardware.plant import Plant

SERIAL_NUMBER = 5001
STROBE_AT_START_S = 0.002


class Lights(LineDevice):
    """Two cameras, two channels each. After a start all lights are off."""

    def __init__(self, plant: Plant) -> None:
        super().__init__(plant, "lights", DEVICE_KIND, SERIAL_NUMBER)
        self.core.on_reboot = self._all_off
        self._light: dict[int, Light] = {}
        self._all_off()

    def _all_off(self) -> None:
        for camera in (UP_CAMERA, DOWN_CAMERA):
            self._light[camera] = Light(ring_ratio=0.0, coax_ratio=0.0, exposure_s=STROBE_AT_START_S)

    def flash(self, camera: int, exposure_s: float) -> Light:
        """The light of one exposure: the shorter of strobe and exposure counts."""
        light = self._light[camera]
        return Light(light.ring_ratio, light.coax_ratio, min(light.exposure_s, exposure_s))

    def other(self, verb: str, fields: tuple[str, ...]) -> tuple[str, ...] | None:
        if verb != "SET":
            return None
        values = LIGHT.unpack(fields)
        reply = LIGHT.pack(values)  # refuses values outside the limits: WireError, no answer
        self._light[int(values["camera"])] = Light(
            ring_ratio=float(values["ring_ratio"]),
            coax_ratio=float(values["coax_ratio"]),
            exposure_s=float(values["strobe_s"]),
        )
        return reply
