"""X26, X28, X30: what no vacuum tells, the print and the plate do; a second puff over the bin follows the first."""

from __future__ import annotations

from pathlib import Path

from sim_hardware.faults import FaultSpec, Phase
from station.run.packml import State
from tests.scenarios.bench import bench
from tests.support import virtual

STAYS = FaultSpec("part_stays_in_film", nth=1)
BLOCKED = FaultSpec("bore_blocked", command="head.lift", phase=Phase.COMMANDED, step="dip")


@virtual
async def test_no_blade_runs_over_a_package_that_lies_in_the_film(tmp_path: Path) -> None:
    async with bench(tmp_path, STAYS) as b:
        b.plant.faults.inject(BLOCKED, b.plant.now())
        b.order()
        await b.step("dip")
        b.plant.faults.announce("dip", b.plant.now())
        await b.rest(State.HELD)
        alarm = b.controller.alarms.standing[0]
        assert alarm.definition.number == 414, b.alarm_text()
        assert b.plant.head.valve.read_kpa(b.plant.now()) < -60.0, "the vacuum is that of a held package"
        (left_s, _), *_ = b.happened("part left in film")
        assert all(at_s < left_s for at_s, _ in b.happened("film laid"))
        b.plant.faults.heal()
        b.answer(alarm, "new_part")
        assert await b.rest() is State.COMPLETE, b.alarm_text()
        assert [r["result"] for r in await b.records()] == ["rejected", "placed", "placed"]


@virtual
async def test_a_package_that_is_not_as_thick_as_drawn_is_rejected_though_the_sum_at_its_site_fits(
    tmp_path: Path,
) -> None:
    thick = FaultSpec("package_thick", value=60.0), FaultSpec("bottom_low", value=60.0)
    async with bench(tmp_path, *thick) as b:
        b.order()
        await b.step("bin_part")
        await b.step("look_at_site")
        record = (await b.records())[0]
        assert (record["result"], record["reason"]["code"]) == ("rejected", "package_height")
        assert "+58 um thick" in record["reason"]["text"]
        assert b.placements() == []


@virtual
async def test_a_reject_that_hangs_on_by_a_corner_falls_into_the_bin_and_nowhere_else(tmp_path: Path) -> None:
    turned = FaultSpec("wrong_part", nth=1, value=30.0)
    async with bench(tmp_path, turned, FaultSpec("reject_clings", nth=1)) as b:
        b.order()
        assert await b.rest() is State.COMPLETE, b.alarm_text()
        assert [data["serial"] for _, data in b.happened("part clings")] == ["P000001"]
        assert [data["serial"] for _, data in b.happened("rejected")] == ["P000001"]
        assert b.happened("part lost") == []
