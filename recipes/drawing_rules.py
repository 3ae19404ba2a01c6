"""Rules about drawings: packages whose balls, lands and marks fit together, boards whose sites and fiducials do.

Geometry only; what the process allows stands in `rules`.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Protocol

from recipes.board import Board, Site
from recipes.findings import ESTIMATE, Finding, Findings, Rule, error, rule, warning
from recipes.model import Recipe
from recipes.package import Ball, BottomPackage, Land, Package, PlaceMap, places_of, ring_count, without_gaps
from recipes.problems import Path

MAP_FIT_UM = 5.0
"""a ball and its land may be drawn this far apart"""
MARK_OFF_CENTRE_UM = 1_000.0
"""a mark closer to the centre hardly tells the turn; estimate"""
SAME_PLACE_UM = 50.0
FIDUCIAL_CLEARANCE_UM = 500.0
SHORT_BASELINE = 0.3
"""of the board's diagonal; a shorter one tells the turn badly; estimate"""
TURN_MARGIN_UM = 1_000.0


class Placed(Protocol):
    """Anything with a place."""

    @property
    def x_um(self) -> float: ...
    @property
    def y_um(self) -> float: ...


@rule("package")
def package_drawing_is_sound(r: Recipe) -> Findings:
    package = r.package
    if package.ball_map.height_um > package.ball_map.diameter_um:
        yield error(
            ("package", "ball_map", "height_um"),
            "a soldered ball is not higher than wide.",
            f"up to {package.ball_map.diameter_um:g} um",
        )
    yield from _map_findings("package", "ball", package, package.ball_map, package.balls)


@rule("bottom")
def bottom_drawing_is_sound(r: Recipe) -> Findings:
    yield from _map_findings("bottom", "land", r.bottom, r.bottom.land_map, r.bottom.lands)


@rule("package", "bottom")
def every_ball_has_its_land(r: Recipe) -> Findings:
    lands = {land.name: land for land in r.bottom.lands}
    balls = r.package.balls
    missing = [ball.name for ball in balls if ball.name not in lands]
    if missing:
        yield error(("bottom",), f"{r.bottom.name} has no land for {_few(missing)} of {r.package.name}.")
    met = [ball for ball in balls if ball.name in lands]
    off = [ball for ball in met if _apart(-ball.x_um, ball.y_um, lands[ball.name]) > MAP_FIT_UM]
    if not off:
        return
    if all(_apart(ball.x_um, ball.y_um, lands[ball.name]) <= MAP_FIT_UM for ball in met):
        message = "lands are drawn as the balls are seen from below; from above x runs the other way."
    else:
        message = f"the lands of {_few([ball.name for ball in off])} are not under their balls."
    yield error(("bottom", "land_map"), message, f"within {MAP_FIT_UM:g} um of the mirrored ball map")


@rule("package", "bottom")
def marks_agree_on_the_turn(r: Recipe) -> Findings:
    above, below = r.package.a1_mark, r.bottom.a1_mark
    if (-above.x_um >= 0) != (below.x_um >= 0) or (above.y_um >= 0) != (below.y_um >= 0):
        yield error(
            ("bottom", "a1_mark"),
            "in another corner than the mark of the top package, seen from above.",
            "the same corner; x of the top package counts from below",
        )


@rule("board")
def board_parts_are_named_once(r: Recipe) -> Findings:
    names = {"fiducials": [mark.name for mark in r.board.fiducials], "sites": [site.name for site in r.board.sites]}
    for kind, given in names.items():
        for index, name in enumerate(given):
            first = given.index(name)
            if first != index:
                said = f"{kind.removesuffix('s')} number {first + 1} has this name too."
                yield error(("board", kind, index, "name"), said)


@rule("board")
def fiducials_tell_where_the_board_is(r: Recipe) -> Findings:
    board = r.board
    points = [(mark.x_um, mark.y_um) for mark in board.fiducials]
    for index, mark in enumerate(board.fiducials):
        edge_um = min(mark.x_um, mark.y_um, board.size_x_um - mark.x_um, board.size_y_um - mark.y_um)
        if edge_um < mark.diameter_um / 2:
            yield error(
                ("board", "fiducials", index),
                f"fiducial {mark.name} is not on the board.",
                f"inside {board.size_x_um:g} x {board.size_y_um:g} um",
            )
        for other in board.fiducials[:index]:
            if _apart(mark.x_um, mark.y_um, other) < mark.diameter_um:
                yield error(("board", "fiducials", index), f"fiducial {mark.name} is drawn where {other.name} is.")
    if len(points) == 2:
        yield warning(
            ("board", "fiducials"), "two fiducials tell place and turn only; three also tell a bent scale.", "3"
        )
    longest_um = max((math.dist(a, b) for a in points for b in points), default=0.0)
    if longest_um < SHORT_BASELINE * math.hypot(board.size_x_um, board.size_y_um):
        yield warning(
            ("board", "fiducials"),
            f"the fiducials are only {longest_um:.0f} um apart.",
            f"from {SHORT_BASELINE:g} of the diagonal",
            ESTIMATE,
        )
    turned = [(board.size_x_um - x_um, board.size_y_um - y_um) for x_um, y_um in points]
    if all(any(math.dist(a, b) < TURN_MARGIN_UM for b in points) for a in turned):
        yield warning(("board", "fiducials"), "a board put in turned by half a turn shows the same fiducials.")


@rule("board")
def every_board_of_the_panel_has_a_site(r: Recipe) -> Findings:
    board = r.board
    for index, site in enumerate(board.sites):
        if site.board_index > board.boards_in_panel:
            yield error(
                ("board", "sites", index, "board_index"),
                f"the panel has {board.boards_in_panel} board(s).",
                f"1 to {board.boards_in_panel}",
            )
    used = {site.board_index for site in board.sites}
    unused = [str(number) for number in range(1, board.boards_in_panel + 1) if number not in used]
    if unused:
        yield warning(("board", "boards_in_panel"), f"board {_few(unused)} of the panel has no site.")


@rule("board", "package", "bottom")
def sites_are_on_the_board_and_apart(r: Recipe) -> Findings:
    board = r.board
    size = max(r.package.body_x_um, r.bottom.body_x_um), max(r.package.body_y_um, r.bottom.body_y_um)
    for index, site in enumerate(board.sites):
        path = ("board", "sites", index)
        half_x_um, half_y_um = _half_box(site, *size)
        high_x_um, high_y_um = board.size_x_um - half_x_um, board.size_y_um - half_y_um
        if not (half_x_um <= site.x_um <= high_x_um and half_y_um <= site.y_um <= high_y_um):
            yield _off_board(path, site, (half_x_um, high_x_um), (half_y_um, high_y_um))
        yield from _neighbour_findings(board, index, size)
        for mark in board.fiducials:
            if _inside(site, mark.x_um, mark.y_um, size, mark.reach_um + FIDUCIAL_CLEARANCE_UM):
                yield error(path, f"the package at site {site.name} would cover fiducial {mark.name}.")


def _off_board(path: Path, site: Site, x_um: tuple[float, float], y_um: tuple[float, float]) -> Finding:
    said = f"site {site.name} at ({site.x_um:g}, {site.y_um:g}) puts the body over the board's edge."
    if x_um[0] > x_um[1] or y_um[0] > y_um[1]:
        return error(path, said, "none: the package is too big for the board")
    return error(path, said, f"x {x_um[0]:.0f} to {x_um[1]:.0f} um, y {y_um[0]:.0f} to {y_um[1]:.0f} um")


def _neighbour_findings(board: Board, index: int, size: tuple[float, float]) -> Findings:
    site = board.sites[index]
    path = ("board", "sites", index)
    stacked = [other for other in board.sites[:index] if _apart(site.x_um, site.y_um, other) < SAME_PLACE_UM]
    if site.level > 1 and not any(other.level == site.level - 1 for other in stacked):
        yield error((*path, "level"), f"nothing is placed on level {site.level - 1} at this place before.")
    same = next((other for other in stacked if other.level == site.level), None)
    if same is not None:
        yield error(path, f"site {site.name} is the same place as site {same.name}: two packages on one spot.")
        return
    for other in board.sites[:index]:
        if other.level == site.level and _bodies_meet(site, other, size):
            yield error(path, f"packages at sites {other.name} and {site.name} would touch.")


def _map_findings(
    table: str, word: str, part: Package | BottomPackage, drawn: PlaceMap, places: Sequence[Ball | Land]
) -> Findings:
    base = (table, f"{word}_map")
    if (drawn.grid is None) == (not drawn.places):
        yield error(base, "give either grid or places.", "exactly one of the two")
        return
    if drawn.count != len(places):
        yield error((*base, "count"), f"the map gives {len(places)} {word}s.{_ring_hint(drawn)}", f"{len(places)}")
    yield from _grid_findings(base, drawn)
    names = [place.name for place in places]
    twice = sorted(name for name, times in Counter(names).items() if times > 1)
    if twice:
        yield error((*base, "places"), f"{_few(twice)} named more than once.")
    radius_um = drawn.diameter_um / 2
    outside = [
        place.name
        for place in places
        if abs(place.x_um) + radius_um > part.body_x_um / 2 or abs(place.y_um) + radius_um > part.body_y_um / 2
    ]
    if outside:
        yield error(
            base, f"{word}s outside the body: {_few(outside)}.", f"inside {part.body_x_um:g} x {part.body_y_um:g} um"
        )
    touching = _touching(places, drawn.diameter_um)
    if touching:
        yield error((*base, "diameter_um"), f"{word}s {touching[0]} and {touching[1]} overlap.", "less than the pitch")
    yield from _mark_findings(table, word, part, places)


def _grid_findings(base: tuple[str, str], drawn: PlaceMap) -> Findings:
    grid = drawn.grid
    if grid is None:
        return
    if grid.perimeter_rows * 2 > max(grid.columns, grid.rows):
        yield error((*base, "grid", "perimeter_rows"), "the ring is wider than the grid.", "0 for a full grid")
    places = {place.name for place in places_of(drawn.model_copy(update={"grid": without_gaps(grid)}), "from_above")}
    unknown = [name for name in grid.depopulated if name not in places]
    if unknown:
        yield error((*base, "grid", "depopulated"), f"{_few(unknown)} is no place of the grid.")


def _mark_findings(table: str, word: str, part: Package | BottomPackage, places: Sequence[Ball | Land]) -> Findings:
    mark = part.a1_mark
    path = (table, "a1_mark")
    radius_um = mark.diameter_um / 2
    if abs(mark.x_um) + radius_um > part.body_x_um / 2 or abs(mark.y_um) + radius_um > part.body_y_um / 2:
        yield error(path, "the mark is not on the body.", f"inside {part.body_x_um:g} x {part.body_y_um:g} um")
    if math.hypot(mark.x_um, mark.y_um) < MARK_OFF_CENTRE_UM:
        said = "so close to the centre the mark does not tell the turn."
        yield error(path, said, f"from {MARK_OFF_CENTRE_UM:g} um off")
    reach_um = radius_um + max((place.diameter_um for place in places), default=0.0) / 2
    covered = [place.name for place in places if _apart(mark.x_um, mark.y_um, place) < reach_um]
    if covered:
        yield error(path, f"the mark lies on {word} {_few(covered)}.", f"clear of every {word}")
    first = next((place for place in places if place.name in ("A1", "1")), None)
    if first is not None and not _same_direction((first.x_um, first.y_um), (mark.x_um, mark.y_um)):
        allowed = f"near ({first.x_um:g}, {first.y_um:g}) um"
        yield error(path, f"the mark is not on the side of {word} {first.name}.", allowed)


def _same_direction(one: tuple[float, float], other: tuple[float, float]) -> bool:
    """Within 60 deg of each other, seen from the centre."""
    along = one[0] * other[0] + one[1] * other[1]
    return along > 0.5 * math.hypot(*one) * math.hypot(*other)


def _ring_hint(drawn: PlaceMap) -> str:
    grid = drawn.grid
    if grid is None:
        return ""
    near = [rows for rows in range(11) if ring_count(grid.columns, grid.rows, rows) == drawn.count]
    return f" perimeter_rows = {near[0]} would give {drawn.count}." if near else ""


def _touching(places: Sequence[Ball | Land], diameter_um: float) -> tuple[str, str] | None:
    """Two places closer than a diameter, found by looking into neighbouring squares of that size."""
    squares: dict[tuple[int, int], list[Ball | Land]] = {}
    for place in places:
        column, row = math.floor(place.x_um / diameter_um), math.floor(place.y_um / diameter_um)
        for step_x in (-1, 0, 1):
            for step_y in (-1, 0, 1):
                for other in squares.get((column + step_x, row + step_y), ()):
                    if _apart(place.x_um, place.y_um, other) < diameter_um:
                        return other.name, place.name
        squares.setdefault((column, row), []).append(place)
    return None


def _apart(x_um: float, y_um: float, other: Placed) -> float:
    return math.hypot(x_um - other.x_um, y_um - other.y_um)


def _half_box(site: Site, body_x_um: float, body_y_um: float) -> tuple[float, float]:
    cos, sin = abs(math.cos(math.radians(site.theta_deg))), abs(math.sin(math.radians(site.theta_deg)))
    return (body_x_um * cos + body_y_um * sin) / 2, (body_x_um * sin + body_y_um * cos) / 2


def _inside(site: Site, x_um: float, y_um: float, size: tuple[float, float], margin_um: float) -> bool:
    turn = math.radians(-site.theta_deg)
    dx_um, dy_um = x_um - site.x_um, y_um - site.y_um
    along_um = dx_um * math.cos(turn) - dy_um * math.sin(turn)
    across_um = dx_um * math.sin(turn) + dy_um * math.cos(turn)
    return abs(along_um) < size[0] / 2 + margin_um and abs(across_um) < size[1] / 2 + margin_um


def _bodies_meet(one: Site, other: Site, size: tuple[float, float]) -> bool:
    """Whether two turned bodies overlap: no axis of either separates them."""
    for axis_deg in (one.theta_deg, one.theta_deg + 90, other.theta_deg, other.theta_deg + 90):
        along = math.cos(math.radians(axis_deg)), math.sin(math.radians(axis_deg))
        reach_um = 0.0
        for site in (one, other):
            turn = math.radians(axis_deg - site.theta_deg)
            reach_um += size[0] / 2 * abs(math.cos(turn)) + size[1] / 2 * abs(math.sin(turn))
        gap_um = abs((one.x_um - other.x_um) * along[0] + (one.y_um - other.y_um) * along[1])
        if gap_um >= reach_um:
            return False
    return True


def _few(names: Sequence[str], count: int = 5) -> str:
    return ", ".join(names[:count]) + (f" and {len(names) - count} more" if len(names) > count else "")


DRAWING_RULES: tuple[Rule, ...] = tuple(value for value in list(globals().values()) if isinstance(value, Rule))
