"""The device side of the command handshake, as two state machines: the link to the host, and each command channel.

`docs/device_contract.md` tells them in tables, row by row. Nothing here moves anything or formats bytes for a wire; a
device tells a channel when its command has ended.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable, Mapping, Sequence
from enum import Enum

from drivers.wire.encoding import Number, WireError
from drivers.wire.handshake import (
    EVIDENCE_COUNT,
    WATCHDOG_LIMIT_S,
    ChannelState,
    CommandSpec,
    Reject,
    Result,
    Stop,
)
from sim_hardware.devices.jog import JogDeadMan
from sim_hardware.faults import Faults, Phase

RETIRED_SESSIONS_KEPT = 64
RUNNING_AFTER_S = 0.010
"""so long after a command was accepted its acknowledgement is on the wire and the command under way"""

OnStart = Callable[[CommandSpec, dict[str, Number]], None]
"""Begin the command; call `channel.finish` now or later."""
OnStop = Callable[[Result, Stop], None]
"""Come to rest because of `Result` with the urgency of `Stop`; call `channel.finish(result, ...)` when standing."""

_NO_EVIDENCE = (0,) * EVIDENCE_COUNT
_PACKED = struct.Struct(f">IIHIH{EVIDENCE_COUNT}iIH")


class Host(Enum):
    """What the device knows of its host."""

    STRANGER = "no session since power on"
    ALIVE = "its heartbeat moves"
    SILENT = "its heartbeat has not moved for the watchdog limit"


class Standing(Enum):
    """Where a command channel stands."""

    READY = "no command runs"
    RUNNING = "a command runs undisturbed"
    STOPPING = "a command is being ended early; why is decided, standstill is not reached"


class CommandChannel:
    """One channel of a device: at most one command runs, each number is executed at most once.

    READY     offer(next number) -> RUNNING, or READY again where it may not begin
    RUNNING   finish -> READY; stop (request, watchdog, interlock) -> STOPPING
    STOPPING  finish -> READY; a more urgent stop -> STOPPING
    any       reboot -> READY

    `on_start` begins a command; `on_stop` brakes it, and without one a stop ends it at once.
    """

    def __init__(
        self,
        core: DeviceCore,
        name: str,
        specs: Sequence[CommandSpec],
        on_start: OnStart,
        on_stop: OnStop | None = None,
    ) -> None:
        self.core = core
        self.name = name
        self._specs = {spec.code: spec for spec in specs}
        self._on_start = on_start
        self._on_stop = on_stop
        self._timers: list[asyncio.TimerHandle] = []
        self.running: CommandSpec | None = None
        self._urgency = Stop.RUN
        self.stopping: Result | None = None
        """why the running command is being stopped, None while it runs undisturbed"""
        self._forget()
        core.channels.append(self)

    def _forget(self) -> None:
        self.ack_session = self.ack_seq = self.done_seq = self.reject_seq = 0
        self.result = Result.NONE
        self.evidence: tuple[int, ...] = _NO_EVIDENCE
        self.reject_reason = Reject.NONE
        self._changed()

    def _changed(self) -> None:
        self._packed: bytes | None = None
        self._fields: tuple[str, ...] | None = None

    @property
    def standing(self) -> Standing:
        if self.running is None:
            return Standing.READY
        return Standing.RUNNING if self.stopping is None else Standing.STOPPING

    @property
    def busy(self) -> bool:
        return self.running is not None

    # -- from the wire ------------------------------------------------------------------------------------------

    def offer(self, session: int, seq: int, code: int, args: Sequence[int], *, crc_ok: bool = True) -> bool:
        """A command block arrived. Returns whether it was started now; the reason of a refusal is in the status."""
        if not crc_ok:
            return self._reject(seq, Reject.BAD_CRC)
        if session == 0 or session != self.core.session:
            return self._reject(seq, Reject.WRONG_SESSION)
        last = self.ack_seq if self.ack_session == session else 0
        if seq == last and last != 0:
            return False
        if seq != last + 1:
            return self._reject(seq, Reject.WRONG_SEQUENCE)
        if self.busy:
            return self._reject(seq, Reject.BUSY)
        spec = self._specs.get(code)
        if spec is None:
            return self._reject(seq, Reject.UNKNOWN_CODE)
        try:
            values = spec.unpack_args(args)
        except WireError:
            return self._reject(seq, Reject.BAD_ARGUMENT)
        self._tell(spec, Phase.BEFORE)
        self._accept(session, seq, spec)
        self._tell(spec, Phase.COMMANDED)
        refused = self.core.refusal_to_start()
        if refused is not None:
            self.finish(refused)
        else:
            self.core.watch()
            self._on_start(spec, values)
            if spec.is_jog:
                self.core.jog.begin(self, int(values["frame"]))
        return True

    def _accept(self, session: int, seq: int, spec: CommandSpec) -> None:
        if self.ack_session != session:
            self.done_seq = 0
        self.ack_session, self.ack_seq, self.running = session, seq, spec
        self.result, self.evidence, self.stopping = Result.NONE, _NO_EVIDENCE, None
        self._changed()

    def _tell(self, spec: CommandSpec, phase: Phase) -> None:
        """Faults may wait for this command."""
        core = self.core
        if core.faults is None or not core.faults.are_waited_for:
            return
        name = f"{core.name}.{spec.name}"
        core.faults.reached(name, phase, core.loop.time())
        if phase is Phase.COMMANDED:
            running_s = core.loop.time() + RUNNING_AFTER_S
            self.at(running_s, core.faults.reached, name, Phase.RUNNING, running_s)

    def _reject(self, seq: int, reason: Reject) -> bool:
        self.reject_seq, self.reject_reason = seq & 0xFFFFFFFF, reason
        self._changed()
        return False

    # -- from the device ----------------------------------------------------------------------------------------

    def finish(self, result: Result, evidence: Mapping[str, Number] | None = None) -> None:
        """The running command has ended like this. Without evidence all evidence is 0."""
        spec = self.running
        if spec is None:
            return
        self.cancel_timers()
        self.evidence = tuple(spec.pack_evidence(evidence)) if evidence else _NO_EVIDENCE
        self.result, self.done_seq, self.running, self.stopping = result, self.ack_seq, None, None
        self._changed()

    def at(self, when_s: float, callback: Callable[..., None], *args: object) -> None:
        """Schedule a part of the running command; forgotten when it ends or is stopped, or the device reboots."""
        self._timers.append(self.core.loop.call_at(when_s, callback, *args))

    def after(self, delay_s: float, callback: Callable[..., None], *args: object) -> None:
        self.at(self.core.loop.time() + delay_s, callback, *args)

    def cancel_timers(self) -> None:
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()

    def stop(self, result: Result, urgency: Stop) -> None:
        """End the running command early; only a more urgent stop replaces one that is under way."""
        if self.running is None or (self.stopping is not None and urgency <= self._urgency):
            return
        self.cancel_timers()
        self.stopping, self._urgency = result, urgency
        if self._on_stop is None:
            self.finish(result)
        else:
            self._on_stop(result, urgency)

    def reboot(self) -> None:
        self.cancel_timers()
        self.running = self.stopping = None
        self._forget()

    # -- to the wire --------------------------------------------------------------------------------------------

    def state(self) -> ChannelState:
        return ChannelState(
            self.ack_session,
            self.ack_seq,
            self.busy,
            self.done_seq,
            self.result,
            self.evidence,
            self.reject_seq,
            self.reject_reason,
        )

    def _counts(self) -> tuple[int, ...]:
        return (
            self.ack_session,
            self.ack_seq,
            int(self.busy),
            self.done_seq,
            self.result,
            *self.evidence,
            self.reject_seq,
            self.reject_reason,
        )

    def packed(self) -> bytes:
        """`channel_quantities` as register bytes; kept until something changes."""
        if self._packed is None:
            self._packed = _PACKED.pack(*self._counts())
        return self._packed

    def fields(self) -> tuple[str, ...]:
        """`channel_quantities` as fields of a serial line; kept until something changes."""
        if self._fields is None:
            self._fields = tuple(str(int(count)) for count in self._counts())
        return self._fields


class DeviceCore:
    """What all commanded devices share: boot number, the host's session and heartbeat, stop level, dead-man.

    boot_id        drawn by `new_boot_id` at every start
    on_reboot      called when the device has lost its memory: home flags and outputs are the device's business
    interlock      what forbids starting any command now, None = free
    name, faults   who tells which faults how far a command has come
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        new_boot_id: Callable[[], int],
        *,
        watchdog_limit_s: float = WATCHDOG_LIMIT_S,
        name: str = "",
        faults: Faults | None = None,
    ) -> None:
        self.loop = loop
        self.name = name
        self.faults = faults
        self._new_boot_id = new_boot_id
        self.boot_id = new_boot_id()
        self.watchdog_limit_s = watchdog_limit_s
        self.channels: list[CommandChannel] = []
        self.jog = JogDeadMan(loop)
        self.on_reboot: Callable[[], None] | None = None
        self.interlock: Callable[[], Result | None] | None = None
        self.session = 0
        self._retired: dict[int, None] = {}
        self.host_heartbeat = 0
        self.stop_level = Stop.RUN
        self._last_beat_s = -1e9
        self._longest_gap_s = 0.0
        self._watch: asyncio.TimerHandle | None = None

    def beat(self, session: int, heartbeat: int, stop_request: int) -> bool:
        """The host is alive. Returns False for a session that another one has already replaced: it is not obeyed."""
        if session != self.session:
            if session == 0 or session in self._retired:
                return False
            self._retire(self.session)
            self.session = session
            self.jog.forget()
            self._last_beat_s = self.loop.time()
        if heartbeat != self.host_heartbeat:
            self.host_heartbeat = heartbeat
            now_s = self.loop.time()
            self._longest_gap_s = max(self._longest_gap_s, now_s - self._last_beat_s)
            self._last_beat_s = now_s
        if stop_request != self.stop_level:
            # An unknown level is a host in trouble: the safest reading is the hardest stop.
            self.stop_level = Stop(stop_request) if stop_request in (0, 1, 2) else Stop.QUICK
            if self.stop_level != Stop.RUN:
                self.stop_all(Result.STOPPED, self.stop_level)
        return True

    def jog_frame(self, session: int, number: int, is_held: bool) -> None:
        """Somebody holds a jog button, or has let it go. Frames of another session are not obeyed."""
        if session and session == self.session:
            self.jog.frame(number, is_held)

    def _retire(self, session: int) -> None:
        if session:
            self._retired[session] = None
            if len(self._retired) > RETIRED_SESSIONS_KEPT:
                del self._retired[next(iter(self._retired))]

    @property
    def host(self) -> Host:
        if self.session == 0:
            return Host.STRANGER
        silence_s = self.loop.time() - self._last_beat_s
        return Host.SILENT if silence_s > self.watchdog_limit_s else Host.ALIVE

    def tell_longest_gap_s(self) -> float:
        """The longest time between two heartbeats of the host since this was asked last, also one that goes on; 0 for a
        host that has not announced itself."""
        open_s = 0.0 if self.host is Host.STRANGER else self.loop.time() - self._last_beat_s
        longest_s, self._longest_gap_s = max(self._longest_gap_s, open_s), 0.0
        return longest_s

    def refusal_to_start(self) -> Result | None:
        """Why an accepted command may not begin now."""
        if self.stop_level != Stop.RUN:
            return Result.STOPPED
        if self.host is Host.SILENT:
            return Result.WATCHDOG
        return self.interlock() if self.interlock is not None else None

    def stop_all(self, result: Result, urgency: Stop) -> None:
        for channel in self.channels:
            channel.stop(result, urgency)

    def watch(self) -> None:
        """A command starts: let the dead-man run until no channel is busy."""
        if self._watch is None:
            self._watch = self.loop.call_at(self._last_beat_s + self.watchdog_limit_s, self._watchdog_due)

    def _watchdog_due(self) -> None:
        self._watch = None
        if not any(channel.busy for channel in self.channels):
            return
        if self.loop.time() >= self._last_beat_s + self.watchdog_limit_s:
            self.stop_all(Result.WATCHDOG, Stop.CONTROLLED)
        else:
            self.watch()

    def reboot(self) -> None:
        """Power off and on: memory is gone, the host must announce itself again."""
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None
        self.boot_id = self._new_boot_id()
        self.session = 0
        self._retired.clear()
        self.jog.forget()
        self.stop_level = Stop.RUN
        self._last_beat_s = -1e9
        for channel in self.channels:
            channel.reboot()
        if self.on_reboot is not None:
            self.on_reboot()
