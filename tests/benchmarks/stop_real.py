"""Stop to standstill on real sockets while the API is flooded: `python -m tests.benchmarks.stop_real [--stops 100]`.

Machine, service and flood are processes of their own; the truth about standstill comes from the machine, whose clock is
the computer's monotonic clock, the same in every process. A Stop is pressed at a random instant after the Reset: half
of them anywhere until the board is half built, half in the first two seconds, where all axes move at once; some of them
just after a Hold. Judges nothing, prints in which states it was pressed and how busy the computer was.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tests.campaign.real.hand import Hand
from tests.campaign.real.told import Told
from tests.scenarios.live import Line, Process

WANTED_MS = 300.0
WATCHED_S = 0.5
"""so long the machine is watched after a Stop at least, and until it stands"""
WATCHED_AT_MOST_S = 5.0
LOOK_S = 0.002
BUILDS_AFTER_S = 8.0
"""from the Reset until packages are placed, once the cameras are calibrated"""
HOMES_S = 2.0
STARTS_S = 1.0
FLOODED_BEFORE_S = 0.3
HELD_SHARE = 0.2
"""of the Stops come while the station holds: somebody has pressed Hold in the same second"""
MOVES_AGAIN_S = 1.0
LIMITER_REFILLS_S = 0.3
"""thirty requests: the hand needs ten until the station works again"""


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser("python -m tests.benchmarks.stop_real")
    parser.add_argument("--stops", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=3600.0)
    parser.add_argument("--no-flood", action="store_true", help="for comparison")
    parser.add_argument("--seed", type=int, default=4)
    parser.add_argument("--out", type=Path, default=Path("report/stop_real.jsonl"), help="lines are added")
    options = parser.parse_args(arguments)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        line = Line(Path(folder))
        stack.callback(line.close)
        line.start_service()
        flood = None if options.no_flood else Flood(line)
        if flood is not None:
            stack.callback(flood.end)
        found = []
        with options.out.open("a", encoding="utf-8") as file:
            for one in _stops(line, flood, options):
                found.append(one)
                file.write(json.dumps({**one, "flood": flood is not None}) + "\n")
                file.flush()
                if len(found) % 50 == 0:
                    tell(found)
        tell(found)


class Flood:
    """The flooding process. It rests while the station is brought to motion: a flooded limiter refuses everybody."""

    def __init__(self, line: Line) -> None:
        port = line.url.rsplit(":", 1)[1]
        self._process = Process(line.folder, "flood", sys.executable, "-m", "tests.benchmarks.flood", port)
        time.sleep(STARTS_S)
        self._lasted_s = STARTS_S
        self._began_s = 0.0
        self.rest()

    def begin(self) -> None:
        self._process.process.send_signal(signal.SIGCONT)
        self._began_s = time.monotonic()

    def rest(self) -> None:
        self._process.process.send_signal(signal.SIGSTOP)
        self._lasted_s += time.monotonic() - self._began_s if self._began_s else 0.0

    def end(self) -> None:
        """End it and print how strong it was."""
        self._process.process.send_signal(signal.SIGCONT)
        self._process.end(signal.SIGTERM)
        said = self._process.said.strip()
        total = sum(int(word.split("=")[1]) for word in said.split())
        print(f"flood: {said}, {total / self._lasted_s:.0f} answers a second while it lasted")


def _stops(line: Line, flood: Flood | None, options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    chance = random.Random(options.seed)
    hand = Hand(line, Told(), f"stop-{options.seed}-{time.monotonic_ns()}")
    give_up_s = time.monotonic() + options.seconds
    hand.begin_a_board()  # the calibration at the first start is not stopped half way, or it would begin anew each time
    press_stop(line)
    done = 0
    while done < options.stops and time.monotonic() < give_up_s:
        hand.work_for(chance.uniform(0.0, chance.choice((HOMES_S, BUILDS_AFTER_S))))
        hand.work_until(lambda: _works(line.ask(do="still")))
        if flood is not None:
            flood.begin()
            time.sleep(FLOODED_BEFORE_S)
        _wait_until_it_works(line)
        if chance.random() < HELD_SHARE:
            line.post("/v1/station/commands", "", command="hold")
        state = line.state()
        one = press_stop(line)
        if flood is not None:
            flood.rest()
            time.sleep(LIMITER_REFILLS_S)
        if one is not None:
            done += 1
            yield {**one, "state": state}


def _wait_until_it_works(line: Line) -> None:
    give_up_s = time.monotonic() + MOVES_AGAIN_S
    while not _works(line.ask(do="still")) and time.monotonic() < give_up_s:
        time.sleep(LOOK_S)


def _works(now: dict[str, Any]) -> bool:
    """An axis moves, or a device carries something out: while the film is levelled no axis does."""
    return bool(now["is_moving"] or now["under_way"])


def press_stop(line: Line) -> dict[str, Any] | None:
    """Press Stop now. Times in ms from the press; None where nothing moved and nothing was under way at that instant.

    stood_ms   until the last look at which something still moved or was under way, and the look after it
    acked_ms   until the answer
    late_ms    the longest time between two looks: how much the computer itself kept everybody waiting
    """
    before = line.ask(do="still")
    if not _works(before):
        return None
    answered: list[float] = []

    def press() -> None:
        line.post("/v1/station/commands", "", command="stop")
        answered.append(time.monotonic())

    pressed_s = time.monotonic()
    presser = threading.Thread(target=press)
    presser.start()
    looked_s, stood_s, late_s, moved = pressed_s, pressed_s, 0.0, True
    while (moved and looked_s < pressed_s + WATCHED_AT_MOST_S) or looked_s < pressed_s + WATCHED_S or not answered:
        now = line.ask(do="still")
        if moved:
            stood_s = now["time_s"]
        late_s = max(late_s, now["time_s"] - looked_s)
        looked_s, moved = now["time_s"], _works(now)
        time.sleep(LOOK_S)
    presser.join()
    return {
        "stood_ms": round((stood_s - pressed_s) * 1e3, 1),
        "acked_ms": round((answered[0] - pressed_s) * 1e3, 1),
        "late_ms": round(late_s * 1e3, 1),
        "load": round(os.getloadavg()[0], 1),
    }


def tell(found: Sequence[dict[str, Any]]) -> None:
    """Median, 99 % and worst."""
    if not found:
        return
    print(f"{len(found)} stops, load {found[-1]['load']} on {os.cpu_count()} cores, wanted {WANTED_MS:.0f} ms at worst")
    for name, words in (
        ("stood_ms", "press to standstill"),
        ("acked_ms", "press to answer"),
        ("late_ms", "longest between two looks"),
    ):
        values = sorted(one[name] for one in found)
        p99 = values[min(len(values) - 1, int(len(values) * 0.99))]
        print(f"  {words:<26} median {values[len(values) // 2]:6.0f}  99 % {p99:6.0f}  worst {values[-1]:6.0f} ms")
    over = sum(one["stood_ms"] > WANTED_MS for one in found)
    print(f"  over {WANTED_MS:.0f} ms: {over}")
    states = Counter(one["state"] for one in found)
    print("  pressed in " + ", ".join(f"{state} {times}" for state, times in states.most_common()), flush=True)


if __name__ == "__main__":
    main()
