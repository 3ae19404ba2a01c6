"""Pictures of things: the board with its results, and the up-camera pictures with their balls."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from html import escape
from typing import Any, Final

import cv2
import numpy as np
from markupsafe import Markup

from station.report.data import BallMark, Picture
from station.report.drawing import number, svg

PICTURE_SIDE_PX: Final = 900
JPEG_QUALITY: Final = 82
CROP_RADII: Final = 4.0
"""Margin about the ball field, in ball radii."""
PLAIN_STATES: Final = ("ok", "wet")
RESULT_MARKS: Final = {
    "placed": "done",
    "rejected": "rejected",
    "unplaced": "skipped",
    "placed_unverified": "doubt",
    "ambiguous": "failed",
}
SITE_GLYPHS: Final = {
    "rejected": '<path class="fill" d="M0-.55.55.35H-.55z"/>',
    "skipped": '<path class="line" d="M-.4 0H.4"/>',
    "failed": '<path class="line" d="M-.4-.5.4.3M-.4.3.4-.5"/>',
    "doubt": '<text class="doubt" y=".1" font-size=".9">?</text>',
}
"""Marks inside a site whose half side is 1."""
RING: Final = "M-1 0a1 1 0 1 0 2 0a1 1 0 1 0-2 0z"
_CROSS: Final = "M-1-1 1 1M-1 1 1-1"
BALL_SHAPES: Final = {
    "missing": _CROSS,
    "extra": _CROSS,
    "dry": RING + "M-1 0H1",
    "bridged": RING + "M-.5 0a.5.5 0 1 0 1 0a.5.5 0 1 0-1 0z",
    "deformed": "M-1-1H1V1H-1z",
    "debris": "M0-1.1 1.1.85H-1.1z",
    "excess": "M0-1 1 0 0 1-1 0z",
}
"""Marks about a ball, in units of their reach."""
PLAIN_MARK: Final = 1.12
BAD_MARK: Final = 1.45
"""Reach of a mark in ball radii; a bad ball is one of hundreds and gets the larger one."""


def board_map(board: Mapping[str, Any], results: Mapping[str, str], caption: str) -> Markup:
    """Every site by result: shape and fill beside colour; y up as on the board."""
    size_x_um, size_y_um = float(board["size_x_um"]), float(board["size_y_um"])
    scale = 420.0 / size_x_um
    width, height = 436.0, size_y_um * scale + 16.0
    parts = [f'<rect class="board" x="8" y="8" width="420" height="{number(size_y_um * scale)}" rx="5"/>']
    for mark in board.get("fiducials", ()):
        x, y = 8 + mark["x_um"] * scale, 8 + (size_y_um - mark["y_um"]) * scale
        parts.append(
            f'<g class="fiducial"><circle cx="{number(x)}" cy="{number(y)}" r="3.5"/>'
            f'<path d="M{number(x - 7)} {number(y)}h14M{number(x)} {number(y - 7)}v14"/></g>'
        )
    for site in board["sites"]:
        parts.append(_site(site, results.get(site["name"], ""), scale, size_y_um))
    return svg(width, height, parts, caption, "board-map")


def _site(site: Mapping[str, Any], result: str, scale: float, board_y_um: float) -> str:
    x, y = 8 + site["x_um"] * scale, 8 + (board_y_um - site["y_um"]) * scale
    w, h = site["size_x_um"] * scale, site["size_y_um"] * scale
    state = RESULT_MARKS.get(result, "pending")
    half = min(w, h) / 2
    name = str(site["name"])
    turn = number(-float(site.get("theta_deg", 0.0)))
    size_px = min(13.0, w * 1.5 / max(len(name), 2))
    # Names too small to read are left to the tooltip.
    word = (
        f'<text y="{number(half * 0.88)}" font-size="{number(size_px)}">{escape(name)}</text>' if size_px >= 6 else ""
    )
    body = f'<rect x="{number(-w / 2)}" y="{number(-h / 2)}" width="{number(w)}" height="{number(h)}"'
    return (
        f'<g class="site {state}" transform="translate({number(x)} {number(y)})">'
        f"<title>{escape(name)}: {escape(result or 'not done')}</title>"
        f'{body} transform="rotate({turn})"/>'
        f'<g transform="scale({number(half)})">{SITE_GLYPHS.get(state, "")}</g>{word}</g>'
    )


def camera_picture(picture: Picture) -> Markup:
    """The ball field cut out of the picture as an embedded JPEG, each ball marked by its state."""
    pixels = _decoded(picture.png)
    left, top, right, bottom = _window(picture.balls, pixels.shape[1], pixels.shape[0])
    part = pixels[top:bottom, left:right]
    scale = min(1.0, PICTURE_SIDE_PX / max(part.shape))
    # Area averaging keeps the ball rings true where a picture shrinks.
    small = cv2.resize(part, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) if scale < 1 else part
    done, jpeg = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    if not done:
        raise ValueError(f"picture '{picture.caption}' could not be encoded")
    data = base64.b64encode(jpeg.tobytes()).decode("ascii")
    width, height = right - left, bottom - top
    parts = [f'<image href="data:image/jpeg;base64,{data}" width="{width}" height="{height}"/>']
    # Good balls first, so that no bad mark is covered.
    ordered = sorted(picture.balls, key=lambda ball: ball.state not in PLAIN_STATES)
    for ball in ordered:
        parts.append(ball_mark(ball.x_px - left, ball.y_px - top, ball.r_px, ball.state))
    bar_px = 1000.0 / picture.um_per_px
    parts.append(
        f'<path class="scale-bar" d="M{number(width * 0.5 - bar_px / 2)} {number(height * 0.5)}h{number(bar_px)}"/>'
        f'<text class="scale-text" x="{number(width * 0.5)}" y="{number(height * 0.5 - 18)}" '
        f'font-size="{number(width / 36)}">1000 µm</text>'
    )
    return svg(width, height, parts, f"{picture.caption}: {len(picture.balls)} balls", "camera")


def ball_mark(x: float, y: float, r: float, state: str) -> str:
    """Mark of one ball: a shape per state, drawn twice so that it shows on bright and on dark."""
    reach = r * (PLAIN_MARK if state in PLAIN_STATES else BAD_MARK)
    shape = BALL_SHAPES.get(state, RING)
    place = f'd="{shape}" transform="translate({number(x)} {number(y)}) scale({number(reach)})"'
    return f'<path class="ball-back" {place}/><path class="ball {escape(state)}" {place}/>'


def ball_key(state: str) -> Markup:
    """Legend sign of one ball state."""
    return svg(
        24,
        24,
        ['<rect class="key-back" width="24" height="24" rx="3"/>', ball_mark(12, 12, 6.4, state)],
        state,
        "ball-key",
    )


def state_counts(balls: Iterable[BallMark]) -> dict[str, int]:
    """Balls by state, good ones first."""
    counts: dict[str, int] = {}
    for ball in balls:
        counts[ball.state] = counts.get(ball.state, 0) + 1
    return dict(sorted(counts.items(), key=lambda item: (item[0] not in PLAIN_STATES, -item[1])))


def _decoded(png: bytes) -> np.ndarray[Any, np.dtype[np.uint8]]:
    pixels = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_GRAYSCALE)
    if pixels is None:
        raise ValueError("a picture of the report is not an image")
    return np.asarray(pixels, dtype=np.uint8)


def _window(balls: tuple[BallMark, ...], width: int, height: int) -> tuple[int, int, int, int]:
    if not balls:
        return 0, 0, width, height
    margin = CROP_RADII * max(ball.r_px for ball in balls)
    left = max(0, int(min(ball.x_px for ball in balls) - margin))
    top = max(0, int(min(ball.y_px for ball in balls) - margin))
    right = min(width, int(max(ball.x_px for ball in balls) + margin))
    bottom = min(height, int(max(ball.y_px for ball in balls) + margin))
    return left, top, right, bottom
