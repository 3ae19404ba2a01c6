"""A MES that listens by MQTT, and goes down while it takes the record of a board that leaves.

The outlet is the real one. Only the client of the library is replaced: the virtual clock has no broker to connect to.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import aiomqtt

from station.outlets.mqtt import MqttOutlet, MqttSettings
from station.outlets.topics import event_topic
from station.store import Store
from station.store.records import RECORDED

HEARS_WITHIN_S = 60.0
"""the outlet's longest pause between two tries, and a while"""
LOOK_S = 0.1


class Mes:
    """`heard`: every message about a placement, in the order of their arrival."""

    def __init__(self, store: Store) -> None:
        self.heard: list[dict[str, Any]] = []
        self.is_up, self.went_down = True, asyncio.Event()
        settings = MqttSettings("127.0.0.1")
        self._topic = settings.root + str(event_topic(RECORDED))
        self._outlet = _OutletTo(self, store, settings)
        self._task = asyncio.get_running_loop().create_task(self._outlet.run(), name="outlet to the MES")

    def take(self, topic: str, text: str) -> None:
        """The first record that it takes is its last: the acknowledgement is lost, so this one has to come again.

        raises   MqttError
        """
        if self.is_up and topic == self._topic:
            self.heard.append(json.loads(text))
            if not self.went_down.is_set():
                self.is_up = False
                self.went_down.set()
        if not self.is_up:
            raise aiomqtt.MqttError("503, the MES is down")

    async def comes_back(self) -> list[dict[str, Any]]:
        """And is told what it missed -> all that it ever heard. The outlet ends."""
        self.is_up = True
        with suppress(TimeoutError):
            async with asyncio.timeout(HEARS_WITHIN_S):
                while self._outlet.backlog:  # noqa: ASYNC110
                    await asyncio.sleep(LOOK_S)
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        return self.heard


class _OutletTo(MqttOutlet):
    def __init__(self, mes: Mes, store: Store, settings: MqttSettings) -> None:
        super().__init__(store, dict, settings, name="mes")
        self._mes = mes

    def _client(self) -> Any:
        return _Client(self._mes)


class _Client:
    """Stands where the library's client does, with what the outlet uses of it."""

    def __init__(self, mes: Mes) -> None:
        self._mes = mes

    async def __aenter__(self) -> _Client:
        if not self._mes.is_up:
            raise aiomqtt.MqttError("connection refused")
        return self

    async def __aexit__(self, *_: object) -> None:
        pass

    @property
    async def messages(self) -> AsyncIterator[None]:
        while self._mes.is_up:
            await asyncio.sleep(LOOK_S)
            yield
        raise aiomqtt.MqttError("disconnected")

    async def publish(self, topic: str, text: str, **_: object) -> None:
        self._mes.take(topic, text)
