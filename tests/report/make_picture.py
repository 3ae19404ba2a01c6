"""Writes the screenshot of a sample report: `python -m tests.report.make_picture docs/img`."""

from __future__ import annotations

import sys
from pathlib import Path

from station.report import write_report
from tests.hmi.browser import chromium, watched_page
from tests.report.fake import fake_run


def main(folder: Path) -> None:
    report = folder / "report_sample.html"
    write_report(fake_run(), report)
    with chromium() as browser, watched_page(browser, width=1120, height=1240, color_scheme="light") as watched:
        watched.page.goto(report.resolve().as_uri())
        watched.page.screenshot(path=folder / "report.png")
    report.unlink()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
