"""Points that cannot be mixed up: machine, board, and image frames, each a type of its own.

Machine: x right, y away from the operator, seen from above; a point is the gantry position at which the nozzle axis
stands over it. Board: origin lower left, x right, y away. Image: origin at the image centre, x right, y up.
Angles in deg, anticlockwise in the frame's own view. docs/coordinates.md draws them.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import atan2, cos, degrees, radians, sin, sqrt
from typing import Generic, TypeVar


@dataclass(frozen=True, slots=True)
class MachinePoint:
    x_um: float
    y_um: float

    def __sub__(self, other: MachinePoint) -> Shift:
        return Shift(self.x_um - other.x_um, self.y_um - other.y_um)

    def moved(self, shift: Shift) -> MachinePoint:
        return MachinePoint(self.x_um + shift.x_um, self.y_um + shift.y_um)


@dataclass(frozen=True, slots=True)
class Shift:
    """A difference of two machine points."""

    x_um: float
    y_um: float

    def turned(self, angle_deg: float) -> Shift:
        c, s = cos(radians(angle_deg)), sin(radians(angle_deg))
        return Shift(c * self.x_um - s * self.y_um, s * self.x_um + c * self.y_um)

    def __neg__(self) -> Shift:
        return Shift(-self.x_um, -self.y_um)

    def __add__(self, other: Shift) -> Shift:
        return Shift(self.x_um + other.x_um, self.y_um + other.y_um)


@dataclass(frozen=True, slots=True)
class BoardPoint:
    x_um: float
    y_um: float


@dataclass(frozen=True, slots=True)
class ImagePoint:
    """um about the image centre, x right, y up."""

    x_um: float
    y_um: float


@dataclass(frozen=True, slots=True)
class MachinePose:
    """A thing seen from above: where its origin is and how it is turned."""

    point: MachinePoint
    theta_deg: float


P = TypeVar("P", BoardPoint, ImagePoint)


@dataclass(frozen=True, slots=True)
class AffineMap(Generic[P]):
    """machine = (c_x, c_y) + [[a, b], [c, d]] (x, y); carries its source frame in its type."""

    a: float
    b: float
    c: float
    d: float
    x_um: float = 0.0
    y_um: float = 0.0

    def shift_of(self, point: P) -> Shift:
        """The linear part alone: a difference in the source frame as a machine shift."""
        return Shift(self.a * point.x_um + self.b * point.y_um, self.c * point.x_um + self.d * point.y_um)

    def point_of(self, point: P) -> MachinePoint:
        return MachinePoint(self.x_um, self.y_um).moved(self.shift_of(point))

    @property
    def determinant(self) -> float:
        return self.a * self.d - self.b * self.c

    @property
    def is_mirrored(self) -> bool:
        return self.determinant < 0

    @property
    def scale_ratio(self) -> float:
        return sqrt(abs(self.determinant))

    @property
    def turn_deg(self) -> float:
        """Angle of the rotation part. For a mirrored map: the turn that follows a mirroring of x."""
        sign = -1.0 if self.is_mirrored else 1.0
        return degrees(atan2(sign * self.c - self.b, sign * self.a + self.d))

    def angle_of(self, theta_deg: float) -> float:
        """Machine angle, seen from above, of a thing turned by `theta_deg` in the source frame."""
        return self.turn_deg - theta_deg if self.is_mirrored else self.turn_deg + theta_deg

    def inverse_shift(self, shift: Shift) -> tuple[float, float]:
        """Machine shift -> (x_um, y_um) difference in the source frame."""
        determinant = self.determinant
        return (
            (self.d * shift.x_um - self.b * shift.y_um) / determinant,
            (self.a * shift.y_um - self.c * shift.x_um) / determinant,
        )


def wrapped_deg(angle_deg: float) -> float:
    """The same angle in -180 <= angle < 180."""
    return (angle_deg + 180.0) % 360.0 - 180.0
