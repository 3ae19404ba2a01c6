"""V02: a package falls off in travel. Nothing is placed, the part is declared lost, a new one goes on."""

from __future__ import annotations

from pathlib import Path

import pytest

from sim_hardware.faults import FaultSpec
from station.run.packml import State
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
