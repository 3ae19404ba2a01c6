"""Real boards made from a drawing: how they lie in the clamp and where their bottom packages truly stand.

Nothing here moves a board or places a package.
"""

from __future__ import annotations

import numpy as np

from sim_hardware.faults import Faults
from sim_hardware.world.machine import Fidelity, MachineTruth
from sim_hardware.world.packages import SPREAD_RATIO
from sim_hardware.world.places import turned
from sim_hardware.world.things import BoardTruth, BoardType, SiteTruth

NEST_PLAY_UM = 300.0  # estimate: board against the nominal nest corner
NEST_PLAY_DEG = 0.3  # estimate
BOTTOM_OFFSET_UM = 60.0  # estimate: a general mounter holds +-50 um at 3 sigma
BOTTOM_TURN_DEG = 0.5  # estimate
HEIGHT_PLAY_UM = 30.0  # estimate: supported board, after clamping
SCALE_SIGMA_PPM = 100.0  # estimate: shrinkage of a laminate


def make_board(
    kind: BoardType,
    number: int,
    rng: np.random.Generator,
    fidelity: Fidelity,
    faults: Faults | None = None,
    now_s: float = 0.0,
) -> BoardTruth:
    """Board `number` (1, 2, ...) with serial "B0001".

    faults   `fiducial_missing` counts boards and takes the first `value` fiducials (1 where it gives none);
             `bottom_missing` counts sites
    """
    spread = SPREAD_RATIO[fidelity]
    lie = rng.uniform(-spread, spread, 4).tolist() if spread else [0.0] * 4
    bottoms = rng.uniform(-spread, spread, (len(kind.sites), 3)) if spread else np.zeros((len(kind.sites), 3))
    scale_ppm = SCALE_SIGMA_PPM * float(rng.standard_normal()) if fidelity is Fidelity.REAL else 0.0
    seeds = rng.integers(1 << 31, size=len(kind.sites) + 1).tolist()
    sites = []
    for site, (dx, dy, turn), seed in zip(kind.sites, bottoms.tolist(), seeds[1:], strict=True):
        lost = faults.strikes("bottom_missing", now_s) if faults is not None else None
        sites.append(
            SiteTruth(
                site=site,
                bottom_present=lost is None,
                bottom_dx_um=BOTTOM_OFFSET_UM * dx,
                bottom_dy_um=BOTTOM_OFFSET_UM * dy,
                bottom_dtheta_deg=BOTTOM_TURN_DEG * turn,
                bottom_texture_seed=seed,
            )
        )
    bare = faults.strikes("fiducial_missing", now_s) if faults is not None else None
    missing = max(1, round(bare.value)) if bare is not None else 0
    return BoardTruth(
        serial=f"B{number:04d}",
        type=kind,
        sites=sites,
        nest_dx_um=NEST_PLAY_UM * lie[0],
        nest_dy_um=NEST_PLAY_UM * lie[1],
        nest_dtheta_deg=NEST_PLAY_DEG * lie[2],
        scale_ratio=1.0 + scale_ppm * 1e-6,
        missing_fiducials=tuple(fiducial.name for fiducial in kind.fiducials[:missing]),
        height_um=HEIGHT_PLAY_UM * lie[3],
        texture_seed=seeds[0],
    )


def bottom_pose(machine: MachineTruth, board: BoardTruth, site: SiteTruth) -> tuple[float, float, float]:
    """True machine place (x_um, y_um) of the land frame of a clamped board's site, and its turn in deg."""
    x_um, y_um = turned(
        site.site.x_um * board.scale_ratio + site.bottom_dx_um,
        site.site.y_um * board.scale_ratio + site.bottom_dy_um,
        board.nest_dtheta_deg,
    )
    return (
        machine.nest_x_um + board.nest_dx_um + x_um,
        machine.nest_y_um + board.nest_dy_um + y_um,
        board.nest_dtheta_deg + site.site.theta_deg + site.bottom_dtheta_deg,
    )
