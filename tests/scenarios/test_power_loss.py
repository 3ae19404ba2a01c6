"""O13, H01: after a dead service the sensors settle what they prove, people are asked for the rest, nothing goes on."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from sim_hardware.faults import FaultSpec
from station.api.port import Refused
from station.door import Door
from station.run.controller import CommandRefused
from station.run.packml import Command, State
from tests.benchmarks.stop import STATES
from tests.scenarios.bench import Bench, bench, killed_in, numbers, world
from tests.scenarios.test_restart import finish_everything
from tests.scenarios.test_stop_anywhere import fill_the_disk, free_the_disk
from tests.support import virtual


async def never(*_: object) -> None:
    """A command that is not sent any more: the service dies after the intent."""
    await asyncio.Event().wait()


@pytest.mark.parametrize("step_id", ["place", "dip", "bin_part"])
def test_a_package_that_hangs_from_the_raised_nozzle_settles_its_act_and_is_rejected(
    tmp_path: Path, step_id: str
) -> None:
    @virtual
    async def story() -> None:
        plant = world()
        await plant.start()
        async with bench(tmp_path / "a", plant=plant) as b:
            if step_id == "bin_part":
                plant.faults.inject(FaultSpec("bridge", nth=1), plant.now())
            b.order()
            await b.step("go_to_plate" if step_id == "dip" else "align" if step_id == "place" else step_id)
            if step_id != "bin_part":
                b.controller.cell.head.press = never  # type: ignore[method-assign,assignment]
                await b.step(step_id)
            await b.die()
        await asyncio.sleep(2.0)
        held = b.truth()["nozzle"]
        assert held is not None
        async with bench(tmp_path / "a", plant=plant, is_ready=False, seed=12) as b:
            assert b.controller.packml.state is State.ABORTED
            assert numbers(b.controller.alarms.standing) == [904]
            assert "holds a package" in b.alarm_text()
            records = await b.records()
            assert [r["result"] for r in records] == (["unplaced"] if step_id == "place" else [])
            assert b.store.journal.open_intents() == ()
            await asyncio.sleep(3.0)
            assert not b.is_moving()
            await finish_everything(b)
            assert held in b.truth()["rejected"]
            assert len({(p["board"], p["site"]) for p in b.placements()}) == len(b.placements()) == 2
            assert (await b.store.verify()).is_sound
        await plant.stop()

    story()


@virtual
async def test_after_a_power_loss_of_the_head_as_well_nothing_is_proven_and_a_person_is_asked(tmp_path: Path) -> None:
    plant = (await killed_in(tmp_path / "a", "place")).plant
    plant.reboot("head")
    await asyncio.sleep(2.0)
    async with bench(tmp_path / "a", plant=plant, is_ready=False, seed=12) as b:
        assert numbers(b.controller.alarms.standing) == [901], "Z without reference proves nothing"
        b.answer(b.controller.alarms.standing[0], "was_not_placed")
        await finish_everything(b)
    await plant.stop()


@virtual
async def test_a_machine_that_cannot_be_reached_settles_nothing_and_keeps_nobody_waiting(tmp_path: Path) -> None:
    plant = (await killed_in(tmp_path / "a", "dip")).plant
    plant.cut_link("plc", 60.0)
    began_s = plant.now()
    async with bench(tmp_path / "a", plant=plant, is_ready=False, seed=12) as b:
        assert plant.now() - began_s <= 3.0
        assert numbers(b.controller.alarms.standing) == [903]
    await plant.stop()


@virtual
async def test_a_board_that_stands_clamped_was_not_let_go(tmp_path: Path) -> None:
    plant = world()
    await plant.start()
    async with bench(tmp_path / "a", plant=plant) as b:
        b.order()
        b.controller.cell.conveyor.unclamp = never  # type: ignore[method-assign,assignment]
        await b.step("board_out")
        await b.die()
    await asyncio.sleep(1.0)
    async with bench(tmp_path / "a", plant=plant, is_ready=False, seed=12) as b:
        assert numbers(b.controller.alarms.standing) == [904]
        assert "clamped at the stop pins" in b.alarm_text()
        assert b.truth()["board_in_nest"] == "B0001"
    await plant.stop()


@virtual
async def test_a_service_that_is_back_within_the_dead_man_does_not_let_an_old_motion_go_on(tmp_path: Path) -> None:
    plant = world()
    await plant.start()
    async with bench(tmp_path / "a", plant=plant) as b:
        b.order()
        await b.step("dip")
        await b.until(lambda: b.plant.head.z_um_at(b.plant.now()) > 12_000.0, 0.002)
        await b.die()
    async with bench(tmp_path / "a", plant=plant, is_ready=False, seed=12) as b:
        await asyncio.sleep(0.2)
        assert not b.is_moving()
        assert plant.head.channel.result.name == "STOPPED", "not by the dead-man, which bites later"
        assert numbers(b.controller.alarms.standing) == [903]
    await plant.stop()


@virtual
async def test_a_job_that_was_running_is_listed_as_interrupted_and_never_resumed(tmp_path: Path) -> None:
    plant = world()
    await plant.start()
    async with bench(tmp_path / "a", plant=plant) as b:
        job = b.order(3)
        await b.until(lambda: job.boards_done == 1)
        await b.step("place")
        await b.die()
    await asyncio.sleep(2.0)
    for seed in (12, 13):
        async with bench(tmp_path / "a", plant=plant, is_ready=False, seed=seed) as b:
            door = Door(b.controller)
            if seed == 12:
                shown = door.job(job.id)
                assert (shown["state"], shown["boards_done"], shown["boards_total"]) == ("interrupted", 1, 3)
                assert door.jobs() == [shown]
                with pytest.raises(Refused, match="never resumed"):
                    await door.job_action(job.id, "start")
                b.answer(b.controller.alarms.standing[0], "unknown")
                await finish_everything(b)
                assert [each["state"] for each in door.jobs()] == ["interrupted", "complete"]
                assert [e["state"] for e in await b.events("job.interrupted")] == ["interrupted"]
            else:
                assert door.jobs() == [], "what ended well is not interrupted"
    await plant.stop()


async def _held(b: Bench) -> None:
    await STATES["Holding"][0](b, 0.3)
    await b.rest(State.HELD)


@pytest.mark.parametrize("name", ["Resetting", "Starting", "Execute", "Holding", "after Unhold", "Held"])
def test_a_disk_that_fails_stops_the_machine_in_every_state_in_which_it_works(tmp_path: Path, name: str) -> None:
    @virtual
    async def story() -> None:
        async with bench(tmp_path, is_ready=False) as b:
            await (_held(b) if name == "Held" else STATES[name][0](b, 0.3))
            acts = len(b.happened("dipped")) + len(b.placements())
            fill_the_disk(b)
            failed_s = b.plant.now()
            b.store.events.append("note", {"text": "something to write"})
            assert await b.rest(State.STOPPED) is State.STOPPED
            assert b.plant.now() - failed_s < 3.0
            assert [a.definition.number for a in b.controller.alarms.standing].count(801) == 1
            assert not b.is_moving()
            assert len(b.happened("dipped")) + len(b.placements()) <= acts + 1, "only an act whose intent was durable"
            with pytest.raises(CommandRefused, match="801"):
                await b.controller.command(Command.RESET)
            free_the_disk(b)

    story()
