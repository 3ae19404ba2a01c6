"""A controller that does as told, and a client to talk to the web service in front of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI

from station.api.app import create_app
from station.api.guard import LOOPBACK_HOSTS
from station.api.port import Invalid, NotFound, Refused
from station.people.register import Register
from station.shelf import Shelf
from station.store import Store, open_store
from tests.store.support import HandClock

ADDRESS = "http://127.0.0.1:8000"


VISION = "sha256:" + "7" * 64
"""the vision that is said to run"""


def shelf_of(store: Store) -> Shelf:
    return Shelf(store.recipes, VISION)


class ObedientController:
    """Stands behind the port where the machine would be; counts what it was told."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.told: list[str] = []
        self.state = "Idle"
        self.delay_s = 0.0
        self.bug: Exception | None = None
        self._jobs: dict[str, dict[str, Any]] = {}
        self.force_n = 0.0
        self.jog_token: str | None = None
        self.jog_given_back = asyncio.Event()
        self.jog_holds: list[tuple[str, int, str] | None] = []

    def snapshot(self) -> dict[str, Any]:
        return {
            "station": {"name": "dip-1", "software_version": "0.1.0", "simulated": True, "time_utc": "2026-03-02"},
            "state": {"name": self.state, "number": 4, "mode": "Production", "text": "", "since_s": 0.0},
            "commands": {"start": {"allowed": True, "reason": None}},
            "job": None,
            "board": None,
            "film": {"height_um": 50.0, "target_um": 50.0, "tolerance_um": 5.0, "age_s": 1.0, "trend": [49.5]},
            "force": {"z_um": [1.0], "force_n": [self.force_n], "contact_z_um": None, "peak_force_n": None,
                      "hold_force_n": None, "set_force_n": None},
            "camera": None,
            "alarms": [],
            "devices": [{"name": "head", "connected": True, "age_s": 0.1, "round_trip_s": 0.001}],
            "safety": {"estop_ok": True},
        }  # fmt: skip

    def jobs(self) -> list[dict[str, Any]]:
        return list(self._jobs.values())

    def job(self, job_id: str) -> dict[str, Any]:
        if job_id not in self._jobs:
            raise NotFound(f"There is no job {job_id[:40]}. List the jobs.")
        return self._jobs[job_id]

    async def submit_job(self, recipe: str, boards: int, revision: str = "") -> dict[str, Any]:
        await self._take(f"submit {recipe} {boards}{revision and ' '}{revision}")
        if recipe == "unsound":
            raise Invalid(("film.target_um = 500: allowed 10 to 300",))
        job = {"id": f"job-{len(self._jobs) + 1}", "recipe": recipe, "state": "queued", "boards_total": boards}
        self._jobs[job["id"]] = job
        self._store.events.append("job.submitted", {"job_id": job["id"]})
        await self._store.commit()
        return job

    async def job_action(self, job_id: str, action: str) -> dict[str, Any]:
        job = self.job(job_id)
        await self._take(f"{action} {job_id}")
        return job

    async def command(self, name: str) -> dict[str, Any]:
        await self._take(name)
        return {"state": self.state}

    async def change_mode(self, mode: str) -> dict[str, Any]:
        await self._take(f"mode {mode}")
        return {"mode": mode}

    def take_jog(self) -> str:
        if self.jog_token is not None:
            raise Refused("wrong-state", "another page has the jog pad", self.state)
        self.jog_token = "jog-1"
        return self.jog_token

    def jog_frame(self, token: str, number: int, hold: tuple[str, int, str] | None) -> None:
        if token != self.jog_token or number <= len(self.jog_holds):
            raise Refused("wrong-state", f"frame {number} is not obeyed", self.state)
        self.jog_holds.append(hold)

    def give_back_jog(self, token: str) -> None:
        if token == self.jog_token:
            self.jog_token = None
            self.jog_given_back.set()
            self.told.append("jog pad given back")

    def jog(self) -> dict[str, Any]:
        return {"axis": None, "held": len(self.jog_holds)}

    def loop_lag(self) -> dict[str, Any] | None:
        return {"recent_max_s": 0.002, "median_s": 0.001, "p99_s": 0.004, "p999_s": 0.01, "max_s": 0.05}

    async def answer(self, alarm_id: str, answer: str, state_token: str) -> dict[str, Any]:
        raise NotFound(f"There is no alarm {alarm_id[:40]}. Read the alarms again.")

    async def _take(self, wish: str) -> None:
        if self.delay_s:
            await asyncio.sleep(self.delay_s)
        if self.bug is not None:
            raise self.bug
        if self.state == "Aborted" and wish not in ("clear", "stop"):
            raise Refused("wrong-state", "The station is Aborted. Clear it first.", "Aborted", ("clear",))
        self.told.append(wish)


class Bench:
    """Store, controller, service and client in one loop."""

    def __init__(self, store: Store, screens: Path, *, simulated: bool, hosts: tuple[str, ...]) -> None:
        self.store = store
        self.register = Register(store.data_dir)
        self.utc = store.clock.utc
        self.controller = ObedientController(store)
        self.app: FastAPI = create_app(
            self.controller, store, shelf_of(store), simulated=simulated, hosts=hosts, screens=screens
        )
        transport = httpx.ASGITransport(app=self.app, raise_app_exceptions=False)
        self.client = httpx.AsyncClient(transport=transport, base_url=ADDRESS)

    async def post(self, path: str, body: Any, key: str | None = None, *, by: str | None = None) -> httpx.Response:
        """`by` is the key of a person."""
        headers = {} if key is None else {"Idempotency-Key": key}
        headers |= {} if by is None else bearer(by)
        return await self.client.post(path, json=body, headers=headers)

    async def events(self, *kinds: str) -> list[dict[str, Any]]:
        """Data of what the log holds of these kinds, oldest first."""
        await self.store.commit()
        return [event.data for event in await self.store.events.read(0, 10_000, kinds)]


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


@asynccontextmanager
async def bench(
    data_dir: Path, *, simulated: bool = True, hosts: tuple[str, ...] = LOOPBACK_HOSTS
) -> AsyncIterator[Bench]:
    """A bench that is closed again; the screens' folder is `data_dir/screens` when it exists."""
    store = open_store(data_dir, HandClock(), durability="normal")
    made = Bench(store, data_dir / "screens", simulated=simulated, hosts=hosts)
    try:
        yield made
    finally:
        await made.client.aclose()
        store.close()
