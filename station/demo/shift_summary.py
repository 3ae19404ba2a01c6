"""What a shift tells: output, numbers against truth, and where the machine's time went."""

from __future__ import annotations

import sys
from typing import Any

from station.demo import summary
from station.demo.numbers import numbers_of
from station.demo.run import Ran


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


def as_json(ran: Ran) -> dict[str, Any]:
    numbers = summary.as_json([ran])
    return {
        **numbers,
        "packages": numbers["packages_placed"],
        "events": ran.event_count,
        "time_s_by_step": {title: round(seconds, 1) for title, seconds, _ in time_by_step(ran)},
    }


def print_shift(ran: Ran) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    numbers = numbers_of([ran])
    console = Console(width=None if sys.stdout.isatty() else summary.PLAIN_WIDTH)
    table = Table(title="Where the time went", title_justify="left", box=box.SIMPLE_HEAD)
    table.add_column("Step")
    for heading in ("hours", "share", "each"):
        table.add_column(heading, justify="right")
    for title, seconds, times in time_by_step(ran):
        each = f"{seconds / times:.2f} s" if times else ""
        table.add_row(title, f"{seconds / 3600:.2f}", f"{seconds / ran.simulated_s:.1%}", each)
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
        f"{ran.simulated_s / 3600:.2f} h of machine time in {ran.wall_s:.1f} s; {ran.event_count} events, "
        f"{ran.event_count / max(ran.wall_s, 1e-9):.0f} per second."
    )
