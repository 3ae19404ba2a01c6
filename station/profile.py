"""The machine profile: where things stand, what the axes may do. Data of one machine, read from TOML.

It holds no measurement: what calibration finds lives in `station.calibrate`.
"""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from station.coordinates import MachinePoint

SEATS_APART_UM = 500.0
"""Over less, the scatter of a few trials makes more of a lean than any camera has. Estimate"""


class ProfileProblem(ValueError):
    """The profile cannot be used; the message lists every problem."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class _Place(_Part):
    """Something that stands at one point of the machine."""

    x_um: float
    y_um: float

    @property
    def point(self) -> MachinePoint:
        return MachinePoint(self.x_um, self.y_um)


class GantryProfile(_Part):
    """Axes X, Y and theta as the drives were set up."""

    x_max_um: float = Field(gt=0)
    y_max_um: float = Field(gt=0)
    theta_max_deg: float = Field(gt=0, le=360)
    speed_um_per_s: float = Field(gt=0)
    accel_um_per_s2: float = Field(gt=0)
    jerk_um_per_s3: float = Field(gt=0)
    theta_speed_deg_per_s: float = Field(gt=0)
    theta_accel_deg_per_s2: float = Field(gt=0)
    settle_s: float = Field(ge=0)


class HeadProfile(_Part):
    """Z axis and force of the placement head."""

    z_max_um: float = Field(gt=0)
    z_speed_um_per_s: float = Field(gt=0)
    z_accel_um_per_s2: float = Field(gt=0)
    safe_z_um: float = Field(ge=0)
    clearance_um: float = Field(gt=0)
    nozzle_id: int
    tip_outer_um: float = Field(gt=0)
    tip_bore_um: float = Field(gt=0)
    runout_limit_um: float = Field(gt=0)
    """a tip farther off the theta axis than this is bent or badly seated"""
    force_max_n: float = Field(gt=0)
    vacuum_s: float = Field(gt=0, le=2)
    """usual time to grip or to let go; the first look at the level comes then"""
    stack_n_per_um: float = Field(gt=0)
    """stiffness of package, board and head together, to tell how far a press bends them"""


class UpCameraProfile(_Place):
    focus_z_um: float
    um_per_px: float = Field(gt=0)
    width_px: int = Field(gt=0)
    height_px: int = Field(gt=0)
    mirrored: bool


class DownCameraProfile(_Part):
    dx_um: float
    dy_um: float
    um_per_px: float = Field(gt=0)
    width_px: int = Field(gt=0)
    height_px: int = Field(gt=0)
    mirrored: bool


class PlateProfile(_Place):
    z_um: float
    size_um: float = Field(gt=0)
    plate_id: int


class TrayProfile(_Part):
    x_um: float
    y_um: float
    pitch_um: float = Field(gt=0)
    columns: int = Field(gt=0)
    rows: int = Field(gt=0)
    z_um: float

    @property
    def pocket_count(self) -> int:
        return self.columns * self.rows

    def pocket(self, index: int) -> MachinePoint:
        """Pocket `index` counted row by row from row 0, column 0."""
        row, column = divmod(index, self.columns)
        return MachinePoint(self.x_um + column * self.pitch_um, self.y_um + row * self.pitch_um)


class NestProfile(_Part):
    x_um: float
    y_um: float
    z_um: float
    size_x_um: float = Field(gt=0)
    size_y_um: float = Field(gt=0)


class SpotProfile(_Place):
    z_um: float


class HolderProfile(SpotProfile):
    """The upper seat of the glass part, and the lower one."""

    part_height_um: float = Field(gt=0)
    lower: SpotProfile

    @model_validator(mode="after")
    def _is_lower(self) -> HolderProfile:
        if not self.lower.z_um - self.z_um >= SEATS_APART_UM:
            raise ValueError(
                f"holder.lower.z_um is {self.lower.z_um:.0f}, wanted at least {SEATS_APART_UM:.0f} um below"
                f" holder.z_um = {self.z_um:.0f}: z counts downwards"
            )
        return self


class LimitsProfile(_Part):
    calibration_max_age_s: float = Field(gt=0)
    frame_within_s: float = Field(gt=0, le=60)
    """from the end of the exposure until the picture is here"""
    rest_heartbeat_s: float = Field(ge=0.02, le=0.24)
    """heartbeat of a device while it carries out nothing; 100 ms while it does, whatever stands here"""
    tray_faults_max: int = Field(default=4, ge=1)
    """so many failed picks among the last ones set a tray aside. Estimate"""
    tray_fault_picks: int = Field(default=10, ge=1)
    """the last ones: so many picks from the same tray. Estimate"""
    presses_max: int = Field(default=5, ge=1)
    """so many answers of Retry or a new part to one cause at one place; then the key is asked for. Estimate"""
    loop_lag_s: float = Field(default=0.25, gt=0)
    """a turn of the service's loop that comes later is told of: half the dead-man of the devices. Estimate"""
    commit_s: float = Field(default=1.0, gt=0)
    """a commit that takes longer is told of; one needs a few milliseconds. Estimate"""


class SerialsProfile(_Part):
    """Serial numbers of the devices as built in; a device that is not named here may be any of its kind."""

    plc: int | None = None
    dip_unit: int | None = None
    head: int | None = None
    film_gauge: int | None = None
    lights: int | None = None
    board_reader: int | None = None


class MachineProfile(_Part):
    """One machine, whole."""

    name: str
    description: str = ""
    gantry: GantryProfile
    head: HeadProfile
    up_camera: UpCameraProfile
    down_camera: DownCameraProfile
    plate: PlateProfile
    tray: TrayProfile
    nest: NestProfile
    bin: SpotProfile
    holder: HolderProfile
    limits: LimitsProfile
    serials: SerialsProfile = SerialsProfile()


def load_profile(path: Path) -> MachineProfile:
    """Read a profile. Raises ProfileProblem naming file, key, value and what is allowed."""
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ProfileProblem(f"{path}: {error}") from error
    try:
        return MachineProfile.model_validate(data)
    except ValidationError as error:
        lines = [f"{path}: {'.'.join(map(str, e['loc']))} = {e['input']!r}: {e['msg']}" for e in error.errors()]
        raise ProfileProblem("\n".join(lines)) from error


@cache
def reference_profile() -> MachineProfile:
    """The profile of the reference machine, shipped with the station."""
    return load_profile(Path(str(files("station") / "profiles" / "reference.toml")))
