"""The host side of the command handshake: a command is executed once, and its end is known or said to be unknown.

After any doubt it reads before it writes. A block that was not accepted is written again under the same number, which
is harmless; nothing is ever sent again under a new number. It knows no wire: the device brings the bytes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from drivers.devices.failures import FAILURES
from drivers.devices.reading import Reading
from drivers.errors import (
    BadReply,
    DeviceTimedOut,
    DriverError,
    LimitExceeded,
    LinkError,
    LinkLost,
    OutcomeUnknown,
    Rejected,
    ReplyTimeout,
)
from drivers.wire.encoding import Number, WireError
from drivers.wire.handshake import ChannelState, CommandSpec, Reject, Result, Stop

DEADLINE_RATIO = 1.5
DEADLINE_MARGIN_S = 0.2
POLL_FIRST_S = 0.005
POLL_LONGEST_S = 0.020
WRITES_MAX = 3
LOOK_AFTER_S = 5e-7  # both sides mean the same end, but their sums round differently; a look a hair early costs 5 ms
TIMER_RESOLUTION_S = 1e-6  # a timer may fire a little early; waiting for the rest of nothing would never end
STANDSTILL_WITHIN_S = 0.5  # the slowest axis stops from full speed in 0.1 s

Permit = Callable[[str, CommandSpec, Mapping[str, Number]], Awaitable[None]]
"""Asked with channel, command and arguments before a command is numbered; what it raises is the answer."""


class CommandHost(Protocol):
    """What a channel needs of its device."""

    name: str
    session: int
    permit: Permit | None

    async def send_command(self, channel: str, sequence: int, code: int, counts: list[int]) -> Reading | None:
        """Write one block; returns the status when the wire brings it along with the reply."""

    async def beat(self) -> Reading:
        """One heartbeat, answered with the status."""

    async def regain(self) -> None:
        """Open a lost link again, or raise LinkError when it stays lost."""

    async def set_stop(self, level: Stop) -> Reading:
        """Send a stop level."""

    @property
    def stop_level(self) -> Stop: ...


class _Phase(Enum):
    UNSEEN = "the device does not know this command"
    REJECTED = "rejected"
    RUNNING = "running"
    ENDED = "ended"


@dataclass(slots=True)
class _Pending:
    """A command whose end is not yet known."""

    spec: CommandSpec
    sequence: int
    counts: list[int]
    started_at_s: float
    writes: int = 0
    is_write_confirmed: bool = False
    is_device_restarted: bool = False


class CommandChannel:
    """One channel of one device: at most one command is under way.

    A command whose caller was cancelled or lost its link stays pending; the next one first waits for its end.
    """

    def __init__(self, host: CommandHost, name: str) -> None:
        self._host = host
        self.name = name
        self._sequence = 0
        self._pending: _Pending | None = None
        self._is_executing = False
        self._waiter: asyncio.Future[None] | None = None

    @property
    def is_waiting(self) -> bool:
        return self._waiter is not None

    @property
    def is_busy(self) -> bool:
        """A command is under way, or its end is not yet known."""
        return self._pending is not None

    async def execute(
        self,
        spec: CommandSpec,
        args: Mapping[str, Number] | None = None,
        *,
        expected_s: float,
        deadline_s: float | None = None,
    ) -> dict[str, Number]:
        """Execute one command once and return what the device measured at its end.

        expected_s   duration from physics; the first look at the device happens then
        deadline_s   longest duration; default 1.5 expected_s + 0.2 s. Then the device is asked to stop
        raises       DeviceError by result, Rejected, DeviceTimedOut, OutcomeUnknown, LinkError; what `permit` raises
        """
        if self._is_executing:
            raise self._error(Rejected, spec, "another command is under way on this channel. Wait for its end")
        try:
            counts = spec.pack_args(args or {})
        except WireError as error:
            raise self._error(LimitExceeded, spec, f"was not sent: {error}. Correct the target") from None
        self._is_executing = True
        try:
            if self._pending is not None:
                await self._settle(self._pending)
            if self._host.permit is not None:
                await self._host.permit(self.name, spec, args or {})
            now_s = asyncio.get_running_loop().time()
            pending = self._pending = _Pending(spec, self._sequence + 1, counts, now_s)
            limit_s = DEADLINE_RATIO * expected_s + DEADLINE_MARGIN_S if deadline_s is None else deadline_s
            state = await self._follow(pending, expected_s, limit_s)
            return self._conclude(pending, state)
        finally:
            self._is_executing = False

    # -- called by the device -----------------------------------------------------------------------------------

    def look(self, reading: Reading) -> None:
        """A status has come, perhaps by heartbeat: wake the command when it shows anything but running."""
        pending = self._pending
        if self._waiter is None or pending is None:
            return
        try:
            is_running = self._phase(pending, reading) is _Phase.RUNNING
        except BadReply:
            is_running = False  # the command itself shall look and judge
        if not is_running:
            self.wake()

    def wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def device_restarted(self) -> None:
        """The device has forgotten every number; what the pending command did cannot be told."""
        self._sequence = 0
        if self._pending is not None:
            self._pending.is_device_restarted = True
        self.wake()

    def session_renewed(self) -> None:
        """Numbers start again; a late block of the session before will be rejected by the device."""
        self._sequence = 0
        self._pending = None

    # -- following one command ----------------------------------------------------------------------------------

    async def _follow(self, pending: _Pending, expected_s: float, limit_s: float) -> ChannelState:
        """Deliver the block and stay until its end; raises when the end cannot be told or does not come."""
        loop = asyncio.get_running_loop()
        deadline_s = pending.started_at_s + limit_s
        look_at_s = pending.started_at_s + expected_s + LOOK_AFTER_S
        pause_s = POLL_FIRST_S
        reading = await self._write(pending)
        is_in_doubt = not pending.is_write_confirmed
        while True:
            phase = self._phase(pending, reading) if reading is not None else _Phase.RUNNING
            if reading is not None and phase is _Phase.ENDED:
                return reading.channel(self.name)
            if reading is not None and phase is _Phase.REJECTED:
                raise self._rejected(pending, reading.channel(self.name))
            if phase is _Phase.UNSEEN:
                reading = await self._write(pending)
                is_in_doubt = not pending.is_write_confirmed
                continue
            now_s = loop.time() + TIMER_RESOLUTION_S
            if now_s >= deadline_s:
                return await self._overdue(pending, expected_s, limit_s)
            if not is_in_doubt:
                if look_at_s <= now_s:
                    look_at_s, pause_s = now_s + pause_s, min(1.5 * pause_s, POLL_LONGEST_S)
                await self._wait_until(min(look_at_s, deadline_s))
            if pending.is_device_restarted:
                raise self._unknown(pending, "the device restarted")
            reading = await self._poll(pending)
            is_in_doubt = reading is None

    async def _write(self, pending: _Pending) -> Reading | None:
        """Write the block; None when the status has to be asked for."""
        if pending.writes >= WRITES_MAX:
            raise self._error(
                ReplyTimeout, pending.spec, f"was written {pending.writes} times and not accepted. Check the device"
            )
        pending.writes += 1
        pending.is_write_confirmed = False
        try:
            reading = await self._host.send_command(self.name, pending.sequence, pending.spec.code, pending.counts)
        except (ReplyTimeout, BadReply):
            return None
        except LinkLost as lost:
            await self._regain(pending, lost)
            return None
        pending.is_write_confirmed = True
        return reading

    async def _poll(self, pending: _Pending) -> Reading | None:
        try:
            return await self._host.beat()
        except (ReplyTimeout, BadReply):
            await asyncio.sleep(POLL_FIRST_S)
            return None
        except LinkLost as lost:
            await self._regain(pending, lost)
            return None

    async def _regain(self, pending: _Pending, lost: LinkLost) -> None:
        if pending.is_device_restarted:
            raise self._unknown(pending, "the device restarted") from lost
        try:
            await self._host.regain()
        except LinkError as error:
            raise self._unknown(
                pending, f"the link was lost and did not come back: {_words(error)}", link="lost"
            ) from lost
        except DriverError as error:
            raise self._unknown(pending, f"after the link was lost: {_words(error)}") from lost
        pending.is_write_confirmed = False

    async def _overdue(self, pending: _Pending, expected_s: float, limit_s: float) -> ChannelState:
        """The device did not end in time: have it stop, take its end when it was the commanded one after all."""
        loop = asyncio.get_running_loop()
        before = self._host.stop_level
        wanted = max(before, Stop.CONTROLLED)
        give_up_s = loop.time() + STANDSTILL_WITHIN_S
        state: ChannelState | None = None
        reading = await self._request_stop(wanted)
        while loop.time() < give_up_s:
            if reading is not None and self._phase(pending, reading) is _Phase.ENDED:
                state = reading.channel(self.name)
                break
            await asyncio.sleep(POLL_LONGEST_S)
            reading = await self._poll(pending)
        if state is not None:
            if self._host.stop_level == wanted:
                await self._request_stop(before)
            if state.result != Result.STOPPED:
                return state
            self._settled(pending)
        stands = "It was stopped and stands" if state is not None else "It does not report standstill: use the e-stop"
        raise self._error(
            DeviceTimedOut,
            pending.spec,
            f"not ended after {loop.time() - pending.started_at_s:.3f} s, expected {expected_s:.3f} s, "
            f"allowed {limit_s:.3f} s. {stands}",
            {"expected_s": expected_s, "allowed_s": limit_s},
        )

    async def _request_stop(self, level: Stop) -> Reading | None:
        """The level is kept by the device object and goes out with every beat, so a failed exchange loses nothing."""
        try:
            return await self._host.set_stop(level)
        except LinkError:
            return None

    async def _settle(self, pending: _Pending) -> None:
        """Find out what became of a command that was left alone, before another one is numbered."""
        give_up_s = asyncio.get_running_loop().time() + STANDSTILL_WITHIN_S + POLL_LONGEST_S
        while True:
            reading = await self._host.beat()
            phase = self._phase(pending, reading)
            if phase is _Phase.ENDED:
                self._settled(pending)
                return
            if phase is not _Phase.RUNNING or pending.is_device_restarted:
                self._pending = None
                return
            if asyncio.get_running_loop().time() > give_up_s:
                raise self._error(
                    Rejected, pending.spec, "is still under way from before. Wait for its end or request a stop"
                )
            await asyncio.sleep(POLL_LONGEST_S)

    def _settled(self, pending: _Pending) -> None:
        self._sequence = pending.sequence
        self._pending = None

    async def _wait_until(self, when_s: float) -> None:
        loop = asyncio.get_running_loop()
        if when_s <= loop.time():
            return
        self._waiter = loop.create_future()
        timer = loop.call_at(when_s, self.wake)
        try:
            await self._waiter
        finally:
            timer.cancel()
            self._waiter = None

    # -- judging ------------------------------------------------------------------------------------------------

    def _phase(self, pending: _Pending, reading: Reading) -> _Phase:
        try:
            state = reading.channel(self.name)
        except WireError as error:
            raise self._error(BadReply, pending.spec, f"has a status that means nothing: {error}") from None
        if state.ack_seq == pending.sequence and state.ack_session == self._host.session:
            return _Phase.ENDED if state.done_seq == pending.sequence and not state.busy else _Phase.RUNNING
        if pending.is_write_confirmed and state.reject_seq == pending.sequence and state.reject_reason != Reject.NONE:
            return _Phase.REJECTED
        return _Phase.UNSEEN

    def _conclude(self, pending: _Pending, state: ChannelState) -> dict[str, Number]:
        self._settled(pending)
        evidence = pending.spec.unpack_evidence(state.evidence)
        if state.result == Result.DONE:
            return evidence
        kind, text = FAILURES[state.result]
        raise self._error(kind, pending.spec, text, evidence)

    def _rejected(self, pending: _Pending, state: ChannelState) -> DriverError:
        self._pending = None
        reason = state.reject_reason
        return self._error(
            Rejected,
            pending.spec,
            f"number {pending.sequence} was rejected: {reason.name.lower().replace('_', ' ')}. Nothing was executed. "
            "Check for a second host and compare the register map versions",
            {"reject_reason": reason.name, "sequence": pending.sequence},
        )

    def _unknown(self, pending: _Pending, why: str, **details: str) -> DriverError:
        return self._error(
            OutcomeUnknown,
            pending.spec,
            f"number {pending.sequence}: {why}. Whether it was executed is not known. "
            "Look at the machine before doing anything",
            {"sequence": pending.sequence, **details},
        )

    def _error(
        self,
        kind: type[DriverError],
        spec: CommandSpec,
        text: str,
        details: Mapping[str, Number | str] | None = None,
    ) -> DriverError:
        numbers = [
            (name, value)
            for name, value in (details or {}).items()
            if name != "sequence" and not isinstance(value, str)
        ]
        measured = ", ".join(f"{name} {value:.6g}" for name, value in numbers)
        return kind(
            f"{self._host.name}: {spec.name} {text}." + (f" Measured: {measured}." if measured else ""),
            device=self._host.name,
            command=spec.name,
            details=details,
        )


def _words(error: DriverError) -> str:
    """What another error says, to stand within a sentence."""
    return str(error).removesuffix(".")
