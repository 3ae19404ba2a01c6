"""The placement head: Z, force, contact stop, nozzle vacuum, force-Z curve.

It hands whole profiles to the drive, which runs the fast loop and stops itself; what a contact means is decided above.
"""

from __future__ import annotations

from dataclasses import dataclass

from drivers.devices.commanded_device import SILENCE_LIMIT_S, OnLost
from drivers.devices.serial_device import CommandedSerialDevice
from drivers.devices.travel import AxisLimits, travel_time_s
from drivers.errors import BadReply, DriverError, InterlockOpen, NoSignal, ReplyTimeout
from drivers.links.serial_line import SerialLine
from drivers.wire.handshake import HEARTBEAT_PERIOD_S
from drivers.wire.head import (
    CHANNEL,
    CURVE_POINTS_PER_FRAME,
    CURVE_REQUEST,
    DEVICE_KIND,
    HOME_Z,
    JOG_FRAME,
    JOG_Z,
    LIFT,
    MOVE_Z,
    PRESS,
    STATUS,
    TARE,
    VACUUM_OFF,
    VACUUM_ON,
    Flags,
    decode_curve,
)

CURVE = "CRV"
CURVE_READS_MAX = 3
CURVE_POINTS = 256
JOG = "JOG"
JOG_MARGIN_S = 1.0


@dataclass(frozen=True, slots=True)
class HeadLimits:
    """What the Z drive was set up for; used for speeds, first look and deadline."""

    speed_um_per_s: float = 800_000
    accel_um_per_s2: float = 20_000_000
    jerk_um_per_s3: float = 2_000_000_000
    settle_s: float = 0.005
    force_build_up_s: float = 0.020
    """from contact to the force to hold, estimate"""
    home_speed_um_per_s: float = 100_000
    home_search_s: float = 0.2
    """slow search of the switch at the top"""
    vacuum_on_s: float = 0.060
    """about three time constants of nozzle and hose, estimate"""
    vacuum_off_s: float = 0.060
    tare_s: float = 0.050
    """time for enough force samples for offset and noise"""


@dataclass(frozen=True, slots=True)
class PressProfile:
    """Fast to z_fast, slowly on until contact, then press to a force or go to a depth, hold.

    z_early_um       contact above this is early and stops
    z_limit_um       deepest Z allowed
    contact_force_n  force that counts as contact; 0 = go to z_limit and hold there
    """

    z_fast_um: float
    z_early_um: float
    z_limit_um: float
    approach_um_per_s: float
    contact_force_n: float
    hold_force_n: float
    hold_s: float
    force_limit_n: float


@dataclass(frozen=True, slots=True)
class LiftProfile:
    """Leave slowly to z_slow, then fast to z_end."""

    z_slow_um: float
    slow_um_per_s: float
    z_end_um: float
    speed_um_per_s: float


@dataclass(frozen=True, slots=True)
class MoveEvidence:
    z_um: float
    force_n: float


@dataclass(frozen=True, slots=True)
class PressEvidence:
    """Measured by the drive during a press."""

    contact_z_um: float
    end_z_um: float
    peak_force_n: float
    hold_force_n: float
    hold_s: float


@dataclass(frozen=True, slots=True)
class LiftEvidence:
    """`pull_force_n` is positive against the lift; the vacuum tells whether the part came along."""

    z_um: float
    pull_force_n: float
    vacuum_kpa: float


@dataclass(frozen=True, slots=True)
class VacuumEvidence:
    """Gauge pressure reached, below 0 is vacuum, and the time it took."""

    vacuum_kpa: float
    time_s: float


@dataclass(frozen=True, slots=True)
class TareEvidence:
    """A dead force sensor shows no noise."""

    offset_n: float
    noise_n: float


@dataclass(frozen=True, slots=True)
class ForceCurve:
    """Force over Z since the last press or lift began, equally spaced in time."""

    z_um: tuple[float, ...]
    force_n: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class HeadStatus:
    """The newest status and its age."""

    z_um: float
    force_n: float
    vacuum_kpa: float
    flags: Flags
    nozzle_id: int
    age_s: float

    @property
    def is_homed(self) -> bool:
        """Z is referenced, by the drive's own word."""
        return Flags.HOMED in self.flags

    @property
    def is_valve_open(self) -> bool:
        """The nozzle is connected to the vacuum supply."""
        return Flags.VACUUM_ON in self.flags


class Head(CommandedSerialDevice):
    """All verbs raise DriverError only; what can end a press is NoContact, EarlyContact, ForceLimitExceeded."""

    def __init__(
        self,
        line: SerialLine,
        *,
        session: int,
        limits: HeadLimits | None = None,
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
        self.limits = HeadLimits() if limits is None else limits

    @property
    def status(self) -> HeadStatus:
        """The newest status, at most 0.5 s old. Raises StaleReading."""
        values = self.newest().values
        return HeadStatus(
            values["z_um"],
            values["force_n"],
            values["vacuum_kpa"],
            Flags(int(values["flags"])),
            int(values["nozzle_id"]),
            self.age_s,
        )

    async def refresh(self) -> HeadStatus:
        """Ask now, for a decision that needs what is true now: is the part still there? Raises LinkError."""
        await self.beat()
        return self.status

    async def home(self) -> float:
        """Drive Z to its top and reference it -> Z, um."""
        way_um = max(0.0, self._z_um())
        expected_s = way_um / self.limits.home_speed_um_per_s + self.limits.home_search_s
        evidence = await self._channel.execute(HOME_Z, expected_s=expected_s)
        return evidence["z_um"]

    async def move_z(self, z_um: float, speed_um_per_s: float | None = None) -> MoveEvidence:
        """Move Z in free air; any contact stops it. Raises EarlyContact, NotHomed, LimitExceeded, DriverError."""
        speed = self.limits.speed_um_per_s if speed_um_per_s is None else speed_um_per_s
        evidence = await self._channel.execute(
            MOVE_Z, {"z_um": z_um, "speed_um_per_s": speed}, expected_s=self._fast_s(self._z_um(), z_um, speed)
        )
        return MoveEvidence(**evidence)

    async def jog_z(self, z_um: float, speed_um_per_s: float, frame: int) -> MoveEvidence:
        """Move Z in free air towards an absolute target, as long as the device hears jog frames.

        frame    number of the frame with which the button was pressed; the later ones go by `send_jog_frame`
        raises   DeviceStopped when the button was let go, WatchdogBit when the device heard no frame; as `move_z`
        """
        evidence = await self._channel.execute(
            JOG_Z,
            {"z_um": z_um, "speed_um_per_s": speed_um_per_s, "frame": frame},
            expected_s=0.0,  # a hand may let go at any time: look often
            deadline_s=1.5 * abs(z_um - self._z_um()) / speed_um_per_s + JOG_MARGIN_S,
        )
        return MoveEvidence(**evidence)

    async def send_jog_frame(self, number: int, *, is_held: bool) -> None:
        """Tell the device that a jog button is still held, or was let go. Numbers rise. Raises LinkError."""
        values = {"session": self.session, "frame": number, "held": int(is_held)}
        await self._line.request(JOG, JOG_FRAME.pack(values))

    async def press(self, profile: PressProfile) -> PressEvidence:
        """Go down, make contact, hold; the nozzle stays pressing.

        raises   NoContact, EarlyContact, ForceLimitExceeded, NotHomed, LimitExceeded, InterlockOpen when the contact
                 stop of the drive is not armed, DriverError
        """
        flags = (self.status if self.age_s <= SILENCE_LIMIT_S else await self.refresh()).flags
        if Flags.HOMED in flags and Flags.CONTACT_STOP_ARMED not in flags:
            raise InterlockOpen(
                f"{self.name}: contact stop of the Z drive is not armed, it must be before any move towards a surface. "
                "Check the force sensor, then home and tare.",
                device=self.name,
                command=PRESS.name,
            )
        until_slow_s = self._fast_s(self._z_um(), profile.z_fast_um, self.limits.speed_um_per_s)
        after_s = self.limits.force_build_up_s + profile.hold_s
        longest_s = until_slow_s + (profile.z_limit_um - profile.z_fast_um) / profile.approach_um_per_s + after_s
        z_contact_um = profile.z_limit_um
        if profile.contact_force_n > 0:
            z_contact_um = (profile.z_early_um + profile.z_limit_um) / 2
        way_um = max(0.0, z_contact_um - profile.z_fast_um)
        evidence = await self._channel.execute(
            PRESS,
            {arg.name: getattr(profile, arg.name) for arg in PRESS.args},
            expected_s=until_slow_s + way_um / profile.approach_um_per_s + after_s,
            deadline_s=1.5 * longest_s + 0.2,
        )
        return PressEvidence(**evidence)

    async def lift(self, profile: LiftProfile) -> LiftEvidence:
        """Leave the surface slowly, then go up fast."""
        slow_s = abs(self._z_um() - profile.z_slow_um) / profile.slow_um_per_s
        fast_s = self._fast_s(profile.z_slow_um, profile.z_end_um, profile.speed_um_per_s)
        args = {arg.name: getattr(profile, arg.name) for arg in LIFT.args}
        evidence = await self._channel.execute(LIFT, args, expected_s=slow_s + fast_s)
        return LiftEvidence(**evidence)

    async def vacuum_on(self, level_kpa: float, within_s: float) -> VacuumEvidence:
        """Open the valve, wait for the level or the end of the time; the evidence says which level was reached."""
        evidence = await self._channel.execute(
            VACUUM_ON,
            {"level_kpa": level_kpa, "within_s": within_s},
            expected_s=min(self.limits.vacuum_on_s, within_s),
            deadline_s=1.5 * within_s + 0.2,
        )
        return VacuumEvidence(**evidence)

    async def vacuum_off(self, blow_off_s: float, within_s: float) -> VacuumEvidence:
        """Close the valve, blow off, wait until the nozzle is at ambient pressure."""
        evidence = await self._channel.execute(
            VACUUM_OFF,
            {"blow_off_s": blow_off_s, "within_s": within_s},
            expected_s=blow_off_s + min(self.limits.vacuum_off_s, within_s),
            deadline_s=1.5 * (blow_off_s + within_s) + 0.2,
        )
        return VacuumEvidence(**evidence)

    async def tare(self) -> TareEvidence:
        """Zero the force in free air and measure its noise.

        raises   NoSignal when there is none: the sensor is dead, and nothing may be touched with it
        """
        evidence = await self._channel.execute(TARE, expected_s=self.limits.tare_s)
        if not evidence["noise_n"] > 0.0:
            raise NoSignal(
                f"{self.name}: the force sensor shows no noise at all: it is dead. Check sensor and cable.",
                device=self.name,
                command=TARE.name,
                details=evidence,
            )
        return TareEvidence(**evidence)

    async def read_curve(self, max_points: int = CURVE_POINTS) -> ForceCurve:
        """Read the force-Z buffer, thinned evenly to at most `max_points`. Reading changes nothing."""
        count = int((await self.beat()).values["curve_count"])
        step = max(1, -(-count // max_points))
        samples: list[tuple[int, float, float]] = []
        for first in range(0, count, step * CURVE_POINTS_PER_FRAME):
            wanted = min(CURVE_POINTS_PER_FRAME, -(-(count - first) // step))
            samples += await self._read_samples(first, step, wanted)
        return ForceCurve(tuple(z_um for _, z_um, _ in samples), tuple(force_n for *_, force_n in samples))

    async def _read_samples(self, first: int, step: int, count: int) -> list[tuple[int, float, float]]:
        request = CURVE_REQUEST.pack({"first": first, "step": step, "count": count})
        indices = list(range(first, first + step * count, step))
        failure: DriverError | None = None
        for _ in range(CURVE_READS_MAX):
            try:
                fields = await self._line.request(CURVE, request)
                samples = decode_curve(fields[0]) if fields else []
                if [index for index, *_ in samples] == indices:
                    return samples
                raise ValueError(f"{len(samples)} samples, expected {count} from {first}")
            except ValueError as error:
                failure = BadReply(f"{self.name}: curve: {error}. It was not used: read again.", device=self.name)
            except (ReplyTimeout, BadReply) as error:
                failure = error
        assert failure is not None
        raise failure

    def _z_um(self) -> float:
        return self.last_values.get("z_um", 0.0)

    def _fast_s(self, from_um: float, to_um: float, speed_um_per_s: float) -> float:
        limits = self.limits
        axis = AxisLimits(speed_um_per_s, limits.accel_um_per_s2, limits.jerk_um_per_s3)
        return travel_time_s(abs(to_um - from_um), axis) + limits.settle_s
