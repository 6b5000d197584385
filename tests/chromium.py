"""Chromium without a window, for the tests of pages."""

import contextlib
import shutil

import pytest

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FLAGS = ("--no-sandbox", "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader",
         "--ignore-gpu-blocklist", "--autoplay-policy=no-user-gesture-required")  # fmt: skip


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
