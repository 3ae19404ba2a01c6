"""Frames of the light controller: ring and coaxial channels per camera, strobe time (serial, device kind 5).

Setting a light is idempotent, so there is no command number: the reply repeats what the controller measured.
"""

from __future__ import annotations

from drivers.wire.encoding import Kind, Quantity
from drivers.wire.serial_frames import Fields

DEVICE_KIND = 5
UP_CAMERA = 1
DOWN_CAMERA = 2

LIGHT = Fields(
    "light",
    (
        Quantity("camera", "1 up camera, 2 down camera", Kind.U16, lower=1, upper=2),
        Quantity("ring_ratio", "ring light, 0 to 1", Kind.U16, 0.001, 0, 1),
        Quantity("coax_ratio", "coaxial light, 0 to 1", Kind.U16, 0.001, 0, 1),
        Quantity("strobe_s", "length of the flash", Kind.U16, 0.000001, 0.00001, 0.02, "s"),
    ),
    "request SET and its reply: the channels of one camera",
)
