"""Where parts can be in the cell: pockets of the tray, the nozzle tip, the holder of the glass calibration part.

Nothing here moves a part; head and feeder do.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from sim_hardware.world.things import PackageTruth


@dataclass(slots=True)
class GlassPart:
    """The calibration part: 9 x 9 dots of 300 um at 1000 um pitch less the corner dot at (-4000, -4000), seen from
    above; dots are visible from both sides. Origin at the body centre."""

    serial: str = "GLASS-1"
    body_x_um: float = 11_000.0
    body_y_um: float = 11_000.0
    height_um: float = 1_000.0
    mass_g: float = 0.3
    dots_dx_um: float = 0.0
    """dot pattern against the body"""
    dots_dy_um: float = 0.0


@dataclass(slots=True)
class HeldPart:
    """A part on the nozzle: where its frame (ball frame, dot frame) stands in the nozzle frame, seen from above.

    At a true tip pose (X, Y, T) the part stands at (X, Y) + R(T) (x_um, y_um) and is turned by T + theta_deg,
    anticlockwise seen from above. `tilt_ratio` is the slope of its underside along x of the machine: it hangs askew on
    the tip, and gives way when it is pressed flat.
    """

    part: PackageTruth | GlassPart
    x_um: float
    y_um: float
    theta_deg: float
    tilt_ratio: float = 0.0


@dataclass(slots=True)
class Pocket:
    """One pocket of the tray and how its part lies in it, against the pocket centre, seen from above."""

    row: int
    column: int
    package: PackageTruth | None
    dx_um: float = 0.0
    dy_um: float = 0.0
    dtheta_deg: float = 0.0
    below: PackageTruth | None = None
    """a second package under the first, where nobody expects one"""


@dataclass(slots=True)
class Tray:
    """The tray in the feeder. Pockets row by row; `pocket_at` finds one by its place in the machine."""

    lot: str
    x_um: float
    y_um: float
    pitch_um: float
    columns: int
    pockets: list[Pocket] = field(default_factory=list)

    def centre_um(self, pocket: Pocket) -> tuple[float, float]:
        return self.x_um + pocket.column * self.pitch_um, self.y_um + pocket.row * self.pitch_um

    def pocket_at(self, x_um: float, y_um: float) -> Pocket | None:
        """The pocket below a true machine point, None where there is none within half a pitch."""
        column = round((x_um - self.x_um) / self.pitch_um)
        row = round((y_um - self.y_um) / self.pitch_um)
        index = row * self.columns + column
        if not (0 <= column < self.columns and row >= 0 and index < len(self.pockets)):
            return None
        return self.pockets[index]


@dataclass(slots=True)
class Holder:
    """The holder of the glass part, with two seats; `glass` is None while the part is elsewhere."""

    glass: GlassPart | None
    dx_um: float = 0.0
    """the part's dot frame against the true place of the seat"""
    dy_um: float = 0.0
    dtheta_deg: float = 0.0
    in_lower_seat: bool = False

    def put_back(self, glass: GlassPart) -> None:
        """By hand, as it lay before it was first taken: in the upper seat."""
        self.glass, self.in_lower_seat = glass, False


@dataclass(slots=True)
class SafetyInputs:
    """The hard-wired inputs that the PLC reads; the harness sets them."""

    estop_ok: bool = True
    door_closed: bool = True
    drives_enabled: bool = True
    air_ok: bool = True
    vacuum_supply_ok: bool = True
    key_manual: bool = False
    bin_in_place: bool = True
    bin_full: bool = False
    on_battery: bool = False

    @property
    def may_move(self) -> bool:
        return self.estop_ok and self.door_closed and self.drives_enabled


def turned(x_um: float, y_um: float, theta_deg: float) -> tuple[float, float]:
    """A vector turned anticlockwise."""
    c, s = math.cos(math.radians(theta_deg)), math.sin(math.radians(theta_deg))
    return c * x_um - s * y_um, s * x_um + c * y_um
