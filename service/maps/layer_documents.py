"""Descriptions of a gallery's map layer that GIS programs read: TileJSON 3.0 and WMTS 1.0.

Sources: TileJSON 3.0.0; OGC 07-057r7 (Web Map Tile Service 1.0.0), RESTful encoding.
"""

import math
from dataclasses import dataclass
from xml.etree import ElementTree as ET

from indexer.geo import MERCATOR_EQUATOR_M
from indexer.records import Bounds
from service.maps.mosaic import TILE_PX

METRES_PER_PIXEL = 0.00028
"""Size of a pixel by which WMTS defines scale denominators, m."""

_OWS = "http://www.opengis.net/ows/1.1"
_WMTS = "http://www.opengis.net/wmts/1.0"
_XLINK = "http://www.w3.org/1999/xlink"
_MATRIX_SET = "WebMercatorQuad"


@dataclass(frozen=True, kw_only=True)
class MapLayer:
    """The map layer of one gallery version; `url` is the service's root, without a final slash."""

    name: str
    version: str
    path: str
    url: str
    bounds: Bounds
    max_zoom: int

    def tiles(self, zoom: str, x: str, y: str) -> str:
        """Return the address of a tile, or a template of it."""
        return f"{self.url}{self.path}/tiles/{zoom}/{x}/{y}.png"


def tilejson(layer: MapLayer) -> dict[str, object]:
    """Return the layer as TileJSON."""
    west, south, east, north = layer.bounds
    return {
        "tilejson": "3.0.0",
        "name": layer.name,
        "version": "1.0.0",
        "scheme": "xyz",
        "tiles": [layer.tiles("{z}", "{x}", "{y}")],
        "minzoom": 0,
        "maxzoom": layer.max_zoom,
        "bounds": [west, south, east, north],
        "center": [(west + east) / 2, (south + north) / 2, max(0, layer.max_zoom - 3)],
        "vector_layers": [],
    }


def wmts_capabilities(layer: MapLayer) -> str:
    """Return the layer as a WMTS capabilities document."""
    for prefix, namespace in (("", _WMTS), ("ows", _OWS), ("xlink", _XLINK)):
        ET.register_namespace(prefix, namespace)
    root = ET.Element(f"{{{_WMTS}}}Capabilities", version="1.0.0")
    service = ET.SubElement(root, f"{{{_OWS}}}ServiceIdentification")
    _ows(service, "Title", "Safe-Net Geo")
    _ows(service, "ServiceType", "OGC WMTS")
    _ows(service, "ServiceTypeVersion", "1.0.0")
    contents = ET.SubElement(root, f"{{{_WMTS}}}Contents")
    _add_layer(contents, layer)
    _add_matrix_set(contents, layer.max_zoom)
    ET.indent(root)
    return ET.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _add_layer(contents: ET.Element, layer: MapLayer) -> None:
    west, south, east, north = layer.bounds
    element = ET.SubElement(contents, f"{{{_WMTS}}}Layer")
    _ows(element, "Title", layer.name)
    box = ET.SubElement(element, f"{{{_OWS}}}WGS84BoundingBox")
    _ows(box, "LowerCorner", f"{west} {south}")
    _ows(box, "UpperCorner", f"{east} {north}")
    _ows(element, "Identifier", layer.name)
    style = ET.SubElement(element, f"{{{_WMTS}}}Style", isDefault="true")
    _ows(style, "Identifier", "default")
    ET.SubElement(element, f"{{{_WMTS}}}Format").text = "image/png"
    link = ET.SubElement(element, f"{{{_WMTS}}}TileMatrixSetLink")
    ET.SubElement(link, f"{{{_WMTS}}}TileMatrixSet").text = _MATRIX_SET
    template = layer.tiles("{TileMatrix}", "{TileCol}", "{TileRow}")
    attributes = {"format": "image/png", "resourceType": "tile", "template": template}
    ET.SubElement(element, f"{{{_WMTS}}}ResourceURL", attributes)


def _add_matrix_set(contents: ET.Element, max_zoom: int) -> None:
    matrix_set = ET.SubElement(contents, f"{{{_WMTS}}}TileMatrixSet")
    _ows(matrix_set, "Identifier", _MATRIX_SET)
    _ows(matrix_set, "SupportedCRS", "urn:ogc:def:crs:EPSG::3857")
    half_m = MERCATOR_EQUATOR_M / 2
    for zoom in range(max_zoom + 1):
        matrix = ET.SubElement(matrix_set, f"{{{_WMTS}}}TileMatrix")
        _ows(matrix, "Identifier", str(zoom))
        scale = MERCATOR_EQUATOR_M / (TILE_PX * 2**zoom) / METRES_PER_PIXEL
        facts = {
            "ScaleDenominator": repr(scale),
            "TopLeftCorner": f"{-half_m!r} {half_m!r}",
            "TileWidth": str(TILE_PX),
            "TileHeight": str(TILE_PX),
            "MatrixWidth": str(2**zoom),
            "MatrixHeight": str(2**zoom),
        }
        for name, value in facts.items():
            ET.SubElement(matrix, f"{{{_WMTS}}}{name}").text = value


def _ows(parent: ET.Element, name: str, value: str) -> None:
    ET.SubElement(parent, f"{{{_OWS}}}{name}").text = value


def finest_zoom(gsd_m: float, latitude: float) -> int:
    """Return the zoom whose pixels are at least as fine as a ground resolution."""
    width_m = MERCATOR_EQUATOR_M * math.cos(math.radians(latitude))
    return max(0, math.ceil(math.log2(max(1.0, width_m / (TILE_PX * gsd_m)))))
