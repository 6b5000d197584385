"""Seconds in which the page of a report opens in headless Chromium, against an empty page: median of ROUNDS.

    python -m benchmarks.report_page models/RUN/report.html

Until its script has run, so that buttons answer; a new tab each time. Needs Chromium.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

ROUNDS = 7
FLAGS = ("--no-sandbox",)  # it opens files of one's own alone


def opening_seconds(browser, page: Path, ready: str) -> float:
    """From a new tab to `ready`, a selector."""
    tab = browser.new_page(viewport={"width": 1200, "height": 900})
    begun = time.perf_counter()
    tab.goto(page.as_uri())
    tab.wait_for_selector(ready, state="attached")
    seconds = time.perf_counter() - begun
    tab.close()
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pages", nargs="+", type=Path, metavar="PAGE", help="what `kgenre report` wrote")
    parser.add_argument("--chromium", default="/usr/bin/chromium", help="the browser (default: Debian's)")
    args = parser.parse_args()
    from playwright.sync_api import sync_playwright

    empty = Path(tempfile.mkdtemp()) / "empty.html"
    empty.write_text("<!DOCTYPE html><html data-ready><title>empty</title></html>", encoding="utf-8")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=args.chromium, args=FLAGS)
        times = {page: [] for page in (empty, *args.pages)}
        for _ in range(ROUNDS):
            for page, own in times.items():
                own.append(opening_seconds(browser, page.resolve(), "html[data-ready]"))
        browser.close()
    medians = {page: statistics.median(own) for page, own in times.items()}
    for page, seconds in medians.items():
        size = page.stat().st_size / 1e6
        print(f"  {page.name:<24} {size:6.2f} MB  {seconds:6.3f} s   {seconds / medians[empty]:5.1f} of an empty page")


if __name__ == "__main__":
    main()
