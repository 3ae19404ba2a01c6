"""The work that the hunter does, piece by piece in one fixed order: what is cheap and broad comes first.

Nothing here knows of any planted bug: it is what a campaign does that has three minutes.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cache, partial
from itertools import cycle
from typing import Any

from tests.campaign.planted.hunted import Finding, Hunt

WORK_LIMIT_S = 30
"""real seconds after which a piece of work counts as hanging: 60 times what one takes on a quiet computer"""
COMMITS = range(1, 40)
"""one board of two packages has fewer: what is never reached kills nobody"""
STEPS_KILLED = (150, 350, 550, 700, 850, 1000, 1150)
ACTS_KILLED = tuple(range(1, 8))
"""picked, dipped and placed twice, board out: all that one board of two packages has"""
AGAIN = (2, 5, 8)
"""commits of a new start, counted from its first step, after which it is killed as well"""
ROUNDS = 10
"""the second is for faults that can be in few places: any other one comes nine times, once in each sort of steps"""
SEEDS = 4
CUT_OFF_S = 0.03
"""so long nothing reaches a device in the instant in which Stop is pressed"""


def plain(hunting: Hunt) -> None:
    """A board without faults, then the runs that no schedule can tell."""
    from tests.campaign.run import run
    from tests.campaign.specials import SPECIALS

    if hunting.note("one board", done(lambda: _numbered(run(()).broken))):
        return
    for name, special in SPECIALS.items():
        if hunting.note(name, done(partial(_played, special))):
            return


def beyond(hunting: Hunt) -> None:
    """A little beyond every limit, and a little within."""
    from tests.campaign.beyond import LIMITS

    wanted = [
        ((spec,), (limit, is_beyond))
        for limit in LIMITS
        for is_beyond, spec in ((True, limit.beyond), (False, limit.within))
        if spec is not None
    ]

    def findings(tag: Any, told: dict[str, Any]) -> list[Finding]:
        limit, is_beyond = tag
        wrong = limit.judged(told["reaction"], is_beyond=is_beyond)
        return [("limit", wrong)] if wrong else []

    _many(hunting, wanted, lambda tag: f"{'beyond' if tag[1] else 'within'} {tag[0].name}", findings)


def commits(hunting: Hunt) -> None:
    from tests.campaign.killer import At, Point

    _kill(hunting, [Point(At.AFTER_COMMIT, n) for n in COMMITS])


def acts(hunting: Hunt) -> None:
    """Killed in the instant after the machine did what cannot be undone."""
    from tests.campaign.killer import At, Point

    _kill(hunting, [Point(At.ACT, n) for n in ACTS_KILLED])


def steps(hunting: Hunt) -> None:
    from tests.campaign.killer import At, Point

    _kill(hunting, [Point(At.TASK_STEP, n) for n in STEPS_KILLED])


def again(hunting: Hunt) -> None:
    """As `acts`, and the next start is killed as well."""
    from tests.campaign.killer import At, Point

    ways = cycle(AGAIN)
    _kill(hunting, [Point(At.ACT, n, next(ways), At.AFTER_COMMIT) for n in ACTS_KILLED])


def matrix_round(number: int) -> Callable[[Hunt], None]:
    """One round of the cells of the matrix."""

    def part(hunting: Hunt) -> None:
        _cells(hunting, _rounds()[number])

    part.__name__ = f"round {number}"
    return part


def standing(hunting: Hunt) -> None:
    """What is wrong with the machine already when the job begins, and stays so until somebody puts it right.

    Not where a certain record is wanted: that holds for the step in which the list has the fault."""
    from sim_hardware.fault_kinds import STATES
    from sim_hardware.fault_list import FAULTS, Means
    from tests.campaign.expected import EXPECTED
    from tests.campaign.matrix import judged

    wanted = []
    for fault in FAULTS:
        for spec in fault.inject if fault.means is Means.MACHINE else ():
            is_lasting = spec.kind in STATES and not spec.nth and "PORT" not in spec.target
            if is_lasting and fault.where != ("S01",) and not EXPECTED[fault.id].records:
                wanted.append(((replace(spec, step="recipe_load", duration_s=None),), fault.id))

    def findings(fault: str, told: dict[str, Any]) -> list[Finding]:
        return _verdict(judged({"fault": fault, "step": "S03", "phase": "before", **told}))

    _many(hunting, wanted, lambda fault: f"{fault} from the beginning", findings)


def nobody_there(hunting: Hunt) -> None:
    """Every fault of package, film and placement with nobody to ask: what is done then is done at once."""
    from tests.campaign.matrix import schedule_of

    wanted = [
        (schedule_of(f"{cell.fault},{cell.step},{cell.phase}"), cell) for cell in _rounds()[0] if cell.fault[0] in "VDP"
    ]
    _many(hunting, wanted, lambda cell: f"{cell}, nobody there", attended=False)


def stops(hunting: Hunt) -> None:
    """Stop is pressed in every step while the wire to its device is dead for a moment, in either direction."""
    from sim_hardware.fault_list import STEPS
    from sim_hardware.faults import FaultSpec, Phase
    from sim_hardware.schedule import Act

    wanted: list[tuple[Any, Any]] = []
    for step in STEPS:
        trigger = step.trigger(Phase.RUNNING)
        if trigger is None or not step.port or step.id == "S02":
            continue
        command, phase, after_s = trigger
        at = {"step": step.name, "command": command, "phase": phase, "after_s": after_s}
        for kind in ("request_lost", "reply_lost"):
            lost = FaultSpec(kind, duration_s=CUT_OFF_S, target=step.port, **at)  # type: ignore[arg-type]
            wanted.append(((Act("stop", step.name, command, phase, after_s), lost), f"{step.id} {kind}"))
    _many(hunting, wanted, lambda words: f"Stop in {words}")


def swarm(hunting: Hunt) -> None:
    for seed in range(SEEDS):
        if hunting.note(f"swarm {seed}", done(partial(_seed, seed))):
            return


ORDER: tuple[Callable[[Hunt], None], ...] = (
    plain,
    acts,
    standing,
    beyond,
    matrix_round(0),
    commits,
    matrix_round(1),
    stops,
    matrix_round(2),
    nobody_there,
    again,
    *(matrix_round(number) for number in range(3, ROUNDS)),
    steps,
    swarm,
)


# -- how a piece is done ---------------------------------------------------------------------------------------------


@cache
def _rounds() -> list[list[Any]]:
    from tests.campaign.matrix import cells
    from tests.campaign.planted.rounds import rounds

    return list(rounds(cells()))


def _numbered(broken: Sequence[tuple[int, str]]) -> list[Finding]:
    return [(str(number), text) for number, text in broken]


def _played(special: Callable[[], Sequence[tuple[int, str]]]) -> list[Finding]:
    return _numbered(special())


def _seed(seed: int) -> list[Finding]:
    from tests.campaign.swarm import swarm

    return _numbered(swarm(seed)[1].broken)


def _many(
    hunting: Hunt,
    wanted: Sequence[tuple[Any, Any]],
    name: Callable[[Any], str],
    more: Callable[[Any, dict[str, Any]], list[Finding]] = lambda *_: [],
    *,
    attended: bool = True,
) -> None:
    """Schedules that share their beginning; judged by the invariants, and by `more`."""
    from tests.campaign.matrix import SEED
    from tests.campaign.run import run_many

    def noted(tag: Any, told: dict[str, Any]) -> bool:
        if "error" in told:
            return hunting.note(name(tag), [("error", told["error"])])
        return hunting.note(name(tag), _numbered(told["broken"]) or more(tag, told))

    list(run_many(wanted, SEED, enough=noted, attended=attended))


def _kill(hunting: Hunt, points: list[Any]) -> None:
    from tests.campaign.crash import crash_many

    def noted(point: Any, told: dict[str, Any]) -> bool:
        if "error" in told:
            return hunting.note(f"killed {point}", [("error", told["error"])])
        return hunting.note(f"killed {point}", _numbered(told["broken"]) + [("32", text) for text in told["problems"]])

    list(crash_many(points, enough=noted))


def _cells(hunting: Hunt, wanted: Sequence[Any]) -> None:
    from tests.campaign.matrix import judged, prove, schedule_of
    from tests.campaign.run import shares_beginning

    def findings(cell: Any, told: dict[str, Any]) -> list[Finding]:
        return _verdict(judged({"fault": cell.fault, "step": cell.step, "phase": cell.phase, **told}))

    schedules = {cell: schedule_of(f"{cell.fault},{cell.step},{cell.phase}") for cell in wanted}
    together = [(schedule, cell) for cell, schedule in schedules.items() if shares_beginning(schedule)]
    _many(hunting, together, str, findings)
    shared = {cell for _, cell in together}
    for cell in _until_found(hunting, [cell for cell in wanted if cell not in shared]):
        line = prove(cell)
        hunting.note(str(cell), _numbered(line.get("broken", [])) or _verdict(line))


def _until_found(hunting: Hunt, cells: Sequence[Any]) -> Iterator[Any]:
    for cell in cells:
        if hunting.found is not None:
            return
        yield cell


def _verdict(line: dict[str, Any]) -> list[Finding]:
    return [] if line["verdict"] == "proved" else [(line["verdict"], line["why"])]


def done(piece: Callable[[], list[Finding]]) -> list[Finding]:
    """What one piece found, also where it hangs or ends with an error."""
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
