"""The outline of a KiCad board: the lines and arcs on its Edge.Cuts layer, and the box around them.

Coordinates as in the file, in um, y downwards. Whether the outline is closed is not checked.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from recipes.importers.sexpr import Node

EDGE_LAYER = "Edge.Cuts"
UM_PER_FILE_UNIT = 1_000.0
"""KiCad writes lengths in thousands of um"""

Spot = tuple[float, float]
Placing = Callable[[Spot], Spot]


@dataclass(frozen=True, slots=True)
class Box:
    """Limits of the outline in the file's frame."""

    left_um: float
    top_um: float
    right_um: float
    bottom_um: float
    parts: int
    """lines, arcs and the like that make it"""

    @property
    def size_x_um(self) -> float:
        """From left to right."""
        return round(self.right_um - self.left_um, 3)

    @property
    def size_y_um(self) -> float:
        """From near to far."""
        return round(self.bottom_um - self.top_um, 3)


def outline_box(board: Node, footprints: list[tuple[Node, Placing]]) -> Box | None:
    """The box around everything drawn on the outline layer, on the board or inside footprints; None when nothing is."""
    spots: list[Spot] = []
    parts = 0
    for shape, placing in _shapes(board, footprints):
        found = _extremes(shape, placing)
        parts += bool(found)
        spots += found
    if not spots:
        return None
    xs, ys = [spot[0] for spot in spots], [spot[1] for spot in spots]
    return Box(min(xs), min(ys), max(xs), max(ys), parts)


def spot_of(node: Node | None) -> Spot | None:
    """The two numbers of `(at x y)`, `(start x y)` and the like, in um; None when they are not there."""
    numbers = node.numbers() if node is not None else []
    return (numbers[0] * UM_PER_FILE_UNIT, numbers[1] * UM_PER_FILE_UNIT) if len(numbers) >= 2 else None


def _shapes(board: Node, footprints: list[tuple[Node, Placing]]) -> Iterator[tuple[Node, Placing]]:
    for holder, placing, start in ((board, _as_is, "gr_"), *((node, place, "fp_") for node, place in footprints)):
        for shape in holder.children():
            layer = shape.child("layer") if shape.head.startswith(start) else None
            if layer is not None and layer.word() == EDGE_LAYER:
                yield shape, placing


def _as_is(spot: Spot) -> Spot:
    return spot


def _extremes(shape: Node, placing: Placing) -> list[Spot]:
    """Spots whose box is the box of the shape where it stands."""
    drawn_start, drawn_end = spot_of(shape.child("start")), spot_of(shape.child("end"))
    start, end, mid = (_placed(shape.child(name), placing) for name in ("start", "end", "mid"))
    match shape.head[3:]:
        case "line" if start and end:
            return [start, end]
        case "rect" if drawn_start and drawn_end:
            (left, top), (right, bottom) = drawn_start, drawn_end
            return [placing(corner) for corner in ((left, top), (left, bottom), (right, top), (right, bottom))]
        case "arc" if start and end and mid:
            centre = _centre(start, mid, end)
            return _arc(centre, start, _sweep_rad(centre, start, mid, end)) if centre else [start, mid, end]
        case "arc" if start and end:
            angle = shape.child("angle")
            numbers = angle.numbers() if angle is not None else []
            # Older files name the centre "start" and the first spot of the arc "end".
            return _arc(start, end, math.radians(numbers[0])) if numbers else [start, end]
        case "circle":
            centre, rim = _placed(shape.child("center"), placing), end
            return _arc(centre, rim, math.tau) if centre and rim else []
        case "poly" | "curve" | "bezier":
            points = shape.child("pts")
            found = [_placed(point, placing) for point in points.children("xy")] if points is not None else []
            return [spot for spot in found if spot is not None]
    return []


def _placed(node: Node | None, placing: Placing) -> Spot | None:
    spot = spot_of(node)
    return placing(spot) if spot is not None else None


def _arc(centre: Spot, start: Spot, sweep_rad: float) -> list[Spot]:
    """Both ends and every crossing of a main direction between them."""
    radius_um = math.dist(centre, start)
    first = math.atan2(start[1] - centre[1], start[0] - centre[0])
    low, high = min(first, first + sweep_rad), max(first, first + sweep_rad)
    quarter = math.pi / 2
    crossings = range(math.ceil(low / quarter - 1e-9), math.floor(high / quarter + 1e-9) + 1)
    angles = [low, high, *(number * quarter for number in crossings)]
    return [(centre[0] + radius_um * math.cos(angle), centre[1] + radius_um * math.sin(angle)) for angle in angles]


def _centre(a: Spot, b: Spot, c: Spot) -> Spot | None:
    """Centre of the circle through three spots; None when they are in line."""
    ax, ay, bx, by = a[0] - c[0], a[1] - c[1], b[0] - c[0], b[1] - c[1]
    cross = 2 * (ax * by - ay * bx)
    if abs(cross) < 1e-6:
        return None
    a2, b2 = ax * ax + ay * ay, bx * bx + by * by
    return c[0] + (by * a2 - ay * b2) / cross, c[1] + (ax * b2 - bx * a2) / cross


def _sweep_rad(centre: Spot, start: Spot, mid: Spot, end: Spot) -> float:
    """Signed turn from start to end that passes mid."""
    first, middle, last = (math.atan2(spot[1] - centre[1], spot[0] - centre[0]) for spot in (start, mid, end))
    forward, to_middle = (last - first) % math.tau, (middle - first) % math.tau
    return forward if to_middle <= forward else forward - math.tau
