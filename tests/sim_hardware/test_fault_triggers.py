"""When a fault strikes: by step, by command and its phase, by exchange, by byte, by time, by chance of the seed."""

from __future__ import annotations

import asyncio
import json

import pytest

from drivers.wire.handshake import Result
from drivers.wire.motion_plc import HOME, MOVE
from sim_hardware.faults import Faults, FaultSpec, Phase
from sim_hardware.plant import Plant
from sim_hardware.scenario import Scenario
from tests.sim_hardware.raw import MOVE_ALONG, PlcHost, Wire, cell
from tests.support import virtual

FAR = {"x_um": 400_000, "y_um": 300_000, "theta_deg": 0, **MOVE_ALONG}


def struck(plant: Plant) -> list[str]:
    return [kind for _, kind in plant.faults.struck]


@pytest.mark.parametrize(("phase", "least_s", "most_s"), [(Phase.COMMANDED, 0.0, 0.001), (Phase.RUNNING, 0.009, 0.011)])
def test_a_fault_waits_for_its_command_and_phase(phase: Phase, least_s: float, most_s: float) -> None:
    @virtual
    async def story() -> None:
        async with cell() as (plant, ports):
            host = await PlcHost.open(ports.plc)
            fault = FaultSpec("input_false", target="door_closed", command="plc.move", phase=phase)
            plant.faults.inject(fault, plant.now())
            await host.run("gantry", HOME, 1)
            assert struck(plant) == [], "homing is another command"
            await host.beat()
            before_s = plant.now()
            await host.command("gantry", MOVE, 2, **FAR)
            await asyncio.sleep(0.02)
            assert least_s <= plant.faults.struck[0][0] - before_s <= most_s
            while (state := await host.channel("gantry")).busy:
                await asyncio.sleep(0.05)
                await host.beat()
            assert state.result == Result.INTERLOCK
            await host.close()

    story()


@virtual
async def test_a_fault_of_a_step_waits_until_the_harness_announces_it() -> None:
    async with cell() as (plant, ports):
        control, host = await Wire.open(ports.control), await PlcHost.open(ports.plc)
        fault = {"kind": "axis_fault", "nth": 1, "step": "align", "command": "plc.move", "phase": "commanded"}
        for request in ({"do": "inject", **fault}, {"do": "announce", "step": "go_to_tray"}):
            control.send(json.dumps(request).encode() + b"\n")
            assert json.loads(await control.reader.readline()) == {"ok": True}
        await host.run("gantry", HOME, 1)
        assert (await host.run("gantry", MOVE, 2, **FAR)).result == Result.DONE
        control.send(b'{"do": "announce", "step": "align"}\n{"do": "announce"}\n')
        assert json.loads(await control.reader.readline()) == {"ok": True}
        assert "expected the name of the step" in json.loads(await control.reader.readline())["error"]
        assert (await host.run("gantry", MOVE, 3, **{**FAR, "x_um": 10_000})).result == Result.AXIS_FAULT
        assert struck(plant) == ["axis_fault"]
        await host.close()
        await control.close()


@virtual
async def test_the_nth_exchange_of_a_wire_is_hit_and_no_other() -> None:
    async with cell() as (plant, ports):
        host = await PlcHost.open(ports.plc)
        plant.faults.inject(FaultSpec("reply_lost", nth=3, target="plc"), plant.now())
        await host.beat()
        await host.status()
        host.send(bytes.fromhex("0001 0000 0006 01 03 0040 0001"))
        assert await host.silence(0.3)
        await host.status()
        assert struck(plant) == ["reply_lost"]
        await host.close()


@virtual
async def test_an_event_comes_at_its_time_and_goes_after_its_duration() -> None:
    async with cell(Scenario(faults=(FaultSpec("input_false", at_s=2.0, duration_s=1.0, target="air_ok"),))) as (
        plant,
        ports,
    ):
        host = await PlcHost.open(ports.plc)
        seen = []
        for until_s in (1.9, 2.1, 3.1):
            await asyncio.sleep(until_s - plant.now())
            seen.append(plant.safety.air_ok)
        assert seen == [True, False, True]
        await host.close()


def test_chance_comes_from_the_seed_and_hits_as_often_as_it_says() -> None:
    def hits(seed: int) -> list[bool]:
        faults = Faults([FaultSpec("pick_fail", probability=0.25)])
        faults.bind(lambda spec, when_s: None, Plant.rng(_Seeded(seed), "faults").random)  # type: ignore[arg-type]
        return [faults.strikes("pick_fail", 0.0) is not None for _ in range(4_000)]

    first = hits(1)
    assert first == hits(1)
    assert first != hits(2)
    assert 900 < sum(first) < 1_100


class _Seeded:
    def __init__(self, seed: int) -> None:
        self.scenario, self._streams = Scenario(seed=seed), {}  # type: ignore[var-annotated]


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"probability": 0.0}, "allowed above 0"),
        ({"after_s": -1.0}, "after_s"),
        ({"phase": Phase.RUNNING}, "needs a command"),
        ({"nth": -1}, "nth"),
    ],
)
def test_a_trigger_without_sense_is_refused(spec: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        FaultSpec("pick_fail", **spec)  # type: ignore[arg-type]


def test_healing_forgets_what_waits_as_well() -> None:
    faults = Faults([FaultSpec("pick_fail", step="pick"), FaultSpec("bridge", step="dip")])
    faults.heal("pick_fail")
    faults.announce("pick", 0.0)
    faults.announce("dip", 0.0)
    assert (faults.strikes("pick_fail", 0.0), faults.strikes("bridge", 0.0) is None) == (None, False)
    faults.heal()
    assert faults.are_none
    assert not faults.are_waited_for
