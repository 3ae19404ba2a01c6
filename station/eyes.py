"""The eyes: every question that a step asks of a picture, answered by `vision` off the control loop.

It turns packages into maps and camera frames into calibrated pictures. Where a camera sends observations instead of
pixels (long simulated runs), `station.observed` reads the same answers from them. It decides nothing about the product.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import replace
from functools import lru_cache
from math import nan
from typing import TypeVar

import numpy as np

from drivers.devices.camera import CameraFrame
from drivers.wire.camera_frame import PixelFormat
from recipes import BottomPackage, Package
from recipes.board import Fiducial
from station import observed
from station.calibrate.model import Calibration, LensFound
from station.coordinates import ImagePoint, Shift
from station.profile import MachineProfile
from vision.calibration import undistorted
from vision.dots import locate_dots
from vision.fiducials import locate_fiducial
from vision.frame import Frame
from vision.imprint import check_imprint
from vision.inspection import inspect_dipped, inspect_package
from vision.lands import locate_site
from vision.lens import DotShot
from vision.maps import BallMap
from vision.outline import verify_placed
from vision.pose import fit_rigid
from vision.predicted import Shot
from vision.results import (
    ArrayFix,
    DippedFinding,
    FiducialFix,
    ImprintFinding,
    PlacedFix,
    Pose,
    SiteFix,
)
from vision.tip import locate_tip

T = TypeVar("T")

Site = tuple[str, float, float, float]
"""name, x, y, diameter"""

SCALE_TOLERANCE = 0.01
"""calibrated cameras agree with a drawing far better; a package of another pitch does not"""
UNCALIBRATED_SCALE_TOLERANCE = 0.02
OUTLINE_SEARCH_UM = 120.0
"""an outline further off than this was not placed by this station; a wider search would not fit the field"""
GLASS_PITCH_UM = 1_000.0
GLASS_DOT_UM = 300.0
GLASS_SIDE = 9


class Eyes:
    """Uses the nominal scale of the profile until a calibration is given.

    `z_um` of a question is where a bare tip touches what is looked at from above.
    """

    def __init__(self, profile: MachineProfile, executor: Executor | None = None) -> None:
        self._profile = profile
        self._executor = executor
        self.use_nominal_scale()

    def use_nominal_scale(self) -> None:
        """Before calibration: the scale of the profile, a lens without distortion."""
        self._up_lens = _straight(self._profile.up_camera.um_per_px)
        self._down_lens = _straight(self._profile.down_camera.um_per_px)
        self._lean = (0.0, 0.0)
        self._scale_tolerance = UNCALIBRATED_SCALE_TOLERANCE

    def use_up_lens(self, lens: LensFound) -> None:
        self._up_lens = lens

    def use(self, calibration: Calibration) -> None:
        self.use_up_lens(calibration.up_lens)
        self._down_lens = calibration.down_lens
        offset = calibration.offset
        self._lean = calibration.down.inverse_shift(Shift(offset.lean_x_ratio, offset.lean_y_ratio))
        self._scale_tolerance = SCALE_TOLERANCE

    async def _off_the_loop(self, job: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._executor, job)

    @property
    def up_um_per_px(self) -> float:
        return self._up_lens.um_per_px

    def _up(self, frame: CameraFrame) -> Frame:
        return _picture(frame, self._up_lens)

    def _down_at(self, z_um: float) -> tuple[LensFound, Callable[[ImagePoint], ImagePoint]]:
        """The down camera for what lies at `z_um`: its lens there, and what its lean makes of a place in the picture.

        The only place where height enters: answers are as if all were seen in the plane that the camera's map is for.
        """
        depth_um = z_um - self._profile.holder.z_um
        x_um, y_um = self._lean[0] * depth_um, self._lean[1] * depth_um
        return self._down_lens.at_depth(depth_um), lambda at: ImagePoint(at.x_um + x_um, at.y_um + y_um)

    def _scale_of(self, lens: LensFound) -> float:
        return lens.um_per_px / self._profile.down_camera.um_per_px

    def _up_scale(self) -> float:
        return self._up_lens.um_per_px / self._profile.up_camera.um_per_px

    async def locate_glass(self, frame: CameraFrame, *, from_above: bool) -> tuple[ArrayFix, DotShot]:
        """The glass calibration part, whole in the picture; a missing dot tells its turn.

        returns   its pose through the lens as it is known by now, and its dots as seen at the nominal scale
        """
        dots, camera = glass_dots(), self._profile.down_camera if from_above else self._profile.up_camera
        if is_observed(frame):
            fix = observed.glass(frame.payload, dots.count)
        else:
            picture = _picture(frame, self._down_lens if from_above else self._up_lens)
            fix = await self._off_the_loop(lambda: locate_dots(picture, dots, mirrored=from_above))
        drawn_um = dict(zip(dots.names, (dots.mirrored() if from_above else dots).xy_um, strict=True))
        seen = [ball for ball in fix.balls if ball.state == "ok"]
        place_px = np.array([(ball.x_px, ball.y_px) for ball in seen]).reshape(-1, 2)
        middle_px = np.array([(frame.header.width - 1) / 2, (frame.header.height - 1) / 2])
        seen_um = (place_px - middle_px) * (1.0, -1.0) * camera.um_per_px
        shot = DotShot(np.array([drawn_um[ball.name] for ball in seen]).reshape(-1, 2), seen_um)
        if fix.status != "found" or not is_observed(frame):
            return fix, shot
        lens = self._down_lens if from_above else self._up_lens
        scale = lens.um_per_px / camera.um_per_px
        fit = fit_rigid(shot.model_um, undistorted(seen_um * scale, lens.k1_per_um2, lens.bend_um))
        return replace(fix, x_um=fit.x_um, y_um=fit.y_um, theta_deg=fit.theta_deg, scale_ratio=fit.scale_ratio), shot

    async def locate_tip(self, frame: CameraFrame, search_um: float) -> FiducialFix:
        """The bare nozzle tip near the middle of the up camera's picture."""
        if is_observed(frame):
            return observed.tip(frame.payload, self._up_scale(), search_um)
        head = self._profile.head
        return await self._off_the_loop(
            lambda: locate_tip(self._up(frame), head.tip_outer_um, head.tip_bore_um, search_um=search_um)
        )

    async def inspect_package(self, frame: CameraFrame, package: Package, expected: Pose) -> ArrayFix:
        """Pose and every ball of the package before the up camera. The turn is read, not assumed."""
        if is_observed(frame):
            return observed.package(frame.payload, self._up_scale(), len(package.balls), expected)
        return await self._off_the_loop(
            lambda: _turn_checked(
                inspect_package(
                    self._up(frame), ball_map(package), expected=expected, scale_tolerance=self._scale_tolerance
                ),
                expected,
            )
        )

    async def inspect_dipped(
        self, dry: CameraFrame, dry_fix: ArrayFix, wet: CameraFrame, package: Package, expected: Pose
    ) -> DippedFinding:
        """Wetting of every ball from the pair of pictures, and the pose after the dip."""
        if is_observed(wet):
            return observed.dipped(wet.payload, self._up_scale(), len(package.balls), expected)
        return await self._off_the_loop(
            lambda: inspect_dipped(
                self._up(dry), dry_fix, self._up(wet), ball_map(package), scale_tolerance=self._scale_tolerance
            )
        )

    async def locate_fiducial(self, frame: CameraFrame, drawn: Fiducial, search_um: float, z_um: float) -> FiducialFix:
        """A board fiducial near the image centre."""
        lens, upright = self._down_at(z_um)
        if is_observed(frame):
            fix = observed.fiducial(frame.payload, self._scale_of(lens), drawn, search_um, lens=lens)
        else:
            fix = await self._off_the_loop(
                lambda: locate_fiducial(
                    _picture(frame, lens),
                    drawn.diameter_um,
                    shape=drawn.shape,
                    part_ratio=drawn.part_ratio,
                    polarity=drawn.polarity,
                    search_um=search_um,
                )
            )
        at = upright(ImagePoint(fix.x_um, fix.y_um))
        return replace(fix, x_um=at.x_um, y_um=at.y_um)

    async def locate_site(
        self,
        frames: Sequence[CameraFrame],
        centres: Sequence[ImagePoint],
        bottom: BottomPackage,
        expected: Pose,
        search_um: float,
        z_um: float,
    ) -> SiteFix:
        """The bottom package: is it there, free, and where exactly; joint fit over all pictures."""
        lens, upright = self._down_at(z_um)
        at = [upright(centre) for centre in centres]
        if is_observed(frames[0]):
            seen = [f.payload for f in frames]
            return observed.site(seen, at, self._scale_of(lens), len(bottom.lands), expected, search_um)
        return await self._off_the_loop(
            lambda: locate_site(_shots(frames, at, lens), land_map(bottom), expected=expected, search_um=search_um)
        )

    async def verify_placed(
        self,
        frames: Sequence[CameraFrame],
        centres: Sequence[ImagePoint],
        body_x_um: float,
        body_y_um: float,
        expected: Pose,
        z_um: float,
    ) -> PlacedFix:
        """The outline of the placed package; joint fit over all pictures."""
        lens, upright = self._down_at(z_um)
        at = [upright(centre) for centre in centres]
        if is_observed(frames[0]):
            return observed.placed([f.payload for f in frames], at, self._scale_of(lens), expected)
        return await self._off_the_loop(
            lambda: verify_placed(
                _shots(frames, at, lens), body_x_um, body_y_um, expected=expected, search_um=OUTLINE_SEARCH_UM
            )
        )

    async def check_imprint(
        self,
        frames: Sequence[CameraFrame],
        centres: Sequence[ImagePoint],
        package: Package,
        expected: Pose,
        z_um: float,
    ) -> ImprintFinding:
        """The print of the balls in the film, as seen from above."""
        lens, upright = self._down_at(z_um)
        at = [upright(centre) for centre in centres]
        if is_observed(frames[0]):
            return observed.imprint([f.payload for f in frames], at, self._scale_of(lens), package, expected)
        return await self._off_the_loop(
            lambda: check_imprint(_shots(frames, at, lens), ball_map(package).mirrored(), expected=expected)
        )


def is_observed(frame: CameraFrame) -> bool:
    return frame.header.pixel_format is PixelFormat.OBSERVATION


def _straight(um_per_px: float) -> LensFound:
    """A lens of which nothing was measured yet."""
    return LensFound(um_per_px, nan, 0.0, nan, nan, 0)


def _picture(frame: CameraFrame, lens: LensFound) -> Frame:
    header = frame.header
    pixels = np.frombuffer(frame.payload, dtype=np.uint8).reshape(header.height, header.width)
    return Frame(pixels, lens.um_per_px, lens.k1_per_um2, lens.bend_um)


def _shots(frames: Sequence[CameraFrame], centres: Sequence[ImagePoint], lens: LensFound) -> list[Shot]:
    return [Shot(_picture(frame, lens), at.x_um, at.y_um) for frame, at in zip(frames, centres, strict=True)]


def _turn_checked(fix: ArrayFix, expected: Pose) -> ArrayFix:
    """A package that lies turned in its pocket is a wrong part, however well it was found."""
    if fix.status != "found":
        return fix
    turn_deg = (fix.theta_deg - expected.theta_deg + 180.0) % 360.0 - 180.0
    if abs(turn_deg) <= observed.TURN_LIMIT_DEG:
        return fix
    reason = f"package is turned by {turn_deg:.1f} deg against its tray, allowed {observed.TURN_LIMIT_DEG:.0f} deg"
    return replace(fix, status="refused", reasons=(reason,))


@lru_cache(maxsize=8)
def _maps(
    kind: str, name: str, sites: tuple[tuple[str, float, float, float], ...], mark: tuple[float, float, float]
) -> BallMap:
    names, x_um, y_um, diameter_um = zip(*sites, strict=True)
    return BallMap(tuple(names), np.array(x_um), np.array(y_um), np.array(diameter_um), *mark)


def ball_map(package: Package) -> BallMap:
    """The balls as the up camera sees them."""
    mark = package.a1_mark
    sites = tuple((b.name, b.x_um, b.y_um, b.diameter_um) for b in package.balls)
    return _maps("balls", package.name, sites, (mark.x_um, mark.y_um, mark.diameter_um))


def land_map(bottom: BottomPackage) -> BallMap:
    """The lands as the down camera sees them."""
    mark = bottom.a1_mark
    sites = tuple((n.name, n.x_um, n.y_um, n.diameter_um) for n in bottom.lands)
    return _maps("lands", bottom.name, sites, (mark.x_um, mark.y_um, mark.diameter_um))


@lru_cache(maxsize=1)
def glass_dots() -> BallMap:
    """9 x 9 dots less the corner that tells the turn, as seen from below."""
    half = GLASS_SIDE // 2
    places = [
        (column * GLASS_PITCH_UM, row * GLASS_PITCH_UM)
        for row in range(-half, half + 1)
        for column in range(-half, half + 1)
        if (column, row) != (-half, -half)
    ]
    x_um, y_um = np.array(places).T
    return BallMap(tuple(f"D{i}" for i in range(len(places))), x_um, y_um, np.full(len(places), GLASS_DOT_UM))
