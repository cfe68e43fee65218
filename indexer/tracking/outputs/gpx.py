"""A track as GPX 1.1: a track segment for each part."""

from xml.etree import ElementTree as ET

from indexer.geojson import DECIMALS
from indexer.tracking.fixes import Track
from indexer.tracking.outputs.json_text import POSITION_IS
from indexer.tracking.outputs.moments import moment_text
from indexer.tracking.track_parts import parts
from indexer.xml_text import add_texts, document


def gpx(track: Track) -> str:
    """Return the track; a flight that fits nowhere has no points."""
    root = ET.Element("gpx", version="1.1", creator="safenet-geo")
    root.set("xmlns", "http://www.topografix.com/GPX/1/1")
    text = f"status {track.status}, confidence {track.confidence:.3f}; {POSITION_IS}"
    add_texts(ET.SubElement(root, "metadata"), name=f"track: {track.status}", desc=text)
    line = ET.SubElement(root, "trk")
    add_texts(line, name=f"track: {track.status}", desc="; ".join((text, *track.notes)))
    for part in parts(track):
        segment = ET.SubElement(line, "trkseg")
        for each in part:
            latitude, longitude = each.position
            attributes = {"lat": f"{latitude:.{DECIMALS}f}", "lon": f"{longitude:.{DECIMALS}f}"}
            radius_m = each.fix.accuracy_m_95 or 0.0
            add_texts(
                ET.SubElement(segment, "trkpt", attributes),
                time=moment_text(each.fix, track),
                name=each.fix.name,
                desc=f"{each.fix.status}, confidence {each.fix.confidence:.3f}, "
                f"95 % within {radius_m:.1f} m",
            )
    return document(root)
