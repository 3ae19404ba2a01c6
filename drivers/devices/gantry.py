"""The gantry: X and Y of the head, and theta of the nozzle. It moves to absolute targets and knows no obstacle.

Whether a way is free (Z at the top, doors, zones) is decided above.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import hypot

from drivers.devices.motion_plc import MotionPlc
from drivers.devices.travel import AxisLimits, path_time_s
from drivers.errors import AxisFault
from drivers.wire.encoding import Number
from drivers.wire.motion_plc import HOME, HOMED_ALL, JOG_THETA, JOG_X, JOG_Y, MOVE, AxisFlags

IN_PLACE_UM = 20.0
"""a drive that has settled stands far nearer; a move that ended early, far off. Estimate"""
IN_PLACE_DEG = 0.05
JOG_MARGIN_S = 1.0
JOGS = {"x_um": JOG_X, "y_um": JOG_Y, "theta_deg": JOG_THETA}


@dataclass(frozen=True, slots=True)
class GantryPosition:
    """Where the encoders say that the gantry stands."""

    x_um: float
    y_um: float
    theta_deg: float


@dataclass(frozen=True, slots=True)
class GantryLimits:
    """What the drives were set up for; used for speeds, first look and deadline."""

    speed_um_per_s: float = 1_500_000
    accel_um_per_s2: float = 20_000_000
    jerk_um_per_s3: float = 800_000_000
    theta_speed_deg_per_s: float = 1_500
    theta_accel_deg_per_s2: float = 20_000
    theta_jerk_deg_per_s3: float = 800_000
    settle_s: float = 0.030
    home_speed_um_per_s: float = 250_000
    home_search_s: float = 0.8
    """slow search of the switches, after the way to them; estimate"""
    home_longest_s: float = 6.0
    """from the far corner, with a position that is not to be trusted"""
    axes: tuple[AxisLimits, AxisLimits, AxisLimits] = field(init=False)

    def __post_init__(self) -> None:
        plane = AxisLimits(self.speed_um_per_s, self.accel_um_per_s2, self.jerk_um_per_s3)
        turn = AxisLimits(self.theta_speed_deg_per_s, self.theta_accel_deg_per_s2, self.theta_jerk_deg_per_s3)
        object.__setattr__(self, "axes", (plane, plane, turn))


class Gantry:
    """Moves the head over the cell."""

    def __init__(self, plc: MotionPlc, limits: GantryLimits | None = None) -> None:
        self._plc = plc
        self._channel = plc.channels["gantry"]
        self.limits = GantryLimits() if limits is None else limits
        self._stands_at: GantryPosition | None = None

    async def home(self) -> GantryPosition:
        """Reference X, Y and theta; Z must be at the top.

        raises   InterlockOpen, AxisFault, DeviceStopped, WatchdogBit, OutcomeUnknown, LinkError
        """
        limits = self.limits
        start = self._start()
        self._stands_at = None
        way = (start.x_um, start.y_um, start.theta_deg)
        expected_s = path_time_s(way, limits.axes, speed_per_s=limits.home_speed_um_per_s) + limits.home_search_s
        evidence = await self._channel.execute(HOME, expected_s=expected_s, deadline_s=limits.home_longest_s)
        return self._reached(GantryPosition(0.0, 0.0, 0.0), evidence, HOME.name)

    async def move_to(
        self,
        x_um: float,
        y_um: float,
        theta_deg: float,
        *,
        speed_um_per_s: float | None = None,
        accel_um_per_s2: float | None = None,
    ) -> GantryPosition:
        """Move all three axes together to an absolute target and wait until they have settled.

        returns  the position reached
        raises   NotHomed, LimitExceeded, InterlockOpen, AxisFault, DeviceStopped, WatchdogBit, OutcomeUnknown,
                 LinkError
        """
        limits = self.limits
        speed = limits.speed_um_per_s if speed_um_per_s is None else speed_um_per_s
        accel = limits.accel_um_per_s2 if accel_um_per_s2 is None else accel_um_per_s2
        target = GantryPosition(x_um, y_um, theta_deg)
        start = self._start()
        expected_s = self.travel_time_s(start, target, speed_um_per_s=speed, accel_um_per_s2=accel)
        self._stands_at = None  # until the end is known, only the encoders know
        evidence = await self._channel.execute(
            MOVE,
            {"x_um": x_um, "y_um": y_um, "theta_deg": theta_deg, "speed_um_per_s": speed, "accel_um_per_s2": accel},
            expected_s=expected_s,
        )
        return self._reached(target, evidence, MOVE.name)

    async def jog_to(self, axis: str, target: float, speed_per_s: float, frame: int) -> GantryPosition:
        """Move one axis alone towards an absolute target, as long as the device hears jog frames.

        axis        x_um, y_um or theta_deg; target and speed are in its unit
        frame       number of the frame with which the button was pressed; the later ones go by `send_jog_frame`
        returns     the position, where the target was reached
        raises      DeviceStopped when the button was let go, WatchdogBit when the device heard no frame; as `move_to`
        """
        speed_name = "speed_deg_per_s" if axis == "theta_deg" else "speed_um_per_s"
        self._stands_at = None
        way = abs(target - getattr(self.position, axis))
        evidence = await self._channel.execute(
            JOGS[axis],
            {axis: target, speed_name: speed_per_s, "frame": frame},
            expected_s=0.0,  # a hand may let go at any time: look often
            deadline_s=1.5 * way / speed_per_s + JOG_MARGIN_S,
        )
        return GantryPosition(**evidence)

    def _reached(self, target: GantryPosition, evidence: dict[str, Number], command: str) -> GantryPosition:
        """Done is done only where the encoders agree: a drive may report too early, an encoder may stand still."""
        at = GantryPosition(**evidence)
        away_um = hypot(at.x_um - target.x_um, at.y_um - target.y_um)
        turned_deg = abs(at.theta_deg - target.theta_deg)
        if not (away_um <= IN_PLACE_UM and turned_deg <= IN_PLACE_DEG):
            raise AxisFault(
                f"{self._plc.name}: {command} was reported as done {away_um:.0f} um and {turned_deg:.2f} deg off its "
                f"target, allowed {IN_PLACE_UM:.0f} um and {IN_PLACE_DEG} deg. Look at the axis, then home.",
                device=self._plc.name,
                command=command,
                details={"away_um": away_um, "turned_deg": turned_deg},
            )
        self._stands_at = at
        return at

    def travel_time_s(
        self,
        start: GantryPosition,
        target: GantryPosition,
        *,
        speed_um_per_s: float | None = None,
        accel_um_per_s2: float | None = None,
    ) -> float:
        """Time from rest to settled, s, from the axis limits."""
        limits = self.limits
        way = (target.x_um - start.x_um, target.y_um - start.y_um, target.theta_deg - start.theta_deg)
        moving_s = path_time_s(
            way,
            limits.axes,
            speed_per_s=limits.speed_um_per_s if speed_um_per_s is None else speed_um_per_s,
            accel_per_s2=limits.accel_um_per_s2 if accel_um_per_s2 is None else accel_um_per_s2,
        )
        return moving_s + limits.settle_s

    @property
    def position(self) -> GantryPosition:
        """Measured position, at most 0.5 s old. Raises StaleReading."""
        values = self._plc.newest().values
        return GantryPosition(values["x_um"], values["y_um"], values["theta_deg"])

    @property
    def is_homed(self) -> bool:
        """All three axes have a trusted position. Raises StaleReading."""
        return self._flags() & HOMED_ALL == HOMED_ALL

    @property
    def has_fault(self) -> bool:
        """A drive has tripped; homing is needed. Raises StaleReading."""
        return bool(self._flags() & AxisFlags.FAULT)

    def _flags(self) -> AxisFlags:
        return AxisFlags(int(self._plc.newest().values["axis_flags"]))

    def _start(self) -> GantryPosition:
        """Where a move starts, for the estimate of its time."""
        if self._stands_at is not None:
            return self._stands_at
        values = self._plc.last_values
        return GantryPosition(values.get("x_um", 0.0), values.get("y_um", 0.0), values.get("theta_deg", 0.0))
