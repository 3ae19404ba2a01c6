"""What the head does with the package outside the film: taking it from the tray and setting it on the stack.

Forces are pressing forces of the nozzle. Nothing here moves; limits of the machine itself are the range ends.
"""

from __future__ import annotations

from pydantic import Field

from recipes.base import Provenanced, Table
from recipes.dip import DRIVE_FORCE_LIMIT_N


class Pick(Table):
    """Taking a package out of its pocket."""

    nozzle_diameter_um: float = Field(ge=500, le=20_000, description="inside of the suction cup")
    approach_um_per_s: float = Field(ge=500, le=10_000, description="last way to the package")
    contact_force_n: float = Field(ge=0.1, le=10, description="at which the package counts as touched")
    vacuum_kpa: float = Field(ge=-95, le=-20, description="gripped when the nozzle is at or below this, gauge")
    vacuum_within_s: float = Field(ge=0.02, le=2, description="time to reach it")
    attempts: int = Field(ge=1, le=5, description="pockets tried before the station asks")
    provenance: Provenanced = "estimate"


class Place(Table):
    """Setting the dipped package on the one below."""

    approach_um_per_s: float = Field(ge=500, le=10_000, description="last way to contact")
    contact_force_n: float = Field(ge=0.1, le=10, description="at which the stack counts as touched")
    hold_force_n: float = Field(ge=0.1, le=DRIVE_FORCE_LIMIT_N, description="pressed with this")
    hold_s: float = Field(ge=0, le=10, description="for this long")
    force_limit_n: float = Field(ge=0.2, le=DRIVE_FORCE_LIMIT_N, description="the drive stops there")
    z_window_um: float = Field(ge=20, le=2_000, description="contact earlier or later than expected by more is refused")
    blow_off_s: float = Field(ge=0, le=1, description="puff that frees the package")
    lift_slow_um: float = Field(ge=0, le=3_000, description="first part of the lift, slow")
    lift_slow_um_per_s: float = Field(ge=100, le=10_000, description="speed of that part")
    offset_limit_um: float = Field(ge=5, le=500, description="placed centre may be off by this, any direction")
    theta_limit_deg: float = Field(ge=0.01, le=5, description="placed turn may be off by this")
    seated_height_tolerance_um: float = Field(ge=5, le=500, description="seated height may be off by this")
    dip_to_place_max_s: float = Field(ge=1, le=600, description="from leaving the film to contact")
    provenance: Provenanced = "estimate"
