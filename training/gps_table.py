"""`gps.csv`: one line per image with path, id, view, latitude, longitude and, where known, more."""

import csv
import dataclasses
from dataclasses import dataclass
from pathlib import Path

from model.network import View
from training.errors import DataError
from training.image_sets import Benchmark, Direction, ImageSet, Position

NEEDED = ("path", "id", "view", "latitude", "longitude")


@dataclass(frozen=True, kw_only=True)
class GpsRow:
    """One image; `position` is what it shows: the picture's middle where the table has it."""

    file: Path
    place: str
    view: View
    position: Position
    altitude_m: float


def read_gps(root: Path) -> list[GpsRow]:
    """The lines of `root/gps.csv`.

    Raises:
        DataError: the file is missing, lacks a column, or a value is no number.
    """
    table = root / "gps.csv"
    if not table.is_file():
        raise DataError(f"{table} is missing; expected columns {', '.join(NEEDED)}")
    with table.open(newline="") as stream:
        reader = csv.DictReader(stream)
        missing = [name for name in NEEDED if name not in (reader.fieldnames or ())]
        if missing:
            raise DataError(f"{table} has no column {missing[0]}; expected {', '.join(NEEDED)}")
        return [_row(root, table, number, line) for number, line in enumerate(reader, start=2)]


def _row(root: Path, table: Path, number: int, line: dict[str, str]) -> GpsRow:
    view = line["view"]
    if view not in ("drone", "satellite"):
        raise DataError(f"{table}, line {number}: view {view!r} is not drone or satellite")
    try:
        latitude = float(line.get("target_latitude") or line["latitude"])
        longitude = float(line.get("target_longitude") or line["longitude"])
        altitude_m = float(line.get("altitude_m") or "nan")
    except ValueError as error:
        raise DataError(f"{table}, line {number}: {error}") from error
    return GpsRow(
        file=root / line["path"],
        place=line["id"],
        view="drone" if view == "drone" else "satellite",
        position=(latitude, longitude),
        altitude_m=altitude_m,
    )


def gps_benchmark(root: Path) -> Benchmark:
    """Every drone image against every satellite image, and back, judged by distance.

    Raises:
        DataError: the table is wrong, or one of the views is absent.
    """
    rows = read_gps(root)
    drone, satellite = (_images(root, rows, view) for view in ("drone", "satellite"))
    directions = (
        Direction(name="drone→satellite", query=drone, gallery=satellite),
        Direction(name="satellite→drone", query=satellite, gallery=drone),
    )
    shared = bool(set(drone.places) & set(satellite.places))
    return Benchmark(layout="gps.csv", directions=directions, has_places=shared)


def with_positions(root: Path, benchmark: Benchmark) -> Benchmark:
    """The same images with the positions of `root/gps.csv`, where there is one.

    Raises:
        DataError: an image has no line in it.
    """
    if not (root / "gps.csv").is_file():
        return benchmark
    known = {row.file: row for row in read_gps(root)}
    directions = tuple(
        dataclasses.replace(
            direction,
            query=_located(direction.query, root, known),
            gallery=_located(direction.gallery, root, known),
        )
        for direction in benchmark.directions
    )
    return dataclasses.replace(benchmark, directions=directions)


def _images(root: Path, rows: list[GpsRow], view: str) -> ImageSet:
    chosen = [row for row in rows if row.view == view]
    if not chosen:
        raise DataError(f"{root / 'gps.csv'} lists no {view} image; both views are needed")
    return ImageSet(
        role=view,
        view=chosen[0].view,
        files=tuple(row.file for row in chosen),
        places=tuple(row.place for row in chosen),
        positions=tuple(row.position for row in chosen),
        heights_m=tuple(row.altitude_m for row in chosen),
    )


def _located(images: ImageSet, root: Path, known: dict[Path, GpsRow]) -> ImageSet:
    lost = [file for file in images.files if file not in known]
    if lost:
        raise DataError(f"{lost[0]} has no line in {root / 'gps.csv'} ({len(lost)} such)")
    rows = [known[file] for file in images.files]
    return dataclasses.replace(
        images,
        positions=tuple(row.position for row in rows),
        heights_m=tuple(row.altitude_m for row in rows),
    )
