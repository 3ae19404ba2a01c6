"""Real packages made from a drawing: ball spread, warpage, and what a fault does to a new part.

Nothing here moves a package or puts material on it.
"""

from __future__ import annotations

import numpy as np

from sim_hardware.faults import Faults
from sim_hardware.world.machine import Fidelity
from sim_hardware.world.things import BallSite, BallTruth, PackageTruth, PackageType

BALL_PLACE_SIGMA_UM = 8.0  # estimate, well inside the 15 % of pitch that drawings allow
BALL_DIAMETER_SIGMA_RATIO = 0.02  # estimate
BALL_HEIGHT_SIGMA_UM = 6.0  # estimate, 5 to 10 um
REFLECTIVITY_SIGMA_RATIO = 0.06  # estimate
HIGHLIGHT_TILT_SIGMA = 0.02  # estimate
ELLIPTICITY_SIGMA = 0.01  # estimate
BOW_RANGE_UM = 20.0  # estimate: room-temperature bow of a memory package, far inside the 80 um gate
BODY_OFFSET_SIGMA_UM = 12.0  # estimate: saw cut against the ball grid
UNDIPPED_HEIGHT_RATIO = 0.3  # a ball this short hangs above a film of up to 70 % of the ball height
HALF_DIPPED_HEIGHT_RATIO = 0.62  # dips a tenth to a fifth of its height into a film of half the height of the others

SPREAD_RATIO = {Fidelity.IDEAL: 0.0, Fidelity.CALIBRATED: 0.5, Fidelity.REAL: 1.0}
"""Share of the real spread of parts that a fidelity level shows."""


def make_package(
    kind: PackageType,
    serial: str,
    rng: np.random.Generator,
    fidelity: Fidelity,
    faults: Faults | None = None,
    now_s: float = 0.0,
) -> PackageTruth:
    """A new package. Each call takes the same number of draws whatever the fidelity, so levels stay comparable.

    faults   `ball_missing`, `ball_undipped` and `ball_half_dipped` count this package as an occasion
    """
    count = len(kind.balls)
    draws = rng.standard_normal((8, count))
    body_dx, body_dy = rng.standard_normal(2)
    bow, seed = rng.uniform(-1.0, 1.0), int(rng.integers(1 << 31))
    spread = SPREAD_RATIO[fidelity]
    draws *= spread
    balls = [_ball(site, column) for site, column in zip(kind.balls, draws.T.tolist(), strict=True)]
    package = PackageTruth(
        serial=serial,
        type=kind,
        balls=balls,
        body_dx_um=BODY_OFFSET_SIGMA_UM * spread * float(body_dx),
        body_dy_um=BODY_OFFSET_SIGMA_UM * spread * float(body_dy),
        bow_um=BOW_RANGE_UM * float(bow) if fidelity is Fidelity.REAL else 0.0,
        texture_seed=seed,
    )
    if faults is not None and count:
        _spoil(package, rng, faults, now_s)
    return package


def _ball(site: BallSite, draw: list[float]) -> BallTruth:
    dx, dy, diameter, height, reflectivity, ellipticity, tilt_x, tilt_y = draw
    return BallTruth(
        site,
        True,
        BALL_PLACE_SIGMA_UM * dx,
        BALL_PLACE_SIGMA_UM * dy,
        site.diameter_um * (1.0 + BALL_DIAMETER_SIGMA_RATIO * diameter),
        site.height_um + BALL_HEIGHT_SIGMA_UM * height,
        max(0.0, 1.0 + REFLECTIVITY_SIGMA_RATIO * reflectivity),
        abs(ELLIPTICITY_SIGMA * ellipticity),
        HIGHLIGHT_TILT_SIGMA * tilt_x,
        HIGHLIGHT_TILT_SIGMA * tilt_y,
    )


def _spoil(package: PackageTruth, rng: np.random.Generator, faults: Faults, now_s: float) -> None:
    missing = faults.strikes("ball_missing", now_s)
    if missing is not None:
        for index in _some(rng, len(package.balls), missing.value):
            package.balls[index].present = False
    for kind, ratio in (("ball_undipped", UNDIPPED_HEIGHT_RATIO), ("ball_half_dipped", HALF_DIPPED_HEIGHT_RATIO)):
        short = faults.strikes(kind, now_s)
        if short is not None:
            for index in _some(rng, len(package.balls), short.value):
                ball = package.balls[index]
                ball.height_um = ratio * ball.site.height_um


OLD_COAT_UM = 20.0  # estimate: as a usual dip leaves it


def used_before(package: PackageTruth) -> None:
    """It was dipped to half its balls, and put back into the tray."""
    for ball in package.balls:
        ball.immersion_um = ball.height_um / 2
        ball.coat_volume_nl = np.pi * ball.diameter_um * ball.immersion_um * OLD_COAT_UM * 1e-6


def grown(package: PackageTruth, ratio: float) -> None:
    """Heat has made it larger, balls and all."""
    for ball in package.balls:
        ball.dx_um += ratio * ball.site.x_um
        ball.dy_um += ratio * ball.site.y_um


def _some(rng: np.random.Generator, count: int, wanted: float) -> list[int]:
    """Which balls a fault hits; a fault without a value hits one."""
    size = min(count, max(1, round(wanted)))
    return sorted(int(index) for index in rng.choice(count, size=size, replace=False))
