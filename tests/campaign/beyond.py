"""Just beyond every limit, and just within: a fault so small that only a limit where it belongs can tell.

The matrix gives a fault in its full size. A limit that is wrong by a little, or asked by a mean, lets small ones pass.
"""

from __future__ import annotations

from dataclasses import dataclass

from sim_hardware.faults import FaultSpec, Phase

PRESSES, PART, BOARD = "head.press", "recipe_load", "load_board"


@dataclass(frozen=True, slots=True)
class Limit:
    """One limit of recipe or process.

    beyond, within   the fault a little over the limit and a little under it; None where the limit is zero
    does             letters of which at least one must come beyond; within nothing may happen
    source           where the limit stands
    """

    name: str
    beyond: FaultSpec
    within: FaultSpec | None
    does: str
    source: str

    def judged(self, letters: str, *, is_beyond: bool) -> str:
        """What is wrong about this reaction; empty where nothing is."""
        if is_beyond and not set(self.does.split()) & set(letters.split()):
            return f"{self.name}, a little beyond {self.source}: did {letters}, wanted one of {self.does}"
        if not is_beyond and letters != ".":
            return f"{self.name}, a little within {self.source}: did {letters}, nothing was the matter"
        return ""


def _pair(kind: str, beyond: float, within: float, **where: object) -> tuple[FaultSpec, FaultSpec]:
    first = {"nth": 1, **where}
    return FaultSpec(kind, value=beyond, **first), FaultSpec(kind, value=within, **first)  # type: ignore[arg-type]


def _one(kind: str, step: str, value: float = 1.0) -> tuple[FaultSpec, None]:
    return FaultSpec(kind, nth=1, value=value, step=step), None


_PLACED = {"step": "place", "command": PRESSES, "phase": Phase.COMMANDED}

LIMITS: tuple[Limit, ...] = (
    Limit("ball missing", *_one("ball_missing", PART), "J", "inspect.missing_allowed 0"),
    Limit("ball not dipped", *_one("ball_undipped", PART), "J", "one ball"),
    Limit("ball half dipped", *_one("ball_half_dipped", PART), "J", "one ball"),
    Limit("bridge", *_one("bridge", "dip"), "J", "one bridge"),
    Limit("imprint", *_one("imprint_masked", "dip"), "J", "one mark"),
    Limit("package turned", *_pair("wrong_part", 5.6, 4.2, step=PART), "J", "inspect.theta_limit_deg 5"),
    Limit("film too thin", *_pair("film_thin", 4.0, 1.0, step="level_film"), "R", "film.tolerance_um 2.4"),
    Limit("film too thick", *_pair("film_thin", -4.0, -1.0, step="level_film"), "R", "film.tolerance_um 2.4"),
    Limit("plate warm", *_pair("plate_temperature", 7.0, 2.0, nth=0, step=PART), "P", "material.plate_max_degc 30"),
    Limit("package slips", *_pair("part_slips", 95.0, 60.0, **_PLACED), "Q", "place.offset_limit_um 80"),
    Limit("force falls", *_pair("force_collapses", 0.70, 0.85, **_PLACED), "Q P J", "a quarter of the hold force"),
    Limit("board high", *_pair("board_high", 75.0, 40.0, step=BOARD), "Q P", "place.seated_height_tolerance_um 60"),
    Limit("gauge drifts", *_pair("gauge_offset", 2.6, 1.0, nth=0, step=PART), "P R", "2 um of the reference step"),
    Limit("grip weak", *_pair("vacuum_leaks", -52.0, -66.0, nth=0, step="go_to_plate"), "J P C", "pick.vacuum_kpa -60"),
    Limit("link slow", *_pair("reply_late", 0.080, 0.020, nth=0, step=PART, target="plc"), "P", "60 ms there and back"),
)
