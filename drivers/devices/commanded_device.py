"""What every device that moves has in common: session, heartbeat, stop level, signs of life, loss and return.

It knows neither wire nor commands: a Modbus or a serial device brings the bytes, its channels bring the handshake.
"""

from __future__ import annotations

import asyncio
import contextlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping

from drivers.devices.command import POLL_LONGEST_S, TIMER_RESOLUTION_S, CommandChannel, Permit
from drivers.devices.reading import Reading
from drivers.errors import BadReply, DriverError, LinkError, LinkLost, LinkRefused, ReplyTimeout, StaleReading
from drivers.wire.encoding import Number
from drivers.wire.handshake import HEARTBEAT_PERIOD_S, WATCHDOG_LIMIT_S, Stop

SILENCE_LIMIT_S = WATCHDOG_LIMIT_S
REGAIN_WITHIN_S = 1.0
IDENTITY_PERIOD_S = 3600.0
AFTER_BAD_REPLY_S = 0.010

_SESSION_LIMIT = 2**32
_HEARTBEAT_LIMIT = 2**16

OnLost = Callable[[DriverError], None]


class CommandedDevice(ABC):
    """A device with a heartbeat and command channels. Create it inside a running loop.

    session         number of this host start, 1 to 2^32 - 1, given by the composer; every later `connect` takes the
                    next one, so that a block of the connection before can never be executed
    on_lost         called once for every loss, at once. The link is then tried again for 1 s, under the same session; a
                    device that has restarted is not: it must be connected and homed again
    rest_period_s   longest time between heartbeats while no command is under way; below half the watchdog limit
    """

    def __init__(
        self,
        name: str,
        channels: tuple[str, ...],
        *,
        session: int,
        on_lost: OnLost | None = None,
        rest_period_s: float = HEARTBEAT_PERIOD_S,
    ) -> None:
        self.name = name
        self.session = session
        self.on_lost = on_lost
        self.permit: Permit | None = None
        """set by whoever watches over this machine: no command goes out that it does not let through"""
        self.channels = {channel: CommandChannel(self, channel) for channel in channels}
        self._rest_period_s = rest_period_s
        self._loop = asyncio.get_running_loop()  # kept: asking for it costs a system call each time
        self._stop_level = Stop.RUN
        self._heartbeat = 0
        self._boot_id: int | None = None
        self._life = -1
        self._alive_at_s = self._silent_since_s = 0.0
        self._beat_at_s = 0.0
        self._round_trip_s = 0.0
        self._reading: Reading | None = None
        self._is_open = False
        self._was_connected = False
        self._has_restarted = False
        self._regaining = asyncio.Lock()
        self._beating: asyncio.Task[None] | None = None
        self._returning: asyncio.Task[None] | None = None

    # -- for the station ----------------------------------------------------------------------------------------

    async def connect(self) -> None:
        """Open the link, prove who answers and that its dead-man is armed, then keep the heart beating.

        raises   LinkRefused, WrongDevice, WatchdogNotArmed, LinkError; the device is closed then
        """
        await self.close()
        if self._was_connected:
            self.session = self.session % (_SESSION_LIMIT - 1) + 1
        self._was_connected = True
        for channel in self.channels.values():
            channel.session_renewed()
        self._boot_id = None
        self._has_restarted = False
        try:
            await self._open_twice()
        except BaseException:
            await self.close()
            raise

    async def _open_twice(self) -> None:
        """One lost or damaged exchange while connecting is no lost device: nothing has been commanded yet, and asking
        who is there may be done twice."""
        try:
            await self._open()
        except LinkRefused:
            raise
        except LinkError:
            await self._close_link()
            await self._open()

    async def close(self) -> None:
        """Stop the heartbeat and close the link; a device in motion then stops by its watchdog."""
        self._is_open = False
        tasks = [task for task in (self._beating, self._returning) if task is not None]
        self._beating = self._returning = None
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._close_link()
        self._wake_all()

    @property
    def is_connected(self) -> bool:
        return self._is_open

    @property
    def age_s(self) -> float:
        """Time since the device last showed a sign of life; infinite before the first."""
        return self._loop.time() - self._alive_at_s if self._reading is not None else float("inf")

    @property
    def round_trip_s(self) -> float:
        """Duration of the last heartbeat exchange."""
        return self._round_trip_s

    @property
    def boot_id(self) -> int | None:
        """Number of the device's own start; None before the first connection."""
        return self._boot_id

    @property
    def last_values(self) -> Mapping[str, Number]:
        """The last status whatever its age, empty before the first; for estimates of time, never for a decision."""
        return self._reading.values if self._reading is not None else {}

    def newest(self, *, max_age_s: float = SILENCE_LIMIT_S) -> Reading:
        """The newest status. Raises StaleReading when there is none or it is older than `max_age_s`."""
        reading = self._reading
        if reading is None or self.age_s > max_age_s:
            raise StaleReading(
                f"{self.name}: newest status {self.age_s:.3f} s old, allowed {max_age_s:.3f} s. Check the link.",
                device=self.name,
                details={"age_s": self.age_s, "allowed_s": max_age_s},
            )
        return reading

    @property
    def stop_level(self) -> Stop:
        return self._stop_level

    async def request_stop(self, level: Stop = Stop.CONTROLLED) -> None:
        """Have the device stop and stay stopped; a level that goes out with every heartbeat until it is released."""
        await self.set_stop(level)

    async def release_stop(self) -> None:
        """Allow motion again; nothing continues by itself."""
        await self.set_stop(Stop.RUN)

    async def stand_still(self, within_s: float) -> bool:
        """Wait until the device itself says that no command is under way; False where it still does after `within_s`.

        raises   LinkError when it cannot be asked
        """
        give_up_s = self._loop.time() + within_s
        while True:
            reading = await self.beat()
            if not any(reading.channel(name).busy for name in self.channels):
                return True
            if self._loop.time() > give_up_s:
                return False
            await asyncio.sleep(POLL_LONGEST_S)

    # -- for the channels ---------------------------------------------------------------------------------------

    async def set_stop(self, level: Stop) -> Reading:
        self._stop_level = level
        return await self.beat()

    async def beat(self) -> Reading:
        """One heartbeat and the status that answers it.

        raises   ReplyTimeout, BadReply (nothing of the reply was used), LinkLost
        """
        if not self._is_open:
            raise LinkLost(f"{self.name}: not connected. Connect first.", device=self.name)
        return await self._beat()

    async def send_command(self, channel: str, sequence: int, code: int, counts: list[int]) -> Reading | None:
        """Write one command block; return the status when the wire brings it along. Raises LinkError."""
        if not self._is_open:
            raise LinkLost(f"{self.name}: not connected. Connect first.", device=self.name)
        return await self._send_command(channel, sequence, code, counts)

    async def regain(self) -> None:
        """Open a lost link again within 1 s, under the same session, so that the device can tell what it did.

        raises   LinkError when it stays lost, WrongDevice or WatchdogNotArmed when another device answers
        """
        async with self._regaining:
            if self._is_open:
                return
            give_up_s = self._loop.time() + REGAIN_WITHIN_S
            pause_s = 0.02
            while not self._has_restarted:
                try:
                    await self._open()
                    return
                except LinkError:
                    await self._close_link()
                    if self._loop.time() + pause_s > give_up_s:
                        raise
                await asyncio.sleep(pause_s)
                pause_s = min(2 * pause_s, 0.2)
            raise self._restarted()

    # -- the wire brings ----------------------------------------------------------------------------------------

    @abstractmethod
    async def _open_link(self) -> None: ...

    @abstractmethod
    async def _close_link(self) -> None: ...

    @abstractmethod
    async def _identify(self, *, with_watchdog: bool) -> None:
        """Prove who answers and, when asked, that its dead-man is armed; called at connect and once an hour."""

    @abstractmethod
    async def _send_command(self, channel: str, sequence: int, code: int, counts: list[int]) -> Reading | None: ...

    @abstractmethod
    async def _exchange_beat(self, heartbeat: int) -> Reading: ...

    # -- inside -------------------------------------------------------------------------------------------------

    async def _open(self) -> None:
        await self._open_link()
        self._life, self._silent_since_s = -1, self._loop.time()
        # Nothing is written before it is proven who reads it; some watchdogs run only after the first beat.
        await self._identify(with_watchdog=False)
        await self._announce()
        await self._identify(with_watchdog=True)
        self._is_open = True
        self._beating = self._loop.create_task(self._keep_beating(), name=f"{self.name} heartbeat")

    async def _announce(self) -> None:
        """The first beat makes the session known and shows whether the device has restarted."""
        while True:
            try:
                await self._beat()
                return
            except (ReplyTimeout, BadReply):
                await asyncio.sleep(AFTER_BAD_REPLY_S)

    async def _beat(self) -> Reading:
        self._heartbeat = heartbeat = (self._heartbeat + 1) % _HEARTBEAT_LIMIT
        self._beat_at_s = sent_at_s = self._loop.time()
        try:
            reading = await self._exchange_beat(heartbeat)
            if reading.host_heartbeat_echo != heartbeat or not reading.is_untorn:
                raise BadReply(
                    f"{self.name}: heartbeat {heartbeat} answered with {reading.host_heartbeat_echo}"
                    f"{'' if reading.is_untorn else ', torn'}: late, frozen or another host commands. Read again.",
                    device=self.name,
                )
        except (ReplyTimeout, BadReply) as error:
            self._check_silence(str(error))
            raise
        self._round_trip_s = self._loop.time() - sent_at_s
        self._take(reading)
        return reading

    def _take(self, reading: Reading) -> None:
        """Judge a good reading: does the device live, is it still the same start?"""
        if self._boot_id is None:
            self._boot_id = reading.boot_id
        elif reading.boot_id != self._boot_id:
            self._boot_id = reading.boot_id
            for channel in self.channels.values():
                channel.device_restarted()
            self._has_restarted = True
            error = self._restarted()
            self._lose(error)
            raise error
        if reading.life == self._life:
            self._check_silence("its counter of life stands still")
        else:
            self._life = reading.life
            self._alive_at_s = self._silent_since_s = reading.received_at_s
        self._reading = reading
        for channel in self.channels.values():
            channel.look(reading)

    def _restarted(self) -> LinkLost:
        return LinkLost(f"{self.name}: the device has restarted. Connect again, then home.", device=self.name)

    def _check_silence(self, why: str) -> None:
        silent_s = self._loop.time() - self._silent_since_s
        if silent_s < SILENCE_LIMIT_S:
            return
        error = LinkLost(
            f"{self.name}: no sign of life for {silent_s:.3f} s, allowed {SILENCE_LIMIT_S:.3f} s: {why} "
            "Check device and cable, then connect again.",
            device=self.name,
            details={"silent_s": silent_s, "allowed_s": SILENCE_LIMIT_S},
        )
        self._lose(error)
        raise error

    def link_lost(self, error: LinkLost) -> None:
        """The cable reports that the connection ended."""
        self._lose(error)

    def _lose(self, error: DriverError) -> None:
        if not self._is_open:
            return
        self._is_open = False
        beating, self._beating = self._beating, None
        if beating is not None and beating is not asyncio.current_task():
            beating.cancel()
        self._wake_all()
        if isinstance(error, LinkLost) and not self._has_restarted:
            self._returning = self._loop.create_task(self._return(), name=f"{self.name} return")
        if self.on_lost is not None:
            self.on_lost(error)

    async def _return(self) -> None:
        """A short disturbance ends by itself, whether or not a command waits for it; a long one stays reported."""
        with contextlib.suppress(DriverError):
            await self.regain()

    def _wake_all(self) -> None:
        for channel in self.channels.values():
            channel.wake()

    async def _keep_beating(self) -> None:
        """One beat per period, skipped when another exchange has carried it."""
        loop = self._loop
        identity_due_s = loop.time() + IDENTITY_PERIOD_S
        try:
            while self._is_open:
                rest_s = self._beat_at_s + self._period_s() - loop.time()
                if rest_s > TIMER_RESOLUTION_S:
                    await asyncio.sleep(rest_s)
                    continue
                try:
                    await self._beat()
                    if loop.time() >= identity_due_s:
                        identity_due_s += IDENTITY_PERIOD_S
                        await self._identify(with_watchdog=True)
                except (ReplyTimeout, BadReply):
                    await asyncio.sleep(AFTER_BAD_REPLY_S)
        except DriverError as error:
            self._lose(error)
        except Exception as bug:
            self._lose(LinkLost(f"{self.name}: heartbeat ended by {bug!r}.", device=self.name))
            raise

    def _period_s(self) -> float:
        for channel in self.channels.values():
            if channel.is_waiting:
                return min(HEARTBEAT_PERIOD_S, self._rest_period_s)
        return self._rest_period_s
