"""SIGKILL at a random instant of a board, by seed; now and then once more while the service starts anew.

The machine lives on. The new service must say where it stands, ask about what nobody knows and nothing else, and a
board must be finished.
"""

from __future__ import annotations

import random
import signal
import threading
import time
from dataclasses import asdict, dataclass, field
from typing import Any

from tests.campaign.real import judge
from tests.campaign.real.hand import RESET, START, Gone, Hand
from tests.campaign.real.lines import line_for
from tests.campaign.real.told import Told
from tests.scenarios.live import Line

RESET_S, BOARD_S = 8.0, 12.0
"""of the machine's time: from Reset to Idle, and from Start to the finished board"""
IN_RESET_SHARE = 0.15
"""of the kills come while it homes and calibrates, the others while it builds"""
STANDS_WITHIN_S = 1.5
"""of the machine's time after the death of its host: dead-man of 0.5 s, then the longest way to a standstill"""
AGAIN_SHARE = 0.3
"""of the kills are followed by another one while the service starts anew"""
AGAIN_WITHIN_S = 3.0
WAITS_SHARE = 0.5
"""of the new services come only when the machine has come to rest; the others at once, while it still moves"""


@dataclass(slots=True)
class Killed:
    """One line and its kills: where they struck, how long a truthful start took, what was wrong."""

    seed: int
    kills: int = 0
    boards: int = 0
    struck_in: list[str] = field(default_factory=list)
    asked: list[int] = field(default_factory=list)
    starts_s: list[float] = field(default_factory=list)
    events_told: int = 0
    wrong: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def run(seed: int, speed: float = 1.0, kills: int = 1) -> Killed:
    """One machine and one memory; so many times: work, die, start anew, finish a board."""
    began_s = time.monotonic()
    found = Killed(seed)
    with line_for(found.wrong, seed, speed) as line:
        _run(line, found, random.Random(seed), kills)
    found.seconds = round(time.monotonic() - began_s, 2)
    return found


def _run(line: Line, found: Killed, chance: random.Random, kills: int) -> None:
    told = Told()
    hand = Hand(line, told, f"run-{found.seed}")
    line.start_service()
    told.listen(line)
    while found.kills < kills:
        _die(line, hand, found, chance)
        while True:
            if chance.random() < WAITS_SHARE:
                found.wrong += wait_for_standstill(line)
            if chance.random() >= AGAIN_SHARE:
                began_s = time.monotonic()
                line.start_service()
                line.state()
                found.starts_s.append(round(time.monotonic() - began_s, 3))
                break
            if not _dies_again(line, chance.uniform(0.0, AGAIN_WITHIN_S), found):
                break
        found.asked += [alarm["number"] for alarm in line.get("/v1/alarms")["items"]]
        found.wrong += judge.at_start(line, told)
        told.listen(line)
        hand.finish_a_board()
        found.wrong += judge.at_end(line, told)
    found.events_told, found.boards = len(told.seals), hand.boards
    assert line.service is not None
    code = line.service.end()
    if code != 0:
        found.wrong.append(f"after Ctrl-C it ends with {code}")


def _die(line: Line, hand: Hand, found: Killed, chance: random.Random) -> None:
    """Work until the service is dead: it is killed so long after Reset or after Start."""
    service = line.service
    assert service is not None
    path, whole_s = (RESET, RESET_S) if chance.random() < IN_RESET_SHARE else (START, BOARD_S)
    timer = threading.Timer(chance.uniform(0.0, whole_s) / line.speed, service.process.send_signal, (signal.SIGKILL,))
    hand.when[path] = timer.start
    try:
        while service.process.poll() is None:
            hand.finish_a_board()
    except Gone:
        pass
    hand.when.clear()
    found.kills += 1
    found.struck_in.append(_where(line))
    service.end()


def _dies_again(line: Line, after_s: float, found: Killed) -> bool:
    """Kill the new service while it starts. Returns False where it was through by then and lives."""
    killer: list[threading.Timer] = []
    struck = threading.Event()

    def kill(process: Any) -> None:
        struck.set()
        process.send_signal(signal.SIGKILL)

    def started(process: Any) -> None:
        killer.append(threading.Timer(after_s, kill, (process,)))
        killer[0].start()

    try:
        line.start_service(on_start=started)
    except AssertionError:
        if not struck.is_set():
            raise
    # The kill may have come between the end of the start and this line: then it is dead, or will be at once.
    killer[0].cancel()
    killer[0].join()
    if not struck.is_set():
        return False
    assert line.service is not None
    code = line.service.end()
    assert code == -signal.SIGKILL, f"killed while it started, it ended with {code}"
    found.kills += 1
    found.struck_in.append("start")
    return True


def _where(line: Line) -> str:
    """The last thing the machine did, for the statistics."""
    events = judge.plant_events(line)
    return str(events[-1]["kind"]) if events else "nothing"


def wait_for_standstill(line: Line) -> list[str]:
    """The dead-man of every device stops what its silent host had begun. Returns what is wrong."""
    give_up_s = time.monotonic() + STANDS_WITHIN_S / line.speed + 1.0
    now = line.ask(do="still")
    died_s = now["time_s"]
    while now["is_moving"] or now["under_way"]:
        if time.monotonic() > give_up_s:
            return [f"still under way after the host fell silent: {now}"]
        time.sleep(0.01)
        now = line.ask(do="still")
    if now["time_s"] - died_s > STANDS_WITHIN_S:
        return [f"stood only {now['time_s'] - died_s:.2f} s after the host fell silent"]
    return []
