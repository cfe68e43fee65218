"""A user's own drone photos as training material: each on a tile of the map that it shows."""

import csv
import io
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from console.progress import Progress
from indexer.errors import SourceError
from indexer.geo import metres_between, offset
from indexer.sources.listing import image_files
from indexer.sources.photos.metadata import PhotoMetadata, read_photo_metadata
from model.errors import ImageError
from model.files import write_atomically
from model.images import open_image
from training.data.gps_table import NEEDED
from training.data.image_sets import Position
from training.errors import DataError
from training.world.orthophoto.map_source import MapSource

_SIDE_PX = 512
"""Our choice: twice the network's input, so that the warps of training lose nothing."""
_FLATTEST_PITCH_DEG = -35.0
"""Our choice: a photo that looks flatter shows mostly ground that is far away."""
_COVERED = 0.9
"""Our choice: the share of a tile that the map fills at least."""


@dataclass(frozen=True, kw_only=True)
class Sight:
    """A photo and the ground point at its middle, degrees WGS 84."""

    file: Path
    position: Position


@dataclass(frozen=True, kw_only=True)
class PhotoPlaces:
    """What became of the photos: places and images written, and the rest by reason."""

    places: int
    images: int
    left_out: dict[str, int]
    """Number of photos by reason."""


def write_photo_places(
    folder: Path, map_file: Path, out: Path, *, span_m: float, gsd_m: float
) -> PhotoPlaces:
    """Cut a tile of the map for each group of near photos; write both as University-1652's train.

    Args:
        folder: the photos, in any subfolders, with position, height above take-off, heading and
            pitch.
        map_file: a GeoTIFF or an XYZ folder.
        out: where `train` and `gps.csv` are written.
        span_m: side of a tile; photos of one group look at most a quarter of it from its middle.
        gsd_m: metres per pixel of a tile.

    Raises:
        DataError: no photo can be used.
        MapSourceError: the map cannot be read.
    """
    left_out: Counter[str] = Counter()
    files = list(image_files(folder))
    shown = Progress("photos", len(files), unit="photo").over(files)
    sights = [sight for file in shown if (sight := _sight(file, left_out)) is not None]
    rows: list[tuple[str, ...]] = []
    places = 0
    with MapSource(map_file) as source:
        for group in _groups(sights, span_m / 4):
            middle = group[0].position
            tile, covered = source.photo(*middle, span_m / 2, gsd_m)
            if covered < _COVERED:
                left_out["outside of the map"] += len(group)
                continue
            name = f"photo{places + 1:04d}"
            written = _write_place(out, name, Image.fromarray(tile), group, left_out)
            places += bool(written)
            rows += [(path, name, view, *map(str, middle)) for path, view in written]
    if not rows:
        reasons = ", ".join(f"{count} {why}" for why, count in left_out.most_common())
        raise DataError(
            f"{folder}: none of {len(files)} photos can be used ({reasons or 'it holds none'}); "
            "give photos of the map's ground with position, height, heading and pitch in their "
            "metadata, or leave out --photos"
        )
    table = io.StringIO()
    csv.writer(table, lineterminator="\n").writerows([NEEDED, *rows])
    write_atomically(out / "gps.csv", table.getvalue().encode())
    images = sum(view == "drone" for _, _, view, *_ in rows)
    return PhotoPlaces(places=places, images=images, left_out=dict(left_out.most_common()))


def _sight(file: Path, left_out: Counter[str]) -> Sight | None:
    try:
        position = _middle(read_photo_metadata(file))
    except SourceError:
        position = "unreadable"
    if isinstance(position, str):
        left_out[position] += 1
        return None
    return Sight(file=file, position=position)


def _middle(photo: PhotoMetadata) -> Position | str:
    """Return the point of flat ground that the camera looks at, or why it is not known."""
    pitch_deg, heading_deg, height_m = photo.gimbal_pitch_deg, photo.heading_deg, photo.altitude_m
    if photo.position is None:
        return "without a position"
    if pitch_deg is None or heading_deg is None:
        return "without heading or pitch of the camera"
    if pitch_deg > _FLATTEST_PITCH_DEG:
        return f"flatter than {-_FLATTEST_PITCH_DEG:g} degrees below the horizon"
    if photo.altitude_datum != "takeoff" or height_m is None or height_m <= 0:
        return "without a height above take-off"
    ahead_m = height_m / math.tan(math.radians(-pitch_deg))
    heading = math.radians(heading_deg)
    return offset(*photo.position, ahead_m * math.cos(heading), ahead_m * math.sin(heading))


def _groups(sights: Sequence[Sight], reach_m: float) -> list[list[Sight]]:
    """Return groups of photos that look at ground within `reach_m` of their first one's."""
    groups: list[list[Sight]] = []
    for sight in sights:
        for group in groups:
            if math.hypot(*metres_between(*group[0].position, *sight.position)) <= reach_m:
                group.append(sight)
                break
        else:
            groups.append([sight])
    return groups


def _write_place(
    out: Path, name: str, tile: Image.Image, group: Sequence[Sight], left_out: Counter[str]
) -> list[tuple[str, str]]:
    """Write one place; return (path, view) of its images, none if no photo can be decoded."""
    written: list[tuple[str, str]] = []
    for sight in group:
        path = f"train/drone/{name}/{len(written):03d}.jpg"
        try:
            photo = open_image(sight.file, min_side=_SIDE_PX)
        except ImageError:
            left_out["unreadable"] += 1
            continue
        _save(photo, out / path)
        written.append((path, "drone"))
    if written:
        path = f"train/satellite/{name}/{name}.jpg"
        _save(tile, out / path)
        written.append((path, "satellite"))
    return written


def _save(image: Image.Image, file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    image.save(file, quality=92)
