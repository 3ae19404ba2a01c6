"""Relations between runs: what one run says of another where nobody can say what either must be.

Each relation changes something that must not matter, or must matter in one direction only, runs the station twice on
the same simulated machine and compares. Half of the seeds are machines with errors and without any noise, where every
value must come again; the others have all the noise there is, where verdicts must.

Source: Chen, Cheung, Yiu, Metamorphic testing: a new approach for generating next test cases, 1998.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sim_hardware.faults import FaultSpec
from tests.campaign.compared import CONTENTS, IDENTITIES, TIMES, Within, became, differing, verdicts
from tests.campaign.paired import Run, Told

Lines = list[tuple[str, str]]
"""pairs of lines that should agree and do not"""

NOT_COMPARED = (*IDENTITIES, *TIMES, *CONTENTS)
SETTLED = Within(um=3.0, deg=0.02, n=1e-6)
"""the axes are taken as settled at 2 um: what is seen a little later is seen with a little less of their ringing"""


@dataclass(frozen=True, slots=True)
class Pair:
    """Two runs, and the lines of them that should agree and do not."""

    what: str
    broken: Lines


Relation = Callable[[int], Iterator[Pair]]
RELATIONS: dict[str, Relation] = {}


def relation(name: str) -> Callable[[Relation], Relation]:
    def named(check: Relation) -> Relation:
        RELATIONS[name] = check
        return check

    return named


def by_pocket(told: Told) -> dict[str, dict[str, Any]]:
    """Records by board, site and pocket, as they are named where both runs take the same packages."""
    return {
        f"{one['board']['serial']} {one['site']} pocket {one['package']['pocket']} #{one['package']['tray']}": one
        for one in told.records
    }


def outcome(told: Told) -> dict[str, dict[str, Any]]:
    return {"the run": {"ended": told.ended, "alarms": sorted(set(told.alarms))}}


def compared(one: Told, other: Told, within: Within, *, values: bool, but: tuple[str, ...] = ()) -> Lines:
    """Same records, same verdicts, same alarms, same end; `values`: and every other line of the records."""
    a, b = by_pocket(one), by_pocket(other)
    if not values:
        a, b = verdicts(a), verdicts(b)
    return differing(outcome(one), outcome(other), Within(), ()) + differing(a, b, within, (*NOT_COMPARED, *but))


# -- what is wrong with parts and boards -----------------------------------------------------------------------------

PARTS = ("ball_missing", "ball_undipped", "ball_half_dipped", "wrong_part")
BOARDS = ("bottom_missing", "bottom_turned", "site_taken")
VALUES = {"ball_missing": 2.0, "ball_undipped": 3.0, "ball_half_dipped": 6.0, "bottom_turned": 90.0}


def some_defects(chance: random.Random, packages: int, sites: int) -> tuple[FaultSpec, ...]:
    """None to two defects that parts and boards come with: no timing of anything can change whom they strike."""
    kinds = chance.sample([*PARTS, *BOARDS], chance.randint(0, 2))
    return tuple(
        FaultSpec(kind, nth=chance.randint(1, packages if kind in PARTS else sites), value=VALUES.get(kind, 0.0))
        for kind in kinds
    )


def usual(seed: int, name: str) -> tuple[random.Random, Run]:
    """Chance of this seed and relation, and a run on a machine of this seed with some defects."""
    chance = random.Random(f"{name} {seed}")
    return chance, Run(seed, is_noisy=seed % 2 == 1, faults=some_defects(chance, 3, 2))


def by_package(told: Told) -> dict[int, str]:
    """Pocket of the first tray -> what became of its package."""
    taken = [record for record in told.records if record["package"]["tray"] == 1]
    return {record["package"]["pocket"]: became(record) for record in taken}


def by_attempt(told: Told) -> dict[str, dict[str, Any]]:
    """Records by board, site and how-manieth package there."""
    named: dict[str, dict[str, Any]] = {}
    for record in told.records:
        begin = f"{record['board']['serial']} {record['site']} attempt "
        named[f"{begin}{1 + sum(key.startswith(begin) for key in named)}"] = record
    return dict(sorted(named.items()))


# -- running them ----------------------------------------------------------------------------------------------------


def relations() -> dict[str, Relation]:
    """All of them by their names."""
    from tests.campaign import relations_things, relations_time

    assert relations_things
    assert relations_time
    return RELATIONS


def judge(first: int, count: int, names: Sequence[str] = ()) -> Iterator[tuple[str, int, Pair]]:
    """(relation, seed, pair) of all pairs of so many seeds.

    names    of the relations; empty: all
    raises   ValueError for a name that is none
    """
    known = relations()
    for name in names:
        if name not in known:
            raise ValueError(f"no relation {name!r}; known: {', '.join(known)}")
    for name in names or known:
        for seed in range(first, first + count):
            for pair in known[name](seed):
                yield name, seed, pair


LINES_TOLD = 6


def told(name: str, seed: int, pair: Pair) -> list[str]:
    """What broke, as people read it, and how to run it again."""
    lines = [f"broken: {name}, seed {seed}: {pair.what}"]
    for one, other in pair.broken[:LINES_TOLD]:
        lines += [f"    one    {one}", f"    other  {other}"]
    if len(pair.broken) > LINES_TOLD:
        lines.append(f"    and {len(pair.broken) - LINES_TOLD} more pairs of lines")
    return [*lines, f"    again: python -m tests.campaign relations --seed {seed} --count 1 --only '{name}'"]
