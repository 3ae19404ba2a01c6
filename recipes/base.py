"""What every table of a recipe has in common: frozen, strict, finite, unknown keys refused, a stated provenance.

Nothing here knows a process value or a file.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Provenance = Literal["estimate", "measured", "published"]
"""estimate: engineering guess, never to be quoted; measured: found on this line; published: from the named source"""

ItemName = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9][A-Za-z0-9_.+-]*$")]
"""Names of recipes, packages, boards, sites and balls: they go into records, file names and topics, so no blanks."""

ShortText = Annotated[str, Field(max_length=400, pattern=r"^[^\x00-\x1f\x7f]*$")]
"""One line for people."""

Provenanced = Annotated[Provenance, Field(description="of the values in this table: estimate, measured or published")]


class Table(BaseModel):
    """One table of a recipe file. Values are taken as written: no text is turned into a number, no NaN passes."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class Point(Table):
    """A place in the plane; the table that holds it says in which frame."""

    x_um: float = Field(ge=-500_000, le=500_000, description="to the right")
    y_um: float = Field(ge=-500_000, le=500_000, description="away from the reader")


class Mark(Table):
    """A bright disc that tells the turn of an otherwise symmetric part."""

    x_um: float = Field(ge=-50_000, le=50_000, description="centre, from the body centre")
    y_um: float = Field(ge=-50_000, le=50_000, description="centre, from the body centre")
    diameter_um: float = Field(ge=100, le=2_000, description="of the disc")
