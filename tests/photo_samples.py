"""Photos with metadata as cameras and drones write it, made on the spot."""

import base64
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


HEIC = base64.b85decode(
    "0000SW^{RQXk}?*00000ZE0pPXk}?*ZE0a<0004(ZDn*}000000000XXk=`10000000000aA{+7000000000000000"
    "00000G-+&aV*mgE07O6l0ssL300001y8r<I00000007AV0ssI200M*n0RR9100000iU0rrIB98aW&i*H00062000$f"
    "Zf0cy000000RRAKc4ILB0000LX>Mj^0ssI300IC2MR;ju000004sdC7Z2$lO00031007o$aB^?}006gXaAR)(004Ms"
    "c4I>U18@KU0FVFx0000U@BsY%`1k+-4+CHT0RR|40Sp2E{{wIU00RJ!0009300RIXx&lC90096iLID8-Z~y=U0FVFx"
    "0{{R603M(qfd!W8Nhz*w0vZem00093$N&HX00=;000968L;=Baup&SJ000wXZ)|dIV{CW;0RRmE27mwn02FC+aAg1h"
    "0000006+i$06+i$01$9#cxeCt0009B2nYZG02gU+ZD9Za00000009621c3qr1ONa48fkK6W&i*H000004r63<V*mmG"
    "0RRC200CQVWMOmw006}(0k0W=_k0PW8C$LhDZ{$4yiE$O(EZA|y6;9!Z3CJ^Twq?$AU&uKPNA7y7QVQoF${eIRhkeh"
    "f0BZ}Lu&JLJAo&R!_qic81NZs@?IYBhj6Dh^!^A{bo2+jwxE3`Pw|ghT3a%D%2K~j9lwQj+>LES5003u5Urf}BbSWp"
    "ZEMJ?uQ0))LRtnf&w~l=g*()4M~OzJp!ssS?Rl||oMa^|^!ufv*PWXyLY5^9E)n)4Gfqz%Iuy^hBJ)hlz-TRa00006"
    "MR;ju002!*04e|g00;m9h$R37000010000Q0000000aO500IC200L700000200jU500RI308jt}00IC200Kn-00004"
    "00jU500RI30B8UJ0000003iSX0096103HAU0096100000009610G9v&0096101p5F0096100000009"
)
"""A HEIC photo of `picture(3)` with the EXIF of `SOUTH_EAST`, as pillow-heif wrote it."""
