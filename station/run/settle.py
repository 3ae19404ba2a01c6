"""What sensors and cameras prove of an act whose end nobody saw: pure functions, tables of what was begun and is seen.

Nothing is assumed: where the sensors leave a doubt the answer is None, and a person is asked.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from station.cell import GRIP_LIMIT_KPA
from station.process import sheet


@dataclass(frozen=True, slots=True)
class Seen:
    """What fresh readings say before anything has moved. None: not known."""

    vacuum_kpa: float | None = None
    head_is_up: bool | None = None
    """Z is referenced without a break of its drive power, and at travel height"""
    board_at_stop: bool | None = None
    clamped: bool | None = None

    @property
    def is_part_held(self) -> bool:
        """A package hangs in free air: low, the vacuum could as well be sealed by one that stands on board or plate."""
        return self.head_is_up is True and self.vacuum_kpa is not None and self.vacuum_kpa <= GRIP_LIMIT_KPA


@dataclass(frozen=True, slots=True)
class Settled:
    """verdict closes the act in the journal; result is that of a record, empty where none is due."""

    verdict: str
    proof: str
    result: str = ""


_HANGS = "the vacuum holds a package at the raised nozzle"
_HELD = {
    sheet.PICK.id: Settled("taken", f"{_HANGS}: it was taken from its pocket and will be rejected"),
    sheet.DIP.id: Settled("rejected", f"{_HANGS}: its film is too old by now, it will be rejected"),
    sheet.PLACE.id: Settled(
        "not_placed", f"{_HANGS}: it was not placed and will be rejected; its site is free", "unplaced"
    ),
    sheet.BIN_PART.id: Settled("not_binned", f"{_HANGS}: it was not let go yet and will be rejected"),
}


def settle(step: str, seen: Seen) -> Settled | None:
    """What became of an act of this step, None where a person has to look.

    A free nozzle proves nothing: the package may lie at its site, in the film, in its pocket or anywhere.
    """
    if seen.is_part_held and step in _HELD:
        return _HELD[step]
    if step == sheet.BOARD_OUT.id and seen.board_at_stop is True and seen.clamped is True:
        return Settled("not_out", "the board stands clamped at the stop pins: it was not let go")
    return None


class AtSite(Enum):
    """What the down camera shows at a site whose placement nobody saw end."""

    PACKAGE = "the camera sees a package at the site"
    FREE = "the camera sees the lands of the bottom package, with nothing on them"
    UNSEEN = "the camera cannot tell"


LOST = "lost"
_BY_CAMERA = {
    (True, AtSite.FREE): Settled(
        "not_placed",
        "the nozzle held it and its site is free: it was not placed and is rejected; its site is free",
        "unplaced",
    ),
    (False, AtSite.PACKAGE): Settled(
        "placed_unverified",
        "the nozzle is free and the package is seen at its site: placed, and its board goes to quarantine",
        "placed_unverified",
    ),
    (False, AtSite.FREE): Settled(LOST, "the nozzle is free and so is the site: the package is lost", "unplaced"),
}


def settle_placement(is_held: bool | None, at_site: AtSite) -> Settled | None:
    """What became of a placement, by the open nozzle and the camera; None where they leave a doubt: a person decides.

    is_held   whether a package was found on the nozzle; None: its sensor could not tell
    """
    return None if is_held is None else _BY_CAMERA.get((is_held, at_site))
