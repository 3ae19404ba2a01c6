"""Pages that ask and then read nothing: let go after the limit, with nothing left behind, and no one else waits."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from station.api.jog import SAID_AGAIN_S, TAKES_LIMIT_S
from station.api.streams import SEND_LIMIT_S, STREAM_LIMIT
from station.store.event_log import SUBSCRIPTION_LIMIT
from tests.api.support import Bench, bench
from tests.api.unread import Unread
from tests.support import virtual

A_MOMENT_S = 1.0
"""the longest pause of a stream before it has something to send"""


def open_streams(b: Bench) -> int:
    return int(b.app.state.streams._open)


def subscribers(b: Bench) -> int:
    return sum(not one.is_closed for one in b.store.events._subscriptions)


@virtual
@pytest.mark.parametrize("taken", [0, 1, 3])
@pytest.mark.parametrize("address", ["/v1/events/stream?after=0", "/v1/stream"])
async def test_a_stream_that_is_not_read_is_let_go_and_counted_no_more(
    tmp_path: Path, address: str, taken: int
) -> None:
    async with bench(tmp_path) as b:
        pages = [Unread(b.app, address, takes=taken) for _ in range(STREAM_LIMIT)]
        for number in range(5):
            b.store.events.append("film.measured", {"n": number})
        await b.store.commit()
        await asyncio.sleep(A_MOMENT_S)
        assert open_streams(b) == STREAM_LIMIT
        assert (await b.client.get(address)).status_code == 503
        assert (await b.client.get("/v1/health")).status_code == 200
        for number in range(2 * SUBSCRIPTION_LIMIT):
            b.store.events.append("film.measured", {"n": number})
        await b.store.commit()
        assert all(len(one._waiting) <= SUBSCRIPTION_LIMIT for one in b.store.events._subscriptions)
        await asyncio.sleep(SEND_LIMIT_S + A_MOMENT_S)
        assert [page.is_over for page in pages] == [True] * STREAM_LIMIT
        assert (open_streams(b), subscribers(b)) == (0, 0)


@virtual
@pytest.mark.parametrize("taken", [0, 1, 3])
async def test_a_jog_pad_whose_page_takes_no_picture_is_free_again(tmp_path: Path, taken: int) -> None:
    async with bench(tmp_path) as b:
        page = Unread(b.app, "/v1/jog", takes=taken)
        await asyncio.sleep(TAKES_LIMIT_S / 2)
        assert (b.controller.jog_token is None) is (taken == 0), "who has not been let in has no pad"
        await asyncio.sleep(2 * TAKES_LIMIT_S + taken * SAID_AGAIN_S)
        assert b.controller.jog_token is None
        assert page.is_over
