"""The service's own log drops what finds no room, counts it, says so, and never makes anybody wait."""

from __future__ import annotations

import logging
import threading

from station.service_log import LINES_MAX, service_log

LOG = logging.getLogger("tests.flood")
LINES = 20_000


class Terminal(logging.Handler):
    """Takes lines while it may; stopped, whoever writes waits."""

    def __init__(self) -> None:
        super().__init__()
        self.runs, self.has_begun = threading.Event(), threading.Event()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.has_begun.set()
        self.runs.wait()
        self.lines.append(record.getMessage())


def test_a_flood_before_a_stopped_terminal_is_dropped_with_its_number_and_the_oldest_lines_are_kept() -> None:
    terminal = Terminal()
    with service_log(terminal) as log:
        LOG.error("line %d", 0)
        terminal.has_begun.wait()
        for number in range(1, LINES):
            LOG.error("line %d", number)
        assert log.dropped == LINES - 1 - LINES_MAX
        terminal.runs.set()
    assert terminal.lines[: LINES_MAX + 1] == [f"line {number}" for number in range(LINES_MAX + 1)]
    [said] = terminal.lines[LINES_MAX + 1 :]
    assert said.startswith(f"{LINES - 1 - LINES_MAX} lines were dropped")


def test_a_terminal_that_never_reads_does_not_keep_the_service_from_ending() -> None:
    terminal = Terminal()
    with service_log(terminal) as log:
        for number in range(LINES_MAX + 10):
            LOG.error("line %d", number)
        assert log.dropped >= 9
    assert terminal.lines == []
    terminal.runs.set()


def test_what_is_logged_in_peace_arrives_whole_and_nothing_is_logged_here_afterwards() -> None:
    terminal = Terminal()
    terminal.runs.set()
    with service_log(terminal) as log:
        LOG.warning("%s was lost", "broker")
    LOG.warning("later")
    assert (terminal.lines, log.dropped) == (["broker was lost"], 0)
