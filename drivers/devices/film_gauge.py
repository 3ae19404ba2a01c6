"""The film gauge: height of the film at a point of the plate, and the reference step beside it.

It measures; whether a height is good is decided above.
"""

from __future__ import annotations

import asyncio
import math
from dataclasses import dataclass

from drivers.devices.commanded_device import OnLost
from drivers.devices.serial_device import CommandedSerialDevice
from drivers.links.serial_line import SerialLine
from drivers.wire.encoding import Number
from drivers.wire.film_gauge import CHANNEL, DEVICE_KIND, MEASURE, REFERENCE, STATUS
from drivers.wire.film_gauge import REFERENCE_STEP_UM as REFERENCE_STEP_UM
from drivers.wire.handshake import HEARTBEAT_PERIOD_S, CommandSpec


@dataclass(frozen=True, slots=True)
class GaugeLimits:
    """What the stage of the gauge was set up for; used for first look and deadline."""

    stage_um_per_s: float = 100_000
    measure_s: float = 0.05
    reference_x_um: float = 35_000
    """where the reference step stands, plate coordinates"""
    way_max_um: float = 75_000
    """from the reference step to the far corner of the plate"""


@dataclass(frozen=True, slots=True)
class FilmReading:
    """Height over the bare plate, share of usable signal, and the time at which the reading came."""

    height_um: float
    quality_ratio: float
    at_s: float


class FilmGauge(CommandedSerialDevice):
    """Measures one point at a time."""

    def __init__(
        self,
        line: SerialLine,
        *,
        session: int,
        limits: GaugeLimits | None = None,
        serial_number: int | None = None,
        on_lost: OnLost | None = None,
        rest_period_s: float = HEARTBEAT_PERIOD_S,
    ) -> None:
        super().__init__(
            line,
            STATUS,
            CHANNEL,
            DEVICE_KIND,
            session=session,
            serial_number=serial_number,
            on_lost=on_lost,
            rest_period_s=rest_period_s,
        )
        self.limits = GaugeLimits() if limits is None else limits
        # Where an earlier run has left the stage is not known before the first measurement.
        self._place_um: tuple[float, float] | None = None

    async def measure(self, x_um: float, y_um: float) -> FilmReading:
        """Film height at a point of the plate, 0, 0 = centre.

        raises   NoSignal, InterlockOpen (blade or head in the way), LimitExceeded, DriverError
        """
        return await self._measure(MEASURE, (x_um, y_um), {"x_um": x_um, "y_um": y_um})

    async def reference(self) -> FilmReading:
        """Height of the fixed step: the gauge measures itself. Raises NoSignal, DriverError."""
        return await self._measure(REFERENCE, (self.limits.reference_x_um, 0.0), {})

    @property
    def is_film_present(self) -> bool:
        """The spot sees a surface in range. Raises StaleReading."""
        return self.newest().values["film_present"] == 1

    async def _measure(self, spec: CommandSpec, target_um: tuple[float, float], args: dict[str, Number]) -> FilmReading:
        way_um = self.limits.way_max_um if self._place_um is None else math.dist(self._place_um, target_um)
        self._place_um = target_um
        evidence = await self._channel.execute(
            spec, args, expected_s=way_um / self.limits.stage_um_per_s + self.limits.measure_s
        )
        return FilmReading(evidence["height_um"], evidence["quality_ratio"], asyncio.get_running_loop().time())
