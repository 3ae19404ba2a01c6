"""A recorder on the cables: every exchange as one JSON line, for a fault report or a test of its own.

It changes nothing that passes and opens no file: lines go to whatever callable the composer gives.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable

SENT = "sent"
RECEIVED = "received"
NOTE = "note"
BYTES_KEPT = 2048  # a camera frame of 5 MB is recorded by its header and length


class Capture:
    """Writes `{"at_s", "link", "what", "bytes", "hex"}` lines; `bytes` is the true length, `hex` at most BYTES_KEPT."""

    def __init__(self, write_line: Callable[[str], object]) -> None:
        self._write_line = write_line

    def sent(self, link: str, data: bytes) -> None:
        self._record(link, SENT, data)

    def received(self, link: str, data: bytes) -> None:
        self._record(link, RECEIVED, data)

    def note(self, link: str, text: str) -> None:
        """Something that is not bytes: connected, lost, time-out."""
        self._write({"at_s": _now_s(), "link": link, "what": NOTE, "text": text})

    def _record(self, link: str, what: str, data: bytes) -> None:
        kept = bytes(data[:BYTES_KEPT])
        self._write({"at_s": _now_s(), "link": link, "what": what, "bytes": len(data), "hex": kept.hex()})

    def _write(self, line: dict[str, object]) -> None:
        self._write_line(json.dumps(line) + "\n")


def _now_s() -> float:
    return round(asyncio.get_running_loop().time(), 6)
