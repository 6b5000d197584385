"""The map of embeddings in a report: a click or a key opens the track that a point is, in a real browser."""

import numpy as np
import pytest
from chromium import chromium, until
from test_errors import made_subject

from kgenre.reporting.build import make_sections
from kgenre.reporting.page import report_page
from kgenre.reporting.section import Options, Output


@pytest.fixture(scope="module")
def subject():
    made = made_subject()
    found = {**made.task.evaluate(made.targets, made.probabilities), "data": "made", "protocol": "none", "overlap": ""}
    made.metrics.update(found, note="", command="")
    return made


@pytest.fixture(scope="module")
def page(subject, tmp_path_factory):
    folder = tmp_path_factory.mktemp("map")
    output = Output(folder, Options())
    path = folder / "report.html"
    path.write_text(report_page(subject, *make_sections(subject, output), output.excerpts), encoding="utf-8")
    return path


def name_of(window) -> str:
    return window.locator("#tracks-list .track div").first.text_content()


@pytest.mark.parametrize("width", (1100, 390))
def test_map_point_that_is_clicked_opens_its_track(page, subject, width):
    number = int(np.flatnonzero(~subject.right)[0])
    with chromium() as browser:
        window = browser.new_page(viewport={"width": width, "height": 800})
        said = []
        window.on("console", lambda message: said.append(message.text))
        window.on("pageerror", lambda error: said.append(str(error)))
        window.goto(page.as_uri())
        points, tip = window.locator("#map .point"), window.locator("#tip")
        assert points.count() == 60
        assert window.locator("#map path.point").count() == (~subject.right).sum()  # mistakes are crosses
        frame = window.locator("#map svg").bounding_box()
        for box in (points.nth(i).bounding_box() for i in range(60)):  # all of them inside, on a phone, too
            assert frame["x"] <= box["x"] and box["x"] + box["width"] <= frame["x"] + frame["width"]
        point = window.locator(f'#map .point[data-tracks="{number}"]')
        point.scroll_into_view_if_needed()
        point.dispatch_event("click")
        assert f"t{number} - a{number}" == name_of(window)
        window.locator("#close").click()
        map_ = window.locator("#map svg")
        map_.focus()
        window.keyboard.press("ArrowRight")
        assert tip.text_content().startswith("t0\na0\n") and "predicted " in tip.text_content()
        window.keyboard.press("Enter")
        assert name_of(window) == "t0 - a0"
        window.keyboard.press("Escape")
        until(window, "!document.querySelector('#tracks-list').children.length")
        point.scroll_into_view_if_needed()
        box = point.bounding_box()  # beside the point, as a finger is
        window.mouse.click(box["x"] + box["width"] + 2, box["y"] + box["height"] / 2)
        window.locator("#tracks-list .track").wait_for()
        assert said == []
