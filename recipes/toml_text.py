"""The text of a recipe file: read within limits, parsed, and every key with its line.

TOML's own reader keeps no positions, so a second, plain walk over the accepted text finds them.
Values mean nothing here.
"""

from __future__ import annotations

import bisect
import re
import stat
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import Any

from recipes.problems import Path, Problem, RecipeProblems

FILE_LIMIT_BYTES = 256 * 1024
"""a recipe with 1,000 balls listed one by one takes about 60 KiB"""
DEPTH_LIMIT = 20
LINE_LIMIT = 2_000
KEY_PARTS_LIMIT = 8
"""longer dotted keys make the reader's work grow with their square"""

BLANKS = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
KEY_PART = re.compile(r'[ \t]*(?:"((?:[^"\\\n]|\\.)*)"|\'([^\'\n]*)\'|([A-Za-z0-9_-]+))[ \t]*')
LONG_TEXT = re.compile(r'"""(?:[^"\\]|\\.|"(?!""))*"{3,5}|\'\'\'.*?\'{3,5}', re.DOTALL)
SHORT_TEXT = re.compile(r'"(?:[^"\\\n]|\\.)*"|\'[^\'\n]*\'')
BARE_VALUE = re.compile(r"[^,\]}\n#]+")
KEY_RUN = re.compile(r"[ \t\[]*[\w \t.\"'-]*")
POSITION = re.compile(r"\(at line (\d+), column (\d+)\)")


@dataclass(frozen=True, slots=True)
class Document:
    """A parsed file: its values, and where each of them stands."""

    file: str
    data: dict[str, Any]
    lines: Mapping[Path, int]

    def line_of(self, path: Path) -> int:
        """Line of a key, or of the closest table around it that is written down; 0 for the whole file."""
        for length in range(len(path), 0, -1):
            if (line := self.lines.get(path[:length])) is not None:
                return line
        return 0

    def value_at(self, path: Path) -> Any:
        """Value as written; None where the file has none."""
        value: Any = self.data
        for part in path:
            try:
                value = value[part]
            except (KeyError, IndexError, TypeError):
                return None
        return value


def read_text(path: FilePath) -> str:
    """Read one recipe file; size and kind are known before the first byte is read.

    raises  RecipeProblems: absent, no file, over 256 KiB, not text
    """
    name = path.name or str(path)
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise refused(name, "this is a directory; name a recipe file.")
        if not stat.S_ISREG(status.st_mode):
            raise refused(name, "this is not a plain file.")
        if status.st_size > FILE_LIMIT_BYTES:
            raise refused(name, f"the file has {status.st_size:,} bytes; a recipe has at most {FILE_LIMIT_BYTES:,}.")
        with path.open("rb") as opened:
            raw = opened.read(FILE_LIMIT_BYTES + 1)
    except RecipeProblems:
        raise
    except FileNotFoundError:
        raise refused(name, "there is no such file.") from None
    except (OSError, ValueError) as error:
        raise refused(name, f"the file cannot be read: {getattr(error, 'strerror', None) or error}.") from None
    return decode(raw, name)


def decode(raw: bytes, name: str) -> str:
    """UTF-8 text of a file, a leading byte-order mark dropped.  raises RecipeProblems: too long, not text"""
    if len(raw) > FILE_LIMIT_BYTES:
        raise refused(name, f"the file has more than {FILE_LIMIT_BYTES:,} bytes.")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise refused(name, f"not a text file: byte {error.start + 1} is no UTF-8.") from None
    if "\0" in text:
        raise refused(name, f"not a text file: character {text.index(chr(0)) + 1} is a zero byte.")
    return text


def parse(text: str, name: str) -> Document:
    """Parse TOML text and find the line of every key.  raises RecipeProblems: not TOML, nested too deep, too long"""
    if len(text) > FILE_LIMIT_BYTES:
        raise refused(name, f"the text has {len(text):,} characters; a recipe has at most {FILE_LIMIT_BYTES:,}.")
    text = text.replace("\r\n", "\n")
    for number, line in enumerate(text.split("\n"), 1):
        if len(line) > LINE_LIMIT:
            raise refused(name, f"this line has {len(line):,} characters; at most {LINE_LIMIT:,} are read.", number)
        run = KEY_RUN.match(line)
        if run is not None and run.group().count(".") > KEY_PARTS_LIMIT:
            raise refused(name, f"a key of more than {KEY_PARTS_LIMIT} parts.", number)
    try:
        data = tomllib.loads(text)
    except RecursionError:
        raise refused(name, f"nested deeper than {DEPTH_LIMIT} levels.") from None
    except ValueError as error:
        raise _not_toml(name, text, str(error)) from None
    if _depth_exceeds(data, DEPTH_LIMIT):
        raise refused(name, f"nested deeper than {DEPTH_LIMIT} levels.")
    return Document(name, data, _LineWalk(text).run())


def refused(name: str, message: str, line: int = 0) -> RecipeProblems:
    """A file that cannot be looked into any further."""
    return RecipeProblems([Problem(name, line, "", "", message)])


def _not_toml(name: str, text: str, error: str) -> RecipeProblems:
    at = POSITION.search(error)
    line = int(at[1]) if at else text.count("\n") + 1
    column = f", column {at[2]}" if at else ""
    reason = POSITION.sub("", error).replace("(at end of document)", "at the end of the file").strip()
    return refused(name, f"not TOML{column}: {reason}.", line)


def _depth_exceeds(data: Any, limit: int) -> bool:
    layer = [data]
    for _ in range(limit + 1):
        inner: list[Any] = []
        for value in layer:
            if isinstance(value, dict):
                inner.extend(value.values())
            elif isinstance(value, list):
                inner.extend(value)
        layer = inner
    return bool(layer)


@dataclass
class _LineWalk:
    """Walks text that is known to be TOML and nested no deeper than the limit."""

    text: str
    at: int = 0
    lines: dict[Path, int] = field(default_factory=dict)
    table_counts: dict[Path, int] = field(default_factory=dict)
    breaks: list[int] = field(default_factory=list)

    def run(self) -> dict[Path, int]:
        self.breaks = [match.start() for match in re.finditer("\n", self.text)]
        table: Path = ()
        while self._blanks() < len(self.text):
            if self.text.startswith("[", self.at):
                table = self._header()
            else:
                self._pair(table)
        return self.lines

    def _blanks(self) -> int:
        found = BLANKS.match(self.text, self.at)
        self.at = found.end() if found else self.at
        return self.at

    def _note(self, path: Path, at: int) -> None:
        self.lines.setdefault(path, bisect.bisect_left(self.breaks, at) + 1)

    def _key(self) -> list[str]:
        parts: list[str] = []
        while True:
            found = KEY_PART.match(self.text, self.at)
            if found is None:
                return parts
            parts.append(next(group for group in found.groups() if group is not None))
            self.at = found.end()
            if not self.text.startswith(".", self.at):
                return parts
            self.at += 1

    def _header(self) -> Path:
        start = self.at
        repeated = self.text.startswith("[[", self.at)
        self.at += 2 if repeated else 1
        parts = self._key()
        self.at += 2 if repeated else 1
        path: Path = ()
        for position, part in enumerate(parts):
            path = (*path, part)
            if repeated and position == len(parts) - 1:
                self._note(path, start)
                self.table_counts[path] = self.table_counts.get(path, 0) + 1
            if path in self.table_counts:
                path = (*path, self.table_counts[path] - 1)
            self._note(path, start)
        return path

    def _pair(self, table: Path) -> None:
        start = self.at
        parts = self._key()
        path = table
        for part in parts:
            path = (*path, part)
            self._note(path, start)
        self.at = self.text.index("=", self.at) + 1
        self._blanks()
        self._value(path)

    def _value(self, path: Path) -> None:
        if self.text.startswith("[", self.at):
            self.at += 1
            position = 0
            while not self.text.startswith("]", self._blanks()):
                self._note((*path, position), self.at)
                self._value((*path, position))
                position += 1
                if self.text.startswith(",", self._blanks()):
                    self.at += 1
            self.at += 1
        elif self.text.startswith("{", self.at):
            self.at += 1
            while not self.text.startswith("}", self._blanks()):
                self._pair(path)
                if self.text.startswith(",", self._blanks()):
                    self.at += 1
            self.at += 1
        else:
            pattern = LONG_TEXT if self.text.startswith(('"""', "'''"), self.at) else SHORT_TEXT
            found = pattern.match(self.text, self.at) or BARE_VALUE.match(self.text, self.at)
            self.at = found.end() if found else len(self.text)
