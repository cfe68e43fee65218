"""DenseUAV: `test/query_drone/<id6>/H80.JPG` and `test/gallery_satellite/<id6>/H80.tif`.

A `Dense_GPS_*.txt` has a line `path E<lon> N<lat> <height above ground>` per image.
"""

from pathlib import Path

from training.data.image_sets import Benchmark, Direction, ImageSet, Position
from training.errors import DataError

LINE = "path E<longitude> N<latitude> <height in m>"


def is_dense_uav(root: Path) -> bool:
    """Return whether a folder has DenseUAV's position files."""
    return any(root.glob("Dense_GPS_*.txt"))


def dense_uav_benchmark(root: Path) -> Benchmark:
    """Return drone queries and the satellite gallery, every image with its position.

    Raises:
        DataError: a folder is missing, or an image has no line in the position files.
    """
    query = ImageSet.read(root / "test" / "query_drone", "drone")
    gallery = ImageSet.read(root / "test" / "gallery_satellite", "satellite")
    known = read_positions(root)
    direction = Direction(
        name="drone→satellite",
        query=_located(query, root, known),
        gallery=_located(gallery, root, known),
    )
    return Benchmark(layout="DenseUAV", directions=(direction,), degrees_metric=True)


def read_positions(root: Path) -> dict[tuple[str, str], tuple[Position, float]]:
    """Return position and height (m) by (id folder, file name) of every `Dense_GPS_*.txt`.

    Raises:
        DataError: a line has another form.
    """
    known: dict[tuple[str, str], tuple[Position, float]] = {}
    for file in sorted(root.glob("Dense_GPS_*.txt")):
        for number, line in enumerate(file.read_text().splitlines(), start=1):
            if not line.strip():
                continue
            try:
                path, longitude, latitude, height = line.split()
                position = (_degrees(latitude, "NS"), _degrees(longitude, "EW"))
                known[_key(Path(path.replace("\\", "/")))] = (position, float(height))
            except (IndexError, ValueError) as error:
                raise DataError(f"{file}, line {number}: {line!r} is not {LINE!r}") from error
    return known


def _degrees(text: str, signs: str) -> float:
    if text[0] not in signs:
        raise ValueError(text)
    return float(text[1:]) * (1.0 if text[0] == signs[0] else -1.0)


def _key(path: Path) -> tuple[str, str]:
    """Return an image's key; query and gallery of one id differ in the suffix: JPG and tif."""
    return path.parent.name, path.name.lower()


def _located(
    images: ImageSet, root: Path, known: dict[tuple[str, str], tuple[Position, float]]
) -> ImageSet:
    lost = [file for file in images.files if _key(file) not in known]
    if lost:
        raise DataError(
            f"{lost[0]} has no line in {root}/Dense_GPS_*.txt ({len(lost)} such); expected {LINE!r}"
        )
    found = [known[_key(file)] for file in images.files]
    return ImageSet(
        role=images.role,
        view=images.view,
        files=images.files,
        places=images.places,
        positions=tuple(position for position, _ in found),
        heights_m=tuple(height for _, height in found),
    )
