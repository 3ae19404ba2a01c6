"""What the sensors prove of an act whose end nobody saw: a pure function, a table of what was begun and what is seen.

Nothing is assumed: where the sensors leave a doubt the answer is None, and a person is asked.
"""

from __future__ import annotations

from dataclasses import dataclass

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
