"""What happens between a package and the film: immersion of every ball, the coat it takes, bridges, suction, tack.

Nothing here moves Z; the head says how deep the package went and how fast it left.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sim_hardware.world.film import Dent, Film, Mark
from sim_hardware.world.geometry import BallField, Mask, array_geometry
from sim_hardware.world.levelling import GRAVITY_M_PER_S2
from sim_hardware.world.things import Material, PackageTruth

Array = NDArray[np.float64]

COAT_UM = 20.0  # estimate: coat at 50 Pa.s and 5 mm/s, calibrated by weighing on a real unit
COAT_VISCOSITY_PA_S = 50.0
COAT_SPEED_UM_PER_S = 5_000.0
COAT_VISCOSITY_POWER = 0.3
COAT_SPEED_POWER = 0.2
COAT_RANGE_UM = (5.0, 60.0)
BRIDGE_MARGIN_UM = 20.0  # estimate
FLOOD_RATIO = 0.95
"""Material above this share of the ball height reaches the body and runs from ball to ball; estimate."""
SQUEEZE_GAP_UM = 10.0
"""Suction acts over no smaller gap: ball tips are neither smooth nor level; estimate."""
PUSHED_RATIO = 0.3
"""Share of the displaced volume that has flowed out of the footprint and stays outside as a rim; estimate."""
RIM_UM = 1_000.0
CAPILLARY_FACTOR = 0.0709  # thinning of a viscous filament, R(t) = R0 - 0.0709 sigma t / eta (Papageorgiou 1995)


@dataclass(frozen=True, slots=True)
class Immersion:
    """How a package stands in the film: per ball, in the order of its type."""

    depth_um: Array
    """immersed height of each ball including the local rise; 0 = does not touch"""
    film_um: float
    """mean undisturbed film height over the field of the balls, of the places between them too"""
    lowest_gap_um: float
    """lowest ball tip over the plate"""
    mean_gap_um: float


def cap_volume_nl(depth_um: Array | float, radius_um: Array | float) -> Array:
    """Volume of a sphere cap: pi z^2 (3 R - z) / 3."""
    z = np.clip(depth_um, 0.0, 2.0 * np.asarray(radius_um))
    return np.asarray(math.pi * z * z * (3.0 * radius_um - z) / 3.0 * 1e-6)


def cap_area_um2(depth_um: Array | float, radius_um: Array | float) -> Array:
    """Wetted area of a ball: 2 pi R z."""
    return np.asarray(2.0 * math.pi * radius_um * np.clip(depth_um, 0.0, 2.0 * np.asarray(radius_um)))


def wetted_ring_um(depth_um: Array | float, radius_um: Array | float) -> Array:
    """Diameter of the wetted ring seen from below: 2 sqrt(2 R z - z^2), the equator above half depth."""
    z = np.clip(depth_um, 0.0, radius_um)
    return np.asarray(2.0 * np.sqrt(2.0 * radius_um * z - z * z))


def immerse(film: Film, field: BallField, x_um: Array, y_um: Array, body_gap_um: float, t_s: float) -> Immersion:
    """Where every ball stands in the film.

    x_um, y_um     true places of the balls in plate coordinates
    body_gap_um    underside of the body over the bare plate at the package centre
    rise           each ball lifts the film around it by its cap volume over pitch^2, before that can flow away
    """
    gaps = body_gap_um + field.bow_um - field.height_um
    heights = film.heights_at(x_um, y_um, t_s)
    bare = np.where(field.present, np.clip(heights - np.maximum(gaps, 0.0), 0.0, field.height_um), 0.0)
    rise = cap_volume_nl(bare, field.radius_um) * 1e6 / field.pitch_um**2
    depth = np.where(bare > 0.0, np.minimum(bare + rise, field.height_um), 0.0)
    there = gaps[field.present]
    return Immersion(
        depth_um=depth,
        film_um=_field_mean_um(film, field, x_um, y_um, t_s),
        lowest_gap_um=float(there.min()) if len(there) else body_gap_um,
        mean_gap_um=float(there.mean()) if len(there) else body_gap_um,
    )


FIELD_LINES = 121
"""Places across a field at which its mean is taken: closer than half of the shortest ripple."""
_ALONG, _ACROSS = np.linspace(-1.0, 1.0, 5)[None, :], np.linspace(-1.0, 1.0, FIELD_LINES)[:, None]


def _field_mean_um(film: Film, field: BallField, x_um: Array, y_um: Array, t_s: float) -> float:
    """Mean height over the square of the balls; the streaks run along x, so many lines across them are taken."""
    if not len(x_um):
        return 0.0
    half_um = max(field.half_x_um, field.half_y_um)
    return float(film.heights_at(half_um * _ALONG + x_um.mean(), half_um * _ACROSS + y_um.mean(), t_s).mean())


def enter(package: PackageTruth, immersion: Immersion) -> None:
    """The package has been this deep: every ball remembers its deepest immersion."""
    for ball, depth_um in zip(package.balls, immersion.depth_um.tolist(), strict=True):
        ball.immersion_um = max(ball.immersion_um, depth_um)


def coat_um(viscosity_pa_s: float, lift_um_per_s: float) -> float:
    """Thickness of the coat that the splitting liquid bridge leaves; Landau-Levich is out of range at Ca > 1."""
    by_viscosity = math.pow(viscosity_pa_s / COAT_VISCOSITY_PA_S, COAT_VISCOSITY_POWER)
    by_speed = math.pow(lift_um_per_s / COAT_SPEED_UM_PER_S, COAT_SPEED_POWER)
    thickness = COAT_UM * by_viscosity * by_speed
    return min(max(thickness, COAT_RANGE_UM[0]), COAT_RANGE_UM[1])


def leave(
    film: Film,
    package: PackageTruth,
    immersion: Immersion,
    x_um: Array,
    y_um: Array,
    theta_deg: float,
    lift_um_per_s: float,
    spread: Array,
    t_s: float,
    *,
    bridged_by_fault: bool = False,
) -> float:
    """The package left the film: coats, bridges, prints and a dent. Returns what it took, nl.

    spread     psi of each ball, mean 1; 8 to 12 % on a real unit
    """
    field = BallField.of(package)
    thickness = coat_um(film.viscosity_pa_s(t_s), lift_um_per_s)
    depth = immersion.depth_um
    coat = np.clip(spread, 0.0, None) * cap_area_um2(depth, field.radius_um) * thickness * 1e-6
    taken_nl = 0.0
    for ball, new_nl in zip(package.balls, coat.tolist(), strict=True):
        if new_nl > ball.coat_volume_nl:
            taken_nl += new_nl - ball.coat_volume_nl
            ball.coat_volume_nl = new_nl
    _bridge(package, depth, field, thickness, bridged_by_fault)
    touched = depth > 0.0
    if touched.any():
        displaced_nl = float(cap_volume_nl(depth, field.radius_um).sum())
        film.take(*_trace(film, field, x_um, y_um, theta_deg, depth, taken_nl, displaced_nl, t_s))
    return taken_nl


def _trace(
    film: Film,
    field: BallField,
    x_um: Array,
    y_um: Array,
    theta_deg: float,
    depth: Array,
    taken_nl: float,
    displaced_nl: float,
    t_s: float,
) -> tuple[Dent, float, list[Mark]]:
    half_x, half_y = field.half_x_um + field.pitch_um / 2, field.half_y_um + field.pitch_um / 2
    inner = 4 * half_x * half_y
    outer = 4 * (half_x + RIM_UM) * (half_y + RIM_UM)
    # What no film can give is not pushed out: the dent never reaches below the plate.
    pushed_um = min(PUSHED_RATIO * displaced_nl * 1e6 / inner, 0.5 * film.mean_height_um(t_s))
    dent = Dent(
        x_um=float((x_um.min() + x_um.max()) / 2),
        y_um=float((y_um.min() + y_um.max()) / 2),
        theta_deg=theta_deg,
        half_x_um=half_x,
        half_y_um=half_y,
        depth_um=taken_nl * 1e6 / inner + pushed_um,
        rim_width_um=RIM_UM,
        rim_um=pushed_um * inner / (outer - inner),
    )
    rings = wetted_ring_um(depth, field.radius_um)
    marks = [
        Mark(x, y, ring, z / 2, t_s)
        for x, y, ring, z in zip(x_um.tolist(), y_um.tolist(), rings.tolist(), depth.tolist(), strict=True)
        if z > 0.0
    ]
    return dent, taken_nl, marks


def _bridge(package: PackageTruth, depth: Array, field: BallField, thickness_um: float, by_fault: bool) -> None:
    rings = wetted_ring_um(depth, field.radius_um)
    flooded = depth >= FLOOD_RATIO * field.height_um
    geometry = array_geometry(package.type)
    first, second = geometry.pairs_first, geometry.pairs_second
    if not len(first):
        return
    wet = (depth[first] > 0.0) & (depth[second] > 0.0)
    necks = (rings[first] + rings[second]) / 2 + 2 * thickness_um > geometry.pairs_um - BRIDGE_MARGIN_UM
    joined = np.flatnonzero(wet & (necks | (flooded[first] & flooded[second]))).tolist()
    if by_fault and not joined:
        candidates = np.flatnonzero(wet).tolist()
        joined = candidates[len(candidates) // 2 :][:1]
    known = dict.fromkeys(package.bridges)
    for index in joined:
        names = (package.balls[int(first[index])].site.name, package.balls[int(second[index])].site.name)
        known.setdefault(names)
    package.bridges[:] = list(known)


def squeeze_n_s(field: BallField, immersed: Mask, viscosity_pa_s: float) -> float:
    """6 pi eta sum R^2 over the immersed balls: suction is this x speed / gap. Same value in and out."""
    radius_m = field.radius_um[immersed] * 1e-6
    return 6.0 * math.pi * viscosity_pa_s * float(np.dot(radius_m, radius_m))


def suction_n(squeeze: float, speed_um_per_s: float, gap_um: float) -> float:
    """Viscous force between ball tips and plate, F = 6 pi eta R^2 U / g per ball; squeeze from `squeeze_n_s`."""
    return squeeze * speed_um_per_s / max(gap_um, SQUEEZE_GAP_UM)


def tack_n(field: BallField, depth: Array, material: Material) -> float:
    """Force to pull wetted balls off: tack stress on the wetted rings (force balance of Indium, epoxy flux dipping)."""
    rings_m = wetted_ring_um(depth, field.radius_um) * 1e-6
    return material.tack_kpa * 1e3 * math.pi / 4 * float((rings_m * rings_m).sum())


def weight_n(mass_g: float) -> float:
    return mass_g * 1e-3 * GRAVITY_M_PER_S2


def filament_break_s(radius_um: float, viscosity_pa_s: float, material: Material) -> float:
    """Time until a thread of the material breaks by itself: R eta / (0.0709 sigma); shear-thinning makes it shorter."""
    return radius_um * 1e-6 * viscosity_pa_s / (CAPILLARY_FACTOR * material.surface_tension_n_per_m)
