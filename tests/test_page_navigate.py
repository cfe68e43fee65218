"""The Navigate tab in a real browser against the real service."""

import re

from page_browser import Watched
from page_world import FLIGHTS, centre, tile, tile_id
from playwright.sync_api import Page, expect
from service_live import encoded

PANEL = "#panel-navigate"


def open_navigate(watched: Watched) -> Page:
    page = watched.open()
    page.click("#tab-navigate")
    return page


def click_tile(page: Page, column: int, row: int) -> None:
    """Click the map where a tile's middle is drawn; the map shows the whole 8 x 8 town."""
    around = page.locator("#map").bounding_box()
    assert around is not None
    # The page fits the town centred; at its zoom a tile is 64 px wide (see the first screenshot).
    side = 64
    middle_x = around["x"] + around["width"] / 2
    middle_y = around["y"] + around["height"] / 2
    page.mouse.click(middle_x + (column - 3.5) * side, middle_y + (row - 3.5) * side)


def test_a_tile_clicked_on_the_map_brings_the_drone_images_of_that_place(watched: Watched) -> None:
    page = open_navigate(watched)
    column, row = FLIGHTS["morning"][2]
    click_tile(page, column, row)
    expect(page.locator(f"{PANEL} .chosen")).to_contain_text(tile_id(column, row))
    expect(page.locator(f"{PANEL} .status.match")).to_be_visible()
    first = page.locator(f"{PANEL} .matches button").first
    expect(first).to_contain_text("Photo 1")
    expect(first).to_contain_text("morning-2")
    expect(first).to_contain_text("80 m above take-off")
    expect(first).to_contain_text("looking 180°")


def test_headings_are_arrows_and_flights_are_lines_in_order(watched: Watched) -> None:
    page = open_navigate(watched)
    page.click(f"{PANEL} .options summary")
    page.fill(f"{PANEL} [name=top_k]", "11")
    picture = encoded(tile(*FLIGHTS["noon"][1]))
    file = {"name": "tile.jpg", "mimeType": "image/jpeg", "buffer": picture}
    page.set_input_files(f"{PANEL} input[type=file]", [file])
    with page.expect_response("**/navigate?**") as answered:
        page.click(f"{PANEL} button[type=submit]")
    expect(page.locator(".drone-pin")).to_have_count(11)
    turns = page.locator(".drone-pin .arrow").evaluate_all("all => all.map(a => a.style.transform)")
    assert sorted(turns) == ["rotate(180deg)"] * 6 + ["rotate(90deg)"] * 5
    legend = page.locator("#legend")
    expect(legend).to_contain_text(re.compile(r"Flight noon, 5 images"))
    expect(legend).to_contain_text(re.compile(r"Flight morning, 6 images"))
    for flight in answered.value.json()["flights"]:
        track = [(image["latitude"], image["longitude"]) for image in flight["track"]]
        truth = [centre(*place) for place in FLIGHTS[flight["flight_id"]]]
        assert [(round(a, 6), round(b, 6)) for a, b in track] == [
            (round(a, 6), round(b, 6)) for a, b in truth
        ]


def test_without_a_mouse_enter_asks_for_the_tile_in_the_middle(watched: Watched) -> None:
    page = open_navigate(watched)
    page.locator("#map").focus()
    page.keyboard.press("ArrowUp")
    page.wait_for_timeout(300)
    page.keyboard.press("Enter")
    expect(page.locator(f"{PANEL} .status")).to_be_visible()
    expect(page.locator(f"{PANEL} .chosen")).to_contain_text("tile-")


def test_a_drone_on_the_map_opens_its_picture(watched: Watched) -> None:
    page = open_navigate(watched)
    click_tile(page, *FLIGHTS["noon"][3])
    page.locator('.drone-pin[aria-label^="Match 1,"]').focus()
    page.keyboard.press("Enter")
    expect(page.locator("#compare")).to_contain_text("Photo 1 · 80 m above take-off: noon-3")


def test_each_tab_keeps_its_own_answer(watched: Watched) -> None:
    page = open_navigate(watched)
    click_tile(page, *FLIGHTS["morning"][0])
    page.wait_for_selector(f"{PANEL} .matches button")
    page.click("#tab-localize")
    expect(page.locator(".drone-pin")).to_have_count(0)
    page.locator("#tab-localize").press("ArrowRight")
    expect(page.locator("#tab-navigate")).to_be_focused()
    expect(page.locator(".drone-pin")).to_have_count(5)
