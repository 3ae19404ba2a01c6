"""What a planted bug is, and how it gets into the code: by its source text, when its module is imported.

The files on the disk are never touched, and no compiled copy is written or read. Old text that is not there any more,
or is there twice, ends the process: a bug that no longer applies must not look like one that was not found.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import Any

ROOT = Path(__file__).resolve().parents[3]


class DoesNotApply(Exception):
    """The text that a bug replaces is not in its file exactly once."""


@dataclass(frozen=True, slots=True)
class Edit:
    """In `file`, below the root of the project, `old` becomes `new`."""

    file: str
    old: str
    new: str

    def applied(self, text: str) -> str:
        """Raises DoesNotApply."""
        count = text.count(self.old)
        if count != 1:
            raise DoesNotApply(f"{self.file}: the text to be replaced is there {count} times: {self.old[:70]!r}")
        return text.replace(self.old, self.new)


@dataclass(frozen=True, slots=True)
class Bug:
    """One realistic error; `told` is what a reviewer would say of it."""

    key: str
    told: str
    edits: tuple[Edit, ...]

    def patched(self) -> dict[Path, str]:
        """Every file that it changes, as it would be. Raises DoesNotApply, SyntaxError."""
        texts: dict[Path, str] = {}
        for edit in self.edits:
            path = ROOT / edit.file
            texts[path] = edit.applied(texts.get(path) or path.read_text(encoding="utf-8"))
        for path, text in texts.items():
            compile(text, str(path), "exec")
        return texts


def bug(key: str, told: str, *edits: tuple[str, str, str]) -> Bug:
    return Bug(key, told, tuple(Edit(*edit) for edit in edits))


class _Spoilt(SourceFileLoader):
    """Loads one module from a text that is not the one on the disk."""

    def __init__(self, fullname: str, path: str, text: str) -> None:
        super().__init__(fullname, path)
        self._text = text

    def get_data(self, path: str) -> bytes:
        return self._text.encode()

    def path_stats(self, path: str) -> dict[str, Any]:
        raise OSError("no compiled copy of this text is to be read or kept")


class _Planter(MetaPathFinder):
    def __init__(self, texts: dict[Path, str]) -> None:
        self._texts = texts

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is None or spec.origin is None or Path(spec.origin) not in self._texts:
            return None
        spec.loader = _Spoilt(fullname, spec.origin, self._texts[Path(spec.origin)])
        return spec


def plant(wanted: Bug) -> None:
    """From now on the modules of this bug are imported with it. Raises DoesNotApply when one was imported before."""
    texts = wanted.patched()
    early = [name for name, module in sys.modules.items() if Path(getattr(module, "__file__", None) or "/") in texts]
    if early:
        raise DoesNotApply(f"{wanted.key}: {', '.join(early)} is imported already")
    sys.meta_path.insert(0, _Planter(texts))
