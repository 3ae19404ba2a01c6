"""Jogging: what moves under a hand, what ends it, and what is refused. The truth is that of the machine."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from drivers.wire.handshake import JOG_SILENCE_LIMIT_S, Stop
from station.run.controller import CommandRefused
from station.run.jog import SILENCE_LIMIT_S
from station.run.modes import Mode
from station.run.packml import Command, State
from tests.scenarios.bench import Bench, bench
from tests.scenarios.hand import Axis, Hand, Hold, Speed, to_manual
from tests.support import virtual

BRAKES_WITHIN_S = 0.040
"""from 50 mm/s at the jerk of the axis 16 ms, and the way of the last frame over the wire"""


async def put(b: Bench, x_um: float, y_um: float) -> None:
    """The gantry is moved there by the machine itself: where a test begins is no business of the station."""
    gantry = b.plant.gantry
    gantry.follow(gantry.plan(x_um, y_um, 0.0, b.plant.now(), None, None), b.plant.now())
    await asyncio.sleep(1.0)


@virtual
async def test_a_held_button_moves_its_axis_slowly_and_letting_go_ends_it(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        await to_manual(b)
        hand = Hand(b)
        x_um, y_um, theta_deg = b.plant.gantry.measured_at(b.plant.now())
        await hand.hold(Axis.X, +1, 1.0, Speed.MEDIUM)
        assert b.is_moving()
        assert hand.jog.view()["axis"] == "x"
        hand.let_go()
        assert await hand.until_it_stands() <= BRAKES_WITHIN_S
        assert await hand.ended() == ("released", None)
        found = b.plant.gantry.measured_at(b.plant.now())
        assert found == pytest.approx((x_um + 4_750, y_um, theta_deg), abs=100)
        assert hand.jog.view()["position"]["x_um"] == pytest.approx(found[0], abs=0.1)
        (begun,), (ended,) = await b.events("jog.begun"), await b.events("jog.ended")
        assert begun == {"axis": "x", "direction": 1, "speed": "medium"}
        assert (ended["cause"], ended["position"]["x_um"]) == ("released", pytest.approx(found[0], abs=0.1))
        for axis, direction in ((Axis.Y, -1), (Axis.TURN, +1), (Axis.Z, -1), (Axis.Z, +1)):
            await hand.hold(axis, direction, 0.3, Speed.SLOW)
            assert b.is_moving(), axis
            hand.let_go()
            assert await hand.ended() == ("released", None)


@virtual
async def test_frames_that_end_are_a_hand_that_is_gone(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        await to_manual(b)
        hand = Hand(b)
        await hand.hold(Axis.X, +1, 0.7)
        assert SILENCE_LIMIT_S < await hand.until_it_stands() <= SILENCE_LIMIT_S + BRAKES_WITHIN_S
        assert await hand.ended() == ("silence", None)
        await hand.hold(Axis.X, +1, 0.5)
        assert not b.is_moving(), "after an end that the hand did not want it has to let go first"
        hand.let_go()
        await hand.hold(Axis.X, +1, 0.2)
        assert b.is_moving()


@virtual
async def test_a_service_that_stands_still_is_survived_by_the_device(tmp_path: Path) -> None:
    """Neither frames nor the service's own dead-man reach the device: it stops by itself."""
    async with bench(tmp_path) as b:
        await to_manual(b)
        hand = Hand(b)
        for axis, direction in ((Axis.Y, +1), (Axis.Z, -1)):
            await hand.hold(axis, direction, 0.6)
            assert hand.jog._silence is not None
            hand.jog._silence.cancel()
            stood_s = await hand.until_it_stands()
            assert JOG_SILENCE_LIMIT_S <= stood_s <= JOG_SILENCE_LIMIT_S + BRAKES_WITHIN_S
            cause, reason = await hand.ended()
            assert cause == "device"
            assert "no jog frame" in str(reason)
            hand.let_go()


@virtual
async def test_frames_that_waited_for_a_frozen_service_are_no_hand(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        await to_manual(b)
        hand = Hand(b)
        await hand.hold(Axis.X, +1, 0.3)
        assert hand.jog._silence is not None
        hand.jog._silence.cancel()  # a loop that stands still runs no timer, and reads its sockets first afterwards
        await asyncio.sleep(SILENCE_LIMIT_S + 0.001)
        hand.send(Hold(Axis.X, +1, Speed.FAST))
        assert (await hand.ended())[0] == "silence"


@virtual
async def test_old_double_and_foreign_frames_are_refused_and_keep_nothing_alive(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        await to_manual(b)
        hand = Hand(b)
        with pytest.raises(CommandRefused, match="another page"):
            hand.jog.take()
        pressed = Hold(Axis.X, +1, Speed.FAST)
        await hand.hold(Axis.X, +1, 0.2)
        for _ in range(4):
            for token, number in ((hand.token, hand.number), (hand.token, 1), ("jog-0", 999)):
                with pytest.raises(CommandRefused):
                    hand.jog.frame(token, number, pressed)
            await asyncio.sleep(0.05)
        assert await hand.ended() == ("silence", None)
        hand.jog.give_back(hand.token)
        with pytest.raises(CommandRefused, match="does not have"):
            hand.send(pressed)
        assert Hand(b).token != hand.token


@virtual
async def test_a_page_that_closes_stops_at_once(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        await to_manual(b)
        hand = Hand(b)
        await hand.hold(Axis.Y, +1, 0.5)
        hand.jog.give_back(hand.token)
        assert await hand.until_it_stands() <= BRAKES_WITHIN_S
        assert await hand.ended() == ("closed", None)


@virtual
async def test_a_tap_shorter_than_the_way_of_its_command_moves_next_to_nothing(tmp_path: Path) -> None:
    """Let go in the same instant: whatever overtakes what on the wire, nothing goes on."""
    async with bench(tmp_path) as b:
        await to_manual(b)
        hand = Hand(b)
        for after_s in (0.0, 0.0005, 0.001, 0.002, 0.004):
            before_um = b.plant.gantry.measured_at(b.plant.now())[0]
            hand.send(Hold(Axis.X, +1, Speed.FAST))
            await asyncio.sleep(after_s)
            hand.let_go()
            assert (await hand.ended())[0] == "released"
            await asyncio.sleep(0.3)
            assert b.plant.gantry.measured_at(b.plant.now())[0] - before_um < 600


STOPS: dict[str, tuple[Callable[[Bench], object], tuple[str, ...]]] = {
    "stop": (lambda b: b.controller.command(Command.STOP), ("state",)),
    "abort": (lambda b: b.controller.command(Command.ABORT), ("state",)),
    "key turned back": (lambda b: b.plant.set_safety(key_manual=False), ("state",)),
    "door opened": (lambda b: b.plant.set_safety(door_closed=False), ("device",)),
}


@pytest.mark.parametrize("what", STOPS)
def test_whatever_changes_ends_a_jog(what: str, tmp_path: Path) -> None:
    @virtual
    async def story() -> None:
        async with bench(tmp_path) as b:
            await to_manual(b)
            hand = Hand(b)
            await hand.hold(Axis.X, +1, 0.5)
            act, causes = STOPS[what]
            began_s = b.plant.now()
            done = act(b)
            holding = asyncio.create_task(hand.hold(Axis.X, +1, 1.0))
            if asyncio.iscoroutine(done):
                await done
            await b.until(lambda: not b.is_moving(), 0.0005)
            assert b.plant.now() - began_s <= 0.15 + BRAKES_WITHIN_S
            assert (await hand.ended())[0] in causes
            await holding
            assert not b.is_moving(), "the hand holds on, and nothing moves again"

    story()


@virtual
async def test_in_stopped_a_jog_lifts_the_stop_level_for_itself_alone(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        await b.controller.command(Command.STOP)
        await to_manual(b)
        plc = b.controller.cell.plc
        assert plc.stop_level is Stop.CONTROLLED
        hand = Hand(b)
        await hand.hold(Axis.X, +1, 0.3)
        assert b.is_moving()
        await b.controller.command(Command.STOP)
        assert await hand.ended() == ("stopped", None)
        assert plc.stop_level is Stop.CONTROLLED
        hand.let_go()
        await hand.hold(Axis.Y, +1, 0.3)
        hand.let_go()
        assert await hand.ended() == ("released", None)
        assert plc.stop_level is Stop.CONTROLLED


@virtual
async def test_a_jog_into_board_film_tray_or_camera_is_refused_and_says_why(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        await to_manual(b)
        hand, profile = Hand(b), b.controller.cell.profile
        places = {
            "board": (profile.nest.x_um + 10_000, profile.nest.y_um + 10_000),
            "film": (profile.plate.x_um, profile.plate.y_um),
            "tray": (profile.tray.x_um, profile.tray.y_um),
            "up camera": (profile.up_camera.x_um, profile.up_camera.y_um),
        }
        for place, at_um in places.items():
            await put(b, *at_um)
            await hand.hold(Axis.Z, -1, 0.4)
            hand.let_go()
            await hand.ended()
            await hand.hold(Axis.Z, +1, 2.0)
            assert (await hand.ended())[0] == "limit", place
            hand.let_go()
            assert b.plant.head.z_um_at(b.plant.now()) == pytest.approx(profile.head.safe_z_um, abs=1)
            await hand.hold(Axis.Z, +1, 0.3)
            cause, reason = await hand.ended()
            assert cause == "guard"
            assert "over the reject bin only" in str(reason)
            hand.let_go()
            assert b.plant.head.z_um_at(b.plant.now()) == pytest.approx(profile.head.safe_z_um, abs=1)
        assert b.happened("crash") == b.happened("collision") == []


@virtual
async def test_over_the_bin_z_goes_lower_and_from_there_nothing_travels(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        await to_manual(b)
        hand, bin_ = Hand(b), b.controller.cell.profile.bin
        await put(b, bin_.x_um, bin_.y_um)
        await hand.hold(Axis.Z, +1, 3.0)
        assert (await hand.ended())[0] == "limit"
        low_um = b.plant.head.z_um_at(b.plant.now())
        assert bin_.z_um - 2_001 < low_um < bin_.z_um - 1_999
        for axis in (Axis.X, Axis.Y, Axis.TURN):
            hand.let_go()
            await hand.hold(axis, +1, 0.2)
            cause, reason = await hand.ended()
            assert (cause, "too low to travel" in str(reason)) == ("guard", True)
        hand.let_go()
        await hand.hold(Axis.Z, -1, 3.0)
        assert (await hand.ended())[0] == "limit"
        assert b.plant.head.z_um_at(b.plant.now()) == pytest.approx(0.0, abs=1)
        assert b.happened("crash") == b.happened("collision") == []


@virtual
async def test_no_jog_without_manual_and_a_trusted_position(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        hand = Hand(b)
        await hand.hold(Axis.X, +1, 0.1)
        cause, reason = await hand.ended()
        assert (cause, "key switch" in str(reason)) == ("state", True)
        b.plant.set_safety(drives_enabled=False)
        await b.rest(State.ABORTED)
        b.plant.set_safety(drives_enabled=True)
        await to_manual(b)
        hand.let_go()
        await hand.hold(Axis.X, +1, 0.1)
        cause, reason = await hand.ended()
        assert (cause, "Aborted" in str(reason)) == ("state", True)
        await b.controller.command(Command.CLEAR)
        hand.let_go()
        await hand.hold(Axis.X, +1, 0.1)
        cause, reason = await hand.ended()
        assert (cause, "not to be trusted" in str(reason)) == ("guard", True)
        assert b.controller.modes.mode is Mode.MANUAL


@virtual
async def test_a_board_is_built_after_a_jog(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        await to_manual(b)
        hand = Hand(b)
        for axis in (Axis.X, Axis.Y, Axis.TURN):
            await hand.hold(axis, +1, 0.5)
            hand.let_go()
            await hand.ended()
        b.plant.set_safety(key_manual=False)
        await b.until(lambda: b.controller.modes.mode is Mode.PRODUCTION)
        b.order()
        assert await b.rest() is State.COMPLETE


def test_the_same_jogs_give_the_same_bytes(tmp_path: Path) -> None:
    async def story(folder: Path) -> list[object]:
        async with bench(folder) as b:
            await to_manual(b)
            hand = Hand(b)
            for axis, direction, for_s in ((Axis.X, 1, 0.33), (Axis.Z, 1, 0.2), (Axis.TURN, -1, 0.41)):
                await hand.hold(axis, direction, for_s)
                await hand.ended()
                hand.let_go()
            return [await b.events("jog.begun", "jog.ended"), b.plant.gantry.measured_at(b.plant.now())]

    first, second = (virtual(story)(tmp_path / name) for name in ("one", "two"))
    assert first == second
