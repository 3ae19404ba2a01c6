"""Progress on the terminal: a live bar on a terminal, one plain line per event elsewhere, nothing with --json."""

from __future__ import annotations

import sys
from typing import Any, Protocol

SAID_AS_FAULT = ("ask", "stop", "abort")
"""What a step's alarm leads to where it goes on the list of alarms, and is told from there."""


class Progress(Protocol):
    def __call__(self, kind: str, data: dict[str, Any]) -> None: ...

    def close(self) -> None: ...


class Silent:
    """With --json: the result alone speaks."""

    def __call__(self, kind: str, data: dict[str, Any]) -> None:
        return None

    def close(self) -> None:
        return None


class Plain:
    """One line per thing worth knowing, to standard error."""

    def __call__(self, kind: str, data: dict[str, Any]) -> None:
        if text := sentence(kind, data):
            print(f"{data['at_s']:9.2f} s  {text}", file=sys.stderr)

    def close(self) -> None:
        return None


class Hourly:
    """One line per simulated hour, for shifts."""

    def __init__(self) -> None:
        self._hour = 0
        self._placed = 0

    def __call__(self, kind: str, data: dict[str, Any]) -> None:
        if data.get("result") == "placed":
            self._placed += 1
        hour = int(data["at_s"] // 3600)
        if hour > self._hour:
            self._hour = hour
            print(f"{hour} h: {self._placed} packages placed", file=sys.stderr)


class Live:
    """A bar over all packages with the step that runs, for people at a terminal."""

    def __init__(self, packages: int) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
        from rich.progress import Progress as Bar

        self._bar = Bar(
            TextColumn("[bold]{task.description:<22}"),
            BarColumn(bar_width=32),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[note]}"),
            console=Console(stderr=True),
        )
        self._task = self._bar.add_task("Homing and checking", total=packages, note="")
        self._bar.start()

    def __call__(self, kind: str, data: dict[str, Any]) -> None:
        if kind == "step.started":
            self._bar.update(self._task, description=str(data["step"]).replace("_", " "))
        elif kind == "step.ended" and "mean_um" in data:
            self._bar.update(self._task, note=f"film {data['mean_um']:.1f} um")
        elif data.get("result") == "placed":
            self._bar.advance(self._task)
        elif text := sentence(kind, data):
            self._bar.console.print(f"{data['at_s']:9.2f} s  {text}", highlight=False)

    def close(self) -> None:
        self._bar.stop()


def sentence(kind: str, data: dict[str, Any]) -> str:
    """What a person wants to know of an event; empty when nothing."""
    if kind == "fault.raised":
        return f"alarm {data['number']}: {data['text']}"
    if kind == "alarm.raised" and data["does"] not in SAID_AS_FAULT:
        return f"alarm {data['number']}: {data['text']} ({data['does'].replace('_', ' ')})"
    if "result" in data and "site" in data:
        reason = data.get("reason")
        return f"{data['board_serial']} {data['site']}: {data['result']}" + (f", {reason['text']}" if reason else "")
    if kind == "board.departed":
        return f"{data['serial']}: board out"
    return ""


def make(packages: int, *, json: bool) -> Progress:
    if json:
        return Silent()
    return Live(packages) if sys.stderr.isatty() else Plain()
