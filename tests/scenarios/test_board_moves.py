"""B04, A07: a board that slips in its clamp or axes that lose steps show after the placement, and in the record."""

from __future__ import annotations

from pathlib import Path

import pytest

from sim_hardware.faults import FaultSpec
from station.run.packml import State
from tests.scenarios.bench import Bench, bench, recipe
from tests.support import virtual

WITHIN_UM = 15.0


async def records_tell_the_truth(b: Bench) -> None:
    """What a record says of the offset is where the package lies, and no package beyond the limit passes."""
    limit_um = recipe().place.offset_limit_um
    lies = b.placements()
    told = [r for r in await b.records() if r["result"] == "placed"]
    assert len(told) == len(lies) > 0
    for record, placed in zip(told, lies, strict=True):
        verified = record["verify"]
        assert verified["offset_x_um"] == pytest.approx(placed["offset_x_um"], abs=WITHIN_UM)
        is_off = (placed["offset_x_um"] ** 2 + placed["offset_y_um"] ** 2) ** 0.5 > limit_um
        assert bool(record["reason"]) == is_off, record["reason"]


@pytest.mark.parametrize("step_id", ["go_to_tray", "expose_wet", "align", "place"])
@pytest.mark.parametrize("kind", ["board_shifts", "lost_steps"])
def test_what_was_placed_after_a_shift_is_judged_by_where_the_board_is_now(
    tmp_path: Path, kind: str, step_id: str
) -> None:
    @virtual
    async def story() -> None:
        async with bench(tmp_path) as b:
            b.order()
            await b.step(step_id)
            b.plant.faults.inject(FaultSpec(kind, value=150.0), b.plant.now())
            # Lost steps spoil the look at the package as well: then it never gets to the board.
            if kind == "lost_steps" and step_id in ("go_to_tray", "expose_wet"):
                assert await b.rest() in (State.HELD, State.COMPLETE)
                assert all(abs(p["offset_x_um"]) < WITHIN_UM for p in b.placements())
                return
            alarm = await b.alarm()
            assert alarm.definition.number == 712, b.alarm_text()
            await records_tell_the_truth(b)
            if kind == "board_shifts":
                assert (await b.records())[0]["reason"]["code"] == "placed_offset"
                b.answer(alarm, "retry")
                assert await b.rest() is State.COMPLETE, b.alarm_text()
                await records_tell_the_truth(b)
                assert len(b.placements()) == 2

    story()


@virtual
async def test_a_shift_after_the_last_look_at_the_board_is_followed_and_the_next_package_lies_right(
    tmp_path: Path,
) -> None:
    async with bench(tmp_path) as b:
        b.order()
        await b.step("look_at_placed")
        b.plant.faults.inject(FaultSpec("board_shifts", value=150.0), b.plant.now())
        await b.answer_next(712, "retry")
        assert await b.rest() is State.COMPLETE, b.alarm_text()
        await records_tell_the_truth(b)
        located = [event for event in await b.events("step.started") if event["step"] == "locate_board"]
        assert len(located) == 2


@virtual
async def test_the_answer_stop_leaves_the_board_with_the_record_of_what_was_placed(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        b.order()
        await b.step("align")
        b.plant.faults.inject(FaultSpec("lost_steps", value=150.0), b.plant.now())
        await b.answer_next(712, "stop")
        assert await b.rest(State.STOPPED) is State.STOPPED
        assert [(r["site"], r["result"]) for r in await b.records()] == [("1.U1", "placed")]


@virtual
async def test_a_board_that_lies_still_is_located_once(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        b.order()
        assert await b.rest() is State.COMPLETE, b.alarm_text()
        steps = [event["step"] for event in await b.events("step.started")]
        assert (steps.count("locate_board"), steps.count("look_at_mark")) == (1, 2)
        await records_tell_the_truth(b)
