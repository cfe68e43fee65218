"""The layers and files of the service in QGIS itself, without a screen."""

import json
import os
import subprocess
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from camera_samples import ExplainingMatcher, TrueCamera, degrees_of, publish_map
from numpy.typing import NDArray
from PIL import Image
from service_live import encoded, serving, settings_of
from test_indexer_matching import GSD_M, SIDE_PX, ground

from indexer.gallery.export import export
from indexer.gallery.gallery import Gallery
from model.matching.xfeat_matcher import XFeatMatcher
from service.app import create_app

SCRIPT = Path(__file__).parent / "qgis_layers.py"
QGIS_PYTHON = "/usr/bin/python3"
QGIS_MODULE = Path("/usr/lib/python3/dist-packages/qgis/core")
LAYERS = ("xyz", "wmts", "oapif", "gpkg", "tif")
CAMERA = TrueCamera(east_m=108.0, north_m=-145.0, height_m=80.0, heading_deg=20.0, pitch_deg=-68.0)

pytestmark = pytest.mark.skipif(
    not QGIS_MODULE.exists(), reason="no QGIS: apt-get install qgis python3-qgis"
)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of what QGIS drew, one PNG for each layer."""
    return tmp_path_factory.mktemp("pictures")


@pytest.fixture(scope="module")
def layers(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What QGIS says of each layer of a running service, and of the files that it gave."""
    store, work = tmp_path_factory.mktemp("store"), tmp_path_factory.mktemp("files")
    embedder = ExplainingMatcher(XFeatMatcher())
    publish_map(store, work / "map", embedder)
    with closing(Gallery.open(store, "map", embedder=embedder)) as gallery:
        export(gallery.records(), work / "gallery.gpkg")
    settings = settings_of(store)
    with serving(create_app(settings, embedder), settings) as client:
        (work / "photo.tif").write_bytes(geotiff(client))
        north, west = degrees_of(0, 0)
        south, east = degrees_of(SIDE_PX * GSD_M, -SIDE_PX * GSD_M)
        wanted = {
            "address": str(client.base_url),
            "gallery": "map",
            "files": [str(work / "gallery.gpkg"), str(work / "photo.tif")],
            "pictures": str(pictures),
            "extent": [west, south, east, north],
        }
        done = subprocess.run(
            [QGIS_PYTHON, SCRIPT, json.dumps(wanted)],
            env={**without_our_python(), "QT_QPA_PLATFORM": "offscreen", "HOME": str(work)},
            capture_output=True,
            text=True,
            timeout=600,
        )
    assert done.returncode == 0, done.stderr
    said: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return said


def without_our_python() -> dict[str, str]:
    """Return the environment without what would lead QGIS's Python to our packages."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}


def geotiff(client: httpx.Client) -> bytes:
    photo = CAMERA.photo(ground(1), GSD_M, (640, 480))
    response = client.post(
        "/localize",
        params={"format": "geotiff"},
        content=encoded(photo, quality=95),
        headers={"Content-Type": "image/jpeg"},
    )
    assert response.status_code == 200, response.text
    return response.content


def drawn(pictures: Path, name: str) -> NDArray[np.float64]:
    """Return the red, green and blue of a drawn layer [512, 512, 3]."""
    picture = Image.open(pictures / f"{name}.png").convert("RGB")
    return np.asarray(picture, dtype=np.float64)


@pytest.mark.parametrize("name", LAYERS)
def test_qgis_finds_a_layer_valid_and_knows_its_system(layers: dict[str, Any], name: str) -> None:
    assert layers[name]["valid"], layers[name]
    assert layers[name]["crs"] in ("EPSG:3857", "EPSG:4326", "OGC:CRS84")


@pytest.mark.parametrize("name", ["oapif", "gpkg"])
def test_qgis_reads_every_footprint_with_its_fields(layers: dict[str, Any], name: str) -> None:
    assert layers[name]["features"] == 25
    assert "gsd_m" in layers[name]["fields"]


@pytest.mark.parametrize("name", ["xyz", "wmts"])
def test_qgis_draws_the_map_where_it_is(layers: dict[str, Any], pictures: Path, name: str) -> None:
    assert layers[name]["valid"]
    true = np.asarray(ground(1).resize((512, 512)), dtype=np.float64)
    shown = drawn(pictures, name)
    inner = (slice(16, -16), slice(16, -16))
    assert np.corrcoef(shown[inner].ravel(), true[inner].ravel())[0, 1] > 0.9


def test_qgis_lays_the_photo_where_the_map_shows_the_same(
    layers: dict[str, Any], pictures: Path
) -> None:
    assert layers["tif"]["valid"]
    photo, beneath = drawn(pictures, "tif"), drawn(pictures, "xyz")
    covered = (photo < 250).any(axis=2)
    assert 0.1 < covered.mean() < 0.9
    assert np.corrcoef(photo[covered].ravel(), beneath[covered].ravel())[0, 1] > 0.8


@pytest.mark.parametrize("name", ["oapif", "gpkg"])
def test_qgis_draws_the_footprints(layers: dict[str, Any], pictures: Path, name: str) -> None:
    assert layers[name]["valid"]
    outlines = (drawn(pictures, name) < 250).any(axis=2)
    assert 0.01 < outlines.mean() < 0.5
