"""Query images against a gallery, and how far off the answers are where truth is known."""

import json
import math
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from indexer.errors import EmptySourceError
from indexer.gallery.export import properties
from indexer.gallery.gallery import Gallery
from indexer.geo import bounds_around, distance_m
from indexer.localization.calibration import Sample, sample
from indexer.localization.estimate import JUDGED, Answer, answer, reach_m
from indexer.records import Filters, Match, Position, Prior
from indexer.sources.candidate import image_files
from indexer.sources.reading import RawPicture, read_file
from indexer.sources.table import read_positions
from model.descriptor_model import DescriptorModel
from model.errors import ImageError
from model.fusion import fuse

COLUMNS = (
    "query\trank\tscore\timage_id\tlatitude\tlongitude\tconfidence\tstatus\t"
    "estimate_latitude\testimate_longitude\taccuracy_m_68\theading_deg"
)
"""Of `Result.table_lines`; the last four are the query's own position, empty without one."""


@dataclass(frozen=True, kw_only=True)
class Result:
    """What one query image gave."""

    file: Path
    matches: list[Match]
    judged: Answer
    steadiness: float

    def table_lines(self, top_k: int) -> Iterator[str]:
        """Tab-separated values of `COLUMNS`: degrees, metres."""
        fused = self.judged.estimate
        place = "\t\t\t"
        if fused is not None:
            place = f"{fused.latitude:.7f}\t{fused.longitude:.7f}\t{fused.accuracy_m_68:.1f}\t"
            place += "" if fused.heading_deg is None else f"{round(fused.heading_deg, 1) % 360:.1f}"
        for match in self.matches[:top_k]:
            record = match.record
            yield (
                f"{self.file.name}\t{match.rank}\t{match.score:.4f}\t{record.image_id}\t"
                f"{record.latitude:.7f}\t{record.longitude:.7f}\t"
                f"{self.judged.confidence:.3f}\t{self.judged.status}\t{place}"
            )
        if not self.matches:
            yield f"{self.file.name}\t\t\t\t\t\t0.000\tno_match\t{place}"

    def json_lines(self, top_k: int) -> Iterator[str]:
        """One JSON object."""
        estimate = self.judged.estimate
        matches = [
            {"rank": match.rank, "score": round(match.score, 4), **properties(match.record)}
            for match in self.matches[:top_k]
        ]
        yield json.dumps(
            {
                "query": self.file.name,
                "status": self.judged.status,
                "confidence": round(self.judged.confidence, 4),
                "estimate": None if estimate is None else asdict(estimate),
                "matches": matches,
            }
        )


def search_files(
    gallery: Gallery,
    embedder: DescriptorModel,
    files: Sequence[Path],
    top_k: int,
    prior: Prior | None,
    filters: Filters | None,
    min_confidence: float,
) -> Iterator[Result]:
    """Search one file after the other.

    Raises:
        ImageError: a file is no readable image.
    """
    for file in files:
        pixels_3SS = embedder.preprocess(_read(file).image)
        query = fuse(embedder.embed_query_pixels(pixels_3SS[None]))
        matches = gallery.search(query, top_k=top_k, prior=prior, filters=filters)
        judged = answer(matches, query.steadiness, embedder.calibration, min_confidence)
        yield Result(file=file, matches=matches, judged=judged, steadiness=query.steadiness)


def _read(file: Path) -> RawPicture:
    try:
        return read_file(file)
    except ImageError as error:
        text = str(error).replace("the image", file.name, 1)
        raise type(error)(text) from error
    except OSError as error:
        raise ImageError(f"{file.name}: {error.strerror or error}; check the file") from error


def query_files(images: Sequence[Path]) -> list[Path]:
    """Image files of the given paths; folders give all below them, sorted.

    Raises:
        EmptySourceError: there is none.
    """
    files: list[Path] = []
    for path in images:
        if path.is_dir():
            files += image_files(path)
        elif path.is_file():
            files.append(path)
        else:
            raise EmptySourceError(f"{path} does not exist; check the path")
    if not files:
        raise EmptySourceError(f"{images[0]} holds no image; check the path")
    return files


def read_truth(table: Path, files: Sequence[Path]) -> dict[Path, tuple[float, float]]:
    """True (latitude, longitude) of those files that the table names, by path or file name.

    Raises:
        BadTableError: the table is wrong.
        EmptySourceError: it names none of the files.
    """
    by_path, by_name = read_positions(table)
    found = {
        file: by_path.get(file.resolve()) or by_name.get(file.name)
        for file in files
        if file.resolve() in by_path or file.name in by_name
    }
    if not found:
        raise EmptySourceError(f"{table.name} names none of the queries; check its file column")
    return {file: place for file, place in found.items() if place is not None}


def samples(
    gallery: Gallery,
    embedder: DescriptorModel,
    files: Sequence[Path],
    positions: Mapping[Path, Position],
) -> Iterator[Sample]:
    """What queries with known truth teach a confidence.

    A query is in the map where its true position lies within some gallery image's reach.

    Raises:
        EmptySourceError: the gallery holds no image.
    """
    if not gallery.size:
        raise EmptySourceError(f"gallery {gallery.name!r} is empty; add images to it first")
    known = [file for file in files if file in positions]
    for result in search_files(gallery, embedder, known, JUDGED, None, None, 0.0):
        true = positions[result.file]
        reach = reach_m(result.matches[0])
        near = bounds_around(*true, reach)
        in_map = any(
            distance_m(*true, record.latitude, record.longitude) <= reach
            for record in gallery.records(within=near)
        )
        yield sample(result.matches, result.steadiness, true, in_map)


def errors_m(true: tuple[float, float], result: Result) -> tuple[float, float | None]:
    """Metres from the truth to the best match and to the fused position (None: not answered)."""
    if not result.matches:
        return math.inf, None
    best, fused = result.matches[0].record, result.judged.estimate
    return (
        distance_m(*true, best.latitude, best.longitude),
        None if fused is None else distance_m(*true, fused.latitude, fused.longitude),
    )


def summary(errors: Sequence[tuple[float, float | None]]) -> str:
    """R@1 within 50 and 100 m and the median error of the best match, then of the answers."""
    first = [error for error, _ in errors]
    fused = [error for _, error in errors if error is not None]
    text = (
        f"{len(first)} queries: R@1 within 50 m {_share(first, 50):.1f} %, "
        f"within 100 m {_share(first, 100):.1f} %, median error {statistics.median(first):.1f} m"
    )
    if fused:
        text += (
            f"; {len(fused)} answered: fused position within 50 m {_share(fused, 50):.1f} %, "
            f"within 100 m {_share(fused, 100):.1f} %, "
            f"median error {statistics.median(fused):.1f} m"
        )
    return text


def _share(errors: Sequence[float], within_m: float) -> float:
    return 100 * sum(error <= within_m for error in errors) / len(errors)
