"""Small packages, boards and cameras for the optics stories, and plain moments of a picture."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sim_hardware.world.machine import CameraTruth
from sim_hardware.world.things import (
    BallSite,
    BallTruth,
    BoardTruth,
    BoardType,
    BottomType,
    FiducialSite,
    LandSite,
    PackageTruth,
    PackageType,
    PlacementSite,
    SiteTruth,
)

UP = CameraTruth(400, 320, 8.0)
DOWN = CameraTruth(400, 320, 10.0)


def package_type(places: dict[str, tuple[float, float]], body_um: float = 2_400.0) -> PackageType:
    balls = tuple(BallSite(name, x, y, 320.0, 240.0) for name, (x, y) in places.items())
    return PackageType("test part", body_um, body_um, 700.0, 0.1, balls)


def package(kind: PackageType) -> PackageTruth:
    balls = [BallTruth(site, diameter_um=site.diameter_um, height_um=site.height_um) for site in kind.balls]
    return PackageTruth("P0001", kind, balls, texture_seed=5)


def dip(part: PackageTruth, immersion_um: float = 120.0, coat_volume_nl: float = 2.6) -> PackageTruth:
    for ball in part.balls:
        ball.immersion_um, ball.coat_volume_nl = immersion_um, coat_volume_nl
    return part


def square(side_um: float) -> dict[str, tuple[float, float]]:
    """Four balls, named as seen in the picture at theta 0."""
    half = side_um / 2
    return {
        "upper left": (-half, half),
        "upper right": (half, half),
        "lower left": (-half, -half),
        "lower right": (half, -half),
    }


def board() -> BoardTruth:
    kind = BoardType(
        "test board",
        40_000.0,
        30_000.0,
        1_600.0,
        (FiducialSite("F1", 5_000.0, 5_000.0, 1_000.0), FiducialSite("F2", 35_000.0, 25_000.0, 1_000.0)),
        (PlacementSite("U1", 20_000.0, 15_000.0, 0.0),),
    )
    return BoardTruth("B0001", kind, [SiteTruth(site) for site in kind.sites], texture_seed=3)


def bottom_type(body_um: float = 2_600.0) -> BottomType:
    half = 500.0
    lands = tuple(
        LandSite(f"L{i}", x, y, 280.0) for i, (x, y) in enumerate(((-half, half), (half, half), (half, -half)))
    )
    return BottomType("test bottom", body_um, body_um, 600.0, lands, -500.0, -500.0)


def centroid_um(
    image: NDArray[np.uint8], camera: CameraTruth, x_um: float, y_um: float, half_um: float, ground: float
) -> tuple[float, float]:
    """Plain first moment of what differs from `ground` in a square about an expected place, image frame um."""
    column = (camera.width_px - 1) / 2 + x_um / camera.um_per_px
    row = (camera.height_px - 1) / 2 - y_um / camera.um_per_px
    half = round(half_um / camera.um_per_px)
    c0, r0 = round(column) - half, round(row) - half
    part = image[r0 : r0 + 2 * half + 1, c0 : c0 + 2 * half + 1].astype(np.float64)
    # Rings are brighter and limbs darker than the ground: with their signs they would nearly cancel.
    part = np.abs(part - ground)
    rows, columns = np.mgrid[r0 : r0 + part.shape[0], c0 : c0 + part.shape[1]]
    total = part.sum()
    seen_column, seen_row = (part * columns).sum() / total, (part * rows).sum() / total
    return (
        (seen_column - (camera.width_px - 1) / 2) * camera.um_per_px,
        ((camera.height_px - 1) / 2 - seen_row) * camera.um_per_px,
    )


def level_at(image: NDArray[np.uint8], camera: CameraTruth, x_um: float, y_um: float) -> float:
    """Mean of 3 x 3 pixels about a place of the image frame."""
    column = round((camera.width_px - 1) / 2 + x_um / camera.um_per_px)
    row = round((camera.height_px - 1) / 2 - y_um / camera.um_per_px)
    return float(image[row - 1 : row + 2, column - 1 : column + 2].mean())


def ring_means(
    image: NDArray[np.uint8], camera: CameraTruth, x_um: float, y_um: float, radius_um: float
) -> list[float]:
    """Mean level in ten rings of equal width out to `radius_um` about a place of the image frame."""
    rows, columns = np.mgrid[0 : camera.height_px, 0 : camera.width_px]
    x = (columns - (camera.width_px - 1) / 2) * camera.um_per_px - x_um
    y = ((camera.height_px - 1) / 2 - rows) * camera.um_per_px - y_um
    ring = (np.hypot(x, y) / radius_um * 10).astype(int)
    return [float(image[ring == i].mean()) for i in range(10)]
