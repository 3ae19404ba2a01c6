"""The dead-man of a jog: a device goes on jogging only while numbered frames say that the button is still held.

It brakes nothing itself: it tells the channel to stop. The heartbeat has a dead-man of its own, in `handshake`.
"""

from __future__ import annotations

import asyncio
from enum import Enum
from typing import TYPE_CHECKING

from drivers.wire.handshake import JOG_SILENCE_LIMIT_S, Result, Stop

if TYPE_CHECKING:
    from sim_hardware.devices.handshake import CommandChannel


class Grip(Enum):
    """What the device knows of the button."""

    LOOSE = "no jog runs that could go on"
    HELD = "a jog runs, and its frames come"


class JogDeadMan:
    """One for a device: at most one of its channels jogs.

    LOOSE   begin -> HELD, or LOOSE again where a later frame has let go already
    HELD    frame with a higher number, held -> HELD, and the time begins anew
            frame with a higher number, let go -> LOOSE; the channel brakes, STOPPED
            250 ms without such a frame -> LOOSE; the channel brakes, WATCHDOG
            another session, power on -> LOOSE; the channel brakes, WATCHDOG
    any     frame of another session, or whose number is not higher -> nothing
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._channel: CommandChannel | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._seq = 0
        self._heard_s = 0.0
        self._last = self._let_go = 0
        """numbers of the last frame and of the last that let go, in this session"""

    @property
    def grip(self) -> Grip:
        return Grip.LOOSE if self._jogging() is None else Grip.HELD

    @property
    def silent_s(self) -> float:
        """Time since the last sign of a held button."""
        return self._loop.time() - self._heard_s

    def begin(self, channel: CommandChannel, frame: int) -> None:
        """A jog command has begun on this channel; `frame` is the one with which the button was pressed."""
        self._channel, self._seq, self._heard_s = channel, channel.ack_seq, self._loop.time()
        if frame <= self._let_go:
            # The command was slower than the frame that ends it.
            self._end(Result.STOPPED)
        else:
            self._watch()

    def frame(self, number: int, is_held: bool) -> None:
        """A frame of the present session."""
        if number <= self._last:
            return
        self._last = number
        if is_held:
            self._heard_s = self._loop.time()
        else:
            self._let_go = number
            self._end(Result.STOPPED)

    def forget(self) -> None:
        """The host is another one, or the device has restarted: numbers begin anew, nobody holds the button."""
        self._last = self._let_go = 0
        self._end(Result.WATCHDOG)

    def _jogging(self) -> CommandChannel | None:
        """The channel whose jog these frames keep alive; None when that command has ended or is being stopped."""
        channel = self._channel
        if channel is None or channel.ack_seq != self._seq or not channel.busy or channel.stopping is not None:
            return None
        return channel

    def _end(self, result: Result) -> None:
        channel, self._channel = self._jogging(), None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if channel is not None:
            channel.stop(result, Stop.CONTROLLED)

    def _watch(self) -> None:
        self._timer = self._loop.call_at(self._heard_s + JOG_SILENCE_LIMIT_S, self._due)

    def _due(self) -> None:
        self._timer = None
        if self._jogging() is None:
            self._channel = None
        elif self._loop.time() >= self._heard_s + JOG_SILENCE_LIMIT_S:
            self._end(Result.WATCHDOG)
        else:
            self._watch()
