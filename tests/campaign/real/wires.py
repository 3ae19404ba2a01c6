"""H08, M03, M04, M18, M19, L01, L02 on real processes: the service stopped by SIGSTOP, bad cables, a foreign master."""

from __future__ import annotations

import random
import signal
import socket
import struct
import time
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from drivers.wire.common import CONTROL_ADDRESS
from drivers.wire.motion_plc import COMMAND_BLOCKS
from tests.campaign.real import judge
from tests.campaign.real.hand import Hand
from tests.campaign.real.kills import BOARD_S, wait_for_standstill
from tests.campaign.real.lines import line_for
from tests.campaign.real.proxy import Bad, Proxy
from tests.campaign.real.told import Told, all_events
from tests.scenarios.live import Line

DEVICES = ("plc", "dip_unit", "head", "film_gauge", "up_camera", "down_camera")
PAUSE_S = (0.05, 4.0)
BAD_FOR_S = (0.2, 3.0)
WRITE_REGISTERS = 16
FOREIGN_SESSION = 0x0F0E16C0
TAKES_NOTE_WITHIN_S = 20.0


class Blow(StrEnum):
    """What happens."""

    PAUSE = "service stopped by SIGSTOP"
    CABLE = "bad cable"
    MASTER = "foreign master"


BLOWS = (Blow.PAUSE, Blow.CABLE, Blow.CABLE, Blow.MASTER)
"""by turns"""


@dataclass(slots=True)
class Struck:
    """One run. `what`: which device and how; `alarms`: all that the service raised."""

    seed: int
    blow: str
    what: str = ""
    pauses: int = 0
    cables: int = 0
    masters: int = 0
    alarms: list[int] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def run(seed: int, speed: float = 1.0) -> Struck:
    """One machine, one board, one blow in the middle of it; then a board must be finished."""
    began_s = time.monotonic()
    blow = BLOWS[seed % len(BLOWS)]
    found = Struck(seed, blow.value)
    with line_for(found.wrong, seed, speed) as line:
        proxy = Proxy(line, seed)
        try:
            _run(line, proxy, found, blow, random.Random(seed))
        finally:
            proxy.close()
    found.seconds = round(time.monotonic() - began_s, 2)
    return found


def _run(line: Line, proxy: Proxy, found: Struck, blow: Blow, chance: random.Random) -> None:
    told = Told()
    hand = Hand(line, told, f"wires-{found.seed}")
    line.start_service(ports_file=proxy.ports_file)
    told.listen(line)
    hand.begin_a_board()
    time.sleep(chance.uniform(0.0, BOARD_S) / line.speed)
    if blow is Blow.PAUSE:
        _pause(line, found, chance)
    elif blow is Blow.CABLE:
        found.cables += 1
        device, how = chance.choice(DEVICES), chance.choice(list(Bad))
        found.what = f"{device} {how.value}"
        proxy.make_bad(device, how)
        time.sleep(chance.uniform(*BAD_FOR_S) / line.speed)
        proxy.heal()
    else:
        _foreign_master(line, found, chance)
    hand.finish_a_board()
    events = all_events(line)
    found.alarms = [event["data"]["number"] for event in events if event["kind"] == "fault.raised"]
    if any(event["kind"] == "bug" for event in events):
        found.wrong.append("a bug is in the log")
    found.wrong += judge.at_end(line, told)


def _pause(line: Line, found: Struck, chance: random.Random) -> None:
    """Nothing of the service runs; the dead-man of every device must stop what it had begun."""
    found.pauses += 1
    assert line.service is not None
    pause_s = chance.uniform(*PAUSE_S) / line.speed
    found.what = f"for {pause_s:.2f} s"
    stopped_s = time.monotonic()
    line.service.process.send_signal(signal.SIGSTOP)
    try:
        if pause_s * line.speed > 2.0:
            found.wrong += wait_for_standstill(line)
        time.sleep(max(0.0, pause_s - (time.monotonic() - stopped_s)))
    finally:
        line.service.process.send_signal(signal.SIGCONT)


def _foreign_master(line: Line, found: Struck, chance: random.Random) -> None:
    """Another host writes to the PLC: its own session, or a command block without sense."""
    found.masters += 1
    takes_over = chance.random() < 0.6
    if takes_over:
        address, content = CONTROL_ADDRESS, FOREIGN_SESSION.to_bytes(4, "big") + bytes((0, 1, 0, 0))
    else:
        block = chance.choice(list(COMMAND_BLOCKS.values()))
        address, content = block.address, chance.randbytes(2 * WRITE_REGISTERS)
    found.what = f"{'session' if takes_over else 'command'} at {address:#06x}"
    before = len(_faults(line))
    with socket.create_connection(("127.0.0.1", line.ports["plc"]), timeout=5) as foreign:
        count = len(content) // 2
        data = struct.pack(">BBHHB", 1, 16, address, count, len(content)) + content
        foreign.sendall(struct.pack(">HHH", 1, 0, len(data)) + data)
        foreign.recv(260)
    give_up_s = time.monotonic() + TAKES_NOTE_WITHIN_S / line.speed
    while takes_over and len(_faults(line)) == before:
        if time.monotonic() > give_up_s:
            found.wrong.append("nobody noticed that another host has taken the PLC")
            return
        time.sleep(0.05)


def _faults(line: Line) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = line.get("/v1/events?limit=1000&kind=fault.raised")["items"]
    return found
