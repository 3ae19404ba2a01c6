"""What the service has told the world: events by its stream, answers to orders. None of it may ever be untold."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.scenarios.live import Line

PAGE = 1_000
ANSWERED_WITHIN_S = 20.0


@dataclass(slots=True)
class Answer:
    """An order that was answered: where it went, with what, and the answer."""

    path: str
    body: dict[str, Any]
    status: int
    answer: dict[str, Any]


@dataclass
class Told:
    """seals: number of an event -> its hash, as the stream told; answers: idempotency key -> answer."""

    seals: dict[int, str] = field(default_factory=dict)
    answers: dict[str, Answer] = field(default_factory=dict)

    def listen(self, line: Line) -> threading.Thread:
        """Follow the stream of the present service until it ends; the caller joins."""
        listener = threading.Thread(target=self._follow, args=(line.url,), daemon=True)
        listener.start()
        return listener

    def _follow(self, url: str) -> None:
        after = max(self.seals, default=0)
        try:
            address = f"{url}/v1/events/stream?after={after}"
            with (
                httpx.Client(verify=False, trust_env=False) as client,
                client.stream("GET", address, timeout=30) as stream,
            ):
                for text in stream.iter_lines():
                    if text.startswith("data:"):
                        event = json.loads(text.removeprefix("data:"))
                        self.seals[event["seq"]] = event["hash"]
        except (httpx.HTTPError, ValueError):
            return  # killed in the middle of a word: that one was not told

    def untold(self, line: Line) -> list[str]:
        """What the service that lives now does not know any more, or tells otherwise."""
        wrong = []
        told_by_now = dict(self.seals)  # the stream goes on while the log is read
        known = {event["seq"]: event["hash"] for event in all_events(line)}
        lost = [seq for seq, seal in told_by_now.items() if known.get(seq) != seal]
        if lost:
            wrong.append(f"{len(lost)} of {len(told_by_now)} events that were told are lost or changed: {lost[:5]}")
        for key, told in self.answers.items():
            again = line.post(told.path, key, **told.body)
            if (again.status_code, again.json()) != (told.status, told.answer):
                wrong.append(f"{told.path} {told.body} was answered {told.status}, is now {again.status_code}")
        return wrong


def all_events(line: Line) -> list[dict[str, Any]]:
    """Every event that is on the disk of the service that lives now."""
    found: list[dict[str, Any]] = []
    while True:
        after = found[-1]["seq"] if found else 0
        page = line.get(f"/v1/events?after={after}&limit={PAGE}")
        found += page["items"]
        if page["next"] is None:
            return found


def open_acts(events: list[dict[str, Any]]) -> list[int]:
    """Numbers of the intents that nothing has closed."""
    found = {event["seq"]: None for event in events if event["kind"] == "journal.intent"}
    for event in events:
        if event["kind"] == "journal.closed":
            found.pop(event["data"]["op_id"], None)
    return list(found)
