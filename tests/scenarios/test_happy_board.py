"""Without faults: one board, every site placed, records and truth agree."""

from __future__ import annotations

from pathlib import Path

from station.run.packml import State
from tests.scenarios.bench import bench
from tests.support import virtual


@virtual
async def test_one_board_is_built_and_every_record_has_its_package(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        job = b.order()
        assert await b.rest() is State.COMPLETE, b.alarm_text()
        placements, records = b.placements(), await b.records()
        assert {(p["board"], p["site"]) for p in placements} == {("B0001", "1.U1"), ("B0001", "2.U1")}
        assert [(r["board"]["serial"], r["site"]) for r in records] == [(p["board"], p["site"]) for p in placements]
        assert (job.placed, job.rejected, job.unplaced) == (2, 0, 0)
        assert all(abs(p["offset_x_um"]) < 30 and abs(p["offset_y_um"]) < 30 for p in placements)
        assert (await b.store.verify()).is_sound
        assert len(b.happened("board out")) == 1
