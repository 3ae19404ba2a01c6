"""A very small commanded device for tests: it counts what it executes, and its wire loses what the story wants lost.

It follows the device side of the handshake in twenty lines, written for these tests only.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from drivers.devices.command import CommandChannel
from drivers.errors import LinkLost, ReplyTimeout
from drivers.wire.encoding import Number, Quantity
from drivers.wire.handshake import ChannelState, CommandSpec, Reject, Result, Stop

GO = CommandSpec(
    "go",
    1,
    "go somewhere",
    args=(Quantity("x_um", "target", lower=0, upper=1000, unit="um"),),
    evidence=(Quantity("x_um", "reached", unit="um"),),
)
TIMEOUT_S = 0.15


class ModelReading:
    def __init__(self, state: ChannelState, boot_id: int, at_s: float) -> None:
        self.state = state
        self.boot_id = boot_id
        self.received_at_s = at_s
        self.life = 0
        self.host_heartbeat_echo = 0
        self.is_untorn = True

    @property
    def values(self) -> Mapping[str, Number]:
        return {}

    def channel(self, name: str) -> ChannelState:
        return self.state


class ModelDevice:
    """Stands where a device with its link stands. Each entry of a `lose_...` list is used up by one exchange.

    lose_writes   "request": the block never arrives; "reply": it arrives and the reply is lost; "reset": it arrives
                  and the link breaks
    """

    def __init__(self, *, takes_s: float = 1.0, result: Result = Result.DONE) -> None:
        self.name = "model"
        self.session = 7
        self.permit = None
        self.stop_level = Stop.RUN
        self.takes_s = takes_s
        self.result = result
        self.executed: list[int] = []
        self.writes = 0
        self.polls = 0
        self.lose_writes: list[str] = []
        self.lose_polls = 0
        self.is_link_gone_for_good = False
        self.reject = Reject.NONE
        self.channel = CommandChannel(self, "model")
        self._boot_id = 1
        self._state = ChannelState(0, 0, False, 0, Result.NONE, (0,) * 6, 0, Reject.NONE)
        self._timer: asyncio.TimerHandle | None = None

    # -- the device ---------------------------------------------------------------------------------------------

    def _receive(self, sequence: int, counts: list[int]) -> None:
        state = self._state
        if sequence == state.ack_seq:
            return
        if self.reject or sequence != state.ack_seq + 1 or state.busy:
            reason = self.reject or (Reject.BUSY if state.busy else Reject.WRONG_SEQUENCE)
            self._change(reject_seq=sequence, reject_reason=reason)
            return
        self.executed.append(counts[0])
        self._change(ack_session=self.session, ack_seq=sequence, busy=True, result=Result.NONE)
        self._timer = asyncio.get_running_loop().call_later(self.takes_s, self.end, self.result, counts[0])

    def end(self, result: Result, x_um: int = 0) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._change(busy=False, done_seq=self._state.ack_seq, result=result, evidence=(x_um, 0, 0, 0, 0, 0))

    def _change(self, **changes: object) -> None:
        self._state = self._state._replace(**changes)  # type: ignore[arg-type]

    def restart(self) -> None:
        self._boot_id += 1
        self._state = ChannelState(0, 0, False, 0, Result.NONE, (0,) * 6, 0, Reject.NONE)
        self.channel.device_restarted()

    # -- what a channel needs of its host ------------------------------------------------------------------------

    async def send_command(self, channel: str, sequence: int, code: int, counts: list[int]) -> None:
        self.writes += 1
        loss = self.lose_writes.pop(0) if self.lose_writes else ""
        if loss != "request":
            self._receive(sequence, counts)
        if loss in ("request", "reply"):
            await asyncio.sleep(TIMEOUT_S)
            raise ReplyTimeout("model: no reply")
        if loss == "reset":
            raise LinkLost("model: reset")

    async def beat(self) -> ModelReading:
        self.polls += 1
        if self.lose_polls:
            self.lose_polls -= 1
            await asyncio.sleep(TIMEOUT_S)
            raise ReplyTimeout("model: no reply")
        return ModelReading(self._state, self._boot_id, asyncio.get_running_loop().time())

    async def regain(self) -> None:
        await asyncio.sleep(0.1)
        if self.is_link_gone_for_good:
            raise LinkLost("model: gone")

    async def set_stop(self, level: Stop) -> ModelReading:
        self.stop_level = level
        if level != Stop.RUN and self._state.busy:
            asyncio.get_running_loop().call_later(0.05, self.end, Result.STOPPED)
        return await self.beat()
