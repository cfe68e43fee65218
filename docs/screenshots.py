"""Take the page's screenshots for the documentation: `make screenshots`.

Needs the demo's running service (`make demo`) and Debian's chromium; writes docs/images/page_*.png.
"""

import io
import shutil
import sys
from pathlib import Path

import httpx
from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

IMAGES = Path(__file__).parent / "images"
MAX_BYTES = 500_000
WIDE = {"width": 1280, "height": 800}
PHONE = {"width": 390, "height": 844}
SETTLE_MS = 2500
"""Ours: tiles and thumbnails have arrived by then."""


def main(address: str) -> None:
    """Take every picture of the service at that address."""
    chromium = shutil.which("chromium")
    if chromium is None:
        sys.exit("error: no chromium on the path; apt-get install chromium")
    with sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-gpu"]
        )
        photo = clearest_sample(browser, address)
        localize(browser, address, photo)
        navigate(browser, address)
        on_a_phone(browser, address, photo)
        browser.close()


def opened(browser: Browser, address: str, viewport: dict[str, int], **options: str) -> Page:
    """The page, ready."""
    context = browser.new_context(viewport=viewport, **options)  # type: ignore[arg-type]
    page = context.new_page()
    page.goto(address)
    page.wait_for_selector("body[data-ready=yes]", state="attached", timeout=60_000)
    return page


def ask_sample(page: Page, tab: str, number: int) -> dict[str, object]:
    """Click one of the samples; its answer."""
    with page.expect_response(lambda response: f"/{tab}?" in response.url) as answered:
        page.locator(f"#panel-{tab} .samples button").nth(number).click()
    page.wait_for_selector(f"#panel-{tab} .timings")
    body: dict[str, object] = answered.value.json()
    return body


def clearest_sample(browser: Browser, address: str) -> int:
    """The offered photo that the model is surest about, as a reader of the picture will see."""
    page = opened(browser, address, WIDE)
    offered = page.locator("#panel-localize .samples button").count()
    sure = [float(str(ask_sample(page, "localize", i)["confidence"])) for i in range(offered)]
    page.context.close()
    return sure.index(max(sure))


def localize(browser: Browser, address: str, photo: int) -> None:
    """A photo found, the first match under the swipe, the heatmap in front."""
    page = opened(browser, address, WIDE)
    ask_sample(page, "localize", photo)
    page.locator("#panel-localize .matches button").first.click()
    page.wait_for_timeout(SETTLE_MS)
    shoot(page, "page_localize")
    page.get_by_role("button", name="Heatmap").click()
    page.get_by_role("button", name="Side by side").click()
    page.wait_for_timeout(SETTLE_MS)
    shoot(page, "page_heatmap")
    page.context.close()


def navigate(browser: Browser, address: str) -> None:
    """Drone images of a tile, with headings and flights."""
    page = opened(browser, address, WIDE)
    page.click("#tab-navigate")
    page.click("#panel-navigate .options summary")
    page.fill("#panel-navigate [name=top_k]", "12")
    ask_sample(page, "navigate", 2)
    page.wait_for_timeout(SETTLE_MS)
    shoot(page, "page_navigate")
    page.context.close()


def on_a_phone(browser: Browser, address: str, photo: int) -> None:
    """The same answer on a phone in the dark."""
    page = opened(browser, address, PHONE, color_scheme="dark")
    ask_sample(page, "localize", photo)
    page.evaluate("window.scrollTo(0, 0)")
    page.wait_for_timeout(SETTLE_MS)
    shoot(page, "page_phone")
    page.context.close()


def shoot(page: Page, name: str) -> None:
    """Write one picture with 256 colours, which keeps it small."""
    image = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    path = IMAGES / f"{name}.png"
    image.quantize(256, dither=Image.Dither.NONE).save(path, optimize=True)
    print(f"{path}: {path.stat().st_size // 1000} kB")
    if path.stat().st_size > MAX_BYTES:
        sys.exit(f"error: {path} is above {MAX_BYTES} bytes; take a smaller view")


if __name__ == "__main__":
    root = f"http://127.0.0.1:{sys.argv[1] if len(sys.argv) > 1 else 8000}"
    try:
        httpx.get(f"{root}/readyz", timeout=10).raise_for_status()
    except httpx.HTTPError:
        sys.exit(f"error: no ready service at {root}; start one with: make demo")
    main(root)
