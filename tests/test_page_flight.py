"""The Flight tab in a real browser against the real service: photos, a video, the scrubber."""

import json
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from page_browser import READY, Watched
from page_world import FLIGHTS, tile
from PIL import Image
from playwright.sync_api import FilePayload, Page, Route, expect
from service_live import encoded

from indexer.tracking.clock import counted_on, spread

PANEL = "#panel-flight"
PLACES = FLIGHTS["morning"]


def open_flight(watched: Watched) -> Page:
    page = watched.open()
    page.click("#tab-flight")
    page.click(f"{PANEL} .options summary")
    page.fill(f"{PANEL} [name=every]", "20")
    return page


def photos(broken: int | None = None) -> list[FilePayload]:
    """The tiles that a flight passes, as files in order of their names."""
    return [
        {
            "name": f"frame_{number}.jpg",
            "mimeType": "image/jpeg",
            "buffer": b"no image" if number == broken else encoded(tile(*place)),
        }
        for number, place in enumerate(PLACES, start=1)
    ]


def fly(page: Page, files: list[FilePayload] | Path) -> None:
    page.set_input_files(f"{PANEL} .drop-zone input", files)
    page.click(f"{PANEL} button[type=submit]")
    expect(page.locator(f"{PANEL} .result .status")).to_be_visible()


def test_dropped_photos_become_a_track_that_can_be_scrubbed_and_downloaded(
    watched: Watched,
) -> None:
    page = open_flight(watched)
    fly(page, photos())
    expect(page.locator(f"{PANEL} .result")).to_contain_text(
        f"{len(PLACES)} of {len(PLACES)} frames have a place"
    )
    expect(page.locator("#legend")).to_contain_text("Track: ground in the middle of each photo")
    scrubber = page.locator(f"{PANEL} .viewer input")
    assert scrubber.get_attribute("max") == str(len(PLACES) - 1)
    scrubber.focus()
    page.keyboard.press("Home")
    expect(page.locator(f"{PANEL} .viewer .facts")).to_contain_text("1. frame_1.jpg: located")
    page.keyboard.press("ArrowRight")
    expect(page.locator(f"{PANEL} .viewer img")).to_have_attribute("alt", "Frame frame_2.jpg")
    with page.expect_download() as download:
        page.click(f"{PANEL} .downloads button:has-text('GEOJSON')")
    collection = json.loads(Path(download.value.path()).read_text())
    assert collection["features"][0]["geometry"]["type"] == "LineString"


def test_a_frame_that_is_no_image_is_marked_and_the_flight_goes_on(watched: Watched) -> None:
    watched.refused = {400}
    page = open_flight(watched)
    fly(page, photos(broken=2))
    page.locator(f"{PANEL} .viewer input").focus()
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    expect(page.locator(f"{PANEL} .viewer .facts")).to_contain_text("frame_2.jpg: lost")
    expect(page.locator(f"{PANEL} .result .status")).to_be_visible()


def test_a_video_is_cut_into_frames_in_the_browser(watched: Watched, tmp_path: Path) -> None:
    video = tmp_path / "flight.webm"
    with av.open(str(video), "w") as container:
        stream = container.add_stream("libvpx", rate=1)
        stream.width = stream.height = 128
        stream.pix_fmt = "yuv420p"
        stream.bit_rate = 2_000_000
        for number, place in enumerate(PLACES):
            picture = tile(*place).convert("RGB").resize((128, 128))
            frame = av.VideoFrame.from_ndarray(np.asarray(picture), format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 1)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    page = open_flight(watched)
    page.fill(f"{PANEL} [name=every]", "2")
    page.fill(f"{PANEL} [name=max_speed]", "300")
    fly(page, video)
    expect(page.locator(f"{PANEL} .chosen-flight")).to_contain_text("Video flight.webm")
    expect(page.locator(f"{PANEL} .viewer .facts")).to_contain_text("flight.webm at ")


def drop(page: Page, *paths: Path) -> None:
    """Drop files or folders of this machine, as a file manager does."""
    zone = page.locator(f"{PANEL} .drop-zone")
    zone.scroll_into_view_if_needed()
    box = zone.bounding_box()
    assert box is not None
    place = {"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2}
    data = {"items": [], "files": [str(path) for path in paths], "dragOperationsMask": 1}
    browser = page.context.new_cdp_session(page)
    for kind in ("dragEnter", "dragOver", "drop"):
        browser.send("Input.dispatchDragEvent", {"type": kind, **place, "data": data})


def test_a_folder_can_be_dropped_and_its_clock_may_jump_back(
    watched: Watched, tmp_path: Path
) -> None:
    folder, empty = tmp_path / "flight", tmp_path / "empty"
    for path in (folder / "part", empty):
        path.mkdir(parents=True)
    for number in range(8):
        picture = tile(*PLACES[number % len(PLACES)]).convert("RGB")
        exif = Image.Exif()
        second = 2 * number - (6 if number > 3 else 0)
        exif.get_ifd(0x8769)[0x9003] = f"2026:05:01 10:00:{second:02}"
        picture.save(folder / "part" / f"{number}.jpg", exif=exif)
    page = open_flight(watched)
    drop(page, folder)
    expect(page.locator(f"{PANEL} .chosen-flight")).to_have_text(
        "8 photos. The clock jumps back 1 time, first at 4.jpg: it is counted on from there."
    )
    page.click(f"{PANEL} button[type=submit]")
    expect(page.locator(f"{PANEL} .result .status")).to_be_visible()
    page.locator(f"{PANEL} .viewer input").focus()
    page.keyboard.press("Home")
    for number in range(8):
        expect(page.locator(f"{PANEL} .viewer .facts")).to_contain_text(f"{number}.jpg")
        page.keyboard.press("ArrowRight")
    drop(page, empty)
    expect(page.locator(f"{PANEL} .chosen-flight")).to_have_text("What was dropped holds no file.")


def test_times_of_photos_in_the_browser_are_those_of_files_elsewhere(watched: Watched) -> None:
    page = open_flight(watched)
    module = "const clock = await import(new URL('static/js/flight_clock.js', location.href));"
    jumped, other_day = [0, 4, 8, 12, 4, 8, 12, 16], [9, 10, 11, 12, 0, 1, 2, 3]
    renamed = ([6, 0, 1, 2, 3, 4, 5, 7], [0, 1, 2, 3, 4, 5, 8, 6, 7, 9, 10])
    for times in (jumped, other_day, *renamed, [5, 1, 4, 2, 3]):
        counted = page.evaluate(
            f"async (times) => {{{module} return clock.countedOn(times)}}", times
        )
        assert (counted["times"], counted["jumps"]) == counted_on(times)
    for times in ([0, 0, 1, 1, 1, 3], [0.5, 0.5, 2]):
        found = page.evaluate(f"async (times) => {{{module} return clock.spread(times)}}", times)
        assert found == spread(times)


def test_a_video_without_a_picture_is_refused(watched: Watched, tmp_path: Path) -> None:
    sound = tmp_path / "sound.webm"
    with av.open(str(sound), "w") as container:
        stream = container.add_stream("libopus", rate=48000)
        frame = av.AudioFrame.from_ndarray(
            np.zeros((1, 48000), np.int16), format="s16", layout="mono"
        )
        frame.sample_rate = 48000
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    page = open_flight(watched)
    page.set_input_files(f"{PANEL} .drop-zone input", sound)
    page.click(f"{PANEL} button[type=submit]")
    expect(page.locator(f"{PANEL} .result")).to_contain_text("sound.webm holds no picture.")


def test_a_tab_that_is_chosen_before_the_page_has_loaded_stays(watched: Watched) -> None:
    page = watched.page
    held: list[Route] = []
    page.route("**/galleries", lambda route: held.append(route))
    with page.expect_request("**/galleries"):
        page.goto(watched.origin, wait_until="domcontentloaded")
    page.click("#tab-flight")
    held[0].continue_()
    page.wait_for_selector(READY, state="attached")
    expect(page.locator(PANEL)).to_be_visible()


def test_a_flight_without_photos_cannot_be_sent(watched: Watched) -> None:
    page = open_flight(watched)
    text: FilePayload = {"name": "notes.txt", "mimeType": "text/plain", "buffer": b"nothing"}
    page.set_input_files(f"{PANEL} .drop-zone input", [text])
    expect(page.locator(f"{PANEL} .chosen-flight")).to_contain_text(
        "1 file is neither photo nor video and left out"
    )
    expect(page.locator(f"{PANEL} button[type=submit]")).to_be_disabled()
