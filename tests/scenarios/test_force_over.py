"""P03: the stack is stiffer than it should be. The drive stops itself, the package is rejected, the site left alone."""

from __future__ import annotations

from pathlib import Path

from sim_hardware.faults import FaultSpec
from station.run.packml import State
from tests.scenarios.bench import Bench, bench, recipe
from tests.support import virtual


async def at_the_first_press_on_a_board(b: Bench, factor: float) -> None:
    """Make contact stiffer from the moment the package stands over its site."""
    await b.step("align")
    b.plant.faults.inject(FaultSpec("force_over", nth=1, value=factor), b.plant.now())


@virtual
async def test_force_over_the_limit_stops_the_drive_and_the_package_goes_to_the_bin_with_a_record(
    tmp_path: Path,
) -> None:
    async with bench(tmp_path) as b:
        job = b.order()
        await at_the_first_press_on_a_board(b, 50.0)
        await b.rest(State.HELD)
        alarm = b.controller.alarms.standing[0].view()
        assert alarm["number"] == 603
        assert "6.00 N" in alarm["text"]
        assert b.placements() == []
        assert b.truth()["nozzle"] is not None, "the package hangs on the nozzle while a person looks"
        assert b.truth()["nozzle_z_um"] <= b.controller.cell.profile.head.safe_z_um + 5
        await b.answer_next(603, "skip_site")
        assert await b.rest() is State.COMPLETE, b.alarm_text()
        assert [p["site"] for p in b.placements()] == ["2.U1"]
        assert len(b.truth()["rejected"]) == 1
        first = (await b.records())[0]
        assert (first["site"], first["result"]) == ("1.U1", "unplaced")
        assert first["reason"]["code"] == "place_force_over_limit"
        assert (job.placed, job.unplaced) == (1, 1)


@virtual
async def test_a_new_part_is_placed_where_the_first_was_refused_by_force(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        b.order()
        await at_the_first_press_on_a_board(b, 50.0)
        await b.answer_next(603, "new_part")
        assert await b.rest() is State.COMPLETE, b.alarm_text()
        placed, rejected = b.placements(), b.truth()["rejected"]
        assert sorted(p["site"] for p in placed) == ["1.U1", "2.U1"]
        assert len(rejected) == 1
        assert rejected[0] not in [p["serial"] for p in placed]
        assert max(p["peak_force_n"] for p in placed) <= recipe().place.force_limit_n
        assert [(r["site"], r["result"]) for r in await b.records()] == [
            ("1.U1", "rejected"),
            ("1.U1", "placed"),
            ("2.U1", "placed"),
        ]
