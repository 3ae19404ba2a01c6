"""Recipe revisions: those that came with the software, and those that clients stored, checked before they are kept.

Nothing here knows what makes a recipe sound; the package of recipes says it with all problems at once.
"""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Body, Header, Path, Query
from fastapi.responses import JSONResponse, Response

import recipes as library
from station.api import problems
from station.api.access import needs
from station.api.models import ActionOnRecipe, RecipeList, RecipeRevision, RecipeSummary
from station.api.port import Invalid, NotFound
from station.api.problems import described
from station.people.roles import Right
from station.shelf import Revision, Shelf, named_by
from station.store import Store
from station.store.chain import canonical

Name = Annotated[str, Path(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$", description="name of the recipe")]
Hash = Annotated[str, Path(pattern=r"^sha256:[0-9a-f]{64}$", description="hash of the revision's content")]
Tag = Annotated[str | None, Header(max_length=200)]


def summary(shelf: Shelf, one: Revision, of_name: list[Revision]) -> RecipeSummary:
    """One revision as the API says it.  of_name: all of its recipe"""
    refusal = shelf.refusal(one)
    return RecipeSummary(
        name=one.name,
        revision=one.revision,
        hash=one.hash,
        state=one.state,
        origin=one.origin,
        stored_at=one.stored_at,
        approved_vision=one.approved_vision or None,
        is_named=one is named_by(of_name),
        refusal=None if refusal is None else str(refusal),
    )


def whole(shelf: Shelf, one: Revision, of_name: list[Revision]) -> RecipeRevision:
    """As `summary`, with the content."""
    return RecipeRevision(**summary(shelf, one, of_name).model_dump(), document=one.document)


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


def router(store: Store, shelf: Shelf) -> APIRouter:
    """The routes of this noun."""
    routes = APIRouter(prefix="/v1/recipes", tags=["recipes"])

    def found(name: str, content_hash: str) -> RecipeRevision:
        of_name = shelf.revisions(name)
        for one in of_name:
            if one.hash == content_hash:
                return whole(shelf, one, of_name)
        raise NotFound(f"There is no revision {content_hash} of recipe {name}. List the revisions.")

    @routes.get("", response_model=RecipeList, responses=described(), dependencies=[needs(Right.SEE)])
    async def all_recipes(
        name: Annotated[str | None, Query(min_length=1, max_length=100)] = None,
    ) -> dict[str, Any]:
        """All revisions, or those of one name."""
        revisions = shelf.revisions(name)
        by_name: dict[str, list[Revision]] = {}
        for one in revisions:
            by_name.setdefault(one.name, []).append(one)
        return {"items": [summary(shelf, one, by_name[one.name]) for one in revisions]}

    @routes.get("/{name}", response_model=RecipeRevision, responses=described(), dependencies=[needs(Right.SEE)])
    async def newest(name: Name, response: Response) -> RecipeRevision:
        """The newest revision; its hash is the ETag."""
        revisions = shelf.revisions(name)
        if not revisions:
            raise NotFound(f"There is no recipe {name}. List the recipes.")
        response.headers["etag"] = f'"{revisions[-1].hash}"'
        return whole(shelf, revisions[-1], revisions)

    @routes.put(
        "/{name}",
        status_code=201,
        response_model=RecipeRevision,
        responses=described(412, 428),
        dependencies=[needs(Right.RECIPES)],
    )
    async def store_revision(
        name: Name,
        document: Annotated[dict[str, Any], Body(description="the recipe, as `document` of a revision")],
        if_match: Tag = None,
        if_none_match: Tag = None,
    ) -> Response:
        """Check a recipe and keep it as a new draft. If-Match names the revision it was made from."""
        revisions = shelf.revisions(name)
        _require_precondition(f'"{revisions[-1].hash}"' if revisions else None, if_match, if_none_match)
        recipe = await asyncio.get_running_loop().run_in_executor(None, checked, name, document)
        kept = store.recipes.put(name, str(recipe.revision), recipe.content_hash, canonical(recipe.as_data()))
        await store.commit()
        headers = {"etag": f'"{kept.hash}"', "location": f"/v1/recipes/{name}/revisions/{kept.hash}"}
        return JSONResponse(found(name, kept.hash).model_dump(mode="json"), 201, headers=headers)

    @routes.get(
        "/{name}/revisions/{content_hash}",
        response_model=RecipeRevision,
        responses=described(),
        dependencies=[needs(Right.SEE)],
    )
    async def revision(name: Name, content_hash: Hash) -> RecipeRevision:
        """One revision; its content never changes."""
        return found(name, content_hash)

    @routes.post(
        "/{name}/revisions/{content_hash}/actions",
        response_model=RecipeRevision,
        responses=described(409),
        dependencies=[needs(Right.RECIPES)],
    )
    async def act(name: Name, content_hash: Hash, wish: ActionOnRecipe) -> RecipeRevision:
        """Approve a revision under the vision that runs, anew where it was under another, or retire it. Asking for what
        it is already changes nothing."""
        if found(name, content_hash).origin == "library":
            raise problems.Trouble(
                409,
                "library-recipe",
                "Recipes that came with the software do not change. Store a revision of your own.",
            )
        if wish.action == "approve":
            store.recipes.approve(content_hash, shelf.vision)
        else:
            store.recipes.retire(content_hash)
        await store.commit()
        return found(name, content_hash)

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
