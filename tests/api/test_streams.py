"""Stories of streams and of the server: resuming without gap or repeat, ending cleanly, pictures and recipes."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import cv2
import httpx
import numpy as np
import pytest

import recipes
from station.api import serving as serving_module
from station.api import streams
from station.api.serving import CannotServe, Serving, serve
from tests.api.support import Bench, bench
from tests.support import real, virtual


@asynccontextmanager
async def served(data_dir: Path) -> AsyncIterator[tuple[Bench, Serving, httpx.AsyncClient]]:
    """A bench on a real port."""
    async with bench(data_dir) as b:
        serving = await serve(b.app, port=0)
        async with httpx.AsyncClient(base_url=serving.url) as client:
            yield b, serving, client
        await serving.stop()


def append(b: Bench, *names: str) -> None:
    for name in names:
        b.store.events.append("state.changed", {"to": name})


class Frames:
    """The frames of a stream as field tables, one after the other; comments under the key of the empty string."""

    def __init__(self, reply: httpx.Response) -> None:
        self._lines = reply.aiter_lines()

    async def next(self, field: str = "data") -> dict[str, str]:
        """The next frame that has this field. Raises StopAsyncIteration at the end of the stream."""
        frame: dict[str, str] = {}
        while True:
            line = await anext(self._lines)
            if line:
                name, _, value = line.partition(": ")
                frame[name] = value
            elif field in frame:
                return frame
            else:
                frame = {}

    async def numbers(self, count: int) -> list[int]:
        """Event numbers of the next frames."""
        return [int((await self.next())["id"]) for _ in range(count)]

    async def last_comment(self) -> str:
        """Read to the end of the stream."""
        comment = ""
        try:
            while True:
                comment = (await self.next(""))[""]
        except StopAsyncIteration:
            return comment


@asynccontextmanager
async def stream(client: httpx.AsyncClient, address: str, **headers: str) -> AsyncIterator[Frames]:
    """An open stream, closed to its last generator."""
    async with client.stream("GET", address, headers=headers) as reply:
        assert reply.headers["content-type"].startswith("text/event-stream")
        frames = Frames(reply)
        try:
            yield frames
        finally:
            await frames._lines.aclose()  # type: ignore[attr-defined]


@real
async def test_a_broken_stream_resumes_where_it_broke_and_then_follows_what_happens(tmp_path: Path) -> None:
    async with served(tmp_path) as (b, _, client):
        append(b, "Idle", "Starting", "Execute", "Holding")
        await client.get("/v1/station")  # the first who asks finds the station open, and that is noted
        await b.store.commit()
        async with stream(client, "/v1/events/stream?after=0") as frames:
            assert await frames.numbers(2) == [1, 2]
        async with stream(client, "/v1/events/stream", **{"Last-Event-ID": "2"}) as frames:
            assert await frames.numbers(3) == [3, 4, 5]
            append(b, "Unholding", "Execute")
            await b.store.commit()
            frame = await frames.next()
            assert (frame["id"], frame["event"]) == ("6", "state.changed")
            assert json.loads(frame["data"])["data"] == {"to": "Unholding"}


@real
async def test_events_that_come_while_the_past_is_replayed_are_neither_lost_nor_repeated(tmp_path: Path) -> None:
    async with served(tmp_path) as (b, _, client):
        append(b, *("Execute" for _ in range(1_200)))
        await b.store.commit()

        async def go_on() -> None:
            for _ in range(300):
                append(b, "Held")
                await b.store.commit()

        async with stream(client, "/v1/events/stream?after=0") as frames:
            going_on = asyncio.ensure_future(go_on())
            assert await frames.numbers(1_500) == list(range(1, 1_501))
            await going_on


@real
async def test_a_stream_from_beyond_the_end_says_that_the_memory_was_restored(tmp_path: Path) -> None:
    async with served(tmp_path) as (_, _, client):
        reply = await client.get("/v1/events/stream", headers={"Last-Event-ID": "900"})
        assert (reply.status_code, reply.json()["code"]) == (409, "log-is-shorter")


@real
async def test_the_picture_is_sent_when_it_changes(tmp_path: Path) -> None:
    async with served(tmp_path) as (b, _, client), stream(client, "/v1/stream") as frames:
        assert json.loads((await frames.next())["data"])["state"]["name"] == "Idle"
        b.controller.state, b.controller.force_n = "Execute", float("nan")
        changed = await frames.next()
        assert (changed["event"], json.loads(changed["data"])["state"]["name"]) == ("snapshot", "Execute")
        assert json.loads(changed["data"])["force"]["force_n"] == [None]


@real
async def test_stopping_the_server_ends_open_streams_and_frees_the_port(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        serving = await serve(b.app, port=0)
        async with httpx.AsyncClient(base_url=serving.url) as client:
            async with stream(client, "/v1/events/stream") as events, stream(client, "/v1/stream") as pictures:
                await pictures.next()
                stopping = asyncio.ensure_future(serving.stop())
                assert await events.last_comment() == "the station ends this stream"
                assert await pictures.last_comment() == ""
                await stopping
            with pytest.raises(httpx.ConnectError):
                await client.get("/v1/health")
        again = await serve(b.app, port=serving.port)
        with pytest.raises(CannotServe, match="another program has it"):
            await serve(b.app, port=serving.port)
        await again.stop()
        await again.stop()


@real
async def test_pages_that_do_not_read_are_cut_off_with_their_sockets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "SEND_LIMIT_S", 0.5)
    monkeypatch.setattr(serving_module, "STUCK_LIMIT_S", 1.0)
    async with served(tmp_path) as (b, serving, client), AsyncExitStack() as stack:
        for number in range(900):
            b.store.events.append("film.measured", {"n": number, "text": "x" * 5_000})
        await b.store.commit()
        request = f"GET /v1/events/stream?after=0 HTTP/1.1\r\nHost: 127.0.0.1:{serving.port}\r\n\r\n".encode()
        for _ in range(10):
            stack.enter_context(socket.create_connection(("127.0.0.1", serving.port))).sendall(request)
        assert (await client.get("/v1/health")).status_code == 200
        connections = serving._server.server_state.connections
        while len(connections) > 1:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
        assert b.app.state.streams._open == 0
        assert (await client.get("/v1/health")).status_code == 200


@virtual
async def test_a_log_is_read_page_by_page_to_its_head(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        append(b, "Idle", "Execute", "Held")
        b.store.events.append("film.measured", {"mean_um": 50.0})
        await b.store.commit()
        page = (await b.client.get("/v1/events?limit=3")).json()
        rest = (await b.client.get(page["next"])).json()
        assert [event["seq"] for event in page["items"] + rest["items"]] == [1, 2, 3, 4]
        assert (rest["next"], rest["head_seq"]) == (None, 4)
        films = (await b.client.get("/v1/events?kind=film.measured")).json()["items"]
        assert [event["data"] for event in films] == [{"mean_um": 50.0}]


@virtual
async def test_an_image_is_kept_for_ever_by_the_browser_and_made_smaller_on_request(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        pixels = np.tile(np.arange(800, dtype=np.uint16).astype(np.uint8), (400, 1))
        png = cv2.imencode(".png", pixels)[1].tobytes()
        digest = (await b.store.blobs.put(png, ".png")).removeprefix("sha256:")
        whole = await b.client.get(f"/v1/blobs/{digest}")
        assert whole.content == png
        assert whole.headers["content-type"] == "image/png"
        assert "immutable" in whole.headers["cache-control"]
        known = await b.client.get(f"/v1/blobs/{digest}", headers={"If-None-Match": whole.headers["etag"]})
        assert known.status_code == 304
        small = await b.client.get(f"/v1/blobs/{digest}?width=200")
        assert small.headers["content-type"] == "image/jpeg"
        picture = cv2.imdecode(np.frombuffer(small.content, np.uint8), cv2.IMREAD_UNCHANGED)
        assert picture.shape == (100, 200)
        curve = (await b.store.blobs.put(b'{"z_um":[1.0]}', ".json")).removeprefix("sha256:")
        assert (await b.client.get(f"/v1/blobs/{curve}")).json() == {"z_um": [1.0]}
        assert (await b.client.get(f"/v1/blobs/{curve}?width=200")).status_code == 422
        assert (await b.client.get("/v1/blobs/..%2F..%2Flock")).status_code in (404, 422)


@virtual
async def test_a_recipe_is_checked_kept_as_a_draft_and_approved_and_its_content_never_changes(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        name = recipes.library_names()[0]
        newest = await b.client.get(f"/v1/recipes/{name}")
        document: dict[str, Any] = newest.json()["document"]
        tag = newest.headers["etag"]
        changed = {**document, "revision": document["revision"] + 1}

        assert (await b.client.put(f"/v1/recipes/{name}", json=changed)).status_code == 428
        stale = await b.client.put(f"/v1/recipes/{name}", json=changed, headers={"If-Match": '"sha256:0"'})
        assert stale.status_code == 412
        wrong = {**changed, "film": {**changed["film"], "target_mm": 1}}
        refused = await b.client.put(f"/v1/recipes/{name}", json=wrong, headers={"If-Match": tag})
        assert refused.status_code == 422
        assert "target_um" in refused.json()["problems"][0]

        kept = await b.client.put(f"/v1/recipes/{name}", json=changed, headers={"If-Match": tag})
        assert (kept.status_code, kept.json()["state"], kept.json()["origin"]) == (201, "draft", "station")
        address = kept.headers["location"]
        approved = await b.client.post(f"{address}/actions", json={"action": "approve"})
        assert approved.json()["state"] == "approved"
        assert (await b.client.get(address)).json()["document"]["state"] == "approved"
        await b.client.post(f"{address}/actions", json={"action": "retire"})
        again = await b.client.post(f"{address}/actions", json={"action": "approve"})
        assert (again.status_code, again.json()["code"]) == (409, "wrong-recipe-state")

        listed = (await b.client.get(f"/v1/recipes?name={name}")).json()["items"]
        assert [one["origin"] for one in listed] == ["library", "station"]
        original = await b.client.post(
            f"/v1/recipes/{name}/revisions/{listed[0]['hash']}/actions", json={"action": "retire"}
        )
        assert original.status_code == 409
