"""The one small door between the API and the controller, and the ways in which the controller can say no.

Nothing here knows HTTP or the machine: whoever implements the protocol may stand in the same process or in another.
"""

from __future__ import annotations

from typing import Any, Protocol


class Refused(Exception):
    """The controller will not do this now; nothing happened.

    code              stable word for programs, e.g. `wrong-state`
    message           for people: what, why, next
    state             name of the present PackML state where it is the reason, else empty
    allowed_actions   what it would do now
    """

    def __init__(self, code: str, message: str, state: str = "", allowed_actions: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.state = state
        self.allowed_actions = tuple(allowed_actions)


class NotFound(Exception):
    """No such job or alarm."""


class Invalid(Exception):
    """The request is well formed but says something that cannot be; `problems` holds one sentence for each."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("; ".join(problems))
        self.problems = tuple(problems)


class ControllerPort(Protocol):
    """What the API may ask. Every question answers at once; every command answers when it was taken or refused."""

    def snapshot(self) -> dict[str, Any]:
        """The whole present picture, as `GET /v1/station` publishes it."""

    def jobs(self) -> list[dict[str, Any]]:
        """All jobs of this run, oldest first."""

    def job(self, job_id: str) -> dict[str, Any]:
        """One job. Raises NotFound."""

    async def submit_job(self, recipe: str, boards: int, revision: str = "") -> dict[str, Any]:
        """Queue a job; `boards` 0 runs until stopped, `revision` is the hash that it insists on, if any.

        raises   Refused, Invalid
        """

    async def job_action(self, job_id: str, action: str) -> dict[str, Any]:
        """start, hold, resume, stop or abort a job and return it. Raises Refused, NotFound."""

    async def command(self, name: str) -> dict[str, Any]:
        """Give the station a command and return its new state. Raises Refused."""

    async def change_mode(self, mode: str) -> dict[str, Any]:
        """Production or Maintenance, at rest only. Raises Refused."""

    def take_jog(self) -> str:
        """Have the jog pad -> the token of its frames. Raises Refused where another page has it."""

    def jog_frame(self, token: str, number: int, hold: tuple[str, int, str] | None) -> None:
        """A button is held, (axis, direction, speed), or none is. Raises Refused; the frame then counts for nothing."""

    def give_back_jog(self, token: str) -> None:
        """The page is gone: whatever it held stops. May be called twice."""

    def jog(self) -> dict[str, Any]:
        """What moves under a hand, where everything stands, and how the last jog ended."""

    def loop_lag(self) -> dict[str, Any] | None:
        """How late the service's loop is, in s, as /v1/health shows it; None before it was measured."""

    async def answer(self, alarm_id: str, answer: str, state_token: str) -> dict[str, Any]:
        """Answer an alarm as it was shown. Raises Refused when it changed meanwhile, NotFound, Invalid."""
