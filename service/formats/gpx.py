"""An answer as GPX 1.1."""

from xml.etree import ElementTree as ET

from indexer.geojson import DECIMALS
from indexer.xml_text import add_texts, document
from service.formats.places import found_matches, places, summary
from service.schemas.answers import AnswerBody
from service.schemas.images import ImageBody


def gpx(answer: AnswerBody) -> str:
    """Return waypoints: estimates and matches; tracks: the flights."""
    root = ET.Element("gpx", version="1.1", creator="safenet-geo")
    root.set("xmlns", "http://www.topografix.com/GPX/1/1")
    metadata = ET.SubElement(root, "metadata")
    add_texts(metadata, name=f"{answer.gallery.name}: {answer.status}", desc=summary(answer))
    for place in places(answer):
        estimate = place.estimate
        waypoint = _point(root, "wpt", estimate.latitude, estimate.longitude)
        add_texts(waypoint, name=place.name, desc=place.text, type="estimate")
    for match in found_matches(answer):
        waypoint = _point(root, "wpt", match.latitude, match.longitude)
        add_texts(
            waypoint,
            ele=_height(match),
            time=_time(match),
            name=f"{match.rank} {match.image_id}",
            desc=f"match of the gallery, score {match.score:.4f}; {summary(answer)}",
            src=match.source,
            type="match",
        )
    if answer.status != "no_match":
        for flight in answer.flights or []:
            _add_track(root, flight.flight_id, flight.track)
    return document(root)


def _add_track(root: ET.Element, name: str, images: list[ImageBody]) -> None:
    track = ET.SubElement(root, "trk")
    add_texts(track, name=name)
    segment = ET.SubElement(track, "trkseg")
    for image in images:
        here = _point(segment, "trkpt", image.latitude, image.longitude)
        add_texts(here, ele=_height(image), time=_time(image), name=image.image_id)


def _point(parent: ET.Element, tag: str, latitude: float, longitude: float) -> ET.Element:
    attributes = {"lat": f"{latitude:.{DECIMALS}f}", "lon": f"{longitude:.{DECIMALS}f}"}
    return ET.SubElement(parent, tag, attributes)


def _height(image: ImageBody) -> str | None:
    """Return the height if it is above mean sea level, as GPX requires, else None."""
    is_msl = image.altitude_m is not None and image.altitude_datum == "msl"
    return f"{image.altitude_m:g}" if is_msl else None


def _time(image: ImageBody) -> str | None:
    return None if image.captured_at is None else image.captured_at.isoformat()
