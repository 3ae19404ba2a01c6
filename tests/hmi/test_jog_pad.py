"""The jog pad in a real browser, before the real station with its simulated machine, in real time."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from station.api.app import create_app
from station.api.serving import serve
from station.door import Door
from station.hmi import vendor
from station.run.jog import SILENCE_LIMIT_S, Hold
from tests.hmi.browser import CHROMIUM, chromium, watched_page
from tests.hmi.test_operator_page import OVER_THE_EDGE
from tests.scenarios.bench import Bench, bench
from tests.scenarios.hand import to_manual

pytestmark = [
    pytest.mark.browser,
    pytest.mark.real_time,
    pytest.mark.skipif(not CHROMIUM.exists(), reason=f"no Chromium at {CHROMIUM}"),
    pytest.mark.skipif(not vendor.is_current(), reason="browser libraries missing: run python -m station.hmi.vendor"),
]

BRAKES_WITHIN_S = 0.040
LOOK_EVERY_S = 0.002
UP_WITHIN_S = 90.0
TRIES_MAX = 12


class Live:
    """A station in mode Manual in a thread of its own; what is asked of it here is truth."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._loop = asyncio.new_event_loop()
        self._is_up, self._ends = threading.Event(), asyncio.Event()
        self.address = ""
        self.b: Bench
        self.last_frame_s = self.lag_s = 0.0
        """when the newest frame came; how late the busiest turn of the loop was since then"""
        self._thread = threading.Thread(target=lambda: self._loop.run_until_complete(self._live()), daemon=True)

    async def _live(self) -> None:
        async with bench(self._folder) as b:
            self.b = b
            await to_manual(b)
            jog: Any = b.controller.jog
            take = jog.frame

            def frame(token: str, number: int, hold: Hold | None) -> None:
                self.last_frame_s, self.lag_s = b.plant.now(), 0.0
                take(token, number, hold)

            jog.frame = frame
            serving = await serve(create_app(Door(b.controller), b.store, b.shelf, simulated=True), port=0)
            self.address = serving.url
            watching = asyncio.create_task(self._watch())
            self._is_up.set()
            await self._ends.wait()
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
            await serving.stop()

    async def _watch(self) -> None:
        while True:
            due_s = self._loop.time() + LOOK_EVERY_S
            await asyncio.sleep(LOOK_EVERY_S)
            self.lag_s = max(self.lag_s, self._loop.time() - due_s)

    def __enter__(self) -> Live:
        self._thread.start()
        assert self._is_up.wait(UP_WITHIN_S), "the station did not come up"
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._ends.set)
        self._thread.join(30)

    def moves(self) -> bool:
        async def ask() -> bool:
            return self.b.plant.gantry.is_moving(self.b.plant.now())

        return asyncio.run_coroutine_threadsafe(ask(), self._loop).result(10)

    def standstill(self) -> tuple[str, float, float]:
        """Cause of the end, seconds from the newest frame to true standstill, and the lag of the loop meanwhile."""

        async def wait() -> tuple[str, float, float]:
            async with asyncio.timeout(5):
                while self.b.controller.jog._task is not None:  # noqa: ASYNC110 - no event tells it
                    await asyncio.sleep(LOOK_EVERY_S)
            stood_s = self.b.plant.gantry.stands_from_s - self.last_frame_s
            return self.b.controller.jog.view()["last_end"]["cause"], stood_s, self.lag_s

        return asyncio.run_coroutine_threadsafe(wait(), self._loop).result(10)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as one:
        yield one


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with Live(tmp_path_factory.mktemp("jog")) as one:
        yield one


@contextlib.contextmanager
def shown(browser: Browser, live: Live, **context: Any) -> Iterator[Page]:
    with watched_page(browser, **{"locale": "en-GB", **context}) as watched:
        watched.page.goto(live.address)
        expect(watched.page.locator('[data-jog="x-plus"]')).to_be_enabled()
        yield watched.page
        assert watched.complaints == []


def until_it_moves(live: Live, begin: Callable[[], object], let_go: Callable[[], object]) -> None:
    """Hold until the axis moves. On a busy computer a frame may be late: that ends a jog, and the hand begins anew."""
    for _ in range(TRIES_MAX):
        begin()
        for _ in range(TRIES_MAX):
            if live.moves():
                return
            time.sleep(0.05)
        let_go()
    raise AssertionError("nothing moves under a held button")


def press(page: Page, place: str = "x-plus", speed: str = "fast") -> None:
    page.locator(f'input[value="{speed}"]').check()
    box = page.locator(f'[data-jog="{place}"]').bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()


def test_a_held_button_moves_and_letting_go_ends_it(browser: Browser, live: Live) -> None:
    with shown(browser, live) as page:
        until_it_moves(live, lambda: press(page), page.mouse.up)
        page.mouse.up()
        cause, stood_s, lag_s = live.standstill()
        assert cause in ("released", "silence")
        assert stood_s <= SILENCE_LIMIT_S + BRAKES_WITHIN_S + lag_s
        expect(page.get_by_text("Let go, it stands").or_(page.get_by_text("nothing was heard"))).to_be_visible()


def test_the_keyboard_holds_a_button_as_well(browser: Browser, live: Live) -> None:
    with shown(browser, live) as page:
        page.locator('[data-jog="x-minus"]').focus()
        until_it_moves(live, lambda: page.keyboard.down(" "), lambda: page.keyboard.up(" "))
        page.keyboard.press("Tab")
        assert live.standstill()[0] in ("released", "silence")
        assert not live.moves()
        page.keyboard.up(" ")


GONE = {
    "closed": "released",
    "hidden": "released",
    "left for another page": "released",
    "window loses the focus": "released",
    "script stands still": "silence",
}


@pytest.mark.parametrize("how", GONE)
def test_a_page_that_is_gone_lets_go(how: str, browser: Browser, live: Live) -> None:
    with shown(browser, live) as page:
        # To and fro, so that no end of the travel is near.
        place = "x-minus" if how in ("closed", "left for another page") else "x-plus"
        until_it_moves(live, lambda: press(page, place), page.mouse.up)
        if how == "closed":
            page.close()
        elif how == "hidden":
            page.evaluate(
                "Object.defineProperty(document, 'hidden', {value: true, configurable: true});"
                "document.dispatchEvent(new Event('visibilitychange'))"
            )
        elif how == "left for another page":
            page.goto("about:blank")
        elif how == "window loses the focus":
            page.evaluate("window.dispatchEvent(new Event('blur'))")
        else:
            page.evaluate("{ const until = performance.now() + 500; while (performance.now() < until); }")
        cause, stood_s, lag_s = live.standstill()
        print(f"{how}: stands {stood_s * 1e3:.0f} ms after the last frame ({cause}, loop late by {lag_s * 1e3:.0f} ms)")
        assert cause in (GONE[how], "closed", "silence")
        assert stood_s <= SILENCE_LIMIT_S + BRAKES_WITHIN_S + lag_s
        assert not live.moves()


def test_a_second_page_does_not_get_the_pad_and_says_so(browser: Browser, live: Live) -> None:
    with shown(browser, live), watched_page(browser, locale="en-GB") as second:
        second.page.goto(live.address)
        expect(second.page.get_by_text("another page has the jog pad")).to_be_visible()
        expect(second.page.locator('[data-jog="x-plus"]')).to_be_disabled()


def test_what_is_refused_is_said_in_words(browser: Browser, live: Live) -> None:
    with shown(browser, live) as page:
        press(page, "z-down")
        expect(page.get_by_text("over the reject bin only")).to_be_visible()
        page.mouse.up()


@pytest.mark.parametrize(("language", "scheme"), [("en-GB", "light"), ("zh-CN", "dark")])
def test_the_pad_fits_and_passes_the_accessibility_checker(
    language: str, scheme: str, browser: Browser, live: Live, tmp_path: Path
) -> None:
    context = {"locale": language, "color_scheme": scheme, "bypass_csp": True, "reduced_motion": "reduce"}
    with shown(browser, live, **context) as page:
        assert page.evaluate(OVER_THE_EDGE) == []
        inside = """() => { const p = document.querySelector('.jog').getBoundingClientRect();
            return [...document.querySelectorAll('.jog *')].filter(e => { const r = e.getBoundingClientRect();
              return r.right > p.right + 1 || r.bottom > p.bottom + 1; }).map(e => e.className); }"""
        assert page.evaluate(inside) == []
        page.screenshot(path=tmp_path / f"jog_{language}.png")
        if vendor.CHECKER_FILE.exists():
            page.add_script_tag(path=str(vendor.CHECKER_FILE))
            found = page.evaluate("axe.run(document.querySelector('.jog')).then(result => result.violations)")
            assert [(v["id"], [n["html"][:120] for n in v["nodes"]]) for v in found] == []
