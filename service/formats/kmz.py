"""An answer as KMZ: the KML's placemarks and the photo as a GroundOverlay under them.

A KML alone holds no picture.
"""

import io
import zipfile
from xml.etree import ElementTree as ET

from indexer.geo import wrap_longitude
from indexer.xml_text import add_texts, document
from service.formats.kml import kml_document
from service.formats.laid_photo import LaidPhoto
from service.schemas.answers import AnswerBody

PICTURE = "photo.png"


def kmz(answer: AnswerBody, laid: LaidPhoto) -> bytes:
    """Return a zip archive of doc.kml and the laid photo, which is in EPSG:4326."""
    root, content = kml_document(answer)
    overlay = ET.SubElement(content, "GroundOverlay")
    add_texts(overlay, name="photo")
    add_texts(ET.SubElement(overlay, "Icon"), href=PICTURE)
    add_texts(
        ET.SubElement(overlay, "LatLonBox"),
        north=f"{laid.north:.8f}",
        south=f"{laid.south:.8f}",
        east=f"{wrap_longitude(laid.east):.8f}",
        west=f"{wrap_longitude(laid.west):.8f}",
    )
    picture = io.BytesIO()
    laid.picture.save(picture, "PNG")
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as files:
        files.writestr("doc.kml", document(root), zipfile.ZIP_DEFLATED)
        files.writestr(PICTURE, picture.getvalue(), zipfile.ZIP_STORED)
    return archive.getvalue()
