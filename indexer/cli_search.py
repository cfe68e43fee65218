"""`safenet-index search`: images in, a table of matches out, and metres where truth is known."""

import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from indexer.answer import Answer, answer
from indexer.errors import EmptySourceError
from indexer.gallery import Gallery
from indexer.geo import distance_m
from indexer.records import Match
from indexer.sources.candidate import IMAGE_SUFFIXES
from indexer.sources.table import read_positions
from model.images import open_image

if TYPE_CHECKING:
    from model.embedder import DescriptorModel

JUDGED = 10
"""Ours: matches that the confidence looks at, however few are shown."""


def run(
    store: Path,
    name: str,
    images: Sequence[Path],
    embedder: "DescriptorModel",
    *,
    top_k: int,
    truth: Path | None,
) -> None:
    """Search every image and print."""
    files = query_files(images)
    positions = None if truth is None else read_positions(truth)
    gallery = Gallery.open(store, name, embedder=embedder)
    errors_m: list[tuple[float, float | None]] = []
    print("query\trank\tscore\timage_id\tlatitude\tlongitude\tconfidence\tstatus")
    for file in files:
        descriptor_D = embedder.embed([open_image(file, min_side=640)])[0]
        matches = gallery.search(descriptor_D, top_k=max(top_k, JUDGED))
        judged = answer(matches, embedder.calibration)
        for match in matches[:top_k]:
            print(_line(file, match, judged))
        if positions is not None and file.name in positions:
            errors_m.append(_errors(positions[file.name], matches, judged))
    gallery.close()
    if truth is not None:
        print(summary(errors_m, truth.name))


def query_files(images: Sequence[Path]) -> list[Path]:
    """Image files of the given paths; folders give all of theirs, sorted.

    Raises:
        EmptySourceError: there is none.
    """
    files: list[Path] = []
    for path in images:
        if path.is_dir():
            inside = (file for file in path.iterdir() if file.suffix.lower() in IMAGE_SUFFIXES)
            files += sorted(inside)
        elif path.is_file():
            files.append(path)
        else:
            raise EmptySourceError(f"{path} does not exist; check the path")
    if not files:
        raise EmptySourceError(f"{images[0]} holds no image; check the path")
    return files


def _line(file: Path, match: Match, judged: Answer) -> str:
    record = match.record
    return (
        f"{file.name}\t{match.rank}\t{match.score:.4f}\t{record.image_id}\t"
        f"{record.latitude:.7f}\t{record.longitude:.7f}\t{judged.confidence:.3f}\t{judged.status}"
    )


def _errors(
    true: tuple[float, float], matches: Sequence[Match], judged: Answer
) -> tuple[float, float | None]:
    best = matches[0].record
    fused = judged.estimate
    return (
        distance_m(*true, best.latitude, best.longitude),
        None if fused is None else distance_m(*true, fused.latitude, fused.longitude),
    )


def summary(errors_m: Sequence[tuple[float, float | None]], truth: str) -> str:
    """R@1 within 50 and 100 m and the median error, over the queries whose truth is known.

    Raises:
        EmptySourceError: no query is in the truth table.
    """
    if not errors_m:
        raise EmptySourceError(f"{truth} names none of the query files; check its file column")
    first = [error for error, _ in errors_m]
    fused = [error for _, error in errors_m if error is not None]
    text = (
        f"{len(first)} queries: R@1 within 50 m {_share(first, 50):.1f} %, "
        f"within 100 m {_share(first, 100):.1f} %, median error {statistics.median(first):.1f} m"
    )
    if fused:
        text += (
            f"; answered {len(fused)}: within 50 m {_share(fused, 50):.1f} % of them, "
            f"median error of the fused position {statistics.median(fused):.1f} m"
        )
    return text


def _share(errors_m: Sequence[float], within_m: float) -> float:
    return 100 * sum(error <= within_m for error in errors_m) / len(errors_m)
