"""Stories of people at a closed and at an open station: keys that end, logins, acts in the log, Stop for everybody."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from pathlib import Path

import pytest

from station.api.access import WRONG_KEY_S, WRONG_KEYS_AT_ONCE
from station.api.acts import NOTED_AT_ONCE
from station.api.logins import ABSOLUTE_LIMIT_S, COOKIE, IDLE_LIMIT_S, LOGINS_PER_KEY
from station.people.roles import Role
from station.store.errors import StoreFailed
from tests.api.support import Bench, bearer, bench
from tests.api.test_requests import assert_problem
from tests.support import virtual

RESET, STOP = {"command": "reset"}, {"command": "stop"}
COMMANDS = "/v1/station/commands"


def all_bytes(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


async def login(b: Bench, key: str) -> int:
    return (await b.post("/v1/login", {"key": key})).status_code


async def status(b: Bench, path: str = "/v1/station", **headers: str) -> int:
    return (await b.client.get(path, headers=headers)).status_code


# -- open and closed -------------------------------------------------------------------------------------------------


@virtual
async def test_a_simulated_station_is_open_until_somebody_is_added_and_what_nobody_did_is_noted(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        assert (await b.client.get("/v1/login")).json()["is_open"] is True
        assert (await b.post(COMMANDS, RESET, "key-1")).status_code == 202
        key = b.register.add("anna", Role.OPERATOR, b.utc())
        assert_problem(await b.post(COMMANDS, RESET, "key-2"), 401, "not-logged-in")
        assert (await b.post(COMMANDS, RESET, "key-3", by=key)).status_code == 202
        assert b.controller.told == ["reset", "reset"]
        b.register.revoke("anna", b.utc())
        assert_problem(await b.post(COMMANDS, RESET, "key-4"), 401, "not-logged-in")
        assert [(one["who"], one["role"]) for one in await b.events("act")] == [("nobody", None), ("anna", "operator")]
        assert [one["is_open"] for one in await b.events("access.changed")] == [True, False]


@pytest.mark.parametrize(("simulated", "hosts"), [(False, ("127.0.0.1",)), (True, ("127.0.0.1", "10.0.0.5"))])
def test_a_real_machine_or_one_that_is_called_from_elsewhere_is_closed_from_the_start(
    tmp_path: Path, simulated: bool, hosts: tuple[str, ...]
) -> None:
    @virtual
    async def story() -> None:
        async with bench(tmp_path, simulated=simulated, hosts=hosts) as b:
            refused = assert_problem(await b.post(COMMANDS, RESET, "key-1"), 401, "not-logged-in")
            assert "station people add" in refused["detail"]
            assert await status(b) == 401
            assert await status(b, "/v1/health") == 200
            assert (await b.post(COMMANDS, STOP)).status_code == 202
            assert b.controller.told == ["stop"]
            assert await status(b, **bearer(b.register.add("anna", Role.VIEWER, b.utc()))) == 200

    story()


@virtual
async def test_a_station_whose_people_were_revoked_or_whose_file_is_gone_does_not_open_again(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        b.register.add("anna", Role.ADMIN, b.utc())
        assert await status(b) == 401
        b.register.path.unlink()
        gone = assert_problem(await b.client.get("/v1/station"), 401, "not-logged-in")
        assert "is gone" in gone["detail"]
    async with bench(tmp_path) as again:
        assert await status(again) == 401, "a start forgets nothing"
        assert await status(again, **bearer(again.register.add("ben", Role.ADMIN, again.utc()))) == 200
        noted = await again.events("person.added", "person.revoked", "people.damaged")
        assert [one.get("name", "file") for one in noted] == ["anna", "file", "file", "ben", "anna"]


@virtual
async def test_who_was_added_and_revoked_while_the_service_stood_still_is_in_the_log(tmp_path: Path) -> None:
    async with bench(tmp_path) as before:
        before.register.add("anna", Role.ADMIN, before.utc())
        await before.client.get("/v1/station")
    before.register.revoke("anna", before.utc())
    before.register.add("ben", Role.VIEWER, before.utc())
    async with bench(tmp_path) as after:
        await after.client.get("/v1/station")
        assert [one["name"] for one in await after.events("person.added")] == ["anna", "ben"]
        assert [one["name"] for one in await after.events("person.revoked")] == ["anna"]


# -- keys that end ---------------------------------------------------------------------------------------------------


@virtual
async def test_a_revoked_expired_or_replaced_key_does_nothing_from_the_next_request_on(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        anna = b.register.add("anna", Role.OPERATOR, b.utc())
        ben = b.register.add("ben", Role.OPERATOR, b.utc(), b.utc() + timedelta(minutes=5))
        for n, key in enumerate((anna, ben)):
            assert (await b.post(COMMANDS, RESET, f"key-{n}", by=key)).status_code == 202
        b.register.revoke("anna", b.utc())
        refused = assert_problem(await b.post(COMMANDS, RESET, "key-3", by=anna), 401, "not-logged-in")
        assert "revoked" in refused["detail"]
        new = b.register.add("anna", Role.OPERATOR, b.utc())
        assert_problem(await b.post(COMMANDS, RESET, "key-4", by=anna), 401, "not-logged-in")
        b.store.clock.now_s += 300.0  # type: ignore[attr-defined]
        assert (
            "expired" in assert_problem(await b.post(COMMANDS, RESET, "key-5", by=ben), 401, "not-logged-in")["detail"]
        )
        assert b.controller.told == ["reset", "reset"]
        assert (await b.post(COMMANDS, RESET, "key-6", by=new)).status_code == 202
        assert (await b.post(COMMANDS, STOP, by=anna)).status_code == 202, "also who is known no more may stop"
        assert (await b.events("act"))[-1]["who"] == "unknown"


@virtual
async def test_the_role_counts_that_somebody_has_at_the_act_also_in_a_login_made_before(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        key = b.register.add("anna", Role.OPERATOR, b.utc())
        assert await login(b, key) == 200
        assert (await b.post(COMMANDS, RESET, "key-1")).status_code == 202
        b.register.give_role("anna", Role.VIEWER)
        refused = assert_problem(await b.post(COMMANDS, RESET, "key-2"), 403, "role-missing")
        assert refused["detail"].endswith("anna has the role viewer.")
        assert await status(b) == 200
        b.register.revoke("anna", b.utc())
        assert await status(b) == 401
        assert b.controller.told == ["reset"]
        assert [one["role"] for one in await b.events("person.changed")] == ["viewer"]


@virtual
async def test_a_stream_that_is_open_ends_when_its_key_is_revoked(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        key = b.register.add("anna", Role.VIEWER, b.utc())
        reading = asyncio.ensure_future(b.client.get("/v1/stream", headers=bearer(key)))
        await asyncio.sleep(30.0)
        assert not reading.done()
        b.register.revoke("anna", b.utc())
        ended = await asyncio.wait_for(reading, 2.0)
        assert ended.text.count("event: snapshot") >= 29


# -- logins ----------------------------------------------------------------------------------------------------------


@virtual
async def test_a_login_is_a_cookie_that_no_script_reads_and_no_other_site_sends(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        key = b.register.add("anna", Role.OPERATOR, b.utc())
        planted = "chosen-by-somebody-else"
        b.client.cookies.set(COOKIE, planted, domain="127.0.0.1", path="/v1")
        answer = await b.post("/v1/login", {"key": key})
        assert (answer.json()["name"], answer.json()["role"]) == ("anna", "operator")
        words = answer.headers["set-cookie"].lower()
        assert {"httponly", "samesite=strict", "path=/v1"} <= {word.strip() for word in words.split(";")}
        token = answer.cookies[COOKIE]
        assert token not in (planted, key)
        assert await status(b) == 200
        assert (await b.client.delete("/v1/login")).json()["name"] is None
        assert await status(b, Cookie=f"{COOKIE}={token}") == 401, "logged out for whoever kept the cookie too"


@virtual
async def test_a_login_that_nobody_touches_only_reads_and_one_day_ends(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        await login(b, b.register.add("anna", Role.OPERATOR, b.utc()))
        await asyncio.sleep(IDLE_LIMIT_S - 1.0)
        assert (await b.post(COMMANDS, RESET, "key-1")).status_code == 202
        await asyncio.sleep(IDLE_LIMIT_S - 1.0)
        await b.client.get("/v1/login?touched=true")
        await asyncio.sleep(IDLE_LIMIT_S - 1.0)
        await b.client.get("/v1/login")
        await status(b)
        await asyncio.sleep(2.0)
        late = assert_problem(await b.post(COMMANDS, RESET, "key-2"), 401, "not-logged-in")
        assert "log in again" in late["detail"]
        await b.client.get("/v1/login?touched=true")
        assert (await b.post(COMMANDS, RESET, "key-3")).status_code == 401, "a touch wakes nothing up"
        assert await status(b) == 200
        assert (await b.post(COMMANDS, STOP)).status_code == 202
        assert b.controller.told == ["reset", "stop"]
        await asyncio.sleep(ABSOLUTE_LIMIT_S)
        assert await status(b) == 401


@virtual
async def test_one_key_is_logged_in_on_so_many_screens_and_a_start_of_the_service_ends_all(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        key = b.register.add("anna", Role.OPERATOR, b.utc())
        tokens = []
        for _ in range(LOGINS_PER_KEY + 1):
            b.client.cookies.clear()
            tokens.append((await b.post("/v1/login", {"key": key})).cookies[COOKIE])
        b.client.cookies.clear()
        found = [await status(b, Cookie=f"{COOKIE}={token}") for token in tokens]
        assert found == [401] + [200] * LOGINS_PER_KEY
    async with bench(tmp_path) as again:
        assert await status(again, Cookie=f"{COOKIE}={tokens[-1]}") == 401


@virtual
async def test_whoever_tries_keys_waits_and_holds_up_neither_a_right_key_nor_stop(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        key, loop = b.register.add("anna", Role.OPERATOR, b.utc()), asyncio.get_running_loop()
        trying = [asyncio.ensure_future(b.post("/v1/login", {"key": f"guess-{n}"})) for n in range(100)]
        trying += [asyncio.ensure_future(b.post(COMMANDS, RESET, "k", by=f"guess-{n}")) for n in range(10)]
        began_s = loop.time()
        await asyncio.sleep(0.01)
        assert (await b.post(COMMANDS, STOP, by="guess")).status_code == 202
        assert await login(b, key) == 200
        assert loop.time() - began_s < WRONG_KEY_S / 2
        answers = [answer.status_code for answer in await asyncio.gather(*trying)]
        assert answers.count(401) == WRONG_KEYS_AT_ONCE
        assert answers.count(429) == len(answers) - WRONG_KEYS_AT_ONCE
        assert loop.time() - began_s >= WRONG_KEY_S
        assert b.controller.told == ["stop"]


# -- what is noted ---------------------------------------------------------------------------------------------------


@virtual
async def test_each_act_is_noted_before_its_effect_with_who_as_what_what_and_of_what(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        key = b.register.add("anna", Role.OPERATOR, b.utc())
        await b.post("/v1/jobs", {"recipe": "pop_12", "boards": 2}, "key-1", by=key)
        await b.post("/v1/jobs/job-1/actions", {"action": "start"}, "key-2", by=key)
        await b.client.put("/v1/recipes/mine", json={"a": 1}, headers=bearer(key))
        kinds = [event.kind for event in await b.store.events.read(0, 100)]
        assert kinds.index("act") < kinds.index("job.submitted")
        ordered, started = await b.events("act")
        (refused,) = await b.events("act.refused")
        who = {"who": "anna", "role": "operator", "key": b.register.read()[0].key_id}
        assert ordered == {
            **who,
            "what": "POST /v1/jobs",
            "target": {"recipe": "pop_12", "boards": 2},
            "needs": "order",
        }
        assert started["target"] == {"job_id": "job-1", "action": "start"}
        assert (refused["what"], refused["target"]) == ("PUT /v1/recipes/{name}", {"name": "mine"})
        assert {name: refused[name] for name in who} == who


@virtual
async def test_a_flood_of_refused_acts_and_of_stops_is_counted_and_does_not_fill_the_log(tmp_path: Path) -> None:
    async with bench(tmp_path, simulated=False) as b:
        key = b.register.add("anna", Role.OPERATOR, b.utc())
        for n in range(200):
            await b.post(COMMANDS, RESET, f"key-{n}")
            await b.post(COMMANDS, STOP)
        noted = len(await b.events("act", "act.refused"))
        assert noted <= 2 * NOTED_AT_ONCE + 4
        await b.post(COMMANDS, STOP, by=key)
        assert (await b.events("act"))[-1]["who"] == "anna", "no flood hides somebody known"
        await asyncio.sleep(10.0)
        await b.post(COMMANDS, RESET, "key")
        passed_over = sum(one.get("not_noted_before", 0) for one in await b.events("act.refused"))
        assert len(await b.events("act.refused")) + passed_over == 201


@virtual
async def test_no_key_and_no_cookie_is_found_in_anything_that_the_station_keeps_or_tells(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        key = b.register.add("anna", Role.ADMIN, b.utc())
        await login(b, key)
        token = b.client.cookies[COOKIE]
        told = [(await b.post("/v1/login", {"key": key, "more": key})).text, (await b.client.get("/v1/login")).text]
        await b.post("/v1/jobs", {"recipe": "pop_12", "boards": 2}, "key-1", by=key)
        told.append(json.dumps([event.data for event in await b.store.events.read(0, 1000)]))
        told += [(await b.client.get(path)).text for path in ("/v1/station", "/v1/events", "/v1/jobs", "/v1/health")]
    kept = all_bytes(tmp_path)
    assert b"pop_12" in kept
    for secret in (key, token):
        assert secret.encode() not in kept
        assert not any(secret in text for text in told[1:])


# -- stop, whatever else is wrong ------------------------------------------------------------------------------------


@virtual
async def test_with_a_damaged_file_nobody_is_let_in_that_is_said_and_stop_works(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        key = b.register.add("anna", Role.ADMIN, b.utc())
        await login(b, key)
        whole = b.register.path.read_bytes()
        b.register.path.write_bytes(whole[:-20])
        for by in (key, None):
            refused = assert_problem(await b.post(COMMANDS, RESET, "key-1", by=by), 401, "not-logged-in")
            assert by is None or "people.json cannot be read" in refused["detail"]
        assert "people.json cannot be read" in (await b.client.get("/v1/login")).json()["why_not"]
        assert (await b.post(COMMANDS, STOP)).status_code == 202
        assert b.controller.told == ["stop"]
        b.register.path.write_bytes(whole)
        assert (await b.post(COMMANDS, RESET, "key-2")).status_code == 202, "the login is good again with its key"
        assert len(await b.events("people.damaged")) == 1
        assert len(await b.events("person.added")) == 1


@virtual
async def test_stop_is_taken_with_a_full_disk_and_a_damaged_file_and_waits_for_no_disk(tmp_path: Path) -> None:
    async with bench(tmp_path, simulated=False) as b:
        b.register.path.write_text("no json")
        committed: list[int] = []
        b.store.writing.after_commit.append(lambda rows: committed.append(len(rows)))
        assert (await b.post(COMMANDS, {"command": "hold"})).status_code == 202
        assert committed == []
        b.store.writing.failure = StoreFailed("No space is left. Free space on this disk, then restart the station.")
        for word in ("stop", "abort"):
            assert (await b.post(COMMANDS, {"command": word})).status_code == 202
        assert_problem(await b.post(COMMANDS, RESET, "key-1"), 401, "not-logged-in")
        assert b.controller.told == ["hold", "stop", "abort"]
