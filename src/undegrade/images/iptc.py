"""IPTC records: unwrapped from and wrapped into the Photoshop block that JPEG keeps them in.

The block may hold more, such as a thumbnail of the photo as it was; only the records are kept.
Source: Adobe Photoshop File Formats Specification, image resource blocks.
"""

import struct

_LEAD = b"Photoshop 3.0\x00"
_RECORDS = 0x0404
_MOST = 65_000  # bytes that fit into one JPEG segment, with some room


def unwrap_iptc(block: bytes) -> bytes | None:
    """Return the bare IPTC records in a JPEG's Photoshop block; None if it has none."""
    if not block.startswith(_LEAD):
        return block if block.startswith(b"\x1c") else None
    at = len(_LEAD)
    while block[at : at + 4] == b"8BIM" and at + 7 <= len(block):
        (number,) = struct.unpack_from(">H", block, at + 4)
        name = 1 + block[at + 6]  # a byte of length, then the name, padded to even
        at += 6 + name + name % 2
        if at + 4 > len(block):
            return None
        (size,) = struct.unpack_from(">I", block, at)
        at += 4
        if number == _RECORDS:
            return block[at : at + size] or None
        at += size + size % 2
    return None


def wrap_iptc(records: bytes) -> bytes | None:
    """Return a Photoshop block for JPEG around bare records; None if they do not fit."""
    if len(records) > _MOST:
        return None
    padding = b"\x00" * (len(records) % 2)
    head = struct.pack(">4sHHI", b"8BIM", _RECORDS, 0, len(records))
    return _LEAD + head + records + padding
