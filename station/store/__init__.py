"""The station's memory: event log, journal, placement records, blobs, recipes, answers and outlet cursors.

Nothing here moves the machine, and nothing here is called by an outlet to move it.
"""

from station.store.errors import StoreError, StoreFailed
from station.store.event_log import Clock, Event, EventLog, Subscription
from station.store.journal import Journal, OpenIntent
from station.store.store import Store, open_store

__all__ = [
    "Clock",
    "Event",
    "EventLog",
    "Journal",
    "OpenIntent",
    "Store",
    "StoreError",
    "StoreFailed",
    "Subscription",
    "open_store",
]
