"""`python -m tests.campaign ...`: matrix, crash points, swarm, pairs of runs, any schedule of yours, and the page.

Exit code 0: nothing was broken; 1: something was; 2: the request makes no sense.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import recipes
from sim_hardware.schedule import Plan, dump, load_plan
from tests.campaign import (
    crash,
    grouped,
    matrix,
    page,
    reached,
    relations,
    shrink,
    swarm,
    unforeseen_page,
    unforeseen_played,
)
from tests.campaign.run import run
from tests.campaign.schedule import check_names

MEMBERS, AGAIN = 250, 1_000
"""kills that check the groups of crash points, and second kills"""
RUNS = ("matrix", "swarm", "live")
RUN_OF_POINTS = 100
"""crash points that share one run; after each run the file is up to date"""
TELL_EVERY = 100


def main(argv: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(argv)
    try:
        done: int = options.do(options)
    except (OSError, ValueError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return done


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m tests.campaign", description="Faults in every step, judged.")
    commands = parser.add_subparsers(required=True)

    def command(name: str, do: Callable[[Any], int], words: str) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=words)
        made.set_defaults(do=do)
        made.add_argument("--seed", type=int, default=matrix.SEED)
        made.add_argument("--workers", type=int, default=2)
        return made

    whole = command("matrix", _matrix, "every fault in every step and phase; writes JSON lines")
    whole.add_argument("--out", type=Path, default=Path("report/matrix.jsonl"))
    whole.add_argument("--cells", type=int, default=0, help="so many, spread over all; 0 = all")
    whole.add_argument("--faults", default="", help="only these, for instance M01,V04; their lines replace older ones")
    crashes = command("crash", _crash, "kill the station at every commit, step of its tasks and byte on a wire")
    crashes.add_argument("--every", type=int, default=1, help="every nth group of points only")
    crashes.add_argument("--members", type=int, default=MEMBERS, help="so many further points that check the groups")
    crashes.add_argument("--again", type=int, default=AGAIN, help="so many points with a second kill after the restart")
    crashes.add_argument("--part", default="1/1", help="2/4: the second quarter of the points")
    crashes.add_argument("--fresh", action="store_true", help="run all points, also those that the file has")
    crashes.add_argument("--out", type=Path, default=Path("report/crash.jsonl"))
    many = command("swarm", _swarm, "random schedules by seed")
    many.add_argument("--count", type=int, default=200)
    many.add_argument("--fresh", action="store_true", help="run all seeds, also those that the file has")
    many.add_argument("--out", type=Path, default=Path("report/swarm.jsonl"))
    one = command("run", _run, "run one schedule: verdict, invariants, story")
    one.add_argument("--schedule", type=Path, help="JSON list of faults and acts")
    one.add_argument("--cell", help="or one cell of the matrix: M02,S19,before")
    one.add_argument("--shrink", action="store_true", help="make a schedule that breaks something small first")
    one.add_argument("--heal-at", type=float, default=0.0, help="simulated s at which all faults end by themselves")
    one.set_defaults(seed=None)
    strangers = command("unforeseen", _unforeseen, "thirty faults of somebody who had not seen the code, played")
    strangers.add_argument("--only", default="", help="for instance X02,X26")
    strangers.add_argument("--keep", action="store_true", help="write docs/unforeseen_faults.md with what came out")
    lives = command("live", _live, "nobody repairs, all faults cease by themselves, a board must come of it")
    lives.add_argument("--count", type=int, default=50, help="seeds of the swarm")
    lives.add_argument("--out", type=Path, default=Path("report/live.jsonl"))
    pairs = command("relations", _relations, "pairs of runs, one of which tells what the other must show")
    pairs.add_argument("--count", type=int, default=20, help="seeds; each gives one to four pairs of every relation")
    pairs.add_argument("--only", default="", help="these relations, for instance latency,hold")
    some = command("reached", _reached, "what the runs so far came by: faults, alarms, reactions, answers, states")
    some.add_argument("--least", type=int, default=1, help="runs in which each must have been")
    some.add_argument("--files", type=Path, nargs="*", default=[Path(f"report/{name}.jsonl") for name in RUNS])
    everything = command("all", _all, "matrix, crash points, swarm, liveness, relations, what was reached, the page")
    everything.add_argument("--swarm", type=int, default=2000, help="seeds of the swarm")
    everything.add_argument("--relations", type=int, default=20, help="seeds of pairs of runs")
    everything.add_argument("--live", type=int, default=200, help="seeds whose faults cease by themselves")
    told = command("page", _page, "write docs/fault_matrix.md from the lines of matrix and crash")
    told.add_argument("--matrix", type=Path, default=Path("report/matrix.jsonl"))
    told.add_argument("--crash", type=Path, default=Path("report/crash.jsonl"))
    return parser


def _tell(done: int, count: int) -> None:
    if done % TELL_EVERY == 0 or done == count:
        sys.stdout.write(f"{done} of {count}\n")
        sys.stdout.flush()


def _matrix(options: argparse.Namespace) -> int:
    wanted = matrix.cells()
    older: list[dict[str, Any]] = []
    if options.faults:
        faults = options.faults.split(",")
        wanted = [cell for cell in wanted if cell.fault in faults]
        if not wanted:
            raise ValueError(f"no cell has a fault of {options.faults}")
        if options.out.exists():
            older = [line for line in page.lines_of(options.out) if line["fault"] not in faults]
    if options.cells:
        wanted = matrix.sliced(wanted, options.cells)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    lines = matrix.write(options.out, matrix.prove_all(wanted, options.seed, options.workers, _tell))
    if older:
        place = {(cell.fault, cell.step, cell.phase): i for i, cell in enumerate(matrix.cells())}
        merged = [line for line in (*older, *lines) if (line["fault"], line["step"], line["phase"]) in place]
        merged.sort(key=lambda line: place[line["fault"], line["step"], line["phase"]])
        matrix.write(options.out, merged)
    return _summed(lines, "cells")


def _summed(lines: Sequence[dict[str, Any]], what: str) -> int:
    verdicts = Counter(line["verdict"] for line in lines)
    counts = ", ".join(f"{count} {verdict}" for verdict, count in verdicts.most_common())
    sys.stdout.write(f"{len(lines)} {what}: {counts}\n")
    for line in lines:
        if line["verdict"] != "proved":
            sys.stdout.write(f"  {line['fault']} {line['step']} {line['phase']}: {line['verdict']}: {line['why']}\n")
    return int(verdicts["proved"] != len(lines))


def _crash(options: argparse.Namespace) -> int:
    """Points that the file has already are not run again: what was begun is gone on with."""
    part, parts = _part(options.part)
    recording = grouped.record(options.seed)
    plan = grouped.planned(
        recording, every=options.every, members=options.members, again=options.again, seed=options.seed
    )[part - 1 :: parts]
    older = [] if options.fresh or not options.out.exists() else page.lines_of(options.out)
    have = {(line["at"], line["n"], line["again"]) for line in older}
    left = {one.point: one for one in plan if (one.point.at.value, one.point.n, one.point.again) not in have}
    sys.stdout.write(f"{len(recording.groups)} groups of crash points, {len(plan)} kills, {len(left)} to run\n")
    options.out.parent.mkdir(parents=True, exist_ok=True)
    lines, points = list(older), list(left)
    with options.out.open("w" if options.fresh else "a", encoding="utf-8") as file:
        for begin in range(0, len(points), RUN_OF_POINTS):
            for point, told in crash.crash_many(points[begin : begin + RUN_OF_POINTS], options.seed, options.workers):
                line = {**told, **left[point].as_dict()}
                file.write(json.dumps(line, sort_keys=True) + "\n")
                lines.append(line)
            file.flush()
            _tell(min(begin + RUN_OF_POINTS, len(points)), len(points))
    sums = grouped.summed(lines)
    sys.stdout.write(grouped.sentence(sums, crash.count(options.seed)) + "\n")
    for sentence in sums["wrong"][:40]:
        sys.stdout.write(f"  {sentence}\n")
    return int(bool(sums["wrong"]))


def _part(words: str) -> tuple[int, int]:
    part, _, parts = words.partition("/")
    if not (part.isdigit() and parts.isdigit() and 1 <= int(part) <= int(parts)):
        raise ValueError(f"--part {words}: write 1/4, 2/4 ...")
    return int(part), int(parts)


def _swarm(options: argparse.Namespace) -> int:
    """Seeds that the file has already are not run again."""
    options.out.parent.mkdir(parents=True, exist_ok=True)
    lines = [] if options.fresh or not options.out.exists() else page.lines_of(options.out)
    have = {line["seed"] for line in lines}
    left = [batch for batch in swarm.batches(options.seed, options.count) if not set(batch) <= have]
    done = 0
    with (
        options.out.open("w" if options.fresh else "a", encoding="utf-8") as file,
        multiprocessing.get_context("spawn").Pool(max(1, options.workers)) as pool,
    ):
        for batch in pool.imap(swarm.batch, left):
            new = [line for line in batch if line["seed"] not in have]
            file.writelines(json.dumps(line, sort_keys=True) + "\n" for line in new)
            file.flush()
            lines += new
            done += 1
            _tell(done, len(left))
    bad = [line for line in lines if line.get("error") or line["broken"]]
    sys.stdout.write(f"{len(lines)} seeds, {len(bad)} with something broken\n")
    for line in bad[:40]:
        sys.stdout.write(
            f"  seed {line['seed']}: {line.get('error') or line['broken']}\n    {json.dumps(line['schedule'])}\n"
        )
    return int(bool(bad))


def _live(options: argparse.Namespace) -> int:
    options.out.parent.mkdir(parents=True, exist_ok=True)
    jobs = [(seed, 11) for seed in range(options.seed, options.seed + options.count)]
    with multiprocessing.get_context("spawn").Pool(max(1, options.workers)) as pool:
        lines = matrix.write(options.out, pool.imap(swarm.live, jobs))
    bad = [line for line in lines if line.get("error") or line["broken"]]
    sys.stdout.write(f"{len(lines)} seeds whose faults ceased by themselves, {len(bad)} with something broken\n")
    for line in bad[:40]:
        broken = line.get("error") or line["broken"]
        sys.stdout.write(f"  seed {line['seed']} healed at {line['healed_at_s']} s: {broken}\n")
    return int(bool(bad))


def _relations(options: argparse.Namespace) -> int:
    counts: Counter[str] = Counter()
    broken: Counter[str] = Counter()
    for name, seed, pair in relations.judge(options.seed, options.count, list(filter(None, options.only.split(",")))):
        counts[name] += 1
        if pair.broken:
            broken[name] += 1
            sys.stdout.write("\n".join(relations.told(name, seed, pair)) + "\n")
    for name, count in counts.items():
        sys.stdout.write(f"{name}: {count} pairs, {broken[name]} broken\n")
    sys.stdout.write(f"{counts.total()} pairs of {len(counts)} relations, {broken.total()} broken\n")
    return int(bool(broken))


def _reached(options: argparse.Namespace) -> int:
    lines = [line for file in options.files if file.exists() for line in page.lines_of(file)]
    if not lines:
        raise ValueError(f"no runs in {', '.join(map(str, options.files))}: run matrix, swarm or live first")
    told, missing = reached.document(reached.counted(lines), options.least)
    sys.stdout.write("\n".join([f"{len(lines)} runs", *told]) + "\n")
    if missing:
        sys.stdout.write(f"reached in fewer than {options.least}: {', '.join(missing)}\n")
    return int(bool(missing))


def _run(options: argparse.Namespace) -> int:
    plan = _plan(options)
    seed = options.seed if options.seed is not None else plan.seed if plan.seed is not None else matrix.SEED
    drawn = recipes.load(plan.recipe) if plan.recipe else None
    schedule = plan.schedule
    if options.shrink:
        schedule = shrink.shrink(schedule, lambda t: bool(run(t, seed, boards=plan.boards, drawn=drawn).broken))
        sys.stdout.write(f"smallest schedule: {json.dumps(dump(schedule))}\n")
    outcome = run(schedule, seed, boards=plan.boards, drawn=drawn, heals_at_s=options.heal_at)
    sys.stdout.write("\n".join(outcome.story) + "\n")
    numbers = sorted({number for number, _ in outcome.broken})
    sys.stdout.write(
        f"verdict: {'broken' if numbers else 'good'}; reaction {outcome.reaction.letters}, "
        f"alarms {list(outcome.reaction.alarms)}, records {list(outcome.reaction.results)}, "
        f"struck {outcome.struck}; invariants broken: {numbers or 'none'}\n"
    )
    return int(bool(numbers))


def _unforeseen(options: argparse.Namespace) -> int:
    lines = []
    for row in unforeseen_played.wanted_rows(options.only):
        line, told = unforeseen_played.played(row, options.seed)
        sys.stdout.write("\n".join(told) + "\n\n")
        sys.stdout.flush()
        lines.append(line)
    counts = Counter(line["verdict"] for line in lines)
    sys.stdout.write(", ".join(f"{count} {verdict}" for verdict, count in counts.most_common()) + "\n")
    if options.keep:
        unforeseen_page.keep(lines)
    return int(bool(counts[unforeseen_played.NOT_HANDLED]))


def _plan(options: argparse.Namespace) -> Plan:
    if options.cell:
        return Plan(matrix.schedule_of(options.cell))
    if options.schedule is None:
        raise ValueError("give --schedule FILE.json or --cell FAULT,STEP,PHASE")
    try:
        plan = load_plan(options.schedule.read_text(encoding="utf-8"))
        check_names(plan.schedule)
    except ValueError as error:
        raise ValueError(f"{options.schedule}: {error}") from error
    return plan


def _all(options: argparse.Namespace) -> int:
    """Everything, in the order in which it is cheapest to find that something is wrong."""
    common = ["--seed", str(options.seed), "--workers", str(options.workers)]
    found = [
        main(["matrix", *common]),
        main(["crash", "--fresh", *common]),
        main(["swarm", "--fresh", "--count", str(options.swarm), *common]),
        main(["live", "--count", str(options.live), *common]),
        main(["relations", "--count", str(options.relations), "--seed", str(options.seed)]),
        main(["reached"]),
        main(["page", *common]),
    ]
    return max(found)


def _page(options: argparse.Namespace) -> int:
    crashes = page.lines_of(options.crash) if options.crash.exists() else []
    page.keep(page.lines_of(options.matrix), crashes, options.matrix.parent)
    page.PAGE.write_text(page.document(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
