"""Check a built site: no page loads a file from another host, and no link within it is broken.

Run by `make docs`: `python docs/site_check.py site`.
"""

import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

LOADING = {("script", "src"), ("img", "src"), ("iframe", "src"), ("source", "src"), ("use", "href")}
LOADING_RELATIONS = {"stylesheet", "icon", "preload", "preconnect", "dns-prefetch", "modulepreload"}


class Page(HTMLParser):
    """The addresses in one page: those the browser loads, and those a reader can follow."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.linked: list[str] = []
        self.feed(file.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Collect the addresses of one element (HTMLParser calls this)."""
        values = {name: value or "" for name, value in attrs}
        self.loaded += [value for name, value in values.items() if (tag, name) in LOADING]
        if tag == "link" and LOADING_RELATIONS & set(values.get("rel", "").split()):
            self.loaded.append(values.get("href", ""))
        if tag == "a" and "href" in values:
            self.linked.append(values["href"])


def problems_of(file: Path) -> list[str]:
    """Return what is wrong with one page, one line each."""
    page = Page(file)
    found = [f"{file}: loads {url}" for url in page.loaded if urlsplit(url).netloc]
    for url in page.loaded + page.linked:
        parts = urlsplit(url)
        if parts.scheme or parts.netloc or not parts.path:
            continue
        target = file.parent / unquote(parts.path)
        if not (target / "index.html" if target.is_dir() else target).is_file():
            found.append(f"{file}: {url} is not there")
    return found


def main(site: Path) -> int:
    """Print every problem of the site; return the exit code."""
    pages = sorted(site.rglob("*.html"))
    if not pages:
        print(f"error: {site}: no page; build the site first: make docs", file=sys.stderr)
        return 1
    found = [line for page in pages if page.name != "404.html" for line in problems_of(page)]
    for sheet in site.rglob("*.css"):
        if re.search(r"url\(.?(https?:)?//|@import", sheet.read_text()):
            found.append(f"{sheet}: loads from another host")
    for line in found:
        print(f"error: {line}", file=sys.stderr)
    print(f"{len(pages)} pages, {len(found)} problems: open {site / 'index.html'}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
