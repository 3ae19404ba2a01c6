"""The tray in the machine: which pocket comes next, of which lot, and whether its pockets can be trusted.

It outlives a job, and what was counted outlives the service. Nothing here picks; only the feeder changes a tray.
"""

from __future__ import annotations

import json
from collections import deque
from dataclasses import dataclass, field

from station.alarms.catalogue import Answer, ProcessAlarm
from station.cell import Cell
from station.process import sheet
from station.store.journal import INTENT
from station.store.store import Store

PICKS_WITHIN = 5_000
"""events in which the last pick is looked for at a start: about 50 packages"""
LAST_PICKS = "last_picks"
"""fact of the store: the last picks from the present tray"""
SET_ASIDE, NOT_GRIPPED = "tray_set_aside", "not_gripped"


@dataclass(slots=True)
class TrayCount:
    """Pockets and picks of the present tray.

    Lives are counted from when this service first saw a lot: what was open before is for the plant's own records.
    """

    store: Store
    faults_max: int
    """so many failed picks among the last `window_picks` set the tray aside"""
    window_picks: int
    pocket: int = 0
    tray: int = 0
    lot: str = ""
    picks_begun: int = 0
    """by this service"""
    _picks: deque[tuple[int, bool]] = field(default_factory=deque)
    """pocket and whether its package was gripped, oldest first"""
    _is_to_change: bool = False
    _seen_s: dict[str, float] = field(default_factory=dict)

    async def bring(self, cell: Cell) -> None:
        """A tray with packages in place, its lot read; does nothing where one is."""
        is_usable = cell.feeder.is_tray_in_place and self.pocket < cell.profile.tray.pocket_count
        if is_usable and self.lot and not self._is_to_change:
            return
        if cell.feeder.tray_count != self.tray:
            # Another tray than the one counted here stands in the machine: it is taken as full.
            self._is_new(cell)
        if self._is_to_change or not cell.feeder.is_tray_in_place or self.pocket >= cell.profile.tray.pocket_count:
            await cell.feeder.change_tray()
            self._is_new(cell)
        self.lot = await cell.board_reader.read_tray_lot()

    def _is_new(self, cell: Cell) -> None:
        self.pocket, self.tray, self._is_to_change = 0, cell.feeder.tray_count, False
        self._forget_picks()

    async def remember(self) -> None:
        """After a start of the service: the last pocket from which a pick was begun, and how the last picks ended."""
        log = self.store.events
        for event in await log.read(max(0, log.durable_seq - PICKS_WITHIN), PICKS_WITHIN, (INTENT,)):
            if event.data["step"] == sheet.PICK.id:
                self.pocket, self.tray = event.data["args"]["pocket"] + 1, event.data["args"]["tray"]
        kept = json.loads(self.store.remembered(LAST_PICKS) or "null")
        if kept is not None and kept["tray"] == self.tray:
            self._picks = deque((pocket, bool(gripped)) for pocket, gripped in kept["picks"])

    async def next(self, cell: Cell) -> tuple[int, int]:
        """Pocket and tray of the next package; a used-up tray is changed first. It stays the next one until a pick from
        it has begun: a site that is given up while the head travels costs no package.

        raises   ProcessAlarm tray_set_aside where too many of the last picks failed; what the feeder raises
        """
        failed = [pocket for pocket, gripped in self._picks if not gripped]
        if len(failed) >= self.faults_max and not self._is_to_change:
            pockets = ", ".join(map(str, failed))
            raise ProcessAlarm(
                SET_ASIDE, tray=self.tray, lot=self.lot, count=len(failed), picks=len(self._picks), pockets=pockets
            )
        await self.bring(cell)
        return self.pocket, self.tray

    def pick_begins(self, pocket: int) -> None:
        """Whatever becomes of this pick, the next one is from the next pocket: so `remember` counts as well."""
        self.pocket = pocket + 1
        self.picks_begun += 1

    def pick_ended(self, pocket: int, alarm: str) -> None:
        """A pick has come to its end; alarm: key of what it raised, empty where it gripped."""
        if alarm not in ("", NOT_GRIPPED):
            return  # not the tray's fault: it says nothing about its pockets
        self._picks.append((pocket, not alarm))
        while len(self._picks) > self.window_picks:
            self._picks.popleft()
        self._keep()

    def answered(self, alarm: str, answer: Answer) -> None:
        """A person has looked at the tray: it is taken as good, or exchanged before the next pick."""
        if alarm != SET_ASIDE:
            return
        self._is_to_change = answer is Answer.CHANGE_TRAY
        if answer in (Answer.CHANGE_TRAY, Answer.RETRY):
            self._forget_picks()

    def view(self) -> dict[str, object]:
        """As people see it."""
        failed = sum(not gripped for _, gripped in self._picks)
        return {
            "number": self.tray,
            "lot": self.lot,
            "pocket": self.pocket,
            "failed_picks": failed,
            "failed_picks_max": self.faults_max,
            "window_picks": self.window_picks,
        }

    def _forget_picks(self) -> None:
        self._picks.clear()
        self._keep()

    def _keep(self) -> None:
        self.store.remember(LAST_PICKS, json.dumps({"tray": self.tray, "picks": list(self._picks)}))

    def first_seen(self, lot: str, now_s: float) -> float:
        return self._seen_s.setdefault(lot, now_s)
