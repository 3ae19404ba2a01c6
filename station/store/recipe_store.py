"""Recipe revisions as the station keeps them: immutable, named by the hash of their content, draft until approved.

Nothing here understands a recipe; whether one is sound was decided before it came here.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from sqlalchemy import Connection, select

from station.store import schema
from station.store.errors import NotStored, StoreError
from station.store.event_log import Clock, EventLog
from station.store.writing import Writing

RecipeState = Literal["draft", "approved", "retired"]

NEXT_STATES: dict[str, tuple[RecipeState, ...]] = {
    "draft": ("approved", "retired"),
    "approved": ("retired",),
    "retired": (),
}


class WrongRecipeState(StoreError):
    """The revision cannot go from the state it is in to the one asked for."""


@dataclass(frozen=True)
class StoredRecipe:
    """One revision.

    hash       hex digest of its content; a job pins it
    document   the text as it was handed in
    """

    hash: str
    name: str
    revision: str
    state: RecipeState
    document: str
    stored_at: str


class RecipeStore:
    """All revisions, held in memory (a plant has some hundreds) and written with the next commit."""

    def __init__(self, writing: Writing, log: EventLog, clock: Clock, *, stored: list[StoredRecipe]) -> None:
        self._writing = writing
        self._log = log
        self._clock = clock
        self._revisions = {one.hash: one for one in stored}

    def put(self, name: str, revision: str, content_hash: str, document: str) -> StoredRecipe:
        """Keep a revision as a draft; the same content again changes nothing."""
        known = self._revisions.get(content_hash)
        if known is not None:
            return known
        stored_at = self._clock.utc().isoformat(timespec="milliseconds")
        kept = StoredRecipe(content_hash, name, revision, "draft", document, stored_at)
        self._writing.queue(schema.INSERT_RECIPE, (content_hash, name, revision, "draft", document, stored_at))
        self._log.append("recipe.modified", {"name": name, "revision": revision, "hash": content_hash, "to": "draft"})
        self._revisions[content_hash] = kept
        return kept

    def set_state(self, content_hash: str, state: RecipeState) -> StoredRecipe:
        """Approve or retire a revision; asking for the state it is in changes nothing.

        raises   NotStored, WrongRecipeState
        """
        known = self.get(content_hash)
        if known.state == state:
            return known
        if state not in NEXT_STATES[known.state]:
            raise WrongRecipeState(
                f"Recipe {known.name} revision {known.revision} is {known.state}, it cannot become {state}. "
                "Store a new revision."
            )
        self._writing.queue(schema.UPDATE_RECIPE_STATE, (state, content_hash))
        self._log.append(
            "recipe.modified", {"name": known.name, "revision": known.revision, "hash": content_hash, "to": state}
        )
        changed = replace(known, state=state)
        self._revisions[content_hash] = changed
        return changed

    def get(self, content_hash: str) -> StoredRecipe:
        """One revision by its hash.

        raises   NotStored
        """
        try:
            return self._revisions[content_hash]
        except KeyError:
            raise NotStored(f"There is no recipe revision {content_hash[:80]}. List the recipes.") from None

    def revisions(self, name: str | None = None, state: RecipeState | None = None) -> list[StoredRecipe]:
        """Revisions in the order they were stored."""
        return [
            one
            for one in self._revisions.values()
            if (name is None or one.name == name) and (state is None or one.state == state)
        ]


def stored_recipes(connection: Connection) -> list[StoredRecipe]:
    """Every revision, oldest first."""
    table = schema.recipes
    rows = connection.execute(select(table).order_by(table.c.stored_at, table.c.hash))
    return [StoredRecipe(row.hash, row.name, row.revision, row.state, row.document, row.stored_at) for row in rows]
