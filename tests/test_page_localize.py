"""The Localize tab in a real browser against the real service."""

import base64
import json
import math
import re
from pathlib import Path
from urllib.parse import parse_qsl, urlencode

import pytest
from page_browser import Watched
from page_world import centre, drone_photo, tile_box, tile_id
from PIL import ExifTags, Image
from playwright.sync_api import Page, expect
from service_live import encoded

from indexer.geo import distance_m

PANEL = "#panel-localize"


def photo(column: int, row: int, seed: int = 0, **options: object) -> dict[str, object]:
    name = f"photo-{column}-{row}.jpg"
    data = encoded(drone_photo(column, row, seed), **options)
    return {"name": name, "mimeType": "image/jpeg", "buffer": data}


def ask(page: Page, *photos: dict[str, object]) -> None:
    page.set_input_files(f"{PANEL} input[type=file]", list(photos))
    page.click(f"{PANEL} button[type=submit]")
    page.wait_for_selector(f"{PANEL} .status")


def estimate(page: Page) -> tuple[float, float]:
    latitude, longitude = page.inner_text(f"{PANEL} .coordinates output").split(", ")
    return float(latitude), float(longitude)


def test_a_known_photo_lands_within_its_tile_on_the_map(watched: Watched) -> None:
    page = watched.open()
    ask(page, photo(3, 4))
    expect(page.locator(f"{PANEL} .status.match")).to_contain_text("Match")
    latitude, longitude = estimate(page)
    west, south, east, north = tile_box(3, 4)
    assert south < latitude < north
    assert west < longitude < east
    # On the screen as well: the estimate's cross lies inside the first match's outline.
    cross = page.locator(".estimate-pin").bounding_box()
    first = page.locator('.rank-pin[aria-label^="Match 1,"]').bounding_box()
    assert cross is not None
    assert first is not None
    assert math.hypot(cross["x"] - first["x"], cross["y"] - first["y"]) < 8
    expect(page.locator(f"{PANEL} .matches button").first).to_contain_text(tile_id(3, 4))


def test_several_views_of_one_place_are_sent_together_and_fused(watched: Watched) -> None:
    page = watched.open()
    with page.expect_response("**/localize?**") as answered:
        ask(page, *[photo(5, 2, seed) for seed in range(3)])
    assert answered.value.json()["query"]["images"] == 3
    expect(page.locator(f"{PANEL} .chosen li")).to_have_count(3)
    assert distance_m(*estimate(page), *centre(5, 2)) < 30


def test_a_sample_is_asked_with_one_click_and_its_own_place_is_shown(watched: Watched) -> None:
    page = watched.open()
    page.locator(f"{PANEL} .samples button").nth(2).click()
    expect(page.locator(f"{PANEL} .status.match")).to_be_visible()
    expect(page.locator(".own-pin")).to_have_count(1)
    expect(page.locator(f"{PANEL} .estimate")).to_contain_text("Where the sample was taken")


def test_a_prior_that_excludes_the_truth_leaves_it_out(watched: Watched) -> None:
    page = watched.open()
    page.click(f"{PANEL} .prior button[value=circle]")
    latitude, longitude = centre(0, 7)
    for label, value in (("Latitude", latitude), ("Longitude", longitude), ("Radius", 120)):
        page.get_by_label(re.compile(f"^{label}")).fill(str(value))
    ask(page, photo(6, 1))
    found = page.locator(f"{PANEL} .matches .words").all_inner_texts()
    assert found
    assert not any(tile_id(6, 1) in text for text in found)
    assert page.locator(f"{PANEL} .status.match").count() == 0
    expect(page.locator(f"{PANEL} .status")).to_contain_text("Try:")


def test_a_box_drawn_with_the_mouse_restricts_the_answer(watched: Watched) -> None:
    page = watched.open()
    page.click(f"{PANEL} .prior button[value=box]")
    around = page.locator("#map").bounding_box()
    assert around is not None
    middle_x, middle_y = around["x"] + around["width"] / 2, around["y"] + around["height"] / 2
    page.mouse.move(middle_x - 4, middle_y - 4)
    page.mouse.down()
    page.mouse.move(middle_x + 60, middle_y + 60, steps=4)
    page.mouse.move(middle_x + 130, middle_y + 130, steps=4)
    page.mouse.up()
    with page.expect_response("**/localize?**") as answered:
        ask(page, photo(4, 4))
    west, south, east, north = json.loads(
        f"[{answered.value.url.split('bounds=')[1].replace('%2C', ',')}]"
    )
    for match in answered.value.json()["matches"]:
        assert south <= match["latitude"] <= north
        assert west <= match["longitude"] <= east
    expect(page.locator(f"{PANEL} .matches button").first).to_contain_text(tile_id(4, 4))


def test_a_circle_drawn_with_the_mouse_becomes_the_radius(watched: Watched) -> None:
    page = watched.open()
    page.click(f"{PANEL} .prior button[value=circle]")
    around = page.locator("#map").bounding_box()
    assert around is not None
    page.mouse.move(around["x"] + 400, around["y"] + 300)
    page.mouse.down()
    page.mouse.move(around["x"] + 450, around["y"] + 300, steps=5)
    page.mouse.up()
    radius = float(page.get_by_label(re.compile("^Radius")).input_value())
    assert 20 < radius < 400
    page.click(f"{PANEL} .prior button[value=none]")
    assert page.locator(f"{PANEL} .prior-fields input").count() == 0


def test_no_match_looks_different_and_says_what_to_try(watched: Watched) -> None:
    page = watched.open()
    page.click(f"{PANEL} .options summary")
    page.fill(f"{PANEL} [name=min_confidence]", "1")
    ask(page, photo(1, 0, 3, quality=8))
    status = page.locator(f"{PANEL} .status.no_match")
    expect(status).to_contain_text("No match")
    expect(status).to_contain_text("a lower minimum confidence than 1")
    assert page.locator(".estimate-pin").count() == 0
    assert page.locator(f"{PANEL} .coordinates").count() == 0


def test_text_instead_of_an_image_is_refused_in_the_services_words(watched: Watched) -> None:
    watched.refused = {400}
    page = watched.open()
    ask(page, {"name": "notes.txt", "mimeType": "text/plain", "buffer": b"not a picture"})
    problem = page.locator(f"{PANEL} .status.problem")
    expect(problem).to_contain_text("Not an image")
    expect(problem).to_contain_text("is not an image that can be read")
    expect(problem.get_by_role("button", name="Try again")).to_be_visible()


def test_exif_position_is_shown_for_comparison_and_not_used(watched: Watched) -> None:
    page = watched.open()
    with page.expect_response("**/localize?**") as answered:
        ask(page, photo(2, 2, exif=gps_exif(50.0880, 13.9150)))
    assert answered.value.json()["query"]["gps_used"] is False
    expect(page.locator(f"{PANEL} .chosen")).to_contain_text("EXIF 50.0880000, 13.9150000")
    expect(page.locator(".own-pin")).to_have_count(1)
    away = distance_m(50.0880, 13.9150, *estimate(page))
    expect(page.locator(f"{PANEL} .estimate")).to_contain_text(f"{round(away)} m away")


def test_a_match_opens_beside_the_question_with_a_swipe(watched: Watched) -> None:
    page = watched.open()
    ask(page, photo(3, 3))
    page.locator(f"{PANEL} .matches button").first.click()
    compare = page.locator("#compare")
    expect(compare).to_contain_text(re.compile(rf"Tile 1 · \d+ m: {re.escape(tile_id(3, 3))}"))
    for image in compare.locator("figure img").all():
        expect(image).to_have_js_property("complete", True)
        assert image.evaluate("image => image.naturalWidth") > 0
    compare.locator("input[type=range]").focus()
    page.keyboard.press("Home")
    clip = "figure => getComputedStyle(figure).clipPath"
    assert "100%" in compare.locator("figure").first.evaluate(clip)
    compare.get_by_role("button", name="Side by side").click()
    assert compare.locator("figure").first.evaluate(clip) == "none"
    compare.get_by_role("button", name="Close the comparison").click()
    expect(compare).to_be_hidden()


def test_files_are_written_by_the_service(watched: Watched, tmp_path: Path) -> None:
    page = watched.open()
    ask(page, photo(3, 3))
    starts = {"GeoJSON": '{"type"', "GPX": "<?xml", "KML": "<?xml"}
    for name, start in starts.items():
        with page.expect_download() as download:
            page.get_by_role("button", name=name).click()
        assert download.value.suggested_filename == f"localize.{name.lower()}"
        path = tmp_path / name
        download.value.save_as(path)
        assert path.read_text().startswith(start)


def test_the_link_of_a_sample_asks_again_and_shows_the_same(watched: Watched) -> None:
    page = watched.open()
    page.locator(f"{PANEL} .samples button").nth(1).click()
    page.wait_for_selector(f"{PANEL} .matches button")
    page.locator(f"{PANEL} .matches button").nth(1).click()
    before = estimate(page)
    titles = page.locator(f"{PANEL} .matches .title").all_inner_texts()
    link = page.evaluate("location.hash")
    page.goto("about:blank")
    watched.open(f"/{link}")
    assert estimate(page) == before
    assert page.locator(f"{PANEL} .matches .title").all_inner_texts() == titles
    expect(page.locator("#compare")).to_contain_text("Tile 2 ·")


def test_the_link_of_a_photo_carries_the_answer_but_not_the_photo(watched: Watched) -> None:
    page = watched.open()
    ask(page, photo(6, 6))
    before = estimate(page)
    titles = page.locator(f"{PANEL} .matches .title").all_inner_texts()
    link = page.evaluate("location.hash")
    page.goto("about:blank")
    watched.asked.clear()
    watched.open(f"/{link}")
    assert estimate(page) == before
    assert page.locator(f"{PANEL} .matches .title").all_inner_texts() == titles
    assert not any("/localize" in url for url in watched.asked)


def test_the_curl_command_is_the_same_question(watched: Watched) -> None:
    page = watched.open()
    with page.expect_response("**/localize?**") as answered:
        ask(page, photo(3, 3))
    page.click(f"{PANEL} .curl summary")
    command = page.inner_text(f"{PANEL} .curl code")
    assert f"curl '{answered.value.url}'" in command
    assert "-F 'image=@photo-3-3.jpg'" in command


def gps_exif(latitude: float, longitude: float) -> bytes:
    """An EXIF block with a position, north and east, degrees."""
    exif = Image.Exif()
    gps = exif.get_ifd(ExifTags.IFD.GPSInfo)
    gps[ExifTags.GPS.GPSLatitudeRef] = "N"
    gps[ExifTags.GPS.GPSLatitude] = (latitude, 0.0, 0.0)
    gps[ExifTags.GPS.GPSLongitudeRef] = "E"
    gps[ExifTags.GPS.GPSLongitude] = (longitude, 0.0, 0.0)
    return exif.tobytes()


def test_toggles_show_what_the_model_saw_in_both_pictures(watched: Watched) -> None:
    page = watched.open()
    ask(page, photo(3, 3))
    page.locator(f"{PANEL} .matches button").first.click()
    page.locator("#compare summary").click()
    for name, kind in (
        ("Aligned view", "aligned"),
        ("Partition rings", "rings"),
        ("Heatmap", "heatmap"),
    ):
        watched.asked.clear()
        page.locator("#compare").get_by_role("button", name=name).click()
        expect(page.locator("#compare .stage")).not_to_have_attribute("aria-busy", "true")
        asked = [url.rsplit("/", 2)[1:] for url in watched.asked if "/explanations/" in url]
        assert sorted(asked) == [["match-1", kind], ["query-1", kind]]
        assert page.locator(f'#compare img[alt$="{name.lower()}"]').count() == 2


def test_uncertain_looks_different_and_says_what_to_try(watched: Watched) -> None:
    page = watched.open()
    both = Image.blend(drone_photo(2, 2), drone_photo(5, 5), 0.505)
    ask(page, {"name": "both.jpg", "mimeType": "image/jpeg", "buffer": encoded(both)})
    status = page.locator(f"{PANEL} .status.uncertain")
    expect(status).to_contain_text("Uncertain")
    expect(status).to_contain_text("a circle or a box around where it must be")
    expect(page.locator(".estimate-pin .cross")).to_have_css("stroke", "rgb(178, 94, 0)")


@pytest.mark.parametrize("way", ["drop", "paste"])
def test_photos_can_be_dropped_and_pasted(watched: Watched, way: str) -> None:
    page = watched.open()
    content = base64.b64encode(encoded(drone_photo(4, 6))).decode()
    page.evaluate(GIVE, [content, way])
    expect(page.locator(f"{PANEL} .chosen")).to_contain_text("given.jpg")
    page.click(f"{PANEL} button[type=submit]")
    expect(page.locator(f"{PANEL} .matches button").first).to_contain_text(tile_id(4, 6))


GIVE = """async ([content, way]) => {
  const blob = new Blob([Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0))]);
  const transfer = new DataTransfer();
  transfer.items.add(new File([blob], "given.jpg", { type: "image/jpeg" }));
  if (way === "drop") {
    const zone = document.querySelector("#panel-localize .drop-zone");
    zone.dispatchEvent(new DragEvent("drop", { dataTransfer: transfer, bubbles: true }));
  } else {
    document.dispatchEvent(new ClipboardEvent("paste", { clipboardData: transfer }));
  }
}"""


def test_no_match_shows_no_confidence(watched: Watched) -> None:
    page = watched.open()
    page.click(f"{PANEL} .options summary")
    page.fill(f"{PANEL} [name=min_confidence]", "1")
    ask(page, photo(1, 0, 3, quality=8))
    status = page.locator(f"{PANEL} .status.no_match")
    expect(status).to_contain_text("No match")
    text = status.inner_text()
    assert "confidence" not in text.split("Try:")[0]
    assert "%" not in text


def test_the_estimate_is_named_as_ground_and_not_as_the_drone(watched: Watched) -> None:
    page = watched.open()
    ask(page, photo(3, 3))
    expect(page.locator(f"{PANEL} .estimate")).to_contain_text("Ground in the middle of the photo")
    expect(page.locator(f"{PANEL} .estimate")).to_contain_text("not the drone")
    expect(page.locator("#legend")).to_contain_text("Ground in the middle of the photo")


def test_photos_of_different_places_are_listed_one_by_one(watched: Watched) -> None:
    page = watched.open()
    ask(page, photo(1, 1), photo(6, 6))
    expect(page.locator(f"{PANEL} .status.uncertain")).to_contain_text("show different places")
    rows = page.locator(f"{PANEL} .per-photo li")
    expect(rows).to_have_count(2)
    expect(rows.nth(1)).to_contain_text("photo-6-6.jpg: Match")
    expect(page.locator(".estimate-pin")).to_have_count(2)
    assert page.locator(f"{PANEL} .coordinates").count() == 0


def test_more_photos_than_one_question_may_have_are_refused_and_none_is_dropped(
    watched: Watched,
) -> None:
    page = watched.open()
    page.set_input_files(f"{PANEL} input[type=file]", [photo(1, 1)] * 55)
    problem = page.locator(f"{PANEL} .status.problem")
    expect(problem).to_contain_text("55 images are more than the 54 of one question")
    assert page.locator(f"{PANEL} .chosen li").count() == 0


def test_an_answer_from_a_link_is_marked_as_such(watched: Watched) -> None:
    page = watched.open()
    ask(page, photo(6, 6))
    assert page.locator(f"{PANEL} .from-link").count() == 0
    link = page.evaluate("location.hash")
    page.goto("about:blank")
    watched.open(f"/{link}")
    expect(page.locator(f"{PANEL} .status.match")).to_contain_text("From a link")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"answer": "{broken"}, "its answer cannot be read"),
        ({"tab": "elsewhere"}, "neither of the two tabs"),
        ({"gallery": "nowhere"}, 'no gallery "nowhere" is loaded'),
        ({"map": "17/a/b"}, "its map position is no position"),
        ({"evil": "1"}, 'an unknown part "evil"'),
        ({"latitude": "48.0"}, "far from all of its matches"),
        ({"image": "no-such-tile"}, 'has no image "no-such-tile"'),
        ({"status": "no_match"}, "a position where there can be none"),
    ],
)
def test_a_changed_link_says_so_and_shows_no_position(
    watched: Watched, change: dict[str, str], reason: str
) -> None:
    watched.refused = {404}
    page = watched.open()
    ask(page, photo(6, 6))
    parts = dict(parse_qsl(page.evaluate("location.hash")[1:]))
    answer = json.loads(parts["answer"])
    if "latitude" in change:
        answer["estimate"]["latitude"] = float(change["latitude"])
    if "image" in change:
        answer["matches"][0][0] = change["image"]
    if "status" in change:
        answer["status"] = change["status"]
    parts["answer"] = json.dumps(answer)
    parts |= {k: v for k, v in change.items() if k in ("answer", "tab", "gallery", "map", "evil")}
    page.goto("about:blank")
    watched.open(f"/#{urlencode(parts)}")
    problem = page.locator(f"{PANEL} .status.problem")
    expect(problem).to_contain_text("This link cannot be shown")
    expect(problem).to_contain_text(reason)
    assert page.locator(".estimate-pin").count() == 0
