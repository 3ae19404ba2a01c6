"""V01, B06: empty pockets, and a bottom package that is not where it should be."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from sim_hardware.faults import FaultSpec
from station.alarms.active import ActiveAlarm
from station.run.packml import State
from tests.scenarios.bench import Bench, bench, numbers, world
from tests.support import virtual


def empty(b: Bench, *pockets: int) -> None:
    assert b.plant.tray is not None
    for index in pockets:
        b.plant.tray.pockets[index].package = None


@virtual
async def test_two_empty_pockets_cost_two_tries_and_nobody_is_asked(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        b.order()
        await b.step("look_at_site")
        empty(b, 0, 1)
        assert await b.rest() is State.COMPLETE, b.alarm_text()
        assert len(b.placements()) == 2
        assert [r["package"]["pocket"] for r in await b.records()] == [2, 3]


@virtual
async def test_a_third_empty_pocket_is_asked_about_by_its_number(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        b.order()
        await b.step("look_at_site")
        empty(b, 0, 1, 2)
        alarm = await b.answer_next(301, "retry")
        assert "pocket 2" in alarm.text
        assert await b.rest() is State.COMPLETE, b.alarm_text()
        assert len(b.placements()) == 2


@pytest.mark.parametrize("off_um", [150.0, 400.0])
def test_a_bottom_package_out_of_place_is_followed_or_left_alone_never_missed(tmp_path: Path, off_um: float) -> None:
    @virtual
    async def story() -> None:
        async with bench(tmp_path) as b:
            b.order()
            await b.step("locate_board")
            board = b.plant.board_in_nest
            assert board is not None
            board.sites[0].bottom_dx_um = off_um
            if off_um > 180.0:
                alarm = await b.answer_next(503, "skip_site")
                assert "1.U1" in alarm.text
                assert [e["does"] for e in await b.events("alarm.retried", "alarm.raised")][-1] == "ask"
            assert await b.rest() is State.COMPLETE, b.alarm_text()
            sites = {p["site"]: p for p in b.placements()}
            assert ("1.U1" in sites) is (off_um <= 180.0)
            assert all(abs(p["offset_x_um"]) < 30.0 for p in sites.values())

    story()


@virtual
async def test_every_act_has_its_intent_on_the_disk_before_it_begins(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        b.order()
        for step_id in ("pick", "dip", "place"):
            await b.step(step_id)
            # Read as another process would: only what is durable.
            written = await b.store.events.read(limit=100_000, kinds=("journal.intent",))
            assert written[-1].data["step"] == step_id
        assert await b.rest() is State.COMPLETE, b.alarm_text()


@virtual
async def test_a_site_found_at_the_second_look_is_built_and_the_package_is_fetched_from_its_pocket(
    tmp_path: Path,
) -> None:
    """The head stood over the tray already when the picture was refused: it must go there again before it presses."""
    async with bench(tmp_path) as b:
        b.order()
        await b.step("locate_board")
        board = b.plant.board_in_nest
        assert board is not None
        board.sites[0].bottom_dx_um = 400.0
        await b.step("look_at_site")
        await b.step("look_at_site")
        board.sites[0].bottom_dx_um = 0.0
        assert await b.rest() is State.COMPLETE, b.alarm_text()
        assert len(b.placements()) == 2
        assert [d["floor"] for _, d in b.happened("picked")][-2:] == ["pocket", "pocket"]
        assert b.happened("collision") == b.happened("crash") == []
        assert [(r["result"], r["package"]["pocket"]) for r in await b.records()] == [("placed", 0), ("placed", 1)]


async def set_aside(b: Bench) -> ActiveAlarm:
    """Four pockets in a row are empty: a person has looked once for the third, and the tray is asked about."""
    b.order()
    await b.step("look_at_site")
    empty(b, 0, 1, 2, 3)
    await b.answer_next(301, "retry")
    await b.until(lambda: numbers(b.controller.alarms.standing) == [310])
    return b.controller.alarms.standing[0]


@virtual
async def test_a_tray_whose_pockets_fail_again_and_again_is_set_aside_and_named(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        alarm = await set_aside(b)
        assert "4 of its last 4 picks failed, pockets 0, 1, 2, 3" in alarm.text
        assert [answer.value for answer in alarm.answers] == ["retry", "change_tray", "stop"]
        assert b.snapshots.now()["tray"]["failed_picks"] == 4
        tray = b.plant.plc.tray_count
        await b.rest(State.HELD)
        b.answer(alarm, "change_tray")
        assert await b.rest() is State.COMPLETE, b.alarm_text()
        assert b.plant.plc.tray_count == tray + 1
        assert [r["package"]["pocket"] for r in await b.records()] == [0, 1], "a new tray from its first pocket"
        assert b.snapshots.now()["tray"]["failed_picks"] == 0


@virtual
async def test_a_tray_that_somebody_has_looked_at_goes_on_and_is_counted_anew(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        alarm = await set_aside(b)
        await b.rest(State.HELD)
        b.answer(alarm, "retry")
        assert await b.rest() is State.COMPLETE, b.alarm_text()
        assert [r["package"]["pocket"] for r in await b.records()] == [4, 5]


@virtual
async def test_failed_picks_are_not_forgotten_by_a_restart_of_the_service(tmp_path: Path) -> None:
    plant = world()
    await plant.start()
    async with bench(tmp_path / "a", plant=plant) as b:
        b.order()
        await b.step("look_at_site")
        empty(b, 0, 1, 2)
        await b.rest(State.HELD)
        assert numbers(b.controller.alarms.standing) == [301]
        await b.die()
    await asyncio.sleep(2.0)
    async with bench(tmp_path / "a", plant=plant, seed=12) as b:
        b.order()
        await b.step("look_at_site")
        empty(b, 3)
        await b.rest(State.HELD)
        assert numbers(b.controller.alarms.standing) == [310], b.alarm_text()
        assert "pockets 0, 1, 2, 3" in b.alarm_text()
    await plant.stop()


@virtual
async def test_picks_that_fail_far_apart_set_no_tray_aside(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        b.order(9)
        await b.step("look_at_site")
        empty(b, 0, 6, 12, 18)
        assert await b.rest() is State.COMPLETE, b.alarm_text()
        assert b.snapshots.now()["tray"]["failed_picks"] < 4


@virtual
async def test_a_site_without_a_bottom_package_costs_no_package_of_the_tray(tmp_path: Path) -> None:
    async with bench(tmp_path, FaultSpec("bottom_missing", nth=1), attended=False) as b:
        b.order()
        assert await b.rest() is State.COMPLETE, b.alarm_text()
        told = [(r["site"], r["result"], r["package"]["pocket"], r["package"]["tray"]) for r in await b.records()]
        assert told == [("1.U1", "unplaced", None, None), ("2.U1", "placed", 0, 1)]
        assert b.plant.tray is not None
        assert [i for i, pocket in enumerate(b.plant.tray.pockets) if pocket.package is None] == [0]
