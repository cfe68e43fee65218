"""What holds for the whole page: accessibility, phones, dark, calm, and large galleries."""

from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from page_browser import Watched, watching
from page_world import SeeingEmbedder, publish_grid
from playwright.sync_api import Browser, Page, Route, expect
from service_live import serving, settings_of

from service.app import create_app

PANEL = "#panel-localize"
LARGE_SIDE = 100
"""Tiles per side of the large gallery: 10,000 in all."""


def serious(page: Page) -> list[str]:
    """axe-core's findings of serious or critical impact."""
    violations = Axe().run(page).response["violations"]
    return [
        f"{found['id']}: {found['nodes'][0]['html'][:120]}"
        for found in violations
        if found["impact"] in ("serious", "critical")
    ]


def answered(watched: Watched) -> Page:
    page = watched.open()
    page.locator(f"{PANEL} .samples button").nth(1).click()
    page.wait_for_selector(f"{PANEL} .matches button")
    return page


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(browser: Browser, address: str, scheme: str) -> None:
    with watching(browser, address, color_scheme=scheme) as watched:
        page = watched.open()
        assert serious(page) == []
        page.click(f"{PANEL} .options summary")
        page.click(f"{PANEL} .prior button[value=circle]")
        page.locator(f"{PANEL} .samples button").nth(1).click()
        page.locator(f"{PANEL} .matches button").first.click()
        expect(page.locator("#compare")).to_be_visible()
        assert serious(page) == []
        page.click("#tab-navigate")
        assert serious(page) == []


def test_dark_is_dark_and_calm_is_calm(browser: Browser, address: str) -> None:
    options = {"color_scheme": "dark", "reduced_motion": "reduce"}
    with watching(browser, address, **options) as watched:
        page = watched.open()
        red = page.evaluate("getComputedStyle(document.body).backgroundColor.match(/\\d+/)[0]")
        assert int(red) < 60
        assert page.locator(".leaflet-zoom-anim").count() == 0
        assert page.locator(".leaflet-fade-anim").count() == 0


def test_a_phone_shows_everything_without_scrolling_sideways(
    browser: Browser, address: str
) -> None:
    phone = {"width": 360, "height": 740}
    with watching(browser, address, viewport=phone, has_touch=True) as watched:
        page = answered(watched)
        page.locator(f"{PANEL} .matches button").first.click()
        expect(page.locator("#compare")).to_be_visible()
        width = page.evaluate("document.documentElement.scrollWidth")
        assert width <= 360
        around = page.locator("#map").bounding_box()
        assert around is not None
        assert around["width"] == 360
        assert around["height"] > 250


def test_everything_can_be_reached_and_used_by_keyboard(watched: Watched) -> None:
    page = watched.open()
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.ariaLabel ?? ''").startswith("Sample 2"):
            break
    page.keyboard.press("Enter")
    expect(page.locator(f"{PANEL} .status")).to_be_visible()
    first = page.locator(f"{PANEL} .matches button").first
    for _ in range(40):
        page.keyboard.press("Tab")
        if first.evaluate("node => node === document.activeElement"):
            break
    page.keyboard.press("Enter")
    expect(page.locator("#compare")).to_be_visible()


def test_the_answer_is_announced(watched: Watched) -> None:
    page = answered(watched)
    expect(page.locator("#announcer[role=status]")).to_contain_text("Match · confidence")


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Root of a service with a gallery of 10,000 tiles."""
    store = tmp_path_factory.mktemp("large")
    publish_grid(store, tmp_path_factory.mktemp("grid"), LARGE_SIDE)
    settings = settings_of(store)
    with serving(create_app(settings, SeeingEmbedder()), settings) as client:
        yield str(client.base_url)


def test_ten_thousand_tiles_are_one_picture_to_the_browser(browser: Browser, large: str) -> None:
    with watching(browser, large) as watched:
        page = watched.open()
        gallery = page.locator(f"{PANEL} select[name=gallery]")
        expect(gallery).to_contain_text("10000 images")
        page.get_by_label("Tile outlines").check()
        page.wait_for_selector("canvas.leaflet-tile")
        # Footprints are pixels, not elements: the page weighs as little as with one tile.
        assert page.locator("*").count() < 500
        spent_ms = processor_ms(page, PAN) / FRAMES
        # The main thread's own time, whatever else the machine does: 60 frames a second need 16.
        assert spent_ms < 16


def processor_ms(page: Page, script: str) -> float:
    """Processor time of the page's main thread while a script runs, ms."""
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})

    def task_s() -> float:
        metrics = session.send("Performance.getMetrics")["metrics"]
        return next(m["value"] for m in metrics if m["name"] == "TaskDuration")

    before = task_s()
    page.evaluate(script)
    return 1000 * (task_s() - before)


def test_a_gallery_too_large_for_one_answer_is_fetched_by_view(watched: Watched) -> None:
    def limited(route: Route) -> None:
        url = route.request.url
        route.continue_(url=f"{url}{'&' if '?' in url else '?'}limit=20")

    watched.page.route("**/footprints**", limited)
    page = watched.open()
    with page.expect_request("**/footprints?bounds=**") as asked:
        page.locator("#map").focus()
        page.keyboard.press("+")
    bounds = [float(part) for part in asked.value.url.split("bounds=")[1].split(",")]
    assert bounds[0] < bounds[2]
    assert bounds[1] < bounds[3]
    # All of the map is shown from the start, although few of its footprints are.
    assert page.locator(".leaflet-tile-loaded").count() > 0


FRAMES = 80
PAN = """async () => {
  const map = document.getElementById("map");
  const box = map.getBoundingClientRect();
  const at = (type, dx) => map.dispatchEvent(new MouseEvent(type, {
    bubbles: true, button: 0, buttons: 1,
    clientX: box.x + 400 + dx, clientY: box.y + 300,
  }));
  const frame = () => new Promise(requestAnimationFrame);
  at("mousedown", 0);
  for (let step = 1; step <= 60; step += 1) {
    at("mousemove", -4 * step);
    await frame();
  }
  at("mouseup", -240);
  for (let step = 0; step < 20; step += 1) await frame();
}"""
