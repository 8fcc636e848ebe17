"""XMP packets: parsed without risk, changed property by property, everything else kept.

Source: ISO 16684-1 (XMP data model and serialisation).
"""

from collections.abc import Iterator
from xml.dom.minidom import Attr, Document, Element, parseString
from xml.parsers.expat import ExpatError

from undegrade.errors import UndegradeError

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
XMP = "http://ns.adobe.com/xap/1.0/"
_XMLNS = "http://www.w3.org/2000/xmlns/"
_EMPTY = f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="{RDF}"/></x:xmpmeta>'
_OPENING = '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>\n'
_CLOSING = '\n<?xpacket end="w"?>'
_MOST_BYTES = 16 << 20

# Properties that describe something the new file no longer has: a turn still to be made, a
# picture of the old content, or data that stood behind the image (video, depth, gain map).
# An empty name means the whole namespace, a trailing * any name that starts so.
_STALE = (
    ("http://ns.adobe.com/tiff/1.0/", "Orientation"),
    (XMP, "Thumbnails"),
    ("http://ns.adobe.com/xmp/note/", "HasExtendedXMP"),
    ("http://ns.adobe.com/hdr-gain-map/1.0/", ""),
    ("http://ns.google.com/photos/1.0/container/", ""),
    ("http://ns.google.com/photos/1.0/camera/", "MotionPhoto*"),
    ("http://ns.google.com/photos/1.0/camera/", "MicroVideo*"),
)


class XmpError(UndegradeError):
    """A packet is not XMP, or is not safe to parse."""


class XmpPacket:
    """A parsed XMP packet.

    Args:
        packet: The bytes as they stand in a file; None starts an empty packet.

    Raises:
        XmpError: They are not UTF-8 XML with an RDF root, or declare a document type (which could
            be made to swell without limit).
    """

    def __init__(self, packet: bytes | None = None) -> None:
        self._document = _parse(_EMPTY.encode() if packet is None else packet)

    def get(self, namespace: str, name: str) -> str | None:
        """Return the text of a simple property; None if it is not there."""
        for description in self._descriptions():
            if description.hasAttributeNS(namespace, name):
                return description.getAttributeNS(namespace, name)
            for child in _children(description, namespace, name):
                return "".join(
                    node.data for node in child.childNodes if node.nodeType == node.TEXT_NODE
                )
        return None

    def set(self, namespace: str, prefix: str, name: str, value: str) -> None:
        """Give a simple property its only value."""
        self.remove(namespace, name)
        target = self._own_description()
        element = self._document.createElementNS(namespace, f"{prefix}:{name}")
        element.setAttributeNS(_XMLNS, f"xmlns:{prefix}", namespace)
        element.appendChild(self._document.createTextNode(value))
        target.appendChild(element)

    def remove(self, namespace: str, name: str) -> None:
        """Remove properties: by name, by the start of it (``Micro*``), or all (empty name)."""
        for description in self._descriptions():
            for child in list(description.childNodes):
                if _matches(child, namespace, name):
                    description.removeChild(child)
            attributes = description.attributes
            for attribute in [attributes.item(index) for index in range(attributes.length)]:
                if isinstance(attribute, Attr) and _matches(attribute, namespace, name):
                    description.removeAttributeNode(attribute)

    def remove_stale(self) -> None:
        """Remove what described the old file only, such as its orientation and thumbnails."""
        for namespace, name in _STALE:
            self.remove(namespace, name)

    def to_bytes(self) -> bytes:
        """Return the packet, ready to be embedded."""
        root = self._document.documentElement
        return (_OPENING + (root.toxml() if root else "") + _CLOSING).encode()

    def _descriptions(self) -> Iterator[Element]:
        for rdf in self._document.getElementsByTagNameNS(RDF, "RDF"):
            yield from _children(rdf, RDF, "Description")

    def _own_description(self) -> Element:
        """Return the last description, made new if there is none: XMP allows several."""
        found = list(self._descriptions())
        if found:
            return found[-1]
        rdf = self._document.getElementsByTagNameNS(RDF, "RDF")[0]
        prefix = rdf.prefix or "rdf"
        description = self._document.createElementNS(RDF, f"{prefix}:Description")
        description.setAttributeNS(RDF, f"{prefix}:about", "")
        rdf.appendChild(description)
        return description


def _parse(packet: bytes) -> Document:
    body = packet.strip(b"\x00 \t\r\n")
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise XmpError("the XMP packet is not UTF-8") from error
    if "<!DOCTYPE" in text or "<!ENTITY" in text or len(body) > _MOST_BYTES:
        raise XmpError("the XMP packet declares a document type, or is too large")
    try:
        document = parseString(text.encode())
        document.toxml()  # fails here, not later, if it nests too deeply to be written
    except (ExpatError, ValueError, RecursionError) as error:
        raise XmpError("the XMP packet is not well-formed XML") from error
    if not document.getElementsByTagNameNS(RDF, "RDF"):
        raise XmpError("the XMP packet has no RDF root")
    return document


def _children(parent: Element, namespace: str, name: str) -> Iterator[Element]:
    for node in parent.childNodes:
        if isinstance(node, Element) and node.namespaceURI == namespace and node.localName == name:
            yield node


def _matches(node: object, namespace: str, name: str) -> bool:
    if getattr(node, "namespaceURI", None) != namespace:
        return False
    local = str(getattr(node, "localName", ""))
    return not name or local == name or (name.endswith("*") and local.startswith(name[:-1]))
