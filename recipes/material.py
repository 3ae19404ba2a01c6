"""What the balls are dipped into, how long it lasts, and how long the parts may lie in room air.

Floor life per moisture level at 30 degC and 60 % humidity: COSEL, "MSL", https://en.cosel.co.jp/technical/qanda/a0073.html.
Nothing here counts time; the station's clocks do.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from recipes.base import ItemName, Provenanced, Table

HOUR_S = 3_600.0
MslLevel = Literal["1", "2", "2a", "3", "4", "5", "5a", "6"]
FLOOR_LIFE_S: dict[str, float | None] = {
    "1": None,
    "2": 8_760 * HOUR_S,
    "2a": 672 * HOUR_S,
    "3": 168 * HOUR_S,
    "4": 72 * HOUR_S,
    "5": 48 * HOUR_S,
    "5a": 24 * HOUR_S,
    "6": 0.0,
}
"""None = unlimited; 0 = bake first, then the time on the label"""


class Material(Table):
    """Flux or dip paste, and the moisture level of the part."""

    name: ItemName = Field(description="as in the lot barcode")
    kind: Literal["flux", "paste"] = Field(description="flux carries no metal, paste does")
    viscosity_pa_s: float = Field(ge=0.1, le=500, description="about 10 rpm in a spiral viscometer, 25 degC")
    tack_kpa: float = Field(ge=0, le=200, description="pull per area that it holds against")
    pot_life_s: float = Field(ge=600, le=172_800, description="after that the film on the plate is old")
    reflow_atmosphere: Literal["air", "nitrogen"] = Field(description="of the oven that follows")
    msl_level: MslLevel = Field(description="moisture sensitivity of the top package")
    lot_prefix: ItemName | None = Field(
        default=None, description="how the lot codes of this material begin; any other lot is refused"
    )
    plate_min_degc: float = Field(default=20.0, ge=5, le=60, description="colder than this it is too stiff to level")
    plate_max_degc: float = Field(default=30.0, ge=5, le=60, description="warmer than this it dries on the plate")
    provenance: Provenanced = "estimate"

    @property
    def floor_life_s(self) -> float | None:
        """Time out of the dry bag at 30 degC and 60 % humidity; None = unlimited, 0 = bake first."""
        return FLOOR_LIFE_S[self.msl_level]
