"""The development set: pairs of two sources, from open imagery, by which weights are selected.

Each part is a folder of images and a `gps.csv`, which `safenet-eval PART` reads as well. Nothing of
it is trained on; `docs/dev-set.md` lists what a run leaves out.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from training.dev_set.chia import chia
from training.dev_set.helsinki import helsinki, helsinki_75
from training.dev_set.images import Shown, write_part
from training.dev_set.overhead import flown_over, morava


@dataclass(frozen=True, kw_only=True)
class Part:
    """One part of the development set."""

    source: str
    """Folder of the source within the imagery's folder."""
    within_m: float
    """Distance up to which the first match is a hit: half a tile, or the same place (1)."""
    selects: bool
    """Whether weights are selected by it; otherwise it only guards against losses."""
    city: str
    """Name under which its answers fit a confidence; those of one city count as one source."""
    images: Callable[[Path, Path], Iterator[Shown]]
    """Makes the images from the source's folder; the second folder is for scratch files."""


def _flown(source: str, city: str, *, selects: bool) -> Part:
    """Return the part of the overhead images whose path contains a city's name."""
    return Part(
        source=source,
        within_m=1.0,
        selects=selects,
        city=city,
        images=lambda folder, scratch: flown_over(folder, city, scratch, views=3),
    )


PARTS: dict[str, Part] = {
    "helsinki": Part(
        source="helsinki",
        within_m=30.0,
        selects=True,
        city="helsinki",
        images=lambda source, _: helsinki(source),
    ),
    "helsinki-75": Part(
        source="helsinki",
        within_m=50.0,
        selects=False,
        city="helsinki",
        images=lambda source, _: helsinki_75(source),
    ),
    "naip-claremont": _flown("overhead", "claremont", selects=True),
    "naip-riverside": _flown("overhead", "riverside", selects=True),
    "chia": Part(
        source="chia",
        within_m=25.0,
        selects=True,
        city="chia",
        images=lambda source, _: chia(source),
    ),
    "kumamoto": _flown("orthos", "kumamoto", selects=False),
    "morava": Part(
        source="morava",
        within_m=50.0,
        selects=False,
        city="morava",
        images=lambda source, _: morava(source),
    ),
}


def build_part(name: str, data: Path, out: Path) -> Path:
    """Return the part's folder below `out`, built from the imagery in `data` if it is not there.

    Raises:
        DataError: a photo lacks its pose.
        MapSourceError: an image cannot be read.
    """
    folder, part = out / name, PARTS[name]
    if not (folder / "gps.csv").is_file():
        write_part(folder, part.images(data / part.source, out / f"{name}-flights"))
    return folder
