"""Nobody there: each alarm's row says what the station does instead of asking; it never waits for an answer."""

from __future__ import annotations

import asyncio
from pathlib import Path

from station.run.packml import State
from tests.scenarios.bench import bench, numbers
from tests.scenarios.test_stopping import builds_a_board_again
from tests.support import virtual


@virtual
async def test_a_site_whose_bottom_package_is_not_recognised_is_left_out_with_a_record_that_says_by_policy(
    tmp_path: Path,
) -> None:
    async with bench(tmp_path, attended=False) as b:
        b.order()
        await b.step("locate_board")
        assert b.plant.board_in_nest is not None
        b.plant.board_in_nest.sites[0].bottom_dx_um = 400.0
        assert await b.rest() is State.COMPLETE, b.alarm_text()
        results = [(r["site"], r["result"]) for r in await b.records()]
        assert results == [("1.U1", "unplaced"), ("2.U1", "placed")]
        (answered,) = await b.events("alarm.answered")
        assert (answered["number"], answered["answer"], answered["by"]) == (503, "skip_site", "policy")
        assert "Held" not in [event["to"] for event in await b.events("state.changed")]


@virtual
async def test_a_package_lost_somewhere_stops_the_station_and_the_alarm_stands(tmp_path: Path) -> None:
    async with bench(tmp_path, attended=False) as b:
        b.order()
        await b.step("expose_wet")
        await asyncio.sleep(0.05)
        b.plant.lose_part()
        assert await b.rest() is State.STOPPED
        assert 302 in numbers(b.controller.alarms.standing)
        assert all(alarm.answer is None for alarm in b.controller.alarms.standing), "told, not asked"
        await asyncio.sleep(5.0)
        assert b.controller.packml.state is State.STOPPED
        await builds_a_board_again(b)


@virtual
async def test_a_film_that_cannot_be_made_stops_the_station(tmp_path: Path) -> None:
    async with bench(tmp_path, attended=False) as b:
        b.order()
        await b.step("look_at_imprint")
        b.plant.film.set_reservoir(0.0)
        assert await b.rest() is State.STOPPED
        assert 405 in numbers(b.controller.alarms.standing)


@virtual
async def test_somebody_there_is_told_what_a_retry_does_again(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        b.order()
        await b.step("look_at_site")
        assert b.plant.tray is not None
        for pocket in range(3):
            b.plant.tray.pockets[pocket].package = None
        await b.rest(State.HELD)
        retry = b.controller.alarms.standing[0].view()["answers"][0]
        assert (retry["id"], retry["consequence"]) == ("retry", "does again: Travel to tray, Pick; uses 1 part")
        assert (retry["redoes"], retry["uses_part"]) == (["Travel to tray", "Pick"], True)
        b.answer(b.controller.alarms.standing[0], "retry")
        b.plant.film.set_reservoir(0.0)
        await b.until(lambda: 405 in numbers(b.controller.alarms.standing))
        retry = b.controller.alarms.standing[0].view()["answers"][0]
        assert retry["consequence"] == "does again: Level film"
