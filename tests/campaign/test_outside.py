"""What a kill leaves behind: half a frame comes to nothing, and members that end otherwise are told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from drivers.wire.camera_frame import Trigger
from drivers.wire.common import CONTROL_ADDRESS
from drivers.wire.encoding import crc16
from drivers.wire.serial_frames import REQUEST_MARK, SerialFrame
from sim_hardware import virtual_time
from sim_hardware.plant import Plant
from sim_hardware.servers.cable import Cable
from sim_hardware.servers.modbus import WRITE_MANY
from tests.campaign import crash
from tests.campaign.crash import At, Point
from tests.campaign.grouped import Group, Recording, Why, planned, unlike_their_group
from tests.campaign.outside import Outside
from tests.scenarios.bench import world

SESSION = 77


def _beat(unit: int) -> bytes:
    words = (SESSION >> 16, SESSION & 0xFFFF, 1, 0, 1)
    data = b"".join(word.to_bytes(2, "big") for word in words)
    return bytes((unit, WRITE_MANY)) + CONTROL_ADDRESS.to_bytes(2, "big") + bytes((0, len(words), len(data))) + data


def _tcp(plant: Plant) -> bytes:
    request = _beat(plant.plc.unit)
    return bytes((0, 9, 0, 0)) + len(request).to_bytes(2, "big") + request


def _rtu(plant: Plant) -> bytes:
    request = _beat(plant.dip_unit.unit)
    return request + crc16(request).to_bytes(2, "little")


def _line(_: Plant) -> bytes:
    return SerialFrame(REQUEST_MARK, 9, "BEA", (str(SESSION), "1", "0")).encode()


def _trigger(_: Plant) -> bytes:
    return Trigger(1, 1, 500).encode()


FRAMES: dict[str, Callable[[Plant], bytes]] = {
    "plc": _tcp,
    "dip_unit": _rtu,
    "head": _line,
    "film_gauge": _line,
    "lights": _line,
    "up_camera": _trigger,
}


async def _send(plant: Plant, port: str, data: bytes) -> None:
    """A host that says this and is gone."""
    _, writer = await asyncio.open_connection("127.0.0.1", plant.cabling.cables[port].port)
    writer.write(data)
    await asyncio.sleep(0)
    writer.transport.abort()
    await asyncio.sleep(0.001)


@pytest.mark.parametrize("port", FRAMES)
def test_a_frame_that_is_cut_off_anywhere_is_dropped_with_its_connection(port: str, tmp_path: Path) -> None:
    async def story() -> None:
        plant = world()
        await plant.start()
        outside, frame = Outside(plant, tmp_path), FRAMES[port](plant)
        before = outside.digest()
        for cut in range(1, len(frame)):
            await _send(plant, port, frame[:cut])
            assert outside.digest() == before, f"{cut} bytes of {len(frame)}"
        for cut in range(1, len(frame)):
            await _send(plant, port, frame[:cut])
            await _send(plant, port, frame[cut:])
            assert outside.digest() == before, f"the rest after {cut} bytes, on a new connection"
        await _send(plant, port, frame)
        assert outside.digest() != before, "a whole frame must show in the digest"
        await plant.stop()

    virtual_time.run(story())


def test_the_digest_sees_what_comes_of_itself_and_what_is_on_the_disk(tmp_path: Path) -> None:
    async def story() -> None:
        plant = world()
        outside, seen = Outside(plant, tmp_path), list[bytes]()
        seen.append(outside.digest())
        await asyncio.sleep(5.0)
        assert outside.digest() == seen[0], "time alone is no change"
        plant.call_at(plant.now() + 1.0, plant.lose_part)
        seen.append(outside.digest())
        plant.bring_tray()
        seen.append(outside.digest())
        assert plant.tray is not None
        package = next(pocket.package for pocket in plant.tray.pockets if pocket.package is not None)
        package.balls[100].coat_volume_nl += 1e-9
        seen.append(outside.digest())
        (tmp_path / "journal").write_bytes(b"an intent")
        seen.append(outside.digest())
        assert len(set(seen)) == len(seen)

    virtual_time.run(story())


@pytest.mark.campaign
def test_half_a_frame_reaches_the_device_before_the_kill(monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed at its nth byte, the station has put those before it on the wire."""
    counts = {"arrived": 0}
    at_kill: list[int] = []
    arrived, cut = Cable.arrived, Cable.cut

    def counted(cable: Cable, transport: Any, data: bytes) -> bytes:
        counts["arrived"] += len(data)
        return arrived(cable, transport, data)

    def noted(cable: Cable, refuse_s: float = 0.0) -> None:
        at_kill.append(counts["arrived"])
        cut(cable, refuse_s)

    monkeypatch.setattr(Cable, "arrived", counted)
    monkeypatch.setattr(Cable, "cut", noted)
    whole = []
    for n in (9_000, 9_001, 9_005):
        counts["arrived"] = 0
        at_kill.clear()
        found = crash.crash(Point(At.BYTE_OUT, n))
        assert found.is_good, (found.broken, found.problems)
        whole.append(at_kill[0])
    assert [count - whole[0] for count in whole] == [0, 1, 5]


def test_each_group_is_killed_once_and_members_that_end_otherwise_are_told() -> None:
    spans = [[(At.TASK_STEP, 1, 3), (At.BYTE_OUT, 1, 40)], [(At.BEFORE_COMMIT, 1, 1)], [(At.BYTE_OUT, 41, 50)]]
    recording = Recording([Group(bytes([i]), 0.0, 0.0, list(one)) for i, one in enumerate(spans)])
    recording.frames[1, 40] = Point(At.BYTE_OUT, 21)
    plan = planned(recording, members=20, again=4)
    firsts = [one for one in plan if one.why is Why.FIRST]
    assert [one.point for one in firsts] == [Point(At.TASK_STEP, 1), Point(At.BEFORE_COMMIT, 1), Point(At.BYTE_OUT, 41)]
    assert sum(sum(one.covers.values()) for one in firsts) == 3 + 40 + 1 + 10
    assert next(one.group for one in plan if one.why is Why.FRAME) == 0
    assert len({one.point for one in plan}) == len(plan)
    assert sum(bool(one.point.again) for one in plan) == 4

    def line(one: Any, ended: str) -> dict[str, Any]:
        told = {"at": "x", "n": one.point.n, "asked": [], "ended": [ended], "broken": [], "problems": []}
        return {**told, **one.as_dict()}

    lines = [line(one, "placed") for one in plan]
    assert list(unlike_their_group(lines)) == []
    odd = next(i for i, one in enumerate(plan) if one.why is Why.MEMBER)
    lines[odd] = line(plan[odd], "placed twice")
    assert len(list(unlike_their_group(lines))) == 1
