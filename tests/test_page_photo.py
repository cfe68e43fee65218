"""The photo on the page's map, and the lines between corresponding points."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from camera_samples import ExplainingMatcher, TrueCamera, publish_map
from page_browser import browser, watching
from service_live import serving, settings_of
from test_indexer_matching import GSD_M, ground

from model.matching.xfeat_matcher import XFeatMatcher
from service.app import create_app

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

__all__ = ["browser"]
CAMERA = TrueCamera(
    east_m=108.0, north_m=-145.0, height_m=80.0, heading_deg=20.0, pitch_deg=-68.0, roll_deg=2.0
)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """Address of a service with the real matcher, and a photo of its map."""
    store, embedder = tmp_path_factory.mktemp("store"), ExplainingMatcher(XFeatMatcher())
    publish_map(store, tmp_path_factory.mktemp("maps"), embedder)
    photo = tmp_path_factory.mktemp("photo") / "photo.jpg"
    CAMERA.photo(ground(1), GSD_M, (640, 480)).save(photo, quality=95)
    settings = settings_of(store)
    with serving(create_app(settings, embedder), settings) as client:
        yield str(client.base_url), photo


def ask(page: "Page", photo: Path) -> None:
    panel = page.locator("#panel-localize")
    panel.locator("input[type=file][multiple]").set_input_files(photo)
    panel.locator(".options summary").click()
    panel.locator("input[name=fov_deg]").fill("60")
    panel.get_by_role("button", name="Find the place").click()
    panel.locator(".status.match").wait_for()


def test_the_photo_lies_on_its_outline_and_its_opacity_slides(
    browser: "Browser", place: tuple[str, Path]
) -> None:
    address, photo = place
    with watching(browser, address) as watched:
        page = watched.open()
        ask(page, photo)
        image = page.locator("img.photo-on-map")
        image.wait_for()
        assert "Camera at" in page.locator("#panel-localize .camera-pose").inner_text()
        page.get_by_label("Photo on the map").last.fill("0.2")
        assert image.evaluate("node => node.style.opacity") == "0.2"
        corners = page.evaluate(
            """() => {
              const image = document.querySelector("img.photo-on-map");
              const matrix = new DOMMatrix(getComputedStyle(image).transform);
              return [[0, 0], [512, 0], [512, 512], [0, 512]].map(([x, y]) => {
                const p = matrix.transformPoint(new DOMPoint(x, y));
                return [p.x / p.w, p.y / p.w];
              });
            }"""
        )
        width_px = abs(corners[1][0] - corners[0][0])
        lower_px = abs(corners[2][0] - corners[3][0])
        assert width_px > 1.1 * lower_px > 20, "the far side of an oblique photo is the longer one"
        page.locator(".leaflet-control-zoom-in").click()
        page.wait_for_timeout(600)
        zoomed = image.evaluate("node => getComputedStyle(node).transform")
        assert zoomed.startswith("matrix3d")


def test_lines_join_the_points_side_by_side(browser: "Browser", place: tuple[str, Path]) -> None:
    address, photo = place
    with watching(browser, address) as watched:
        page = watched.open()
        ask(page, photo)
        page.locator("#panel-localize .matches button").first.click()
        page.locator("#compare .modes button[value=side]").click()
        lines = page.locator("#compare .point-lines path")
        lines.first.wait_for(state="attached")
        assert 20 <= lines.count() <= 100
        page.locator("#compare .modes button[value=swipe]").click()
        assert lines.count() == 0
