"""Which faults of the machine could be behind a word of a journal: an alarm, a package that did not pass.

A list of suspects, likeliest first; which one it was is found by trying (`station.demo.replay`). What the service did
to itself (a full disk, a blocked loop) has no suspect here: the simulated machine has no such fault.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sim_hardware.faults import FaultSpec
from station.demo.field_journal import Life, Told

FILM_RATIO = 0.6
"""film height / gap of the simulated blade: what the gauge read too little or too much is laid on the film"""
RIGHT_BEFORE_S = 0.005
LASTS_S = 3.0
"""how long a lasting fault holds where the journal names nobody who put it right"""

A_PACKAGE = "a package"
"""in place of a step: a package is made with its tray, long before anybody sees it"""
ORDERED, TAKEN = "recipe_load", "go_to_tray"

_INPUTS = ("estop_ok", "door_closed", "drives_enabled", "air_ok", "vacuum_supply_ok")
_NUMBER = re.compile(r"[-+]?\d+(?:\.\d+)?")


@dataclass(frozen=True, slots=True)
class Suspect:
    """One kind of fault.

    step     given when this step was last begun before the word; "" = the step that the word names;
             A_PACKAGE = the package that was taken last, whenever it was made
    is_timed given at the instant of the word, not when the step begins
    lasts    a state: it ends when somebody answers or presses something; else it strikes once
    value    or a function of the word's text and of the newest film reading
    """

    kind: str
    value: float | Callable[[str, dict[str, Any]], float] = 0.0
    step: str = ""
    target: str = ""
    is_timed: bool = False
    lasts: bool = False


def _film_missing_um(text: str, film: dict[str, Any]) -> float:
    return FILM_RATIO * float(film["gap_um"]) - float(film["mean_um"]) if film else 20.0


def _first_number(text: str, film: dict[str, Any]) -> float:
    found = _NUMBER.search(text)
    return float(found.group()) if found else 0.0


_LINK = (
    Suspect("link_silent", lasts=True),
    Suspect("link_cut", is_timed=True, lasts=True),
    Suspect("device_failure", 11.0),
    Suspect("request_lost"),
    Suspect("status_frozen", lasts=True),
    Suspect("echo_frozen", lasts=True),
    Suspect("device_restarts", is_timed=True),
    Suspect("second_master", is_timed=True),
)
_AXES = (
    Suspect("axis_fault"),
    Suspect("done_early"),
    Suspect("axis_stalls"),
    Suspect("done_never"),
    Suspect("axis_rings", 5.0),
    Suspect("home_stuck"),
    Suspect("axis_reading", 50_000.0, lasts=True),
)
_OPEN = tuple(Suspect("input_false", target=name, is_timed=True, lasts=True) for name in _INPUTS)
_DARK = (Suspect("light_scaled", 0.02), Suspect("observation_nan"))

BY_ALARM: dict[int, tuple[Suspect, ...]] = {
    101: _LINK,
    102: (Suspect("reply_wrong_unit", lasts=True), Suspect("reply_wrong_number", lasts=True), *_LINK),
    103: (Suspect("device_restarts", is_timed=True), *_LINK),
    104: (Suspect("identity_wrong", lasts=True), Suspect("words_swapped", lasts=True)),
    105: (Suspect("watchdog_off", lasts=True),),
    110: (
        Suspect("force_over", 50.0),
        Suspect("force_sensor", lasts=True),
        Suspect("vacuum_sensor", lasts=True),
        *_LINK,
    ),
    201: (*_OPEN, Suspect("plate_unlocked", lasts=True)),
    210: (Suspect("input_true", target="on_battery", is_timed=True, lasts=True),),
    202: (Suspect("input_false", target="drives_enabled", is_timed=True, lasts=True),),
    203: _AXES,
    205: (*_LINK, *_AXES),
    206: (*_AXES, Suspect("wipe_stuck"), Suspect("dwell_wrong", 1.0)),
    209: (*_OPEN, Suspect("clamp_opens", is_timed=True), Suspect("plate_unlocked", lasts=True)),
    301: (Suspect("pick_fail"), Suspect("vacuum_sensor", lasts=True)),
    302: (
        Suspect("part_falls", is_timed=True),
        Suspect("part_falls"),
        Suspect("part_stays_in_film", step="dip"),
        Suspect("vacuum_sensor", lasts=True),
        Suspect("part_taken", is_timed=True),
    ),
    303: (Suspect("part_given", is_timed=True), Suspect("nozzle_clogged", -70.0, lasts=True)),
    304: (Suspect("part_sticks"), Suspect("vacuum_sensor", -70.0, lasts=True)),
    306: (Suspect("input_true", target="bin_full", lasts=True),),
    401: (
        Suspect("film_thin", _film_missing_um, step="level_film"),
        Suspect("film_thin", _film_missing_um, step="level_film", lasts=True),
    ),
    402: (
        Suspect("film_uneven", _first_number, step="level_film"),
        Suspect("film_uneven", 30.0, step="level_film"),
        Suspect("film_uneven", 30.0, step="level_film", lasts=True),
    ),
    403: (Suspect("gauge_offset", _first_number, step="level_film", lasts=True),),
    404: (Suspect("gauge_blind"),),
    405: (Suspect("reservoir_empty", step="level_film"),),
    406: (Suspect("plate_unlocked", lasts=True),),
    407: (Suspect("film_aged", 120.0),),
    409: (Suspect("reservoir_low", is_timed=True, lasts=True),),
    411: (Suspect("part_taken", step="dip"), Suspect("surface_higher", -800.0)),
    412: (Suspect("surface_higher", 400.0), Suspect("force_over", 50.0)),
    413: (Suspect("wipe_skipped"),),
    501: (*_DARK, Suspect("fiducial_missing", 1.0, step="load_board")),
    502: (Suspect("board_stretched", 0.006, step="load_board"),),
    503: (*(Suspect(s.kind, s.value, step="look_at_site") for s in _DARK), Suspect("board_shifts", 200.0)),
    504: (Suspect("frame_lost"), Suspect("frame_repeated"), Suspect("frame_late", 5.0)),
    506: (Suspect("camera_moved", 200.0, lasts=True), Suspect("frame_lost")),
    601: (Suspect("surface_higher", -800.0),),
    602: (Suspect("surface_higher", 300.0),),
    603: (Suspect("force_over", 50.0),),
    702: (Suspect("code_unreadable"),),
    703: (Suspect("board_again", step="load_board"),),
    901: _OPEN,
    903: _OPEN,
}

BY_REASON: dict[str, tuple[Suspect, ...]] = {
    "ball_defect": (Suspect("ball_missing", 1.0, step=A_PACKAGE),),
    "package_turned": (Suspect("wrong_part", 90.0, step=A_PACKAGE),),
    "package_refused": (Suspect("wrong_part", 90.0, step=A_PACKAGE), Suspect("observation_nan", step="expose_dry")),
    "package_not_found": (Suspect("part_falls", step="expose_wet"), Suspect("light_scaled", 0.02, step="expose_dry")),
    "pick_turn": (Suspect("part_turns", 3.0, step="expose_wet"),),
    "ball_without_material": (
        Suspect("ball_undipped", 3.0, step=A_PACKAGE),
        Suspect("ball_half_dipped", 3.0, step=A_PACKAGE),
    ),
    "ball_not_judged": (Suspect("observation_nan", step="expose_wet"),),
    "material_bridge": (Suspect("bridge", step="dip"),),
    "imprint_incomplete": (Suspect("imprint_masked", 3.0, step="dip"),),
    "site_occupied": (Suspect("site_taken", step="load_board"),),
    "bottom_missing": (Suspect("bottom_missing", step="load_board"),),
    "placed_offset": (Suspect("part_slips", 150.0, step="place"),),
    "placement_not_verified": (Suspect("light_scaled", 0.02, step="look_at_placed"),),
    "hold_force": (Suspect("force_collapses", 0.1, step="place"),),
}

_AT_A_PORT = ("link_", "device_", "request_", "reply_", "status_", "echo_", "second_", "identity_", "watchdog_")


def suspected(lives: Sequence[Life], number: int, word: Told) -> Iterator[tuple[int, FaultSpec]]:
    """Faults that could be behind this word of life `number`, placed where the journal has it: (life, fault)."""
    life = lives[number]
    index = life.told.index(word)
    for suspect in _suspects(word):
        if suspect.step == A_PACKAGE:
            assert isinstance(suspect.value, float)
            taken = sum(_taken(before, len(before.told)) for before in lives[:number]) + _taken(life, index)
            yield 0, FaultSpec(suspect.kind, nth=max(1, taken), value=suspect.value, step=ORDERED)
            continue
        step, visit, begun_s = _step_of(life, index, suspect.step or str(word.data.get("step") or ""))
        if not visit:
            continue
        text = str(word.data.get("text") or "")
        value = suspect.value if isinstance(suspect.value, float) else suspect.value(text, _film_before(life, index))
        after_s = max(0.0, word.at_s - begun_s - RIGHT_BEFORE_S) if suspect.is_timed else 0.0
        for target in _targets(suspect, text):
            lasts_s = _put_right_after_s(life, index) + word.at_s - begun_s - after_s
            yield (
                number,
                FaultSpec(
                    suspect.kind,
                    nth=0 if suspect.lasts or suspect.is_timed else 1,
                    value=value,
                    duration_s=round(lasts_s, 6) if suspect.lasts else None,
                    target=target,
                    step=step,
                    after_s=round(after_s, 6),
                    step_nth=visit,
                ),
            )


def _taken(life: Life, index: int) -> int:
    """How many packages had been taken out of trays by then, in this life."""
    return sum(told.kind == "step.started" and told.data["step"] == TAKEN for told in life.told[:index])


def _suspects(word: Told) -> tuple[Suspect, ...]:
    if word.kind == "placement.recorded":
        return BY_REASON.get((word.data.get("reason") or {}).get("code", ""), ())
    return BY_ALARM.get(int(word.data.get("number") or 0), ())


def _targets(suspect: Suspect, text: str) -> list[str]:
    if suspect.target:
        return [suspect.target]
    device = text.split(":")[0].replace(" ", "_")
    if suspect.kind.startswith(_AT_A_PORT):
        # Who is not named by the sentence may be the cause all the same: a camera's trigger goes through another wire.
        return list(dict.fromkeys([device, "plc", "head", "dip_unit", "film_gauge"])) if device else ["plc", "head"]
    return [""]


def _step_of(life: Life, index: int, step: str) -> tuple[str, int, float]:
    """Step, which visit of it, and when that began; without a name the one that was begun last."""
    for told in reversed(life.told[: index + 1]):
        if told.kind == "step.started" and (not step or told.data["step"] == step):
            return str(told.data["step"]), told.visit, told.at_s
        if told.kind == "state.changed" and told.data["to"] == "Resetting" and not step:
            return "home", told.visit, told.at_s
    return "boot", 1, 0.0


def _film_before(life: Life, index: int) -> dict[str, Any]:
    for told in reversed(life.told[: index + 1]):
        if told.kind == "step.ended" and told.data.get("step") == "measure_film":
            return told.data
    return {}


def _put_right_after_s(life: Life, index: int) -> float:
    """From the word to the next time somebody answered, cleared or reset."""
    for told in life.told[index + 1 :]:
        if told.kind == "operator.answer" or (
            told.kind == "state.changed" and told.data["to"] in ("Clearing", "Resetting")
        ):
            return max(told.at_s - life.told[index].at_s - RIGHT_BEFORE_S, RIGHT_BEFORE_S)
    return LASTS_S
