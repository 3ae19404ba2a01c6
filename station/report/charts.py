"""The figures of the report: offsets, film, force over Z, and the time of one cycle."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from itertools import pairwise

from markupsafe import Markup

from station.report.data import FilmPoint, ForceTrace, Span, TruthOffset
from station.report.drawing import Plot, label_of, number, svg, ticks
from station.report.statistics import OffsetSpread, contact_z_um

CIRCLE_POINTS = 96
SQUARE_WIDTH, SQUARE_HEIGHT = 460.0, 420.0
WIDE_WIDTH, WIDE_HEIGHT = 940.0, 300.0
MOST_GOOD_DOTS = 500
SERIES_COLOURS = 6
AIR_SHARE = 1.2
"""Free air shown before the contact, as a share of the travel after it."""


def offset_scatter(points: Sequence[tuple[str, float, float]], found: OffsetSpread | None, limit_um: float) -> Markup:
    """Measured offset of every placement about its target, with limit circle and 3 sigma ellipse."""
    reach = max([limit_um * 1.15, *(math.hypot(x, y) * 1.1 for _, x, y in points)])
    plot = _square_plot(reach)
    plot.axes("offset x, µm", "offset y, µm")
    plot.line(_circle(limit_um), "limit", is_closed=True)
    plot.text(0, limit_um, f"limit {limit_um:g} µm", dy_px=-6, style="note middle")
    for label, x, y in points:
        is_out = math.hypot(x, y) > limit_um
        # Names of thousands of good dots would make the file ten times larger.
        name = f"{label}: {x:+.1f}, {y:+.1f} µm" if is_out or len(points) <= MOST_GOOD_DOTS else ""
        plot.dot(x, y, 4.0 if is_out else 3.2, "dot bad" if is_out else "dot", name)
    if found is not None:
        plot.line(found.ellipse_um, "ellipse", is_closed=True)
        plot.cross(found.mean_x_um, found.mean_y_um, 5, "mean", "mean")
    plot.cross(0, 0, 3, "zero")
    return plot.svg(f"{len(points)} measured placement offsets, limit {limit_um:g} micrometres")


def truth_scatter(truths: Sequence[TruthOffset]) -> Markup:
    """Reported minus true offset: what the station's own measurement hides."""
    errors = [(t.label, t.reported_x_um - t.true_x_um, t.reported_y_um - t.true_y_um) for t in truths]
    reach = max([1.0, *(math.hypot(x, y) * 1.2 for _, x, y in errors)])
    plot = _square_plot(reach)
    plot.axes("reported − true x, µm", "reported − true y, µm")
    for label, x, y in errors:
        plot.dot(x, y, 3.2, "dot second", f"{label}: {x:+.2f}, {y:+.2f} µm")
    plot.cross(0, 0, 4, "zero")
    return plot.svg(f"error of {len(errors)} reported offsets against the simulator's truth")


def film_trend(points: Sequence[FilmPoint], tolerance_um: float) -> Markup:
    """Film height before each dip over time, with target and tolerance band.

    Several runs one after another have no common time; they are drawn by count of dips.
    """
    heights = [point.height_um for point in points]
    targets = [point.target_um for point in points]
    times, label = _film_times(points)
    low = min([min(targets) - 1.8 * tolerance_um, *heights])
    high = max([max(targets) + 1.8 * tolerance_um, *heights])
    span = max(times[-1] - times[0], 1e-3)
    plot = Plot((times[0] - span * 0.01, times[-1] + span * 0.01), (low, high), width=WIDE_WIDTH, height=WIDE_HEIGHT)
    plot.axes(label, "film height, µm", x_wanted=10)
    steps = [(plot.x_range[0], targets[0]), *_steps(times, targets), (plot.x_range[1], targets[-1])]
    upper = [(time, target + tolerance_um) for time, target in steps]
    plot.line([*upper, *((time, target - tolerance_um) for time, target in reversed(steps))], "band", is_closed=True)
    plot.line(steps, "target")
    words = f"{targets[-1]:g} ± {tolerance_um:g} µm"
    plot.text(plot.x_range[1], targets[-1] - tolerance_um, words, dx_px=-6, dy_px=15, style="note end")
    plot.line(zip(times, heights, strict=True), "curve thin")
    for time, point in zip(times, points, strict=True):
        is_out = abs(point.height_um - point.target_um) > tolerance_um
        # Thousands of good dots would only thicken the line.
        if is_out or len(points) <= MOST_GOOD_DOTS:
            style, r_px = ("dot bad", 4.0) if is_out else ("dot", 2.2)
            plot.dot(time, point.height_um, r_px, style, f"{point.height_um:.1f} µm")
    return plot.svg(f"{len(points)} film heights from {min(heights):.1f} to {max(heights):.1f} micrometres")


def _film_times(points: Sequence[FilmPoint]) -> tuple[list[float], str]:
    seconds = [point.at_s for point in points]
    if any(later < earlier for earlier, later in pairwise(seconds)):
        return [float(index + 1) for index in range(len(points))], "dip"
    length_s = seconds[-1] - seconds[0]
    unit_s, unit = (3600.0, "h") if length_s > 7200 else (60.0, "min") if length_s > 180 else (1.0, "s")
    return [(at_s - seconds[0]) / unit_s for at_s in seconds], f"time, {unit}"


def _steps(times: Sequence[float], targets: Sequence[float]) -> list[tuple[float, float]]:
    """Corners of the target line: it changes half way between two dips."""
    corners = []
    for (before, old), (after, new) in pairwise(zip(times, targets, strict=True)):
        if old != new:
            corners += [((before + after) / 2, old), ((before + after) / 2, new)]
    return corners


def force_overlay(traces: Sequence[ForceTrace]) -> Markup:
    """Force over Z of a few contacts, each counted from its own contact point."""
    curves = []
    for trace in traces:
        zero_um = contact_z_um(trace.z_um, trace.force_n)
        curves.append((trace.label, [(z - zero_um, f) for z, f in zip(trace.z_um, trace.force_n, strict=True)]))
    last_um = max(max(x for x, _ in points) for _, points in curves)
    # Free air carries the legend, so there is a share of it even where the recording began late.
    first_um = -max(last_um * AIR_SHARE, 10.0)
    top_n = max(max(f for _, f in points) for _, points in curves)
    low_n = min(min(f for _, f in points) for _, points in curves)
    reach = last_um - first_um
    x_range, y_range = (first_um - reach * 0.02, last_um + reach * 0.04), (min(-0.06 * top_n, low_n * 1.1), top_n * 1.1)
    plot = Plot(x_range, y_range, width=WIDE_WIDTH, height=WIDE_HEIGHT)
    plot.axes("Z from contact, µm (down is positive)", "force, N", x_wanted=10)
    plot.line([(0, y_range[0]), (0, y_range[1])], "target")
    plot.text(0, y_range[1], "contact", dx_px=6, dy_px=13)
    for index, (label, points) in enumerate(curves):
        series = f"series{index % SERIES_COLOURS}"
        plot.line([point for point in points if point[0] >= x_range[0]], f"curve {series}")
        x, f = max(points, key=lambda point: point[1])
        plot.dot(x, f, 4, f"dot {series}")
        words = f"{label}: peak {f:.2f} N"
        y_px = 16.0 + 19.0 * index
        at = f'x1="{number(plot.left + 12)}" x2="{number(plot.left + 38)}" y1="{number(y_px)}" y2="{number(y_px)}"'
        plot.parts.append(f'<line class="curve {series}" {at}/>')
        plot.text(x_range[0], y_range[1], words, dx_px=46, dy_px=y_px - plot.top + 4)
    return plot.svg("force over Z: " + ", ".join(label for label, _ in curves))


def cycle_gantt(spans: Sequence[Span], critical: Sequence[str]) -> Markup:
    """One cycle by lane; spans on the critical path are solid and joined, the rest are outlined."""
    lanes = list(dict.fromkeys(span.lane for span in spans))
    start_s, end_s = min(span.start_s for span in spans), max(span.end_s for span in spans)
    left, right, row, top = 92.0, 16.0, 54.0, 8.0
    width, height = WIDE_WIDTH, top + row * len(lanes) + 44.0
    scale = (width - left - right) / (end_s - start_s)
    parts: list[str] = []
    marks = ticks(0.0, end_s - start_s, 12)
    for mark in marks:
        x = number(left + mark * scale)
        parts.append(f'<path class="grid" d="M{x} {number(top)}V{number(height - 42)}"/>')
        step = marks[1] - marks[0] if len(marks) > 1 else 1.0
        parts.append(f'<text class="tick" x="{x}" y="{number(height - 26)}">{label_of(mark, step)}</text>')
    parts.append(
        f'<text class="axis" x="{number((left + width) / 2)}" y="{number(height - 6)}">time in the cycle, s</text>'
    )
    for index, lane in enumerate(lanes):
        y = top + row * index
        parts.append(f'<text class="lane" x="{number(left - 10)}" y="{number(y + row / 2 + 4)}">{escape(lane)}</text>')
        parts.append(f'<path class="grid" d="M{number(left)} {number(y + row)}H{number(width - right)}"/>')
    for order, span in enumerate(spans):
        parts.append(
            _bar(
                span,
                order,
                left + (span.start_s - start_s) * scale,
                top + row * lanes.index(span.lane),
                scale,
                critical,
            )
        )
    spoken = f"one cycle of {end_s - start_s:.2f} s; critical path: {', '.join(critical)}"
    return svg(width, height, parts, spoken, "chart gantt")


def _bar(span: Span, order: int, x: float, y: float, scale: float, critical: Sequence[str]) -> str:
    width = max((span.end_s - span.start_s) * scale, 1.5)
    style = "critical" if span.title in critical else "slack"
    duration_s = span.end_s - span.start_s
    words = f"<title>{escape(span.title)}: {duration_s:.3f} s</title>"
    text = ""
    # A name is written only where it fits; the table below the figure names the rest.
    if width > 6.6 * len(span.title) + 8:
        text = f'<text class="in {style}" x="{number(x + 6)}" y="{number(y + 24)}">{escape(span.title)}</text>'
        text += f'<text class="in small {style}" x="{number(x + 6)}" y="{number(y + 38)}">{duration_s:.2f} s</text>'
    elif width > 18:
        text = f'<text class="in {style}" x="{number(x + 5)}" y="{number(y + 31)}">{order + 1}</text>'
    place = f'x="{number(x)}" y="{number(y + 8)}" width="{number(width)}" height="38"'
    return f'<g>{words}<rect class="bar {style}" {place}/>{text}</g>'


def _square_plot(reach: float) -> Plot:
    """Axes about zero at equal scale in x and y that reach `reach` in the shorter direction."""
    empty = Plot((-1.0, 1.0), (-1.0, 1.0), width=SQUARE_WIDTH, height=SQUARE_HEIGHT)
    inner_x, inner_y = empty.inner_px
    unit = reach / min(inner_x, inner_y)
    reach_x, reach_y = inner_x * unit, inner_y * unit
    return Plot((-reach_x, reach_x), (-reach_y, reach_y), width=SQUARE_WIDTH, height=SQUARE_HEIGHT)


def _circle(radius: float) -> list[tuple[float, float]]:
    steps = [2 * math.pi * index / CIRCLE_POINTS for index in range(CIRCLE_POINTS)]
    return [(radius * math.cos(angle), radius * math.sin(angle)) for angle in steps]
