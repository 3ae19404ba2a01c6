"""docs/fault_matrix.md: every fault with its meaning, its injector, what the station did, cell by cell, and why not.

Made from what was measured, kept in `measured.json`; a cell that was not run since says so.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from sim_hardware.fault_kinds import KINDS
from sim_hardware.fault_list import FAULTS, PHASES, SECTIONS, STEPS, Fault, Means
from sim_hardware.faults import FaultSpec
from tests.campaign import crash, grouped
from tests.campaign.expected import BROKEN, ERROR, EXPECTED, HANGS, MISSED, OTHER, PROVED
from tests.campaign.judged import ROWS
from tests.campaign.matrix import INJECTABLE, judged
from tests.campaign.real.counted import counted
from tests.campaign.relations import relations
from tests.campaign.run import INVARIANT_MODULES
from tests.campaign.schedule import ACT_OF

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "fault_matrix.md"
MEASURED = Path(__file__).with_name("measured.json")
NOT_RUN = "not run"
VERDICTS = (PROVED, OTHER, BROKEN, HANGS, MISSED, ERROR, NOT_RUN)
assert INVARIANT_MODULES

ELSEWHERE = {
    19: "judged by `tests/gates`: every value that a step reads is taken away, one at a time, and every condition of "
    "the guard is asked with each of its facts unknown; nothing passes but what is named there with a reason.",
    32: "judged at every crash point: what was told to be on the disk is there after the kill, unchanged, and every "
    "act that was begun and not closed is settled or asked about.",
    33: "judged by the acts of N03, N04 and N05: an order sent again, another order under the same key, an order whose "
    "client was cut off at every turn of the loop that it takes.",
    40: "measured by `python -m tests.benchmarks.soak` on real sockets: how late the loop is, and the longest gap "
    "between heartbeats, while the API is flooded. A busy computer decides it as much as the service, so no test "
    "judges it; the service warns by itself (804, 805).",
    42: "judged by `tests/api/test_roles.py`: every route there is, for every role and for nobody, against a table "
    "written by hand; a route that declares no role answers nobody. No command comes by MQTT: N10, and "
    "`tests/outlets/test_listens_to_nothing.py` on real brokers.",
}
"""number of an invariant that no schedule can judge -> who judges it, or why nobody does"""

LETTERS = (
    ("R", "tried again by itself"),
    ("J", "package rejected, with a record"),
    ("S", "site given up, with a record"),
    ("P", "held, a person was asked"),
    ("C", "controlled stop"),
    ("I", "stop for safety"),
    ("Q", "placed, board to quarantine"),
    ("W", "a warning"),
    (".", "went on: the driver settled it, nothing was done twice"),
    ("refused", "the person was refused"),
)


def lines_of(path: Path) -> list[dict[str, Any]]:
    """JSON lines. Raises OSError."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def keep(matrix: Sequence[dict[str, Any]], crashes: Sequence[dict[str, Any]], real_lines: Path) -> None:
    """Keep what the page needs; of real processes whatever stands in this folder, else what was kept before."""
    cells = {
        f"{line['fault']} {line['step']} {line['phase']}": [
            line["verdict"],
            line.get("reaction", ""),
            line.get("alarms", []),
            line["why"],
        ]
        for line in map(judged, matrix)
    }
    kept: dict[str, Any] = {"cells": cells, "real": measured().get("real", {})}
    for path in sorted(real_lines.glob("real_*.jsonl")):
        runs = lines_of(path)
        bad = [line for line in runs if line["wrong"]]
        if runs:
            kept["real"][path.stem.removeprefix("real_")] = [len(runs), len(bad), counted(runs)]
    if crashes:
        whole = {at.value: count for at, count in crash.count().items()}
        kept["crash"] = {**grouped.summed(crashes), "whole": whole}
    MEASURED.write_text(_one_cell_a_line(kept), encoding="utf-8")


def _one_cell_a_line(kept: dict[str, Any]) -> str:
    cells = ",\n".join(f"{json.dumps(key)}: {json.dumps(value)}" for key, value in kept["cells"].items())
    crashes, real = json.dumps(kept.get("crash")), json.dumps(kept["real"], sort_keys=True)
    return f'{{"crash": {crashes},\n"real": {real},\n"cells": {{\n{cells}\n}}}}\n'


def measured() -> dict[str, Any]:
    kept: dict[str, Any] = json.loads(MEASURED.read_text(encoding="utf-8"))
    return kept


def document() -> str:
    """The page."""
    kept = measured()
    cells: dict[str, list[Any]] = kept["cells"]
    return "\n".join(
        [
            *_head(),
            *_numbers(cells, kept.get("crash")),
            *_real(kept.get("real", {})),
            *_sections(cells),
            *_invariants(),
            *_relations(),
            "",
        ]
    )


def _relations() -> list[str]:
    """What is judged by pairs of runs; how many were run stands where they are run."""
    rows = [f"| `{name}` | {' '.join((check.__doc__ or '').split())} |" for name, check in relations().items()]
    return [
        "",
        "## Relations between runs",
        "",
        "Where nobody can say what a run must show, another run can: something is changed that must not matter, the",
        "same machine is run again, and records, alarms and places are compared line by line. Machines with an even",
        "seed have errors and no noise: there values are compared. Those with an odd seed have all noise: there",
        "verdicts are.",
        "`python -m tests.campaign relations --seed 100 --count 20` prints the two lines of whatever differs.",
        "",
        "| Relation | What holds |",
        "| --- | --- |",
        *rows,
    ]


def _head() -> list[str]:
    return [
        "# Fault matrix",
        "",
        "Generated by `python -m tests.campaign page` from measured runs; tests compare it and run a slice again.",
        "",
        "What the station does about every fault that is known for such a machine, in each of 24 steps of one",
        "board and three phases of the command of that step: before it, between command and acknowledgement, between",
        "that and its end. Each cell is one run of the real station on the simulated machine in virtual time: the",
        "fault strikes, a person puts the machine right and answers, and a board must be finished.",
        "",
        "A cell is **proved** when the fault did strike, the reaction is the listed or an accepted one, no invariant",
        "is broken and a board was finished afterwards. What is not proved says so.",
        "",
        "Reactions: " + "; ".join(f"`{letter}` {words}" for letter, words in LETTERS) + ".",
        "",
        "Steps: " + ", ".join(f"{step.id} {step.title}" for step in STEPS) + ".",
        "",
    ]


def _numbers(cells: dict[str, list[Any]], crashes: dict[str, Any] | None) -> list[str]:
    lines = [
        "## Counts",
        "",
        "| Section | Faults | Injectable here | Cells that can be | Proved | Not proved |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    sums = [0] * 5
    for letter, (title, count) in SECTIONS.items():
        faults = [fault for fault in FAULTS if fault.id[0] == letter]
        here = [fault for fault in faults if fault.means in INJECTABLE]
        keys = [key for fault in faults for key in keys_of(fault)]
        proved = sum(verdict(cells, key) == PROVED for key in keys)
        row = [count, len(here), len(keys), proved, len(keys) - proved]
        sums = [a + b for a, b in zip(sums, row, strict=True)]
        lines.append(f"| {letter} {title} | " + " | ".join(map(str, row)) + " |")
    lines += ["| **all** | " + " | ".join(map(str, sums)) + " |", ""]
    every = len(FAULTS) * len(STEPS) * len(PHASES)
    counts = Counter(verdict(cells, key) for fault in FAULTS for key in keys_of(fault))
    told = ", ".join(f"{counts[name]} {name}" for name in VERDICTS if counts[name])
    lines += [
        f"{every:,} cells in all, {every - sums[2]:,} of them cannot be, each for the reason given below. "
        f"Of the rest: {told}.",
        "",
    ]
    if crashes is not None:
        whole = {crash.At(at): count for at, count in crashes["whole"].items()}
        lines += [grouped.sentence(crashes, whole), ""]
        lines += [f"- {sentence}" for sentence in crashes["wrong"]] + [""] * bool(crashes["wrong"])
    return lines


REAL = {
    "kills": "H01, N05: SIGKILL at a random instant, now and then again while it starts; all told must still be known",
    "disk": "H02, H03: no room on the disk, the database held by another program",
    "wires": "H08, M03, M04, M15, M18, M19, L01, L02: SIGSTOP, bad cables through a proxy, a foreign master",
    "neighbours": "N01, N07, N10, N11: brokers away or not to be trusted, commands by MQTT, pages that do not read",
}


def _real(kept: dict[str, list[Any]]) -> list[str]:
    """What was measured with real processes."""
    if not kept:
        return []
    lines = [
        "## Real processes",
        "",
        "Machine and service as processes on real sockets and a real disk, struck at random instants by seed",
        "(`make campaign-real`). Nothing that was told by stream or answer may be unknown afterwards, no act may",
        "happen twice, the service asks about what is open and about nothing else, and a board is finished.",
        "Times are those of the computer at hand, which may have been busy with other work.",
        "",
        "| Campaign | What happens | Runs | Wrong | Counts |",
        "| --- | --- | --- | --- | --- |",
    ]
    lines += [f"| `{name}` | {REAL[name]} | {runs} | {bad} | {sums} |" for name, (runs, bad, sums) in kept.items()]
    return [*lines, ""]


def _sections(cells: dict[str, list[Any]]) -> list[str]:
    lines = []
    for letter, (title, _) in SECTIONS.items():
        lines += [f"## {letter} {title}", ""]
        for fault in FAULTS:
            if fault.id[0] == letter:
                lines += _fault(fault, cells)
    return lines


def _fault(fault: Fault, cells: dict[str, list[Any]]) -> list[str]:
    lines = [f"### {fault.id} {fault.name}", "", f"{fault.meaning[0].upper()}{fault.meaning[1:]}.", ""]
    lines.append(f"- **Brought about by:** {_injector(fault)}")
    if fault.note:
        lines.append(f"- **Note:** {fault.note}")
    keys = keys_of(fault)
    if keys:
        expected = EXPECTED[fault.id]
        also = f"; accepted as well: `{expected.also}` ({expected.why})" if expected.also else ""
        if expected.goes_on_in:
            why = f" ({expected.why})" if expected.why and not expected.also else ""
            also += f"; nothing need happen in {' '.join(expected.goes_on_in)}{why}"
        lines.append(f"- **Listed reaction:** `{expected.listed}`{also}")
        proved = sum(verdict(cells, key) == PROVED for key in keys)
        lines.append(f"- **Proved:** {proved} of {len(keys)} cells")
        lines += _groups(fault, cells)
    lines += [f"- **Cannot be** in {where}: {why}" for why, where in _reasons(fault).items()]
    return [*lines, ""]


def _injector(fault: Fault) -> str:
    if fault.means is Means.MACHINE:
        return "; ".join(_spec(spec) for spec in fault.inject) + (
            f", given with {fault.made_at}" if fault.made_at else ""
        )
    who = "a person" if fault.means is Means.OPERATOR else fault.means.value
    return f"{who} ({ACT_OF[fault.id]})"


def _spec(spec: FaultSpec) -> str:
    parts = [f"`{spec.kind}`"]
    if spec.value:
        parts.append(f"value {spec.value:g}")
    if spec.target:
        parts.append("port of the step" if spec.target == "PORT" else spec.target)
    if spec.duration_s is not None:
        parts.append(f"for {spec.duration_s:g} s")
    assert spec.kind in KINDS
    return " ".join(parts)


def _groups(fault: Fault, cells: dict[str, list[Any]]) -> list[str]:
    """Cells with the same verdict, reaction and alarms share a line."""
    groups: dict[tuple[str, str, str, str], list[str]] = {}
    for key in keys_of(fault):
        found = cells.get(key)
        if found is None:
            groups.setdefault((NOT_RUN, "", "", ""), []).append(_cell_name(key))
            continue
        name, letters, alarms, why = found
        short = "" if name == PROVED else str(why).split(": ", 2)[0] if name == BROKEN else str(why)[:100]
        groups.setdefault((name, letters, ", ".join(map(str, alarms)), short), []).append(_cell_name(key))
    lines = []
    for (name, letters, alarms, why), where in groups.items():
        told = f"`{letters}`" if letters else "nothing measured"
        told += f" alarms {alarms}" if alarms else ""
        mark = "" if name == PROVED else f" **{name}**" + (f" ({why})" if why else "")
        lines.append(f"  - {_joined(where)}: {told}{mark}")
    return lines


def _cell_name(key: str) -> str:
    _, step, phase = key.split()
    return f"{step} {phase}"


def _joined(names: Iterable[str]) -> str:
    """ "S05 before", "S05 running" -> "S05 before, running"."""
    by_step: dict[str, list[str]] = {}
    for name in names:
        step, phase = name.split()
        by_step.setdefault(step, []).append(phase)
    by_phases: dict[str, list[str]] = {}
    for step, phases in by_step.items():
        by_phases.setdefault(", ".join(phases), []).append(step)
    return "; ".join(f"{' '.join(steps)} ({phases})" for phases, steps in by_phases.items())


def _reasons(fault: Fault) -> dict[str, str]:
    reasons: dict[str, list[str]] = {}
    for step in STEPS:
        for phase in PHASES:
            why = fault.why_not(step, phase)
            if why:
                reasons.setdefault(why, []).append(f"{step.id} {phase.value}")
    whole = len(STEPS) * len(PHASES)
    return {why: "any cell" if len(where) == whole else _joined(where) for why, where in reasons.items()}


def _invariants() -> list[str]:
    lines = ["## Invariants", "", "Judged in every cell, against what the machine truly did:", ""]
    lines += [f"{row.number}. {row.sentence}" for row in sorted(ROWS.values(), key=lambda row: row.number)]
    missing = [number for number in range(1, 45) if number not in ROWS]
    lines += [
        "",
        f"Not judged here: {', '.join(map(str, missing))}:",
        "",
        *(f"- {number}: {words}" for number, words in sorted(ELSEWHERE.items())),
    ]
    return lines


def keys_of(fault: Fault) -> list[str]:
    return [f"{fault.id} {step.id} {phase.value}" for step, phase in fault.cells()]


def verdict(cells: dict[str, list[Any]], key: str) -> str:
    found = cells.get(key)
    return NOT_RUN if found is None else str(found[0])
