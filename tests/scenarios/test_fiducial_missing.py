"""C10: a fiducial is not there. Two looks more, then a person is asked; no nominal position is ever used instead."""

from __future__ import annotations

from pathlib import Path

from sim_hardware.faults import FaultSpec
from station.run.packml import Command, State
from tests.scenarios.bench import bench, recipe
from tests.support import virtual

NO_FIDUCIAL = FaultSpec("fiducial_missing", nth=1, value=1.0)


@virtual
async def test_a_missing_fiducial_is_looked_for_again_then_asked_about_and_stop_leaves_the_board_clamped(
    tmp_path: Path,
) -> None:
    async with bench(tmp_path, NO_FIDUCIAL) as b:
        b.order()
        await b.rest(State.HELD)
        alarm = b.controller.alarms.standing[0].view()
        assert alarm["number"] == 501
        assert "FID1" in alarm["text"]
        does = [event["does"] for event in await b.events("alarm.retried", "alarm.raised")]
        assert does == ["retry"] * recipe().recovery.locate_retries + ["ask"]
        b.answer(b.controller.alarms.standing[0], "stop")
        assert await b.rest() is State.STOPPED
        assert b.plant.board_clamped
        assert b.truth()["board_in_nest"] == "B0001"
        assert b.placements() == []
        assert b.happened("board out") == []


@virtual
async def test_a_fiducial_that_was_only_covered_is_found_by_retry_and_the_board_is_built(tmp_path: Path) -> None:
    async with bench(tmp_path, NO_FIDUCIAL) as b:
        b.order()
        await b.rest(State.HELD)
        board = b.plant.board_in_nest
        assert board is not None
        board.missing_fiducials = ()
        await b.answer_next(501, "retry")
        assert await b.rest() is State.COMPLETE, b.alarm_text()
        assert len(b.placements()) == 2


@virtual
async def test_the_same_board_can_be_built_after_the_stop(tmp_path: Path) -> None:
    async with bench(tmp_path, NO_FIDUCIAL) as b:
        b.order()
        await b.answer_next(501, "stop")
        assert await b.rest() is State.STOPPED
        board = b.plant.board_in_nest
        assert board is not None
        board.missing_fiducials = ()
        await b.controller.command(Command.RESET)
        assert await b.rest() is State.IDLE
        b.order()
        assert await b.rest() is State.COMPLETE, b.alarm_text()
        assert {p["board"] for p in b.placements()} == {"B0001"}
