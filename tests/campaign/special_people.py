"""People come and go while a job asks: keys that are revoked, that expire, roles that change, answers that come again.

Everything is sent as clients send it, to the real controller; after whatever must do nothing somebody looks at what the
station did.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx

from sim_hardware.faults import FaultSpec
from station.alarms.active import ActiveAlarm
from station.api.app import create_app
from station.api.logins import IDLE_LIMIT_S
from station.door import Door
from station.people.register import Register
from station.people.roles import Role
from station.run.packml import State
from tests.campaign.invariants_people import wrong_acts
from tests.scenarios.bench import RECIPE, Bench, bench

BASE = "http://127.0.0.1:8600"
EFFECTS = ("operator.answer", "job.submitted", "job.started", "state.changed", "mode.changed")
KEY_LIVES = timedelta(minutes=5)
Broken = list[tuple[int, str]]


class Clients:
    """Who sends what, each with a key of their own; a new Idempotency-Key each time unless one is given."""

    def __init__(self, client: httpx.AsyncClient, b: Bench, broken: Broken) -> None:
        self._client, self._b, self._broken = client, b, broken
        self._sent = 0

    async def send(self, key: str, path: str, body: dict[str, Any], once: str = "") -> int:
        self._sent += 1
        headers = {"Idempotency-Key": once or f"wish-{self._sent}"}
        headers |= {"Authorization": f"Bearer {key}"} if key else {}
        return (await self._client.post(path, json=body, headers=headers)).status_code

    async def nothing(self, what: str, sending: Awaitable[int], *wanted: int) -> None:
        """It is refused with one of these, and nothing happens because of it."""
        before = await self._look()
        status = await sending
        await asyncio.sleep(1.0)
        after = await self._look()
        if status not in wanted or after != before:
            self._broken.append((41, f"{what}: answered {status}, before {before}, after {after}"))

    async def taken(self, what: str, sending: Awaitable[int]) -> None:
        status = await sending
        if status not in (200, 201, 202):
            self._broken.append((41, f"{what}: refused with {status}"))

    async def _look(self) -> tuple[object, ...]:
        controller = self._b.controller
        asked = [alarm.id for alarm in open_questions(self._b)]
        return controller.packml.state.title, controller.jobs.views(), asked, len(await self._b.events(*EFFECTS))


def open_questions(b: Bench) -> list[ActiveAlarm]:
    return [alarm for alarm in b.controller.alarms.standing if alarm.answer is not None and not alarm.answer.done()]


async def keys_that_end(folder: Path) -> Broken:
    """Whatever was let in and is no more, or was said once already, does nothing; Stop is taken from everybody."""
    broken = Broken()
    async with bench(folder) as b:
        b.plant.faults.inject(FaultSpec("film_thin", value=200.0), b.plant.now())
        register, utc = Register(folder), b.store.clock.utc
        app = create_app(Door(b.controller), b.store, b.shelf, simulated=True, screens=folder / "none")
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url=BASE) as client:
            by = Clients(client, b, broken)
            anna, eva = register.add("anna", Role.OPERATOR, utc()), register.add("eva", Role.VIEWER, utc())
            mes, cleo = register.add("mes", Role.MES, utc()), register.add("cleo", Role.OPERATOR, utc())
            order = {"recipe": RECIPE, "boards": 1}
            await by.nothing("nobody orders", by.send("", "/v1/jobs", order), 401)
            await by.nothing("a viewer orders", by.send(eva, "/v1/jobs", order), 403)
            await by.taken("the MES orders", by.send(mes, "/v1/jobs", order, "order"))
            await by.nothing("the MES changes the mode", by.send(mes, "/v1/station/mode", {"mode": "Maintenance"}), 403)
            start = f"/v1/jobs/{b.controller.jobs.views()[-1]['id']}/actions", {"action": "start"}
            await by.taken("anna starts", by.send(anna, *start, "start"))

            async def asked() -> tuple[str, dict[str, str]]:
                await b.until(lambda: open_questions(b) != [])
                alarm = open_questions(b)[0]
                return f"/v1/alarms/{alarm.id}/answer", {"answer": "retry", "state_token": alarm.state_token}

            first = await asked()
            await by.nothing("the MES answers", by.send(mes, *first), 403)
            await by.taken("anna answers", by.send(anna, *first))
            await asyncio.sleep(1.0)
            second = await asked()
            await by.nothing("her answer comes again", by.send(anna, *first), 404, 409)
            stale = {**second[1], "state_token": first[1]["state_token"]}
            await by.nothing("with the token of before", by.send(anna, second[0], stale), 409)
            await by.nothing("the MES answers", by.send(mes, *second), 403)
            register.revoke("anna", utc())
            await by.nothing("revoked, she answers", by.send(anna, *second), 401)
            await by.nothing("revoked, her start comes again", by.send(anna, *start, "start"), 401)
            new = register.add("anna", Role.OPERATOR, utc())
            await by.nothing("with the key of before", by.send(anna, *second), 401)
            await _expires(b, register, by, second)
            register.give_role("cleo", Role.VIEWER)
            await by.nothing("an operator who is one no more answers", by.send(cleo, *second), 403)
            register.give_role("cleo", Role.OPERATOR)
            await _idles(client, by, cleo, second)
            await by.taken("with her new key anna answers", by.send(new, *second))
            await by.taken("whose key was revoked stops", by.send(anna, "/v1/station/commands", {"command": "stop"}))
            if await b.rest(State.STOPPED) is not State.STOPPED:
                broken.append((44, f"a stop by somebody revoked, and the station is {b.controller.packml.state.title}"))
        log = await b.store.events.read(limit=100_000)
        acts = [event.data["what"] for event in log if event.kind == "act"]
        answered = sum(event.kind == "operator.answer" for event in log)
        if (
            acts.count("POST /v1/alarms/{alarm_id}/answer") - answered != 2
        ):  # those that came again were let in, for naught
            broken.append((41, f"{answered} answers, acts {acts}"))
        broken += [(41, sentence) for sentence in wrong_acts(log)]
    return broken


async def _expires(b: Bench, register: Register, by: Clients, answer: tuple[str, dict[str, str]]) -> None:
    utc = b.store.clock.utc
    ben = register.add("ben", Role.OPERATOR, utc(), utc() + KEY_LIVES)
    await asyncio.sleep(KEY_LIVES.total_seconds())
    await by.nothing("an expired key answers", by.send(ben, *answer), 401)


async def _idles(client: httpx.AsyncClient, by: Clients, key: str, answer: tuple[str, dict[str, str]]) -> None:
    await by.taken("cleo logs in", by.send("", "/v1/login", {"key": key}))
    await asyncio.sleep(IDLE_LIMIT_S)
    await by.nothing("a login that nobody touched answers", by.send("", *answer), 401)
    client.cookies.clear()
