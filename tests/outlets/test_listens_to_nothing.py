"""The station subscribes to nothing, and what others publish below its root is not even sent to it."""

from __future__ import annotations

import json
from pathlib import Path

import aiomqtt

from station.outlets.mqtt import MqttOutlet
from station.store import open_store
from tests.outlets.support import Broker, Consumer, PurePythonBroker, settings
from tests.outlets.test_mqtt import append, picture, running, until_acknowledged
from tests.store.support import HandClock
from tests.support import real

STATION = "dip-dip-v1-s-a-l-dip-1"
"""how the outlet calls itself to a broker"""
COMMANDS = ("command", "set", "state", "job/start", "status")


@real
async def test_a_broker_hears_it_publish_and_never_subscribe_and_sends_it_no_command(tmp_path: Path) -> None:
    broker, store = Broker(tmp_path), open_store(tmp_path / "data", HandClock())
    await broker.start()
    consumer = Consumer(broker.port)
    async with running(consumer.run()):
        await consumer.subscribed()
        async with running(MqttOutlet(store, picture, settings(broker.port)).run()):
            await append(store, 1)
            await until_acknowledged(store, 1)
            async with aiomqtt.Client("127.0.0.1", broker.port, identifier="stranger") as stranger:
                for topic in COMMANDS:
                    await stranger.publish(settings(broker.port).root + topic, json.dumps({"command": "start"}), qos=1)
            await append(store, 5)
            await until_acknowledged(store, 11)
            await consumer.until(lambda: len(consumer.events) >= 6)
    store.close()
    await broker.stop()
    assert f"Received PUBLISH from {STATION}" in broker.said
    assert "Received PUBLISH from stranger" in broker.said
    assert "Received SUBSCRIBE from consumer" in broker.said
    assert "Sending PUBLISH to consumer" in broker.said
    assert f"SUBSCRIBE from {STATION}" not in broker.said
    assert f"Sending PUBLISH to {STATION}" not in broker.said


@real
async def test_a_broker_of_the_older_protocol_knows_of_no_subscription_either(tmp_path: Path) -> None:
    broker, store = PurePythonBroker(), open_store(tmp_path / "data", HandClock())
    await broker.start()
    consumer = Consumer(broker.port, version="3.1.1")
    async with running(consumer.run()):
        await consumer.subscribed()
        async with running(MqttOutlet(store, picture, settings(broker.port, version="3.1.1")).run()):
            await append(store, 5)
            await until_acknowledged(store, 9)
            assert broker.subscribers() == {"consumer"}
    store.close()
    await broker.stop()
