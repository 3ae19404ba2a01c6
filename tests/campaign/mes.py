"""A MES that listens by MQTT to every event, behind a broker that is away, forgets, commands or is not to be trusted.

The outlet is the real one, and so is the look at whether it is heard. Only the client of the library is replaced: the
virtual clock has no broker to connect to.
"""

from __future__ import annotations

import asyncio
import gc
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from typing import Any

import aiomqtt

from station.outlets.heard import UNHEARD, HeardOutside
from station.outlets.mqtt import MqttOutlet, MqttSettings
from station.settings import Settings
from station.store import Event, Store
from station.store.records import RECORDED
from tests.scenarios.bench import Bench

HEARS_WITHIN_S = 60.0
"""the outlet's longest pause between two tries, and a while"""
LOOK_S = 0.1
AWAY_S: float = Settings.model_fields["mqtt_away_s"].default
REFUSED = "[Errno 111] Connection refused"
EXPIRED = "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: certificate has expired (_ssl.c:1006)"
"""as the library says it; `tests/outlets` has it from a real server"""


class Mes:
    """`heard`: every message of an event, in the order of their arrival.

    why_not       why nobody can connect, empty while everybody can
    commands      (topic, text): what the broker hands to whoever is connected
    warns_after_s how long the broker may be away before the station says so
    """

    def __init__(
        self, b: Bench, *, why_not: str = "", commands: Sequence[tuple[str, str]] = (), warns_after_s: float = AWAY_S
    ) -> None:
        self.heard: list[dict[str, Any]] = []
        self.why_not, self.commands = why_not, list(commands)
        self.tries = 0
        self.subscribed: list[str] = []
        self.met = asyncio.Event()
        """the station has met what this one does"""
        self._store, self._alarms = b.store, b.controller.alarms
        self.settings = MqttSettings("127.0.0.1")
        self.outlet = _OutletTo(self, b.store, self.settings)
        heard = HeardOutside(self.outlet, b.controller.warn, self._alarms.over, warns_after_s)
        loop = asyncio.get_running_loop()
        self.tasks = (
            loop.create_task(self.outlet.run(), name="outlet to the MES"),
            loop.create_task(heard.run(), name="outlet heard"),
        )

    def take(self, topic: str, text: str) -> None:
        """A publication. Raises MqttError where its acknowledgement does not come."""
        if self.why_not:
            raise aiomqtt.MqttError(self.why_not)
        if topic.startswith(self.settings.root + "event/"):
            self.heard.append(json.loads(text))
            self.has_heard(self.heard[-1])

    def has_heard(self, message: dict[str, Any]) -> None:
        """Of an event that arrived just now. Raises MqttError to lose its acknowledgement."""

    def connect(self) -> None:
        """Raises MqttError where nobody can."""
        self.tries += 1
        if self.why_not:
            self.met.set()
            raise aiomqtt.MqttError(self.why_not)

    async def comes_back(self) -> list[dict[str, Any]]:
        """And is told what it missed -> all that it ever heard. The outlet ends; no warning stands any more."""
        self.why_not = ""
        with suppress(TimeoutError):
            async with asyncio.timeout(HEARS_WITHIN_S):
                while not await self._is_told_all():  # noqa: ASYNC110
                    await asyncio.sleep(LOOK_S)
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        return self.heard

    async def _is_told_all(self) -> bool:
        await self._store.commit()
        return self.outlet.is_heard and not self.outlet.backlog and not self._alarms.stands(UNHEARD)

    def what_it_holds(self) -> int:
        """Events, and clients of the library, that are alive in this process now."""
        gc.collect()
        return sum(isinstance(one, Event | _Client) for one in gc.get_objects())


class DownAtRelease(Mes):
    """It goes down at the first record it takes, whose acknowledgement is lost: this one has to come again."""

    def has_heard(self, message: dict[str, Any]) -> None:
        if message["kind"] == RECORDED and not self.met.is_set():
            self.why_not = "503, the MES is down"
            self.met.set()
            raise aiomqtt.MqttError(self.why_not)


class LosesAcknowledgements(Mes):
    """Every twentieth event arrives and its acknowledgement does not: the connection breaks, and is to be had again."""

    EVERY = 20

    def __init__(self, b: Bench) -> None:
        super().__init__(b)
        self._known: set[int] = set()

    def has_heard(self, message: dict[str, Any]) -> None:
        is_new = message["seq"] not in self._known
        self._known.add(message["seq"])
        if is_new and len(self._known) % self.EVERY == 0:
            self.met.set()
            raise aiomqtt.MqttError("the connection was lost before the acknowledgement")


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
        self._mes.connect()
        return self

    async def __aexit__(self, *_: object) -> None:
        pass

    @property
    async def messages(self) -> AsyncIterator[aiomqtt.Message]:
        while not self._mes.why_not:
            await asyncio.sleep(LOOK_S)
            for number, (topic, text) in enumerate(self._mes.commands):
                yield aiomqtt.Message(topic, text.encode(), 1, False, number, None)
            if self._mes.commands:
                self._mes.commands.clear()
                self._mes.met.set()
        raise aiomqtt.MqttError("disconnected")

    async def publish(self, topic: str, text: str, **_: object) -> None:
        self._mes.take(topic, text)

    async def subscribe(self, topic: str, **_: object) -> None:
        self._mes.subscribed.append(str(topic))
        self._mes.met.set()
        raise AssertionError(f"the station subscribes to {topic}")
