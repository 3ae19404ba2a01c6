"""O13, H01: a placement that nobody saw end is settled by nozzle and camera in Reset or by a person, never repeated."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

import recipes
from sim_hardware.faults import FaultSpec
from sim_hardware.mishaps import take_part_away
from sim_hardware.plant import Plant
from station.run.packml import Command, State
from tests.scenarios.bench import Bench, bench, numbers, world
from tests.scenarios.test_restart import finish_everything
from tests.support import virtual

STICKS = FaultSpec("part_sticks", nth=1, step="place")


async def killed(tmp_path: Path, *faults: FaultSpec) -> Plant:
    """A machine whose service died when the placed package was about to be looked at."""
    plant = world()
    await plant.start()
    async with bench(tmp_path / "a", plant=plant) as b:
        for fault in faults:
            plant.faults.inject(fault, plant.now())
        plant.faults.announce("place", plant.now())
        b.order()
        await b.step("look_at_placed")
        await b.die()
    await asyncio.sleep(2.0)
    return plant


@asynccontextmanager
async def asked_to_look(tmp_path: Path, plant: Plant) -> AsyncIterator[Bench]:
    """The service again; a person has left it to the station to look, and has pressed Reset."""
    async with bench(tmp_path / "a", plant=plant, is_ready=False, seed=12) as b:
        assert b.controller.packml.state is State.ABORTED
        assert numbers(b.controller.alarms.standing) == [901]
        b.answer(b.controller.alarms.standing[0], "look")
        await b.controller.command(Command.CLEAR)
        await asyncio.sleep(3.0)
        assert not b.is_moving(), "it looks when Reset is pressed, not before"
        assert await b.records() == []
        await b.controller.command(Command.RESET)
        yield b
    await plant.stop()


async def results(b: Bench) -> list[tuple[str, str]]:
    return [(r["site"], r["result"]) for r in await b.records()]


async def is_rounded_off(b: Bench) -> None:
    """The board is finished, no site has two packages, every record is true, nothing is open."""
    await finish_everything(b)
    placed = sorted((p["board"], p["site"]) for p in b.placements())
    assert len(placed) == len(set(placed))
    said = [
        (r["board"]["serial"], r["site"]) for r in await b.records() if r["result"] in ("placed", "placed_unverified")
    ]
    assert sorted(said) == placed
    assert b.store.journal.is_quiet
    assert (await b.store.verify()).is_sound


@virtual
async def test_free_nozzle_and_a_package_at_the_site_is_placed_unverified_and_never_placed_again(
    tmp_path: Path,
) -> None:
    plant = await killed(tmp_path)
    async with asked_to_look(tmp_path, plant) as b:
        assert await b.rest() is State.IDLE, b.alarm_text()
        assert await results(b) == [("1.U1", "placed_unverified")]
        assert "seen at its site" in (await b.records())[0]["reason"]["text"]
        assert numbers(b.controller.alarms.standing) == [904], "told, with what proved it"
        await is_rounded_off(b)
        assert await results(b) == [("1.U1", "placed_unverified"), ("2.U1", "placed")]


@virtual
async def test_package_on_the_nozzle_and_a_free_site_is_not_placed_rejected_and_its_site_gets_another(
    tmp_path: Path,
) -> None:
    plant = await killed(tmp_path, STICKS)
    async with asked_to_look(tmp_path, plant) as b:
        alarm = await b.alarm()
        assert alarm.definition.number == 303, b.alarm_text()
        b.answer(alarm, "new_part")
        assert await b.rest() is State.IDLE, b.alarm_text()
        assert await results(b) == [("1.U1", "unplaced")]
        assert "P000001" in b.truth()["rejected"]
        await is_rounded_off(b)
        assert await results(b) == [("1.U1", "unplaced"), ("1.U1", "placed"), ("2.U1", "placed")]


@virtual
async def test_free_nozzle_and_a_free_site_is_a_lost_package_that_somebody_must_find(
    tmp_path: Path,
) -> None:
    plant = await killed(tmp_path, STICKS)
    take_part_away(plant)
    async with asked_to_look(tmp_path, plant) as b:
        alarm = await b.alarm()
        assert alarm.definition.number == 906, b.alarm_text()
        assert await results(b) == [("1.U1", "unplaced")]
        await asyncio.sleep(5.0)
        assert b.controller.packml.state is State.RESETTING, "nothing goes on before somebody has searched"
        assert b.truth()["board_in_nest"] == "B0001"
        b.answer(alarm, "acknowledge")
        assert await b.rest() is State.IDLE, b.alarm_text()
        await is_rounded_off(b)


@pytest.mark.parametrize("answer", ["was_placed", "unknown"])
@pytest.mark.parametrize("why", ["no board", "other board", "no fiducial", "foreign package", "recipe gone"])
def test_what_the_station_cannot_tell_a_person_decides(tmp_path: Path, why: str, answer: str) -> None:
    @virtual
    async def story() -> None:
        plant = await killed(tmp_path)
        if why == "no board":
            plant.board_clamped = False
            plant.take_board_out()
        elif why == "other board":
            plant.faults.inject(FaultSpec("board_swapped"), plant.now())
        elif why == "no fiducial":
            plant.boards[-1].missing_fiducials = (plant.boards[-1].type.fiducials[0].name,)
        elif why == "foreign package":
            plant.faults.inject(FaultSpec("part_given"), plant.now())
        await asyncio.sleep(1.0)
        async with asked_to_look(tmp_path, plant) as b:
            if why == "recipe gone":
                b.named = lambda: recipes.load("pop_14x14_152")
            alarm = await b.alarm()
            if why == "foreign package":
                assert alarm.definition.number == 303
                b.answer(alarm, "new_part")
                await b.until(lambda: bool(b.controller.alarms.standing))
                alarm = b.controller.alarms.standing[0]
            assert alarm.definition.number == 905, b.alarm_text()
            assert await results(b) == []
            plant.boards[-1].missing_fiducials = ()
            b.answer(alarm, answer)
            assert await b.rest() is State.IDLE, b.alarm_text()
            result = "placed_unverified" if answer == "was_placed" else "ambiguous"
            record = (await b.records())[0]
            assert (record["board"]["serial"], record["site"], record["result"]) == ("B0001", "1.U1", result)
            assert [told["answer"] for told in record["operator"]] == [answer]
            b.named = lambda: b.drawn
            await finish_everything(b)
            placed = [(p["board"], p["site"]) for p in b.placements()]
            assert placed.count(("B0001", "1.U1")) == 1, "never placed again by itself"

    story()


@virtual
async def test_the_glass_part_on_the_nozzle_is_no_proof_that_a_package_was_not_placed(tmp_path: Path) -> None:
    """The service dies a second time, in the calibration before the look."""
    plant = world()
    await plant.start()
    async with bench(tmp_path / "a", plant=plant) as b:
        b.order()
        await b.until(lambda: bool(b.placements()), 0.001)
        await b.die()
    await asyncio.sleep(2.0)
    async with bench(tmp_path / "a", plant=plant, is_ready=False, seed=12) as b:
        b.answer(b.controller.alarms.standing[0], "look")
        await b.controller.command(Command.CLEAR)
        await b.controller.command(Command.RESET)
        await b.until(lambda: plant.held is not None)
        await b.die()
    await asyncio.sleep(2.0)
    async with bench(tmp_path / "a", plant=plant, is_ready=False, seed=13) as b:
        assert numbers(b.controller.alarms.standing) == [901], b.alarm_text()
        assert await results(b) == []
        b.answer(b.controller.alarms.standing[0], "was_placed")
        assert await results(b) == [("1.U1", "placed_unverified")]
    await plant.stop()


@virtual
async def test_a_reset_that_is_stopped_before_the_look_asks_again(tmp_path: Path) -> None:
    plant = await killed(tmp_path)
    async with asked_to_look(tmp_path, plant) as b:
        await asyncio.sleep(1.0)
        await b.controller.command(Command.STOP)
        assert numbers(b.controller.alarms.standing) == [901]
        assert await results(b) == []
        assert not b.store.journal.is_quiet
        b.answer(b.controller.alarms.standing[0], "look")
        await b.ready()
        assert await results(b) == [("1.U1", "placed_unverified")]
        await is_rounded_off(b)
