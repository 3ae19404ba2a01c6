"""A gate passes only by positive evidence: whatever a step reads is taken away, piece by piece, and it must not pass.

Which steps there are, what they are told and what they read of it is found out by running them; nothing is listed by
hand but what a step reads without judging it, each with the reason.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import is_dataclass, replace
from fnmatch import fnmatchcase
from math import nan
from pathlib import Path as Folder
from typing import Any

import pytest

from drivers.errors import DriverError
from sim_hardware import virtual_time
from sim_hardware.faults import FaultSpec
from station.alarms.catalogue import ProcessAlarm
from station.alarms.translate import first_of
from station.clock import Clock
from station.process import sheet
from station.process.film import film_is_ready
from station.process.outcomes import Fate, FilmAccepted, FilmLevelled, Findings, MissingOutcome, Outcome
from station.run.packml import State
from tests.gates.tape import NotTold, Path, Take, recording
from tests.scenarios.bench import bench

COUNT = "a count of a register: no bits of it are no number, and a device that does not answer is an error"
THE_EYES = "goes to the eyes, whose answer is judged: what they are asked wrongly they do not find"
EMPTY = "to be empty is what is wanted; that it was looked at is proven by a count beside it"
LATER = "kept for a later step, which refuses it"
TOLD = "stands in the record, decides nothing"

UNJUDGED = {
    "*: gantry.position#*": COUNT,
    "expose_*: head.status#*.z_um": COUNT,
    "bin_part: safety.inputs#*.bin_full": COUNT,
    "load_board: conveyor.is_board_present#*": COUNT,
    "level_film: dip_unit.level#*": COUNT,
    "level_film: dip_unit.status#*.film_generation": COUNT,
    "locate_site: findings.BoardLocated.*": THE_EYES,
    "*: findings.SiteExposed.*": THE_EYES,
    "*: findings.PlacedExposed.*": THE_EYES,
    "*: findings.ImprintExposed.*": THE_EYES,
    "judge_imprint: findings.Dipped.spot.*": THE_EYES,
    "judge_imprint: findings.PackageInspected.*": THE_EYES,
    "*: eyes.*.notes": EMPTY,
    "*: eyes.*.missing": EMPTY,
    "*: eyes.*.unseen": EMPTY,
    "*: eyes.*.bridges": EMPTY,
    "read_board: work.boards_done": EMPTY,
    "expose_*: findings.BoardLocated": "the drawing's turn will do: the package's own is judged in the picture",
    "look_at_mark: findings.BoardLocated.seen.*": LATER,
    "measure_film: film_gauge.measure#*.height_um": LATER,
    "measure_film: findings.FilmLevelled.*": LATER,
    "measure_film: clock.mono_s#*": LATER,
    "level_film: clock.mono_s#*": LATER,
    "dip: clock.mono_s#*": LATER,
    "expose_wet: clock.mono_s#*": LATER,
    "dip: head.press#*.end_z_um": TOLD,
    "pick: clock.mono_s#*": TOLD,
    "place: clock.mono_s#1": TOLD,
    "place: findings.AtSite.target_theta_deg": TOLD,
}
"""What a step passes without, and why that is no gate; every line is needed, and none is missing."""

REFUSED = (ProcessAlarm, DriverError, MissingOutcome, NotTold)
"""how a step refuses; to ask further than where all is well is no pass either"""


DAY_S = 86_400.0


def record(folder: Folder) -> dict[str, Take]:
    async def build() -> dict[str, Take]:
        with recording() as takes:
            async with bench(folder, FaultSpec("ball_missing", nth=2)) as b:
                b.order()
                assert await b.rest() is State.COMPLETE, b.alarm_text()
        return takes

    return virtual_time.run(build())


def taken_away(value: Any) -> list[Any]:
    """What may stand in place of a value where there is none: by its type, and None whatever its type says."""
    if isinstance(value, float):
        return [nan, None]
    if isinstance(value, str):
        return ["?", None]
    if isinstance(value, tuple):
        return [(), None]
    if isinstance(value, Mapping):
        return [{}, None]
    return [None]


def label(step: str, path: Path) -> str:
    """Step, and what it was told: `#` and the number of the call where a device was asked, then the fields."""
    source, name, *rest = path
    call = f"#{rest.pop(0)}" if rest and isinstance(rest[0], int) else ""
    return f"{step}: " + ".".join([str(source), f"{name}{call}", *(part for part in rest if isinstance(part, str))])


def survivors(takes: dict[str, Take]) -> dict[str, str]:
    """What a step passed without, or broke down over: label -> what it did."""

    async def all_steps() -> dict[str, str]:
        found: dict[str, str] = {}
        for step, take in takes.items():
            await _one(step, take, found)
        return found

    return virtual_time.run(all_steps())


async def _one(step: str, take: Take, found: dict[str, str]) -> None:
    outcome, reads = await take.again(lambda _, value: value)
    assert outcome.verdict.fate is Fate.PASS, f"{step} does not pass on what it was told before"
    values: dict[Path, Any] = {}

    def seen(path: Path, value: Any) -> Any:
        values[path] = value
        return value

    await take.again(seen)
    for path in sorted(reads, key=repr):
        if path[0] == "findings" and len(path) == 2:
            if path in values:
                await _tried(take, label(step, path), found, without=str(path[1]))
            continue
        value = values[path]
        for missing in taken_away(value):
            if is_dataclass(value) or (missing is None and value is None):
                continue  # read on within
            await _tried(take, label(step, path), found, path, missing)


async def _tried(
    take: Take, name: str, found: dict[str, str], path: Path = (), missing: Any = None, without: str = ""
) -> None:
    try:
        outcome, _ = await take.again(lambda at, value: missing if at == path else value, without)
    except Exception as failed:
        error = first_of(failed)
        # No checked code gives None where a value is due; the station calls it its own mistake and stops (803).
        if not isinstance(error, REFUSED) and (missing is not None or without) and missing != ():
            found[name] = f"breaks down: {type(error).__name__}: {error}"
        return
    if outcome.verdict.fate is Fate.PASS:
        found[name] = "passes"


@pytest.fixture(scope="module")
def takes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Take]:
    return record(tmp_path_factory.mktemp("gates"))


def test_every_step_of_the_sheet_is_tried(takes: dict[str, Take]) -> None:
    assert set(takes) == {step.id for step in sheet.ALL_STEPS}


def test_no_step_passes_without_a_thing_it_reads_but_those_that_are_named_with_a_reason(takes: dict[str, Take]) -> None:
    found = survivors(takes)
    unnamed = {name: what for name, what in found.items() if not any(fnmatchcase(name, one) for one in UNJUDGED)}
    assert not unnamed, "passes without it: judge it in the step, or name it with the reason why it is no gate"
    idle = [one for one in UNJUDGED if not any(fnmatchcase(name, one) for name in found)]
    assert not idle, "is judged by now: no reason is needed any more"


def test_what_is_a_day_old_is_refused_wherever_an_age_is_judged(takes: dict[str, Take]) -> None:
    async def all_steps() -> set[str]:
        refused = set()
        for step, take in takes.items():
            try:
                await take.again(lambda at, value: value + DAY_S if at[:2] == ("clock", "mono_s") else value)
            except REFUSED:
                refused.add(step)
        return refused

    assert virtual_time.run(all_steps()) == {"judge_film", "dip", "place"}


def test_a_film_is_ready_only_with_its_measurement_its_levelling_and_its_age(takes: dict[str, Take]) -> None:
    found = takes["go_to_tray"].findings
    film = found[FilmAccepted]
    assert isinstance(film, FilmAccepted)

    def is_ready(now_s: float, *without: type[Outcome]) -> bool:
        kept = {kind: outcome for kind, outcome in found.items() if kind not in without}
        return film_is_ready(replace(takes["go_to_tray"].work, clock=_At(now_s), findings=Findings(kept)))

    now_s = film.film.levelled_at_s + 1.0
    assert is_ready(now_s)
    assert not is_ready(nan)
    assert not is_ready(now_s + DAY_S)
    assert not is_ready(now_s, FilmAccepted)
    assert not is_ready(now_s, FilmLevelled)


class _At(Clock):
    def __init__(self, now_s: float) -> None:
        super().__init__()
        self._now_s = now_s

    def mono_s(self) -> float:
        return self._now_s
