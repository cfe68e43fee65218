"""A folder in which the documents' code works: a map, photos of it, our commands."""

import os
import stat
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
from documents import ROOT
from PIL import Image
from pyproj import Transformer
from rasterio import Affine

SCRIPTS: dict[str, str] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
LATITUDE, LONGITUDE = 50.1, 14.4
"""The middle of the map and of every photo: where docs/service.md asks."""
MAPS_PX = {"path/to/map.tif": 225, "ortho.tif": 300}
"""Name of each map, and its side at 1 m a pixel."""
PHOTOS = {"photo.jpg": 1, "a.jpg": 0, "b.jpg": 3, "flight/0001.jpg": 1, "flight/0002.jpg": 1}
"""Name of each photo, and by how many quarters it is rotated."""
CURL = 'curl() { command curl --silent --show-error --fail-with-body "$@"; }\n'


@dataclass(frozen=True, kw_only=True)
class Workplace:
    """The folder, and the port on which its service listens."""

    folder: Path
    port: int

    def prepare(self) -> None:
        """Write the map and the photos under the names that the documents use, and the commands."""
        pixels = np.asarray(Image.open(ROOT / "docs/images/world_map.jpg"))
        for name, side in MAPS_PX.items():
            write_map(self.folder / name, middle(pixels, side))
        for name, quarters in PHOTOS.items():
            photo = Image.fromarray(np.rot90(middle(pixels, 150), quarters))
            (self.folder / name).parent.mkdir(exist_ok=True)
            photo.save(self.folder / name, quality=92)
        for name, target in SCRIPTS.items():
            write_command(self.folder / ".venv/bin" / name, target)

    @property
    def environment(self) -> dict[str, str]:
        """The process's own without settings; our commands and packages come first."""
        own = {name: each for name, each in os.environ.items() if not name.startswith("SAFENET_")}
        path = f"{self.folder / '.venv/bin'}{os.pathsep}{own['PATH']}"
        return {**own, "PATH": path, "PYTHONPATH": str(ROOT), "SAFENET_PORT": str(self.port)}

    def local(self, text: str) -> str:
        """Return code with the port of this workplace's service."""
        return text.replace(":8000", f":{self.port}")

    def run(self, text: str) -> str:
        """Run shell lines; return what they printed."""
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", self.local(CURL + text)],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{text}\n{done.stdout}\n{done.stderr}"
        return done.stdout


def middle(pixels_HW3: np.ndarray, side: int) -> np.ndarray:
    """Return the square in the middle of an image."""
    top, left = ((length - side) // 2 for length in pixels_HW3.shape[:2])
    return pixels_HW3[top : top + side, left : left + side]


def write_map(file: Path, pixels_HW3: np.ndarray) -> None:
    """Write a GeoTIFF of 1 m a pixel around the documents' place."""
    x, y = Transformer.from_crs(4326, 32633, always_xy=True).transform(LONGITUDE, LATITUDE)
    height, width = pixels_HW3.shape[:2]
    form = {"driver": "GTiff", "width": width, "height": height, "count": 3, "dtype": "uint8"}
    place = {"crs": "EPSG:32633", "transform": Affine(1, 0, x - width / 2, 0, -1, y + height / 2)}
    file.parent.mkdir(parents=True, exist_ok=True)
    with rasterio.open(file, "w", **form, **place) as dataset:
        dataset.write(pixels_HW3.transpose(2, 0, 1))


def write_command(file: Path, target: str) -> None:
    """Write one of our commands, as an installation would, for this Python and this tree."""
    module, _, attribute = target.partition(":")
    code = f"import sys; from {module} import {attribute}; sys.argv[0] = {file.name!r}"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f'#!/bin/sh\nexec {sys.executable} -c "{code}; {attribute}()" "$@"\n')
    file.chmod(file.stat().st_mode | stat.S_IXUSR)
