"""The ground that each image of the demo's world shows."""

import csv
import re
from dataclasses import dataclass
from pathlib import Path

from indexer.sources.candidate import file_id
from service.demo.errors import DemoError

TABLE = "gps.csv"


@dataclass(frozen=True, kw_only=True)
class Shot:
    """One image of the world; degrees WGS 84.

    Its camera looks at (latitude, longitude) and sees the quadrilateral `ring` of
    (latitude, longitude) corners.
    """

    path: Path
    latitude: float
    longitude: float
    ring: tuple[tuple[float, float], ...]

    def shows(self, latitude: float, longitude: float) -> bool:
        """Return whether the point lies on the ground that the image shows.

        Even-odd rule, in plain degrees: exact enough for footprints of a few hundred metres.
        """
        inside = False
        for (lat_a, lon_a), (lat_b, lon_b) in zip(
            self.ring, (*self.ring[1:], self.ring[0]), strict=True
        ):
            if (lat_a > latitude) != (lat_b > latitude):
                crossing = lon_a + (latitude - lat_a) / (lat_b - lat_a) * (lon_b - lon_a)
                inside ^= longitude < crossing
        return inside


class Truth:
    """The world's gps.csv, by path and by the image id that a gallery gives.

    Raises:
        DemoError: the table is missing.
    """

    def __init__(self, world: Path) -> None:
        self._world = world
        try:
            with (world / TABLE).open(newline="") as table:
                self._shots = {row["path"]: _shot(world, row) for row in csv.DictReader(table)}
        except OSError as error:
            raise DemoError(f"{world / TABLE} cannot be read; {self._remedy}") from error
        self._by_id = {file_id(Path(path)): shot for path, shot in self._shots.items()}

    def shot(self, path: str) -> Shot:
        """Return the image at this path of gps.csv.

        Raises:
            DemoError: there is none.
        """
        if path not in self._shots:
            raise DemoError(f"{self._world / TABLE} has no line for {path}; {self._remedy}")
        return self._shots[path]

    def of_id(self, image_id: str) -> Shot | None:
        """Return the image with this gallery id; None if the world has no such image."""
        return self._by_id.get(image_id)

    @property
    def _remedy(self) -> str:
        return f"delete {self._world.parent} and run again"


def _shot(world: Path, row: dict[str, str]) -> Shot:
    numbers = [float(number) for number in re.findall(r"-?\d+(?:\.\d+)?", row["footprint"])]
    corners = tuple(zip(numbers[1::2], numbers[::2], strict=True))
    return Shot(
        path=world / row["path"],
        latitude=float(row["target_latitude"]),
        longitude=float(row["target_longitude"]),
        ring=corners[:-1],  # WKT closes the ring by repeating its first corner
    )
