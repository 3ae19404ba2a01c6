"""A person who stops the station, turns the key to manual and jogs: until the page is gone, or into what stands there.

Whatever comes of it is judged by the invariants against what the machine truly did; then the operator takes over again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from station.run.jog import Axis
from station.run.modes import Mode
from station.run.packml import Command, State
from tests.campaign.host_loop import HostLoop
from tests.campaign.watcher import OPERATOR, Watcher
from tests.scenarios.bench import Bench
from tests.scenarios.hand import Hand, to_manual

HELD_S = 0.3
FROZEN_S = 0.5
"""the service gets no turn for so long: longer than the dead-man of the device, as long as that of its heartbeat"""
STANDS_S = 0.6
KEY_SEEN_WITHIN_S = 10.0

Act = Callable[[Bench, Watcher], Awaitable[None]]


async def _press(hand: Hand, watcher: Watcher, axis: Axis, direction: int, *, lets_go: bool) -> tuple[str, str | None]:
    """Hold a button for a while; then let go, or be gone without a word. Returns how it ended."""
    watcher.add(OPERATOR, "presses jog", {"axis": axis.value})
    await hand.hold(axis, direction, HELD_S)
    if lets_go:
        hand.let_go()
    watcher.add(OPERATOR, "jog frames end", {})
    await asyncio.sleep(STANDS_S)
    hand.let_go()
    end = hand.jog.view()["last_end"]
    if end["cause"] in ("guard", "state"):
        watcher.add(OPERATOR, "was refused", {"text": str(end["reason"])})
    return end["cause"], end["reason"]


async def page_closes(b: Bench, watcher: Watcher) -> None:
    """Z, then X: the page is gone while a button is held, once with the service alive and once with it frozen."""
    hand = Hand(b)
    for axis, direction in ((Axis.Z, -1), (Axis.X, +1)):
        for is_frozen in (False, True):
            if is_frozen:
                loop = asyncio.get_running_loop()
                assert isinstance(loop, HostLoop)
                loop.call_later(HELD_S, loop.stand_still, FROZEN_S)
            await _press(hand, watcher, axis, direction, lets_go=False)
    hand.jog.give_back(hand.token)


async def into_something(b: Bench, watcher: Watcher) -> None:
    """Down where the head stands, as often as it takes to be refused: board, film, tray or camera may be there."""
    hand = Hand(b)
    await _press(hand, watcher, Axis.Z, -1, lets_go=True)
    for _ in range(20):
        cause, _why = await _press(hand, watcher, Axis.Z, +1, lets_go=True)
        if cause in ("guard", "state", "device"):
            break
    await _press(hand, watcher, Axis.X, -1, lets_go=True)
    hand.jog.give_back(hand.token)


ACTS: dict[str, Act] = {"jog_page_closes": page_closes, "jog_into": into_something}
ACT_OF = {"O10": "jog_page_closes", "O11": "jog_into"}


async def by_hand(b: Bench, watcher: Watcher, act: str) -> None:
    """Stop, key to manual, jog, key back."""
    watcher.add(OPERATOR, "presses stop", {})
    await b.controller.command(Command.STOP)
    await b.rest(State.STOPPED, State.ABORTED)
    with suppress(TimeoutError):
        # A station that does not hear its PLC does not see the key: then the person gives it up.
        async with asyncio.timeout(KEY_SEEN_WITHIN_S):
            await to_manual(b)
        await ACTS[act](b, watcher)
    b.plant.set_safety(key_manual=False)
    await b.until(lambda: b.controller.modes.mode is not Mode.MANUAL)
