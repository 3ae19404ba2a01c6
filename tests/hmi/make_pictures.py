"""Writes the screenshots of the operator page: `python -m tests.hmi.make_pictures docs/img`, all with `--all`."""

from __future__ import annotations

import sys
from pathlib import Path

from playwright.sync_api import Browser, expect

from tests.hmi import snapshots
from tests.hmi.browser import chromium, watched_page
from tests.hmi.stub import Station, serving

PICTURES = {
    "operator_page": (snapshots.running, {"locale": "en-GB"}, 1280, 800),
    "operator_page_wide_dark": (snapshots.running, {"color_scheme": "dark"}, 1920, 1080),
    "operator_page_alarm": (snapshots.alarmed, {}, 1280, 800),
    "operator_page_alarm_zh": (snapshots.alarmed, {"locale": "zh-CN", "color_scheme": "dark"}, 1280, 800),
    "operator_page_idle": (snapshots.idle, {}, 1280, 800),
}
DOCUMENTED = ("operator_page", "operator_page_alarm", "operator_page_alarm_zh")


def write_pictures(browser: Browser, folder: Path, names: tuple[str, ...] = DOCUMENTED) -> list[Path]:
    """One PNG per name; the page is at rest and its camera picture drawn when the shutter opens."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name in names:
        snapshot, context, width, height = PICTURES[name]
        settings = {"reduced_motion": "reduce", "timezone_id": "UTC", **context}
        with (
            serving(Station(snapshot())) as station,
            watched_page(browser, width=width, height=height, **settings) as watched,
        ):
            page = watched.page
            if snapshot()["camera"] is not None:
                with page.expect_response("**/v1/blobs/*"):
                    page.goto(station.address)
            else:
                page.goto(station.address)
            expect(page.locator(".command-bar")).to_be_visible()
            page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
            page.wait_for_timeout(300)
            paths.append(folder / f"{name}.png")
            page.screenshot(path=paths[-1])
    return paths


if __name__ == "__main__":
    with chromium() as one_browser:
        wanted = tuple(PICTURES) if "--all" in sys.argv else DOCUMENTED
        for path in write_pictures(one_browser, Path(sys.argv[1]), wanted):
            print(f"{path} {path.stat().st_size // 1000} kB")
