"""A recipe: everything the machine must know to build one product, frozen, with one hash for all of it.

It holds no machine limit beyond the range ends of its keys and runs nothing.
"""

from __future__ import annotations

import hashlib
import json
from functools import cached_property
from typing import Any, Literal

from pydantic import Field

from recipes.base import ItemName, ShortText, Table
from recipes.board import Board
from recipes.dip import Dip, Film
from recipes.inspect import Inspect
from recipes.material import Material
from recipes.package import BottomPackage, Package
from recipes.place import Pick, Place

FORMAT_VERSION = 1
State = Literal["draft", "approved", "retired"]


class Recovery(Table):
    """How often the station may try again by itself, per cause, before it asks or gives the site up."""

    attended: bool = Field(description="somebody is there to answer; else every alarm says what is done instead")
    locate_retries: int = Field(ge=0, le=5, description="a fiducial or a site was not found: look again")
    new_part_retries: int = Field(ge=0, le=5, description="package lost or rejected: take another for the same site")
    reader_retries: int = Field(ge=0, le=5, description="a barcode was not read: read again")


class Imported(Table):
    """Where an imported draft comes from, so that a record leads back to the file of the layout engineer."""

    file: ShortText = Field(description="name of the file, without folders")
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$", description="of the file")
    format: ShortText = Field(description="what wrote it")
    side: Literal["front", "back"] = Field(description="of the board that is populated")
    origin: ShortText = Field(description="where the board's lower left corner is in the file")
    unit: ShortText = Field(description="of the file")


class Recipe(Table):
    """What to build, and how."""

    format_version: int = Field(default=FORMAT_VERSION, ge=1, le=FORMAT_VERSION, description="of this file layout")
    name: ItemName = Field(description="of the recipe")
    revision: int = Field(ge=1, le=1_000_000, description="counts up with every released change")
    state: State = Field(default="draft", description="draft, approved or retired; not part of the hash")
    description: ShortText = Field(default="", description="for people")
    imported: Imported | None = Field(default=None, description="of a draft made from a layout file")
    package: Package = Field(description="the top package: a library name, a file beside the recipe, or a table")
    bottom: BottomPackage = Field(description="the part below: a library name, a file beside the recipe, or a table")
    board: Board = Field(description="the board or panel")
    film: Film = Field(description="the film before each dip")
    dip: Dip = Field(description="one dip")
    pick: Pick = Field(description="taking a package from its pocket")
    inspect: Inspect = Field(description="what the cameras must see")
    place: Place = Field(description="setting the package on the stack")
    material: Material = Field(description="flux or paste, and the moisture level of the part")
    recovery: Recovery = Field(description="how often to try again")

    def as_data(self) -> dict[str, Any]:
        """Plain values with everything resolved; `recipes.from_data` reads them back to an equal recipe."""
        return self.model_dump(mode="json", exclude_none=True)

    @cached_property
    def content_hash(self) -> str:
        """`sha256:<hex>` over the canonical JSON of all but the state: approving does not change what is built."""
        data = {key: value for key, value in self.as_data().items() if key != "state"}
        text = json.dumps(data, sort_keys=True, separators=(",", ":"), allow_nan=False)
        return "sha256:" + hashlib.sha256(text.encode("ascii")).hexdigest()
