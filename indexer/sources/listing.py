"""What lies below a folder: image files in a stable order, and everything else by its kind."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

IMAGE_SUFFIXES = (
    ".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp", ".avif", ".heic", ".heif", ".mpo",
    ".jp2", ".j2k",
)  # fmt: skip
"""What counts as an image file in a folder; compared in lower case."""

RASTER_SUFFIXES = (".tif", ".tiff", ".jp2", ".j2k")
"""Image files that may be maps."""

RASTER_FILES = (*RASTER_SUFFIXES, ".vrt", ".img", ".gpkg")
"""What may be a map where the file itself is given; in a folder, a .vrt repeats what lies there."""


def may_be_map(file: Path) -> bool:
    """Return whether a file may be a map, by its suffix or by GDAL's description beside it."""
    described = file.with_name(f"{file.name}.aux.xml")
    return file.suffix.lower() in RASTER_SUFFIXES or described.is_file()


def image_files(folder: Path, others: Counter[str] | None = None) -> Iterator[Path]:
    """Yield every image file below a folder, in a stable order.

    A folder that a link leads back to is visited once; hidden files are left out.

    Args:
        folder: where to look.
        others: what to count the files in that are no images, by kind.
    """
    yield from _below(folder, others if others is not None else Counter(), set())


def _below(folder: Path, others: Counter[str], visited: set[tuple[int, int]]) -> Iterator[Path]:
    stat = folder.stat()
    if (stat.st_dev, stat.st_ino) in visited:
        others["link back to a folder that was read"] += 1
        return
    visited.add((stat.st_dev, stat.st_ino))
    for path in sorted(folder.iterdir()):
        if path.name.startswith("."):
            others["hidden file"] += 1
        elif path.is_dir():
            yield from _below(path, others, visited)
        elif path.suffix.lower() not in IMAGE_SUFFIXES:
            others[f"{path.suffix.lower() or 'file without suffix'} file"] += 1
        elif not path.is_file():
            others["link that leads nowhere" if path.is_symlink() else "pipe or device"] += 1
        else:
            yield path
