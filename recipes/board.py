"""The board or panel: its outline, its fiducials and the sites where stacks stand, all from its lower left corner.

x right, y away, seen from above; theta anticlockwise. Nothing here knows a package.
"""

from __future__ import annotations

from math import sqrt
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from recipes.base import ItemName, ShortText, Table

NEST_X_UM = 150_000
"""width of the board nest"""
NEST_Y_UM = 200_000
"""depth of the board nest"""


FiducialShape = Literal["disc", "ring", "cross", "square", "diamond"]

USUAL_PART_RATIO: dict[FiducialShape, float] = {"ring": 0.5, "cross": 0.3}
"""inner over outer diameter, arm width over length, where a drawing says nothing; estimate"""

PART_LEAST_UM = 60.0
"""width of a ring or of an arm of a cross whose two edges the down camera tells apart: six pixels"""


class Fiducial(Table):
    """A mark free of solder mask: copper on bare laminate, or a window in copper."""

    name: ItemName = Field(description="as on the board")
    x_um: float = Field(ge=0, le=NEST_X_UM, description="centre, from the lower left corner")
    y_um: float = Field(ge=0, le=NEST_Y_UM, description="centre, from the lower left corner")
    diameter_um: float = Field(ge=300, le=3_000, description="across the mark; cross and diamond from tip to tip")
    shape: FiducialShape = Field(default="disc", description="as drawn, not turned against the board")
    polarity: Literal["bright", "dark"] = Field(default="bright", description="mark against what lies about it")
    part_ratio: float | None = Field(
        default=None, ge=0.1, le=0.9, description="ring: inner over outer diameter; cross: arm width over length"
    )

    @property
    def reach_um(self) -> float:
        """From the centre to the farthest point of the mark."""
        return self.diameter_um * (sqrt(0.5) if self.shape == "square" else 0.5)

    @model_validator(mode="after")
    def _parts_are_wide_enough_to_see(self) -> Self:
        if self.shape not in USUAL_PART_RATIO:
            if self.part_ratio is not None:
                raise ValueError(f"a {self.shape} has no part_ratio; only {' and '.join(USUAL_PART_RATIO)} have one")
            return self
        ratio = self.part_ratio or USUAL_PART_RATIO[self.shape]
        width_um = self.diameter_um * (ratio if self.shape == "cross" else (1.0 - ratio) / 2.0)
        if width_um < PART_LEAST_UM:
            raise ValueError(f"its {self.shape} is {width_um:.0f} um wide, at least {PART_LEAST_UM:.0f} um can be seen")
        return self


class Site(Table):
    """Where the top package goes: nominal centre and turn of the bottom package."""

    name: ItemName = Field(description="unique in the panel, such as 1.U1")
    x_um: float = Field(ge=0, le=NEST_X_UM, description="centre, from the lower left corner")
    y_um: float = Field(ge=0, le=NEST_Y_UM, description="centre, from the lower left corner")
    theta_deg: float = Field(ge=-180, le=180, description="anticlockwise seen from above; 0 = A1 far left")
    level: int = Field(default=1, ge=1, le=3, description="1 = on the bottom package, 2 = on the package placed there")
    board_index: int = Field(default=1, ge=1, le=100, description="which board of the panel, from 1")


class Board(Table):
    """A board, or a panel of boards handled as one."""

    name: ItemName = Field(description="of the drawing")
    size_x_um: float = Field(ge=5_000, le=NEST_X_UM, description="outline from left to right; the nest takes no more")
    size_y_um: float = Field(ge=5_000, le=NEST_Y_UM, description="outline from near to far; the nest takes no more")
    thickness_um: float = Field(ge=200, le=4_000, description="of the bare board")
    boards_in_panel: int = Field(default=1, ge=1, le=100, description="boards handled as one")
    code_prefix: ItemName | None = Field(
        default=None, description="how the codes of boards of this product begin; any other board is refused"
    )
    source: ShortText = Field(default="", description="where the drawing comes from")
    fiducials: Annotated[tuple[Fiducial, ...], Field(strict=False, min_length=2, max_length=16)] = Field(
        description="at least 2; 3 far apart also tell scale and squareness"
    )
    sites: Annotated[tuple[Site, ...], Field(strict=False, min_length=1, max_length=200)] = Field(
        description="in the order of placing"
    )
