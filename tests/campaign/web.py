"""The web service of a station in virtual time, without a socket, and what is said of its answers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
from fastapi import FastAPI

from station.api.app import create_app
from station.door import Door
from tests.campaign.watcher import OPERATOR, Watcher
from tests.scenarios.bench import Bench

BASE = "http://127.0.0.1:8600"


def app_of(b: Bench) -> FastAPI:
    return create_app(Door(b.controller), b.store, b.shelf, simulated=True, screens=Path("no such folder"))


@asynccontextmanager
async def web(b: Bench, app: FastAPI | None = None) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app or app_of(b)), base_url=BASE) as client:
        yield client


def judge_refusal(watcher: Watcher, is_refused: bool, what: object) -> None:
    watcher.add(OPERATOR, "was refused" if is_refused else "was not refused", {"text": str(what)})


def judge(watcher: Watcher, is_well: bool, what: object) -> None:
    """What must be so; otherwise the run counts as one in which something was let happen."""
    if not is_well:
        judge_refusal(watcher, False, what)
