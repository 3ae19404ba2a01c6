"""The nozzle before it takes something: is it empty, and would its sensor show a package? It moves nothing.

With the valve closed a package that sticks by itself, a dead sensor and a free nozzle all read the same. With the valve
open they do not: a free nozzle draws air and shows a little vacuum, a closed one the full vacuum, a dead sensor none.
"""

from __future__ import annotations

from station.alarms.catalogue import ProcessAlarm
from station.cell import FREE_LIMIT_KPA, GRIP_LIMIT_KPA, OPEN_HIGH_KPA, OPEN_LOW_KPA, Cell

RELEASE_WITHIN_S = 0.5
"""from the closing of the valve until the vacuum must be gone"""


async def open_valve(cell: Cell) -> float:
    """Open the valve in free air -> the vacuum that the nozzle then shows, kPa. The valve stays open: what hangs there
    is held."""
    return (await cell.head.vacuum_on(GRIP_LIMIT_KPA, cell.profile.head.vacuum_s)).vacuum_kpa


def prove_open_nozzle_empty(vacuum_kpa: float) -> None:
    """raises   ProcessAlarm nozzle_not_empty, vacuum_implausible"""
    if not vacuum_kpa >= OPEN_LOW_KPA:
        raise ProcessAlarm("nozzle_not_empty", vacuum_kpa=vacuum_kpa, limit_kpa=OPEN_LOW_KPA)
    if not vacuum_kpa <= OPEN_HIGH_KPA:
        raise ProcessAlarm("vacuum_implausible", vacuum_kpa=vacuum_kpa, limit_kpa=OPEN_HIGH_KPA)


def prove_nozzle_empty(cell: Cell) -> None:
    """By what the head says already, with the valve as it stands.

    raises   ProcessAlarm nozzle_not_empty, vacuum_implausible
    """
    status = cell.head.status
    if status.is_valve_open:
        prove_open_nozzle_empty(status.vacuum_kpa)
    elif not status.vacuum_kpa >= FREE_LIMIT_KPA:
        raise ProcessAlarm("nozzle_not_empty", vacuum_kpa=status.vacuum_kpa, limit_kpa=FREE_LIMIT_KPA)
