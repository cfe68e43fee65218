"""A real Chromium on the page, watched: what it logs, what it asks, what its policy refuses."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from page_world import SeeingEmbedder, publish_world
from service_live import serving, settings_of

from service.app import create_app

if TYPE_CHECKING:
    from playwright.sync_api import Browser, ConsoleMessage, Page, Request

ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-extensions",
    "--no-first-run",
)
READY = "body[data-ready=yes]"


def chromium() -> str:
    """Path of the system's Chromium; without one the browser tests are skipped, in CI they fail."""
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        why = "no Chromium on the path: apt-get install chromium to run the browser tests"
        if os.environ.get("CI") == "true":
            pytest.fail(why)
        pytest.skip(why)
    return found


@pytest.fixture(scope="module")
def browser() -> Iterator["Browser"]:
    from playwright.sync_api import expect, sync_playwright

    path = chromium()
    expect.set_options(timeout=20_000)
    with sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=path, args=list(ARGUMENTS))
        yield started
        started.close()


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with the galleries `town` and `flights`."""
    return publish_world(tmp_path_factory.mktemp("world"), tmp_path_factory.mktemp("sources"))


@pytest.fixture(scope="session")
def address(world: Path) -> Iterator[str]:
    """Root of a running service that needs no key."""
    settings = settings_of(world)
    with serving(create_app(settings, SeeingEmbedder()), settings) as client:
        yield str(client.base_url)


@dataclass
class Watched:
    """A page and what went on in it. `refused` are the statuses that the test means to provoke."""

    page: "Page"
    origin: str
    refused: set[int] = field(default_factory=set)
    complaints: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def console(self, message: "ConsoleMessage") -> None:
        expected = any(f"status of {status} " in message.text for status in self.refused)
        if message.type in ("error", "warning") and not expected:
            self.complaints.append(f"{message.type}: {message.text}")

    def request(self, request: "Request") -> None:
        self.asked.append(request.url)

    def open(self, path: str = "/") -> "Page":
        self.page.goto(self.origin + path)
        self.page.wait_for_selector(READY, state="attached", timeout=60_000)
        return self.page

    def check(self) -> None:
        """No console error, no policy violation, and no address but the service's own."""
        assert self.complaints == []
        foreign = [
            url
            for url in self.asked
            if not url.startswith(("blob:", "data:")) and not url.startswith(self.origin)
        ]
        assert foreign == []


@contextmanager
def watching(browser: "Browser", address: str, **options: object) -> Iterator[Watched]:
    """A fresh context with one watched page; its check runs at the end."""
    context = browser.new_context(  # type: ignore[arg-type]
        **{"viewport": {"width": 1280, "height": 800}, "accept_downloads": True} | options
    )
    context.set_default_timeout(30_000)
    parts = urlsplit(address)
    watched = Watched(context.new_page(), f"{parts.scheme}://{parts.netloc}")
    watched.page.on("console", watched.console)
    watched.page.on("request", watched.request)
    watched.page.on("pageerror", lambda error: watched.complaints.append(str(error)))
    try:
        yield watched
        watched.check()
    finally:
        context.close()


@pytest.fixture
def watched(browser: "Browser", address: str) -> Iterator[Watched]:
    """A watched page of the service that needs no key; not opened yet."""
    with watching(browser, address) as page:
        yield page
