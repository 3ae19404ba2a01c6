"""A placement is recorded when somebody knows what became of it: until then its act is open, one record closes it."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path

import pytest

from sim_hardware.faults import FaultSpec
from station.run.packml import Command, State
from tests.scenarios.bench import Bench, bench, killed_in, numbers, world
from tests.support import virtual


async def told(b: Bench) -> list[tuple[str, str, str]]:
    return [(r["board"]["serial"], r["site"], r["result"]) for r in await b.records()]


@pytest.mark.parametrize("command", [Command.STOP, Command.ABORT])
@pytest.mark.parametrize("step_id", ["look_at_placed", "look_at_mark", "judge_placed"])
def test_a_run_that_is_ended_before_the_verdict_asks_and_keeps_what_it_knew(
    tmp_path: Path, command: Command, step_id: str
) -> None:
    @virtual
    async def story() -> None:
        async with bench(tmp_path) as b:
            b.order()
            await b.step(step_id)
            await b.controller.command(command)
            assert [p["site"] for p in b.placements()] == ["1.U1"]
            assert numbers(b.controller.alarms.standing) == [901]
            assert "nobody has looked at it since" in b.alarm_text()
            assert await told(b) == []
            b.answer(b.controller.alarms.standing[0], "was_placed")
            assert await told(b) == [("B0001", "1.U1", "placed_unverified")]
            record = (await b.records())[0]
            assert record["reason"]["code"] == "interrupted_act"
            assert [told["answer"] for told in record["operator"]] == ["was_placed"]
            assert record["dip"]["depth_um"] > 0.0, "what the run knew of the package stands in its record"
            assert record["place"]["hold_force_n"] > 0.0
            assert record["lots"]["part"]

    story()


@virtual
async def test_a_link_that_is_lost_before_the_look_does_not_lose_the_placement(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        b.order()
        await b.step("look_at_placed")
        b.plant.faults.inject(FaultSpec("link_silent", target="plc", duration_s=5.0), b.plant.now())
        assert await b.rest(State.ABORTED) is State.ABORTED
        assert numbers(b.controller.alarms.standing) == [101, 901]
        await asyncio.sleep(6.0)
        b.answer(b.controller.alarms.standing[1], "look")
        await b.controller.command(Command.CLEAR)
        await b.ready()
        assert await told(b) == [("B0001", "1.U1", "placed_unverified")]


@virtual
async def test_a_package_that_sticks_is_not_recorded_as_placed_when_the_look_at_it_is_cut_off(tmp_path: Path) -> None:
    async with bench(tmp_path, FaultSpec("part_sticks", nth=1, step="place")) as b:
        b.plant.faults.announce("place", b.plant.now())
        b.order()
        await b.step("look_at_placed")
        b.plant.faults.inject(FaultSpec("axis_fault", nth=1), b.plant.now())
        assert await b.rest(State.ABORTED) is State.ABORTED
        assert b.placements() == []
        assert await told(b) == []
        b.answer(next(a for a in b.controller.alarms.standing if a.definition.number == 901), "look")
        await b.controller.command(Command.CLEAR)
        await b.ready()
        assert await told(b) == [("B0001", "1.U1", "unplaced")]
        b.order()
        assert await b.rest() is State.COMPLETE, b.alarm_text()
        assert [(site, result) for _, site, result in await told(b)] == [
            ("1.U1", "unplaced"),
            ("1.U1", "placed"),
            ("2.U1", "placed"),
        ]


@virtual
async def test_a_service_that_dies_before_the_record_asks_at_every_start_and_records_once(tmp_path: Path) -> None:
    plant = (await killed_in(tmp_path / "a", "look_at_placed", 0.02)).plant
    for session in (12, 13):
        async with bench(tmp_path / "a", plant=plant, is_ready=False, seed=session) as b:
            assert b.controller.packml.state is State.ABORTED
            assert numbers(b.controller.alarms.standing) == [901]
            assert await told(b) == []
            if session == 13:
                b.answer(b.controller.alarms.standing[0], "was_placed")
                assert await told(b) == [("B0001", "1.U1", "placed_unverified")]
    async with bench(tmp_path / "a", plant=plant, seed=14) as b:
        b.order()
        assert await b.rest() is State.COMPLETE, b.alarm_text()
        assert [(p["board"], p["site"]) for p in b.placements()] == [("B0001", "1.U1"), ("B0001", "2.U1")]
        assert [(site, result) for _, site, result in await told(b)] == [
            ("1.U1", "placed_unverified"),
            ("2.U1", "placed"),
        ]
    await plant.stop()


STUCK = FaultSpec("vacuum_sensor", value=-70.0)
"""the vacuum does not go away after the release: alarm 304, and nobody knows whether the package left"""


async def sensor_sticks(b: Bench) -> None:
    """From the beginning of the placement on."""
    await b.step("place")
    b.plant.faults.inject(STUCK, b.plant.now())


@pytest.mark.parametrize("how", ["nobody there", "answers to stop", "presses Stop", "presses Abort"])
def test_a_release_that_is_in_doubt_is_asked_about_once_more_where_the_job_ends_with_it(
    tmp_path: Path, how: str
) -> None:
    @virtual
    async def story() -> None:
        async with bench(tmp_path, attended=how != "nobody there") as b:
            b.order()
            await sensor_sticks(b)
            if how != "nobody there":
                await b.rest(State.HELD)
                (asked,) = b.controller.alarms.standing
                assert asked.definition.number == 304, b.alarm_text()
                assert await told(b) == []
                end = {
                    "answers to stop": partial(_answers, b, "stop"),
                    "presses Stop": partial(b.controller.command, Command.STOP),
                    "presses Abort": partial(b.controller.command, Command.ABORT),
                }[how]
                await end()
            await b.rest(State.STOPPED, State.ABORTED)
            assert [p["site"] for p in b.placements()] == ["1.U1"]
            assert await told(b) == []
            asked = next(a for a in b.controller.alarms.standing if a.definition.number == 901)
            assert "It was let go; nobody has looked at it since. Vacuum -70.0 kPa after release" in asked.text
            b.answer(asked, "was_placed")
            assert await told(b) == [("B0001", "1.U1", "placed_unverified")]
            assert (await b.records())[0]["dip"]["depth_um"] > 0.0

    story()


async def _answers(b: Bench, answer: str) -> None:
    b.answer(b.controller.alarms.standing[0], answer)


@virtual
async def test_a_service_that_dies_over_a_release_in_doubt_does_not_take_the_sensor_in_doubt_for_proof(
    tmp_path: Path,
) -> None:
    plant = world()
    await plant.start()
    async with bench(tmp_path / "a", plant=plant) as b:
        b.order()
        await sensor_sticks(b)
        await b.rest(State.HELD)
        await asyncio.sleep(0.02)
        await b.die()
    async with bench(tmp_path / "a", plant=plant, is_ready=False, seed=12) as b:
        assert numbers(b.controller.alarms.standing) == [901], "the vacuum says held, and the package lies at its site"
        assert await told(b) == []
        b.answer(b.controller.alarms.standing[0], "was_placed")
        assert await told(b) == [("B0001", "1.U1", "placed_unverified")]
    await plant.stop()
