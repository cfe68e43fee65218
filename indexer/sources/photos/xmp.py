"""Values of an XMP packet by namespace, whatever prefix, quotes or nesting the writer chose.

Source: ISO 16684-1 (XMP data model and RDF/XML serialisation).
"""

from collections.abc import Mapping
from contextlib import suppress
from xml.parsers import expat

XmpValues = Mapping[tuple[str, str], str]
"""Text by (namespace, name); the name of a structure's field is `structure/field`."""

MAX_BYTES = 1_000_000
"""Our choice: a packet inside a JPEG has at most 64 KB; longer ones hold previews, no position."""

_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"

_USUAL_PREFIXES: Mapping[str, str] = {
    "drone-dji": "http://www.dji.com/drone-dji/1.0/",
    "drone-parrot": "http://www.parrot.com/drone-parrot/1.0/",
    "drone-skydio": "https://www.skydio.com/drone-skydio/1.0/",
    "Camera": "http://pix4d.com/camera/1.0/",
    "exif": "http://ns.adobe.com/exif/1.0/",
    "rdf": _RDF,
}
"""Namespaces of prefixes that a careless writer uses without declaring them."""


class _ForbiddenError(Exception):
    """The packet declares entities, which no camera does."""


def namespace_key(uri: str) -> str:
    """Return a namespace without scheme, `www.`, case and final slash, in which writers differ."""
    return uri.lower().partition("://")[2].removeprefix("www.").rstrip("/") or uri.lower()


def read_xmp(packet: bytes | str) -> XmpValues:
    """Return the simple properties and structure fields of a packet.

    A packet that is cut off or damaged gives what stands before the damage.
    """
    data = packet.encode() if isinstance(packet, str) else packet
    reader = _Reader()
    data = data.strip(b"\0 \t\r\n")
    if not data or len(data) > MAX_BYTES:
        return {}
    with suppress(expat.ExpatError, _ForbiddenError, ValueError, LookupError):
        reader.parse(data)
    return reader.values


class _Reader:
    """Collects properties while expat walks over the packet."""

    def __init__(self) -> None:
        self.values: dict[tuple[str, str], str] = {}
        self._prefixes: list[Mapping[str, str]] = [_USUAL_PREFIXES]
        self._path: list[tuple[str, str]] = []
        self._text: list[str] = []

    def parse(self, data: bytes) -> None:
        """Read a whole packet.

        Raises:
            ExpatError: it is not well-formed XML.
        """
        # Prefixes are resolved here, because expat stops at a prefix that nobody declared.
        parser = expat.ParserCreate()
        parser.StartDoctypeDeclHandler = self._refuse
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text.append
        parser.Parse(data, True)

    def _refuse(self, *_: object) -> None:
        raise _ForbiddenError

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        declared = {
            name.partition(":")[2]: uri
            for name, uri in attributes.items()
            if name == "xmlns" or name.startswith("xmlns:")
        }
        self._prefixes.append(
            {**self._prefixes[-1], **declared} if declared else self._prefixes[-1]
        )
        self._path.append(self._resolved(tag))
        self._text.clear()
        for name, value in attributes.items():
            if not name.startswith("xmlns"):
                self._keep([*self._path, self._resolved(name)], value)

    def _end(self, _: str) -> None:
        self._keep(self._path, "".join(self._text))
        self._text.clear()
        self._path.pop()
        self._prefixes.pop()

    def _keep(self, path: list[tuple[str, str]], value: str) -> None:
        namespace, _ = path[-1]
        names = [name for space, name in path if space == namespace]
        text = value.strip()
        if text and namespace not in ("", namespace_key(_RDF)):
            self.values.setdefault((namespace, "/".join(names)), text)

    def _resolved(self, tag: str) -> tuple[str, str]:
        prefix, _, name = tag.rpartition(":")
        return namespace_key(self._prefixes[-1].get(prefix, "")), name
