"""Recipe revisions: those that came with the software, and those that clients stored, checked before they are kept.

Nothing here knows what makes a recipe sound; the package of recipes says it with all problems at once.
"""

from __future__ import annotations

import asyncio
import json
from typing import Annotated, Any

from fastapi import APIRouter, Body, Header, Path, Query
from fastapi.responses import JSONResponse, Response

import recipes as library
from station.api import problems
from station.api.models import ActionOnRecipe, RecipeList, RecipeRevision, RecipeSummary
from station.api.port import Invalid, NotFound
from station.api.problems import described
from station.store import Store
from station.store.chain import canonical
from station.store.recipe_store import StoredRecipe

Name = Annotated[str, Path(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$", description="name of the recipe")]
Hash = Annotated[str, Path(pattern=r"^sha256:[0-9a-f]{64}$", description="hash of the revision's content")]
Tag = Annotated[str | None, Header(max_length=200)]


class Shelf:
    """Library and stored revisions as one list."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._library: list[RecipeRevision] | None = None

    async def revisions(self, name: str | None = None) -> list[RecipeRevision]:
        """Library first, then stored ones in their order; a stored copy of a library recipe stands for both."""
        if self._library is None:
            self._library = await asyncio.get_running_loop().run_in_executor(None, _library_revisions)
        stored = [_of_stored(one) for one in self._store.recipes.revisions()]
        known = {one.hash for one in stored}
        both = [one for one in self._library if one.hash not in known] + stored
        return [one for one in both if name is None or one.name == name]


def _library_revisions() -> list[RecipeRevision]:
    loaded = [library.load(name) for name in library.library_names()]
    return [
        RecipeRevision(
            name=one.name,
            revision=str(one.revision),
            hash=one.content_hash,
            state=one.state,
            origin="library",
            document=one.as_data(),
        )
        for one in loaded
    ]


def _of_stored(one: StoredRecipe) -> RecipeRevision:
    document = {**json.loads(one.document), "state": one.state}
    return RecipeRevision(
        name=one.name, revision=one.revision, hash=one.hash, state=one.state, origin="station",
        stored_at=one.stored_at, document=document,
    )  # fmt: skip


def checked(name: str, document: dict[str, Any]) -> library.Recipe:
    """The recipe in the document.

    raises   Invalid with every problem
    """
    try:
        recipe = library.from_data(document, name)
    except library.RecipeProblems as error:
        raise Invalid(tuple(str(problem) for problem in error.problems)) from error
    if recipe.name != name:
        raise Invalid((f"name = {recipe.name}: the address says {name}.",))
    return recipe


def router(store: Store) -> APIRouter:
    """The routes of this noun."""
    routes = APIRouter(prefix="/v1/recipes", tags=["recipes"])
    shelf = Shelf(store)

    async def found(name: str, content_hash: str) -> RecipeRevision:
        for one in await shelf.revisions(name):
            if one.hash == content_hash:
                return one
        raise NotFound(f"There is no revision {content_hash} of recipe {name}. List the revisions.")

    @routes.get("", response_model=RecipeList, responses=described())
    async def all_recipes(
        name: Annotated[str | None, Query(min_length=1, max_length=100)] = None,
    ) -> dict[str, Any]:
        """All revisions, or those of one name."""
        return {"items": [RecipeSummary(**one.model_dump(exclude={"document"})) for one in await shelf.revisions(name)]}

    @routes.get("/{name}", response_model=RecipeRevision, responses=described())
    async def newest(name: Name, response: Response) -> RecipeRevision:
        """The newest revision; its hash is the ETag."""
        revisions = await shelf.revisions(name)
        if not revisions:
            raise NotFound(f"There is no recipe {name}. List the recipes.")
        response.headers["etag"] = f'"{revisions[-1].hash}"'
        return revisions[-1]

    @routes.put("/{name}", status_code=201, response_model=RecipeRevision, responses=described(412, 428))
    async def store_revision(
        name: Name,
        document: Annotated[dict[str, Any], Body(description="the recipe, as `document` of a revision")],
        if_match: Tag = None,
        if_none_match: Tag = None,
    ) -> Response:
        """Check a recipe and keep it as a new draft. If-Match names the revision it was made from."""
        revisions = await shelf.revisions(name)
        _require_precondition(f'"{revisions[-1].hash}"' if revisions else None, if_match, if_none_match)
        recipe = await asyncio.get_running_loop().run_in_executor(None, checked, name, document)
        kept = store.recipes.put(name, str(recipe.revision), recipe.content_hash, canonical(recipe.as_data()))
        await store.commit()
        headers = {"etag": f'"{kept.hash}"', "location": f"/v1/recipes/{name}/revisions/{kept.hash}"}
        return JSONResponse(_of_stored(kept).model_dump(mode="json"), 201, headers=headers)

    @routes.get("/{name}/revisions/{content_hash}", response_model=RecipeRevision, responses=described())
    async def revision(name: Name, content_hash: Hash) -> RecipeRevision:
        """One revision; its content never changes."""
        return await found(name, content_hash)

    @routes.post("/{name}/revisions/{content_hash}/actions", response_model=RecipeRevision, responses=described(409))
    async def act(name: Name, content_hash: Hash, wish: ActionOnRecipe) -> RecipeRevision:
        """Approve or retire a revision. Asking for the state it is in changes nothing."""
        shown = await found(name, content_hash)
        if shown.origin == "library":
            raise problems.Trouble(
                409,
                "library-recipe",
                "Recipes that came with the software do not change. Store a revision of your own.",
            )
        kept = store.recipes.set_state(content_hash, "approved" if wish.action == "approve" else "retired")
        await store.commit()
        return _of_stored(kept)

    return routes


def _require_precondition(current_tag: str | None, if_match: str | None, if_none_match: str | None) -> None:
    if if_match is None and if_none_match is None:
        raise problems.Trouble(
            428,
            "precondition-missing",
            "Send If-Match with the ETag you started from, or If-None-Match: * for a new name.",
        )
    if (if_match is not None and if_match != current_tag) or (if_none_match == "*" and current_tag is not None):
        raise problems.Trouble(
            412,
            "precondition-failed",
            f"The newest revision is {current_tag or 'none'}. Read it and merge your change.",
        )
