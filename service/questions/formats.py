"""One answer in the formats that maps, GPS receivers and spreadsheets read.

GeoJSON: RFC 7946, positions are [longitude, latitude]. GPX 1.1, KML 2.2 (OGC 07-147r2).
"""

import csv
import io
import json
from collections.abc import Callable, Mapping
from xml.etree import ElementTree as ET

from indexer.geojson import DECIMALS, box, line, point
from service.schemas import AnswerBody, MatchBody

Writer = Callable[[AnswerBody], str]


def geojson(answer: AnswerBody) -> str:
    """Return a FeatureCollection: the estimate, then each match as its ground area or position."""
    features: list[dict[str, object]] = []
    if answer.estimate is not None:
        estimate = answer.estimate.model_dump(mode="json")
        geometry = point(answer.estimate.latitude, answer.estimate.longitude)
        properties = {"role": "estimate", "confidence": answer.confidence, **estimate}
        features.append({"type": "Feature", "geometry": geometry, "properties": properties})
    for match in answer.matches:
        features.append(_match_feature(match))
    for flight in answer.flights or []:
        if len(flight.track) > 1:
            features.append(
                {
                    "type": "Feature",
                    "geometry": line([(image.latitude, image.longitude) for image in flight.track]),
                    "properties": {"role": "flight", "flight_id": flight.flight_id},
                }
            )
    facts = answer.model_dump(mode="json", exclude={"estimate", "matches", "flights"})
    return json.dumps({"type": "FeatureCollection", "features": features, **facts})


def _match_feature(match: MatchBody) -> dict[str, object]:
    feature: dict[str, object] = {"type": "Feature", "id": match.image_id}
    properties = {"role": "match", **match.model_dump(mode="json", exclude={"bounds"})}
    if match.bounds is None:
        geometry = point(match.latitude, match.longitude)
    else:
        west, south, east, north = match.bounds
        feature["bbox"] = [round(value, DECIMALS) for value in match.bounds]
        geometry = box((west, south, east, north))
    return {**feature, "geometry": geometry, "properties": properties}


def gpx(answer: AnswerBody) -> str:
    """Return waypoints: the estimate and the matches; tracks: the flights."""
    root = ET.Element("gpx", version="1.1", creator="safenet-geo")
    root.set("xmlns", "http://www.topografix.com/GPX/1/1")
    if answer.estimate is not None:
        text = f"{answer.status}, confidence {answer.confidence:.3f}{_heading(answer)}"
        point = _gpx_point(root, "wpt", answer.estimate.latitude, answer.estimate.longitude)
        _texts(point, name="estimate", desc=text)
    for match in answer.matches:
        point = _gpx_point(root, "wpt", match.latitude, match.longitude)
        _texts(point, ele=_ele(match), time=_when(match), name=f"{match.rank} {match.image_id}")
        _texts(point, desc=f"score {match.score:.4f}", src=match.source)
    for flight in answer.flights or []:
        track = ET.SubElement(root, "trk")
        _texts(track, name=flight.flight_id)
        segment = ET.SubElement(track, "trkseg")
        for image in flight.track:
            point = _gpx_point(segment, "trkpt", image.latitude, image.longitude)
            _texts(point, ele=_ele(image), time=_when(image), name=image.image_id)
    return _document(root)


def _heading(answer: AnswerBody) -> str:
    heading_deg = None if answer.estimate is None else answer.estimate.heading_deg
    return "" if heading_deg is None else f", heading {round(heading_deg, 1) % 360:.1f} deg"


def _ele(image: object) -> str | None:
    """Return the height if it is above mean sea level, as GPX requires, else None."""
    altitude_m, datum = getattr(image, "altitude_m", None), getattr(image, "altitude_datum", None)
    return None if altitude_m is None or datum != "msl" else f"{altitude_m:g}"


def _when(image: object) -> str | None:
    moment = getattr(image, "captured_at", None)
    return None if moment is None else str(moment.isoformat())


def _gpx_point(parent: ET.Element, tag: str, latitude: float, longitude: float) -> ET.Element:
    attributes = {"lat": f"{latitude:.{DECIMALS}f}", "lon": f"{longitude:.{DECIMALS}f}"}
    return ET.SubElement(parent, tag, attributes)


def kml(answer: AnswerBody) -> str:
    """Return placemarks: the estimate, the matches and the flights' tracks."""
    root = ET.Element("kml", xmlns="http://www.opengis.net/kml/2.2")
    document = ET.SubElement(root, "Document")
    _texts(document, name=f"{answer.gallery.name}: {answer.status}")
    if answer.estimate is not None:
        mark = ET.SubElement(document, "Placemark")
        radius = f"95 % within {answer.estimate.accuracy_m_95:.1f} m{_heading(answer)}"
        _texts(mark, name="estimate", description=radius)
        _kml_point(mark, answer.estimate.latitude, answer.estimate.longitude)
    for match in answer.matches:
        mark = ET.SubElement(document, "Placemark")
        _texts(mark, name=f"{match.rank} {match.image_id}", description=f"score {match.score:.4f}")
        _kml_point(mark, match.latitude, match.longitude)
    for flight in answer.flights or []:
        mark = ET.SubElement(document, "Placemark")
        _texts(mark, name=flight.flight_id)
        line = ET.SubElement(mark, "LineString")
        pairs = (f"{i.longitude:.{DECIMALS}f},{i.latitude:.{DECIMALS}f}" for i in flight.track)
        _texts(line, coordinates=" ".join(pairs))
    return _document(root)


def _kml_point(mark: ET.Element, latitude: float, longitude: float) -> None:
    point = ET.SubElement(mark, "Point")
    _texts(point, coordinates=f"{longitude:.{DECIMALS}f},{latitude:.{DECIMALS}f}")


def _texts(parent: ET.Element, **texts: str | None) -> None:
    for tag, text in texts.items():
        if text:
            ET.SubElement(parent, tag).text = _legal(text)


def _legal(text: str) -> str:
    """Remove the control characters that XML 1.0 cannot hold."""
    return "".join(c for c in text if c in "\t\n\r" or (c >= " " and c not in "\ufffe\uffff"))


def _document(root: ET.Element) -> str:
    ET.indent(root)
    return ET.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


CSV_COLUMNS = (
    "rank",
    "score",
    "image_id",
    "latitude",
    "longitude",
    "altitude_m",
    "altitude_datum",
    "heading_deg",
    "gimbal_pitch_deg",
    "flight_id",
    "captured_at",
    "source",
    "image_url",
)


def table(answer: AnswerBody) -> str:
    """Return a line per match; text that a spreadsheet would run as a formula is quoted."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\r\n")
    writer.writerow(CSV_COLUMNS)
    for match in answer.matches:
        fields = match.model_dump(mode="json")
        writer.writerow([_cell(fields[column]) for column in CSV_COLUMNS])
    return stream.getvalue()


def _cell(value: object) -> object:
    if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r")):
        return "'" + value
    return value


FORMATS: Mapping[str, tuple[str, Writer]] = {
    "json": ("application/json", lambda answer: answer.model_dump_json()),
    "geojson": ("application/geo+json", geojson),
    "gpx": ("application/gpx+xml", gpx),
    "kml": ("application/vnd.google-earth.kml+xml", kml),
    "csv": ("text/csv", table),
}
"""Media type and writer of each format."""
