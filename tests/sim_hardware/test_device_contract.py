"""docs/device_contract.md, played row by row against the simulated device: the page and the code are one contract."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from drivers.wire.encoding import Kind, Quantity
from drivers.wire.handshake import CommandSpec, Reject, Result, Stop
from sim_hardware.devices.handshake import CommandChannel, DeviceCore, Host, Standing
from tests.support import virtual

PAGE = Path(__file__).parents[2] / "docs" / "device_contract.md"
GO = CommandSpec("go", 1, "go", args=(Quantity("x_um", "target", Kind.I32, 1, 0, 100, "um"),))
SESSION, OTHER = 7, 8
BRAKES_S = 0.05


def rows(chapter: str) -> list[tuple[str, str, str, str]]:
    """State, event, what the device does, next state."""
    text = PAGE.read_text(encoding="utf-8").split(f"## {chapter}\n")[1].split("\n## ")[0]
    found = re.findall(r"^\| ([A-Z]+) \| (.+?) \| (.+?) \| ([A-Z]+) \|$", text, re.M)
    assert len(found) == text.count("\n| ") - 2, "every row of the chapter is read, but for its head"
    return found


class Device:
    """One channel that goes for a second and brakes for 50 ms."""

    def __init__(self) -> None:
        self.boots = iter(range(1, 100))
        self.is_interlocked = False
        self.started: list[float] = []
        self.core = DeviceCore(asyncio.get_running_loop(), lambda: next(self.boots))
        self.core.interlock = lambda: Result.INTERLOCK if self.is_interlocked else None
        self.channel = CommandChannel(self.core, "go", (GO,), self._start, self._brake)
        self.heartbeat = 0
        self.braked: list[Stop] = []

    def _start(self, spec: CommandSpec, args: dict[str, float]) -> None:
        self.started.append(args["x_um"])
        self.channel.after(1.0, self.channel.finish, Result.DONE)

    def _brake(self, result: Result, urgency: Stop) -> None:
        self.braked.append(urgency)
        self.channel.after(BRAKES_S, self.channel.finish, result)

    def beat(self, session: int = SESSION, stop: int = 0, *, moved: bool = True) -> bool:
        self.heartbeat += moved
        return self.core.beat(session, self.heartbeat, stop)

    def offer(self, seq: int, *, session: int = SESSION, code: int = 1, x: int = 5, crc_ok: bool = True) -> None:
        self.channel.offer(session, seq, code, [x, 0, 0, 0, 0, 0, 0, 0], crc_ok=crc_ok)

    async def rest(self) -> None:
        """Until the channel is ready, the heart beating."""
        while self.channel.busy:
            self.beat(stop=int(self.core.stop_level))
            await asyncio.sleep(0.02)


async def channel_in(state: str) -> Device:
    """A device with one command behind it, and where asked one under way: number 2."""
    device = Device()
    device.beat()
    device.offer(1)
    await device.rest()
    if state != "READY":
        device.offer(2)
    if state == "STOPPING":
        device.beat(stop=1)
    return device


def interlock(device: Device) -> None:
    device.is_interlocked = True
    device.core.stop_all(Result.INTERLOCK, Stop.QUICK)


def may_not_begin(device: Device) -> None:
    device.is_interlocked = True
    device.offer(2)


CHANNEL_EVENTS: dict[str, Callable[[Device], object]] = {
    "next number": lambda d: d.offer(d.channel.ack_seq + 1),
    "next number, may not begin": may_not_begin,
    "last number": lambda d: d.offer(d.channel.ack_seq),
    "any other number": lambda d: d.offer(9),
    "block with a wrong CRC": lambda d: d.offer(2, crc_ok=False),
    "block of another session": lambda d: d.offer(2, session=OTHER),
    "code that the channel does not have": lambda d: d.offer(2, code=99),
    "argument outside its limits": lambda d: d.offer(2, x=101),
    "the commanded end is measured": lambda d: d.channel.finish(Result.DONE),
    "stop request 0": lambda d: d.beat(stop=0),
    "stop request 1": lambda d: d.beat(stop=1),
    "stop request 2": lambda d: d.beat(stop=2),
    "a reason that is not more urgent": lambda d: d.core.stop_all(Result.WATCHDOG, Stop.CONTROLLED),
    "interlock opens": interlock,
    "stands": lambda d: d.rest(),
    "power on": lambda d: d.core.reboot(),
}


@pytest.mark.parametrize(("state", "event", "does", "after"), rows("A channel"))
def test_a_channel_does_what_its_row_says(state: str, event: str, does: str, after: str) -> None:
    @virtual
    async def story() -> None:
        device = await channel_in(state)
        channel = device.channel
        assert channel.standing is Standing[state]
        was, begun, braked = channel.state(), len(device.started), len(device.braked)
        waited = CHANNEL_EVENTS[event](device)
        if asyncio.iscoroutine(waited):
            await waited
        now = channel.state()
        assert channel.standing is Standing[after]
        assert now.busy is (after != "READY")
        rejected = re.search(r"reject, ([A-Z_]+)", does)
        if rejected:
            assert now.reject_reason is Reject[rejected[1]]
            assert (now.ack_seq, now.done_seq, now.result) == (was.ack_seq, was.done_seq, was.result)
        elif "nothing" in does and event != "power on":
            assert (now, len(device.braked)) == (was, braked)
            if state == "STOPPING":
                await device.rest()
                assert channel.state().result is Result.STOPPED
        assert len(device.started) == begun + ("begin" in does and "end at once" not in does)
        if "end at once" in does:
            assert (now.ack_seq, now.done_seq, now.result) == (2, 2, Result.INTERLOCK)
        if "RESULT = DONE" in does:
            assert (now.done_seq, now.result) == (now.ack_seq, Result.DONE)
        will_be = re.search(r"RESULT will be ([A-Z]+)", does)
        if will_be:
            await device.rest()
            assert channel.state().result is Result[will_be[1]]
        if "brake" in does:
            assert device.braked[-1] is (Stop.CONTROLLED if "on the path" in does else Stop.QUICK)
        if event == "power on":
            assert (now.ack_seq, now.ack_session, device.core.session) == (0, 0, 0)
            await asyncio.sleep(2.0)
            assert channel.state() == now

    story()


async def silence(_: Device) -> None:
    await asyncio.sleep(0.501)


LINK_EVENTS: dict[str, Callable[[Device], object]] = {
    "command block": lambda d: d.offer(1),
    "beat of a session": lambda d: d.beat(),
    "beat, heartbeat moved": lambda d: d.beat(),
    "beat, heartbeat the same": lambda d: d.beat(moved=False),
    "500 ms without a new heartbeat": silence,
    "beat of another session": lambda d: d.beat(OTHER),
    "beat of a retired session": lambda d: d.beat(SESSION - 1),
    "next number": lambda d: d.offer(d.channel.ack_seq + 1),
    "power on": lambda d: d.core.reboot(),
}


@pytest.mark.parametrize(("state", "event", "does", "after"), rows("The host link"))
def test_the_host_link_does_what_its_row_says(state: str, event: str, does: str, after: str) -> None:
    @virtual
    async def story() -> None:
        device = Device()
        if state != "STRANGER":
            device.beat(SESSION - 1)
            device.beat()
            device.offer(1)
        if state == "SILENT":
            await asyncio.sleep(2.0)
        elif state == "ALIVE":
            await asyncio.sleep(0.3)
        assert device.core.host is Host[state]
        boot_id, begun = device.core.boot_id, len(device.started)
        obeyed = LINK_EVENTS[event](device)
        if asyncio.iscoroutine(obeyed):
            await obeyed
        assert device.core.host is Host[after]
        now = device.channel.state()
        if "reject, WRONG_SESSION" in does:
            assert (now.reject_reason, now.busy) == (Reject.WRONG_SESSION, False)
        if "no sign of life" in does:
            await asyncio.sleep(0.25)
            assert device.core.host is Host.SILENT
        if "RESULT will be WATCHDOG" in does:
            await asyncio.sleep(BRAKES_S)
            assert (device.channel.state().result, device.braked) == (Result.WATCHDOG, [Stop.CONTROLLED])
        if "retire" in does:
            await asyncio.sleep(1.0)
            device.beat(OTHER)
            device.offer(1, session=OTHER)
            assert device.channel.state().ack_session == OTHER
            assert device.beat(SESSION) is False
            device.offer(2)
            assert device.channel.state().reject_reason is Reject.WRONG_SESSION
        if "do not obey" in does:
            assert (obeyed, device.core.session) == (False, SESSION)
        if "end at once with WATCHDOG" in does:
            assert (now.done_seq, now.result, len(device.started)) == (2, Result.WATCHDOG, begun)
        if "nothing continues" in does:
            await asyncio.sleep(0.2)
            assert len(device.started) == begun
        if "BOOT_ID" in does:
            assert device.core.boot_id != boot_id
            assert (device.core.session, now.ack_seq) == (0, 0)

    story()


def test_the_bytes_of_the_page_are_those_of_the_golden_frames() -> None:
    page = re.sub(r"\s+", " ", PAGE.read_text(encoding="utf-8"))
    golden = (PAGE.parents[1] / "tests" / "golden" / "test_modbus_frames.py").read_text(encoding="utf-8")
    block = re.search(r'block = "(11223344.*?)"', golden)
    beat = re.search(r'"(0001 0000 0015 01 17 .*?)"', golden)
    head = re.search(r'"(0001 0000 0033 01 10 .*?)" \+ block', golden)
    assert block is not None
    assert beat is not None
    assert head is not None
    squeezed = page.replace(" ", "")
    for frame in (block[1], beat[1], head[1] + block[1]):
        assert frame.replace(" ", "") in squeezed
