"""Who stands beside the station in the network: a MES that orders, a broker, pages, and strangers.

Every act is brought about at a seam of the real service: its web service below the socket, and the client of the MQTT
library. An act returns when it has struck; what it must come to in the end is looked at when the run is over.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
from fastapi import FastAPI
from starlette.types import Message, Receive, Scope, Send

from station.alarms.catalogue import definition
from station.api.jog import TAKES_LIMIT_S
from station.api.streams import SEND_LIMIT_S
from station.outlets.heard import UNHEARD
from station.outlets.mqtt import LONGEST_PAUSE_S, MqttSettings
from tests.api.unread import JOG, Unread
from tests.campaign.mes import EXPIRED, REFUSED, DownAtRelease, LosesAcknowledgements, Mes
from tests.campaign.watcher import STATION, Watcher
from tests.campaign.web import BASE, app_of, judge, judge_refusal, web
from tests.scenarios.bench import RECIPE, Bench

FLOOD = 400
"""requests at one instant, more than the burst that the service takes"""
HOURS_S = 7_200.0
"""so long is the broker away after the board has left"""
SWITCHES_OFF = True
"""whether the machine is switched off for these hours"""
HOLDS_MORE = 60
"""events in one batch and a little: an outlet that holds more than that at the end of the hours collects them"""
WARNS_AFTER_S = 5.0
"""shorter than the service's own limit, so that a board is still under way when it warns"""
READS = ("/v1/events/stream?after=0", "/v1/stream")
PAGES = 20
LETS_GO_S = SEND_LIMIT_S + 5.0
ROOT = MqttSettings("127.0.0.1").root
TOPICS = ("command", "commands", "cmd", "set", "state/set", "job/start")
ORDERS: tuple[dict[str, Any], ...] = (
    *({"command": word} for word in ("stop", "abort", "hold", "reset", "start", "clear")),
    {"recipe": RECIPE, "boards": 1},
)
TURNS_MAX = 200
"""of the loop, within which an order must have been answered"""

Act = Callable[[Bench, Watcher], Awaitable[None]]


# -- orders of the MES -----------------------------------------------------------------------------------------------


async def order_twice(b: Bench, watcher: Watcher) -> None:
    """The MES sends an order, does not hear the answer, and sends it again: one job, the same answer."""
    async with web(b) as client:
        order = {"json": {"recipe": RECIPE, "boards": 1}, "headers": {"Idempotency-Key": "order-1"}}
        before = len(b.controller.jobs.views())
        first, second = await client.post("/v1/jobs", **order), await client.post("/v1/jobs", **order)  # type: ignore[arg-type]
        is_one = first.json() == second.json() and len(b.controller.jobs.views()) == before + 1
        judge(watcher, is_one, f"two jobs by one key: {first.text} {second.text}")


async def other_order_under_the_key(b: Bench, watcher: Watcher) -> None:
    async with web(b) as client:
        key = {"Idempotency-Key": "order-2"}
        await client.post("/v1/jobs", json={"recipe": RECIPE, "boards": 1}, headers=key)
        second = await client.post("/v1/jobs", json={"recipe": RECIPE, "boards": 2}, headers=key)
        judge_refusal(watcher, second.status_code == 422, second.text)


async def answer_lost(b: Bench, watcher: Watcher) -> None:
    """The MES is gone before it is answered: with the answer on its way, and at every turn that the order takes. Each
    time it asks again with the same key: one job, one answer."""
    app = app_of(b)
    async with web(b, app) as again:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(_Deaf(app)), base_url=BASE) as deaf:
            await _one_job(b, watcher, again, "key-deaf", deaf.post("/v1/jobs", **_order("key-deaf")))
        for turns in range(TURNS_MAX):
            key = f"key-{turns}"
            first = asyncio.get_running_loop().create_task(again.post("/v1/jobs", **_order(key)), name="person orders")
            for _ in range(turns):
                await asyncio.sleep(0)
            is_answered = not first.cancel()
            await _one_job(b, watcher, again, key, first)
            if is_answered:
                return
    judge(watcher, False, f"an order was not answered within {TURNS_MAX} turns")


def _order(key: str) -> dict[str, Any]:
    return {"json": {"recipe": RECIPE, "boards": 1}, "headers": {"Idempotency-Key": key}}


async def _one_job(
    b: Bench, watcher: Watcher, client: httpx.AsyncClient, key: str, first: Awaitable[httpx.Response]
) -> None:
    before = len(b.controller.jobs.views())
    await asyncio.gather(first, return_exceptions=True)
    answers = [await client.post("/v1/jobs", **_order(key)) for _ in range(2)]
    jobs = {answer.json().get("id") for answer in answers}
    count = len(b.controller.jobs.views()) - before
    is_well = [answer.status_code for answer in answers] == [201, 201] and len(jobs) == 1
    judge(watcher, is_well and count <= 1, f"{key}: {count} jobs more, {[answer.text[:200] for answer in answers]}")


class _Deaf:
    """Between the service and a client whose connection is gone: nothing of an answer arrives."""

    def __init__(self, app: FastAPI) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def into_nothing(message: Message) -> None:
            pass

        await self._app(scope, receive, into_nothing)
        raise ConnectionResetError


# -- the broker, and the MES behind it -------------------------------------------------------------------------------


async def mes_down(b: Bench, watcher: Watcher) -> None:
    """It goes down in the middle of the records of a board, before the board leaves."""
    watcher.mes = DownAtRelease(b)
    await watcher.mes.met.wait()


async def broker_away(b: Bench, watcher: Watcher) -> None:
    """From now on until hours after the board has left. The machine is switched off for them: an hour of its heartbeats
    takes seven seconds; `test_neighbours.py` has hours with it."""
    mes = watcher.mes = Mes(b, why_not=REFUSED)
    await mes.met.wait()

    async def hours_later() -> None:
        held, before = mes.what_it_holds(), b.store.cursors.position("mes")
        if SWITCHES_OFF:
            await _switched_off(b)
        await asyncio.sleep(HOURS_S)
        more = mes.what_it_holds() - held
        judge(watcher, more <= HOLDS_MORE, f"the outlet holds {more} things more than hours ago")
        judge(watcher, b.store.cursors.position("mes") == before, "the cursor moved without a broker")
        judge(watcher, mes.outlet.backlog > 0, "nothing waits, though nobody was told anything")
        is_patient = HOURS_S / LONGEST_PAUSE_S <= mes.tries <= 3 * HOURS_S / LONGEST_PAUSE_S
        judge(watcher, is_patient, f"{mes.tries} tries to connect in {HOURS_S:.0f} s")
        _was_told(watcher, REFUSED)

    watcher.at_end.append(hours_later)


async def _switched_off(b: Bench) -> None:
    """The machine, and what looks at it; the service's outlet and its log go on."""
    for task in b.controller._background:
        task.cancel()
    await asyncio.gather(*b.controller._background, return_exceptions=True)
    await b.controller.cell.close()


async def acknowledgements_lost(b: Bench, watcher: Watcher) -> None:
    mes = watcher.mes = LosesAcknowledgements(b)
    await mes.met.wait()


async def commands_by_mqtt(b: Bench, watcher: Watcher) -> None:
    """The broker hands orders to the station as if it had asked for them."""
    commands = [(ROOT + topic, json.dumps(order)) for topic in TOPICS for order in ORDERS]
    jobs = len(b.controller.jobs.views())
    mes = watcher.mes = Mes(b, commands=commands)
    await mes.met.wait()

    async def nothing_came_of_it() -> None:
        more = len(b.controller.jobs.views()) - jobs
        judge(watcher, more <= 1, f"{more} jobs were ordered, one of them by a person")
        judge(watcher, not mes.subscribed, f"the station subscribes to {mes.subscribed}")
        judge(watcher, not mes.tasks[0].done(), f"the outlet has ended: {mes.tasks[0]!r}")

    watcher.at_end.append(nothing_came_of_it)


async def certificate_expired(b: Bench, watcher: Watcher) -> None:
    """The station warns, and is there for everybody else."""
    mes = watcher.mes = Mes(b, why_not=EXPIRED, warns_after_s=WARNS_AFTER_S)
    await mes.met.wait()
    async with web(b) as client:
        for address in ("/v1/health", "/v1/station", "/v1/alarms"):
            answer = await client.get(address)
            judge(watcher, answer.status_code == 200, f"{address}: {answer.text[:200]}")

    async def warned() -> None:
        await asyncio.sleep(2 * WARNS_AFTER_S)
        judge(watcher, not mes.heard, "a broker that is not to be trusted was told something")
        _was_told(watcher, EXPIRED)

    watcher.at_end.append(warned)


def _was_told(watcher: Watcher, why: str) -> None:
    number = definition(UNHEARD).number
    told = [e.data["text"] for e in watcher.entries if e.source == STATION and e.data.get("number") == number]
    judge(watcher, len(told) == 1 and why in told[0], f"alarm {number} was told as {told}, wanted once, with {why!r}")


# -- pages -----------------------------------------------------------------------------------------------------------


async def pages_do_not_read(b: Bench, watcher: Watcher) -> None:
    """Pages ask for everything and take one piece of it or none; one has the jog pad, one knocks for it."""
    app = app_of(b)
    subscribers = _subscribers(b)
    pages = [Unread(app, address, takes=n % 3) for address in READS for n in range(PAGES)]
    pads = [Unread(app, JOG, takes=takes) for takes in (2, 0)]
    await asyncio.sleep(TAKES_LIMIT_S / 4)
    opened = app.state.streams._open
    judge(watcher, opened == len(pages), f"{opened} of {len(pages)} streams are open")
    judge(watcher, len(pads[0].took) == 2, f"the pad got {pads[0].took}")
    async with web(b, app) as client:
        answer = await client.get("/v1/station")
        judge(watcher, answer.status_code == 200, f"another page got {answer.text[:200]}")

    async def let_go() -> None:
        await asyncio.sleep(LETS_GO_S)
        left = sum(not page.is_over for page in (*pages, *pads))
        judge(watcher, left == 0, f"{left} pages that take nothing are still there")
        counts = (app.state.streams._open, _subscribers(b))
        judge(watcher, counts == (0, subscribers), f"streams and subscribers {counts}, before it 0 and {subscribers}")
        b.controller.jog.give_back(b.controller.jog.take())
        for page in (*pages, *pads):
            await page.gone()

    watcher.at_end.append(let_go)


def _subscribers(b: Bench) -> int:
    return sum(not one.is_closed for one in b.store.events._subscriptions)


# -- strangers -------------------------------------------------------------------------------------------------------


async def flood(b: Bench, watcher: Watcher) -> None:
    """More requests at once than the service takes; a Hold would still pass, see the command lane."""
    async with web(b) as client:
        asked = [client.get("/v1/health") for _ in range(FLOOD)]
        answers = [answer.status_code for answer in await asyncio.gather(*asked)]
        judge_refusal(watcher, answers.count(429) > 0 and set(answers) <= {200, 429}, set(answers))


async def bombs(b: Bench, watcher: Watcher) -> None:
    """JSON that is deep, JSON that is huge, an archive where JSON is wanted."""
    async with web(b) as client:
        for content, kind in (
            ("[" * 10_000 + "]" * 10_000, "application/json"),
            ('{"recipe": "' + "x" * 2_000_000 + '"}', "application/json"),
            ("PK\x03\x04", "application/zip"),
        ):
            headers = {"content-type": kind, "Idempotency-Key": f"bomb-{len(content)}"}
            answer = await client.post("/v1/jobs", content=content, headers=headers)
            judge_refusal(watcher, 400 <= answer.status_code < 500, answer.text)


ACTS: dict[str, Act] = {
    "broker_away": broker_away,
    "acknowledgements_lost": acknowledgements_lost,
    "order_twice": order_twice,
    "other_order_under_the_key": other_order_under_the_key,
    "answer_lost": answer_lost,
    "mes_down": mes_down,
    "pages_do_not_read": pages_do_not_read,
    "flood": flood,
    "bombs": bombs,
    "commands_by_mqtt": commands_by_mqtt,
    "certificate_expired": certificate_expired,
}
ACT_OF = {
    "N01": "broker_away",
    "N02": "acknowledgements_lost",
    "N03": "order_twice",
    "N04": "other_order_under_the_key",
    "N05": "answer_lost",
    "N06": "mes_down",
    "N07": "pages_do_not_read",
    "N08": "flood",
    "N09": "bombs",
    "N10": "commands_by_mqtt",
    "N11": "certificate_expired",
}
