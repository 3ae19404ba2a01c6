"""The dead-man of a jog: its table in docs/device_contract.md row by row, then gantry and head on their wires."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from drivers.errors import DeviceStopped, LimitExceeded, NotHomed, WatchdogBit
from drivers.wire.handshake import (
    JOG_FRAME_ARG,
    JOG_FRAME_PERIOD_S,
    JOG_SILENCE_LIMIT_S,
    CommandSpec,
    Result,
    Stop,
)
from sim_hardware.devices.handshake import CommandChannel, DeviceCore
from sim_hardware.devices.jog import Grip
from tests.drivers.cell import Bench, bench
from tests.sim_hardware.test_device_contract import rows
from tests.support import virtual

GO = CommandSpec("go", 1, "go while held", args=(JOG_FRAME_ARG,), is_jog=True)
SESSION, OTHER = 7, 8
PRESSED = 10
"""number of the frame with which the button was pressed"""
BRAKES_S = 0.05
LONG_S = 60.0


class Device:
    """One channel whose only command goes on for a minute and brakes for 50 ms; its host never stops beating."""

    def __init__(self) -> None:
        self.core = DeviceCore(asyncio.get_running_loop(), lambda: 1)
        self.channel = CommandChannel(self.core, "go", (GO,), self._start, self._brake)
        self.session, self.stop, self.beats, self.braked = SESSION, 0, 0, list[float]()
        self.beat()

    def _start(self, spec: CommandSpec, args: dict[str, float]) -> None:
        self.channel.after(LONG_S, self.channel.finish, Result.DONE)

    def _brake(self, result: Result, urgency: Stop) -> None:
        self.braked.append(self.core.loop.time())
        self.channel.after(BRAKES_S, self.channel.finish, result)

    def beat(self) -> None:
        self.beats += 1
        self.core.beat(self.session, self.beats, self.stop)

    def frame(self, number: int, *, held: bool = True, session: int = SESSION) -> None:
        self.core.jog_frame(session, number, held)

    def press(self, frame: int = PRESSED) -> None:
        self.channel.offer(SESSION, self.channel.ack_seq + 1, 1, [frame] + [0] * 7)

    async def wait(self, for_s: float) -> None:
        until_s = self.core.loop.time() + for_s
        while self.core.loop.time() < until_s:
            self.beat()
            await asyncio.sleep(min(0.1, until_s - self.core.loop.time()))

    def beat_of_another(self) -> None:
        self.session = OTHER
        self.beat()

    def ask_to_stop(self) -> None:
        self.stop = 1
        self.beat()


def let_go_before(device: Device) -> None:
    device.frame(PRESSED + 1, held=False)
    device.press()


EVENTS: dict[str, Callable[[Device], object]] = {
    "jog command": Device.press,
    "jog command slower than the frame that lets go": let_go_before,
    "frame, held": lambda d: d.frame(PRESSED + 1),
    "frame whose number is not higher": lambda d: d.frame(PRESSED),
    "frame of another session": lambda d: d.frame(PRESSED + 1, session=OTHER),
    "frame, let go": lambda d: d.frame(PRESSED + 1, held=False),
    "250 ms without a frame": lambda d: d.wait(JOG_SILENCE_LIMIT_S + 0.001),
    "beat of another session": Device.beat_of_another,
    "stop request 1": Device.ask_to_stop,
    "the target is reached": lambda d: d.channel.finish(Result.DONE),
    "frame, held, after the end": lambda d: d.frame(PRESSED + 9),
}


@pytest.mark.parametrize(("state", "event", "does", "after"), rows("A jog"))
def test_the_dead_man_of_a_jog_does_what_its_row_says(state: str, event: str, does: str, after: str) -> None:
    @virtual
    async def story() -> None:
        device = Device()
        jog = device.core.jog
        if state == "HELD" or "after the end" in event:
            device.frame(PRESSED)
            device.press()
            await device.wait(0.2)
        if "after the end" in event:
            device.frame(PRESSED + 1, held=False)
            await device.wait(BRAKES_S + 0.01)
        assert jog.grip is Grip[state]
        begun_s, silent_s, braked = device.core.loop.time(), jog.silent_s, len(device.braked)
        waited = EVENTS[event](device)
        if asyncio.iscoroutine(waited):
            await waited
        assert jog.grip is Grip[after]
        if "anew" in does:
            assert jog.silent_s == 0.0
        elif "no sign of a hand" in does:
            assert jog.silent_s == silent_s
        if "brake" in does:
            assert len(device.braked) == braked + 1
            await device.wait(BRAKES_S + 0.01)
            wanted = does.split("RESULT will be ")[1]
            assert device.channel.state().result is Result[wanted]
        if "250 ms" in event:
            assert device.braked[-1] == pytest.approx(begun_s - 0.2 + JOG_SILENCE_LIMIT_S)
        if "nothing" in does and state == "LOOSE":
            assert not device.channel.busy
        if event == "jog command":
            await device.wait(JOG_SILENCE_LIMIT_S + 0.01)
            assert device.braked == [pytest.approx(begun_s + JOG_SILENCE_LIMIT_S)]

    story()


async def hold(device: object, frames: int, first: int = 1) -> None:
    """So many frames, 50 ms from one to the next."""
    for number in range(first, first + frames):
        await device.send_jog_frame(number, is_held=True)  # type: ignore[attr-defined]
        await asyncio.sleep(JOG_FRAME_PERIOD_S)


async def homed(cell: Bench) -> None:
    await cell.head.home()
    await cell.gantry.home()
    await cell.gantry.move_to(100_000, 100_000, 0)


@pytest.mark.parametrize(
    ("axis", "target", "speed_per_s"), [("x_um", 500_000, 50_000), ("y_um", 0, 10_000), ("theta_deg", 190, 45)]
)
def test_a_jog_of_the_gantry_goes_on_while_frames_come_and_ends_by_itself(
    axis: str, target: float, speed_per_s: float
) -> None:
    @virtual
    async def story() -> None:
        async with bench() as cell:
            await homed(cell)
            loop, truth = asyncio.get_running_loop(), cell.plant.gantry
            before = truth.measured_at(loop.time())
            jog = asyncio.ensure_future(cell.gantry.jog_to(axis, target, speed_per_s, 1))
            await hold(cell.plc, 20)
            assert truth.is_moving(loop.time())
            last_s = loop.time() - JOG_FRAME_PERIOD_S
            with pytest.raises(WatchdogBit):
                await jog
            moved = [b - a for a, b in zip(before, truth.measured_at(loop.time()), strict=True)]
            index = ("x_um", "y_um", "theta_deg").index(axis)
            assert [round(way, 6) for i, way in enumerate(moved) if i != index] == [0, 0]
            assert abs(moved[index]) == pytest.approx(speed_per_s * (0.95 + JOG_SILENCE_LIMIT_S), rel=0.02)
            brakes_s = truth.stands_from_s - last_s - JOG_SILENCE_LIMIT_S
            assert 0.0 < brakes_s < 0.040

    story()


@virtual
async def test_a_jog_of_z_ends_when_its_button_is_let_go_and_says_where_it_stands() -> None:
    async with bench() as cell:
        await homed(cell)
        jog = asyncio.ensure_future(cell.head.jog_z(9_000, 2_000, 1))
        await hold(cell.head, 10)
        await cell.head.send_jog_frame(11, is_held=False)
        with pytest.raises(DeviceStopped) as ended:
            await jog
        z_um = cell.plant.head.z_um_at(cell.plant.now())
        assert z_um == pytest.approx(1_000, abs=60)
        assert ended.value.details["z_um"] == pytest.approx(z_um, abs=0.1)
        await hold(cell.head, 10, first=12)
        assert cell.plant.head.z_um_at(cell.plant.now()) == z_um, "frames alone move nothing"


@virtual
async def test_the_end_of_the_travel_ends_a_jog_as_done_and_no_jog_leaves_it() -> None:
    async with bench() as cell:
        with pytest.raises(NotHomed):
            await cell.gantry.jog_to("x_um", 500_000, 1_000, 1)
        await homed(cell)
        await cell.gantry.move_to(499_000, 100_000, 0)
        jog = asyncio.ensure_future(cell.gantry.jog_to("x_um", 500_000, 10_000, 1))
        await hold(cell.plc, 5)
        assert (await jog).x_um == pytest.approx(500_000)
        for axis, target, speed in (("x_um", 500_001, 1_000), ("x_um", 0, 50_001), ("theta_deg", 0, 46)):
            with pytest.raises(LimitExceeded):
                await cell.gantry.jog_to(axis, target, speed, 9)
