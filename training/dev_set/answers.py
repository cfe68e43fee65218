"""What a search answers on a part of the development set, also where the place is not in the map.

Unlike `scores`, this is the whole served path: a gallery on disk, re-ranking, the matcher, the
confidence. Mirror images of the views can be searched for, too: none of them shows a place.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from PIL import ImageOps

from indexer.building.operations import build
from indexer.gallery.gallery import Gallery
from indexer.localization.calibration import sample
from indexer.localization.calibration_report import Report, report
from indexer.localization.confidence import calibration_of
from indexer.localization.evaluation import read_truth, samples
from indexer.localization.localize import localize
from indexer.localization.sample_files import write_samples
from indexer.records import Position
from indexer.sources.candidate import SourceOptions
from indexer.sources.detect import open_source
from model.embedder import Embedder
from model.images import open_image

REMOVED_M = 150.0
"""Distance of the tiles that are taken out for a search outside the map. Our choice: all tiles of a
place of `helsinki`, three tiles around on a continuous map."""


@dataclass(frozen=True, kw_only=True)
class MirroredAnswers:
    """How many mirrored views are a `match`, and how many of them with another place."""

    queries: int
    matches: int
    elsewhere: int
    """Matches with another place; in the others the ground resembles its own mirror image."""


@dataclass(frozen=True, kw_only=True)
class PartAnswers:
    """R@1 of one part in percent, and how the confidence judges."""

    recall1: float
    confidence: Report
    mirrored: MirroredAnswers | None = None


def part_answers(
    folder: Path,
    within_m: float,
    embedder: Embedder,
    out: Path,
    *,
    every: int = 1,
    city: str | None = None,
    mirrored: bool = False,
) -> PartAnswers:
    """Return the answers to every N-th drone image, each with and without its place in the map.

    With `mirrored`, each is also searched for as its mirror image.

    The gallery is built below `out` once; the evidence of every answer is written there too, for
    `safenet-index calibrate --join`, under the name of its city (default: the part's), as one fit
    leaves a city out.

    Raises:
        SourceError: the part's table or an image cannot be read.
        GalleryMismatchError: the gallery there was built with other weights.
    """
    name = folder.name
    build(out / "galleries", name, open_source(folder, SourceOptions(view="satellite")), embedder)
    files = sorted((folder / "drone").iterdir())[::every]
    truth = read_truth(folder / "gps.csv", files)
    gallery = Gallery.open(out / "galleries", name, embedder=embedder)
    try:
        answered = samples(gallery, embedder, files, truth, remove_m=REMOVED_M)
        found = [replace(item, source=city or name) for item in answered]
        also = mirrored_answers(gallery, embedder, files, truth) if mirrored else None
    finally:
        gallery.close()
    write_samples(out / f"{name}.jsonl", found)
    matcher = embedder.matcher
    card = embedder.calibration if matcher is None else matcher.calibration
    in_map = [item for item in found if item.in_map]
    return PartAnswers(
        recall1=100 * sum(item.away_m <= within_m for item in in_map) / max(1, len(in_map)),
        confidence=report(found, calibration_of(card)),
        mirrored=also,
    )


def mirrored_answers(
    gallery: Gallery,
    embedder: Embedder,
    files: Sequence[Path],
    truth: Mapping[Path, Position],
) -> MirroredAnswers:
    """Return how mirror images of views are answered."""
    matches = elsewhere = 0
    for file in files:
        answer = localize(ImageOps.mirror(open_image(file)), gallery, embedder)
        if answer.status == "match":
            matches += 1
            elsewhere += not sample(answer, truth[file], in_map=True).correct
    return MirroredAnswers(queries=len(files), matches=matches, elsewhere=elsewhere)
