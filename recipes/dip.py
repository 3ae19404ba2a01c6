"""The material on the balls: the film that the blade lays, and how the package goes into it and leaves it.

Heights from the dip plate upwards. Nothing here moves; limits of the machine itself are the range ends.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from recipes.base import Point, Provenanced, Table

DRIVE_FORCE_LIMIT_N = 30.0
"""the head's drive stops itself there"""
PLATE_HALF_UM = 28_000
"""half the 60,000 um dip plate less the blade's run-out at its ends"""


class Film(Table):
    """The film before each dip."""

    target_um: float = Field(ge=10, le=300, description="film height wanted")
    tolerance_um: float = Field(ge=1, le=50, description="the mean of the measured points may be off by this")
    range_um: float = Field(ge=3, le=100, description="highest less lowest measured point")
    gap_start_um: float = Field(ge=15, le=600, description="first blade gap; the station then learns the ratio")
    wipe_speed_um_per_s: float = Field(ge=5_000, le=150_000, description="of the blade")
    strokes: int = Field(ge=1, le=10, description="of the blade per levelling")
    settle_s: float = Field(ge=0, le=30, description="wait before measuring: ripples up to 1,000 um level out")
    max_age_s: float = Field(ge=5, le=1_800, description="a film older than this is levelled again")
    levels_max: int = Field(ge=1, le=10, description="levelling attempts before the station asks")
    measure_points: Annotated[tuple[Point, ...], Field(strict=False, min_length=5, max_length=50)] = Field(
        description="where the gauge measures, from the plate centre"
    )
    provenance: Provenanced = "estimate"


class Dip(Table):
    """One dip, from the approach to the slow lift."""

    mode: Literal["bottom_out", "z_controlled"] = Field(
        description="bottom_out: balls touch the plate; z_controlled: stop over it"
    )
    depth_um: float = Field(ge=5, le=300, description="immersion of the balls; in bottom_out the film height")
    approach_um_per_s: float = Field(ge=500, le=10_000, description="into the film")
    contact_force_n: float = Field(ge=0.1, le=10, description="at which the plate counts as touched")
    hold_force_n: float = Field(ge=0.1, le=DRIVE_FORCE_LIMIT_N, description="while dwelling")
    force_limit_n: float = Field(ge=0.2, le=DRIVE_FORCE_LIMIT_N, description="the drive stops there")
    dwell_s: float = Field(ge=0, le=10, description="in the film")
    lift_slow_um: float = Field(ge=0, le=3_000, description="first part of the lift, slow")
    lift_slow_um_per_s: float = Field(ge=100, le=10_000, description="speed of that part")
    imprint_check: bool = Field(description="look at the print in the film after the dip")
    provenance: Provenanced = "estimate"
