"""V02, V05, C02, P05, P08: what is not proven is not done, and what was touched is not used as if it were new."""

from __future__ import annotations

import itertools
from pathlib import Path

from sim_hardware.faults import FaultSpec, Phase
from station.run.packml import State
from tests.scenarios.bench import Bench, bench, numbers
from tests.support import virtual


def at(b: Bench, command: str, phase: Phase, kind: str, nth: int = 0, **fields: float) -> None:
    """Give a fault that waits for a command of a device."""
    b.plant.faults.inject(FaultSpec(kind, nth=nth, command=command, phase=phase, **fields), b.plant.now())  # type: ignore[arg-type]


@virtual
async def test_a_film_in_which_a_dip_broke_off_is_laid_anew_before_the_next_package(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        b.order()
        await b.step("go_to_plate")
        at(b, "head.lift", Phase.RUNNING, "part_falls")
        await b.answer_next(302, "new_part")
        assert await b.rest() is State.COMPLETE, b.alarm_text()
        dipped_s = [at_s for at_s, _ in b.happened("dipped")]
        laid_s = [at_s for at_s, _ in b.happened("film laid")]
        assert len(dipped_s) == 3
        for before_s, next_s in itertools.pairwise(dipped_s):
            assert any(before_s < at_s < next_s for at_s in laid_s), "two packages in one film"


@virtual
async def test_a_package_that_falls_on_its_way_down_is_not_recorded_as_placed(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        b.order()
        await b.step("align")
        at(b, "head.press", Phase.RUNNING, "part_falls")
        await b.answer_next(302, "new_part")
        assert await b.rest() is State.COMPLETE, b.alarm_text()
        assert [(r["site"], r["result"]) for r in await b.records()] == [
            ("1.U1", "rejected"),
            ("1.U1", "placed"),
            ("2.U1", "placed"),
        ]
        assert [p["site"] for p in b.placements()] == ["1.U1", "2.U1"]
        assert b.happened("collision") == []


@virtual
async def test_what_hangs_on_the_nozzle_after_the_travel_is_found_before_the_pick_goes_down(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        b.order()
        await b.step("look_at_site")
        at(b, "head.tare", Phase.RUNNING, "part_given")
        await b.rest(State.HELD)
        assert numbers(b.controller.alarms.standing) == [303]
        assert b.happened("crash") == []


@virtual
async def test_an_old_picture_is_taken_again_on_a_new_connection(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        b.order()
        await b.step("look_at_site")
        b.plant.faults.inject(FaultSpec("frame_repeated", nth=1, target="down_camera"), b.plant.now())
        assert await b.rest() is State.COMPLETE, b.alarm_text()
        assert [e["number"] for e in await b.events("alarm.retried")] == [504]
        assert len(b.placements()) == 2


@virtual
async def test_a_dead_force_sensor_touches_nothing(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        b.order()
        await b.step("look_at_site")
        b.plant.faults.inject(FaultSpec("force_sensor", value=0.0), b.plant.now())
        assert await b.rest() is State.STOPPED
        assert numbers(b.controller.alarms.standing) == [110]
        assert "no noise" in b.alarm_text()
        assert b.happened("picked")[-1][1]["floor"] == "holder", "only the calibration part was ever picked"


@virtual
async def test_a_force_that_collapsed_while_it_was_held_sends_the_board_to_quarantine(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        b.order()
        await b.step("align")
        at(b, "head.press", Phase.COMMANDED, "force_collapses", nth=1, value=0.5)
        assert await b.rest() is State.COMPLETE, b.alarm_text()
        reasons = [r["reason"]["code"] if r["reason"] else "" for r in await b.records()]
        assert reasons == ["hold_force", ""]
