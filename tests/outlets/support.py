"""A real broker that can be killed and started again, a consumer that remembers, and one that is deaf to events."""

from __future__ import annotations

import asyncio
import json
import shutil
import signal
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import aiomqtt
import amqtt.broker
import pytest
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from station.outlets.mqtt import MqttSettings

PROGRAM = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin")


def settings(port: int, *, version: Literal["5", "3.1.1"] = "5") -> MqttSettings:
    return MqttSettings(
        "127.0.0.1", port, site="s", area="a", line="l", station="dip-1", will_delay_s=0, version=version
    )


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Broker:
    """mosquitto on a free port, remembering sessions on the disk."""

    def __init__(self, directory: Path) -> None:
        if PROGRAM is None:
            pytest.skip("mosquitto is not installed")
        self.port = free_port()
        self._configuration = directory / "broker.conf"
        self._configuration.write_text(
            f"listener {self.port} 127.0.0.1\nallow_anonymous true\nuser root\n"
            f"persistence true\npersistence_location {directory}/\nautosave_on_changes true\nautosave_interval 1\n"
        )
        self._process: asyncio.subprocess.Process | None = None
        self.said = ""
        """what it wrote about its clients, known when it has stopped"""

    async def start(self) -> None:
        assert PROGRAM is not None
        self._process = await asyncio.create_subprocess_exec(
            PROGRAM, "-v", "-c", str(self._configuration), stderr=asyncio.subprocess.PIPE
        )
        assert self._process.stderr is not None
        async for line in self._process.stderr:
            if b"running" in line:
                break
        self._draining = asyncio.ensure_future(self._process.stderr.read())

    async def stop(self, how: signal.Signals = signal.SIGKILL) -> None:
        if self._process is not None:
            self._process.send_signal(how)
            await self._process.wait()
            self.said += (await self._draining).decode()
            self._process = None


class PurePythonBroker:
    """amqtt inside this process: no program to install, the older protocol version, nothing kept over a restart."""

    def __init__(self) -> None:
        self.port = free_port()
        self._broker = amqtt.broker.Broker(
            {
                "listeners": {"default": {"type": "tcp", "bind": f"127.0.0.1:{self.port}"}},
                "plugins": {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}},
            }
        )

    async def start(self) -> None:
        await self._broker.start()

    async def stop(self) -> None:
        await self._broker.shutdown()

    def subscribers(self) -> set[str]:
        """Who listens to anything, by client identifier."""
        return {session.client_id for who in self._broker.subscriptions.values() for session, _ in who}


class Consumer:
    """Listens to everything below the station's root, with a session that the broker keeps; comes back by itself."""

    def __init__(self, port: int, *, version: Literal["5", "3.1.1"] = "5") -> None:
        self._port = port
        self._version = version
        self.events: list[dict[str, Any]] = []
        self.retained: dict[str, Any] = {}
        self._news = asyncio.Condition()
        self._subscribed = asyncio.Event()

    async def run(self) -> None:
        kept: dict[str, Any] = {"protocol": aiomqtt.ProtocolVersion.V311, "clean_session": False}
        if self._version == "5":
            properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
            properties.SessionExpiryInterval = 3600
            kept = {"protocol": aiomqtt.ProtocolVersion.V5, "clean_start": False, "properties": properties}
        while True:
            try:
                async with aiomqtt.Client("127.0.0.1", self._port, identifier="consumer", **kept) as client:
                    await client.subscribe("dip/v1/#", qos=1)
                    self._subscribed.set()
                    async for message in client.messages:
                        await self._take(str(message.topic), message.payload)
            except aiomqtt.MqttError:
                await asyncio.sleep(0.05)

    async def subscribed(self) -> None:
        await self._subscribed.wait()

    async def until(self, reached: Callable[[], bool]) -> None:
        """Wait until it is so; the test's own time limit bounds it."""
        async with self._news:
            await self._news.wait_for(reached)

    def seqs(self) -> set[int]:
        return {event["seq"] for event in self.events}

    async def _take(self, topic: str, payload: Any) -> None:
        name = topic.removeprefix("dip/v1/s/a/l/dip-1/")
        value: Any = json.loads(payload) if payload else None
        if name.startswith("event/"):
            self.events.append({**value, "topic": name})
        else:
            self.retained[name] = value
        async with self._news:
            self._news.notify_all()


class DeafBroker:
    """Takes connections and messages, acknowledges status messages only, and hangs up at the first event, or waits."""

    def __init__(self, *, hangs_up: bool = True) -> None:
        self._hangs_up = hangs_up
        self.event_count = 0
        self.connection_count = 0
        self.third_connection = asyncio.Event()
        self._talks: list[tuple[asyncio.StreamWriter, asyncio.Event]] = []

    async def start(self) -> int:
        self._server = await asyncio.start_server(self._talk, "127.0.0.1", 0)
        return int(self._server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        self._server.close()
        for writer, ended in self._talks:
            writer.close()
            await ended.wait()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ended = asyncio.Event()
        self._talks.append((writer, ended))
        self.connection_count += 1
        if self.connection_count == 3:
            self.third_connection.set()
        try:
            while True:
                kind, body = await _packet(reader)
                if kind >> 4 == 1:
                    writer.write(bytes([0x20, 3, 0, 0, 0]))
                elif kind >> 4 == 3:
                    length = int.from_bytes(body[:2], "big")
                    if b"/event/" in body[2 : 2 + length]:
                        self.event_count += 1
                        if self._hangs_up:
                            return
                    else:
                        writer.write(bytes([0x40, 2]) + body[2 + length : 4 + length])
        except asyncio.IncompleteReadError:
            return
        finally:
            writer.close()
            ended.set()


async def _packet(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    kind = (await reader.readexactly(1))[0]
    length = shift = 0
    while True:
        digit = (await reader.readexactly(1))[0]
        length |= (digit & 0x7F) << shift
        if digit < 0x80:
            return kind, await reader.readexactly(length)
        shift += 7
