"""A run that has ended, as the invariants get to see it: what the machine did, what was told, what is kept."""

from __future__ import annotations

from recipes import Recipe
from tests.campaign.judged import Judged
from tests.campaign.watcher import Watcher
from tests.scenarios.bench import Bench

ALL = 1_000_000


async def ended(watcher: Watcher, b: Bench, drawn: Recipe, hang: str, restarts: list[float]) -> Judged:
    """Everything of all lives of the station; what is not on the disk yet is written first."""
    for look in watcher.at_end:
        await look()
    delivered = None if watcher.mes is None else await watcher.mes.comes_back()
    await b.store.commit()
    events = await b.store.events.read(limit=ALL)
    return Judged(
        watcher.plant,
        drawn,
        list(watcher.entries),
        dict(watcher.executed),
        await b.records(),
        [(event.kind, event.data) for event in events],
        (await b.store.verify()).is_sound,
        not hang,
        hang,
        restarts,
        list(watcher.written_blindly),
        told=dict(watcher.told),
        delivered=delivered,
        kept={event.seq: event.hash for event in events},
        log=events,
        shown=[alarm.id for alarm in b.controller.alarms.standing],
    )
