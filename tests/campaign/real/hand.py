"""The operator of the real campaign: sees the machine as it truly is, works by REST alone, wants a board finished."""

from __future__ import annotations

import subprocess
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import httpx

from tests.campaign.operator import GLASS_ASKED, Hangs, usual_answer
from tests.campaign.real.told import Answer, Told
from tests.scenarios.bench import RECIPE
from tests.scenarios.live import Line

LOOKS_EVERY_S = 0.12
"""of the machine's time"""
PATIENCE_S = 240.0
"""of the machine's time: from the first act to the finished board"""


STORE_FAILED = 801
"""asks for a new start of the service, and is no question of this hand"""
AT_REST = ("Stopped", "Idle", "Complete", "Aborted", "Held", "Stopping", "Aborting", "Clearing")
RESET, START = "reset", "start"
"""verbs that others may wait for, see `Hand.when`"""


class Gone(Exception):
    """The service has ended while the operator worked."""


class Hand:
    """One person at one line; `name` makes the keys of its orders unlike those of any other."""

    def __init__(self, line: Line, told: Told, name: str) -> None:
        self.line, self.told, self.name = line, told, name
        self.asked: Counter[int] = Counter()
        self.when: dict[str, Callable[[], None]] = {}
        """called once, right before this verb is sent"""
        self.boards = 0
        self._orders = 0
        self._job: str | None = None
        self._is_complete = False

    def begin_a_board(self) -> None:
        """Until a new job of this hand is started. Raises Gone, Hangs."""
        self._job = None
        self._work(lambda: self._job is not None, "no board begun")

    def work_for(self, seconds: float) -> None:
        """Work towards a board from the Reset on; so long, in real time, and no longer. Raises Gone, Hangs."""
        self._job = None
        self._work(lambda: self.line.state() not in AT_REST, "the station does not begin to work")
        ends_s = time.monotonic() + seconds
        self._work(lambda: time.monotonic() >= ends_s, "")

    def work_until(self, happens: Callable[[], bool]) -> None:
        """Go on with what was begun until this is so, with a board anew where one is complete. Raises Gone, Hangs."""
        self._job = None
        self._work(happens, "what was waited for did not happen")

    def finish_a_board(self) -> None:
        """Until one more job of this hand is complete. Raises Gone, Hangs."""
        self._job = None
        self._work(lambda: self._is_complete, "no board finished")
        self.boards += 1

    def _work(self, is_done: Callable[[], bool], what: str) -> None:
        give_up_s = time.monotonic() + PATIENCE_S / self.line.speed
        self._is_complete = False
        while time.monotonic() < give_up_s:
            try:
                self.step()
            except httpx.TransportError as error:
                assert self.line.service is not None
                if _ends(self.line.service.process):
                    raise Gone from error
                continue  # a service that stood still has let the connection go: asked again
            if is_done():
                return
            time.sleep(LOOKS_EVERY_S / self.line.speed)
        raise Hangs(f"{what} in {PATIENCE_S:.0f} s of the machine: {self.line.state()}, {self._standing()}")

    def step(self) -> None:
        """Do what the station needs now."""
        state = self.line.state()
        for alarm in self.line.get("/v1/alarms")["items"]:
            if alarm["number"] != STORE_FAILED:
                self._answer(alarm)
        if state == "Aborted":
            self._command("clear")
        elif state == "Stopped" or (state == "Complete" and self._job is None):
            self._command("reset")
        elif state == "Idle":
            self._order()
        elif state == "Held" and not self.line.get("/v1/alarms")["items"]:
            self._command("resume")
        self._is_complete = state == "Complete" and self._job is not None

    def _order(self) -> None:
        made = self.post("/v1/jobs", recipe=RECIPE, boards=1)
        if made is not None:
            self._job = made["id"]
            self.post(f"/v1/jobs/{self._job}/actions", action="start")

    def _command(self, command: str) -> None:
        self.post("/v1/station/commands", command=command)

    def post(self, path: str, **body: Any) -> dict[str, Any] | None:
        """Send an order with a key of its own; the answer is remembered, None where it was refused."""
        self.when.pop(body.get("command") or body.get("action") or "", lambda: None)()
        self._orders += 1
        key = f"{self.name}-{self._orders}"
        reply = self.line.post(path, key, **body)
        if reply.status_code >= 500 and reply.status_code != 503:
            raise AssertionError(f"{path} {body}: {reply.status_code} {reply.text}")
        if not reply.is_success:
            return None
        answer: dict[str, Any] = reply.json()
        self.told.answers[key] = Answer(path, body, reply.status_code, answer)
        return answer

    def _answer(self, alarm: dict[str, Any]) -> None:
        self.post(f"/v1/alarms/{alarm['id']}/answer", answer=self._choose(alarm), state_token=alarm["state_token"])

    def _choose(self, alarm: dict[str, Any]) -> str:
        number, permitted = alarm["number"], [answer["id"] for answer in alarm["answers"]]
        if "was_placed" in permitted:
            board, site = alarm["objects"].get("board"), alarm["objects"].get("site")
            placed = self.line.ask(do="truth")["placements"]
            return "was_placed" if any((p["board"], p["site"]) == (board, site) for p in placed) else "was_not_placed"
        if number == GLASS_ASKED:
            self.line.ask(do="take_part_away")
        self.asked[number] += 1
        return usual_answer(permitted, self.asked[number])

    def _standing(self) -> list[str]:
        return [f"{alarm['number']} {alarm['text']}" for alarm in self.line.get("/v1/alarms")["items"]]


def _ends(process: subprocess.Popen[bytes]) -> bool:
    """The connection has gone; a killed process needs a moment to be seen as such."""
    try:
        process.wait(timeout=2.0)
    except subprocess.TimeoutExpired:
        return False
    return True
