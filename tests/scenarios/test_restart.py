"""H01 on one virtual clock: the service dies at an instant of an act; a new service asks about it."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from sim_hardware.faults import FaultSpec
from sim_hardware.mishaps import take_part_away
from station.alarms.active import AnswerRefused
from station.run.controller import CommandRefused
from station.run.packml import Command, State
from tests.scenarios.bench import Bench, bench, killed_in, numbers, world
from tests.support import virtual


async def finish_everything(b: Bench) -> None:
    if b.controller.packml.state is State.ABORTED:
        await b.controller.command(Command.CLEAR)
    if b.controller.packml.state is not State.IDLE:
        await b.ready()
    b.order()
    while await b.rest() is State.HELD:
        b.answer(b.controller.alarms.standing[0], "new_part")
    assert b.controller.packml.state is State.COMPLETE, b.alarm_text()


ANSWERS = {"was_placed": "placed_unverified", "was_not_placed": "unplaced", "unknown": "ambiguous"}


@pytest.mark.parametrize("answer", ANSWERS)
def test_a_placement_cut_off_by_a_dead_service_is_asked_about_recorded_and_never_repeated(
    tmp_path: Path, answer: str
) -> None:
    @virtual
    async def story() -> None:
        b = await killed_in(tmp_path / "a", "place", 0.02)
        plant = b.plant
        await asyncio.sleep(2.0)
        before = [(p["board"], p["site"]) for p in b.placements()]
        async with bench(tmp_path / "a", plant=plant, is_ready=False, seed=12) as b:
            assert b.controller.packml.state is State.ABORTED
            assert numbers(b.controller.alarms.standing) == [901]
            alarm = b.controller.alarms.standing[0].view()
            assert alarm["objects"]["board"] == "B0001"
            assert alarm["objects"]["site"] == "1.U1"
            assert "place" in alarm["text"]
            assert [a["id"] for a in alarm["answers"]] == [*ANSWERS, "look"]
            await asyncio.sleep(5.0)
            assert not b.is_moving(), "a restart moves nothing"
            await b.controller.command(Command.CLEAR)
            assert numbers(b.controller.alarms.standing) == [901], "Clear does not answer a question"
            with pytest.raises(CommandRefused, match="901"):
                await b.controller.command(Command.RESET)
            b.answer(b.controller.alarms.standing[0], answer)
            records = await b.records()
            assert [(r["board"]["serial"], r["site"], r["result"]) for r in records] == [
                ("B0001", "1.U1", ANSWERS[answer])
            ]
            assert records[0]["reason"]["code"] == "interrupted_act"
            assert records[0]["operator"][0]["answer"] == answer
            json.dumps(records)
            await finish_everything(b)
            placed = [(p["board"], p["site"]) for p in b.placements()]
            assert len(placed) == len(set(placed)), "two packages at one site"
            if answer != "was_not_placed":
                assert placed.count(("B0001", "1.U1")) == before.count(("B0001", "1.U1"))
            assert (await b.store.verify()).is_sound
        async with bench(tmp_path / "a", plant=plant, is_ready=False, seed=13) as b:
            assert b.controller.packml.state is State.STOPPED, "the answer was durable"
            assert b.controller.alarms.standing == []
        await plant.stop()

    story()


@pytest.mark.parametrize("step_id", ["pick", "dip", "bin_part", "board_out"])
def test_other_acts_cut_off_are_told_and_what_hangs_on_the_nozzle_is_rejected(tmp_path: Path, step_id: str) -> None:
    @virtual
    async def story() -> None:
        plant = world()
        await plant.start()
        async with bench(tmp_path / "a", plant=plant) as b:
            if step_id == "bin_part":
                plant.faults.inject(FaultSpec("bridge", nth=1), plant.now())
            b.order()
            await b.step(step_id)
            await asyncio.sleep(0.05)
            await b.die()
        await asyncio.sleep(2.0)
        hung = b.truth()["nozzle"]
        async with bench(tmp_path / "a", plant=plant, is_ready=False, seed=12) as b:
            assert b.controller.packml.state is State.ABORTED
            # In the bin's travel the package hangs from the raised nozzle: that settles it.
            assert numbers(b.controller.alarms.standing) == [904 if step_id == "bin_part" else 903]
            b.answer(b.controller.alarms.standing[0], "acknowledge")
            await finish_everything(b)
            placed = [(p["board"], p["site"]) for p in b.placements()]
            assert len(placed) == len(set(placed))
            assert hung not in [p["serial"] for p in b.placements()]
            assert (await b.store.verify()).is_sound
        await plant.stop()

    story()


@virtual
async def test_a_clean_end_opens_in_stopped_without_questions(tmp_path: Path) -> None:
    plant = world()
    await plant.start()
    async with bench(tmp_path / "a", plant=plant) as b:
        b.order()
        assert await b.rest() is State.COMPLETE
        first = await b.records()
    async with bench(tmp_path / "a", plant=plant, is_ready=False, seed=12) as b:
        assert b.controller.packml.state is State.STOPPED
        assert b.controller.alarms.standing == []
        assert await b.records() == first
        await finish_everything(b)
        assert {p["board"] for p in b.placements()} == {"B0001", "B0002"}
    await plant.stop()


@virtual
async def test_a_board_of_which_one_site_is_done_gets_only_the_other_after_a_restart(tmp_path: Path) -> None:
    plant = world()
    await plant.start()
    async with bench(tmp_path / "a", plant=plant) as b:
        b.order()
        await b.step("look_at_site")
        await b.step("look_at_site")
        await b.controller.command(Command.STOP)
        assert [p["site"] for p in b.placements()] == ["1.U1"]
    async with bench(tmp_path / "a", plant=plant, is_ready=False, seed=12) as b:
        await finish_everything(b)
        assert [(p["board"], p["site"]) for p in b.placements()] == [("B0001", "1.U1"), ("B0001", "2.U1")]
        pockets = [i["args"]["pocket"] for i in await b.events("journal.intent") if i["step"] == "pick"]
        assert pockets == [0, 1], "the tray is counted on, not begun again"
        assert [r["site"] for r in await b.records()] == ["1.U1", "2.U1"]
    await plant.stop()


@virtual
async def test_a_glass_part_left_on_the_nozzle_by_a_kill_in_calibration_never_goes_to_the_bin(tmp_path: Path) -> None:
    plant = world()
    await plant.start()
    async with bench(tmp_path / "a", plant=plant, is_ready=False) as b:
        await b.controller.command(Command.RESET)
        await b.until(lambda: plant.held is not None)
        await b.die()
    await asyncio.sleep(2.0)
    async with bench(tmp_path / "a", plant=plant, seed=12, is_ready=False) as b:
        await b.controller.command(Command.RESET)
        alarm = await b.alarm()
        assert alarm.definition.number == 309, b.alarm_text()
        assert [answer.value for answer in alarm.answers] == ["retry", "stop"]
        take_part_away(plant)
        await asyncio.sleep(1.0)
        b.answer(alarm, "retry")
        assert await b.rest() is State.IDLE, b.alarm_text()
        assert plant.holder.glass is not None
        assert b.happened("part dropped") == []
    await plant.stop()


@virtual
async def test_an_answer_to_a_question_of_an_earlier_life_of_the_service_is_refused(tmp_path: Path) -> None:
    plant = (await killed_in(tmp_path / "a", "place", 0.02)).plant
    shown = []
    for seed in (12, 13):
        async with bench(tmp_path / "a", plant=plant, is_ready=False, seed=seed) as b:
            shown.append(b.controller.alarms.standing[0])
    earlier, later = shown
    assert (earlier.definition.number, later.definition.number) == (901, 901)
    assert earlier.id != later.id
    assert earlier.state_token != later.state_token
    async with bench(tmp_path / "a", plant=plant, is_ready=False, seed=14) as b:
        for alarm_id, token in (
            (earlier.id, earlier.state_token),
            (b.controller.alarms.standing[0].id, later.state_token),
        ):
            with pytest.raises(AnswerRefused):
                b.controller.answer(alarm_id, "unknown", token)
        assert await b.records() == []
    await plant.stop()
