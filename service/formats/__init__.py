"""One answer in the formats that maps, GPS receivers and spreadsheets read.

Each of them carries the status, the confidence, the estimate and its radii. `no_match` gives no
feature, waypoint or placemark, because these programs would show it as a find.
"""

from collections.abc import Callable, Mapping

from service.formats.csv_table import csv_table
from service.formats.geojson import geojson
from service.formats.gpx import gpx
from service.formats.kml import kml
from service.schemas import AnswerBody

Writer = Callable[[AnswerBody], str]

FORMATS: Mapping[str, tuple[str, Writer]] = {
    "json": ("application/json", lambda answer: answer.model_dump_json()),
    "geojson": ("application/geo+json", geojson),
    "gpx": ("application/gpx+xml", gpx),
    "kml": ("application/vnd.google-earth.kml+xml", kml),
    "csv": ("text/csv", csv_table),
}
"""Media type and writer of each format."""
