"""What stands before each camera at the instant of exposure: the truth that a picture is made from.

Nothing here renders or moves. Poses are true machine poses (x right, y away, um; theta anticlockwise seen from above,
deg). `CameraTruth.centre_dx_um, centre_dy_um, rotation_deg, distortion_k1` are applied by the optics and by nobody
else; every other error of the machine (squareness, runout, mounting) is already inside the poses given here.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import cos, radians, sin
from typing import NamedTuple

from sim_hardware.world.things import BoardTruth, BottomType, PackageTruth, PackageType, SiteTruth

NOMINAL_EXPOSURE_S = 0.002
NOMINAL_LIGHT_RATIO = 0.5


@dataclass(frozen=True, slots=True)
class Light:
    """One flash. Levels grow in proportion to exposure and channel: the up camera's with `ring_ratio`, the down
    camera's with `coax_ratio`; nominal is a ratio of 0.5 for 0.002 s. The shorter of strobe and exposure counts.
    """

    ring_ratio: float = NOMINAL_LIGHT_RATIO
    coax_ratio: float = NOMINAL_LIGHT_RATIO
    exposure_s: float = NOMINAL_EXPOSURE_S
    tilt_x_ratio: float = 0.0
    """one-sided ring: every highlight brighter by this towards image right, 0 = even"""
    tilt_y_ratio: float = 0.0
    gradient_x_ratio: float = 0.0
    """field brighter by this at the right edge than at the centre, 0 = even"""
    gradient_y_ratio: float = 0.0
    dead_segment_deg: float | None = None
    """direction, in the picture, of the segment of the lamp that gives no light; None = all shine"""


@dataclass(frozen=True, slots=True)
class TipView:
    """The face of a nozzle that holds nothing."""

    bore_um: float
    outer_um: float
    texture_seed: int = 0


@dataclass(frozen=True, slots=True)
class UpScene:
    """Before the up camera: a package on the nozzle, the glass calibration part, the bare tip, or nothing.

    `x_um, y_um` is where the origin of the ball map (of the dot grid, the middle of the tip) stands, minus the place of
    the camera (layout plus mounting error, without `CameraTruth.centre_*`); `theta_deg` is its turn seen from above.
    """

    package: PackageTruth | None = None
    x_um: float = 0.0
    y_um: float = 0.0
    theta_deg: float = 0.0
    ball_plane_dz_um: float = 0.0
    """ball plane (face of the tip) against the plane of sharp focus, either sign"""
    is_calibration_part: bool = False
    """the glass part hangs on the nozzle (`package` is None then)"""
    tip: TipView | None = None
    """nothing hangs on the nozzle; a part that does hides the tip"""
    light: Light = Light()


@dataclass(frozen=True, slots=True)
class BoardView:
    """A board: machine place of its lower left corner, and its turn."""

    truth: BoardTruth
    x_um: float
    y_um: float
    theta_deg: float
    depth_um: float = 0.0
    """its surface, farther from the camera than the reference plane (the upper seat of the glass part)"""


@dataclass(frozen=True, slots=True)
class BottomView:
    """A bottom package: machine place of its land frame."""

    type: BottomType
    x_um: float
    y_um: float
    theta_deg: float
    texture_seed: int = 0
    depth_um: float = 0.0
    """of its lands"""


@dataclass(frozen=True, slots=True)
class TopView:
    """A package lying with its balls down: machine place of its ball frame, turn seen from above."""

    package: PackageTruth
    x_um: float
    y_um: float
    theta_deg: float
    depth_um: float = 0.0
    """of its upper face, whose outline is seen"""


class ImprintMark(NamedTuple):
    """The print of one ball in the film: machine place of its centre and diameter of the wetted ring."""

    x_um: float
    y_um: float
    diameter_um: float
    contrast_ratio: float = 1.0
    """1 = fresh, 0 = levelled out"""


@dataclass(frozen=True, slots=True)
class FilmView:
    """The dip plate: machine place of its centre, the film on it and the marks in it."""

    x_um: float
    y_um: float
    size_um: float
    height_um: float
    """mean film height; below 2 um the plate counts as dry"""
    streak_seed: int = 0
    """another wipe, other streaks"""
    marks: tuple[ImprintMark, ...] = ()
    depth_um: float = 0.0
    """of the surface of the film"""


@dataclass(frozen=True, slots=True)
class GlassView:
    """The glass calibration part lying in its holder, seen from above: machine place of its grid centre."""

    x_um: float
    y_um: float
    theta_deg: float
    depth_um: float = 0.0
    """of its dots: 0 in the upper seat"""


@dataclass(frozen=True, slots=True)
class DatumView:
    """The datum mark on the machine bed: machine place of its centre."""

    x_um: float
    y_um: float


@dataclass(frozen=True, slots=True)
class DownScene:
    """Below the down camera. Things out of view may be listed; they cost next to nothing.

    `camera_x_um, camera_y_um` is the true machine place that the camera looks at (head position plus offset plus
    mounting error, without `CameraTruth.centre_*`). Later tops lie over earlier ones.
    """

    camera_x_um: float
    camera_y_um: float
    board: BoardView | None = None
    bottoms: tuple[BottomView, ...] = ()
    tops: tuple[TopView, ...] = ()
    film: FilmView | None = None
    glass: GlassView | None = None
    datum: DatumView | None = None
    surface_dz_um: float = 0.0
    """surface against the plane of sharp focus, either sign"""
    light: Light = Light()


def bottom_on_board(board: BoardView, site: SiteTruth, bottom: BottomType) -> BottomView:
    """Where the bottom package of `site` truly stands: the copper image scaled, the offset in the board frame."""
    scale_ratio = board.truth.scale_ratio
    x_um = site.site.x_um * scale_ratio + site.bottom_dx_um
    y_um = site.site.y_um * scale_ratio + site.bottom_dy_um
    c, s = cos(radians(board.theta_deg)), sin(radians(board.theta_deg))
    return BottomView(
        type=bottom,
        x_um=board.x_um + c * x_um - s * y_um,
        y_um=board.y_um + s * x_um + c * y_um,
        theta_deg=board.theta_deg + site.site.theta_deg + site.bottom_dtheta_deg,
        texture_seed=site.bottom_texture_seed,
        depth_um=board.depth_um - bottom.body_height_um,
    )


def tops_on_bottom(bottom: BottomView, site: SiteTruth) -> tuple[TopView, ...]:
    """Where the packages placed on `bottom` lie; their offsets are in the frame of the bottom package."""
    c, s = cos(radians(bottom.theta_deg)), sin(radians(bottom.theta_deg))
    depth_um = bottom.depth_um + (0.0 if site.bottom_present else bottom.type.body_height_um)
    tops = []
    for placed in site.placed:
        depth_um -= _standing_um(placed.package.type)
        tops.append(
            TopView(
                package=placed.package,
                x_um=bottom.x_um + c * placed.offset_x_um - s * placed.offset_y_um,
                y_um=bottom.y_um + s * placed.offset_x_um + c * placed.offset_y_um,
                theta_deg=bottom.theta_deg + placed.offset_theta_deg,
                depth_um=depth_um,
            )
        )
    return tuple(tops)


def _standing_um(kind: PackageType) -> float:
    """As drawn: that one package stands some um higher than another is far below what a lens shows of it."""
    return kind.body_height_um + (kind.balls[0].height_um if kind.balls else 0.0)


def on_board(board: BoardView, bottom: BottomType) -> tuple[tuple[BottomView, ...], tuple[TopView, ...]]:
    """Every bottom package that is present and everything placed on any site, for `DownScene.bottoms` and `.tops`."""
    bottoms: list[BottomView] = []
    tops: list[TopView] = []
    for site in board.truth.sites:
        view = bottom_on_board(board, site, bottom)
        if site.bottom_present:
            bottoms.append(view)
        tops.extend(tops_on_bottom(view, site))
    return tuple(bottoms), tuple(tops)
