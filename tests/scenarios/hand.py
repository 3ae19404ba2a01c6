"""A hand on the jog pad, for stories in virtual time: a frame each 50 ms, as the page sends them."""

from __future__ import annotations

import asyncio

from drivers.wire.handshake import JOG_FRAME_PERIOD_S
from station.run.jog import Axis, Ended, Hold, Speed
from station.run.modes import Mode
from tests.scenarios.bench import Bench


class Hand:
    """Has the pad from its making on."""

    def __init__(self, b: Bench) -> None:
        self.b, self.jog = b, b.controller.jog
        self.token = self.jog.take()
        self.number = 0
        self.last_s = 0.0
        """when the newest frame was sent"""

    def send(self, hold: Hold | None) -> None:
        self.number += 1
        self.last_s = self.b.plant.now()
        self.jog.frame(self.token, self.number, hold)

    async def hold(self, axis: Axis, direction: int, for_s: float, speed: Speed = Speed.FAST) -> None:
        """Press and hold; the last frame is sent, nothing is let go."""
        until_s = self.b.plant.now() + for_s
        while True:
            self.send(Hold(axis, direction, speed))
            if self.b.plant.now() + JOG_FRAME_PERIOD_S > until_s:
                return
            await asyncio.sleep(JOG_FRAME_PERIOD_S)

    def let_go(self) -> None:
        self.send(None)

    async def ended(self) -> tuple[str, str | None]:
        """Cause and reason of the end, once the service knows it."""
        await self.b.until(lambda: self.jog.view()["axis"] is None and self.jog._task is None, 0.001)
        end = self.jog.view()["last_end"]
        return end["cause"], end["reason"]

    async def until_it_stands(self) -> float:
        """Virtual time from the newest frame to true standstill."""
        await self.b.until(lambda: not self.b.is_moving(), 0.0005)
        return self.b.plant.now() - self.last_s


async def to_manual(b: Bench) -> None:
    """The key at the machine is turned to manual, and the station has seen it."""
    b.plant.set_safety(key_manual=True)
    await b.until(lambda: b.controller.modes.mode is Mode.MANUAL)


__all__ = ["Axis", "Ended", "Hand", "Hold", "Speed", "to_manual"]
