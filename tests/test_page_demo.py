"""The page over the demo's own galleries, with the shipped weights: what `make demo` shows."""

import base64
import csv
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from page_browser import Watched, watching
from playwright.sync_api import Browser, expect
from service_live import serving, settings_of

from service.app import create_app
from service.demo.__main__ import LOCALIZE_IMAGE, NAVIGATE_IMAGE
from service.demo.files import DemoFiles
from service.demo.truth import Truth

DEMO = DemoFiles(Path(__file__).parents[1] / "var" / "demo")

DROP = """async (content) => {
  const blob = new Blob([Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0))]);
  const transfer = new DataTransfer();
  transfer.items.add(new File([blob], "tile.jpg", { type: "image/jpeg" }));
  const zone = document.querySelector("#panel-navigate .drop-zone");
  zone.dispatchEvent(new DragEvent("drop", { dataTransfer: transfer, bubbles: true }));
}"""


@pytest.fixture(scope="module")
def demo(browser: Browser) -> Iterator[Watched]:
    """A watched page of a real service over the demo's galleries."""
    if not DEMO.store.is_dir():
        why = "the demo is not built: run make demo-check once to run its page tests"
        if os.environ.get("CI") == "true":
            pytest.fail(why)
        pytest.skip(why)
    settings = settings_of(DEMO.store)
    with (
        serving(create_app(settings), settings) as client,
        watching(
            browser, str(client.base_url), permissions=["clipboard-read", "clipboard-write"]
        ) as page,
    ):
        until_s = time.monotonic() + 120
        while client.get("/readyz").status_code != 200:
            assert time.monotonic() < until_s, "the service did not become ready"
            time.sleep(0.05)
        yield page


def test_the_demos_photo_lands_within_its_tile_on_the_map(demo: Watched) -> None:
    page, shot = demo.open(), Truth(DEMO.world).shot(LOCALIZE_IMAGE)
    with page.expect_response("**/localize?**") as answered:
        page.set_input_files("#panel-localize input[type=file]", shot.path)
        page.click("#panel-localize button[type=submit]")
    west, south, east, north = answered.value.json()["matches"][0]["bounds"]
    assert south < shot.latitude < north
    assert west < shot.longitude < east
    heading_deg = answered.value.json()["estimate"]["heading_deg"]
    with (DEMO.world / "gps.csv").open(newline="") as table:
        true_deg = {row["path"]: float(row["heading_deg"] or 0) for row in csv.DictReader(table)}
    assert abs((heading_deg - true_deg[LOCALIZE_IMAGE] + 180) % 360 - 180) < 15
    words = f"The top of the photo points to {round(heading_deg) % 360}°"
    expect(page.locator("#panel-localize .estimate")).to_contain_text(words)
    shown = page.inner_text("#panel-localize .coordinates output").split(", ")
    assert south < float(shown[0]) < north
    assert west < float(shown[1]) < east
    expect(page.locator('.rank-pin[aria-label^="Match 1,"]')).to_be_visible()
    page.click("#panel-localize .estimate button:has-text('Copy')")
    expect(page.locator("#panel-localize .coordinates")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == ", ".join(shown)


def test_the_demos_tile_finds_a_photo_of_its_place(demo: Watched) -> None:
    page, shot = demo.open(), Truth(DEMO.world).shot(NAVIGATE_IMAGE)
    page.click("[role=tab]:has-text('Navigate')")
    content = base64.b64encode(shot.path.read_bytes()).decode()
    with page.expect_response("**/navigate?**") as answered:
        page.evaluate(DROP, content)
        expect(page.locator("#panel-navigate .chosen")).to_contain_text("tile.jpg")
        page.click("#panel-navigate button[type=submit]")
    answer = answered.value.json()
    assert answer["gallery"]["view"] == "drone"
    assert answer["flights"]
    expect(page.locator("#panel-navigate .matches button").first).to_be_visible()
