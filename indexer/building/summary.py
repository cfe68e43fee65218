"""What a build read, skipped, failed on and left aside, and why; and where the gallery lies."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import quote

from indexer.errors import (
    NoPictureError,
    NoPositionError,
    NotGeoreferencedError,
    TooManyTilesError,
)
from indexer.records import Bounds, View
from model.errors import NotAnImageError, TooManyPixelsError, TruncatedImageError

CAUSES: Mapping[type[Exception], str] = {
    NoPositionError: "no GPS position",
    NotGeoreferencedError: "no place on Earth known",
    NoPictureError: "samples that are no picture",
    TooManyTilesError: "tiles too small or too many",
    NotAnImageError: "no image that can be read",
    TruncatedImageError: "truncated or damaged",
    TooManyPixelsError: "too many pixels",
    FileNotFoundError: "the file is missing",
    PermissionError: "the file may not be read",
}
"""Kinds of failures in a few words, to count by."""

SERVICE_URL = "http://127.0.0.1:8000"
"""Where `safenet-serve` listens by default."""


def cause_of(error: Exception) -> str:
    """Return the kind of a failure in a few words."""
    found = (text for kind, text in CAUSES.items() if isinstance(error, kind))
    return next(found, "it cannot be read")


@dataclass(frozen=True, kw_only=True)
class Reasons:
    """How many images were skipped, failed or left aside, by cause."""

    skipped: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
    left_aside: Counter[str] = field(default_factory=Counter)

    def __add__(self, other: "Reasons") -> "Reasons":
        return Reasons(
            skipped=self.skipped + other.skipped,
            failed=self.failed + other.failed,
            left_aside=self.left_aside + other.left_aside,
        )

    def as_dict(self) -> dict[str, dict[str, int]]:
        """Return plain values, for JSON."""
        return {
            "skipped": dict(self.skipped),
            "failed": dict(self.failed),
            "left_aside": dict(self.left_aside),
        }

    def lines(self) -> Iterator[str]:
        """Yield a line for each kind, its causes from the most frequent on."""
        for name, causes in (
            ("skipped", self.skipped),
            ("failed", self.failed),
            ("left aside", self.left_aside),
        ):
            why = ", ".join(f"{cause} {count:,}" for cause, count in causes.most_common())
            yield table_line(name, causes.total(), why)


def table_line(name: str, number: int, text: str) -> str:
    """Return one line of the table: name, number, explanation."""
    return f"  {name:<11}{number:>10,}  {text}".rstrip()


def extent_line(bounds: Bounds | None, *, gallery: str = "", view: View = "satellite") -> str:
    """Return where the images lie, with a link to the page where a gallery is given."""
    if bounds is None:
        return "  extent      unknown"
    west, south, east, north = bounds
    text = f"  extent      {west:.6f},{south:.6f},{east:.6f},{north:.6f} (west,south,east,north)"
    return f"{text}\n  on the map  {page_link(bounds, gallery, view)}" if gallery else text


def page_link(bounds: Bounds, gallery: str, view: View) -> str:
    """Return a link to the service's page that shows a gallery's extent."""
    tab = "localize" if view == "satellite" else "navigate"
    box = ",".join(f"{value:.6f}" for value in bounds)
    return f"{SERVICE_URL}/#tab={tab}&base={quote(gallery)}&gallery={quote(gallery)}&bounds={box}"
