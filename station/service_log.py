"""The service's own log, on stderr: bounded, so that neither a flood of lines nor a reader who stands holds anybody up.

It is for whoever looks after the computer. What happened to product and machine stands in the event log,
which loses nothing.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from logging.handlers import QueueHandler
from queue import Full, Queue
from threading import Thread

LINES_MAX = 2_000
"""lines that wait to be written: some seconds of a terminal. Estimate"""
END_WITHIN_S = 1.0
FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


class ServiceLog(QueueHandler):
    """Takes a line or drops it, at once; a thread of its own writes to `out`, which may take as long as it likes.

    dropped    lines that found no room, since the start
    """

    def __init__(self, out: logging.Handler, lines_max: int = LINES_MAX) -> None:
        self._lines: Queue[logging.LogRecord | None] = Queue(lines_max)
        super().__init__(self._lines)
        self.dropped = 0
        self._told = 0
        self._out = out
        # A daemon: a terminal that takes nothing must not keep the service from ending.
        self._writer = Thread(target=self._write, name="service log", daemon=True)
        self._writer.start()

    def emit(self, record: logging.LogRecord) -> None:
        # Asked before the line is made: in a flood making them would cost more than dropping them.
        if self._lines.full():
            self.dropped += 1
            return
        super().emit(record)

    def enqueue(self, record: logging.LogRecord) -> None:
        try:
            self._lines.put_nowait(record)
        except Full:
            self.dropped += 1

    def end(self) -> None:
        """Write what waits, not longer than a second."""
        with suppress(Full):
            self._lines.put(None, timeout=END_WITHIN_S)
            self._writer.join(END_WITHIN_S)

    def _write(self) -> None:
        while (record := self._lines.get()) is not None:
            self._out.handle(record)
            if self._lines.empty():
                self._tell()
        self._tell()

    def _tell(self) -> None:
        """Where the lines that are missing would stand: after those that found room."""
        missing = self.dropped - self._told
        if missing:
            self._told += missing
            text = f"{missing} lines were dropped here: more than {self._lines.maxsize} waited to be written"
            self._out.handle(logging.LogRecord(__name__, logging.WARNING, "", 0, text, None, None))


@contextmanager
def service_log(out: logging.Handler | None = None) -> Iterator[ServiceLog]:
    """Everything that is logged goes this way, to stderr where no `out` is named, until the block ends."""
    if out is None:
        out = logging.StreamHandler(sys.stderr)
        out.setFormatter(logging.Formatter(FORMAT))
    log, root = ServiceLog(out), logging.getLogger()
    root.addHandler(log)
    try:
        yield log
    finally:
        root.removeHandler(log)
        log.end()
