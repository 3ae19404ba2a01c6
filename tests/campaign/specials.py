"""Single runs that no schedule can tell: the disk fails, the wall clock jumps, an outlet hangs, a request comes twice.

Each answers with what it broke: (invariant, sentence).
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from fastapi.responses import Response

from sim_hardware import virtual_time
from sim_hardware.plant import Plant
from sim_hardware.world.machine import Fidelity
from station.api.once import once
from station.api.problems import Trouble
from station.clock import Clock
from station.run.packml import Command, State
from station.store import open_store
from station.store.errors import StoreFailed
from tests.campaign.ended import ended
from tests.campaign.folders import fast_folder
from tests.campaign.judged import Judged, violations
from tests.campaign.operator import Hangs, Operator
from tests.campaign.run import INVARIANT_MODULES
from tests.campaign.special_people import keys_that_end
from tests.campaign.watcher import Watcher
from tests.scenarios.bench import Bench, bench, recipe, world

assert INVARIANT_MODULES
Broken = list[tuple[int, str]]
STOPS_WITHIN_S = 10.0
"""from the first failed commit to a station at rest that says so"""
A_BOARD_S = 25.0
"""virtual seconds for one board without faults, with room"""


def _story(tell: Callable[[Path], Awaitable[Broken]]) -> Callable[[], Broken]:
    def run() -> Broken:
        folder = Path(tempfile.mkdtemp(prefix="special-", dir=fast_folder()))
        try:
            return virtual_time.run(tell(folder))  # type: ignore[arg-type]
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    return run


async def _board(plant: Plant, b: Bench, watcher: Watcher, boards: int = 1) -> Judged:
    hang = ""
    try:
        await Operator(b, watcher).finish_a_board(boards)
    except Hangs as hanging:
        hang = str(hanging)
    return await ended(watcher, b, recipe(), hang, [])


def _disk_fails_at(nth: int) -> Callable[[Path], Awaitable[Broken]]:
    async def story(folder: Path) -> Broken:
        """The nth commit of the job fails, and so does every one after it: nothing irreversible happens any more."""
        plant = world()
        await plant.start()
        watcher, broken = Watcher(plant), Broken()
        async with bench(folder, plant=plant) as b:
            watcher.attach(b)
            writing, count, failed_s = b.store.writing, 0, 0.0
            write = writing._database.write

            def written(groups: Any) -> None:
                nonlocal count, failed_s
                count += 1
                if count >= nth:
                    failed_s = failed_s or plant.now()
                    raise StoreFailed("no space left on the disk")
                write(groups)

            writing._database.write = written  # type: ignore[method-assign]
            b.order()
            await b.until(lambda: bool(failed_s) or b.controller.packml.state is State.COMPLETE, 0.1)
            with_s = plant.now()
            while b.controller.packml.state not in (State.STOPPED, State.ABORTED):
                if plant.now() - with_s > STOPS_WITHIN_S:
                    broken.append((36, f"a failed commit, and {STOPS_WITHIN_S:.0f} s later the station does not rest"))
                    break
                await asyncio.sleep(0.1)
            if 801 not in [alarm.definition.number for alarm in b.controller.alarms.standing]:
                broken.append((38, f"a commit failed and no alarm says so: {b.alarm_text()}"))
            acts = [e for e in watcher.entries if e.source == "plant" and e.kind in ("picked", "dipped", "placed")]
            late = [entry for entry in acts if entry.at_s > failed_s and not entry.open_now]
            broken += [(24, f"{e.at_s:.3f} s: {e.kind} without an intent on the disk") for e in late]
            b.is_dead = True
            writing.failure = writing.failure or StoreFailed("no space left on the disk")
            await b.die()
        await plant.stop()
        return broken

    return story


async def _clock_jumps(folder: Path) -> Broken:
    """The wall clock is set back by an hour, and then forth by two, while a board is built: nothing may notice."""
    plant = world()
    await plant.start()
    watcher = Watcher(plant)

    def wall() -> datetime:
        now_s = plant.now()
        hours = 0 if now_s < 22.0 else -1 if now_s < 26.3 else 1
        return datetime(2026, 1, 5, 6, tzinfo=UTC) + timedelta(seconds=now_s, hours=hours)

    async with bench(folder, plant=plant, clock=Clock(wall)) as b:
        watcher.attach(b)
        judged = await _board(plant, b, watcher)
    await plant.stop()
    told = [e.data["number"] for e in judged.station("alarm.raised", "alarm.retried", "fault.raised")]
    return violations(judged) + [(7, f"alarm {number} because of the wall clock") for number in dict.fromkeys(told)]


async def _outlet_hangs(folder: Path) -> Broken:
    """An outlet takes no news, as with a broker that is away: a board takes as long as ever."""
    plant = world()
    await plant.start()
    watcher = Watcher(plant)
    async with bench(folder, plant=plant) as b:
        watcher.attach(b)
        slow, closed = b.store.events.subscribe(limit=50), b.store.events.subscribe()
        closed.close()
        b.order()
        broken = Broken()
        try:
            async with asyncio.timeout(A_BOARD_S):
                await b.rest(State.COMPLETE)
        except TimeoutError:
            broken.append((34, f"with an outlet that hangs no board was finished in {A_BOARD_S:.0f} s"))
        if not broken and slow.note is None:
            broken.append((34, "an outlet is 50 events behind and was not dropped with a note"))
        slow.close()
    await plant.stop()
    return broken


async def _request_twice(folder: Path) -> Broken:
    """An order is carried out, the service is killed before it answers, and the client asks again with its key."""
    made: list[str] = []
    clock = Clock()
    store = open_store(folder, clock, durability="normal")

    async def killed() -> dict[str, Any]:
        made.append("first")
        store.events.append("job.submitted", {"id": "J1"})
        await store.commit()
        store.writing.failure = StoreFailed("the process is gone")
        raise asyncio.CancelledError

    async def again() -> dict[str, Any]:
        made.append("second")
        return {"id": "J2"}

    broken = Broken()
    try:
        await _asked(store, killed)
    except asyncio.CancelledError:
        store.close()
    store = open_store(folder, clock, durability="normal")
    with suppress(Trouble):
        await _asked(store, again)
    if made != ["first"]:
        broken.append((33, f"one key made two jobs: {made}"))
    answers = [await _asked(store, again, key="other") for _ in range(2)]
    if made.count("second") != 1 or answers[0].body != answers[1].body:
        broken.append((33, f"the same key was answered differently or carried out twice: {made}"))
    store.close()
    return broken


async def _asked(store: Any, effect: Callable[[], Awaitable[dict[str, Any]]], key: str = "order-1") -> Response:
    request: Any = SimpleNamespace(method="POST", url=SimpleNamespace(path="/v1/jobs"))
    return await once(request, store, key, {"recipe": "r", "boards": 1}, effect, status=201)


async def _real_machine(folder: Path) -> Broken:
    """Two boards on a machine with all its errors and noise, held once by a person in between."""
    plant = world(fidelity=Fidelity.REAL, seed=3)
    await plant.start()
    watcher = Watcher(plant)
    async with bench(folder, plant=plant) as b:
        watcher.attach(b)

        async def hold() -> None:
            await b.step("expose_dry")
            watcher.add("operator", "presses hold", {})
            await b.controller.command(Command.HOLD)

        holding = asyncio.get_running_loop().create_task(hold(), name="hand")
        judged = await _board(plant, b, watcher, boards=2)
        await holding
    await plant.stop()
    broken = violations(judged)
    placed = [r["result"] for r in judged.records]
    if placed.count("placed") < 4:
        broken.append((36, f"two boards without faults: {placed}"))
    far = [p for board in plant.boards for site in board.sites for p in site.placed if abs(p.offset_x_um) > 40.0]
    return broken + [(29, f"{p.serial} lies {p.offset_x_um:.0f} um off on a machine without faults") for p in far]


SPECIALS: dict[str, Callable[[], Broken]] = {
    "a real machine, held once": _story(_real_machine),
    "the wall clock jumps": _story(_clock_jumps),
    "an outlet hangs": _story(_outlet_hangs),
    "a request comes twice": _story(_request_twice),
    "keys end and answers come again": _story(keys_that_end),
    **{f"the disk fails at commit {nth}": _story(_disk_fails_at(nth)) for nth in (3, 7, 12)},
}
