"""Around the answer: notations, other programs, map switches, history, the phone, own maps."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from page_browser import Watched, watching
from page_world import SeeingEmbedder
from photo_samples import HEIC
from playwright.sync_api import expect
from service_live import serving, settings_of
from test_page_localize import PANEL, ask, estimate, gps_exif, photo
from test_service_building import ADMIN, KEYS, geotiff

from model.embedder import Embedder
from service.app import create_app
from service.formats.notations import degrees_minutes_seconds, grid_reference, utm

if TYPE_CHECKING:
    from playwright.sync_api import Browser

PHONE = {"width": 390, "height": 844}


def test_a_position_is_written_in_the_notation_of_choice(watched: Watched) -> None:
    page = watched.open()
    ask(page, photo(3, 4))
    place = estimate(page)
    output = page.locator(f"{PANEL} .coordinates output")
    for notation, write in (
        ("dms", degrees_minutes_seconds),
        ("utm", utm),
        ("mgrs", grid_reference),
    ):
        page.get_by_label("Notation").select_option(notation)
        expect(output).to_have_text(write(*place))
    page.reload()
    page.wait_for_selector(f"{PANEL} .coordinates")
    expect(output).to_have_text(grid_reference(*place))


def test_lengths_are_written_in_feet_where_wanted(watched: Watched) -> None:
    page = watched.open()
    ask(page, photo(3, 4))
    expect(page.locator(f"{PANEL} .estimate")).to_contain_text(re.compile(r"68 % within \d.* m,"))
    page.get_by_label("Unit").select_option("ft")
    expect(page.locator(f"{PANEL} .estimate")).to_contain_text(re.compile(r"68 % within \d.* ft,"))


def test_a_position_opens_elsewhere_only_by_a_click(watched: Watched) -> None:
    page = watched.open()
    ask(page, photo(3, 4))
    latitude, longitude = estimate(page)
    for name in ("OpenStreetMap", "Google Maps"):
        link = page.get_by_role("link", name=name)
        assert f"{latitude:.7f}" in str(link.get_attribute("href"))
        assert f"{longitude:.7f}" in str(link.get_attribute("href"))
        assert link.get_attribute("rel") == "noopener noreferrer"
    page.get_by_role("button", name="QGIS").click()
    expect(page.locator("#announcer")).to_contain_text("Add XYZ Layer")


def test_titles_say_what_a_match_is_and_the_engine_room_is_folded(watched: Watched) -> None:
    page = watched.open()
    ask(page, photo(3, 4))
    title = page.locator(f"{PANEL} .matches .title").first
    expect(title).to_have_text(re.compile(r"^Tile 1 · \d+ m$"))
    expect(page.locator(f"{PANEL} .timings")).to_be_hidden()
    page.get_by_text("What is the score?").click()
    expect(page.locator(".score-help p")).to_be_visible()
    page.locator(f"{PANEL} .matches button").first.click()
    expect(page.get_by_role("button", name="Heatmap")).to_be_hidden()
    page.locator("#compare summary").click()
    expect(page.get_by_role("button", name="Heatmap")).to_be_visible()


def test_tile_outlines_are_off_until_they_are_wanted(watched: Watched) -> None:
    page = watched.open()
    outlines = page.locator("#map .footprints")
    expect(outlines).to_have_css("visibility", "hidden")
    page.get_by_label("Tile outlines").check()
    expect(outlines).to_have_css("visibility", "visible")
    page.get_by_label("Tile outlines").uncheck()
    expect(outlines).to_have_css("visibility", "hidden")


def test_home_shows_the_whole_gallery_again(watched: Watched) -> None:
    page = watched.open()
    before = page.locator(".leaflet-control-scale-line").inner_text()
    for _ in range(4):
        page.locator(".leaflet-control-zoom-in").click()
    expect(page.locator(".leaflet-control-scale-line")).not_to_have_text(before)
    page.get_by_role("button", name="Home").click()
    expect(page.locator(".leaflet-control-scale-line")).to_have_text(before)


def test_earlier_answers_of_the_tab_come_back(watched: Watched) -> None:
    page = watched.open()
    ask(page, photo(3, 4))
    first = estimate(page)
    page.get_by_role("button", name="Remove photo-3-4.jpg").click()
    ask(page, photo(6, 1))
    assert estimate(page) != first
    page.locator(f"{PANEL} .history summary").click()
    page.get_by_role("button", name=re.compile("photo-3-4.jpg$")).click()
    assert estimate(page) == first
    expect(page.locator(f"{PANEL} .chosen")).to_contain_text("photo-3-4.jpg")


def test_photos_are_counted_and_removed_together(watched: Watched) -> None:
    page = watched.open()
    page.set_input_files(f"{PANEL} .drop-zone input", [photo(1, 1), photo(1, 2), photo(1, 3)])
    expect(page.locator(f"{PANEL} .chosen-count")).to_contain_text("3 photos")
    page.get_by_role("button", name="Remove all").click()
    expect(page.locator(f"{PANEL} .chosen li")).to_have_count(0)
    expect(page.locator(f"{PANEL} button[type=submit]")).to_be_disabled()


def test_a_changed_question_takes_its_answer_from_the_map_and_the_legend(watched: Watched) -> None:
    page = watched.open()
    ask(page, photo(3, 4))
    expect(page.locator("#legend")).to_contain_text("Ground in the middle of the photo")
    page.get_by_role("button", name="Remove photo-3-4.jpg").click()
    expect(page.locator("#legend li")).to_have_count(0)
    expect(page.locator(".leaflet-marker-icon")).to_have_count(0)


def test_a_photo_that_the_browser_cannot_show_is_found_all_the_same(watched: Watched) -> None:
    page = watched.open()
    heic = {"name": "IMG_1.HEIC", "mimeType": "image/heic", "buffer": HEIC}
    page.set_input_files(f"{PANEL} .drop-zone input", [heic])
    expect(page.locator(f"{PANEL} .chosen li")).to_contain_text("only of JPEG files")
    page.click(f"{PANEL} button[type=submit]")
    page.locator(f"{PANEL} .matches button").first.click()
    expect(page.locator("#compare .note")).to_contain_text("cannot show the photo's file format")


@pytest.mark.parametrize(("latitude", "outside"), [(50.0880, False), (50.5, True)])
def test_a_photo_from_outside_the_gallery_is_reported_before_it_is_sent(
    watched: Watched, latitude: float, outside: bool
) -> None:
    page = watched.open()
    data = photo(2, 2, exif=gps_exif(latitude, 13.9150))
    page.set_input_files(f"{PANEL} .drop-zone input", [data])
    expect(page.locator(f"{PANEL} .chosen li")).to_contain_text("EXIF")
    warning = page.locator(f"{PANEL} .outside")
    if outside:
        expect(warning).to_contain_text(re.compile(r'GPS lies 4\d km outside gallery "town"'))
    else:
        expect(warning).to_have_count(0)


def test_on_a_phone_the_answer_comes_first_and_a_camera_is_offered(
    browser: "Browser", address: str
) -> None:
    options = {"viewport": PHONE, "has_touch": True, "is_mobile": True}
    with watching(browser, address, **options) as watched:
        page = watched.open()
        expect(page.locator(f"{PANEL} .camera")).to_be_visible()
        ask(page, photo(3, 4))
        status = page.locator(f"{PANEL} .status").bounding_box()
        form = page.locator(f"{PANEL} form").bounding_box()
        assert status is not None
        assert form is not None
        assert status["y"] < form["y"]
        assert 0 <= status["y"] < PHONE["height"] / 2
        page.click(f"{PANEL} .curl summary")
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


def test_a_base_map_from_elsewhere_is_off_until_it_is_wanted(
    browser: "Browser", world: Path
) -> None:
    url = "http://tiles.example/{z}/{x}/{y}.png"
    settings = settings_of(world, base_map_url=url, base_map_credit="Example maps")
    app = create_app(settings, SeeingEmbedder())
    with serving(app, settings) as client, watching(browser, str(client.base_url)) as watched:
        page = watched.page
        reached: list[str] = []
        page.route(
            "http://tiles.example/**",
            lambda route: (reached.append(route.request.url), route.fulfill(status=204)),
        )
        watched.open()
        assert reached == []
        watched.asked.clear()
        page.get_by_label("Base map").check()
        expect(page.locator(".leaflet-control-attribution")).to_have_text("Example maps")
        page.wait_for_timeout(300)
        assert reached
        watched.asked.clear()
        watched.complaints.clear()


@pytest.fixture
def builder(tmp_path: Path) -> Iterator[str]:
    settings = settings_of(tmp_path / "store", api_keys=KEYS)
    settings.store.mkdir()
    with serving(create_app(settings, Embedder.load(matcher="none")), settings) as client:
        yield str(client.base_url)


def test_an_own_map_becomes_a_gallery_from_the_page(
    browser: "Browser", builder: str, tmp_path: Path
) -> None:
    data = geotiff(tmp_path / "harbour.tif")
    with watching(browser, builder) as watched:
        watched.refused = {401}
        page = watched.page
        page.goto(builder)
        page.get_by_role("dialog").get_by_label("API key").fill(ADMIN)
        page.get_by_role("button", name="Use this key").click()
        page.wait_for_selector("body[data-ready=yes]", state="attached", timeout=60_000)
        page.get_by_role("button", name="Add a map").click()
        dialog = page.get_by_role("dialog")
        file = {"name": "harbour.tif", "mimeType": "image/tiff", "buffer": data}
        dialog.locator(".drop-zone input").set_input_files([file])
        expect(dialog.get_by_label("Name")).to_have_value("harbour")
        dialog.get_by_label(re.compile("^Side of a tile")).fill("100")
        dialog.get_by_role("button", name="Send and count").click()
        expect(dialog.locator(".forecast")).to_contain_text("can be used", timeout=300_000)
        dialog.get_by_role("button", name="Build the gallery").click()
        expect(dialog).to_contain_text("is published and can be searched", timeout=300_000)
        dialog.get_by_role("button", name="Close").click()
        expect(page.locator(f"{PANEL} select[name=gallery]")).to_have_value("harbour")
        expect(page.locator("#map img.leaflet-tile-loaded").first).to_be_visible()


def test_a_folder_of_photos_can_be_chosen(watched: Watched, tmp_path: Path) -> None:
    folder = tmp_path / "flight"
    folder.mkdir()
    for number in range(3):
        (folder / f"photo-{number}.jpg").write_bytes(photo(1, number)["buffer"])  # type: ignore[arg-type]
    page = watched.open()
    page.get_by_role("button", name="Add a map").click()
    dialog = page.get_by_role("dialog")
    dialog.locator(".folder input").set_input_files(folder)
    expect(dialog.locator(".chosen-files")).to_contain_text("3 files")
    dialog.get_by_role("button", name="Cancel").click()
    expect(dialog).to_have_count(0)
