"""An answer as KML 2.2 (OGC 07-147r2): points with outlines and circles of accuracy."""

from collections.abc import Sequence
from typing import Any
from xml.etree import ElementTree as ET

from indexer.geo import circle
from indexer.geojson import DECIMALS, area, box, line
from indexer.xml_text import add_texts, document
from service.formats.places import Place, found_matches, places, summary
from service.schemas.answers import AnswerBody, CameraBody
from service.schemas.images import MatchBody

OUTLINE = "ff2fb0ff"
ESTIMATE = "ffd6620b"
"""KML colours: alpha, blue, green, red."""


def kml(answer: AnswerBody) -> str:
    """Return placemarks: estimates with their radii, matches with their areas, flights."""
    root, _ = kml_document(answer)
    return document(root)


def kml_document(answer: AnswerBody) -> tuple[ET.Element, ET.Element]:
    """Return the root of a KML and its Document with all placemarks."""
    root = ET.Element("kml", xmlns="http://www.opengis.net/kml/2.2")
    content = ET.SubElement(root, "Document")
    title = f"{answer.gallery.name}: {answer.status}"
    add_texts(content, name=title, description=summary(answer))
    for place in places(answer):
        _add_estimate(content, place)
    for match in found_matches(answer):
        _add_match(content, match, answer)
    if answer.status != "no_match":
        for flight in answer.flights or []:
            mark = _placemark(content, flight.flight_id)
            _add_line(mark, line([(image.latitude, image.longitude) for image in flight.track]))
    return root, content


def _add_estimate(content: ET.Element, place: Place) -> None:
    estimate = place.estimate
    mark = _placemark(content, place.name, place.text)
    facts: dict[str, object] = {
        "status": place.status,
        "confidence": place.confidence,
        "accuracy_m_68": estimate.accuracy_m_68,
        "accuracy_m_95": estimate.accuracy_m_95,
    }
    _add_data(mark, facts)
    _add_point(mark, estimate.latitude, estimate.longitude)
    if estimate.footprint is not None:
        shown = _placemark(content, f"{place.name}: ground in the photo")
        _add_style(shown, ESTIMATE)
        _add_polygons(shown, estimate.footprint)
    if estimate.camera is not None:
        _add_camera(content, place.name, estimate.camera)
    radii = ((estimate.accuracy_m_68, "68"), (estimate.accuracy_m_95, "95"))
    for radius_m, share in radii:
        ring = circle(estimate.latitude, estimate.longitude, radius_m)
        outline = _placemark(content, f"{place.name}: {share} % within {radius_m:.1f} m")
        _add_style(outline, ESTIMATE)
        _add_polygons(outline, area(ring))


def _add_camera(content: ET.Element, name: str, camera: CameraBody) -> None:
    mark = _placemark(content, f"camera of the photo ({name})")
    _add_data(mark, camera.model_dump())
    point = ET.SubElement(mark, "Point")
    add_texts(
        point,
        altitudeMode="relativeToGround",
        coordinates=f"{_text([[camera.longitude, camera.latitude]])},{camera.height_m:.1f}",
    )


def _add_match(content: ET.Element, match: MatchBody, answer: AnswerBody) -> None:
    text = f"match of the gallery, score {match.score:.4f}; {summary(answer)}"
    mark = _placemark(content, f"{match.rank} {match.image_id}", text)
    _add_data(mark, {"status": answer.status, "confidence": answer.confidence})
    _add_point(mark, match.latitude, match.longitude)
    if match.bounds is not None:
        west, south, east, north = match.bounds
        outline = _placemark(content, f"{match.rank} {match.image_id}: ground area")
        _add_style(outline, OUTLINE)
        _add_polygons(outline, box((west, south, east, north)))


def _placemark(content: ET.Element, name: str, description: str | None = None) -> ET.Element:
    mark = ET.SubElement(content, "Placemark")
    add_texts(mark, name=name, description=description)
    return mark


def _add_data(mark: ET.Element, facts: dict[str, object]) -> None:
    extended = ET.SubElement(mark, "ExtendedData")
    for name, value in facts.items():
        add_texts(ET.SubElement(extended, "Data", name=name), value=str(value))


def _add_style(mark: ET.Element, colour: str) -> None:
    style = ET.SubElement(mark, "Style")
    add_texts(ET.SubElement(style, "LineStyle"), color=colour, width="2")
    add_texts(ET.SubElement(style, "PolyStyle"), fill="0")


def _add_point(mark: ET.Element, latitude: float, longitude: float) -> None:
    add_texts(ET.SubElement(mark, "Point"), coordinates=_text([[longitude, latitude]]))


def _add_polygons(mark: ET.Element, geometry: dict[str, Any]) -> None:
    coordinates = geometry["coordinates"]
    polygons = coordinates if geometry["type"] == "MultiPolygon" else [coordinates]
    parent = mark if len(polygons) == 1 else ET.SubElement(mark, "MultiGeometry")
    for (ring,) in polygons:
        polygon = ET.SubElement(parent, "Polygon")
        boundary = ET.SubElement(polygon, "outerBoundaryIs")
        add_texts(ET.SubElement(boundary, "LinearRing"), coordinates=_text(ring))


def _add_line(mark: ET.Element, geometry: dict[str, Any]) -> None:
    coordinates = geometry["coordinates"]
    lines = coordinates if geometry["type"] == "MultiLineString" else [coordinates]
    parent = mark if len(lines) == 1 else ET.SubElement(mark, "MultiGeometry")
    for part in lines:
        add_texts(ET.SubElement(parent, "LineString"), coordinates=_text(part))


def _text(positions: Sequence[Sequence[float]]) -> str:
    pairs = (f"{lon:.{DECIMALS}f},{lat:.{DECIMALS}f}" for lon, lat in positions)
    return " ".join(pairs)
