"""Keys, full queues and other refusals, as the page shows them."""

import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
from numpy.typing import NDArray
from page_browser import watching
from page_world import SeeingEmbedder, drone_photo
from playwright.sync_api import Browser, expect
from service_live import encoded, serving, settings_of

from service.app import create_app
from service.middleware.api_keys import key_digest

PANEL = "#panel-localize"
KEY = "a-key-of-the-tests"


@pytest.fixture(scope="module")
def locked(world: Path) -> Iterator[str]:
    """Root of a service that needs a key, which may ask twice a minute."""
    keys = f"tests=sha256:{key_digest(KEY)}"
    settings = settings_of(world, api_keys=keys, rate_per_minute=2)
    with serving(create_app(settings, SeeingEmbedder()), settings) as client:
        yield str(client.base_url)


def test_the_page_asks_for_a_key_and_keeps_it_for_the_tab_only(
    browser: Browser, locked: str
) -> None:
    with watching(browser, locked) as watched:
        watched.refused = {401}
        page = watched.page
        page.goto(locked)
        dialog = page.get_by_role("dialog")
        expect(dialog).to_contain_text("a key is needed")
        dialog.get_by_label("API key").fill("wrong")
        dialog.get_by_role("button", name="Use this key").click()
        expect(dialog).to_contain_text("the key is wrong")
        dialog.get_by_label("API key").fill(KEY)
        dialog.get_by_role("button", name="Use this key").click()
        page.wait_for_selector("body[data-ready=yes]", state="attached")
        page.reload()
        page.wait_for_selector("body[data-ready=yes]", state="attached")
        expect(page.get_by_role("dialog")).to_have_count(0)
        stored = page.evaluate("[localStorage.length, sessionStorage.length, document.cookie]")
        assert stored == [0, 1, ""]
        assert not any(KEY in url for url in watched.asked)
        # Pictures and tiles came with the key as well.
        assert page.locator(".leaflet-tile-loaded").count() > 0
        other_tab = page.context.new_page()
        other_tab.goto(locked)
        expect(other_tab.get_by_role("dialog")).to_contain_text("a key is needed")


def test_a_key_that_asked_too_often_is_told_when_to_come_back(
    browser: Browser, locked: str
) -> None:
    with watching(browser, locked) as watched:
        watched.refused = {401, 429}
        page = watched.page
        page.goto(locked)
        page.get_by_role("textbox", name="API key").fill(KEY)
        page.keyboard.press("Enter")
        page.wait_for_selector("body[data-ready=yes]", state="attached")
        for _ in range(3):
            page.locator(f"{PANEL} .samples button").first.click()
            page.wait_for_selector(f"{PANEL} .status")
        problem = page.locator(f"{PANEL} .status.problem")
        expect(problem).to_contain_text("Too many requests")
        expect(problem).to_contain_text("before you try again")
        page.click(f"{PANEL} .samples button >> nth=0")
        # The command line names the key as a variable, never by its value.
        assert KEY not in page.content()


class HeldEmbedder(SeeingEmbedder):
    """Waits with every question until it is let go."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.go.set()
        self.waits = threading.Event()

    def embed_pixels(self, pixels_N3SS: NDArray[np.uint8]) -> NDArray[np.float32]:
        if not self.go.is_set():
            self.waits.set()
        self.go.wait(20)
        return super().embed_pixels(pixels_N3SS)


def test_a_full_queue_is_said_and_can_be_tried_again(browser: Browser, world: Path) -> None:
    embedder = HeldEmbedder()
    settings = settings_of(world, max_requests=1)
    with serving(create_app(settings, embedder), settings) as client:
        address = str(client.base_url)
        with watching(browser, address) as watched:
            watched.refused = {429}
            page = watched.open()
            embedder.go.clear()
            picture = encoded(drone_photo(1, 1))
            jpeg = {"Content-Type": "image/jpeg"}
            first = threading.Thread(
                target=lambda: httpx.post(f"{address}/localize", content=picture, headers=jpeg)
            )
            first.start()
            assert embedder.waits.wait(10)
            page.locator(f"{PANEL} .samples button").first.click()
            problem = page.locator(f"{PANEL} .status.problem")
            expect(problem).to_contain_text("Queue full")
            expect(problem).to_contain_text("Wait 1 s")
            embedder.go.set()
            first.join()
            problem.get_by_role("button", name="Try again").click()
            expect(page.locator(f"{PANEL} .status.match")).to_be_visible()


def test_a_question_in_progress_shows_its_stage_and_can_be_stopped(
    browser: Browser, world: Path
) -> None:
    embedder = HeldEmbedder()
    settings = settings_of(world)
    with (
        serving(create_app(settings, embedder), settings) as client,
        watching(browser, str(client.base_url)) as watched,
    ):
        page = watched.open()
        embedder.go.clear()
        page.locator(f"{PANEL} .samples button").first.click()
        expect(page.locator(f"{PANEL} .progress")).to_contain_text("queues, embeds and searches")
        page.get_by_role("button", name="Stop").click()
        expect(page.locator(f"{PANEL} .progress")).to_be_hidden()
        assert page.locator(f"{PANEL} .status").count() == 0
        embedder.go.set()
        page.locator(f"{PANEL} button[type=submit]").click()
        expect(page.locator(f"{PANEL} .timings li")).to_have_count(5)
