"""How many badly dipped packages slip through: every second package gets a fault, the simulator's truth is counted.

`python -m station.demo.bad_packages --count 300`. Exit code 1 when one stands on a board.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import recipes
from sim_hardware.faults import FaultSpec
from sim_hardware.scenario import Rendering
from station.demo.run import Order, Ran, run

BAD = (
    FaultSpec("ball_undipped", value=1.0),
    FaultSpec("ball_half_dipped", value=1.0),
    FaultSpec("bridge"),
    FaultSpec("ball_undipped", value=12.0),
    FaultSpec("ball_half_dipped", value=12.0),
    FaultSpec("bridge"),
)
"""In turn; one ball is the hardest case."""

FAULTS_MORE_THAN_WANTED = 1.3
"""Some faults fall on one and the same package."""


@dataclass(frozen=True)
class Tally:
    """What became of the packages of some runs, by the simulator's account.

    kinds      bad packages that had been in the film, by what was wrong with them
    placed     of those, on a board
    good_lost  good packages in the bin, by the station's reason
    """

    kinds: Counter[str]
    placed: int
    good_placed: int
    good_lost: Counter[str]

    @property
    def bad(self) -> int:
        return sum(self.kinds.values())


def faults_for(count: int) -> tuple[FaultSpec, ...]:
    """One fault on every second package or dip."""
    kinds = islice(cycle(BAD), round(FAULTS_MORE_THAN_WANTED * count))
    return tuple(FaultSpec(kind.kind, nth=3 + 2 * at, value=kind.value) for at, kind in enumerate(kinds))


def tally(runs: list[Ran]) -> Tally:
    """Count truth against the station's records."""
    kinds: Counter[str] = Counter()
    good_lost: Counter[str] = Counter()
    placed = good_placed = 0
    for ran in runs:
        for there in ran.truth["placements"]:
            kind = _kind(there)
            kinds.update([kind] if kind else [])
            placed += bool(kind)
            good_placed += not kind
        dips = {dip["serial"]: dip for dip in ran.truth["rejected_dips"]}
        kinds.update(kind for kind in map(_kind, dips.values()) if kind)
        reasons = [record["reason"]["code"] for record in ran.records if record["result"] == "rejected"]
        if len(reasons) == len(ran.truth["rejected"]):
            fates = zip(ran.truth["rejected"], reasons, strict=True)
            good_lost.update(reason for serial, reason in fates if serial in dips and not _kind(dips[serial]))
        else:
            good_lost["not told apart"] += sum(1 for dip in dips.values() if not _kind(dip))
    return Tally(kinds, placed, good_placed, good_lost)


def _kind(dip: dict[str, Any]) -> str:
    if dip["balls_dry"]:
        return "with dry balls"
    return "half dipped" if dip["balls_half"] else "bridged" if dip["bridges"] else ""


def measure(count: int, rendering: Rendering, seed: int) -> Tally:
    """Run the library recipes in turn until at least `count` bad packages have been in the film."""
    names = recipes.library_names()
    runs: list[Ran] = []
    share = -(-count // len(names))
    with tempfile.TemporaryDirectory(prefix="station-bad-") as folder:
        for number, name in enumerate(names):
            faults = faults_for(share)
            # Two packages come to a fault, and about half of them are placed: two sites a board.
            boards = -(-len(faults) // len(recipes.load(name).board.sites))
            order = Order(name, boards, seed=seed + number, rendering=rendering, faults=faults, durability="normal")
            runs.append(run(order, Path(folder) / f"run-{number}"))
    return tally(runs)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=300, help="bad packages wanted")
    parser.add_argument("--rendering", choices=["full", "observation"], default="observation")
    parser.add_argument("--seed", type=int, default=7)
    asked = parser.parse_args()
    if not 1 <= asked.count <= 100_000:
        parser.error(f"--count {asked.count}: allowed are 1 to 100,000")
    found = measure(asked.count, Rendering(asked.rendering), asked.seed)
    told = ", ".join(f"{number} {kind}" for kind, number in sorted(found.kinds.items()))
    lost = ", ".join(f"{number} {reason}" for reason, number in sorted(found.good_lost.items())) or "none"
    sys.stdout.write(
        f"Badly dipped packages offered: {found.bad} ({told}); wanted {asked.count}\n"
        f"Of these on a board:           {found.placed}\n"
        f"Good packages on a board:      {found.good_placed}\n"
        f"Good packages in the bin:      {lost}\n"
    )
    return 1 if found.placed or found.bad < asked.count else 0


if __name__ == "__main__":
    raise SystemExit(main())
