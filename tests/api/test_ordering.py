"""Stories of orders over HTTP: what is built is what was approved under this vision, and is fixed with the order."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
from typer.testing import CliRunner

import recipes
from station.api.app import create_app
from station.cli.recipe import app as command_line
from station.door import Door
from tests.api.support import ADDRESS
from tests.api.test_requests import assert_problem
from tests.scenarios.bench import RECIPE, Bench, bench, recipe
from tests.support import virtual
from vision.fingerprint import fingerprint

OTHER_VISION = "sha256:" + "8" * 64


def edited() -> dict[str, Any]:
    """The usual recipe with another hold, as a client would send it."""
    data = recipe().as_data()
    return {**data, "revision": 2, "place": {**data["place"], "hold_s": data["place"]["hold_s"] + 0.1}}


class Client:
    """Orders, each under a key of its own."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self.http = http
        self._keys = 0

    async def order(self, **more: Any) -> httpx.Response:
        self._keys += 1
        return await self.http.post(
            "/v1/jobs", json={"recipe": RECIPE, "boards": 1, **more}, headers={"Idempotency-Key": f"k{self._keys}"}
        )

    async def store_edited(self) -> str:
        tag = (await self.http.get(f"/v1/recipes/{RECIPE}")).headers["etag"]
        made = await self.http.put(f"/v1/recipes/{RECIPE}", json=edited(), headers={"If-Match": tag})
        assert (made.status_code, made.json()["state"]) == (201, "draft")
        return str(made.json()["hash"])

    async def act(self, content_hash: str, action: str) -> httpx.Response:
        return await self.http.post(f"/v1/recipes/{RECIPE}/revisions/{content_hash}/actions", json={"action": action})

    async def listed(self) -> dict[str, dict[str, Any]]:
        return {one["hash"]: one for one in (await self.http.get("/v1/recipes")).json()["items"]}


@asynccontextmanager
async def station(folder: Path) -> AsyncIterator[tuple[Bench, Client]]:
    async with bench(folder, is_ready=False) as b:
        app = create_app(Door(b.controller), b.store, b.shelf, simulated=True, screens=folder / "none")
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url=ADDRESS) as http:
            yield b, Client(http)


@virtual
async def test_a_stored_revision_is_built_once_it_is_approved_and_an_order_keeps_what_it_was_given(
    tmp_path: Path,
) -> None:
    async with station(tmp_path) as (b, client):
        new = await client.store_edited()
        assert (await client.order()).json()["recipe_hash"] == recipe().content_hash, "not the draft"
        assert assert_problem(await client.order(revision=new), 409, "recipe-not-approved").keys() == {
            "type",
            "title",
            "status",
            "code",
            "detail",
            "trace_id",
        }, "the state of the station is not the reason"
        assert (await client.act(new, "approve")).json()["approved_vision"] == fingerprint()
        job = (await client.order()).json()
        assert job["recipe_hash"] == new
        assert (await client.order(revision=recipe().content_hash)).json()["recipe_hash"] == recipe().content_hash
        assert (await client.act(new, "retire")).status_code == 200
        assert (await client.http.get(f"/v1/jobs/{job['id']}")).json()["recipe_hash"] == new
        ordered = b.controller.jobs.find(job["id"])
        assert ordered is not None
        assert ordered.recipe.place.hold_s == edited()["place"]["hold_s"], "retired since, and built as ordered"
        assert_problem(await client.order(revision=new), 409, "recipe-not-approved")


@virtual
async def test_after_an_update_of_the_vision_an_approval_is_refused_until_it_is_given_anew(tmp_path: Path) -> None:
    async with station(tmp_path) as (b, client):
        new = await client.store_edited()
        b.store.recipes.approve(new, OTHER_VISION)
        said = assert_problem(await client.order(), 409, "recipe-other-vision")["detail"]
        assert OTHER_VISION[:19] in said
        assert (await client.http.get("/v1/health")).json()["vision_hash"] == fingerprint()
        listed = await client.listed()
        assert listed[new]["approved_vision"] == OTHER_VISION
        assert listed[new]["refusal"] == said
        assert [one["hash"] for one in listed.values() if one["is_named"]] == [new]
        assert listed[recipe().content_hash]["refusal"] is None, "by its hash it may still be ordered"

        renewed = (await client.act(new, "approve")).json()
        assert (renewed["approved_vision"], renewed["refusal"]) == (fingerprint(), None)
        assert (await client.order()).json()["recipe_hash"] == new
        told = [one for one in await b.events("recipe.modified") if one["to"] == "approved"]
        assert [one["approved_vision"] for one in told] == [OTHER_VISION, fingerprint()]
        await client.act(new, "approve")
        assert len(await b.events("recipe.modified")) == 3, "approved as it is: nothing happens"


@virtual
async def test_what_is_not_here_is_refused_and_no_file_of_the_host_is_read(tmp_path: Path) -> None:
    file = tmp_path / "own.toml"
    file.write_text(recipes.to_toml(recipe()), encoding="utf-8")
    async with station(tmp_path / "data") as (b, client):
        for wish in ({"recipe": str(file)}, {"recipe": "../own"}, {"revision": OTHER_VISION}):
            problem = assert_problem(await client.order(**wish), 422, "invalid")
            assert RECIPE in problem["problems"][0]
        assert_problem(await client.order(revision="newest"), 422, "invalid")
        assert b.controller.jobs.views() == []


@virtual
async def test_a_recipe_file_of_ones_own_is_stored_approved_and_ordered_as_the_readme_tells(tmp_path: Path) -> None:
    file = tmp_path / "my.toml"
    file.write_text(recipes.to_toml(recipes.from_data({**edited(), "name": "my"})), encoding="utf-8")
    document = CliRunner().invoke(command_line, ["show", str(file), "--document"]).stdout
    async with station(tmp_path / "data") as (_, client):
        headers = {"If-None-Match": "*", "Content-Type": "application/json"}
        made = (await client.http.put("/v1/recipes/my", content=document, headers=headers)).json()
        assert made["hash"] == recipes.load(file).content_hash
        address = f"/v1/recipes/my/revisions/{made['hash']}/actions"
        assert (await client.http.post(address, json={"action": "approve"})).json()["refusal"] is None
        assert (await client.order(recipe="my")).json()["recipe_hash"] == made["hash"]
