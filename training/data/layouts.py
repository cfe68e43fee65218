"""Recognition of the data set in a folder, and its test split.

University-1652, SUES-200, DenseUAV, or any folder whose `gps.csv` gives the position of each image.
"""

from pathlib import Path

from training.data.dense_uav import dense_uav_benchmark, is_dense_uav
from training.data.gps_table import gps_benchmark, with_positions
from training.data.image_sets import Benchmark, Direction, ImageSet
from training.data.sues import is_sues, sues_benchmark
from training.errors import DataError

EXPECTED = (
    "test/query_drone/<id>/<image>, gallery_satellite, query_satellite, gallery_drone "
    "(University-1652 or DenseUAV); drone_view_512/<id>/<height>/<image> and satellite-view/<id>/ "
    "(SUES-200); or gps.csv with path, id, view, latitude, longitude"
)


def read_benchmark(root: Path) -> Benchmark:
    """Return the test split of the data set in a folder.

    Raises:
        DataError: the folder is missing, or of an unknown layout.
    """
    if not root.is_dir():
        raise DataError(f"data {root} is not a folder; expected {EXPECTED}")
    if is_sues(root):
        return sues_benchmark(root)
    if is_dense_uav(root):
        return dense_uav_benchmark(root)
    if (root / "test").is_dir():
        return university_benchmark(root)
    if (root / "gps.csv").is_file():
        return gps_benchmark(root)
    raise DataError(f"data {root} has no known layout; expected {EXPECTED}")


def university_benchmark(root: Path) -> Benchmark:
    """Return University-1652's two directions; a `gps.csv` beside `test` adds positions.

    Raises:
        DataError: one of the four folders is missing or empty.
    """
    test = root / "test"
    pairs = (
        ("drone→satellite", "query_drone", "gallery_satellite"),
        ("satellite→drone", "query_satellite", "gallery_drone"),
    )
    directions = tuple(
        Direction(name=name, query=_role(test, query), gallery=_role(test, gallery))
        for name, query, gallery in pairs
    )
    return with_positions(root, Benchmark(layout="University-1652", directions=directions))


def _role(test: Path, role: str) -> ImageSet:
    return ImageSet.read(test / role, "drone" if role.endswith("drone") else "satellite")
