"""A package that was placed has its record, whatever ended the run before anybody looked at it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from sim_hardware.faults import FaultSpec
from station.run.packml import Command, State
from tests.scenarios.bench import Bench, bench, numbers, world
from tests.support import virtual

UNVERIFIED = [("B0001", "1.U1", "placed_unverified", "verification_interrupted")]


async def told(b: Bench) -> list[tuple[str, str, str, str]]:
    return [
        (r["board"]["serial"], r["site"], r["result"], r["reason"]["code"] if r["reason"] else "")
        for r in await b.records()
    ]


@pytest.mark.parametrize("command", [Command.STOP, Command.ABORT])
def test_a_run_that_is_ended_before_the_look_records_what_was_placed(tmp_path: Path, command: Command) -> None:
    @virtual
    async def story() -> None:
        async with bench(tmp_path) as b:
            b.order()
            await b.step("look_at_placed")
            await b.controller.command(command)
            assert [p["site"] for p in b.placements()] == ["1.U1"]
            assert await told(b) == UNVERIFIED

    story()


@virtual
async def test_a_link_that_is_lost_before_the_look_does_not_lose_the_placement(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        b.order()
        await b.step("look_at_placed")
        b.plant.faults.inject(FaultSpec("link_silent", target="plc", duration_s=5.0), b.plant.now())
        assert await b.rest(State.ABORTED) is State.ABORTED
        assert numbers(b.controller.alarms.standing) == [101]
        assert await told(b) == UNVERIFIED


@virtual
async def test_a_service_that_dies_before_the_record_writes_it_when_it_starts_again_and_once(tmp_path: Path) -> None:
    plant = world()
    await plant.start()
    async with bench(tmp_path / "a", plant=plant) as b:
        b.order()
        await b.step("look_at_placed")
        await asyncio.sleep(0.02)
        await b.die()
    for session in (12, 13):
        async with bench(tmp_path / "a", plant=plant, is_ready=False, seed=session) as b:
            assert await told(b) == UNVERIFIED
            assert b.controller.packml.state is State.STOPPED, "nothing is in doubt: nobody is asked"
    async with bench(tmp_path / "a", plant=plant, seed=14) as b:
        b.order()
        assert await b.rest() is State.COMPLETE, b.alarm_text()
        assert [(p["board"], p["site"]) for p in b.placements()] == [("B0001", "1.U1"), ("B0001", "2.U1")]
        assert [(site, result) for _, site, result, _ in await told(b)] == [
            ("1.U1", "placed_unverified"),
            ("2.U1", "placed"),
        ]
    await plant.stop()
