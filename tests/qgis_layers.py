"""Load a gallery's layers into QGIS and draw them; for the Python of QGIS itself.

Usage: python3 tests/qgis_layers.py '{"address": …, "gallery": …, "files": [PATH, …],
"pictures": FOLDER, "extent": [west, south, east, north]}'

Prints one JSON object for each layer, by name; `pictures` receives one PNG for each and `all.png`.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any
from urllib.parse import quote

from qgis.core import (
    QgsApplication,
    QgsCoordinateReferenceSystem,
    QgsCoordinateTransform,
    QgsFillSymbol,
    QgsMapRendererSequentialJob,
    QgsMapSettings,
    QgsProject,
    QgsRasterLayer,
    QgsRectangle,
    QgsSingleSymbolRenderer,
    QgsVectorLayer,
)
from qgis.PyQt.QtCore import QSize
from qgis.PyQt.QtGui import QColor

SIDE_PX = 512


def layers(address: str, gallery: str, files: list[str]) -> dict[str, Any]:
    """Return every layer by name, as a user of QGIS adds it."""
    tiles = quote(f"{address}/galleries/{gallery}/tiles/{{z}}/{{x}}/{{y}}", safe="/:")
    wmts = f"{address}/galleries/{gallery}/wmts"
    found: dict[str, Any] = {
        "xyz": QgsRasterLayer(f"type=xyz&url={tiles}&zmin=0&zmax=24", "xyz", "wms"),
        "wmts": QgsRasterLayer(
            f"url={wmts}&layers={gallery}&styles=default&format=image/png"
            "&tileMatrixSet=WebMercatorQuad&crs=EPSG:3857",
            "wmts",
            "wms",
        ),
        "oapif": QgsVectorLayer(
            f"url='{address}/ogc' typename='{gallery}' pageSize='100'", "oapif", "OAPIF"
        ),
    }
    for file in files:
        kind = QgsRasterLayer if file.endswith((".tif", ".tiff")) else QgsVectorLayer
        found[Path(file).suffix[1:]] = kind(file, Path(file).name)
    return found


def facts(layer: Any) -> dict[str, Any]:
    """Return what QGIS says of a layer."""
    said: dict[str, Any] = {"valid": layer.isValid(), "crs": layer.crs().authid()}
    if isinstance(layer, QgsVectorLayer):
        said["features"] = sum(1 for _ in layer.getFeatures())
        said["fields"] = [field.name() for field in layer.fields()]
    return said


def draw(shown: list[Any], extent: list[float], path: Path) -> None:
    """Draw layers, the first on top, over a box of west, south, east, north in degrees."""
    mercator = QgsCoordinateReferenceSystem("EPSG:3857")
    degrees = QgsCoordinateReferenceSystem("EPSG:4326")
    to_mercator = QgsCoordinateTransform(degrees, mercator, QgsProject.instance())
    settings = QgsMapSettings()
    settings.setDestinationCrs(mercator)
    settings.setExtent(to_mercator.transformBoundingBox(QgsRectangle(*extent)))
    settings.setOutputSize(QSize(SIDE_PX, SIDE_PX))
    settings.setBackgroundColor(QColor(255, 255, 255))
    settings.setLayers(shown)
    job = QgsMapRendererSequentialJob(settings)
    job.start()
    job.waitForFinished()
    job.renderedImage().save(str(path))


def main(wanted: dict[str, Any]) -> dict[str, Any]:
    """Load, describe and draw all layers."""
    found = layers(wanted["address"], wanted["gallery"], wanted["files"])
    outline = QgsFillSymbol.createSimple({"color": "0,0,0,0", "outline_color": "255,0,80"})
    for layer in found.values():
        if isinstance(layer, QgsVectorLayer) and layer.isValid():
            layer.setRenderer(QgsSingleSymbolRenderer(outline.clone()))
    said = {name: facts(layer) for name, layer in found.items()}
    folder = Path(wanted["pictures"])
    valid = {name: layer for name, layer in found.items() if layer.isValid()}
    for name, layer in valid.items():
        draw([layer], wanted["extent"], folder / f"{name}.png")
    order = [valid[name] for name in ("oapif", "tif", "xyz") if name in valid]
    draw(order, wanted["extent"], folder / "all.png")
    return said


if __name__ == "__main__":
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    application = QgsApplication([], False)
    application.initQgis()
    application.messageLog().messageReceived.connect(lambda *said: print(*said, file=sys.stderr))
    print(json.dumps(main(json.loads(sys.argv[1]))))
    sys.stdout.flush()
    os._exit(0)  # QGIS 3.22 may crash while it takes itself apart
