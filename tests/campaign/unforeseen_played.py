"""Play the unforeseen faults and judge each: what the station did, what was wanted, whether the forbidden came to pass.

Verdicts: as wanted; otherwise but safe; not handled (the forbidden happened or an invariant broke).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sim_hardware.faults import FaultSpec
from tests.campaign.judged import Judged
from tests.campaign.matrix import SEED
from tests.campaign.run import Outcome, run
from tests.campaign.unforeseen import ROWS
from tests.campaign.unforeseen_model import Play, Unforeseen
from tests.scenarios.bench import Bench

WANTED, OTHERWISE, NOT_HANDLED, NOT_PLAYED = "as wanted", "otherwise, safe", "not handled", "not played"
WORST_FIRST = (NOT_HANDLED, OTHERWISE, WANTED)


@dataclass(frozen=True, slots=True)
class Played:
    """One play: letters, alarms and results as in the fault matrix; `happened` is what must never."""

    reaction: str
    alarms: tuple[int, ...]
    results: tuple[str, ...]
    happened: tuple[str, ...]
    broken: tuple[str, ...]
    story: tuple[str, ...]
    verdict: str


def play(row: Unforeseen, one: Play, seed: int = SEED) -> Played:
    """Raises AssertionError where one of its faults did not strike: nothing was played then."""
    happened: list[str] = []

    def look(judged: Judged, bench: Bench) -> None:
        happened.extend(dict.fromkeys(row.judge(judged, bench)))

    outcome = run(one.schedule, seed, boards=one.boards, drawn=one.recipe(), rendering=one.rendering, look=look)
    missing = {entry.kind for entry in one.schedule if isinstance(entry, FaultSpec)} - set(outcome.struck)
    assert not missing, f"{row.id}: {', '.join(sorted(missing))} did not strike"
    return _judged(row, outcome, happened)


def _judged(row: Unforeseen, outcome: Outcome, happened: list[str]) -> Played:
    broken = tuple(f"invariant {number}: {text}" for number, text in outcome.broken if number not in row.inherent)
    if happened or broken or not outcome.is_finished:
        verdict = NOT_HANDLED
    else:
        verdict = WANTED if set(row.wants.split()) & set(outcome.reaction.letters.split()) else OTHERWISE
    reaction = outcome.reaction
    return Played(
        reaction.letters, reaction.alarms, reaction.results, tuple(happened), broken, tuple(outcome.story), verdict
    )


def played(row: Unforeseen, seed: int = SEED) -> tuple[dict[str, Any], list[str]]:
    """All plays of one fault: (as JSON with the worst as its verdict, for people with their stories)."""
    found = [play(row, one, seed) for one in row.plays]
    verdict = min((one.verdict for one in found), key=WORST_FIRST.index) if found else NOT_PLAYED
    keys = ("verdict", "reaction", "alarms", "results", "happened", "broken")
    line = {
        "fault": row.id,
        "verdict": verdict,
        "plays": [{key: _plain(getattr(one, key)) for key in keys} for one in found],
    }
    return line, list(_told(row, found))


def _plain(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value


def _told(row: Unforeseen, found: Sequence[Played]) -> Iterator[str]:
    yield f"{row.id} {row.happens}"
    yield f"    wanted: {row.words} ({row.wants}); never: {row.never}"
    if not found:
        yield f"    not played: {row.cannot}"
    for number, (one, did) in enumerate(zip(row.plays, found, strict=True), 1):
        yield f"    play {number}: {means(one)}"
        yield f"    did {did.reaction}, alarms {list(did.alarms)}, records {list(did.results)}"
        yield from (f"    never, and yet: {sentence}" for sentence in did.happened)
        yield from (f"    broken: {sentence}" for sentence in did.broken)
        yield f"    verdict: {did.verdict}"
        yield from (f"        {line}" for line in did.story)


def means(one: Play) -> str:
    """How a play is brought about, in few words."""
    specs = [entry for entry in one.schedule if isinstance(entry, FaultSpec)]
    kinds = ", ".join(f"`{spec.kind}` {spec.value:g}" for spec in specs)
    return kinds + (f", recipe with {one.edit}" if one.edit else "") + (", pictures drawn" if one.drawn else "")


def wanted_rows(only: str) -> list[Unforeseen]:
    """All, or those of `X02,X26`. Raises ValueError."""
    names = [name for name in only.split(",") if name]
    unknown = [name for name in names if name not in {row.id for row in ROWS}]
    if unknown:
        raise ValueError(f"{', '.join(unknown)}: no fault of the list; known: X01 to X{len(ROWS):02d}")
    return [row for row in ROWS if not names or row.id in names]
