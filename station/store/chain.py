"""The seal of the station's memory: canonical JSON and the hash chain over events and over placement records.

Nothing here reads or writes a disk. A chain shows an edit, a gap and an insertion; a cut tail shows only against a
head kept elsewhere, which is why every event that leaves the station carries its hash.
"""

from __future__ import annotations

import json
from datetime import datetime
from hashlib import sha256
from typing import Any

GENESIS_HASH = "0" * 64
"""Previous hash of the first event and of the first record."""

# ASCII only: the hash then depends on no encoding, and a text from outside can never fail to be written.
_encoder = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False, ensure_ascii=True)
canonical = _encoder.encode
"""JSON text with sorted keys and no spaces. Raises ValueError for NaN or infinity, TypeError for a non-JSON type."""


def event_hash(
    previous_hash: str, seq: int, epoch: int, at_s: float, occurred_at: str, kind: str, data_json: str
) -> str:
    """Seal of one event: SHA-256 over the hash before, a line feed and the event as a JSON array."""
    text = f'{previous_hash}\n[{seq},{epoch},{at_s!r},"{occurred_at}","{kind}",{data_json}]'
    return sha256(text.encode("ascii")).hexdigest()


def record_hash(record: dict[str, Any]) -> str:
    """Seal of one placement record: SHA-256 over its canonical JSON without the field `hash`."""
    body = {key: value for key, value in record.items() if key != "hash"}
    return sha256(canonical(body).encode("ascii")).hexdigest()


def time_ordered_id(occurred_at: datetime, seal: str) -> str:
    """An identifier in the layout of UUID version 7 (RFC 9562): UTC milliseconds, then bits of `seal`.

    seal   hex digest that is unique to the thing named; the same thing gets the same id wherever it is computed
    """
    milliseconds = int(occurred_at.timestamp() * 1000) & ((1 << 48) - 1)
    bits = int(seal[:32], 16)
    high = (milliseconds << 16) | 0x7000 | (bits & 0xFFF)
    low = (0b10 << 62) | ((bits >> 12) & ((1 << 62) - 1))
    text = f"{high:016x}{low:016x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
