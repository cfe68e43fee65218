"""SUES-200: `drone_view_512/<id>/<height>/<n>.jpg` and `satellite-view/<id>/0.png`."""

from pathlib import Path

from training.data.image_sets import Benchmark, Direction, ImageSet
from training.data.places import SUFFIXES, Place
from training.errors import DataError

LAYOUT = "drone_view_512/<id>/<height in m>/<image> and satellite-view/<id>/<image> (SUES-200)"

_TRAINING_RANGES = (
    "1-7 9-11 13 15-16 20-21 24-34 36-37 39 43-45 51 55-58 60 64 66-67 69-70 73-74 76-77 80-82 "
    "84-91 94 96-97 100-106 113 116 118-120 123 125-127 129 132 134 137 139 141-142 145-149 "
    "151-152 155-160 163 166-169 171 174 179-180 182-187 191-193 196-200"
)


def training_ids() -> frozenset[int]:
    """Return the benchmark's 120 training ids; they are not contiguous."""
    ids: set[int] = set()
    for part in _TRAINING_RANGES.split():
        first, _, last = part.partition("-")
        ids.update(range(int(first), int(last or first) + 1))
    return frozenset(ids)


def is_sues(root: Path) -> bool:
    """Return whether a folder has SUES-200's layout."""
    return (root / "drone_view_512").is_dir()


def sues_benchmark(root: Path) -> Benchmark:
    """Return both directions at every height: 80 query places, a gallery of all 200.

    Source: the benchmark's own protocol; training places stay in the gallery as confusion data.

    Raises:
        DataError: a view is missing, or no place is outside the training ids.
    """
    satellites = {entry.name: _images(entry) for entry in _ids(root / "satellite-view")}
    known = training_ids()
    directions = []
    for height in _heights(root):
        drones = {
            entry.name: _images(entry / height)
            for entry in _ids(root / "drone_view_512")
            if (entry / height).is_dir()
        }
        queried = [place for place in drones if int(place) not in known and place in satellites]
        if not queried:
            raise DataError(
                f"{root}: no place outside the training ids at {height} m; expected {LAYOUT}"
            )
        some_drones = {place: drones[place] for place in queried}
        some_satellites = {place: satellites[place] for place in queried}
        directions += [
            _direction(height, "drone", some_drones, satellites),
            _direction(height, "satellite", some_satellites, drones),
        ]
    return Benchmark(layout="SUES-200", directions=tuple(directions))


def sues_training_places(root: Path, height: int | None = None) -> list[Place]:
    """Return the 120 training places, with the drone images of one height or of all.

    Raises:
        DataError: a view is missing, or no training place is there.
    """
    heights = _heights(root) if height is None else [str(height)]
    places = []
    for entry in _ids(root / "drone_view_512"):
        if int(entry.name) not in training_ids():
            continue
        drone = [file for name in heights for file in _images(entry / name)]
        satellite = tuple(_images(root / "satellite-view" / entry.name))
        places.append(Place(place_id=entry.name, satellite=satellite, drone=tuple(drone)))
    if not places:
        raise DataError(f"{root} holds no training place; expected {LAYOUT}")
    return places


def _direction(
    height: str, query_view: str, query: dict[str, list[Path]], gallery: dict[str, list[Path]]
) -> Direction:
    if query_view == "drone":
        return Direction(
            name=f"drone→satellite {height} m",
            query=ImageSet.of(f"query_drone_{height}", "drone", query),
            gallery=ImageSet.of("gallery_satellite", "satellite", gallery),
        )
    return Direction(
        name=f"satellite→drone {height} m",
        query=ImageSet.of("query_satellite", "satellite", query),
        gallery=ImageSet.of(f"gallery_drone_{height}", "drone", gallery),
    )


def _heights(root: Path) -> list[str]:
    found = {
        folder.name
        for entry in _ids(root / "drone_view_512")
        for folder in entry.iterdir()
        if folder.is_dir() and folder.name.isdigit()
    }
    if not found:
        raise DataError(f"{root / 'drone_view_512'} holds no heights; expected {LAYOUT}")
    return sorted(found, key=int)


def _ids(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise DataError(f"{folder} is missing; expected {LAYOUT}")
    return sorted(entry for entry in folder.iterdir() if entry.is_dir() and entry.name.isdigit())


def _images(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise DataError(f"{folder} is missing; expected {LAYOUT}")
    files = [file for file in folder.iterdir() if file.suffix.lower() in SUFFIXES]
    if not files:
        raise DataError(f"{folder} holds no images; expected {LAYOUT}")
    return sorted(files, key=lambda file: (len(file.stem), file.stem))
