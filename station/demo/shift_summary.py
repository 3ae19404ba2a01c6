"""What a shift tells: output, numbers against truth, and where the time went, the machine's and the processor's."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from station.demo import summary
from station.demo.numbers import numbers_of
from station.demo.processor_time import ProcessorTime
from station.demo.run import Ran

if TYPE_CHECKING:
    from rich.table import Table


def time_by_step(ran: Ran) -> list[tuple[str, float, int]]:
    """(title, seconds, times) of every step on the head's lane, longest first; the rest is board change and waiting."""
    total: dict[str, float] = {}
    count: dict[str, int] = {}
    for record in ran.records:
        for span in record["spans"]:
            if span["lane"] == "head":
                total[span["title"]] = total.get(span["title"], 0.0) + span["end_s"] - span["start_s"]
                count[span["title"]] = count.get(span["title"], 0) + 1
    steps = [(title, seconds, count[title]) for title, seconds in total.items()]
    steps.sort(key=lambda step: -step[1])
    rest_s = ran.simulated_s - sum(seconds for _, seconds, _ in steps)
    return [*steps, ("Homing, calibration, board change, waiting", rest_s, ran.job["boards_done"])]


def as_json(ran: Ran, spent: ProcessorTime) -> dict[str, Any]:
    numbers = summary.as_json([ran])
    return {
        **numbers,
        "packages": numbers["packages_placed"],
        "events": ran.event_count,
        "time_s_by_step": {title: round(seconds, 1) for title, seconds, _ in time_by_step(ran)},
        "processor_s": round(spent.total_s, 2),
        "processor_s_by_part": {title: round(seconds, 2) for title, seconds in spent.by_part.items()},
    }


def print_shift(ran: Ran, spent: ProcessorTime) -> None:
    from rich.console import Console

    numbers = numbers_of([ran])
    console = Console(width=None if sys.stdout.isatty() else summary.PLAIN_WIDTH)
    table = _table("Where the machine's time went", "Step", "hours", "share", "each")
    for title, seconds, times in time_by_step(ran):
        each = f"{seconds / times:.2f} s" if times else ""
        table.add_row(title, f"{seconds / 3600:.2f}", f"{seconds / ran.simulated_s:.1%}", each)
    console.print(table)
    packages = max(1, numbers.packages_placed)
    table = _table("Where the processor's time went", "Part", "seconds", "share", "a package")
    for title, seconds in spent.by_part.items():
        table.add_row(title, f"{seconds:.1f}", f"{seconds / spent.total_s:.1%}", f"{1e3 * seconds / packages:.2f} ms")
    console.print(table)
    console.print(
        f"{numbers.boards} boards, {numbers.packages_placed} packages placed, {numbers.packages_rejected} rejected, "
        f"{numbers.unplaced} sites empty; {numbers.packages_placed / ran.simulated_s * 3600:.0f} packages per hour."
    )
    console.print(
        f"Placement 3 sigma {numbers.offset_3sigma_um:.1f} um, {numbers.theta_3sigma_deg:.4f} deg; "
        f"film within {numbers.film_error_um_max:.2f} um; cycle / critical path {numbers.cycle_ratio:.3f}."
    )
    console.print(
        f"{ran.simulated_s / 3600:.2f} h of machine time took {spent.total_s:.1f} s of processor time "
        f"({1e3 * spent.total_s / ran.simulated_s:.1f} ms a second) and {ran.wall_s:.1f} s by the clock on the wall; "
        f"{ran.event_count} events."
    )


def _table(title: str, *headings: str) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
    table.add_column(headings[0])
    for heading in headings[1:]:
        table.add_column(heading, justify="right")
    return table
