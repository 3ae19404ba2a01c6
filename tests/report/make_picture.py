"""Writes a sample report and its screenshots: `python -m tests.report.make_picture FOLDER`."""

from __future__ import annotations

import sys
from pathlib import Path

from station.report import write_report
from tests.hmi.browser import chromium, watched_page
from tests.report.fake import fake_run


def main(folder: Path) -> None:
    report = folder / "report.html"
    write_report(fake_run(), report)
    with chromium() as browser:
        for scheme in ("light", "dark"):
            with watched_page(browser, width=1120, height=1000, color_scheme=scheme) as watched:
                watched.page.goto(report.resolve().as_uri())
                watched.page.screenshot(path=folder / f"report_{scheme}.png", full_page=True)
                if scheme == "light":
                    watched.page.pdf(path=folder / "report.pdf", print_background=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
