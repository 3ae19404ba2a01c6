"""Stories of the event log: order, seal, durability and the listeners."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import pytest

from station.store import Store, open_store
from station.store.database import DATABASE_NAME
from station.store.errors import ChainBroken, DiskFull, StoreFailed
from tests.store.support import HandClock, record
from tests.support import real, virtual


def opened(data_dir: Path, clock: HandClock | None = None) -> Store:
    return open_store(data_dir, clock or HandClock(), durability="normal")


@virtual
async def test_events_are_numbered_without_a_gap_over_two_runs_and_the_epoch_rises(tmp_path: Path) -> None:
    first = opened(tmp_path)
    assert [first.events.append("state.changed", {"to": name}) for name in ("Idle", "Execute")] == [1, 2]
    await first.commit()
    first.close()

    second = opened(tmp_path)
    assert second.events.append("state.changed", {"to": "Stopped"}) == 3
    await second.commit()
    events = await second.events.read()
    assert [event.seq for event in events] == [1, 2, 3]
    assert events[2].epoch > events[1].epoch == events[0].epoch
    assert (await second.verify()).is_sound
    second.close()


@virtual
async def test_an_event_carries_monotonic_and_utc_time_and_an_id_that_never_changes(tmp_path: Path) -> None:
    clock = HandClock()
    store = opened(tmp_path, clock)
    clock.now_s = 12.5
    store.events.append("film.measured", {"mean_um": 50.25})
    await store.commit()
    [event] = await store.events.read()
    [again] = await store.events.read()
    assert (event.at_s, event.occurred_at) == (12.5, "2026-03-02T06:00:12.500+00:00")
    assert event.data == {"mean_um": 50.25}
    assert event.id == again.id
    assert event.id[14] == "7"
    store.close()


@virtual
async def test_a_number_that_is_none_is_refused_and_the_log_stays_as_it_was(tmp_path: Path) -> None:
    store = opened(tmp_path)
    head = store.events.head_hash
    with pytest.raises(ValueError, match="Out of range float"):
        store.events.append("film.measured", {"mean_um": float("nan")})
    with pytest.raises(TypeError):
        store.events.append("film.measured", {"points": {1.0, 2.0}})
    with pytest.raises(ValueError, match="words joined by dots"):
        store.events.append('state","x', {})
    assert (store.events.head_seq, store.events.head_hash) == (0, head)
    store.close()


@pytest.mark.parametrize(
    "tampering",
    [
        'UPDATE events SET data = \'{"to":"Held"}\' WHERE seq = 3',
        "UPDATE events SET at_s = 99.0 WHERE seq = 3",
        "UPDATE events SET epoch = epoch + 1 WHERE seq = 3",
        "UPDATE events SET kind = 'board.arrived' WHERE seq = 3",
        "DELETE FROM events WHERE seq = 3",
        "UPDATE records SET body = replace(body, '1.9', '1.8')",
        "DELETE FROM records WHERE position = 2",
    ],
)
def test_whatever_is_changed_from_outside_is_found(tmp_path: Path, tampering: str) -> None:
    @virtual
    async def story() -> None:
        store = opened(tmp_path)
        for number in range(6):
            store.events.append("state.changed", {"to": str(number)})
        store.records.append(record("U1"))
        store.records.append(record("U2"))
        await store.commit()
        assert (await store.verify()).is_sound
        with sqlite3.connect(tmp_path / DATABASE_NAME) as intruder:
            intruder.execute(tampering)
        intruder.close()
        report = await store.verify()
        assert not report.is_sound
        assert report.sentence.startswith("Hash chain broken: ")
        store.close()

    story()


@virtual
async def test_a_store_whose_newest_events_were_edited_does_not_open(tmp_path: Path) -> None:
    store = opened(tmp_path)
    store.events.append("state.changed", {"to": "Idle"})
    await store.commit()
    store.close()
    with sqlite3.connect(tmp_path / DATABASE_NAME) as intruder:
        intruder.execute("UPDATE events SET data = '{}'")
    intruder.close()
    with pytest.raises(ChainBroken, match=r"event 1 .* is not what was written"):
        opened(tmp_path)


@virtual
async def test_a_listener_hears_of_an_event_only_after_it_is_durable(tmp_path: Path) -> None:
    store = opened(tmp_path)
    subscription = store.events.subscribe()
    store.events.append("state.changed", {"to": "Idle"})
    listening = asyncio.ensure_future(anext(subscription))
    await asyncio.sleep(1.0)
    assert not listening.done()
    await store.commit()
    assert (await listening).data == {"to": "Idle"}
    store.close()
    assert [event async for event in subscription] == []


@virtual
async def test_a_slow_listener_is_dropped_with_a_note_and_the_others_are_served(tmp_path: Path) -> None:
    store = opened(tmp_path)
    slow, quick = store.events.subscribe(limit=3), store.events.subscribe(limit=100)
    for number in range(5):
        store.events.append("state.changed", {"n": number})
    await store.commit()
    assert [event.seq async for event in slow] == [1, 2, 3]
    assert slow.note is not None
    assert "event 4" in slow.note
    quick.close()
    assert [event.seq async for event in quick] == [1, 2, 3, 4, 5]
    store.close()


@virtual
async def test_a_full_disk_stops_all_writing_and_says_so_until_a_restart(tmp_path: Path) -> None:
    store = opened(tmp_path)
    store.events.append("state.changed", {"to": "Idle"})
    await store.commit()
    pages = store.database.writer_connection.exec_driver_sql("PRAGMA page_count").scalar_one()
    store.database.writer_connection.exec_driver_sql(f"PRAGMA max_page_count = {pages + 2}")
    store.database.writer_connection.rollback()

    for _ in range(200):
        store.events.append("film.measured", {"note": "x" * 500})
    with pytest.raises(DiskFull, match=r"No space is left .*Free space on this disk"):
        await store.commit()
    assert store.failure is not None
    store.events.append("state.changed", {"to": "Aborted"})
    with pytest.raises(StoreFailed):
        await store.commit()
    assert [event.seq for event in await store.events.read()] == [1]
    store.close()

    after_restart = opened(tmp_path)
    assert after_restart.events.head_seq == 1
    assert (await after_restart.verify()).is_sound
    after_restart.close()


@real
async def test_commits_of_many_tasks_meet_and_a_cancelled_one_is_still_whole(tmp_path: Path) -> None:
    store = opened(tmp_path)

    async def worker(name: int) -> None:
        for _ in range(20):
            store.events.append("stage.completed", {"worker": name})
            await store.commit()

    await asyncio.gather(*(worker(name) for name in range(5)))
    store.events.append("stage.completed", {"worker": "cancelled"})
    cut = asyncio.ensure_future(store.commit())
    await asyncio.sleep(0)
    cut.cancel()
    with pytest.raises(asyncio.CancelledError):
        await cut
    await store.commit()
    events = await store.events.read(limit=1000)
    assert [event.seq for event in events] == list(range(1, 102))
    assert (await store.verify()).is_sound
    store.close()
