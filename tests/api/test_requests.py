"""Stories of requests: what is answered, what is refused, and that nothing is ever carried out twice."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from station.api.guard import BODY_LIMIT_BYTES, JSON_DEPTH_LIMIT, REQUEST_BURST
from station.store.errors import StoreFailed
from tests.api.support import Bench, bench
from tests.store.support import record
from tests.support import real, virtual


def assert_problem(reply: httpx.Response, status: int, code: str) -> dict[str, Any]:
    assert reply.status_code == status, reply.text
    assert reply.headers["content-type"] == "application/problem+json"
    document: dict[str, Any] = reply.json()
    assert document["status"] == status
    assert document["code"] == code
    assert document["type"].endswith(code)
    assert document["detail"]
    return document


@virtual
async def test_a_job_sent_twice_under_one_key_is_made_once_and_answered_the_same(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        first = await b.post("/v1/jobs", {"recipe": "pop_12", "boards": 2}, "key-1")
        again = await b.post("/v1/jobs", {"recipe": "pop_12", "boards": 2}, "key-1")
        assert first.status_code == again.status_code == 201
        assert first.json()["id"] == again.json()["id"] == "job-1"
        assert first.headers["location"] == again.headers["location"] == "/v1/jobs/job-1"
        assert again.headers["idempotency-replayed"] == "true"
        assert b.controller.told == ["submit pop_12 2"]
        assert [job["id"] for job in (await b.client.get("/v1/jobs")).json()["items"]] == ["job-1"]


@virtual
async def test_the_answer_is_the_same_after_a_restart(tmp_path: Path) -> None:
    async with bench(tmp_path) as before:
        await before.post("/v1/jobs", {"recipe": "pop_12", "boards": 2}, "key-1")
    async with bench(tmp_path) as after:
        again = await after.post("/v1/jobs", {"recipe": "pop_12", "boards": 2}, "key-1")
        assert (again.status_code, again.json()["id"]) == (201, "job-1")
        assert after.controller.told == []


@virtual
async def test_the_claim_of_a_key_is_on_the_disk_with_the_first_event_of_its_effect(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        committed: list[tuple[int, int]] = []

        def count(_: object) -> None:
            claims = b.store.database.read_now(
                lambda c: c.exec_driver_sql("SELECT count(*) FROM answers WHERE status IS NULL").scalar_one()
            )
            events = b.store.database.read_now(
                lambda c: c.exec_driver_sql("SELECT count(*) FROM events WHERE kind LIKE 'job.%%'").scalar_one()
            )
            committed.append((claims, events))

        b.store.writing.after_commit.append(count)
        await b.post("/v1/jobs", {"recipe": "pop_12", "boards": 2}, "key-1")
        assert committed == [(1, 1), (0, 1)]


@virtual
async def test_a_key_with_another_body_or_another_address_is_refused(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        await b.post("/v1/jobs", {"recipe": "pop_12", "boards": 2}, "key-1")
        other_body = await b.post("/v1/jobs", {"recipe": "pop_12", "boards": 3}, "key-1")
        assert_problem(other_body, 422, "idempotency-key-reused")
        other_address = await b.post("/v1/station/commands", {"command": "reset"}, "key-1")
        assert_problem(other_address, 422, "idempotency-key-reused")
        assert b.controller.told == ["submit pop_12 2"]


@virtual
async def test_what_moves_the_machine_needs_a_key_but_stopping_never_does(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        assert_problem(await b.post("/v1/jobs", {"recipe": "a", "boards": 1}), 400, "idempotency-key-missing")
        assert_problem(await b.post("/v1/station/commands", {"command": "reset"}), 400, "idempotency-key-missing")
        for word in ("hold", "stop", "abort"):
            assert (await b.post("/v1/station/commands", {"command": word})).status_code == 202
        assert b.controller.told == ["hold", "stop", "abort"]


@virtual
async def test_the_same_request_while_the_first_still_runs_is_told_to_wait(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        b.controller.delay_s = 5.0
        first = asyncio.ensure_future(b.post("/v1/jobs", {"recipe": "a", "boards": 1}, "key-1"))
        await asyncio.sleep(1.0)
        meanwhile = await b.post("/v1/jobs", {"recipe": "a", "boards": 1}, "key-1")
        assert_problem(meanwhile, 409, "request-running")
        assert meanwhile.headers["retry-after"] == "1"
        assert (await first).status_code == 201
        assert b.controller.told == ["submit a 1"]


@virtual
async def test_a_client_that_is_cut_off_in_the_middle_gets_its_one_answer_when_it_asks_again(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        b.controller.delay_s = 5.0
        order = {"recipe": "a", "boards": 1}
        first = asyncio.ensure_future(b.post("/v1/jobs", order, "key-1"))
        await asyncio.sleep(1.0)
        first.cancel()
        await asyncio.sleep(1.0)
        assert_problem(await b.post("/v1/jobs", order, "key-1"), 409, "request-running")
        await asyncio.gather(first, return_exceptions=True)
        assert first.cancelled()
        again = await b.post("/v1/jobs", order, "key-1")
        assert (again.status_code, again.json()["id"], again.headers["idempotency-replayed"]) == (201, "job-1", "true")
        assert b.controller.told == ["submit a 1"]


@virtual
async def test_a_client_that_is_cut_off_before_a_refusal_leaves_the_key_free(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        b.controller.delay_s, b.controller.state = 5.0, "Aborted"
        first = asyncio.ensure_future(b.post("/v1/jobs", {"recipe": "a", "boards": 1}, "key-1"))
        await asyncio.sleep(1.0)
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        b.controller.state = "Idle"
        assert (await b.post("/v1/jobs", {"recipe": "a", "boards": 1}, "key-1")).status_code == 201


@virtual
async def test_an_effect_that_was_cancelled_from_within_is_never_tried_again(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        with pytest.MonkeyPatch.context() as patch:

            async def cut_off(*_: object) -> dict[str, Any]:
                raise asyncio.CancelledError

            patch.setattr(b.controller, "submit_job", cut_off)
            first = asyncio.ensure_future(b.post("/v1/jobs", {"recipe": "a", "boards": 1}, "key-1"))
            await asyncio.gather(first, return_exceptions=True)
        again = await b.post("/v1/jobs", {"recipe": "a", "boards": 1}, "key-1")
        assert_problem(again, 500, "internal")
        assert b.controller.told == []


@virtual
async def test_a_refusal_names_the_state_and_what_is_allowed_and_leaves_the_key_free(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        b.controller.state = "Aborted"
        refused = assert_problem(await b.post("/v1/jobs", {"recipe": "a", "boards": 1}, "key-1"), 409, "wrong-state")
        assert (refused["state"], refused["allowed_actions"]) == ("Aborted", ["clear"])
        b.controller.state = "Idle"
        assert (await b.post("/v1/jobs", {"recipe": "a", "boards": 1}, "key-1")).status_code == 201


@virtual
async def test_a_bug_is_answered_once_and_the_same_key_never_tries_again(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        b.controller.bug = ZeroDivisionError("a secret of the inside")
        first = await b.post("/v1/jobs", {"recipe": "a", "boards": 1}, "key-1")
        assert_problem(first, 500, "internal")
        assert "secret" not in first.text
        b.controller.bug = None
        again = await b.post("/v1/jobs", {"recipe": "a", "boards": 1}, "key-1")
        assert_problem(again, 500, "internal")
        assert b.controller.told == []


@virtual
async def test_stop_is_taken_when_the_disk_is_full_and_everything_else_says_so(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        b.store.writing.failure = StoreFailed("No space is left. Free space on this disk, then restart the station.")
        assert (await b.post("/v1/station/commands", {"command": "stop"}, "key-1")).status_code == 202
        full = await b.post("/v1/jobs", {"recipe": "a", "boards": 1}, "key-2")
        assert "No space is left" in assert_problem(full, 503, "store-failed")["detail"]
        assert (await b.client.get("/v1/health")).json()["ok"] is False


@virtual
async def test_every_refusal_is_a_problem_document(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        assert_problem(await b.client.get("/v1/nothing"), 404, "not-found")
        assert_problem(await b.client.get("/nothing"), 404, "not-found")
        assert_problem(await b.client.delete("/v1/jobs"), 405, "method-not-allowed")
        assert_problem(await b.client.get("/v1/jobs/job-9"), 404, "not-found")
        assert_problem(await b.client.get("/v1/records/none"), 404, "not-found")
        assert_problem(await b.client.get("/v1/blobs/" + "0" * 64), 404, "not-found")
        strange_name = await b.post("/v1/alarms/b\u00e4d/answer", {"answer": "retry", "state_token": "1"}, "key-1")
        assert_problem(strange_name, 404, "not-found")
        unknown_field = await b.post("/v1/jobs", {"recipe": "a", "boards": 1, "speed": 2}, "key-1")
        assert "body.speed" in assert_problem(unknown_field, 422, "invalid")["problems"][0]
        text_for_number = await b.post("/v1/jobs", {"recipe": "a", "boards": "1"}, "key-1")
        assert_problem(text_for_number, 422, "invalid")
        unsound = await b.post("/v1/jobs", {"recipe": "unsound", "boards": 1}, "key-1")
        assert assert_problem(unsound, 422, "invalid")["problems"] == ["film.target_um = 500: allowed 10 to 300"]


async def send_raw(b: Bench, content: bytes, **headers: str) -> httpx.Response:
    headers = {"Content-Type": "application/json", "Idempotency-Key": "key-1", **headers}
    return await b.client.post("/v1/jobs", content=content, headers=headers)


@virtual
async def test_the_gate_refuses_foreign_pages_wrong_names_and_bombs_before_any_route(tmp_path: Path) -> None:
    good = json.dumps({"recipe": "a", "boards": 1}).encode()
    async with bench(tmp_path) as b:
        assert_problem(await send_raw(b, good, Host="station.example"), 421, "unknown-host")
        assert_problem(await send_raw(b, good, Origin="http://elsewhere.example"), 403, "foreign-origin")
        assert_problem(await send_raw(b, good, Origin="null"), 403, "foreign-origin")
        assert_problem(await send_raw(b, good, **{"Sec-Fetch-Site": "cross-site"}), 403, "foreign-origin")
        assert_problem(await send_raw(b, good, **{"Content-Type": "text/plain"}), 415, "not-json")
        assert_problem(await send_raw(b, b" " * (BODY_LIMIT_BYTES + 1)), 413, "too-large")
        assert_problem(await send_raw(b, b"[" * (JSON_DEPTH_LIMIT + 1)), 422, "too-deep")
        assert_problem(await send_raw(b, b'{"recipe": "\\ud800", "boards": 1}'), 422, "invalid")
        assert_problem(await send_raw(b, b'{"recipe": "a", "boards": NaN}'), 422, "invalid")
        assert b.controller.told == []
        own_page = await send_raw(b, good, Origin="http://127.0.0.1:8000", **{"Sec-Fetch-Site": "same-origin"})
        assert own_page.status_code == 201


@virtual
async def test_a_body_that_trickles_is_let_go(tmp_path: Path) -> None:
    async def trickle() -> Any:
        for _ in range(100):
            yield b" "
            await asyncio.sleep(1.0)

    async with bench(tmp_path) as b:
        headers = {"Content-Type": "application/json", "Idempotency-Key": "key-1"}
        assert_problem(await b.client.post("/v1/jobs", content=trickle(), headers=headers), 408, "too-slow")


@virtual
async def test_of_many_requests_at_one_instant_the_loop_answers_one_a_turn(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        turns, answered_in = 0, list[int]()
        loop_lag = b.controller.loop_lag

        def asked() -> dict[str, Any] | None:
            answered_in.append(turns)
            return loop_lag()

        async def count() -> None:
            nonlocal turns
            while len(answered_in) < 20:
                turns += 1
                await asyncio.sleep(0)

        b.controller.loop_lag = asked  # type: ignore[method-assign]
        await asyncio.gather(count(), *(b.client.get("/v1/health") for _ in range(20)))
        assert len(set(answered_in)) == len(answered_in) == 20, "a heartbeat waits for one answer, not for all"


@virtual
async def test_a_flood_is_slowed_down_but_stop_passes(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        asked = [b.client.get("/v1/health") for _ in range(round(REQUEST_BURST) + 50)]
        statuses = [answer.status_code for answer in await asyncio.gather(*asked)]
        assert statuses.count(200) == REQUEST_BURST
        assert statuses[-1] == 429
        assert (await b.post("/v1/station/commands", {"command": "stop"})).status_code == 202
        await asyncio.sleep(1.0)
        assert (await b.client.get("/v1/health")).status_code == 200


@virtual
async def test_records_are_paged_by_links_until_none_is_left(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        written = [b.store.records.append(record(f"U{number}", board="B-7"))["record_id"] for number in range(5)]
        await b.store.commit()
        read: list[str] = []
        address: str | None = "/v1/records?limit=2&board=B-7"
        while address:
            page = (await b.client.get(address)).json()
            read += [one["record_id"] for one in page["items"]]
            address = page["next"]
        assert read == written
        assert (await b.client.get(f"/v1/records/{written[2]}")).json()["site"] == "U2"
        assert (await b.client.get("/v1/records/chain")).json()["is_sound"] is True
        assert_problem(await b.client.get("/v1/records?result=lovely"), 422, "invalid")


@real
async def test_every_answer_forbids_foreign_scripts_and_the_reading_page_loads_nothing_from_outside(
    tmp_path: Path,
) -> None:
    (tmp_path / "screens").mkdir()
    (tmp_path / "screens" / "index.html").write_text("<!doctype html><title>screen</title>")
    async with bench(tmp_path) as b:
        for address in ("/", "/v1/station", "/v1/docs", "/v1/nothing"):
            policy = (await b.client.get(address)).headers["content-security-policy"]
            assert "default-src 'self'" in policy
            assert "unsafe-eval" not in policy
        page = (await b.client.get("/v1/docs")).text
        assert "//" not in page.replace("<!doctype html>", "")
        for file in ("files/swagger-ui-bundle.js", "files/swagger-ui.css", "start.js"):
            assert (await b.client.get(f"/v1/docs/{file}")).status_code == 200
        assert "screen" in (await b.client.get("/")).text
        assert_problem(await b.client.get("/../lock"), 404, "not-found")


@pytest.mark.parametrize("word", ["start", "hold", "resume", "stop", "abort"])
def test_each_action_reaches_the_job_it_is_meant_for(tmp_path: Path, word: str) -> None:
    @virtual
    async def story() -> None:
        async with bench(tmp_path) as b:
            await b.post("/v1/jobs", {"recipe": "a", "boards": 1}, "key-1")
            reply = await b.post("/v1/jobs/job-1/actions", {"action": word}, "key-2")
            assert (reply.status_code, reply.json()["id"]) == (202, "job-1")
            assert b.controller.told[-1] == f"{word} job-1"
            toggle = await b.post("/v1/jobs/job-1/actions", {"action": "toggle"}, "key-3")
            assert_problem(toggle, 422, "invalid")

    story()
