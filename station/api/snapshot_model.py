"""The present picture of the station as it is published: what every screen and every MES may rely on.

Nothing here computes; the controller fills it.
"""

from __future__ import annotations

from typing import Any

from pydantic import Field

from station.api.models import Job, Said


class StationName(Said):
    """Which station this is."""

    name: str
    software_version: str
    vision_hash: str | None = Field(None, description="fingerprint of what judges the pictures")
    simulated: bool
    time_utc: str


class PresentState(Said):
    """PackML state (ISA-TR88.00.02) by name and number, and what is being done inside it."""

    name: str
    number: int
    mode: str
    text: str
    sub_step: str | None = None
    since_s: float


class CommandState(Said):
    """Whether a command would be accepted now, and if not, why."""

    allowed: bool
    reason: str | None = None


class Fiducial(Said):
    """A mark of the board."""

    name: str
    x_um: float
    y_um: float


class Site(Said):
    """A place for a package; state is pending, active, done, retried, skipped, rejected or failed."""

    name: str
    x_um: float
    y_um: float
    theta_deg: float
    size_x_um: float
    size_y_um: float
    state: str


class Board(Said):
    """The board in the machine; origin lower left, x right, y away."""

    serial: str | None = None
    size_x_um: float
    size_y_um: float
    fiducials: tuple[Fiducial, ...] = ()
    sites: tuple[Site, ...] = ()


class Film(Said):
    """The film of dip material as last measured."""

    height_um: float | None = None
    target_um: float | None = None
    tolerance_um: float | None = None
    age_s: float | None = None
    generation: int | None = None
    trend: tuple[float, ...] = Field(default=(), description="mean heights in um, oldest first")


class Force(Said):
    """The last force curve over Z."""

    z_um: tuple[float | None, ...] = ()
    force_n: tuple[float | None, ...] = ()
    contact_z_um: float | None = None
    peak_force_n: float | None = None
    hold_force_n: float | None = None
    set_force_n: float | None = None


class Ball(Said):
    """One ball in the last image."""

    name: str
    x_px: float
    y_px: float
    r_px: float
    state: str


class CameraView(Said):
    """The last image that was judged, with what was found in it."""

    frame_id: str | int
    image: str | None = Field(None, description="address of the image")
    um_per_px: float
    width_px: int
    height_px: int
    view: str
    balls: tuple[Ball, ...] = ()
    counts: dict[str, int] = Field(default_factory=dict)


class AlarmAnswer(Said):
    """One permitted answer to an alarm and what it costs."""

    id: str
    label: str
    consequence: str | None = None
    redoes: tuple[str, ...] = Field(default=(), description="titles of the steps that are done again")
    uses_part: bool | None = None


class Alarm(Said):
    """An active alarm."""

    id: str
    number: int | str
    title: str
    cause: str
    remedy: tuple[str, ...] = ()
    answers: tuple[AlarmAnswer, ...] = ()
    severity: str
    raised_at: str
    objects: dict[str, Any] = Field(default_factory=dict)
    position_trusted: bool | None = None
    state_token: str


class Device(Said):
    """A device of the machine."""

    name: str
    connected: bool
    age_s: float | None = None
    round_trip_s: float | None = None


class Tray(Said):
    """The tray in the machine, and how its last picks went."""

    number: int = Field(description="trays changed before it")
    lot: str
    pocket: int = Field(description="from which the next package is taken")
    failed_picks: int = Field(description="among the last ones")
    failed_picks_max: int = Field(description="so many set the tray aside (310)")
    window_picks: int = Field(description="so many picks count as the last ones")


class Offset(Said):
    """Offset of the last placed package as verified, in the bottom package's frame."""

    x_um: float
    y_um: float
    theta_deg: float
    limit_um: float


class InterlockCondition(Said):
    """Something that must be true before certain actions; `holds` is null where no fresh reading tells."""

    id: str
    title: str
    holds: bool | None = None
    reason: str | None = Field(None, description="why it does not hold, and what to do")


class InterlockAction(Said):
    """Something that the station can set in motion, and which conditions forbid it now."""

    id: str
    title: str
    allowed: bool
    forbidden_by: tuple[str, ...] = ()


class AxesPosition(Said):
    """Whether the position of a group of axes is to be trusted, since when, and why not."""

    axes: str
    trusted: bool
    since: str
    why: str | None = None


class Interlocks(Said):
    """What the guard would say now. The hard-wired safety chain acts on its own."""

    conditions: tuple[InterlockCondition, ...] = ()
    actions: tuple[InterlockAction, ...] = ()
    position: tuple[AxesPosition, ...] = ()


class Snapshot(Said):
    """The whole present picture."""

    station: StationName
    state: PresentState
    commands: dict[str, CommandState]
    job: Job | None = None
    board: Board | None = None
    film: Film | None = None
    tray: Tray | None = None
    force: Force | None = None
    offset: Offset | None = None
    camera: CameraView | None = None
    alarms: tuple[Alarm, ...] = ()
    devices: tuple[Device, ...] = ()
    safety: dict[str, Any] | None = Field(None, description="inputs of the safety chain as last read")
    interlocks: Interlocks | None = None
