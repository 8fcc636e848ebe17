"""What a photo file carries besides its pixels, and what of it may enter the restored file."""

from dataclasses import dataclass, replace
from typing import Any

import pyvips

from undegrade.images.exif import clean_exif
from undegrade.images.iptc import unwrap_iptc, wrap_iptc
from undegrade.images.provenance import Provenance, write_provenance
from undegrade.images.vips import set_blob
from undegrade.images.xmp import XmpError, XmpPacket

# One JPEG segment holds 65,533 bytes, of which the XMP marker takes 29 and EXIF's takes none;
# libvips leaves out what is longer without a word.
_JPEG_XMP = 65_500
_JPEG_EXIF = 65_530


@dataclass(frozen=True)
class Metadata:
    """A photo's metadata.

    Args:
        exif: EXIF block with its ``Exif\\0\\0`` lead, without thumbnail.
        xmp: XMP packet.
        iptc: Bare IPTC records.
        icc: ICC profile.
        resolution: Pixels per millimetre, horizontally and vertically.
        resolution_unit: The unit in which the file gave it, ``"in"`` or ``"cm"``.
    """

    exif: bytes | None = None
    xmp: bytes | None = None
    iptc: bytes | None = None
    icc: bytes | None = None
    resolution: tuple[float, float] = (1.0, 1.0)
    resolution_unit: str | None = None

    def with_profile(self, icc: bytes | None) -> "Metadata":
        """Return the same with another ICC profile, or none."""
        return replace(self, icc=icc)


def read_metadata(
    image: pyvips.Image, exif: bytes | None = None, iptc: bytes | None = None
) -> Metadata:
    """Collect the metadata of an opened image.

    Args:
        image: As libvips opened it.
        exif: Block from elsewhere, for a file whose EXIF libvips does not read.
        iptc: Bare records from elsewhere, likewise.
    """
    block = exif or _blob(image, "exif-data")
    records = iptc or unwrap_iptc(_blob(image, "iptc-data") or b"")
    unit = image.get("resolution-unit") if image.get_typeof("resolution-unit") else None
    return Metadata(
        exif=clean_exif(block) if block else None,
        xmp=_blob(image, "xmp-data"),
        iptc=records,
        icc=_blob(image, "icc-profile-data"),
        resolution=(_sane(image.xres), _sane(image.yres)),
        resolution_unit=unit,
    )


def outgoing(metadata: Metadata, provenance: Provenance | None, *, strip: bool) -> Metadata:
    """Return what is to be written with the restored photo.

    Args:
        metadata: What the photo came with.
        provenance: What was done; recorded in the XMP packet, also with ``strip``.
        strip: Leave out EXIF, XMP and IPTC. The profile stays: without it colours would change.
    """
    kept = metadata
    if strip:
        kept = Metadata(icc=metadata.icc, resolution=metadata.resolution)
    xmp = _without_stale(kept.xmp)
    return replace(kept, xmp=write_provenance(provenance, xmp) if provenance else xmp)


def fit_to_jpeg(
    metadata: Metadata, provenance: Provenance | None
) -> tuple[Metadata, tuple[str, ...]]:
    """Cut metadata down to what JPEG's segments can hold; also return messages on what went."""
    messages = []
    if metadata.exif and len(metadata.exif) > _JPEG_EXIF:
        metadata = replace(metadata, exif=None)
        messages.append("the EXIF data are too long for a JPEG file and were left out")
    if metadata.xmp and len(metadata.xmp) > _JPEG_XMP:
        metadata = replace(metadata, xmp=write_provenance(provenance) if provenance else None)
        messages.append("the XMP data are too long for a JPEG file and were left out")
    if metadata.iptc and wrap_iptc(metadata.iptc) is None:
        metadata = replace(metadata, iptc=None)
        messages.append("the IPTC data are too long for a JPEG file and were left out")
    return metadata, tuple(messages)


def attach(image: pyvips.Image, metadata: Metadata, format_name: str) -> tuple[pyvips.Image, str]:
    """Attach metadata to an image that has none.

    Returns:
        A copy of the image, and libvips' ``keep`` argument that lets the saver write just these.
    """
    across, down = metadata.resolution
    copied = image.copy(xres=across, yres=down)
    copied.set_type(pyvips.GValue.gint_type, "orientation", 1)
    if metadata.resolution_unit:
        copied.set_type(pyvips.GValue.gstr_type, "resolution-unit", metadata.resolution_unit)
    fields: list[tuple[str, str, bytes | None]] = [
        ("icc", "icc-profile-data", metadata.icc),
        ("xmp", "xmp-data", metadata.xmp),
        ("exif", "exif-data", metadata.exif if format_name != "tiff" else None),
    ]
    if format_name == "jpeg" and metadata.iptc:
        fields.append(("iptc", "iptc-data", wrap_iptc(metadata.iptc)))
    present = {kind: (field, data) for kind, field, data in fields if data}
    for field, data in present.values():
        set_blob(copied, field, data)
    kept = set(present)
    if format_name == "jpeg" and metadata.resolution_unit:
        kept.add("exif")  # the only place where libvips notes the resolution of a JPEG
    return copied, ":".join(sorted(kept)) or "none"


def _sane(resolution: float) -> float:
    """Return a resolution that libvips takes back; damaged files claim any number."""
    return resolution if 1e-3 < resolution < 1e5 else 1.0


def _blob(image: Any, field: str) -> bytes | None:
    return bytes(image.get(field)) or None if image.get_typeof(field) else None


def _without_stale(xmp: bytes | None) -> bytes | None:
    if xmp is None:
        return None
    try:
        packet = XmpPacket(xmp)
    except XmpError:
        return None
    packet.remove_stale()
    return packet.to_bytes()
