"""The jog pad over a real WebSocket: who gets it, what its frames may say, and what its end means."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.frames import Close

from station.api.app import create_app
from station.api.jog import BAD_FRAME, GOING_AWAY, PAD_TAKEN
from station.api.serving import Serving, serve
from station.people.register import Register
from station.people.roles import Role
from station.store import open_store
from tests.api.support import ObedientController, bearer, shelf_of
from tests.store.support import HandClock
from tests.support import real

RESTARTS = 1012
"""the server's own word, where it is faster than the pad"""
HOLD = {"axis": "x", "direction": 1, "speed": "slow"}


@asynccontextmanager
async def pads(folder: Path) -> AsyncIterator[tuple[ObedientController, Serving]]:
    store = open_store(folder, HandClock(), durability="normal")
    controller = ObedientController(store)
    serving = await serve(
        create_app(controller, store, shelf_of(store), simulated=True, screens=folder / "none"), port=0
    )
    try:
        yield controller, serving
    finally:
        await serving.stop()
        store.close()


def pad(serving: Serving, **more: Any) -> connect:
    return connect(f"ws://127.0.0.1:{serving.port}/v1/jog", compression=None, **more)


async def told(socket: ClientConnection, **wanted: Any) -> dict[str, Any]:
    """The first picture that says all this."""
    while True:
        picture: dict[str, Any] = json.loads(await socket.recv())
        if all(picture[key] == value for key, value in wanted.items()):
            return picture


async def farewell(socket: ClientConnection) -> Close:
    """With what the server closes."""
    found: Close | None = None
    while found is None:
        try:
            await socket.recv()
        except ConnectionClosed as closed:
            found = closed.rcvd or Close(0, "the connection broke")
    return found


@real
async def test_frames_reach_the_controller_in_order_and_the_end_of_the_page_gives_the_pad_back(tmp_path: Path) -> None:
    async with pads(tmp_path) as (controller, serving):
        async with pad(serving) as socket:
            token = (await told(socket, held=0))["token"]
            for number, hold in ((1, HOLD), (2, HOLD), (3, None)):
                await socket.send(json.dumps({"token": token, "n": number, "hold": hold}))
            assert (await told(socket, held=3))["refused"] is None
            assert controller.jog_holds == [("x", 1, "slow"), ("x", 1, "slow"), None]
            await socket.send(json.dumps({"token": token, "n": 3, "hold": HOLD}))
            assert (await told(socket, refused="frame 3 is not obeyed"))["held"] == 3
            async with pad(serving) as second:
                with pytest.raises(ConnectionClosed) as refused:
                    await second.recv()
                assert refused.value.rcvd is not None
                assert (refused.value.rcvd.code, refused.value.rcvd.reason) == (
                    PAD_TAKEN,
                    "another page has the jog pad",
                )
        await controller.jog_given_back.wait()
        async with pad(serving) as socket:
            await told(socket)


@real
async def test_a_page_whose_process_dies_gives_the_pad_back(tmp_path: Path) -> None:
    async with pads(tmp_path) as (controller, serving), pad(serving) as socket:
        await told(socket)
        socket.transport.abort()
        await controller.jog_given_back.wait()
        assert controller.told == ["jog pad given back"]


@pytest.mark.parametrize(
    "text",
    [
        "no json",
        '{"token": "jog-1", "n": 0, "hold": null}',
        '{"token": "jog-1", "n": 1}',
        '{"token": "jog-1", "n": 1, "hold": {"axis": "x", "direction": 2, "speed": "slow"}}',
        '{"token": "jog-1", "n": 1, "hold": {"axis": "x", "direction": 1, "speed": 9000000}}',
        '{"token": "jog-1", "n": 1, "hold": {"axis": "blade", "direction": 1, "speed": "slow"}}',
        '{"token": "jog-1", "n": 1, "hold": null, "more": 1}',
        '{"token": "' + "x" * 2_000 + '", "n": 1, "hold": null}',
    ],
)
def test_what_is_no_frame_ends_the_pad_and_says_what_is_wrong(text: str, tmp_path: Path) -> None:
    @real
    async def story() -> None:
        async with pads(tmp_path) as (controller, serving), pad(serving) as socket:
            await told(socket)
            await socket.send(text)
            closed = await farewell(socket)
            assert closed.code == (1009 if len(text) > 1_000 else BAD_FRAME)
            await controller.jog_given_back.wait()
            assert controller.jog_holds == []

    story()


@real
async def test_only_the_stations_own_pages_get_the_pad(tmp_path: Path) -> None:
    async with pads(tmp_path) as (controller, serving):
        own = f"http://127.0.0.1:{serving.port}"
        async with pad(serving, origin=own) as socket:
            await told(socket)
        foreign: tuple[dict[str, Any], ...] = (
            {"origin": "http://evil.example"},
            {"origin": "http://127.0.0.1:1"},
            {"additional_headers": {"Sec-Fetch-Site": "cross-site"}},
        )
        for more in foreign:
            with pytest.raises(InvalidStatus) as refused:
                await pad(serving, **more).__aenter__()
            assert refused.value.response.status_code == 403
        with pytest.raises(InvalidStatus):
            await connect(f"ws://127.0.0.1:{serving.port}/v1/station").__aenter__()
        assert controller.jog_holds == []


@real
async def test_a_hand_whose_key_is_revoked_moves_nothing_more_and_loses_the_pad(tmp_path: Path) -> None:
    async with pads(tmp_path) as (controller, serving):
        register, utc = Register(tmp_path), HandClock().utc()
        for role, is_let_in in ((Role.OPERATOR, False), (Role.MAINTENANCE, True)):
            key = register.add(role.value, role, utc)
            if not is_let_in:
                with pytest.raises(InvalidStatus):
                    await pad(serving, additional_headers=bearer(key)).__aenter__()
                continue
            async with pad(serving, additional_headers=bearer(key)) as socket:
                token = (await told(socket))["token"]
                await socket.send(json.dumps({"token": token, "n": 1, "hold": HOLD}))
                await told(socket, held=1)
                register.revoke(role.value, utc)
                await socket.send(json.dumps({"token": token, "n": 2, "hold": HOLD}))
                assert (await farewell(socket)).code == GOING_AWAY
                assert len(controller.jog_holds) == 1
                assert controller.jog_token is None


@real
async def test_a_server_that_ends_closes_the_pad(tmp_path: Path) -> None:
    async with pads(tmp_path) as (controller, serving), pad(serving) as socket:
        await told(socket)
        await serving.stop()
        closed = await farewell(socket)
        assert closed.code in (GOING_AWAY, RESTARTS)
        assert controller.jog_token is None
