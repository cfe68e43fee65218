"""Take the page's screenshots for the documentation: `make screenshots`.

Needs the demo's running service (`make demo`) and Debian's chromium; writes docs/images/page_*.png.
"""

import io
import shutil
import sys
from pathlib import Path
from urllib.parse import urlencode

import httpx
from PIL import Image, ImageDraw
from playwright.sync_api import Browser, Page, sync_playwright

from service.demo.__main__ import LOCALIZE_IMAGE, NAVIGATE_IMAGE
from service.demo.files import FLIGHTS, TILES

IMAGES = Path(__file__).parent / "images"
MAX_BYTES = 500_000
WIDE = {"width": 1280, "height": 800}
PHONE = {"width": 390, "height": 844}
STRIP_PX = 6
MARKS = (
    *("#6a3d9a", "#8e3d91", "#c53d87", "#da544b", "#f06b4f", "#f88d45", "#ffb03b", "#ffd04c"),
    *("#fff05c", "#0b62d6", "#b25e00", "#d6189b", "#00a6a6", "#e0569b", "#7a9e00", "#1260b8"),
)
"""Colours of scores, estimates, the photo's own place, flights and buttons."""

SETTLE_MS = 2500
"""Our choice: tiles and thumbnails have arrived by then."""


def main(address: str) -> None:
    """Take every picture of the service at that address."""
    chromium = shutil.which("chromium")
    if chromium is None:
        sys.exit("error: no chromium on the path; apt-get install chromium")
    with sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-gpu"]
        )
        localize(browser, address)
        navigate(browser, address)
        on_a_phone(browser, address)
        browser.close()


def asked(browser: Browser, link: str, viewport: dict[str, int], **options: str) -> Page:
    """The page with the answer to the question that a link holds."""
    context = browser.new_context(viewport=viewport, **options)  # type: ignore[arg-type]
    page = context.new_page()
    page.goto(link)
    page.wait_for_selector("body[data-ready=yes]", state="attached", timeout=60_000)
    page.wait_for_selector(".result .status:visible")
    return page


def link_to(address: str, tab: str, gallery: str, path: str, **question: str) -> str:
    """A link that asks with one of the demo's images, as the page's own links do."""
    image_id = str(Path(path).with_suffix("")).replace("/", "~")
    sample = f"{FLIGHTS if tab == 'localize' else TILES}/{image_id}"
    parts = {"tab": tab, "gallery": gallery, "explain": "true", "sample": sample, **question}
    return f"{address}/#{urlencode(parts)}"


def localize(browser: Browser, address: str) -> None:
    """A photo found, the first match under the swipe, then the heatmaps side by side."""
    page = asked(browser, link_to(address, "localize", TILES, LOCALIZE_IMAGE), WIDE)
    page.locator("#panel-localize .matches button").first.click()
    page.locator("#panel-localize .result").evaluate("element => element.scrollIntoView()")
    page.wait_for_timeout(SETTLE_MS)
    shoot(page, "page_localize")
    page.locator("#compare summary").click()
    page.get_by_role("button", name="Heatmap").click()
    page.get_by_role("button", name="Side by side").click()
    page.wait_for_timeout(SETTLE_MS)
    shoot(page, "page_heatmap")
    page.context.close()


def navigate(browser: Browser, address: str) -> None:
    """Drone images of a tile, with headings and flights."""
    link = link_to(address, "navigate", FLIGHTS, NAVIGATE_IMAGE, top_k="8")
    page = asked(browser, link, WIDE)
    page.wait_for_timeout(SETTLE_MS)
    shoot(page, "page_navigate")
    page.context.close()


def on_a_phone(browser: Browser, address: str) -> None:
    """The same answer on a phone in the dark."""
    link = link_to(address, "localize", TILES, LOCALIZE_IMAGE)
    page = asked(browser, link, PHONE, color_scheme="dark")
    page.evaluate("window.scrollTo(0, 0)")
    page.wait_for_timeout(SETTLE_MS)
    shoot(page, "page_phone")
    page.context.close()


def shoot(page: Page, name: str) -> None:
    """Write one picture with as many colours as keep it small."""
    image = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    path = IMAGES / f"{name}.png"
    for colours in (256, 160, 96, 64):
        palette = palette_for(image, colours)
        image.quantize(palette=palette, dither=Image.Dither.NONE).save(path, optimize=True)
        if path.stat().st_size <= MAX_BYTES:
            break
    print(f"{path}: {colours} colours, {path.stat().st_size // 1000} kB")


def palette_for(image: Image.Image, colours: int) -> Image.Image:
    """Colours of the picture and of the marks on it, which are small and must not drown."""
    width, strip = image.width, len(MARKS) * STRIP_PX
    extended = Image.new("RGB", (width, image.height + strip))
    extended.paste(image)
    draw = ImageDraw.Draw(extended)
    for i, colour in enumerate(MARKS):
        top = image.height + i * STRIP_PX
        draw.rectangle((0, top, width, top + STRIP_PX), fill=colour)
    return extended.quantize(colours)


if __name__ == "__main__":
    root = f"http://127.0.0.1:{sys.argv[1] if len(sys.argv) > 1 else 8000}"
    try:
        httpx.get(f"{root}/readyz", timeout=10).raise_for_status()
    except httpx.HTTPError:
        sys.exit(f"error: no ready service at {root}; start one with: make demo")
    main(root)
