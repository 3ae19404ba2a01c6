"""What lies below the nozzle tip: pocket, plate, board, bottom package, holder or bin, and how high it stands.

Nothing here moves or presses; it looks at the world as it is at one place.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from sim_hardware.world.boards import bottom_pose
from sim_hardware.world.geometry import BallField
from sim_hardware.world.machine import MachineTruth
from sim_hardware.world.places import GlassPart, HeldPart, Pocket, turned
from sim_hardware.world.things import PackageTruth, SiteTruth

if TYPE_CHECKING:
    from sim_hardware.plant import Plant

SEAT_HALF_UM = 9_000.0
BIN_HALF_UM = 20_000.0
SUPPORTED_RATIO = 0.9
"""A nozzle seals while at least this share of its radius stands on the part."""
NOZZLE_OF_BODY_RATIO = 0.8
"""A small part gets a small nozzle: the opening is at most this share of its narrow side."""


class Floor(Enum):
    """What kind of thing is below; the value reads in truth events."""

    NOTHING = "nothing"
    POCKET = "pocket"
    PLATE = "plate"
    BOARD = "board"
    SITE = "site"
    HOLDER = "holder"
    BIN = "bin"


@dataclass(frozen=True, slots=True)
class Lying:
    """A part that lies below the tip, with the machine place of its frame, turn seen from above."""

    part: PackageTruth | GlassPart
    x_um: float
    y_um: float
    theta_deg: float


@dataclass(frozen=True, slots=True)
class Surface:
    """The topmost thing below a point."""

    floor: Floor
    z_um: float
    """Z at which a bare tip touches it; what lies on it counts"""
    stiffness_n_per_um: float
    lying: Lying | None = None
    pocket: Pocket | None = None
    site: SiteTruth | None = None
    is_lower_seat: bool = False


def _plate_n_per_um(machine: MachineTruth) -> float:
    return machine.stiffness_plate_n_per_mm * 1e-3


def _board_n_per_um(machine: MachineTruth) -> float:
    return machine.stiffness_board_n_per_mm * 1e-3


def hanging_um(part: PackageTruth | GlassPart | None, field: BallField | None = None) -> float:
    """How far a part reaches below the tip, or stands above a floor."""
    if part is None:
        return 0.0
    if isinstance(part, GlassPart):
        return part.height_um
    return part.type.body_height_um + (BallField.of(part) if field is None else field).standing_um


def surface_below(plant: Plant, x_um: float, y_um: float) -> Surface:
    """The topmost thing below a true machine point."""
    machine = plant.machine
    plate_x, plate_y = plant.plate_centre_um()
    half = machine.plate_size_um / 2
    if abs(x_um - plate_x) <= half and abs(y_um - plate_y) <= half:
        return Surface(Floor.PLATE, machine.plate_z_um, _plate_n_per_um(machine))
    for is_lower in (False, True):
        seat_x, seat_y, _ = plant.seat_um(is_lower)
        if max(abs(x_um - seat_x), abs(y_um - seat_y)) <= SEAT_HALF_UM:
            return _seat(plant, is_lower)
    if max(abs(x_um - machine.bin_x_um), abs(y_um - machine.bin_y_um)) <= BIN_HALF_UM:
        return Surface(Floor.BIN, machine.bin_z_um, _board_n_per_um(machine))
    return _pocket(plant, x_um, y_um) or _board(plant, x_um, y_um) or Surface(Floor.NOTHING, math.inf, 1.0)


def _seat(plant: Plant, is_lower: bool) -> Surface:
    stiffness, holder = _plate_n_per_um(plant.machine), plant.holder
    x_um, y_um, z_um = plant.seat_um(is_lower)
    if holder.glass is None or holder.in_lower_seat != is_lower:
        return Surface(Floor.HOLDER, z_um, stiffness, is_lower_seat=is_lower)
    lying = Lying(holder.glass, x_um + holder.dx_um, y_um + holder.dy_um, holder.dtheta_deg)
    return Surface(Floor.HOLDER, z_um - holder.glass.height_um, stiffness, lying, is_lower_seat=is_lower)


def _pocket(plant: Plant, x_um: float, y_um: float) -> Surface | None:
    machine, tray = plant.machine, plant.tray
    pocket = tray.pocket_at(x_um, y_um) if tray is not None else None
    if tray is None or pocket is None:
        return None
    if pocket.package is None:
        return Surface(Floor.POCKET, machine.tray_z_um, _plate_n_per_um(machine), pocket=pocket)
    centre_x, centre_y = tray.centre_um(pocket)
    lying = Lying(pocket.package, centre_x + pocket.dx_um, centre_y + pocket.dy_um, pocket.dtheta_deg)
    top_z = machine.tray_z_um - hanging_um(pocket.package) - hanging_um(pocket.below)
    return Surface(Floor.POCKET, top_z, _plate_n_per_um(machine), lying, pocket)


def _board(plant: Plant, x_um: float, y_um: float) -> Surface | None:
    machine, board = plant.machine, plant.board_in_nest
    if board is None:
        return None
    on_x, on_y = turned(
        x_um - machine.nest_x_um - board.nest_dx_um, y_um - machine.nest_y_um - board.nest_dy_um, -board.nest_dtheta_deg
    )
    if not (0.0 <= on_x <= board.type.size_x_um and 0.0 <= on_y <= board.type.size_y_um):
        return None
    z_um = machine.board_z_um - board.height_um
    soft_n_per_mm = plant.faults.value("board_soft", plant.now(), machine.stiffness_board_n_per_mm)
    stiffness = soft_n_per_mm * 1e-3
    bottom = plant.scenario.bottom
    half = max(bottom.body_x_um, bottom.body_y_um) / 2
    for site in board.sites:
        # A cheap look first: sites are far apart compared with a package.
        if max(abs(on_x - site.site.x_um), abs(on_y - site.site.y_um)) > 1.5 * half:
            continue
        x, y, theta_deg = bottom_pose(machine, board, site)
        dx, dy = turned(x_um - x, y_um - y, -theta_deg)
        if abs(dx) > bottom.body_x_um / 2 or abs(dy) > bottom.body_y_um / 2:
            continue
        if site.bottom_present:
            z_um -= bottom.body_height_um - site.bottom_low_um
        lying = None
        for placed in site.placed:
            z_um -= hanging_um(placed.package)
            dx, dy = turned(placed.offset_x_um, placed.offset_y_um, theta_deg)
            lying = Lying(placed.package, x + dx, y + dy, theta_deg + placed.offset_theta_deg)
        return Surface(Floor.SITE, z_um, stiffness, lying, site=site)
    return Surface(Floor.BOARD, z_um, stiffness)


def opening_um(nozzle_um: float, part: PackageTruth | GlassPart) -> float:
    """Diameter of the nozzle opening that stands on a part."""
    body_x, body_y = body_um(part)
    return min(nozzle_um, NOZZLE_OF_BODY_RATIO * min(body_x, body_y))


def body_um(part: PackageTruth | GlassPart) -> tuple[float, float]:
    if isinstance(part, GlassPart):
        return part.body_x_um, part.body_y_um
    return part.type.body_x_um, part.type.body_y_um


def support_ratio(x_um: float, y_um: float, nozzle_um: float, lying: Lying) -> float:
    """Distance from the tip's centre to the nearest edge of the body, in nozzle radii; below 0 beside the body."""
    dx, dy = turned(x_um - lying.x_um, y_um - lying.y_um, -lying.theta_deg)
    if isinstance(lying.part, PackageTruth):
        # The outline is given as seen from below, so its shift in x turns round.
        dx, dy = dx + lying.part.body_dx_um, dy - lying.part.body_dy_um
    body_x, body_y = body_um(lying.part)
    margin = min(body_x / 2 - abs(dx), body_y / 2 - abs(dy))
    return margin / (opening_um(nozzle_um, lying.part) / 2)


def part_pose(tip_x_um: float, tip_y_um: float, tip_theta_deg: float, held: HeldPart) -> tuple[float, float, float]:
    """Machine place and turn of the frame of a part on the nozzle."""
    dx, dy = turned(held.x_um, held.y_um, tip_theta_deg)
    return tip_x_um + dx, tip_y_um + dy, tip_theta_deg + held.theta_deg


def held_from(tip_x_um: float, tip_y_um: float, tip_theta_deg: float, lying: Lying) -> HeldPart:
    """The same part, now hanging on the tip where it lay."""
    dx, dy = turned(lying.x_um - tip_x_um, lying.y_um - tip_y_um, -tip_theta_deg)
    return HeldPart(lying.part, dx, dy, lying.theta_deg - tip_theta_deg)
