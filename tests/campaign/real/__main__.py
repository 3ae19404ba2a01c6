"""`python -m tests.campaign.real kills ...`: real processes until so many runs or seconds; resumable.

Every run is one line of report/real_NAME.jsonl; a seed that stands there is not run again. Exit code 1: something was
wrong, and the lines say what.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

from tests.campaign.real import disk, kills, neighbours, wires
from tests.campaign.real.counted import counted

Run = Callable[[int, float], dict[str, Any]]
KILLS_PER_RUN = 5

CAMPAIGNS: dict[str, tuple[Run, str]] = {
    "kills": (lambda seed, speed: kills.run(seed, speed, KILLS_PER_RUN).as_dict(), "SIGKILL at a random instant"),
    "wires": (lambda seed, speed: wires.run(seed, speed).as_dict(), "SIGSTOP, bad cables, a foreign master"),
    "neighbours": (lambda seed, speed: neighbours.run(seed, speed).as_dict(), "brokers and pages that misbehave"),
    "disk": (lambda seed, speed: disk.run(seed, speed).as_dict(), "disk full, database held by another program"),
}


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser("python -m tests.campaign.real", description="Faults of real processes, judged.")
    parser.add_argument("campaign", choices=CAMPAIGNS, help="; ".join(f"{k}: {v[1]}" for k, v in CAMPAIGNS.items()))
    parser.add_argument("--runs", type=int, default=60)
    parser.add_argument("--seconds", type=float, default=3600.0, help="no run is begun later than this")
    parser.add_argument("--seed", type=int, default=1, help="of the first run")
    parser.add_argument("--speed", type=float, default=2.0, help="clock of both processes against the real one")
    parser.add_argument("--lanes", type=int, default=2, help="lines beside each other")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args(argv)
    out = options.out or Path(f"report/real_{options.campaign}.jsonl")
    out.parent.mkdir(parents=True, exist_ok=True)
    lines = go(CAMPAIGNS[options.campaign][0], out, options)
    bad = [line for line in lines if line["wrong"]]
    for line in bad:
        sys.stdout.write(f"seed {line['seed']}: {line['wrong']}\n")
    sys.stdout.write(f"{out}: {len(lines)} runs, {counted(lines)}, {len(bad)} with something wrong\n")
    return int(bool(bad))


def go(run: Run, out: Path, options: argparse.Namespace) -> list[dict[str, Any]]:
    """Run what is not on file yet, tell how fast, return every line of the wanted seeds."""
    lines = [json.loads(text) for text in out.read_text(encoding="utf-8").splitlines()] if out.exists() else []
    wanted = range(options.seed, options.seed + options.runs)
    todo = [seed for seed in wanted if seed not in {line["seed"] for line in lines}]
    began_s, done = time.monotonic(), 0
    with ThreadPoolExecutor(options.lanes) as lanes, out.open("a", encoding="utf-8") as file:
        running: set[Future[dict[str, Any]]] = set()
        while todo or running:
            while todo and len(running) < options.lanes and time.monotonic() - began_s < options.seconds:
                running.add(lanes.submit(_one, run, todo.pop(0), options.speed))
            if not running:
                break
            ended, running = wait(running, return_when=FIRST_COMPLETED)
            for line in (one.result() for one in ended):
                file.write(json.dumps(line, sort_keys=True) + "\n")
                file.flush()
                lines.append(line)
                done += 1
                per_min = done / (time.monotonic() - began_s) * 60
                load = os.getloadavg()[0]
                sys.stdout.write(
                    f"seed {line['seed']}: {'wrong' if line['wrong'] else 'good'}; {done} done, {per_min:.1f} a "
                    f"minute, load {load:.1f}; {counted(lines)}\n"
                )
                sys.stdout.flush()
    return [line for line in lines if line["seed"] in wanted]


def _one(run: Run, seed: int, speed: float) -> dict[str, Any]:
    """One run as a line; a mistake of the campaign itself is a line too, and ends nothing else."""
    try:
        return run(seed, speed)
    except Exception as error:
        return {"seed": seed, "wrong": [f"the campaign: {type(error).__name__}: {error}"]}


if __name__ == "__main__":
    sys.exit(main())
