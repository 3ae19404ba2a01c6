"""V02: a package falls off in travel. Nothing is placed, the part is declared lost, a new one goes on."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from drivers.devices.head import PressEvidence, PressProfile
from sim_hardware.faults import FaultSpec
from sim_hardware.mishaps import take_part_away
from station.run.packml import Command, State
from tests.scenarios.bench import bench
from tests.support import virtual


@pytest.mark.parametrize("move", [1, 2, 3, 4, 5, 6])
def test_a_package_lost_on_the_way_is_declared_and_the_site_gets_another(tmp_path: Path, move: int) -> None:
    """move: on which travel with a package the vacuum opens"""

    @virtual
    async def story() -> None:
        async with bench(tmp_path) as b:
            b.plant.faults.inject(FaultSpec("part_lost", nth=move), b.plant.now())
            b.order()
            await b.rest(State.HELD)
            alarm = b.controller.alarms.standing[0].view()
            lost = b.truth()["lost"]
            assert len(lost) == 1
            assert alarm["number"] == 302
            assert [answer["id"] for answer in alarm["answers"]] == ["new_part", "skip_site", "stop"]
            assert alarm["objects"]["site"] == "1.U1"
            assert b.placements() == []
            assert b.truth()["nozzle"] is None
            assert not b.is_moving()
            await b.answer_next(302, "new_part")
            assert await b.rest() is State.COMPLETE, b.alarm_text()
            placed = b.placements()
            assert sorted(p["site"] for p in placed) == ["1.U1", "2.U1"]
            assert lost[0] not in [p["serial"] for p in placed]
            records = await b.records()
            assert [(r["site"], r["result"]) for r in records] == [
                ("1.U1", "rejected"),
                ("1.U1", "placed"),
                ("2.U1", "placed"),
            ]
            assert records[0]["reason"]["code"] == "part_lost"

    story()


@virtual
async def test_skip_after_a_loss_leaves_the_site_empty_with_a_record(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        b.plant.faults.inject(FaultSpec("part_lost", nth=2), b.plant.now())
        job = b.order()
        await b.answer_next(302, "skip_site")
        assert await b.rest() is State.COMPLETE, b.alarm_text()
        assert [p["site"] for p in b.placements()] == ["2.U1"]
        assert [(r["site"], r["result"]) for r in await b.records()] == [("1.U1", "unplaced"), ("2.U1", "placed")]
        assert (job.placed, job.rejected, job.unplaced) == (1, 0, 1)


@virtual
async def test_a_package_that_goes_in_the_instant_of_the_dip_is_missed_at_the_plate_and_asked_about(
    tmp_path: Path,
) -> None:
    async with bench(tmp_path) as b:
        head = b.controller.cell.head
        press = head.press

        async def pressed(profile: PressProfile) -> PressEvidence:
            # After the travel has looked at the vacuum, and before the drive gets its profile.
            head.press = press  # type: ignore[method-assign]
            take_part_away(b.plant)
            return await press(profile)

        b.order()
        await b.step("go_to_plate")
        head.press = pressed  # type: ignore[method-assign]
        asked = await b.answer_next(411, "new_part")
        assert "No contact down to Z" in asked.text
        assert await b.rest() is State.COMPLETE, b.alarm_text()
        assert [record["result"] for record in await b.records()] == ["rejected", "placed", "placed"]
        assert len(b.happened("dipped")) == 2


@virtual
async def test_a_package_that_was_taken_while_held_is_missed_before_the_empty_nozzle_goes_down_to_film_or_board(
    tmp_path: Path,
) -> None:
    for number, step_id in enumerate(("go_to_plate", "expose_wet", "align")):
        async with bench(tmp_path / str(number)) as b:
            b.order()
            await b.step(step_id)
            await b.controller.command(Command.HOLD)
            await b.rest(State.HELD)
            b.plant.faults.inject(FaultSpec("part_taken"), b.plant.now())
            await asyncio.sleep(0.5)
            begun = await b.events("step.started")
            await b.controller.command(Command.UNHOLD)
            await b.rest(State.HELD)
            later = [told["step"] for told in (await b.events("step.started"))[len(begun) :]]
            assert not {"dip", "place"} & set(later), "the head went down with nothing"
            await b.answer_next(302, "new_part")
            assert await b.rest() is State.COMPLETE, b.alarm_text()
            assert [record["result"] for record in await b.records()] == ["rejected", "placed", "placed"]
