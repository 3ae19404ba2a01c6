"""`python -m tests.campaign.planted.hunt [--bug KEY]`: campaign work in one fixed order, until it breaks something.

The hunter does not know what is planted, or whether anything is. It prints one line of JSON: what it found, in which
piece of work, and the processor time from its start. Without a bug it goes through all of the work: what the code as it
is shows there is known, and counts for nothing.
"""

from __future__ import annotations

import argparse
import json
import resource
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.campaign.planted.model import DoesNotApply, plant

WORK_LIMIT_S = 30
"""real seconds after which a piece of work counts as hanging: 60 times what one takes on a quiet computer"""
COMMITS = (2, 5, 9, 14, 18, 22)
STEPS_KILLED = (150, 350, 550, 700, 850, 1000, 1150)
SECOND_ROUND = 30
"""cells after the first round, which has one of every fault"""
SEEDS = 4
Finding = tuple[str, str]
"""(what is broken: number of an invariant, reaction, hangs, error; sentence)"""


def main() -> int:
    parser = argparse.ArgumentParser("python -m tests.campaign.planted.hunt")
    parser.add_argument("--bug", default="", help="key of the bug that is planted; the hunter itself does not see it")
    parser.add_argument("--known", type=Path, help="JSON of what the code as it is shows")
    options = parser.parse_args()
    if options.bug:
        from tests.campaign.planted.bugs import BUGS

        try:
            plant(BUGS[options.bug])
        except DoesNotApply as stale:
            sys.stderr.write(f"{stale}\n")
            return 3
    known: dict[str, list[str]] = json.loads(options.known.read_text()) if options.known else {}
    sys.stdout.write(json.dumps(hunt(known, stops=bool(options.bug))) + "\n")
    return 0


class Hunt:
    """Goes through the work. stops: at the first thing that is not known; else everything is collected."""

    def __init__(self, known: dict[str, list[str]], *, stops: bool) -> None:
        self._known, self._stops = known, stops
        self.seen: dict[str, list[str]] = {}
        self.pieces = 0
        self.found: dict[str, Any] | None = None

    def note(self, name: str, findings: list[Finding]) -> bool:
        """A piece of work is done; True when the hunt is over."""
        self.pieces += 1
        for what, sentence in findings:
            self.seen.setdefault(name, []).append(what)
            if self._stops and self.found is None and what not in self._known.get(name, []):
                self.found = {"found": what, "at": name, "sentence": sentence}
        return self.found is not None

    def result(self) -> dict[str, Any]:
        mine, children = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
        cpu_s = mine.ru_utime + mine.ru_stime + children.ru_utime + children.ru_stime
        found = self.found or {"found": None}
        return {**found, "pieces": self.pieces, "cpu_s": round(cpu_s, 1), "seen": {} if self._stops else self.seen}


def hunt(known: dict[str, list[str]], *, stops: bool) -> dict[str, Any]:
    """The same work in the same order for every bug, cheapest and broadest first."""
    hunting = Hunt(known, stops=stops)
    for part in (_plain, _commits, _first_cells, _steps, _more_cells, _swarm):
        try:
            part(hunting)
        except Exception as error:  # a station that does not load or never becomes ready is found as well
            hunting.note(part.__name__, [("error", f"{type(error).__name__}: {error}"[:300])])
        if hunting.found is not None:
            break
    return hunting.result()


def _plain(hunting: Hunt) -> None:
    from tests.campaign.run import run
    from tests.campaign.specials import SPECIALS

    if hunting.note("one board", _done(lambda: [(str(n), text) for n, text in run(()).broken])):
        return
    for name, special in SPECIALS.items():
        if hunting.note(name, _done(lambda special=special: [(str(n), text) for n, text in special()])):
            return


def _commits(hunting: Hunt) -> None:
    from tests.campaign.killer import At, Point

    _kill(hunting, [Point(At.AFTER_COMMIT, n) for n in COMMITS])


def _steps(hunting: Hunt) -> None:
    from tests.campaign.killer import At, Point

    _kill(hunting, [Point(At.TASK_STEP, n) for n in STEPS_KILLED])


def _kill(hunting: Hunt, points: list[Any]) -> None:
    from tests.campaign.crash import crash_many

    def noted(point: Any, told: dict[str, Any]) -> bool:
        if "error" in told:
            return hunting.note(f"killed {point}", [("error", told["error"])])
        broken = [(str(number), text) for number, text in told["broken"]]
        return hunting.note(f"killed {point}", broken + [("32", text) for text in told["problems"]])

    list(crash_many(points, enough=noted))


def _first_cells(hunting: Hunt) -> None:
    from tests.campaign.matrix import cells, sliced

    every = cells()
    _cells(hunting, sliced(every, len({cell.fault for cell in every})))


def _more_cells(hunting: Hunt) -> None:
    from tests.campaign.matrix import cells, sliced

    every = cells()
    firsts = set(sliced(every, len({cell.fault for cell in every})))
    _cells(hunting, sliced([cell for cell in every if cell not in firsts], SECOND_ROUND))


def _cells(hunting: Hunt, wanted: list[Any]) -> None:
    from tests.campaign.matrix import SEED, judged, prove, schedule_of
    from tests.campaign.run import run_many, shares_beginning

    def noted(cell: Any, told: dict[str, Any]) -> bool:
        if "error" in told:
            return hunting.note(str(cell), [("error", told["error"])])
        line = judged({"fault": cell.fault, "step": cell.step, "phase": cell.phase, **told})
        found = [(str(number), text) for number, text in line.get("broken", [])]
        return hunting.note(str(cell), found or _verdict(line))

    schedules = {cell: schedule_of(f"{cell.fault},{cell.step},{cell.phase}") for cell in wanted}
    shared = [(schedule, cell) for cell, schedule in schedules.items() if shares_beginning(schedule)]
    list(run_many(shared, SEED, enough=noted))
    together = {cell for _, cell in shared}
    for cell in wanted:
        if cell not in together and hunting.found is None:
            line = prove(cell)
            found = [(str(number), text) for number, text in line.get("broken", [])]
            hunting.note(str(cell), found or _verdict(line))


def _verdict(line: dict[str, Any]) -> list[Finding]:
    return [] if line["verdict"] == "proved" else [(line["verdict"], line["why"])]


def _swarm(hunting: Hunt) -> None:
    from tests.campaign.swarm import swarm

    for seed in range(SEEDS):
        findings = _done(lambda seed=seed: [(str(n), text) for n, text in swarm(seed)[1].broken])
        if hunting.note(f"swarm {seed}", findings):
            return


def _done(piece: Callable[[], list[Finding]]) -> list[Finding]:
    signal.signal(signal.SIGALRM, _too_long)
    signal.alarm(WORK_LIMIT_S)
    try:
        return piece()
    except TimeoutError as late:
        return [("hangs", str(late))]
    except Exception as error:
        return [("error", f"{type(error).__name__}: {error}"[:300])]
    finally:
        signal.alarm(0)


def _too_long(*_: object) -> None:
    raise TimeoutError(f"more than {WORK_LIMIT_S} s of real time")


if __name__ == "__main__":
    sys.exit(main())
