"""The light controller: ring and coaxial light of each camera and the length of the flash. It triggers nothing."""

from __future__ import annotations

from drivers.devices.serial_device import SimpleSerialDevice
from drivers.errors import DeviceError, LimitExceeded
from drivers.links.serial_line import SerialLine
from drivers.wire.encoding import WireError
from drivers.wire.lights import DEVICE_KIND, LIGHT
from drivers.wire.lights import DOWN_CAMERA as DOWN_CAMERA
from drivers.wire.lights import UP_CAMERA as UP_CAMERA

SET = "SET"
TOLERANCE_RATIO = 0.02  # what the controller measures against what was set


class Lights(SimpleSerialDevice):
    """Setting a light twice is harmless."""

    def __init__(self, line: SerialLine, *, serial_number: int | None = None) -> None:
        super().__init__(line, DEVICE_KIND, serial_number)

    async def set(self, camera: int, ring_ratio: float, coax_ratio: float, strobe_s: float) -> None:
        """Set the channels of one camera (1 up, 2 down), 0 to 1, and the flash.

        raises   LimitExceeded, DeviceError when the controller measures another light than was set, LinkError
        """
        wanted = {"camera": camera, "ring_ratio": ring_ratio, "coax_ratio": coax_ratio, "strobe_s": strobe_s}
        try:
            fields = LIGHT.pack(wanted)
        except WireError as error:
            raise LimitExceeded(f"{self.name}: light was not set: {error}.", device=self.name, command=SET) from None
        measured = self.unpack(LIGHT, await self.ask(SET, fields))
        worst_ratio = max(abs(measured[name] - wanted[name]) for name in ("ring_ratio", "coax_ratio"))
        if measured["camera"] != camera or worst_ratio > TOLERANCE_RATIO:
            raise DeviceError(
                f"{self.name}: camera {measured['camera']} has ring {measured['ring_ratio']:.3f}, "
                f"coax {measured['coax_ratio']:.3f}; wanted camera {camera} {ring_ratio:.3f}, {coax_ratio:.3f}, "
                f"allowed +-{TOLERANCE_RATIO}. Check lamp and cable.",
                device=self.name,
                command=SET,
                details=measured,
            )
