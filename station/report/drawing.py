"""Drawing in SVG with axes in physical units; knows numbers and strokes, nothing of the process."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from html import escape

from markupsafe import Markup

Point = tuple[float, float]


def ticks(low: float, high: float, wanted: int = 6) -> list[float]:
    """Round values inside [low, high] at steps of 1, 2 or 5 times a power of ten, `wanted` or somewhat more of them."""
    span = high - low
    if not math.isfinite(span) or span <= 0:
        return [low]
    raw = span / max(wanted, 1)
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= raw * 0.7)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [index * step for index in range(first, last + 1)]


def number(value: float) -> str:
    """A coordinate: short, never in powers of ten."""
    return f"{value:.2f}".rstrip("0").rstrip(".")


def label_of(value: float, step: float) -> str:
    """A tick label with as many decimals as its step needs, and a true minus sign."""
    decimals = max(0, -math.floor(math.log10(step))) if step > 0 else 0
    return f"{value:.{decimals}f}".replace("-", "−")


@dataclass
class Plot:
    """A rectangle with two linear axes; shapes are given in the units of the axes.

    Later shapes lie above earlier ones.
    """

    x_range: tuple[float, float]
    y_range: tuple[float, float]
    width: float = 560.0
    height: float = 320.0
    left: float = 58.0
    right: float = 16.0
    top: float = 14.0
    bottom: float = 46.0
    parts: list[str] = field(default_factory=list)

    def x(self, value: float) -> float:
        low, high = self.x_range
        return self.left + (value - low) / (high - low) * (self.width - self.left - self.right)

    def y(self, value: float) -> float:
        low, high = self.y_range
        return self.height - self.bottom - (value - low) / (high - low) * (self.height - self.top - self.bottom)

    @property
    def inner_px(self) -> tuple[float, float]:
        """Width and height inside the labels."""
        return self.width - self.left - self.right, self.height - self.top - self.bottom

    def axes(self, x_label: str, y_label: str, *, x_wanted: int = 7, y_wanted: int = 6) -> None:
        """Grid, tick labels and axis labels; call it first, so that everything else lies above."""
        x_end, y_end = self.width - self.right, self.height - self.bottom
        for name, values in (("x", ticks(*self.x_range, x_wanted)), ("y", ticks(*self.y_range, y_wanted))):
            step = values[1] - values[0] if len(values) > 1 else 1.0
            for value in values:
                text = label_of(value, step)
                if name == "x":
                    at = number(self.x(value))
                    self.parts.append(f'<path class="grid" d="M{at} {number(self.top)}V{number(y_end)}"/>')
                    self.parts.append(f'<text class="tick" x="{at}" y="{number(y_end + 17)}">{text}</text>')
                else:
                    at = number(self.y(value))
                    self.parts.append(f'<path class="grid" d="M{number(self.left)} {at}H{number(x_end)}"/>')
                    place = f'x="{number(self.left - 7)}" y="{number(self.y(value) + 4)}"'
                    self.parts.append(f'<text class="tick side" {place}>{text}</text>')
        middle_x, middle_y = (self.left + x_end) / 2, (self.top + y_end) / 2
        self.parts.append(
            f'<text class="axis" x="{number(middle_x)}" y="{number(self.height - 8)}">{escape(x_label)}</text>'
            f'<text class="axis" transform="translate(15 {number(middle_y)}) rotate(-90)">{escape(y_label)}</text>'
        )

    def line(self, points: Iterable[Point], style: str, *, is_closed: bool = False) -> None:
        steps = [f"{number(self.x(x))} {number(self.y(y))}" for x, y in points]
        if steps:
            self.parts.append(f'<path class="{style}" d="M{"L".join(steps)}{"Z" if is_closed else ""}"/>')

    def band(self, low: float, high: float, style: str = "band") -> None:
        self.parts.append(
            f'<rect class="{style}" x="{number(self.left)}" y="{number(self.y(high))}" '
            f'width="{number(self.width - self.left - self.right)}" height="{number(self.y(low) - self.y(high))}"/>'
        )

    def dot(self, x: float, y: float, r_px: float, style: str, title: str = "") -> None:
        tip = f"<title>{escape(title)}</title>" if title else ""
        place = f'cx="{number(self.x(x))}" cy="{number(self.y(y))}" r="{number(r_px)}"'
        self.parts.append(f'<circle class="{style}" {place}>{tip}</circle>')

    def cross(self, x: float, y: float, r_px: float, style: str, title: str = "") -> None:
        cx, cy = self.x(x), self.y(y)
        tip = f"<title>{escape(title)}</title>" if title else ""
        self.parts.append(
            f'<path class="{style}" d="M{number(cx - r_px)} {number(cy - r_px)}L{number(cx + r_px)} {number(cy + r_px)}'
            f'M{number(cx - r_px)} {number(cy + r_px)}L{number(cx + r_px)} {number(cy - r_px)}">{tip}</path>'
        )

    def text(self, x: float, y: float, text: str, *, dx_px: float = 0, dy_px: float = 0, style: str = "note") -> None:
        at_x, at_y = number(self.x(x) + dx_px), number(self.y(y) + dy_px)
        self.parts.append(f'<text class="{style}" x="{at_x}" y="{at_y}">{escape(text)}</text>')

    def svg(self, spoken: str) -> Markup:
        return svg(self.width, self.height, self.parts, spoken)


def svg(width: float, height: float, parts: Sequence[str], spoken: str, style: str = "chart") -> Markup:
    """A whole drawing with the sentence that stands for it where it cannot be seen."""
    body = "".join(parts)
    # Every text among the parts went through escape() where it was made.
    return Markup(
        f'<svg class="{style}" viewBox="0 0 {number(width)} {number(height)}" role="img" '
        f'aria-label="{escape(spoken)}">{body}</svg>'
    )
