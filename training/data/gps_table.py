"""The table `gps.csv`: one line per image with path, id, view, position and, if known, more."""

import csv
import dataclasses
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from model.network import View
from training.data.image_sets import Benchmark, Direction, ImageSet, Position
from training.data.places import Place
from training.distances import nearest
from training.errors import DataError

NEEDED = ("path", "id", "view", "latitude", "longitude")


@dataclass(frozen=True, kw_only=True)
class GpsRow:
    """One image; `position` is the ground point at the image's middle, if the table has it."""

    file: Path
    place: str
    view: View
    position: Position
    altitude_m: float


def read_gps(root: Path) -> list[GpsRow]:
    """Return the lines of `root/gps.csv`.

    Raises:
        DataError: the file is missing, lacks a column, or a value is not a number.
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
    """Return both directions between all drone and all satellite images, judged by distance.

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


def flown_tiles(root: Path) -> list[Place]:
    """Return places to train on: the satellite tiles that drone images show, with those images.

    A drone image belongs to the tile whose middle is nearest to the ground point at its own middle.
    An image farther from that tile than the tile is from the next one lies off the map: it is left
    out.

    Raises:
        DataError: the table is wrong, or one of the views is absent.
    """
    rows = read_gps(root)
    drone, satellite = (_images(root, rows, view) for view in ("drone", "satellite"))
    tiles_S2, shown_D2 = (_degrees(images) for images in (satellite, drone))
    away_D1, nearest_D1 = nearest(shown_D2, tiles_S2, 1)
    nearest_D = nearest_D1[:, 0]
    next_S = torch.full((1,), torch.inf, dtype=torch.float64)
    if len(tiles_S2) > 1:
        next_S = nearest(tiles_S2, tiles_S2, 2)[0][:, 1]  # the first is the tile itself
    inside_D = away_D1[:, 0] <= next_S[nearest_D]
    files: dict[int, list[Path]] = {}
    for file, tile, inside in zip(drone.files, nearest_D.tolist(), inside_D.tolist(), strict=True):
        if inside:
            files.setdefault(tile, []).append(file)
    return [
        Place(
            place_id=f"{root.name}/{satellite.places[tile]}",
            satellite=(satellite.files[tile],),
            drone=tuple(files[tile]),
        )
        for tile in sorted(files)
    ]


def with_positions(root: Path, benchmark: Benchmark) -> Benchmark:
    """Return the same images with the positions of `root/gps.csv`, if there is such a file.

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


def _degrees(images: ImageSet) -> Tensor:
    return torch.tensor(images.positions, dtype=torch.float64)


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
