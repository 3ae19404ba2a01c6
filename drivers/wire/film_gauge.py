"""Frames of the film gauge: a confocal point sensor on its own small stage over the plate (serial, device kind 4)."""

from __future__ import annotations

from drivers.wire.encoding import Kind, Quantity
from drivers.wire.handshake import CommandSpec, channel_quantities
from drivers.wire.serial_frames import Fields, status_head

DEVICE_KIND = 4
CHANNEL = "gauge"
UM = 0.1  # um per count

STATUS = Fields(
    "status",
    (
        *status_head(),
        Quantity("film_present", "1 while the spot sees a surface in range", Kind.U16),
        *channel_quantities(CHANNEL),
    ),
    "answer to BEA and CMD",
)

_HEIGHT = (
    Quantity("height_um", "height over the bare plate", Kind.I32, 0.01, unit="um"),
    Quantity("quality_ratio", "share of usable signal, 0 to 1", Kind.I32, 0.001),
)
MEASURE = CommandSpec(
    "measure",
    1,
    "go to a point of the plate and measure the film height there",
    args=(
        Quantity("x_um", "point on the plate, 0 = centre", Kind.I32, UM, -30_000, 30_000, "um"),
        Quantity("y_um", "point on the plate, 0 = centre", Kind.I32, UM, -30_000, 30_000, "um"),
    ),
    evidence=_HEIGHT,
)
REFERENCE = CommandSpec("reference", 2, "measure the fixed reference step beside the plate", evidence=_HEIGHT)
COMMANDS = {CHANNEL: (MEASURE, REFERENCE)}
REFERENCE_STEP_UM = 100.0
