"""C05 to C09: what is not whole, not dipped, bridged or turned never reaches a board, by the world's own account."""

from __future__ import annotations

from pathlib import Path

import pytest

from sim_hardware.faults import FaultSpec
from sim_hardware.scenario import Rendering
from station.demo.bad_packages import measure, tally
from station.demo.run import Order, run
from station.run.packml import State
from tests.scenarios.bench import Bench, bench
from tests.support import virtual

FAULTY = {
    "ball_missing": 1.0,
    "ball_undipped": 3.0,
    "bridge": 0.0,
    "wrong_part": 90.0,
}
CODES = {
    "ball_missing": {"ball_defect"},
    "ball_undipped": {"ball_without_material", "imprint_incomplete"},
    "bridge": {"material_bridge", "ball_defect"},
    "wrong_part": {"package_refused", "ball_defect"},
}


def bad_on_boards(b: Bench) -> int:
    return sum(1 for p in b.placements() if p["balls_dry"] or p["balls_half"] or p["bridges"])


@pytest.mark.parametrize("kind", FAULTY)
def test_every_second_package_is_bad_and_only_the_good_ones_are_placed(tmp_path: Path, kind: str) -> None:
    bad = tuple(FaultSpec(kind, nth=nth, value=FAULTY[kind]) for nth in range(1, 12, 2))

    @virtual
    async def story() -> None:
        async with bench(tmp_path, *bad) as b:
            b.order(boards=2)
            assert await b.rest() is State.COMPLETE, b.alarm_text()
            records = await b.records()
            placed = [r for r in records if r["result"] == "placed"]
            rejected = [r for r in records if r["result"] == "rejected"]
            assert len(placed) == 4
            assert len(rejected) >= 3
            assert {r["reason"]["code"] for r in rejected} <= CODES[kind]
            assert len(b.placements()) == 4
            assert bad_on_boards(b) == 0
            assert len(b.truth()["rejected"]) == len(rejected), "every reject lies in the bin"
            assert {p["serial"] for p in b.placements()}.isdisjoint(b.truth()["rejected"])

    story()


@virtual
async def test_ten_packages_with_all_faults_mixed_leave_no_bad_one_on_a_board(tmp_path: Path) -> None:
    mixed = [FaultSpec(kind, nth=nth, value=FAULTY[kind]) for nth, kind in enumerate(FAULTY, start=2)]
    mixed += [FaultSpec(kind, nth=nth, value=FAULTY[kind]) for nth, kind in enumerate(FAULTY, start=9)]
    async with bench(tmp_path, *mixed) as b:
        job = b.order(boards=5)
        assert await b.rest() is State.COMPLETE, b.alarm_text()
        assert job.placed == 10
        assert job.rejected >= 4
        assert len(b.placements()) == 10
        assert bad_on_boards(b) == 0
        picked = [d for _, d in b.happened("picked") if d["floor"] != "holder"]
        assert len(picked) == job.placed + job.rejected, "no package is unaccounted for"


@virtual
async def test_five_rejects_in_a_row_are_not_worked_through_silently(tmp_path: Path) -> None:
    async with bench(tmp_path, FaultSpec("bridge", nth=0)) as b:
        b.order(boards=3)
        assert await b.rest() is State.HELD
        alarm = b.controller.alarms.standing[0].view()
        assert alarm["number"] == 902
        assert "5 packages in a row" in alarm["text"]
        assert b.placements() == []
        b.plant.faults.heal()
        await b.answer_next(902, "retry")
        assert await b.rest() is State.COMPLETE, b.alarm_text()
        assert bad_on_boards(b) == 0


@virtual
async def test_a_site_that_is_given_up_after_five_rejects_gets_no_further_package(tmp_path: Path) -> None:
    async with bench(tmp_path, FaultSpec("bridge", nth=0)) as b:
        job = b.order(boards=3)
        assert await b.rest() is State.HELD
        site = b.controller.alarms.standing[0].objects["site"]
        board, rejected = len(await b.records()), job.rejected
        b.plant.faults.heal()
        await b.answer_next(902, "skip_site")
        assert await b.rest() is State.COMPLETE, b.alarm_text()
        later = (await b.records())[board:]
        assert (later[0]["board"]["serial"], later[0]["site"]) != (
            (await b.records())[board - 1]["board"]["serial"],
            site,
        )
        assert job.rejected == rejected
        assert {r["result"] for r in later} == {"placed"}


@virtual
async def test_a_site_without_its_bottom_package_stays_empty_with_a_record(tmp_path: Path) -> None:
    async with bench(tmp_path, FaultSpec("bottom_missing", nth=1)) as b:
        b.order()
        assert await b.rest() is State.COMPLETE, b.alarm_text()
        assert [p["site"] for p in b.placements()] == ["2.U1"]
        first = (await b.records())[0]
        assert (first["site"], first["result"], first["reason"]["code"]) == ("1.U1", "unplaced", "bottom_missing")


def test_the_measurement_offers_every_kind_of_bad_dip_and_none_is_placed() -> None:
    found = measure(12, Rendering.OBSERVATION, seed=3)
    assert found.bad >= 12
    assert set(found.kinds) == {"with dry balls", "half dipped", "bridged"}
    assert found.placed == 0
    assert found.good_placed > 0


def test_the_measurement_would_see_a_bad_package_on_a_board(tmp_path: Path) -> None:
    ran = run(Order("pop_12x12_168", 1, rendering=Rendering.OBSERVATION), tmp_path / "run")
    assert tally([ran]).placed == 0
    ran.truth["placements"][1]["balls_half"] = 1
    found = tally([ran])
    assert (found.placed, found.good_placed, found.kinds["half dipped"]) == (1, 1, 1)


@virtual
async def test_a_package_that_hangs_askew_is_felt_before_it_is_let_go(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        b.order()
        await b.step("align")
        b.plant.faults.inject(FaultSpec("part_tilts", value=0.022), b.plant.now())
        alarm = await b.answer_next(606, "new_part")
        assert "33 um expected" in alarm.text
        assert b.placements() == []
        assert await b.rest() is State.COMPLETE, b.alarm_text()
        assert [record["result"] for record in await b.records()] == ["rejected", "placed", "placed"]


@virtual
async def test_a_package_that_was_never_dipped_does_not_get_the_dip_of_the_one_before_into_its_record(
    tmp_path: Path,
) -> None:
    async with bench(tmp_path, FaultSpec("ball_missing", nth=2)) as b:
        b.order()
        assert await b.rest() is State.COMPLETE, b.alarm_text()
        records = await b.records()
        assert [r["result"] for r in records] == ["placed", "rejected", "placed"]
        assert [r["dip"] is not None for r in records] == [True, False, True]
        assert [r["film"] is not None for r in records] == [True, False, True]
        assert len(b.happened("dipped")) == 2
