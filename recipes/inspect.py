"""What the cameras must see before a package may go on: pose on the nozzle, every ball, material on every ball.

Limits only; how they are measured is not told here.
"""

from __future__ import annotations

from pydantic import Field

from recipes.base import Provenanced, Table


class Inspect(Table):
    """Acceptance limits of the pictures, and their light."""

    offset_limit_um: float = Field(ge=20, le=2_000, description="package on the nozzle may be off centre by this")
    theta_limit_deg: float = Field(ge=0.1, le=15, description="package on the nozzle may be turned by this")
    ball_diameter_tolerance_ratio: float = Field(ge=0.02, le=0.6, description="of the drawn diameter, either way")
    missing_allowed: int = Field(ge=0, le=10, description="balls that may be missing; 0 unless a drawing says so")
    wet_probability_min: float = Field(ge=0.5, le=0.9999, description="a ball below this counts as not wetted")
    up_exposure_s: float = Field(ge=0.000_05, le=0.05, description="camera below")
    up_ring_ratio: float = Field(ge=0, le=1, description="its ring light, 1 = full")
    up_coax_ratio: float = Field(ge=0, le=1, description="its coaxial light, 1 = full")
    down_exposure_s: float = Field(ge=0.000_05, le=0.05, description="camera on the head")
    down_ring_ratio: float = Field(ge=0, le=1, description="its ring light, 1 = full")
    down_coax_ratio: float = Field(ge=0, le=1, description="its coaxial light, 1 = full")
    provenance: Provenanced = "estimate"
