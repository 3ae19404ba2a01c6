"""The shortest time in which the axes could build one package: the schedule's graph with times from physics alone.

Counted: travel and settling at the axis limits, approach, dwell, hold, slow lifts, vacuum and blow-off, exposures.
Not counted, and therefore overhead when it shows: waiting for devices to answer, pictures on their way, judging.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from graphlib import TopologicalSorter
from itertools import pairwise

from drivers.devices.gantry import GantryPosition
from drivers.devices.travel import AxisLimits, travel_time_s
from station.cell import Cell
from station.coordinates import MachinePoint
from station.process import outcomes as o
from station.process.pick import EARLY_UM as PICK_EARLY_UM
from station.process.pick import LIFT_SLOW_UM, LIFT_SLOW_UM_PER_S
from station.process.step import Work
from station.run.schedule import Slot

VACUUM_S = 0.040
"""two time constants of nozzle and hose: to grip, and to let go. Estimate"""


@dataclass(frozen=True, slots=True)
class CriticalPath:
    """`steps`: (title, start_s, end_s) of the steps that decide, in order."""

    total_s: float
    steps: tuple[tuple[str, float, float], ...]


def critical_path(cell: Cell, work: Work, slots: tuple[Slot, ...], started_from: GantryPosition | None) -> CriticalPath:
    """For the package just built, over the positions it really visited. Film for the next package is not waited for."""
    durations = _durations(cell, work, started_from)
    ends: dict[str, float] = {}
    waits_on: dict[str, str] = {}
    for key, step_id, needed in _in_order(slots):
        last = max(needed, key=ends.__getitem__, default="")
        ends[key] = ends.get(last, 0.0) + durations.get(step_id, 0.0)
        waits_on[key] = last
    titles = {slot.key: slot.step.title for slot in slots}
    key = max(ends, key=ends.__getitem__)
    total_s, chain = ends[key], []
    while key:
        start_s = ends.get(waits_on[key], 0.0)
        if ends[key] > start_s:
            chain.append((titles[key], start_s, ends[key]))
        key = waits_on[key]
    return CriticalPath(total_s, tuple(reversed(chain)))


@lru_cache(maxsize=16)
def _in_order(slots: tuple[Slot, ...]) -> tuple[tuple[str, str, tuple[str, ...]], ...]:
    """(key, step, what it waits for: the step before it on its lane, and what its slot names), in a possible order."""
    known = {slot.key: slot for slot in slots}
    needed: dict[str, tuple[str, ...]] = {}
    before: dict[str, str] = {}
    for slot in slots:
        waits = (before.get(slot.lane, ""), *slot.after)
        needed[slot.key] = tuple(key for key in waits if key in known)
        before[slot.lane] = slot.key
    order = TopologicalSorter(needed).static_order()
    return tuple((key, known[key].step.id, needed[key]) for key in order)


def _durations(cell: Cell, work: Work, started_from: GantryPosition | None) -> dict[str, float]:
    found, profile, recipe = work.findings, cell.profile, work.recipe
    site, placed = found.the(o.SiteExposed), found.the(o.Placed)
    up_camera, imprint = profile.up_camera.point, found.find(o.ImprintExposed)
    pocket = profile.tray.pocket(found.the(o.Picked).pocket)
    after, mark = found.the(o.PlacedExposed), found.the(o.MarkSeen)
    turn_deg = found.the(o.DryExposed).gantry_theta_deg
    start, start_deg = site.at[0], site.gantry_theta_deg
    if started_from is not None:
        start, start_deg = MachinePoint(started_from.x_um, started_from.y_um), started_from.theta_deg
    stack_um = recipe.bottom.body_height_um + recipe.package.height_um

    def travel(*way: tuple[MachinePoint, float]) -> float:
        return sum(
            cell.gantry.travel_time_s(GantryPosition(a.x_um, a.y_um, from_deg), GantryPosition(b.x_um, b.y_um, to_deg))
            for (a, from_deg), (b, to_deg) in pairwise(way)
        )

    def views(start: MachinePoint, start_deg: float, places: tuple[MachinePoint, ...], theta_deg: float) -> float:
        way = travel((start, start_deg), *((place, theta_deg) for place in places))
        return way + len(places) * recipe.inspect.down_exposure_s

    last_seen = imprint.at[-1] if imprint else profile.plate.point
    pick_z_um = profile.tray.z_um - recipe.package.height_um
    dip_z_um = profile.plate.z_um - recipe.package.height_um
    film_um = found.the(o.Dipped).film.mean_um
    place_z_um = profile.nest.z_um - stack_um
    return {
        "look_at_site": views(start, start_deg, site.at, site.gantry_theta_deg),
        "go_to_tray": travel((site.at[-1], site.gantry_theta_deg), (pocket, 0.0)),
        "pick": _down(cell, pick_z_um, PICK_EARLY_UM, recipe.pick.approach_um_per_s)
        + VACUUM_S
        + _up(cell, pick_z_um, LIFT_SLOW_UM, LIFT_SLOW_UM_PER_S),
        "expose_dry": travel((pocket, 0.0), (up_camera, turn_deg)) + recipe.inspect.up_exposure_s,
        "go_to_plate": travel((up_camera, turn_deg), (profile.plate.point, turn_deg)),
        "dip": _down(cell, dip_z_um, film_um, recipe.dip.approach_um_per_s)
        + recipe.dip.dwell_s
        + _up(cell, dip_z_um, recipe.dip.lift_slow_um, recipe.dip.lift_slow_um_per_s),
        "look_at_imprint": views(profile.plate.point, turn_deg, imprint.at, turn_deg) if imprint else 0.0,
        "expose_wet": travel((last_seen, turn_deg), (up_camera, turn_deg)) + recipe.inspect.up_exposure_s,
        "align": travel((up_camera, turn_deg), (placed.target, placed.target_theta_deg)),
        "place": _down(cell, place_z_um, recipe.place.z_window_um, recipe.place.approach_um_per_s)
        + recipe.place.hold_s
        + recipe.place.blow_off_s
        + VACUUM_S
        + _up(cell, place_z_um, recipe.place.lift_slow_um, recipe.place.lift_slow_um_per_s),
        "look_at_placed": views(placed.target, placed.target_theta_deg, after.at, placed.target_theta_deg),
        "look_at_mark": views(after.at[-1], placed.target_theta_deg, (mark.at,), placed.target_theta_deg),
    }


def _z_axis(cell: Cell) -> AxisLimits:
    limits = cell.head.limits
    return AxisLimits(limits.speed_um_per_s, limits.accel_um_per_s2, limits.jerk_um_per_s3)


def _down(cell: Cell, surface_z_um: float, slow_above_um: float, approach_um_per_s: float) -> float:
    """From safe height to the surface: fast to the clearance above the slow zone, then at approach speed."""
    slow_um = slow_above_um + cell.profile.head.clearance_um
    fast_um = surface_z_um - slow_um - cell.profile.head.safe_z_um
    return travel_time_s(max(0.0, fast_um), _z_axis(cell)) + slow_um / approach_um_per_s


def _up(cell: Cell, surface_z_um: float, slow_um: float, slow_um_per_s: float) -> float:
    fast_um = surface_z_um - slow_um - cell.profile.head.safe_z_um
    return slow_um / slow_um_per_s + travel_time_s(max(0.0, fast_um), _z_axis(cell))
