"""Reject: carry the part on the nozzle to the bin and let it go there, nowhere else."""

from __future__ import annotations

from station.alarms.catalogue import ProcessAlarm
from station.cell import FREE_LIMIT_KPA, Cell
from station.process.nozzle import RELEASE_WITHIN_S
from station.process.outcomes import PartBinned
from station.process.step import Work

DROP_HEIGHT_UM = 2_000.0
BLOW_OFF_S = 0.1
SECOND_BLOW_OFF_S = 0.3
"""a package that hangs on by a corner leaves the nozzle open: the vacuum cannot tell, so a longer puff follows"""


async def bin_part(cell: Cell, work: Work) -> PartBinned:
    """Harmless where nothing is held: then only the valve is closed over the bin.

    raises   ProcessAlarm bin_not_ready, nozzle_not_empty
    """
    inputs = cell.safety.inputs
    if not inputs.bin_in_place or inputs.bin_full:
        raise ProcessAlarm("bin_not_ready", what="full" if inputs.bin_full else "not in place")
    await cell.go_to(cell.profile.bin.point, cell.gantry.position.theta_deg)
    drop_z_um = cell.profile.bin.z_um - work.recipe.package.height_um - DROP_HEIGHT_UM
    await cell.head.move_z(drop_z_um)
    await cell.head.vacuum_off(BLOW_OFF_S, RELEASE_WITHIN_S)
    released = await cell.head.vacuum_off(SECOND_BLOW_OFF_S, RELEASE_WITHIN_S)
    await cell.head.move_z(cell.profile.head.safe_z_um)
    if not released.vacuum_kpa >= FREE_LIMIT_KPA:
        raise ProcessAlarm("nozzle_not_empty", vacuum_kpa=released.vacuum_kpa, limit_kpa=FREE_LIMIT_KPA)
    return PartBinned(code="binned", text="released over the reject bin")
