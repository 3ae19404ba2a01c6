"""What the pads of a footprint say: their middle, the turn that their A1 tells, and a ball map where none is given.

Pads come as drawn in the unturned footprint, y downwards; results are seen from above, y away, or as a recipe says.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from recipes.base import Mark
from recipes.importers.kicad import Footprint, Pad
from recipes.model import Recipe
from recipes.package import BottomPackage, GridPlace, Land, LandMap, Package

FIRST_NAMES = ("A1", "1")
CLEAR_TURN_DEG = 30.0
"""A1 further than this from a quarter turn tells nothing"""
FILM_PER_BALL = 0.5
FILM_PER_GAP = 0.6
OFFSET_PER_BALL = 0.25
BODY_LAYERS = ("F.Fab", "F.CrtYd", "F.SilkS")
"""where the body may be drawn, best first"""


def pad_centre(pads: Sequence[Pad]) -> tuple[float, float]:
    """Middle of the box around all pad centres, in the footprint, y downwards."""
    xs, ys = [pad.x_um for pad in pads], [pad.y_um for pad in pads]
    return (min(xs) + max(xs)) / 2, (min(ys) + max(ys)) / 2


def turn_to_site(part: Footprint, map_from_above: Sequence[tuple[str, float, float]]) -> tuple[float, str]:
    """Quarter turns that bring A1 of a package drawing over pad A1 of the unturned footprint, and a sentence on it.

    map_from_above  (name, x_um, y_um) of the package at 0 deg, seen from above
    """
    middle = pad_centre(part.pads)
    pad = next((pad for name in FIRST_NAMES for pad in part.pads if pad.name == name), None)
    ball = next((place for name in FIRST_NAMES for place in map_from_above if place[0] == name), None)
    if pad is None or ball is None:
        return 0.0, "no pad A1 tells the turn, so the drawing's own is kept; confirm it"
    drawn_deg = math.degrees(math.atan2(-(pad.y_um - middle[1]), pad.x_um - middle[0]))
    wanted_deg = math.degrees(math.atan2(ball[2], ball[1]))
    quarters = round((drawn_deg - wanted_deg) / 90.0)
    if abs(drawn_deg - wanted_deg - 90.0 * quarters) > CLEAR_TURN_DEG:
        return 0.0, "pad A1 stands in no corner, so the drawing's own turn is kept; confirm it"
    turn_deg = (quarters % 4) * 90.0
    return turn_deg, f"its pad A1 lies {turn_deg:g} deg anticlockwise of the package drawing's A1"


def map_from_pads(part: Footprint, base: Recipe, name: str) -> dict[str, Any]:
    """Recipe values for a part whose drawing is only known by its pads; all of it is an estimate to be confirmed."""
    middle = pad_centre(part.pads)
    lands = [
        Land(
            pad.name, round(pad.x_um - middle[0], 3), round(middle[1] - pad.y_um, 3), min(pad.size_x_um, pad.size_y_um)
        )
        for pad in part.pads
        if pad.name
    ]
    body_x_um, body_y_um = _body(part, lands)
    package = Package.from_pads(name, lands, body_x_um=body_x_um, body_y_um=body_y_um)
    bottom = BottomPackage(
        name=f"{name}_pads"[:64],
        view="from_above",
        body_x_um=body_x_um,
        body_y_um=body_y_um,
        body_height_um=0,
        a1_mark=Mark(x_um=-package.a1_mark.x_um, y_um=package.a1_mark.y_um, diameter_um=package.a1_mark.diameter_um),
        land_map=LandMap(
            count=len(lands),
            diameter_um=min(land.diameter_um for land in lands),
            places=tuple(GridPlace(name=land.name, x_um=land.x_um, y_um=land.y_um) for land in lands),
        ),
    )
    return _scaled(base, package, bottom)


def _scaled(base: Recipe, package: Package, bottom: BottomPackage) -> dict[str, Any]:
    """The base recipe with everything that follows the ball size changed to these balls."""
    data = base.as_data()
    ball_um, height_um = package.ball_diameter_um, package.ball_height_um
    film_um = float(round(height_um * FILM_PER_BALL))
    data["package"] = package.model_dump(mode="json", exclude_none=True)
    data["bottom"] = bottom.model_dump(mode="json", exclude_none=True)
    data["film"] |= {"target_um": film_um, "gap_start_um": float(round(film_um / FILM_PER_GAP))}
    data["dip"] |= {"depth_um": film_um}
    data["place"] |= {
        "offset_limit_um": float(math.floor(ball_um * OFFSET_PER_BALL)),
        "seated_height_tolerance_um": float(math.floor(height_um * OFFSET_PER_BALL)),
    }
    data["pick"] |= {"nozzle_diameter_um": min(base.pick.nozzle_diameter_um, package.body_x_um, package.body_y_um)}
    return data


def _body(part: Footprint, lands: Sequence[Land]) -> tuple[float, float]:
    """Body size from the part's drawing when one surrounds the pads, else the pads with a ball's room around."""
    need_x_um = max(abs(land.x_um) + land.diameter_um for land in lands) * 2
    need_y_um = max(abs(land.y_um) + land.diameter_um for land in lands) * 2
    for layer in BODY_LAYERS:
        spots = [spot for name, spot in part.drawn if name == layer]
        if not spots:
            continue
        size_x_um = max(x_um for x_um, _ in spots) - min(x_um for x_um, _ in spots)
        size_y_um = max(y_um for _, y_um in spots) - min(y_um for _, y_um in spots)
        if size_x_um >= need_x_um and size_y_um >= need_y_um:
            return round(size_x_um), round(size_y_um)
    return round(need_x_um), round(need_y_um)
