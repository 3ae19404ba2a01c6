"""What is held by the tack of wet material only can still move: a package on its stack, a stack on its paste, a reject.

Nothing here decides when; head, gantry and clamp call it at their instants.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sim_hardware.world.things import BoardTruth, SiteTruth

if TYPE_CHECKING:
    from sim_hardware.plant import Plant

TACK_N = 0.1
"""pull of material that has crept up between package and nozzle face, 0.05 to 0.2 N; estimate"""
FALLS_BACK_TURN_DEG = 2.0  # estimate, 1 to 4 deg
CREEP_UM = 50.0
"""how far a package that stands on a board which is bent and springs back goes, 30 to 80 um; estimate"""
CLINGS_FOR_S = 0.05
"""a package that hangs on by a corner falls so long after the gantry has begun to move; estimate"""


def shake(board: BoardTruth | None, by_um: float) -> None:
    """Everything that stands on the board shifts in x."""
    for site in board.sites if board is not None else ():
        _shift(site, by_um, 0.0)


def _shift(site: SiteTruth, x_um: float, theta_deg: float) -> None:
    site.placed[:] = [
        replace(one, offset_x_um=one.offset_x_um + x_um, offset_theta_deg=one.offset_theta_deg + theta_deg)
        for one in site.placed
    ]


def falls_back(plant: Plant, site: SiteTruth | None, t_s: float) -> float:
    """The nozzle leaves a package that it has just let go. Returns the pull that it feels, N."""
    lifted = plant.faults.strikes("placed_falls_back", t_s) if site is not None else None
    if site is None or lifted is None:
        return 0.0
    _shift(site, lifted.value, FALLS_BACK_TURN_DEG)
    plant.record("fell back", serial=site.placed[-1].serial, by_um=lifted.value)
    return TACK_N


def pressed(plant: Plant, site: SiteTruth, t_s: float) -> None:
    """A package was pressed on this site: what its board and its paste do about it."""
    dragged = plant.faults.strikes("bottom_dragged", t_s)
    if dragged is not None:
        site.bottom_dx_um += dragged.value
        plant.record("bottom dragged", site=site.site.name, by_um=dragged.value)
    board = plant.board_in_nest
    if board is not None and plant.faults.active("board_soft", t_s) is not None:
        for other in board.sites:
            if other is not site:
                _shift(other, CREEP_UM, 0.0)


class Clinging:
    """A part that was let go and hangs on: the nozzle is open beside it, and it falls at the next jolt."""

    def __init__(self, plant: Plant) -> None:
        self._plant = plant
        self.is_one = False

    def begins(self, t_s: float) -> bool:
        """Whether the part that is let go over the bin clings."""
        held = self._plant.held
        if held is None or self._plant.faults.strikes("reject_clings", t_s) is None:
            return False
        self.is_one = True
        self._plant.record("part clings", serial=held.part.serial)
        return True

    def ends(self) -> None:
        """The nozzle is bare, or the part was let go once more."""
        self.is_one = False

    def jolted(self, now_s: float) -> None:
        """The gantry begins to move."""
        if self.is_one:
            self._plant.call_at(now_s + CLINGS_FOR_S, self._falls)

    def _falls(self) -> None:
        if self.is_one:
            self.ends()
            self._plant.lose_part()
