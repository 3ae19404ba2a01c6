"""The harness's line: faults in, truth out, clear sentences for nonsense."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from drivers.wire.handshake import Result
from drivers.wire.motion_plc import HOME, LOAD_BOARD, MOVE
from tests.sim_hardware.raw import MOVE_ALONG, PlcHost, Wire, cell
from tests.support import virtual


async def ask(wire: Wire, **request: Any) -> dict[str, Any]:
    wire.send(json.dumps(request).encode() + b"\n")
    reply: dict[str, Any] = json.loads(await wire.reader.readline())
    return reply


@virtual
async def test_the_truth_tells_boards_film_nozzle_and_place() -> None:
    async with cell() as (_, ports):
        control, host = await Wire.open(ports.control), await PlcHost.open(ports.plc)
        await host.run("transport", LOAD_BOARD, 1)
        truth = await ask(control, do="truth")
        assert truth["ok"] is True
        assert (truth["boards"], truth["board_in_nest"]) == (["B0001"], "B0001")
        assert (truth["placements"], truth["nozzle"], truth["film_height_um"]) == ([], None, 0.0)
        assert truth["nozzle_x_um"] == pytest.approx(10_000)
        events = await ask(control, do="events")
        assert [event["kind"] for event in events["events"]] == ["board in"]
        await host.close()
        await control.close()


@virtual
async def test_an_injected_fault_strikes_and_is_told() -> None:
    async with cell() as (_, ports):
        control, host = await Wire.open(ports.control), await PlcHost.open(ports.plc)
        await host.run("gantry", HOME, 1)
        assert await ask(control, do="inject", kind="axis_fault", nth=1) == {"ok": True}
        state = await host.run("gantry", MOVE, 2, x_um=400_000, y_um=0, theta_deg=0, **MOVE_ALONG)
        assert state.result == Result.AXIS_FAULT
        assert [hit["kind"] for hit in (await ask(control, do="truth"))["faults_struck"]] == ["axis_fault"]
        await host.close()
        await control.close()


@virtual
async def test_each_device_tells_the_longest_silence_of_its_host_since_it_was_asked_last() -> None:
    async with cell() as (plant, ports):
        control = await Wire.open(ports.control)
        core = plant.head.core
        for heartbeat, wait_s in enumerate((0.1, 0.4, 0.2), 1):
            core.beat(7, heartbeat, 0)
            await asyncio.sleep(wait_s)
        core.beat(7, 3, 0)  # the same number again: no new heartbeat
        gaps = (await ask(control, do="heartbeats"))["longest_gap_s"]
        assert gaps == {"plc": 0.0, "head": pytest.approx(0.4), "dip_unit": 0.0, "film_gauge": 0.0}
        await asyncio.sleep(0.1)
        assert (await ask(control, do="heartbeats"))["longest_gap_s"]["head"] == pytest.approx(0.3), "it goes on"
        core.beat(7, 4, 0)
        core.beat(8, 1, 0)
        assert (await ask(control, do="heartbeats"))["longest_gap_s"]["head"] == pytest.approx(0.3)
        assert (await ask(control, do="heartbeats"))["longest_gap_s"]["head"] == 0.0
        await control.close()


@virtual
async def test_the_e_stop_can_be_pressed_and_released_and_a_device_rebooted() -> None:
    async with cell() as (plant, ports):
        control = await Wire.open(ports.control)
        stands = []
        for pressed in (True, False):
            await ask(control, do="estop", pressed=pressed)
            stands.append(plant.safety.estop_ok)
        assert stands == [False, True]
        boot_id = plant.film_gauge.core.boot_id
        await ask(control, do="reboot", device="film_gauge")
        assert plant.film_gauge.core.boot_id != boot_id
        await ask(control, do="safety", air_ok=False)
        assert not plant.safety.air_ok
        await control.close()


@virtual
async def test_nonsense_is_answered_with_a_sentence() -> None:
    async with cell() as (_, ports):
        control = await Wire.open(ports.control)
        for line, words in (
            (b"{", "Expecting"),
            (b"[]", "expected a JSON object"),
            (b'{"do": "dance"}', "known are inject, heal, announce, truth"),
            (b'{"do": "inject", "kind": "gremlin"}', "unknown fault 'gremlin'"),
            (b'{"do": "inject", "nth": 1}', "inject.kind: missing"),
            (b'{"do": "reboot", "device": "toaster"}', "no device 'toaster'"),
            (b'{"do": "safety", "door": true}', "safety inputs are estop_ok"),
            (b'{"do": "cut", "port": "toaster"}', "ports are plc"),
        ):
            control.send(line + b"\n")
            reply = json.loads(await control.reader.readline())
            assert reply["ok"] is False
            assert words in reply["error"]
        await control.close()


@virtual
async def test_a_cut_link_is_reset_and_refuses_for_as_long_as_asked() -> None:
    async with cell() as (_, ports):
        control, host = await Wire.open(ports.control), await PlcHost.open(ports.plc)
        await ask(control, do="cut", port="plc", refuse_s=1.0)
        with pytest.raises(ConnectionResetError):
            await host.reader.read()
        await host.close()
        await control.close()
