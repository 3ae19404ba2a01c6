"""`station registers`: print or write docs/registers.md, the document for the people who build the other side.

It connects to nothing.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from drivers.wire.document import registers_document

DEFAULT_PATH = Path("docs/registers.md")

app = typer.Typer(no_args_is_help=True, help="The register and frame document for device builders.")


@app.command("print")
def print_document() -> None:
    """Print the document."""
    print(registers_document(), end="")


@app.command()
def write(
    path: Annotated[Path, typer.Argument(help="where to write it")] = DEFAULT_PATH,
) -> None:
    """Write the document; says whether it changed."""
    text = registers_document()
    before = path.read_text(encoding="utf-8") if path.exists() else ""
    if text == before:
        print(f"{path} is up to date")
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    print(f"{path} written")
