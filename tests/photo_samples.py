"""Photos with metadata as cameras and drones write it, made on the spot."""

from pathlib import Path

from indexer_samples import picture
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from PIL.TiffImagePlugin import IFDRational

DJI = {
    "GpsLatitude": "-33.50000000",
    "GpsLongitude": "+151.25000000",
    "AbsoluteAltitude": "+80.0",
    "RelativeAltitude": "+50.00",
    "GimbalYawDegree": "+30.0",
    "GimbalPitchDegree": "-90.0",
    "CalibratedFocalLength": "500.0",
}
DJI_SPACE = "http://www.dji.com/drone-dji/1.0/"
SOUTH_EAST = {1: "S", 2: (33.0, 30.0, 0.0), 3: "E", 4: (151.0, 15.0, 0.0)}


def xmp(
    values: dict[str, str], space: str = DJI_SPACE, *, prefix: str = "drone-dji", quote: str = '"',
    elements: bool = False,
) -> bytes:  # fmt: skip
    """A packet with the values as attributes or elements of one namespace."""
    head = (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF '
        'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description '
        f"xmlns:{prefix}={quote}{space}{quote}"
    )
    if elements:
        parts = "".join(f"<{prefix}:{k}>{v}</{prefix}:{k}>" for k, v in values.items())
        body = f"{head}>{parts}</rdf:Description>"
    else:
        parts = "".join(f" {prefix}:{k}={quote}{v}{quote}" for k, v in values.items())
        body = f"{head}{parts}/>"
    return (body + "</rdf:RDF></x:xmpmeta>").encode()


def photo(
    path: Path, gps: dict | None = None, packet: bytes | None = None, *, orientation: int = 1,
    seed: int = 1,
) -> Path:  # fmt: skip
    """A photo of 64 x 64 px with an EXIF GPS directory and an XMP packet."""
    path.parent.mkdir(parents=True, exist_ok=True)
    exif = Image.Exif()
    if gps:
        exif.get_ifd(0x8825).update(gps)
    if orientation != 1:
        exif[0x0112] = orientation
    if packet is not None and path.suffix == ".tif":
        exif[700] = packet
    more: dict = {} if packet is None else {"xmp": packet}
    if packet is not None and path.suffix == ".png":
        more = {"pnginfo": PngInfo()}
        more["pnginfo"].add_itxt("XML:com.adobe.xmp", packet.decode())
    picture(seed).save(path, exif=exif, **more)
    return path


def fraction(top: int, bottom: int) -> IFDRational:
    """An EXIF fraction, whose bottom may be 0."""
    return IFDRational(top, bottom)
