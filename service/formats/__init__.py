"""One answer in the formats that maps, GPS receivers and spreadsheets read.

Each of them carries the status, the confidence, the estimate and its radii; a GeoTIFF is the photo
alone. `no_match` gives no feature, waypoint or placemark, because these programs would show it as a
find.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from PIL import Image

from indexer.records import Ring
from service.errors import NotPlacedError
from service.formats.csv_table import csv_table
from service.formats.geojson import geojson
from service.formats.gpx import gpx
from service.formats.kml import kml
from service.formats.kmz import kmz
from service.formats.laid_photo import LaidPhoto, as_geotiff, laid_photo
from service.media_types import CSV, GEOJSON, GEOTIFF, GPX, JSON, KML, KMZ
from service.schemas.answers import AnswerBody
from service.schemas.questions import MapSystem

Writer = Callable[[AnswerBody], str]

FORMATS: Mapping[str, tuple[str, Writer]] = {
    "json": (JSON, lambda answer: answer.model_dump_json()),
    "geojson": (GEOJSON, geojson),
    "gpx": (GPX, gpx),
    "kml": (KML, kml),
    "csv": (CSV, csv_table),
}
"""Media type and writer of each format that needs the answer alone."""

PICTURE_FORMATS: Mapping[str, tuple[str, Callable[[AnswerBody, LaidPhoto], bytes]]] = {
    "geotiff": (GEOTIFF, lambda _, laid: as_geotiff(laid)),
    "kmz": (KMZ, kmz),
}
"""Those that hold the photo as it lies on the map."""

MEDIA_TYPES = [media_type for media_type, _ in (*FORMATS.values(), *PICTURE_FORMATS.values())]


@dataclass(frozen=True, kw_only=True)
class PlacedPhoto:
    """The (first) photo of a question and where its outline lies, if it was found."""

    picture: Image.Image | None
    outline: Ring | None
    crs: MapSystem


def written(answer: AnswerBody, name: str, photo: PlacedPhoto) -> tuple[str, bytes]:
    """Return the media type and the text or picture of a format.

    Raises:
        NotPlacedError: the format holds the photo, and nothing says where its outline lies.
    """
    if name in FORMATS:
        media_type, write = FORMATS[name]
        return media_type, write(answer).encode()
    media_type, draw = PICTURE_FORMATS[name]
    if photo.picture is None or photo.outline is None:
        raise NotPlacedError(
            f"format {name}: the photo cannot be laid on the map, since the status is "
            f"{answer.status} and its outline on the ground is unknown; ask for format=json"
        )
    crs = "EPSG:4326" if name == "kmz" else photo.crs
    return media_type, draw(answer, laid_photo(photo.picture, photo.outline, crs))
