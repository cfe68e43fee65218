"""Text elements of XML documents."""

from xml.etree import ElementTree as ET


def add_texts(parent: ET.Element, **texts: str | None) -> None:
    """Add an element for each text that is not empty."""
    for tag, text in texts.items():
        if text:
            ET.SubElement(parent, tag).text = _legal(text)


def document(root: ET.Element) -> str:
    """Return the document, indented, with its declaration."""
    ET.indent(root)
    return ET.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _legal(text: str) -> str:
    """Remove the control characters that XML 1.0 cannot hold."""
    return "".join(c for c in text if c in "\t\n\r" or (c >= " " and c not in "\ufffe\uffff"))
