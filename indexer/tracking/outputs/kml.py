"""A track as KML: gx:Track where the frames have dates, else a line; uncertainty as circles."""

from collections.abc import Sequence
from xml.etree import ElementTree as ET

from indexer.geo import circle
from indexer.geojson import DECIMALS
from indexer.tracking.fixes import Track
from indexer.tracking.outputs.json_text import POSITION_IS
from indexer.tracking.outputs.moments import moment_text
from indexer.tracking.track_parts import Placed, parts
from indexer.xml_text import add_texts, document

MOST_CIRCLES = 500
"""Number of circles that are drawn; of longer flights every n-th fix gets one."""


def kml(track: Track) -> str:
    """Return the track's segments and the circles that hold the truth in 95 % of cases."""
    root = ET.Element("kml", xmlns="http://www.opengis.net/kml/2.2")
    root.set("xmlns:gx", "http://www.google.com/kml/ext/2.2")
    content = ET.SubElement(root, "Document")
    text = f"confidence {track.confidence:.3f}; {POSITION_IS}"
    add_texts(content, name=f"track: {track.status}", description="; ".join((text, *track.notes)))
    found = list(parts(track))
    for part in found:
        mark = ET.SubElement(content, "Placemark")
        add_texts(mark, name=f"segment {part[0].fix.segment}")
        _add_line(mark, part, track)
    circles = ET.SubElement(content, "Folder")
    add_texts(circles, name="95 % of the positions lie within")
    placed = [each for part in found for each in part]
    for each in placed[:: 1 + len(placed) // MOST_CIRCLES]:
        _add_circle(circles, each)
    return document(root)


def _add_line(mark: ET.Element, part: Sequence[Placed], track: Track) -> None:
    if track.start is None:
        line = ET.SubElement(mark, "LineString")
        add_texts(line, tessellate="1", coordinates=_text([each.position for each in part]))
        return
    line = ET.SubElement(mark, "gx:Track")
    for each in part:
        add_texts(line, when=moment_text(each.fix, track))
    for each in part:
        latitude, longitude = each.position
        ET.SubElement(line, "gx:coord").text = f"{longitude:.{DECIMALS}f} {latitude:.{DECIMALS}f} 0"


def _add_circle(parent: ET.Element, each: Placed) -> None:
    mark = ET.SubElement(parent, "Placemark")
    add_texts(mark, name=each.fix.name, description=each.fix.status)
    style = ET.SubElement(mark, "Style")
    add_texts(ET.SubElement(style, "PolyStyle"), fill="0")
    boundary = ET.SubElement(ET.SubElement(mark, "Polygon"), "outerBoundaryIs")
    ring = circle(*each.position, each.fix.accuracy_m_95 or 0.0, vertices=24)
    add_texts(ET.SubElement(boundary, "LinearRing"), coordinates=_text([*ring, ring[0]]))


def _text(positions: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{lon:.{DECIMALS}f},{lat:.{DECIMALS}f}" for lat, lon in positions)
