"""Stories of the MQTT outlet against a real broker: order, at least once, retained state, and the will."""

from __future__ import annotations

import asyncio
import itertools
import signal
import sys
import textwrap
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from station.outlets.mqtt import MqttOutlet, MqttSettings
from station.outlets.topics import event_topic, retained_state
from station.store import Store, open_store
from tests.outlets.support import Broker, Consumer, DeafBroker, PurePythonBroker, settings
from tests.store.support import HandClock, record
from tests.support import real


def picture() -> dict[str, Any]:
    return {
        "state": {"name": "Execute", "number": 6},
        "job": {"id": "job-1", "recipe": "pop_12", "recipe_hash": "sha256:0", "placed": 3, "rejected": 1},
        "alarms": [],
        "film": {"height_um": 50.0},
    }


@asynccontextmanager
async def running(*coroutines: Any) -> AsyncIterator[list[asyncio.Task[None]]]:
    tasks = [asyncio.ensure_future(one) for one in coroutines]
    try:
        yield tasks
    finally:
        for task in tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


async def until_acknowledged(store: Store, seq: int) -> None:
    """Wait until the cursor is durable at `seq`; the consumer may have the event long before."""
    reached = asyncio.Event()

    def look(_: object) -> None:
        if store.cursors.position("mqtt") >= seq:
            reached.set()

    store.writing.after_commit.append(look)
    look(None)
    await reached.wait()


async def append(store: Store, count: int) -> None:
    for number in range(count):
        store.events.append("film.measured", {"n": number})
        store.events.append("journal.intent", {"step": "dip", "args": {}})
    await store.commit()


@real
async def test_events_arrive_in_order_with_all_that_is_needed_to_know_them_again(tmp_path: Path) -> None:
    broker, store = Broker(tmp_path), open_store(tmp_path / "data", HandClock())
    await broker.start()
    consumer = Consumer(broker.port)
    outlet = MqttOutlet(store, picture, settings(broker.port))
    async with running(consumer.run()):
        await consumer.subscribed()
        async with running(outlet.run()):
            await append(store, 120)
            kept = store.records.append(record("U1"))
            await store.commit()
            await until_acknowledged(store, 241)
            await consumer.until(lambda: len(consumer.events) >= 121 and "telemetry/film" in consumer.retained)

            assert [event["seq"] for event in consumer.events] == [*range(1, 241, 2), 241]
            assert [event["previous_seq"] for event in consumer.events] == [0, *range(1, 241, 2)]
            [stored] = await store.events.read(after=240)
            last = consumer.events[-1]
            assert (last["topic"], last["schema"]) == ("event/placement", "placement.recorded/1")
            assert (last["station"], last["epoch"], last["id"]) == ("dip-1", stored.epoch, stored.id)
            assert last["record"] == kept
            assert consumer.retained["state"] == {"name": "Execute", "number": 6}
            assert consumer.retained["telemetry/counters"] == {"placed": 3, "rejected": 1}
            assert consumer.retained["status"]["status"] == "online"
        await consumer.until(lambda: consumer.retained["status"]["status"] == "offline")
    assert store.cursors.position("mqtt") == 241
    store.close()
    await broker.stop()


@real
async def test_a_broker_of_the_older_protocol_gets_events_records_and_state(tmp_path: Path) -> None:
    broker, store = PurePythonBroker(), open_store(tmp_path / "data", HandClock())
    await broker.start()
    consumer = Consumer(broker.port, version="3.1.1")
    outlet = MqttOutlet(store, picture, settings(broker.port, version="3.1.1"))
    async with running(consumer.run()):
        await consumer.subscribed()
        async with running(outlet.run()):
            await append(store, 5)
            kept = store.records.append(record("U1"))
            await store.commit()
            await until_acknowledged(store, 11)
            await consumer.until(lambda: len(consumer.events) >= 6 and "state" in consumer.retained)
            assert [event["seq"] for event in consumer.events] == [*range(1, 11, 2), 11]
            assert consumer.events[-1]["record"] == kept
            assert consumer.retained["status"]["status"] == "online"
        await consumer.until(lambda: consumer.retained["status"]["status"] == "offline")
    store.close()
    await broker.stop()


@real
async def test_a_broker_killed_and_restarted_gets_every_event_at_least_once(tmp_path: Path) -> None:
    broker, store = Broker(tmp_path), open_store(tmp_path / "data", HandClock())
    await broker.start()
    consumer = Consumer(broker.port)
    outlet = MqttOutlet(store, picture, settings(broker.port))
    async with running(consumer.run()):
        await consumer.subscribed()
        async with running(outlet.run()):
            await append(store, 60)
            await consumer.until(lambda: len(consumer.seqs()) == 60)
            await broker.stop(signal.SIGTERM)  # the broker keeps the consumer's session
            await append(store, 200)
            assert store.cursors.position("mqtt") <= 119
            await broker.start()
            await consumer.until(lambda: len(consumer.seqs()) >= 200)
            await broker.stop(signal.SIGKILL)  # in the middle: what it acknowledged may be lost with it
            await append(store, 40)
            await broker.start()
            await consumer.until(lambda: 599 in consumer.seqs())
        # What a broker acknowledged and lost, the consumer sees by `previous_seq` and reads from the log.
        filled = {event.seq for event in await store.events.read(limit=1_000) if event.kind == "film.measured"}
        missing = filled - consumer.seqs()
        seen = sorted({event["seq"]: event for event in consumer.events}.values(), key=lambda event: event["seq"])
        gaps = {
            seq
            for before, after in itertools.pairwise(seen)
            if after["previous_seq"] != before["seq"]
            for seq in range(before["seq"] + 1, after["seq"])
        }
        assert missing <= gaps
        assert consumer.seqs() | (filled & gaps) == filled
    store.close()
    await broker.stop()


@real
async def test_what_was_not_acknowledged_is_sent_again_and_the_cursor_stays(tmp_path: Path) -> None:
    broker, store = DeafBroker(), open_store(tmp_path / "data", HandClock())
    port = await broker.start()
    outlet = MqttOutlet(store, picture, settings(port))
    await append(store, 1)
    async with running(outlet.run()):
        await broker.third_connection.wait()
        assert broker.event_count == 2
        assert store.cursors.position("mqtt") == 0
        assert outlet.trouble is not None
    await broker.stop()
    store.close()


@real
async def test_a_station_that_starts_again_goes_on_after_the_last_acknowledged_event(tmp_path: Path) -> None:
    broker = Broker(tmp_path)
    await broker.start()
    consumer = Consumer(broker.port)
    async with running(consumer.run()):
        await consumer.subscribed()
        for expected in (10, 20):
            store = open_store(tmp_path / "data", HandClock())
            async with running(MqttOutlet(store, picture, settings(broker.port)).run()):
                await append(store, 10)
                await until_acknowledged(store, 2 * expected - 1)
            store.close()
        await consumer.until(lambda: len(consumer.events) >= 20)
        assert [event["seq"] for event in consumer.events] == sorted(consumer.seqs())
        assert len({event["epoch"] for event in consumer.events}) == 2
    await broker.stop()


@real
async def test_the_broker_says_offline_for_a_station_that_was_killed(tmp_path: Path) -> None:
    broker = Broker(tmp_path)
    await broker.start()
    consumer = Consumer(broker.port)
    program = textwrap.dedent(
        """
        import asyncio, sys
        from pathlib import Path
        from station.outlets.mqtt import MqttOutlet
        from station.store import open_store
        from tests.outlets.support import settings
        from tests.store.support import HandClock

        store = open_store(Path(sys.argv[1]), HandClock())
        asyncio.run(MqttOutlet(store, dict, settings(int(sys.argv[2]))).run())
        """
    )
    async with running(consumer.run()):
        await consumer.subscribed()
        station = await asyncio.create_subprocess_exec(
            sys.executable, "-c", program, str(tmp_path / "data"), str(broker.port)
        )
        await consumer.until(lambda: consumer.retained.get("status", {}).get("status") == "online")
        station.kill()
        await station.wait()
        await consumer.until(lambda: consumer.retained["status"]["status"] == "offline")
    await broker.stop()


def test_an_address_says_where_the_station_stands_and_never_shows_its_password() -> None:
    read = MqttSettings.from_url("mqtts://me:se%40cret@broker.plant:8884/munich/smt/line-3", station="dip-1")
    assert read.root == "dip/v1/munich/smt/line-3/dip-1/"
    assert (read.host, read.port, read.username, read.password, read.is_encrypted) == (
        "broker.plant",
        8884,
        "me",
        "se@cret",
        True,
    )
    assert "se@cret" not in repr(read)
    assert MqttSettings.from_url("mqtt://broker/munich", station="x").root == "dip/v1/munich/area/line/x/"
    for wrong in (
        "http://broker",
        "mqtt://",
        "mqtt://broker/a%2Bb",
        "mqtt://broker..plant",
        f"mqtt://{'b' * 64}.plant",
    ):
        with pytest.raises(ValueError, match=r"must look like|cannot be part|no name of a host"):
            MqttSettings.from_url(wrong, station="dip-1")


@pytest.mark.parametrize(
    ("kind", "topic"),
    [
        ("state.changed", "event/state"),
        ("component.picked", "event/pick"),
        ("component.placed", "event/placement"),
        ("placement.recorded", "event/placement"),
        ("alarm.raised", "event/fault"),
        ("journal.intent", None),
        ("component.unknown", None),
    ],
)
def test_each_kind_of_event_has_its_topic_and_the_journal_stays_inside(kind: str, topic: str | None) -> None:
    assert event_topic(kind) == topic


def test_a_picture_without_a_job_empties_what_a_job_had_left_on_the_broker() -> None:
    shown = retained_state({"state": {"name": "Idle"}, "job": None, "alarms": [], "film": None})
    assert shown["job"] is shown["recipe"] is shown["telemetry/counters"] is None
    assert shown["faults"] == []
