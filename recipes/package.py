"""The parts that are stacked: the top package seen from below with its balls, the bottom package seen from above.

A ball at (x, y) from below stands over the land at (-x, y) from above when nothing is turned. At 0 deg, seen from
above, ball A1 is in the far left corner, so a ball map starts in the far right one. Nothing here knows a board.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from itertools import pairwise
from typing import Annotated, Literal, NamedTuple

from pydantic import Field

from recipes.base import ItemName, Mark, Provenanced, ShortText, Table

ROW_LETTERS = "ABCDEFGHJKLMNPRTUVWY"
"""I, O, Q, S, X and Z are skipped, as in the vendors' drawings: they read like digits or other letters."""

BALL_DIAMETER_PER_PAD = 1.25
"""estimate: board pads are drawn about 0.8 of the ball"""
BALL_HEIGHT_PER_DIAMETER = 0.75
"""estimate: a soldered ball is a sphere cut off at its pad"""


class Ball(NamedTuple):
    """One ball, seen from below, from the body centre."""

    name: str
    x_um: float
    y_um: float
    diameter_um: float
    height_um: float


class Land(NamedTuple):
    """One land on top of a bottom package, seen from above, from the body centre."""

    name: str
    x_um: float
    y_um: float
    diameter_um: float


class Grid(Table):
    """A rectangular grid of places; a ring when `perimeter_rows` is given, full when it is 0."""

    columns: int = Field(ge=1, le=100, description="places from left to right")
    rows: int = Field(ge=1, le=100, description="places from far to near")
    perimeter_rows: int = Field(ge=0, le=50, description="rows of the ring along each side; 0 = full grid")
    pitch_um: float = Field(ge=100, le=3_000, description="between neighbours")
    depopulated: Annotated[tuple[ItemName, ...], Field(strict=False, max_length=2_000)] = Field(
        default=(), description="names of places left empty"
    )


class GridPlace(Table):
    """One place of a map that no generator describes."""

    name: ItemName = Field(description="row letter and column number, as in the drawing")
    x_um: float = Field(ge=-50_000, le=50_000, description="from the body centre")
    y_um: float = Field(ge=-50_000, le=50_000, description="from the body centre")


class PlaceMap(Table):
    """Where balls or lands are: either a grid or an explicit list; `count` is what the drawing promises."""

    count: int = Field(ge=3, le=10_000, description="as the drawing says; checked against the map")
    diameter_um: float = Field(ge=50, le=1_000, description="of one ball or land")
    grid: Grid | None = Field(default=None, description="a regular map")
    places: Annotated[tuple[GridPlace, ...], Field(strict=False, max_length=10_000)] = Field(
        default=(), description="an irregular map, place by place"
    )
    provenance: Provenanced = "estimate"


class BallMap(PlaceMap):
    """The balls of a top package."""

    height_um: float = Field(ge=30, le=1_000, description="of one ball over the substrate")


class Package(Table):
    """A top package, drawn from below. Mass with its balls."""

    name: ItemName = Field(description="by which recipes and trays call it")
    interface: Literal["solder_ball", "tmv", "bva", "folded", "stacked_memory", "wlcsp"] = Field(
        description="how it meets the part below"
    )
    view: Literal["from_below"] = Field(description="the side that the drawing shows; balls towards the eye")
    body_x_um: float = Field(ge=1_000, le=50_000, description="body from left to right")
    body_y_um: float = Field(ge=1_000, le=50_000, description="body from near to far")
    body_height_um: float = Field(ge=50, le=5_000, description="body without balls")
    mass_g: float = Field(ge=0.001, le=20, description="with balls")
    source: ShortText = Field(default="", description="of body, ball count and pitch")
    provenance: Provenanced = "estimate"
    a1_mark: Mark = Field(description="bright disc near ball A1; it alone tells the turn of a full ring")
    ball_map: BallMap = Field(description="the balls")

    @cached_property
    def balls(self) -> tuple[Ball, ...]:
        """Every ball of the drawing, seen from below, row by row."""
        size = self.ball_map.diameter_um, self.ball_map.height_um
        return tuple(Ball(place.name, place.x_um, place.y_um, *size) for place in places_of(self.ball_map, self.view))

    @property
    def ball_height_um(self) -> float:
        """Height of one ball over the substrate."""
        return self.ball_map.height_um

    @property
    def ball_diameter_um(self) -> float:
        """Diameter of one ball."""
        return self.ball_map.diameter_um

    @property
    def pitch_um(self) -> float:
        """Distance between neighbours; of an irregular map the least one along x or y."""
        return pitch_of(self.ball_map, self.view)

    @property
    def height_um(self) -> float:
        """From ball tips to the top of the body."""
        return self.body_height_um + self.ball_map.height_um

    @classmethod
    def from_pads(
        cls,
        name: str,
        pads: Iterable[Land],
        *,
        body_x_um: float,
        body_y_um: float,
        body_height_um: float = 800.0,
    ) -> Package:
        """Make a package from board pads, which are seen from above, as drawn at 0 deg.

        Ball diameter, height and mass are estimates from the pad size; an engineer has to confirm them.
        raises  ValueError (pydantic) when a value is outside its range, such as fewer than three pads.
        """
        lands = tuple(pads)
        pad_um = max((land.diameter_um for land in lands), default=0.0)
        diameter_um = round(pad_um * BALL_DIAMETER_PER_PAD, 1)
        corner = next((land for land in lands if land.name in ("A1", "1")), lands[0] if lands else None)
        ball_map = BallMap(
            count=len(lands),
            diameter_um=diameter_um,
            height_um=round(diameter_um * BALL_HEIGHT_PER_DIAMETER, 1),
            places=tuple(
                GridPlace(name=land.name, x_um=-land.x_um if land.x_um else 0.0, y_um=land.y_um) for land in lands
            ),
        )
        inset_um = diameter_um * 1.5
        return cls(
            name=name,
            interface="solder_ball",
            view="from_below",
            body_x_um=body_x_um,
            body_y_um=body_y_um,
            body_height_um=body_height_um,
            mass_g=round(body_x_um * body_y_um * body_height_um * 2.0e-12, 3),
            a1_mark=Mark(
                x_um=round(-_towards_edge(corner.x_um if corner else 0.0, body_x_um, inset_um), 1),
                y_um=round(_towards_edge(corner.y_um if corner else 0.0, body_y_um, inset_um), 1),
                diameter_um=min(400.0, max(100.0, diameter_um / 2)),
            ),
            ball_map=ball_map,
        )


class LandMap(PlaceMap):
    """The lands on top of a bottom package."""


class BottomPackage(Table):
    """The part already on the board, drawn from above."""

    name: ItemName = Field(description="by which recipes call it")
    view: Literal["from_above"] = Field(description="the side that the drawing shows; lands towards the eye")
    body_x_um: float = Field(ge=1_000, le=50_000, description="body from left to right")
    body_y_um: float = Field(ge=1_000, le=50_000, description="body from near to far")
    body_height_um: float = Field(ge=0, le=5_000, description="from the board to the lands, as it stands there")
    source: ShortText = Field(default="", description="of body, land count and pitch")
    provenance: Provenanced = "estimate"
    a1_mark: Mark = Field(description="bright disc near land A1; it alone tells the turn of a full ring")
    land_map: LandMap = Field(description="the lands")

    @cached_property
    def lands(self) -> tuple[Land, ...]:
        """Every land of the drawing, seen from above, row by row."""
        places, diameter_um = places_of(self.land_map, self.view), self.land_map.diameter_um
        return tuple(Land(place.name, place.x_um, place.y_um, diameter_um) for place in places)

    @property
    def a1_x_um(self) -> float:
        """Centre of the turn mark."""
        return self.a1_mark.x_um

    @property
    def a1_y_um(self) -> float:
        """Centre of the turn mark."""
        return self.a1_mark.y_um

    @property
    def pitch_um(self) -> float:
        """Distance between neighbours."""
        return pitch_of(self.land_map, self.view)


def row_name(row: int) -> str:
    """Letter name of a row counted from 0: A .. Y without I O Q S X Z, then AA, AB ..."""
    base = len(ROW_LETTERS)
    name = ROW_LETTERS[row % base]
    while (row := row // base - 1) >= 0:
        name = ROW_LETTERS[row % base] + name
    return name


def ring_count(columns: int, rows: int, perimeter_rows: int) -> int:
    """Places of a ring: the grid less its empty inside; `perimeter_rows` 0 = full grid."""
    if perimeter_rows == 0:
        return columns * rows
    return columns * rows - max(0, columns - 2 * perimeter_rows) * max(0, rows - 2 * perimeter_rows)


def without_gaps(grid: Grid) -> Grid:
    """The grid with every place filled."""
    return grid.model_copy(update={"depopulated": ()})


def places_of(place_map: PlaceMap, view: str) -> tuple[GridPlace | Land, ...]:
    """The places of a map in the frame of its view; a grid has A1 far left from above, far right from below."""
    grid = place_map.grid
    if grid is None:
        return place_map.places
    left_first = 1.0 if view == "from_above" else -1.0
    empty = frozenset(grid.depopulated)
    ring = grid.perimeter_rows or max(grid.columns, grid.rows)
    made = []
    for row in range(grid.rows):
        letters = row_name(row)
        y_um = ((grid.rows - 1) / 2 - row) * grid.pitch_um
        in_outer_row = row < ring or row >= grid.rows - ring
        for column in range(grid.columns):
            name = f"{letters}{column + 1}"
            if name in empty or not (in_outer_row or column < ring or column >= grid.columns - ring):
                continue
            x_um = left_first * (column - (grid.columns - 1) / 2) * grid.pitch_um
            made.append(Land(name, x_um + 0.0, y_um + 0.0, place_map.diameter_um))
    return tuple(made)


def pitch_of(place_map: PlaceMap, view: str) -> float:
    """Grid pitch, or of an irregular map the least step between distinct x or y values above a micrometre."""
    if place_map.grid is not None:
        return place_map.grid.pitch_um
    places = places_of(place_map, view)
    steps_um = [
        after - before
        for values in (sorted(place.x_um for place in places), sorted(place.y_um for place in places))
        for before, after in pairwise(values)
        if after - before > place_map.diameter_um / 2
    ]
    return min(steps_um, default=place_map.diameter_um)


def _towards_edge(corner_um: float, body_um: float, inset_um: float) -> float:
    """Between the outermost ball and the body edge, on the side of the corner ball."""
    side = 1.0 if corner_um >= 0 else -1.0
    return side * max(body_um / 2 - min(inset_um, 500.0), abs(corner_um))
