"""What may overlap: the steps of one package on their lanes, with what each must wait for. Data, read by the runner.

Three things can happen at once: the head works, the film is made new, a picture is judged. Steps of one lane follow one
another in the order given; across lanes a step waits for the ends named in `after`. The same graph, with the times that
the axis limits allow, gives the critical path against which the cycle is measured.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from functools import cache

from station.process import sheet
from station.process.step import Step

HEAD, FILM, IMAGE = "head", "film", "image"
LANES = (HEAD, FILM, IMAGE)


@dataclass(frozen=True)
class Slot:
    """One step at its place."""

    step: Step
    lane: str
    after: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        return self.step.id


PREPARE_FILM: tuple[Slot, ...] = (
    Slot(sheet.LEVEL_FILM, FILM),
    Slot(sheet.MEASURE_FILM, FILM),
    Slot(sheet.JUDGE_FILM, FILM),
)
"""Where no good film lies ready: at the start, after a reject, or when the film got too old."""

PACKAGE: tuple[Slot, ...] = (
    Slot(sheet.LOOK_AT_SITE, HEAD),
    Slot(sheet.LOCATE_SITE, IMAGE, after=("look_at_site",)),
    Slot(sheet.GO_TO_TRAY, HEAD),
    # No package is taken before its site is known to be there and free.
    Slot(sheet.PICK, HEAD, after=("locate_site",)),
    Slot(sheet.EXPOSE_DRY, HEAD),
    Slot(sheet.JUDGE_DRY, IMAGE, after=("expose_dry",)),
    Slot(sheet.GO_TO_PLATE, HEAD),
    Slot(sheet.DIP, HEAD, after=("judge_dry", "film_ready")),
    Slot(sheet.READ_DIP_CURVE, IMAGE, after=("dip",)),
    Slot(sheet.LOOK_AT_IMPRINT, HEAD),
    Slot(sheet.JUDGE_IMPRINT, IMAGE, after=("look_at_imprint",)),
    Slot(sheet.EXPOSE_WET, HEAD),
    Slot(sheet.JUDGE_WET, IMAGE, after=("expose_wet",)),
    Slot(sheet.ALIGN, HEAD, after=("judge_wet", "judge_imprint")),
    Slot(sheet.PLACE, HEAD),
    Slot(sheet.READ_PLACE_CURVE, IMAGE, after=("place",)),
    Slot(sheet.LOOK_AT_PLACED, HEAD),
    Slot(sheet.LOOK_AT_MARK, HEAD),
    # A board that has moved meanwhile took the placed package along: it is judged by where the board is now.
    Slot(sheet.JUDGE_PLACED, IMAGE, after=("look_at_mark",)),
)

LANE_OF = {slot.step.id: slot.lane for slot in (*PREPARE_FILM, *PACKAGE)}
"""whose devices a step uses, also where another lane has it done again"""

FILM_AHEAD_AFTER = "judge_imprint"
"""The blade runs for the next package as soon as the print of this one has been judged: where there is none, the
package may lie in the film, whatever the vacuum says."""
FILM_AHEAD = "film_ahead"
"""What a dip waits for where that film is still being made: it may take longer than the package it was begun in."""
WITHOUT_IMPRINT = ("look_at_imprint", "judge_imprint")


class Film(Enum):
    """The film for the package that is about to be built; the value is what its dip waits for."""

    READY = ""
    """good, fresh and unused"""
    COMING = FILM_AHEAD
    """begun beside the package before"""
    MISSING = "judge_film"
    """to be made beside the pick"""


@cache
def package_slots(film: Film, *, imprint: bool) -> tuple[Slot, ...]:
    """The graph of one package. imprint: the recipe asks for the second witness."""
    slots = PACKAGE
    if not imprint:
        slots = tuple(_without_imprint(slot) for slot in PACKAGE if slot.step.id not in WITHOUT_IMPRINT)
    prepared = PREPARE_FILM if film is Film.MISSING else ()
    return (*prepared, *(_with_film(slot, film.value) for slot in slots))


def film_ahead_after(*, imprint: bool) -> str:
    """The step after which the next film may be begun."""
    return FILM_AHEAD_AFTER if imprint else sheet.EXPOSE_WET.id


def _without_imprint(slot: Slot) -> Slot:
    return Slot(slot.step, slot.lane, tuple(key for key in slot.after if key not in WITHOUT_IMPRINT))


def _with_film(slot: Slot, ready_by: str) -> Slot:
    after = (ready_by if key == "film_ready" else key for key in slot.after)
    return Slot(slot.step, slot.lane, tuple(filter(None, after)))


CHAINS = (
    (*sheet.FILM_STEPS, sheet.DIP),
    (sheet.LOOK_AT_SITE, sheet.LOCATE_SITE),
    (sheet.GO_TO_TRAY, sheet.PICK),
    (sheet.EXPOSE_DRY, sheet.GO_TO_PLATE, sheet.JUDGE_DRY),
    (sheet.EXPOSE_WET, sheet.JUDGE_WET, sheet.ALIGN, sheet.PLACE),
)
"""What belongs together when something is done again; the head goes on to the film while the dry picture is judged."""


def before_retry(retry_from: str, failed: Step) -> tuple[Step, ...]:
    """What is done again before `failed` is tried once more, when an alarm says from where."""
    for chain in CHAINS:
        ids = [step.id for step in chain]
        if retry_from in ids and failed.id in ids and ids.index(retry_from) <= ids.index(failed.id):
            return chain[ids.index(retry_from) : ids.index(failed.id)]
    return ()
