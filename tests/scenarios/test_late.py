"""H04, H11: what makes the service late is told of once, with the figure, and the board is built."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest

from sim_hardware.virtual_time import run
from station.api.app import create_app
from station.door import Door
from station.run.packml import State
from tests.campaign.host_loop import HostLoop
from tests.scenarios.bench import Bench, bench
from tests.support import virtual

LONG_S, SHORT_S = 0.45, 0.2
"""a stand-still beyond the limit and within the dead-man of the devices; one within the limit"""


async def health(b: Bench) -> dict[str, Any]:
    app = create_app(Door(b.controller), b.store, b.shelf, simulated=True, screens=Path("no such folder"))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://127.0.0.1:8600") as client:
        found: dict[str, Any] = (await client.get("/v1/health")).json()
    return found


async def stand_still(for_s: float) -> None:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, HostLoop)
    loop.stand_still(for_s)
    await asyncio.sleep(1.5)  # the watch looks at least twice a second


def numbers(b: Bench) -> list[int]:
    return [alarm.definition.number for alarm in b.controller.alarms.standing]


def test_a_service_that_was_held_up_says_so_once_and_builds_on(tmp_path: Path) -> None:
    async def story() -> None:
        async with bench(tmp_path) as b:
            assert (await health(b))["loop_lag"]["max_s"] == 0.0
            b.order()
            await b.step("look_at_site")
            await stand_still(SHORT_S)
            assert numbers(b) == []
            await stand_still(LONG_S)
            await stand_still(LONG_S)
            assert numbers(b) == [804], b.alarm_text()
            lag_s = (await health(b))["loop_lag"]["recent_max_s"]
            assert LONG_S - 0.05 <= lag_s <= LONG_S
            b.answer(b.controller.alarms.standing[0], "acknowledge")
            await asyncio.sleep(1.5)
            assert numbers(b) == []
            await stand_still(LONG_S)
            assert numbers(b) == [804], b.alarm_text()
            assert await b.rest() is State.COMPLETE, b.alarm_text()
            assert len(b.placements()) == 2

    run(story(), loop_type=HostLoop)


@virtual
async def test_a_slow_disk_is_told_of_once_and_nothing_is_lost(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        b.order()
        await b.step("look_at_site")
        b.store.database.writer.takes_s = 1.5  # type: ignore[attr-defined]
        await asyncio.sleep(8.0)
        b.store.database.writer.takes_s = 0.0  # type: ignore[attr-defined]
        assert numbers(b) == [805], b.alarm_text()
        assert "1.5 s" in b.alarm_text()
        assert (await health(b))["commit_recent_max_s"] == pytest.approx(1.5)
        assert await b.rest() is State.COMPLETE, b.alarm_text()
        assert [record["result"] for record in await b.records()] == ["placed", "placed"]
        assert len(b.placements()) == 2
