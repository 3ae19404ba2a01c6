"""The dip unit: sets the blade gap and wipes the plate. Whether the film is good is measured by another device."""

from __future__ import annotations

from dataclasses import dataclass

from drivers.devices.commanded_device import OnLost
from drivers.devices.modbus_device import ModbusDevice
from drivers.errors import BadReply
from drivers.links.modbus import ModbusLink
from drivers.wire.dip_unit import CHANNEL, COMMAND_BLOCKS, DEVICE_KIND, HOME_BLADE, LEVEL, STATUS, Inputs
from drivers.wire.dip_unit import Reservoir as Reservoir
from drivers.wire.handshake import HEARTBEAT_PERIOD_S


@dataclass(frozen=True, slots=True)
class BladeLimits:
    """What the blade drive was set up for; used for first look and deadline."""

    sweep_um: float = 70_000
    """plate and overrun on both sides"""
    gap_speed_um_per_s: float = 1_000
    gap_settle_s: float = 0.1
    home_s: float = 1.0


@dataclass(frozen=True, slots=True)
class LevelEvidence:
    """Measured during the last stroke; `film_generation` is the number of the film laid."""

    gap_um: float
    film_generation: int
    stroke_time_s: float


@dataclass(frozen=True, slots=True)
class DipUnitStatus:
    """The newest status and its age."""

    reservoir: Reservoir
    plate_id: int
    plate_temperature_degc: float
    humidity_ratio: float
    gap_um: float
    film_generation: int
    plate_locked: bool
    cover_open: bool
    is_homed: bool
    age_s: float


class DipUnit(ModbusDevice):
    """Homes the blade and levels the film."""

    def __init__(
        self,
        link: ModbusLink,
        *,
        session: int,
        limits: BladeLimits | None = None,
        serial_number: int | None = None,
        on_lost: OnLost | None = None,
        rest_period_s: float = HEARTBEAT_PERIOD_S,
    ) -> None:
        super().__init__(
            link,
            STATUS,
            COMMAND_BLOCKS,
            DEVICE_KIND,
            session=session,
            serial_number=serial_number,
            on_lost=on_lost,
            rest_period_s=rest_period_s,
        )
        self._blade = self.channels[CHANNEL]
        self.limits = BladeLimits() if limits is None else limits

    async def home(self) -> None:
        """Reference the blade gap and park the blade. Raises InterlockOpen, AxisFault, DriverError."""
        await self._blade.execute(HOME_BLADE, expected_s=self.limits.home_s)

    async def level(self, gap_um: float, wipe_speed_um_per_s: float, strokes: int) -> LevelEvidence:
        """Set the gap and wipe the whole plate; the film is then new everywhere.

        raises   NotHomed, NothingThere (no material), InterlockOpen (cover, plate), LimitExceeded, DriverError
        """
        limits = self.limits
        set_s = abs(gap_um - self.last_values.get("gap_um", 0.0)) / limits.gap_speed_um_per_s + limits.gap_settle_s
        wipe_s = strokes * limits.sweep_um / wipe_speed_um_per_s
        evidence = await self._blade.execute(
            LEVEL,
            {"gap_um": gap_um, "wipe_speed_um_per_s": wipe_speed_um_per_s, "strokes": strokes},
            expected_s=set_s + wipe_s,
        )
        return LevelEvidence(evidence["gap_um"], int(evidence["film_generation"]), evidence["stroke_time_s"])

    @property
    def status(self) -> DipUnitStatus:
        """The newest status, at most 0.5 s old. Raises StaleReading; BadReply on an unknown reservoir state."""
        values = self.newest().values
        try:
            reservoir = Reservoir(int(values["reservoir"]))
        except ValueError as error:
            raise BadReply(f"{self.name}: {error}. Compare the register map versions.", device=self.name) from None
        inputs = Inputs(int(values["inputs"]))
        return DipUnitStatus(
            reservoir=reservoir,
            plate_id=int(values["plate_id"]),
            plate_temperature_degc=values["plate_temperature_degc"],
            humidity_ratio=values["humidity_ratio"],
            gap_um=values["gap_um"],
            film_generation=int(values["film_generation"]),
            plate_locked=Inputs.PLATE_LOCKED in inputs,
            cover_open=Inputs.COVER_OPEN in inputs,
            is_homed=Inputs.HOMED in inputs,
            age_s=self.age_s,
        )
