"""The balls of one real package as arrays: where they are, how large, how bright, how much material they carry.

Nothing here draws and nothing here is measured; it turns the truth of the package into the numbers a renderer needs.
"""

from __future__ import annotations

from dataclasses import dataclass
from operator import is_

import numpy as np
from numpy.typing import NDArray

from sim_hardware.optics.lens import Floats
from sim_hardware.world.machine import Fidelity
from sim_hardware.world.things import BallSite, PackageTruth

COAT_SCALE_UM = 8.0
"""coat thickness at which its effect on the highlight has come to 63 %, estimate"""
FULL_STRENGTH = 0.7
"""largest strength of the assumed effect, reached at half the ball height and a thick coat"""
_UM3_PER_NL = 1.0e6


@dataclass(frozen=True, slots=True)
class BallArrays:
    """All sites of a package in the order of its drawing; package frame seen from below, um. Shape (n,) each."""

    drawn_x_um: Floats
    drawn_y_um: Floats
    x_um: Floats
    """true centre"""
    y_um: Floats
    present: NDArray[np.bool_]
    diameter_um: Floats
    drawn_diameter_um: Floats
    height_um: Floats
    immersion_um: Floats
    coat_volume_nl: Floats


def arrays_of(package: PackageTruth) -> BallArrays:
    """Read the package now; a diameter or height of 0 stands for the drawn one."""
    balls = package.balls
    sites = _drawn([ball.site for ball in balls])
    diameter_um = np.array([ball.diameter_um for ball in balls])
    height_um = np.array([ball.height_um for ball in balls])
    return BallArrays(
        drawn_x_um=sites[0],
        drawn_y_um=sites[1],
        x_um=sites[0] + [ball.dx_um for ball in balls],
        y_um=sites[1] + [ball.dy_um for ball in balls],
        present=np.array([ball.present for ball in balls], dtype=np.bool_),
        diameter_um=np.where(diameter_um > 0.0, diameter_um, sites[2]),
        drawn_diameter_um=sites[2],
        height_um=np.where(height_um > 0.0, height_um, sites[3]),
        immersion_um=np.array([ball.immersion_um for ball in balls]),
        coat_volume_nl=np.array([ball.coat_volume_nl for ball in balls]),
    )


_last_drawn: list[tuple[list[BallSite], Floats]] = []


def _drawn(sites: list[BallSite]) -> Floats:
    """Place, diameter and height of the drawing, (4, n); kept for the last few drawings, whose sites are shared."""
    for known, table in _last_drawn:
        if len(known) == len(sites) and all(map(is_, known, sites)):
            return table
    table = np.array([(site.x_um, site.y_um, site.diameter_um, site.height_um) for site in sites]).reshape(-1, 4).T
    _last_drawn.insert(0, (sites, np.ascontiguousarray(table)))
    del _last_drawn[4:]
    return _last_drawn[0][1]


def cap_rho(balls: BallArrays) -> Floats:
    """Outline of the wetted cap seen from below / ball radius: sqrt(1 - (1 - 2 d / D)^2), 1 from the equator on."""
    depth_ratio = np.clip(balls.immersion_um / balls.diameter_um, 0.0, 0.5)
    return np.asarray(np.sqrt(1.0 - (1.0 - 2.0 * depth_ratio) ** 2))


def wet_strength(balls: BallArrays) -> Floats:
    """0 = looks dry. Grows with the immersed share of the height and with the thickness of the coat left on the cap."""
    share = np.clip(balls.immersion_um / balls.height_um, 0.0, 0.5) / 0.5
    return np.asarray(FULL_STRENGTH * np.sqrt(share) * (1.0 - np.exp(-coat_um(balls) / COAT_SCALE_UM)))


def coat_um(balls: BallArrays) -> Floats:
    """Mean thickness of the material on the cap of each ball; the cap of a sphere has the area pi D depth."""
    cap_area_um2 = np.pi * balls.diameter_um * np.maximum(balls.immersion_um, 1.0)
    return np.asarray(balls.coat_volume_nl * _UM3_PER_NL / cap_area_um2)


@dataclass(frozen=True, slots=True)
class Shine:
    """How the highlights of a package differ from ball to ball; package frame seen from below. Shape (n,) each."""

    reflectivity: Floats
    roughness_deg: Floats
    tilt_x: Floats
    tilt_y: Floats
    ellipse_cos: Floats
    ellipse_sin: Floats


def shine_of(package: PackageTruth, strength: Floats, fidelity: Fidelity) -> Shine:
    """Fixed by the truth of the balls and the seed of the package, so that dry and wet pictures differ by the dip only.

    `real` adds what the truth does not list: roughness of the surface (2 to 4.3 deg, estimate), direction of the
    ellipse, and an uneven coat.
    """
    table = np.array(
        [(b.reflectivity, b.highlight_tilt_x, b.highlight_tilt_y, b.ellipticity) for b in package.balls],
        dtype=np.float64,
    ).reshape(-1, 4)
    count = len(table)
    rng = np.random.Generator(np.random.PCG64([17, package.texture_seed & 0xFFFF_FFFF_FFFF]))
    axis = rng.uniform(0.0, 2.0 * np.pi, count)
    roughness_deg = np.full(count, 3.0)
    tilt_x, tilt_y = table[:, 1], table[:, 2]
    if fidelity is Fidelity.REAL:
        roughness_deg = rng.uniform(2.0, 4.3, count)
        tilt_x = tilt_x + 0.08 * strength * rng.standard_normal(count)
        tilt_y = tilt_y + 0.08 * strength * rng.standard_normal(count)
    return Shine(table[:, 0], roughness_deg, tilt_x, tilt_y, table[:, 3] * np.cos(axis), table[:, 3] * np.sin(axis))
