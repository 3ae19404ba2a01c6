"""The story of one board built over HTTP alone: real controller, real drivers, simulated machine, virtual time."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import httpx

import recipes
from sim_hardware.plant import Plant
from sim_hardware.scenario import Rendering
from sim_hardware.world.machine import Fidelity
from station.api.app import create_app
from station.api.snapshot_model import Snapshot
from station.clock import Clock
from station.compose import addresses_on, build_controller
from station.demo.scenario import scenario_for
from station.door import Door
from station.profile import reference_profile
from station.run.controller import Identity
from station.shelf import Shelf
from station.store import open_store
from tests.api.support import ADDRESS
from tests.support import virtual
from vision.fingerprint import fingerprint

WAIT_STATES = ("Idle", "Stopped", "Aborted", "Held", "Complete")


async def _settled(client: httpx.AsyncClient) -> dict[str, Any]:
    """The picture in the next state in which the station waits; every picture on the way fits its schema."""
    while True:
        await asyncio.sleep(0.5)
        picture: dict[str, Any] = (await client.get("/v1/station")).json()
        Snapshot.model_validate(picture)
        if picture["state"]["name"] in WAIT_STATES:
            return picture


@virtual
async def test_a_board_is_built_by_whoever_speaks_http_and_its_records_say_what_happened(tmp_path: Path) -> None:
    recipe = recipes.load(recipes.library_names()[0])
    plant = Plant(scenario_for(recipe, seed=3, fidelity=Fidelity.CALIBRATED, rendering=Rendering.OBSERVATION))
    ports = await plant.start()
    clock = Clock()
    store = open_store(tmp_path, clock, durability="normal")
    shelf = Shelf(store.recipes, fingerprint())
    controller = build_controller(
        reference_profile(),
        addresses_on("127.0.0.1", ports),
        store,
        clock,
        session=5,
        identity=Identity(simulated=True),
        recipes=shelf,
        keep_images=False,
    )
    app = create_app(Door(controller), store, shelf, simulated=True, screens=tmp_path / "none")
    await controller.start()
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url=ADDRESS) as client:
        refused = await client.post(
            "/v1/station/commands", json={"command": "start"}, headers={"Idempotency-Key": "too-early"}
        )
        assert refused.status_code == 409
        assert refused.json()["state"] == "Stopped"

        reset = await client.post("/v1/station/commands", json={"command": "reset"}, headers={"Idempotency-Key": "k1"})
        assert reset.status_code == 202
        assert (await _settled(client))["state"]["name"] == "Idle"

        made = await client.post(
            "/v1/jobs", json={"recipe": recipe.name, "boards": 1}, headers={"Idempotency-Key": "k2"}
        )
        assert made.status_code == 201
        address = made.headers["location"]
        started = await client.post(f"{address}/actions", json={"action": "start"}, headers={"Idempotency-Key": "k3"})
        assert started.status_code == 202
        assert (await _settled(client))["state"]["name"] == "Complete"

        job = (await client.get(address)).json()
        records = (await client.get(f"/v1/records?job={job['id']}")).json()["items"]
        results = [one["result"] for one in records]
        assert (results.count("placed"), results.count("rejected")) == (job["placed"], job["rejected"])
        assert job["placed"] + job["rejected"] + job["unplaced"] >= len(recipe.board.sites)
        assert (await client.get("/v1/records/chain")).json()["is_sound"] is True
        kinds = [event["kind"] for event in (await client.get("/v1/events?limit=1000")).json()["items"]]
        assert kinds.index("job.submitted") < kinds.index("job.started") < kinds.index("placement.recorded")
        assert kinds.count("placement.recorded") == len(records)
    await controller.close()
    store.close()
    await plant.stop()
