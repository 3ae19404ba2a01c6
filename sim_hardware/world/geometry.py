"""Ball arrays as numbers in arrays: drawing geometry kept per type, and the true balls of one package.

Everything is seen from above here: a ball at (x, y) of the drawing, which is seen from below, stands at (-x, y).
Nothing here knows film, force or place.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from sim_hardware.world.things import PackageTruth, PackageType

Array = NDArray[np.float64]
Indices = NDArray[np.intp]
Mask = NDArray[np.bool_]

NEIGHBOUR_RATIO = 1.2
LONE_PITCH_UM = 1_000.0


@dataclass(frozen=True, slots=True)
class ArrayGeometry:
    """Drawing geometry of one type, seen from above."""

    kind: PackageType
    x_um: Array
    y_um: Array
    pitch_um: float
    corner_um: float
    """largest distance of a ball from the centre"""
    half_x_um: float
    half_y_um: float
    pairs_first: Indices
    pairs_second: Indices
    pairs_um: Array
    """neighbours: indices and distance"""


_known: dict[int, ArrayGeometry] = {}


def array_geometry(kind: PackageType) -> ArrayGeometry:
    """Computed once per type object; the object is kept, so its id cannot be given to another."""
    geometry = _known.get(id(kind))
    if geometry is None:
        geometry = _known[id(kind)] = _measure(kind)
    return geometry


def _measure(kind: PackageType) -> ArrayGeometry:
    x = -np.array([ball.x_um for ball in kind.balls])
    y = np.array([ball.y_um for ball in kind.balls])
    first, second = np.triu_indices(len(kind.balls), 1)
    distance = np.hypot(x[first] - x[second], y[first] - y[second])
    pitch = float(distance.min()) if len(distance) else LONE_PITCH_UM
    near = distance < NEIGHBOUR_RATIO * pitch
    empty = not len(x)
    return ArrayGeometry(
        kind=kind,
        x_um=x,
        y_um=y,
        pitch_um=pitch,
        corner_um=1.0 if empty else max(1.0, float(np.hypot(x, y).max())),
        half_x_um=0.0 if empty else float(np.abs(x).max()),
        half_y_um=0.0 if empty else float(np.abs(y).max()),
        pairs_first=first[near],
        pairs_second=second[near],
        pairs_um=distance[near],
    )


@dataclass(frozen=True, slots=True)
class BallField:
    """The true balls of one package, in the order of its type, package frame seen from above."""

    x_um: Array
    y_um: Array
    radius_um: Array
    height_um: Array
    bow_um: Array
    """how much higher than the centre the ball's foot is; the corner value is the package's bow"""
    present: Mask
    pitch_um: float
    half_x_um: float
    half_y_um: float

    @classmethod
    def of(cls, package: PackageTruth) -> BallField:
        geometry = array_geometry(package.type)
        balls = package.balls
        share = (geometry.x_um**2 + geometry.y_um**2) / geometry.corner_um**2
        return cls(
            x_um=geometry.x_um - np.array([ball.dx_um for ball in balls]),
            y_um=geometry.y_um + np.array([ball.dy_um for ball in balls]),
            radius_um=np.array([ball.diameter_um for ball in balls]) / 2,
            height_um=np.array([ball.height_um for ball in balls]),
            bow_um=package.bow_um * share,
            present=np.array([ball.present for ball in balls], dtype=np.bool_),
            pitch_um=geometry.pitch_um,
            half_x_um=geometry.half_x_um,
            half_y_um=geometry.half_y_um,
        )

    def tilted(self, theta_deg: float, tilt_x_ratio: float, tilt_y_ratio: float) -> BallField:
        """The same balls under a tilted nozzle face: higher by ratio x distance along the machine axes."""
        if not (tilt_x_ratio or tilt_y_ratio):
            return self
        x, y = places(self.x_um, self.y_um, 0.0, 0.0, theta_deg)
        return replace(self, bow_um=self.bow_um + tilt_x_ratio * x + tilt_y_ratio * y)

    @property
    def standing_um(self) -> float:
        """Body underside over a flat floor when the package stands on its longest balls; 0 without balls."""
        if not self.present.any():
            return 0.0
        return max(0.0, float((self.height_um - self.bow_um)[self.present].max()))

    @property
    def mean_lift_um(self) -> float:
        """Mean gap of the ball tips over a flat floor when the package stands on its longest balls."""
        if not self.present.any():
            return 0.0
        return self.standing_um - float((self.height_um - self.bow_um)[self.present].mean())


def places(x_um: Array, y_um: Array, at_x_um: float, at_y_um: float, theta_deg: float) -> tuple[Array, Array]:
    """Points of a frame seen from above, where that frame stands at a pose."""
    c, s = math.cos(math.radians(theta_deg)), math.sin(math.radians(theta_deg))
    return at_x_um + c * x_um - s * y_um, at_y_um + s * x_um + c * y_um


def rigid_fit(from_x: Array, from_y: Array, to_x: Array, to_y: Array) -> tuple[float, float, float]:
    """Least-squares turn and shift that carries the first points onto the second: (x_um, y_um, theta_deg).

    source   closed form of Kabsch in the plane
    """
    ax, ay, bx, by = from_x.mean(), from_y.mean(), to_x.mean(), to_y.mean()
    ux, uy, vx, vy = from_x - ax, from_y - ay, to_x - bx, to_y - by
    theta = math.atan2(float((ux * vy - uy * vx).sum()), float((ux * vx + uy * vy).sum()))
    c, s = math.cos(theta), math.sin(theta)
    return float(bx - (c * ax - s * ay)), float(by - (s * ax + c * ay)), math.degrees(theta)
