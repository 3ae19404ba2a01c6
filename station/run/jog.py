"""Jogging: one axis moves slowly while a person holds a button, and for no other reason.

Every frame of the page that holds the button goes on to the device under a number of its own; this module invents none.
So there are two dead-men for one hand: this one ends a jog after 150 ms of silence, the device by itself after 250 ms.
What a jog may do stands in the interlock table, as for every other motion.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from drivers.devices.head import Head
from drivers.devices.motion_plc import MotionPlc
from drivers.errors import DeviceStopped, DriverError, LinkError
from drivers.wire.handshake import Stop
from station.alarms.catalogue import ProcessAlarm
from station.alarms.translate import bug_event
from station.cell import Cell
from station.guard.conditions import KEY_MANUAL, PLC
from station.guard.facts import Place, place_now
from station.guard.guard import Guard
from station.run.jobs import CommandRefused
from station.run.modes import Mode, Modes
from station.run.packml import Packml, State

SILENCE_LIMIT_S = 0.150
"""a page sends a frame each 50 ms: two may be lost or late, three are a hand that is gone"""
FRAME_RETRY_S = 0.010
HAIR_UM = 1.0
BIN_CLEARANCE_UM = 2_000.0
"""what may hang on the nozzle stays above the floor of the bin. Estimate"""
JOG_STATES = (State.STOPPED, State.IDLE, State.COMPLETE)
"""At rest, with nothing begun that a jog would move away from."""


class Axis(StrEnum):
    X = "x"
    Y = "y"
    Z = "z"
    TURN = "turn"


class Speed(StrEnum):
    SLOW = "slow"
    MEDIUM = "medium"
    FAST = "fast"


class Ended(StrEnum):
    """Why a jog came to its end."""

    RELEASED = "released"
    """the button was let go"""
    SILENCE = "silence"
    """no frame for 150 ms"""
    CLOSED = "closed"
    """the page that held the button is gone"""
    LIMIT = "limit"
    """the end of what may be jogged was reached"""
    GUARD = "guard"
    """forbidden by an interlock"""
    STATE = "state"
    """the station's state or mode, or the key switch, changed"""
    STOPPED = "stopped"
    """a stop request of the station"""
    DEVICE = "device"
    """the device stopped by itself, or cannot be reached"""


_PLANE, _Z, _TURN = (500.0, 5_000.0, 50_000.0), (200.0, 2_000.0, 10_000.0), (1.0, 10.0, 45.0)
SPEEDS: dict[Axis, dict[Speed, float]] = {
    axis: dict(zip(Speed, speeds, strict=True))
    for axis, speeds in ((Axis.X, _PLANE), (Axis.Y, _PLANE), (Axis.Z, _Z), (Axis.TURN, _TURN))
}
"""um/s, for the turn deg/s. The fastest is a thirtieth of what the axis can; in 150 ms X and Y go 7.5 mm, Z 1.5 mm."""
GANTRY_AXIS = {Axis.X: "x_um", Axis.Y: "y_um", Axis.TURN: "theta_deg"}


@dataclass(frozen=True, slots=True)
class Hold:
    """What a held button asks for. Z is positive downwards, `direction` is +1 or -1."""

    axis: Axis
    direction: int
    speed: Speed


class Jog:
    """One for a station. One page at a time has the pad; it takes it, sends frames, gives it back.

    append   writes an event
    """

    def __init__(
        self, cell: Cell, guard: Guard, modes: Modes, packml: Packml, append: Callable[[str, dict[str, Any]], object]
    ) -> None:
        self._cell, self._guard, self._modes, self._packml, self._append = cell, guard, modes, packml, append
        guard.may_jog = lambda: self._held is not None and self._forbidden_here() is None
        self._taken = 0
        self._holder: str | None = None
        self._number = 0
        """of the newest frame of this holder"""
        self._heard_s = 0.0
        self._silence: asyncio.TimerHandle | None = None
        self._held: Hold | None = None
        self._must_let_go = False
        """after an end that the hand did not want, nothing begins before the button was let go"""
        self._why: tuple[Ended, str] | None = None
        self._task: asyncio.Task[None] | None = None
        self._to_device = 0
        """number of the newest frame for a device; rises for ever, whoever holds the pad"""
        self._fresh = asyncio.Event()
        self._last_end: dict[str, Any] | None = None

    # -- the page ------------------------------------------------------------------------------------------------

    def take(self) -> str:
        """Have the pad -> the token that its frames carry. Raises CommandRefused where another page has it."""
        if self._holder is not None:
            raise CommandRefused("another page has the jog pad; close it there first")
        self._taken += 1
        self._holder, self._number, self._must_let_go = f"jog-{self._taken}", 0, False
        return self._holder

    def give_back(self, token: str) -> None:
        """The page is gone; what it held stops at once. Harmless with a token that is over."""
        if token == self._holder:
            self._holder = None
            self.end(Ended.CLOSED)

    def frame(self, token: str, number: int, hold: Hold | None) -> None:
        """One frame of the page: what is held just now, None for nothing.

        raises   CommandRefused, without being a sign of life, for a frame of another page or one that is not newer
        """
        if token != self._holder:
            raise CommandRefused("this page does not have the jog pad")
        if number <= self._number:
            raise CommandRefused(f"frame {number} is not newer than frame {self._number}: not obeyed")
        now_s = asyncio.get_running_loop().time()
        self._number, silent_s, self._heard_s = number, now_s - self._heard_s, now_s
        if hold is None:
            self._must_let_go = False
            self.end(Ended.RELEASED)
        elif self._held is not None:
            self._go_on(hold, silent_s)
        elif not self._must_let_go and self._task is None:
            self._begin(hold)

    # -- the station ---------------------------------------------------------------------------------------------

    def end(self, why: Ended, reason: str = "") -> None:
        """Whatever moves under a hand stops now; harmless where nothing does."""
        if self._held is None:
            return
        self._held, self._why = None, (why, reason)
        self._must_let_go = why is not Ended.RELEASED
        if self._silence is not None:
            self._silence.cancel()
            self._silence = None
        self._send()

    async def stand(self) -> None:
        """End what moves under a hand and wait until the device has said how it ended."""
        self.end(Ended.STATE)
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)

    def view(self) -> dict[str, Any]:
        """For the page: what moves, where everything stands, how far it may go, and how the last jog ended."""
        plc, head, profile = self._cell.plc.last_values, self._cell.head.last_values, self._cell.profile
        held = self._held
        return {
            "forbidden": self._forbidden_here(),
            "axis": held.axis.value if held else None,
            "position": {
                "x_um": plc.get("x_um"),
                "y_um": plc.get("y_um"),
                "z_um": head.get("z_um"),
                "turn_deg": plc.get("theta_deg"),
            },
            "limits": {
                "x_um": [0.0, profile.gantry.x_max_um],
                "y_um": [0.0, profile.gantry.y_max_um],
                "z_um": [0.0, self._lowest_z_um()],
                "turn_deg": [-profile.gantry.theta_max_deg, profile.gantry.theta_max_deg],
            },
            "last_end": self._last_end,
        }

    # -- one jog -------------------------------------------------------------------------------------------------

    def _forbidden_here(self) -> str | None:
        """What of the station itself is against jogging; the rest is the guard's."""
        if self._modes.mode is not Mode.MANUAL:
            return "jogging needs mode Manual: turn the key switch to manual at the machine"
        if self._packml.state not in JOG_STATES:
            return f"not when {self._packml.state.title}; stop the station first"
        return None

    def _begin(self, hold: Hold) -> None:
        self._held, self._why = hold, None
        forbidden = self._forbidden_here()
        if forbidden is not None:
            self._held, self._must_let_go = None, True
            self._note(hold, Ended.STATE, forbidden)
            return
        self._append("jog.begun", {"axis": hold.axis.value, "direction": hold.direction, "speed": hold.speed.value})
        self._to_device += 1
        self._listen()
        self._task = asyncio.get_running_loop().create_task(self._run(hold, self._to_device), name="jog")

    def _go_on(self, hold: Hold, silent_s: float) -> None:
        if silent_s > SILENCE_LIMIT_S:
            # The service itself stood still: a burst of frames that waited for it is no hand.
            self.end(Ended.SILENCE)
        elif hold != self._held:
            self.end(Ended.RELEASED)
        elif (forbidden := self._forbidden_here() or self._key_turned()) is not None:
            self.end(Ended.STATE, forbidden)
        else:
            self._listen()
            self._send()

    def _key_turned(self) -> str | None:
        facts = self._guard.facts((PLC,))
        return None if KEY_MANUAL.holds(facts) else KEY_MANUAL.reason(facts)

    def _listen(self) -> None:
        if self._silence is not None:
            self._silence.cancel()
        self._silence = asyncio.get_running_loop().call_later(SILENCE_LIMIT_S, self.end, Ended.SILENCE)

    def _send(self) -> None:
        self._to_device += 1
        self._fresh.set()

    async def _run(self, hold: Hold, first: int) -> None:
        """From the press of the button to standstill."""
        device: MotionPlc | Head = self._cell.head if hold.axis is Axis.Z else self._cell.plc
        level = device.stop_level
        feeding = asyncio.create_task(self._feed(device, first), name="jog frames")
        found = Ended.DEVICE, ""
        try:
            if level is not Stop.RUN and self._held is not None:
                await device.release_stop()
            await self._move(hold, first)
            found = Ended.LIMIT, ""
        except DeviceStopped:
            found = Ended.STOPPED, ""
        except ProcessAlarm as refused:
            found = Ended.GUARD, str(refused)
        except DriverError as error:
            found = Ended.DEVICE, str(error)
        except Exception as bug:
            found = Ended.DEVICE, "a mistake in the service itself; see the events"
            self._append("bug", bug_event("jog", bug))
        finally:
            feeding.cancel()
            await asyncio.gather(feeding, return_exceptions=True)
            if level is not Stop.RUN and device.stop_level is Stop.RUN:
                with suppress(DriverError):  # the level goes out with the next heartbeat that gets through
                    await device.request_stop(level)
            self._task = None
            # That the device had to stop by itself matters more than that a hand or a page was gone as well.
            is_told = self._why is not None and (found[0] is not Ended.DEVICE or self._why[0] is Ended.STATE)
            why, reason = self._why if is_told and self._why is not None else found
            self.end(why)
            self._note(hold, why, reason)

    async def _move(self, hold: Hold, first: int) -> None:
        profile, speed = self._cell.profile, SPEEDS[hold.axis][hold.speed]
        if hold.axis is Axis.Z:
            await self._cell.head.jog_z(0.0 if hold.direction < 0 else self._down_to_um(), speed, first)
            return
        gantry = profile.gantry
        highest = {Axis.X: gantry.x_max_um, Axis.Y: gantry.y_max_um, Axis.TURN: gantry.theta_max_deg}[hold.axis]
        lowest = -gantry.theta_max_deg if hold.axis is Axis.TURN else 0.0
        target = lowest if hold.direction < 0 else highest
        await self._cell.gantry.jog_to(GANTRY_AXIS[hold.axis], target, speed, first)

    def _lowest_z_um(self) -> float:
        """How far down Z may be jogged where the nozzle stands now."""
        profile = self._cell.profile
        return profile.bin.z_um - BIN_CLEARANCE_UM if self._is_over_bin() else profile.head.safe_z_um

    def _is_over_bin(self) -> bool:
        return place_now(self._cell) is Place.BIN

    def _down_to_um(self) -> float:
        """Where a press on Down leads; never up. At travel height it asks for a hair more: the guard says why not."""
        lowest_um, z_um = self._lowest_z_um(), self._cell.head.status.z_um
        if not self._is_over_bin() and z_um >= lowest_um - HAIR_UM:
            return max(lowest_um, z_um) + HAIR_UM
        return max(lowest_um, z_um)

    async def _feed(self, device: MotionPlc | Head, sent: int) -> None:
        """Hand every sign of the hand on to the device, the newest first; the last word, let go, until it arrives."""
        while True:
            await self._fresh.wait()
            self._fresh.clear()
            number, is_held = self._to_device, self._held is not None
            try:
                if number > sent:
                    await device.send_jog_frame(number, is_held=is_held)
                    sent = number
            except LinkError:
                if self._held is None:
                    await asyncio.sleep(FRAME_RETRY_S)
                    self._send()

    def _note(self, hold: Hold, why: Ended, reason: str) -> None:
        position = self.view()["position"]
        self._last_end = {"axis": hold.axis.value, "cause": why.value, "reason": reason or None}
        self._append("jog.ended", {**self._last_end, "position": position})
