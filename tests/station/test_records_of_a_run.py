"""Records, cycle and critical path of a real run, against the truth of the world."""

from __future__ import annotations

import json
from math import isfinite
from pathlib import Path
from typing import Any

import pytest

from sim_hardware.faults import FaultSpec
from station.process.sheet import ALL_STEPS
from station.run.packml import State
from station.run.record import interrupted_record
from tests.scenarios.bench import bench, recipe
from tests.support import virtual


def numbers_in(value: Any) -> list[float]:
    if isinstance(value, dict):
        return [n for item in value.values() for n in numbers_in(item)]
    if isinstance(value, (list, tuple)):
        return [n for item in value for n in numbers_in(item)]
    return [float(value)] if isinstance(value, (int, float)) and not isinstance(value, bool) else []


@virtual
async def test_a_record_says_what_the_world_says(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        b.order()
        assert await b.rest() is State.COMPLETE, b.alarm_text()
        for record, true in zip(await b.records(), b.placements(), strict=True):
            assert (record["board"]["serial"], record["site"]) == (true["board"], true["site"])
            assert record["film"]["mean_um"] == pytest.approx(true["film_height_um"], abs=1.0)
            assert record["place"]["hold_force_n"] == pytest.approx(true["hold_force_n"], abs=0.05)
            assert record["place"]["contact_z_um"] == pytest.approx(true["contact_z_um"], abs=20.0)
            assert record["verify"]["offset_x_um"] == pytest.approx(true["offset_x_um"], abs=60.0)
            assert record["recipe"]["hash"] == recipe().content_hash
            assert record["dip"]["dwell_s"] == pytest.approx(recipe().dip.dwell_s, abs=0.01)
            assert record["vision"]["wet"]["wetting_counts"] == {"wet": len(recipe().package.balls)}
            assert all(isfinite(number) for number in numbers_in(record))


@virtual
async def test_the_cycle_is_never_shorter_than_the_axes_allow_and_the_path_is_in_order(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        b.order(boards=2)
        assert await b.rest() is State.COMPLETE, b.alarm_text()
        for record in await b.records():
            cycle = record["cycle"]
            assert 0.0 < cycle["critical_path_s"] <= cycle["actual_s"] + 1e-6
            ends = 0.0
            for title, start_s, end_s in cycle["critical_steps"]:
                assert title in {step.title for step in ALL_STEPS}
                assert start_s == pytest.approx(ends, abs=1e-3)
                assert end_s > start_s
                ends = end_s
            assert ends == pytest.approx(cycle["critical_path_s"], abs=1e-3)


@virtual
async def test_a_rejected_package_keeps_the_evidence_of_its_rejection(tmp_path: Path) -> None:
    async with bench(tmp_path, FaultSpec("ball_undipped", nth=1, value=3.0)) as b:
        b.order()
        assert await b.rest() is State.COMPLETE, b.alarm_text()
        first = (await b.records())[0]
        assert first["result"] == "rejected"
        assert first["reason"]["text"]
        assert first["place"] is None
        assert first["verify"] is None
        assert first["dip"] is not None
        assert first["film"] is not None


@virtual
async def test_the_record_of_an_interrupted_placement_has_the_fields_of_every_other(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        b.order()
        assert await b.rest() is State.COMPLETE, b.alarm_text()
        usual = (await b.records())[0]
        other = interrupted_record("station-1", {"site": "1.U1"}, "ambiguous", "text", "unknown", "then", "now")
        assert set(usual) - set(other) <= {"cycle", "previous_hash", "hash"}
        assert set(other) <= set(usual)
        json.dumps(other)


@virtual
async def test_events_of_a_run_are_gapless_and_every_step_that_began_has_ended(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        b.order()
        assert await b.rest() is State.COMPLETE, b.alarm_text()
        begun = [event["step"] for event in await b.events("step.started")]
        ended = [event["step"] for event in await b.events("step.ended")]
        assert sorted(begun) == sorted(ended)
        intents, closed = await b.events("journal.intent"), await b.events("journal.closed")
        assert len(intents) == len(closed) > 0
        assert b.store.journal.is_quiet
        assert (await b.store.verify()).is_sound
