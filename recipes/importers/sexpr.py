"""The bracket language of KiCad files: text to a tree in which every list knows its line.

Bounded in size and depth, without recursion, so that no file can exhaust the machine. It knows no KiCad words.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

TEXT_LIMIT = 64 * 1024 * 1024
DEPTH_LIMIT = 100

TOKEN = re.compile(r'\s*(?:(\()|(\))|"((?:[^"\\]|\\.)*)"|([^\s()"]+))', re.DOTALL)
ESCAPE = re.compile(r"\\(.)", re.DOTALL)
ESCAPED = {"n": "\n", "t": "\t", "r": "\r"}


class NotSexpr(ValueError):
    """The text is not one balanced list; the message says where."""

    def __init__(self, line: int, reason: str) -> None:
        self.line = line
        self.reason = reason
        super().__init__(f"line {line}: {reason}")


@dataclass(slots=True)
class Node:
    """A list `(head item item ...)`; items are words, quoted texts without their quotes, and lists."""

    line: int
    items: list[str | Node] = field(default_factory=list)

    @property
    def head(self) -> str:
        """First word, "" when there is none."""
        return self.items[0] if self.items and isinstance(self.items[0], str) else ""

    def words(self) -> list[str]:
        """The plain items after the head."""
        return [item for item in self.items[1:] if isinstance(item, str)]

    def children(self, *heads: str) -> Iterator[Node]:
        """The lists inside, of these heads only when some are given."""
        for item in self.items:
            if isinstance(item, Node) and (not heads or item.head in heads):
                yield item

    def child(self, head: str) -> Node | None:
        """The first list inside with this head."""
        return next(self.children(head), None)

    def word(self, index: int = 0) -> str:
        """Plain item number `index` after the head, "" when there is none."""
        words = self.words()
        return words[index] if index < len(words) else ""

    def numbers(self) -> list[float]:
        """The plain items after the head as finite numbers, up to the first that is none."""
        found: list[float] = []
        for word in self.words():
            try:
                number = float(word)
            except ValueError:
                break
            if not abs(number) < 1e9:  # NaN and inf fail this too
                break
            found.append(number)
        return found


def parse(text: str) -> Node:
    """Read one list.

    raises  NotSexpr with the line: too long, too deep, an unclosed list or text, something after the end
    """
    if len(text) > TEXT_LIMIT:
        raise NotSexpr(1, f"the text has more than {TEXT_LIMIT:,} characters")
    open_lists: list[Node] = []
    root: Node | None = None
    line, counted, at = 1, 0, 0
    while (token := TOKEN.match(text, at)) is not None:
        start = token.start(token.lastindex or 0)
        line += text.count("\n", counted, start)
        counted, at = start, token.end()
        kind = token.lastindex
        if root is not None and not open_lists:
            raise NotSexpr(line, "there is text after the end of the list")
        if kind == 1:
            node = Node(line)
            if len(open_lists) >= DEPTH_LIMIT:
                raise NotSexpr(line, f"nested deeper than {DEPTH_LIMIT} lists")
            if open_lists:
                open_lists[-1].items.append(node)
            else:
                root = node
            open_lists.append(node)
        elif not open_lists:
            raise NotSexpr(line, "the text does not start with an opening bracket")
        elif kind == 2:
            open_lists.pop()
        else:
            value = token[3]
            open_lists[-1].items.append(token[4] if value is None else _unescaped(value))
    if text[at:].strip():
        raise NotSexpr(line + text.count("\n", counted, at), "a quoted text has no end")
    if root is None:
        raise NotSexpr(1, "the text is empty")
    if open_lists:
        raise NotSexpr(open_lists[-1].line, f"the list ({open_lists[-1].head} has no closing bracket")
    return root


def _unescaped(value: str) -> str:
    return ESCAPE.sub(lambda found: ESCAPED.get(found[1], found[1]), value) if "\\" in value else value
