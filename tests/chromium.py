"""Chromium without a window, for the tests of pages."""

import contextlib
import shutil
import time
from collections.abc import Callable

import pytest

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
# SwiftShader computes WebGL. The rest of a page is painted without it, as in a browser without a GPU: with it, a page
# takes four times as long. The menu of the address line, which nobody sees, would have a process for each window.
FLAGS = (
    "--no-sandbox", "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader",
    "--ignore-gpu-blocklist", "--disable-gpu-rasterization", "--disable-gpu-compositing",
    "--autoplay-policy=no-user-gesture-required",
    "--disable-features=WebUIOmniboxPopup,WebUIOmniboxAimPopup,WebUIOmniboxFullPopup",
)  # fmt: skip


@contextlib.contextmanager
def chromium():
    """A running Chromium, as Playwright's Browser; the test is skipped where there is none."""
    if CHROMIUM is None:
        pytest.skip("no Chromium here: `apt-get install chromium`")
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@contextlib.contextmanager
def new_tab(browser, **options):
    """A new tab; the test fails if a script does."""
    page, errors = browser.new_page(viewport={"width": 1200, "height": 800}, **options), []
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield page
    page.close()
    assert not errors


def opened(tab, address: str):
    tab.goto(address)
    tab.wait_for_selector("html[data-ready]", timeout=60000)
    return tab


def wait_in(tab, holds: Callable, about: str = "") -> None:
    """Waits for a condition of the test, while the tab goes on and its routes are called."""
    give_up = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < give_up, about
        tab.wait_for_timeout(20)


def until(tab, holds: str) -> None:
    """Waits for an expression to be true; the page's policy lets no script evaluate it there."""
    wait_in(tab, lambda: tab.evaluate(f"Boolean({holds})"), holds)


def fingers(tab):
    """What puts fingers on a touch screen, moves and lifts them: a function of a kind of event and of places."""
    session = tab.context.new_cdp_session(tab)

    def touch(kind: str, *places: tuple[float, float], at: float | None = None) -> None:
        points = [{"x": x, "y": y, "id": finger} for finger, (x, y) in enumerate(places)]
        when = {} if at is None else {"timestamp": at}
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points, **when})

    return touch


def drag(touch, *way: tuple[float, float], step: float = 0.03, rest: float = 0.3) -> None:
    """One finger along a way, with the function that `fingers` gives.

    The events say that they are `step` seconds apart and that the finger rested before it was lifted, however slow
    the machine is: the page's speeds are those of the events.
    """
    at = time.time() - step * len(way) - rest
    touch("touchStart", way[0], at=at)
    for number, place in enumerate(way[1:], 1):
        touch("touchMove", place, at=at + step * number)
    time.sleep(min(rest, 0.1))  # of a finger lifted in motion comes a fling, and a tap that stops it clicks nothing
    touch("touchEnd", at=at + step * (len(way) - 1) + rest)


def tab_to(tab, selector: str, most: int = 80) -> None:
    """Presses Tab until an element has the focus, as one does without a mouse."""
    for _ in range(most):
        if tab.evaluate("(selector) => document.activeElement.matches(selector)", selector):
            return
        tab.keyboard.press("Tab")
    raise AssertionError(f"Tab does not lead to {selector}")
