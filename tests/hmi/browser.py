"""Chromium for the page tests: one browser, pages that note every request, error and console message."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

CHROMIUM = Path(os.environ.get("CHROMIUM_PATH", "/usr/bin/chromium"))


@dataclass
class Watched:
    """A page and everything that must not happen on it."""

    page: Page
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def foreign_requests(self, address: str) -> list[str]:
        return [url for url in self.requests if not url.startswith((address, "data:", "blob:", "file:"))]


@contextlib.contextmanager
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM))
        try:
            yield browser
        finally:
            browser.close()


@contextlib.contextmanager
def watched_page(browser: Browser, *, width: int = 1280, height: int = 800, **context: Any) -> Iterator[Watched]:
    """A fresh page whose console errors, script errors and requests are noted."""
    with browser.new_context(viewport={"width": width, "height": height}, **context) as surroundings:
        watched = Watched(surroundings.new_page())
        watched.page.on("request", lambda request: watched.requests.append(request.url))
        watched.page.on("pageerror", lambda error: watched.complaints.append(f"script: {error}"))
        watched.page.on(
            "console",
            lambda message: watched.complaints.append(message.text) if message.type in ("error", "warning") else None,
        )
        yield watched
