"""The station's voice on MQTT: the event log in order, each event at least once, and retained state beside it.

Nothing here listens: no command ever comes by MQTT. The log is the outbox; the cursor moves only after the broker's
acknowledgement. That is not delivery: a broker that loses its memory loses what it acknowledged, so whoever must not
miss anything compares `previous_seq` and reads gaps at `/v1/events?after=`.
"""

from __future__ import annotations

import asyncio
import json
import logging
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Literal
from urllib.parse import unquote, urlsplit

import aiomqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from station.outlets import topics
from station.store import Event, Store, StoreFailed
from station.store.errors import NotStored
from station.store.records import RECORDED
from station.to_its_end import to_its_end

BATCH = 50  # events in flight: 3,800 messages/s against 340 with one, measured on loopback
LOOK_PERIOD_S = 0.1
RETAINED_PERIOD_S = 1.0  # retained state changes at most so often
STATUS_PERIOD_S = 30.0
ACK_LIMIT_S = 10.0
FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 30.0
FAREWELL_LIMIT_S = 2.0
SESSION_KEPT_S = 60  # longer than the will's delay: a short break then causes no false `offline`

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class MqttSettings:
    """Where the broker is and who we are.

    will_delay_s   how long the broker waits before it says `offline` for us (MQTT 5 only)
    """

    host: str
    port: int = 1883
    site: str = "site"
    area: str = "area"
    line: str = "line"
    station: str = "station"
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    is_encrypted: bool = False
    version: Literal["5", "3.1.1"] = "5"
    keepalive_s: int = 30
    will_delay_s: int = 5

    @property
    def root(self) -> str:
        """Start of every topic, with the last slash."""
        return "/".join((topics.ROOT, self.site, self.area, self.line, self.station)) + "/"

    @classmethod
    def from_url(cls, url: str, *, station: str) -> MqttSettings:
        """Read `mqtt://[user:password@]host[:port][/site[/area[/line]]]`; `mqtts` encrypts.

        raises   ValueError naming what is wrong, never the password
        """
        parts = urlsplit(url)
        if parts.scheme not in ("mqtt", "mqtts") or not parts.hostname:
            raise ValueError("the MQTT address must look like mqtt://host:1883/site/area/line")
        _check_host(parts.hostname)
        places = [unquote(word) for word in parts.path.split("/") if word]
        site, area, line = (places + ["site", "area", "line"][len(places) :])[:3]
        for word in (*places, station):
            if any(sign in word for sign in "+#/\0"):
                raise ValueError(f"{word!r} cannot be part of an MQTT topic: it contains one of + # /")
        is_encrypted = parts.scheme == "mqtts"
        return cls(
            host=parts.hostname,
            port=parts.port or (8883 if is_encrypted else 1883),
            station=station,
            username=unquote(parts.username) if parts.username else None,
            password=unquote(parts.password) if parts.password else None,
            is_encrypted=is_encrypted,
            site=site,
            area=area,
            line=line,
        )


def _check_host(host: str) -> None:
    """Raises ValueError where no resolver could be asked; the outlet would end by it in the middle of its work."""
    try:
        host.encode("idna")
    except UnicodeError as error:
        raise ValueError(f"{host!r} is no name of a host: each part of it must have 1 to 63 letters") from error


class MqttOutlet:
    """Publishes for as long as `run` runs; losing the broker never reaches the machine.

    picture   the station's present picture, as the API publishes it
    name      of the cursor
    is_heard  whether the broker takes what it is told: a connection and an acknowledged status alone are not enough
    """

    def __init__(
        self, store: Store, picture: Callable[[], dict[str, Any]], settings: MqttSettings, *, name: str = "mqtt"
    ) -> None:
        self._store = store
        self._picture = picture
        self._settings = settings
        self._name = name
        self._seen = self._published = store.cursors.position(name)
        self.is_heard = False
        self.trouble: str | None = None

    @property
    def backlog(self) -> int:
        """Events not yet looked at by this outlet."""
        return self._store.events.durable_seq - self._seen

    async def run(self) -> None:
        """Connect, publish, come back after every loss; ends by cancellation, after a farewell."""
        failures = 0
        while True:
            try:
                async with self._connected() as client, asyncio.TaskGroup() as group:
                    failures = 0
                    group.create_task(self._serve(client), name="mqtt outlet")
                    group.create_task(_until_lost(client), name="mqtt link")
            except* (aiomqtt.MqttError, OSError) as errors:
                self.trouble = f"MQTT broker {self._settings.host}:{self._settings.port}: {errors.exceptions[0]}"
                log.warning("%s; %d events wait", self.trouble, self.backlog)
            await asyncio.sleep(self._pause_s(failures))
            failures += 1

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[aiomqtt.Client]:
        client = self._client()
        connecting = asyncio.ensure_future(client.__aenter__())
        # The library leaves a task behind when it is cancelled while it connects: that is waited for instead.
        cancellation = await to_its_end(connecting)
        try:
            async with AsyncExitStack() as stack:
                if connecting.exception() is None:
                    stack.push_async_exit(client)
                if cancellation is not None:
                    raise cancellation
                yield connecting.result()
        finally:
            # An error would hold itself through this frame, and with it the socket of a broker that is not trusted.
            del connecting

    def _pause_s(self, failures: int) -> float:
        # Stations that lost the same broker must not all come back at once; the spread is fixed for each of them.
        spread = sha256(f"{self._settings.root}{failures}".encode()).digest()[0] / 255
        return float(min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2 ** min(failures, 8))) * (0.5 + 0.5 * spread)

    def _client(self) -> aiomqtt.Client:
        settings = self._settings
        is_5 = settings.version == "5"
        properties = will_properties = None
        if is_5:
            properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
            properties.SessionExpiryInterval = SESSION_KEPT_S
            will_properties = Properties(PacketTypes.WILLMESSAGE)  # type: ignore[no-untyped-call]
            will_properties.WillDelayInterval = settings.will_delay_s
        client = aiomqtt.Client(
            settings.host,
            settings.port,
            identifier="dip-" + settings.root.strip("/").replace("/", "-"),
            username=settings.username,
            password=settings.password,
            protocol=aiomqtt.ProtocolVersion.V5 if is_5 else aiomqtt.ProtocolVersion.V311,
            clean_session=None if is_5 else True,
            clean_start=False if is_5 else 3,  # 3: the library's word for "does not apply"
            properties=properties,
            will=aiomqtt.Will(
                settings.root + topics.STATUS, self._status("offline"), qos=1, retain=True, properties=will_properties
            ),
            keepalive=settings.keepalive_s,
            timeout=ACK_LIMIT_S,
            tls_context=ssl.create_default_context() if settings.is_encrypted else None,
        )
        client.pending_calls_threshold = BATCH * 2
        return client

    async def _serve(self, client: aiomqtt.Client) -> None:
        """Publish until the broker is lost or this task is cancelled."""
        loop = asyncio.get_running_loop()
        retained: dict[str, str] = {}
        status_at_s = retained_at_s = -STATUS_PERIOD_S + loop.time() - 1.0
        try:
            while True:
                if loop.time() - status_at_s >= STATUS_PERIOD_S:
                    await self._publish(client, topics.STATUS, self._status("online"), retain=True)
                    status_at_s = loop.time()
                # The broker may have lost its memory, ours is the picture: everything is said again after a loss.
                if loop.time() - retained_at_s >= RETAINED_PERIOD_S:
                    await self._publish_retained(client, retained)
                    retained_at_s = loop.time()
                if self._store.events.durable_seq > self._seen:
                    await self._publish_batch(client)
                else:
                    await asyncio.sleep(LOOK_PERIOD_S)
                self.is_heard, self.trouble = True, None
        except asyncio.CancelledError:
            # A clean disconnect silences the will, so the farewell is said here.
            with suppress(aiomqtt.MqttError, TimeoutError):
                async with asyncio.timeout(FAREWELL_LIMIT_S):
                    await self._publish(client, topics.STATUS, self._status("offline"), retain=True)
            raise
        finally:
            self.is_heard = False

    async def _publish_retained(self, client: aiomqtt.Client, shown: dict[str, str]) -> None:
        for topic, value in topics.retained_state(self._picture()).items():
            # An empty message removes what the broker keeps.
            text = "" if value is None else _compact(value)
            if shown.get(topic) != text:
                await self._publish(client, topic, text, retain=True)
                shown[topic] = text

    async def _publish_batch(self, client: aiomqtt.Client) -> None:
        events = await self._store.events.read(self._seen, BATCH)
        messages: list[tuple[str, str]] = []
        published = self._published
        for event in events:
            topic = topics.event_topic(event.kind)
            if topic is not None:
                messages.append((topic, await self._message(event, published)))
                published = event.seq
        sendings = [self._publish(client, topic, text) for topic, text in messages]
        for outcome in await asyncio.gather(*sendings, return_exceptions=True):
            if isinstance(outcome, BaseException):
                raise outcome
        self._seen, self._published = events[-1].seq, published
        if messages:
            self._store.cursors.advance(self._name, published)
            # With a failed store the station goes on telling; after a restart some of it is told twice.
            with suppress(StoreFailed):
                await self._store.commit()

    async def _message(self, event: Event, previous_seq: int) -> str:
        document: dict[str, Any] = {
            "station": self._settings.station,
            "epoch": event.epoch,
            "seq": event.seq,
            "previous_seq": previous_seq,
            "id": event.id,
            "schema": f"{event.kind}/1",
            "occurred_at": event.occurred_at,
            "kind": event.kind,
            "data": event.data,
            "hash": event.hash,
        }
        if event.kind == RECORDED:
            with suppress(NotStored):
                document["record"] = await self._store.records.get(event.data["record_id"])
        return _compact(document)

    async def _publish(self, client: aiomqtt.Client, topic: str, text: str, *, retain: bool = False) -> None:
        await client.publish(self._settings.root + topic, text, qos=1, retain=retain, timeout=ACK_LIMIT_S)

    def _status(self, word: Literal["online", "offline"]) -> str:
        return _compact(
            {
                "status": word,
                "station": self._settings.station,
                "epoch": self._store.events.epoch,
                "seq": self._store.events.durable_seq,
                "waiting": self.backlog,
            }
        )


async def _until_lost(client: aiomqtt.Client) -> None:
    """Raises MqttError as soon as the broker is lost; a publication alone would wait for its time limit."""
    async for _ in client.messages:
        pass


def _compact(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), allow_nan=False)
