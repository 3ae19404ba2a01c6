"""A full tray as the feeder brings it: a new package in every pocket, lying as parts lie.

Nothing here picks a part; `places.Tray` says which pocket is where.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from sim_hardware.faults import Faults
from sim_hardware.world.machine import Fidelity, MachineTruth
from sim_hardware.world.packages import SPREAD_RATIO, grown, make_package, used_before
from sim_hardware.world.places import Pocket, Tray
from sim_hardware.world.things import PackageType

POCKET_PLAY_UM = 100.0  # estimate: play of a part in a matrix tray pocket, to each side
POCKET_PLAY_DEG = 1.0  # estimate
WRONG_TURN_DEG = 90.0


def full_tray(
    machine: MachineTruth,
    kind: PackageType,
    number: int,
    rng: np.random.Generator,
    fidelity: Fidelity,
    faults: Faults | None = None,
    now_s: float = 0.0,
) -> Tray:
    """Tray `number` (1, 2, ...) with `tray_rows` x `tray_columns` new packages; serials count on from tray to tray.

    The feeder adds where its tray place truly is.

    faults   `wrong_part` turns a package by its value in deg (90 where it gives none); `pocket_doubled` counts pockets,
             `dipped_before` packages; `package_thick` and `parts_hot` hold for the whole tray
    """
    play = SPREAD_RATIO[fidelity]
    tray = Tray(
        lot=f"LOT-{number:04d}",
        x_um=machine.tray_x_um,
        y_um=machine.tray_y_um,
        pitch_um=machine.tray_pitch_um,
        columns=machine.tray_columns,
    )
    size = machine.tray_rows * machine.tray_columns
    thick = faults.active("package_thick", now_s) if faults is not None else None
    if thick is not None:
        kind = replace(kind, body_height_um=kind.body_height_um + thick.value)
    lies = rng.uniform(-play, play, (size, 3)).tolist() if play else [[0.0, 0.0, 0.0]] * size
    for index, (dx, dy, turn) in enumerate(lies):
        package = make_package(kind, f"P{(number - 1) * size + index + 1:06d}", rng, fidelity, faults, now_s)
        if faults is not None:
            grown(package, faults.value("parts_hot", now_s))
            if faults.strikes("dipped_before", now_s) is not None:
                used_before(package)
        row, column = divmod(index, machine.tray_columns)
        turned = faults.strikes("wrong_part", now_s) if faults is not None else None
        wrong_deg = 0.0 if turned is None else turned.value or WRONG_TURN_DEG
        is_doubled = faults is not None and faults.strikes("pocket_doubled", now_s) is not None
        below = make_package(kind, f"{package.serial}-BELOW", rng, fidelity) if is_doubled else None
        tray.pockets.append(
            Pocket(
                row=row,
                column=column,
                package=package,
                dx_um=POCKET_PLAY_UM * dx,
                dy_um=POCKET_PLAY_UM * dy,
                dtheta_deg=POCKET_PLAY_DEG * turn + wrong_deg,
                below=below,
            )
        )
    return tray
