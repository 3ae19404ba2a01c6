"""Pick: take the next package from the tray and prove that it is held. It does not look at the package."""

from __future__ import annotations

import asyncio
from math import hypot

from drivers.devices.head import LiftProfile, PressProfile
from drivers.errors import EarlyContact, NoContact
from station.alarms.catalogue import ProcessAlarm
from station.cell import Cell
from station.process.nozzle import open_valve, prove_nozzle_empty, prove_open_nozzle_empty
from station.process.outcomes import AtTray, Picked
from station.process.step import Work

EARLY_UM = 300.0
"""a package standing higher than this in its pocket is tilted or double. Estimate"""
LATE_UM = 400.0
DOUBLE_UM = 100.0
"""the fast way down ends so far above a second package that lies on the first. Estimate"""
FORCE_LIMIT_N = 6.0
"""the drive stops itself above this on the package's back. Estimate"""
AT_POCKET_UM = 20.0
"""nearer than this counts as standing over the pocket: far above settling, far below a pitch"""
LIFT_SLOW_UM = 300.0
LIFT_SLOW_UM_PER_S = 20_000.0


async def go_to_tray(cell: Cell, work: Work) -> AtTray:
    """Travel over the pocket; on the way zero the force and prove the nozzle empty with its valve open.

    raises   ProcessAlarm nozzle_not_empty, vacuum_implausible
    """
    prove_nozzle_empty(cell)
    async with asyncio.TaskGroup() as together:
        together.create_task(cell.go_to(cell.profile.tray.pocket(work.pocket)), name="travel to tray")
        nozzle = together.create_task(_ready_nozzle(cell), name="nozzle")
    prove_open_nozzle_empty(nozzle.result())
    return AtTray()


async def _ready_nozzle(cell: Cell) -> float:
    """Returns what the open nozzle shows, kPa. The valve stays open: it grips as soon as it touches."""
    # In free air, on the way: a zero taken while touching would hide the load.
    await cell.head.tare()
    return await open_valve(cell)


async def pick(cell: Cell, work: Work) -> Picked:
    """raises   ProcessAlarm not_gripped, nozzle_not_empty, vacuum_implausible"""
    prove_nozzle_empty(cell)
    settings, package, tray = work.recipe.pick, work.recipe.package, cell.profile.tray
    top_z_um, safe_z_um = tray.z_um - package.height_um, cell.profile.head.safe_z_um
    pocket = tray.pocket(work.pocket)
    away = cell.here() - pocket
    if not hypot(away.x_um, away.y_um) <= AT_POCKET_UM:
        # The site had to be looked at once more after the head had gone to the tray.
        await cell.go_to(pocket)
    try:
        press = await cell.head.press(
            PressProfile(
                # A double pocket must be met slowly as well.
                z_fast_um=top_z_um - max(cell.profile.head.clearance_um + EARLY_UM, package.height_um + DOUBLE_UM),
                z_early_um=top_z_um - EARLY_UM,
                z_limit_um=top_z_um + LATE_UM,
                approach_um_per_s=settings.approach_um_per_s,
                contact_force_n=settings.contact_force_n,
                hold_force_n=settings.contact_force_n,
                hold_s=0.0,
                force_limit_n=FORCE_LIMIT_N,
            )
        )
    except (NoContact, EarlyContact) as error:
        # An empty pocket, or a package that stands on edge or on another in it: the open valve would take it along.
        if isinstance(error, EarlyContact):
            await cell.head.vacuum_off(0.0, settings.vacuum_within_s)
        up = LiftProfile(safe_z_um, LIFT_SLOW_UM_PER_S, safe_z_um, cell.profile.head.z_speed_um_per_s)
        lift = await cell.head.lift(up)
        raise ProcessAlarm(
            "not_gripped", vacuum_kpa=lift.vacuum_kpa, pocket=work.pocket, limit_kpa=settings.vacuum_kpa
        ) from error
    await cell.head.vacuum_on(settings.vacuum_kpa, settings.vacuum_within_s)
    lift = await cell.head.lift(
        LiftProfile(
            z_slow_um=press.contact_z_um - LIFT_SLOW_UM,
            slow_um_per_s=LIFT_SLOW_UM_PER_S,
            z_end_um=cell.profile.head.safe_z_um,
            speed_um_per_s=cell.profile.head.z_speed_um_per_s,
        )
    )
    if not lift.vacuum_kpa <= settings.vacuum_kpa:
        raise ProcessAlarm("not_gripped", vacuum_kpa=lift.vacuum_kpa, pocket=work.pocket, limit_kpa=settings.vacuum_kpa)
    return Picked(
        pocket=work.pocket,
        tray=work.tray,
        vacuum_kpa=lift.vacuum_kpa,
        contact_z_um=press.contact_z_um,
        at_s=work.clock.mono_s(),
    )
