"""The things that pass through the cell: package types and packages, boards, material; all of it known truth.

Lengths in um, angles in deg anticlockwise. A ball map is seen from below (ball side towards the eye), a land pattern
from above. Nothing here moves or renders.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class BallSite:
    """One ball of a package drawing, seen from below, origin at the body centre."""

    name: str
    x_um: float
    y_um: float
    diameter_um: float
    height_um: float


@dataclass(frozen=True, slots=True)
class LandSite:
    """One land on top of a bottom package, seen from above, origin at the body centre."""

    name: str
    x_um: float
    y_um: float
    diameter_um: float


@dataclass(frozen=True, slots=True)
class PackageType:
    """A top package drawing. `mass_g` with its balls; the A1 mark as seen from below, diameter 0 = it has none."""

    name: str
    body_x_um: float
    body_y_um: float
    body_height_um: float
    mass_g: float
    balls: tuple[BallSite, ...]
    a1_x_um: float = 0.0
    a1_y_um: float = 0.0
    a1_diameter_um: float = 0.0


@dataclass(frozen=True, slots=True)
class BottomType:
    """A bottom package drawing as seen from above; `a1_x_um, a1_y_um` the centre of its turn mark (a 400 um disc)."""

    name: str
    body_x_um: float
    body_y_um: float
    body_height_um: float
    lands: tuple[LandSite, ...]
    a1_x_um: float
    a1_y_um: float


FIDUCIAL_SHAPES = ("disc", "ring", "cross", "square", "diamond")


@dataclass(frozen=True, slots=True)
class FiducialSite:
    """A mark on a board, board coordinates (origin lower left, x right, y up).

    diameter_um   across the mark; a diamond and a cross from tip to tip
    part_ratio    inner over outer diameter of a ring, arm width over length of a cross
    is_bright     copper in a mask opening; otherwise a bare window in copper
    """

    name: str
    x_um: float
    y_um: float
    diameter_um: float
    shape: str = "disc"
    part_ratio: float = 0.0
    is_bright: bool = True

    def __post_init__(self) -> None:
        if self.shape not in FIDUCIAL_SHAPES:
            raise ValueError(f"fiducial {self.name}: shape {self.shape!r} is none of {', '.join(FIDUCIAL_SHAPES)}")
        if self.shape in ("ring", "cross") and not 0.0 < self.part_ratio < 1.0:
            raise ValueError(f"fiducial {self.name}: part_ratio = {self.part_ratio}, a {self.shape} wants 0 to 1")


@dataclass(frozen=True, slots=True)
class PlacementSite:
    """Where a stack stands on the board: nominal centre and turn of the bottom package."""

    name: str
    x_um: float
    y_um: float
    theta_deg: float


@dataclass(frozen=True, slots=True)
class BoardType:
    """A board or panel drawing."""

    name: str
    size_x_um: float
    size_y_um: float
    thickness_um: float
    fiducials: tuple[FiducialSite, ...]
    sites: tuple[PlacementSite, ...]


@dataclass(frozen=True, slots=True)
class Material:
    """Flux or dip paste at 25 degC; defaults are estimates for a dip flux."""

    name: str = "dip flux"
    kind: str = "flux"
    viscosity_pa_s: float = 50.0
    surface_tension_n_per_m: float = 0.030
    density_kg_per_m3: float = 1000.0
    yield_stress_pa: float = 20.0
    tack_kpa: float = 12.0
    drying_ratio_per_h: float = 0.01


@dataclass(slots=True)
class BallTruth:
    """One real ball. Offsets against the drawing in the package frame; immersion and coat come with the dip."""

    site: BallSite
    present: bool = True
    dx_um: float = 0.0
    dy_um: float = 0.0
    diameter_um: float = 0.0
    height_um: float = 0.0
    reflectivity: float = 1.0
    ellipticity: float = 0.0
    highlight_tilt_x: float = 0.0
    highlight_tilt_y: float = 0.0
    immersion_um: float = 0.0
    """deepest immersion so far; 0 = never touched material"""
    coat_volume_nl: float = 0.0
    """material on the ball now"""


@dataclass(slots=True)
class PackageTruth:
    """One real top package."""

    serial: str
    type: PackageType
    balls: list[BallTruth]
    body_dx_um: float = 0.0
    """body outline against the ball frame, package frame seen from below"""
    body_dy_um: float = 0.0
    bow_um: float = 0.0
    """height of the ball plane at the corners against the centre, positive = corners higher (further from the film)"""
    texture_seed: int = 0
    bridges: list[tuple[str, str]] = field(default_factory=list)
    """pairs of balls joined by material"""


@dataclass(slots=True)
class SiteTruth:
    """One real site of one real board: where the bottom package truly stands, and what was put on it."""

    site: PlacementSite
    bottom_present: bool = True
    bottom_dx_um: float = 0.0
    bottom_dy_um: float = 0.0
    bottom_dtheta_deg: float = 0.0
    bottom_texture_seed: int = 0
    bottom_low_um: float = 0.0
    """how much lower than drawn it sits"""
    placed: list[PlacedTruth] = field(default_factory=list)


@dataclass(slots=True)
class BoardTruth:
    """One real board."""

    serial: str
    type: BoardType
    sites: list[SiteTruth]
    nest_dx_um: float = 0.0
    """how it lies in the clamp, against the nominal nest corner"""
    nest_dy_um: float = 0.0
    nest_dtheta_deg: float = 0.0
    scale_ratio: float = 1.0
    """true size / drawn size of the copper image"""
    missing_fiducials: tuple[str, ...] = ()
    stray_marks: tuple[FiducialSite, ...] = ()
    """copper that nobody drew and that looks like a fiducial"""
    height_um: float = 0.0
    """top surface against nominal, positive = higher (towards the head)"""
    texture_seed: int = 0

    @property
    def marks(self) -> tuple[FiducialSite, ...]:
        """Everything on the copper that looks like a fiducial."""
        there = tuple(mark for mark in self.type.fiducials if mark.name not in self.missing_fiducials)
        return there + self.stray_marks


@dataclass(frozen=True, slots=True)
class PlacedTruth:
    """Where a package came to rest, as the world knows it: top ball frame against bottom land frame.

    Offsets in the frame of the bottom package seen from above; both frames are rigid fits of what is there.
    """

    serial: str
    package: PackageTruth
    time_s: float
    offset_x_um: float
    offset_y_um: float
    offset_theta_deg: float
    contact_z_um: float
    seated_z_um: float
    peak_force_n: float
    hold_force_n: float
    film_height_um: float
    """true film height under the package when it was dipped, before it displaced anything; 0 = never dipped"""
    balls_dry: int
    balls_half: int
    """touched material with less than a quarter of the ball height"""
    bridges: int
