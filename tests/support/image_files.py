"""Image files and profiles that the tests of images make themselves."""

import io
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pyvips
from PIL import Image
from PIL.TiffImagePlugin import IFDRational

from undegrade.images import Photo, PhotoWriter, Provenance, ReadOptions, WriteOptions, open_photo

PROVENANCE = Provenance("resflow-general", "ab" * 32, 7, 4, "0.1.0")

_KINDS = {"uint8": "uchar", "uint16": "ushort", "float32": "float", "int16": "short"}
_INTERPRETATIONS = {
    (1, "uint8"): "b-w",
    (2, "uint8"): "b-w",
    (3, "uint8"): "srgb",
    (4, "uint8"): "srgb",
    (1, "uint16"): "grey16",
    (2, "uint16"): "grey16",
    (3, "uint16"): "rgb16",
    (4, "uint16"): "rgb16",
}
_LOSSLESS = {
    "png": {},
    "tiff": {"compression": "deflate"},
    "webp": {"lossless": True, "exact": True},
    "heif": {"compression": "av1", "lossless": True},
}


def vips_image(pixels: np.ndarray, interpretation: str | None = None) -> pyvips.Image:
    """Wrap ``(h, w, c)`` samples."""
    height, width, bands = pixels.shape
    name = interpretation or _INTERPRETATIONS[bands, pixels.dtype.name]
    data = np.ascontiguousarray(pixels).tobytes()
    kind = _KINDS[pixels.dtype.name]
    return pyvips.Image.new_from_memory(data, width, height, bands, kind).copy(interpretation=name)


def encoded(
    pixels: np.ndarray,
    saver: str,
    interpretation: str | None = None,
    blobs: dict[str, bytes] | None = None,
    **options: Any,
) -> bytes:
    """Encode samples, without loss unless ``options`` say otherwise, with metadata ``blobs``."""
    image = vips_image(pixels, interpretation)
    for field, data in (blobs or {}).items():
        image.set_type(pyvips.GValue.blob_type, field, data)
    arguments = {"keep": "all" if blobs else "none", **(options or _LOSSLESS.get(saver, {}))}
    return getattr(image, f"{saver}save_buffer")(**arguments)


def decoded(data: bytes | Path, loader: str) -> pyvips.Image:
    """Decode a file by libvips directly."""
    content = data.read_bytes() if isinstance(data, Path) else data
    return getattr(pyvips.Image, f"{loader}load_buffer")(content)


def pixels_of(photo: Photo, band: int = 7) -> tuple[np.ndarray, np.ndarray | None]:
    """Read a whole photo in bands."""
    colour, alpha = [], []
    for top in range(0, photo.height, band):
        rows = photo.read_rows(top, min(band, photo.height - top))
        colour.append(rows.colour)
        alpha.append(rows.alpha)
    return np.concatenate(colour), np.concatenate(alpha) if photo.has_alpha else None


def rewrite(
    source: str | Path | bytes,
    target: Any,
    options: WriteOptions | None = None,
    *,
    provenance: Provenance | None = None,
    read: ReadOptions | None = None,
    band: int = 7,
) -> PhotoWriter:
    """Read a photo and write it back unchanged, band by band."""
    photo = open_photo(source, read or ReadOptions())
    with PhotoWriter(photo, target, options or WriteOptions(), provenance) as writer:
        for top in range(0, photo.height, band):
            writer.write_rows(photo.read_rows(top, min(band, photo.height - top)))
    return writer


def rewritten(
    source: str | Path | bytes, options: WriteOptions | None = None, **more: Any
) -> bytes:
    """Rewrite a photo into memory."""
    stream = io.BytesIO()
    rewrite(source, stream, options, **more)
    return stream.getvalue()


def noise(seed: int, *shape: int, kind: type = np.uint8) -> np.ndarray:
    """Return random samples over the whole range of an integer type."""
    return np.random.default_rng(seed).integers(0, np.iinfo(kind).max + 1, shape).astype(kind)


def smooth(height: int, width: int) -> np.ndarray:
    """Return a gentle RGB gradient of 8 bits, which lossy formats keep closely."""
    y, x = np.mgrid[0:height, 0:width]
    return np.stack([60 + 2 * y, 60 + 2 * x, 120 + y - x], -1).clip(0, 255).astype(np.uint8)


def pillow_bytes(image: Image.Image, kind: str, **options: Any) -> bytes:
    """Encode a Pillow image."""
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


# --- ICC profiles -------------------------------------------------------------------------------

ADOBE_RGB = ((0.60974, 0.20528, 0.14919), (0.31111, 0.62567, 0.06322), (0.01947, 0.06087, 0.74457))
DISPLAY_P3 = ((0.51512, 0.29198, 0.1571), (0.2412, 0.69225, 0.06657), (-0.00105, 0.04189, 0.78407))
PROPHOTO = ((0.79767, 0.13519, 0.03134), (0.28804, 0.71188, 0.00009), (0.0, 0.0, 0.82521))


def gamma_curve(gamma: float) -> bytes:
    return struct.pack(">4s4xIH2x", b"curv", 1, round(gamma * 256))


def table_curve(values: np.ndarray) -> bytes:
    points = np.rint(values * 65535).astype(">u2").tobytes()
    return (struct.pack(">4s4xI", b"curv", len(values)) + points).ljust(16, b"\0")


def parametric_curve(kind: int, *numbers: float) -> bytes:
    fixed = struct.pack(f">{len(numbers)}i", *(round(number * 65536) for number in numbers))
    return struct.pack(">4s4xH2x", b"para", kind) + fixed


def profile(space: bytes, tags: dict[bytes, bytes], pcs: bytes = b"XYZ ") -> bytes:
    """Put a profile of version 2 together."""
    wtpt = struct.pack(">4s4x3i", b"XYZ ", 63190, 65536, 54061)
    text = b"test\0"
    desc = struct.pack(">4s4xI", b"desc", len(text)) + text + bytes(78)
    everything = {b"wtpt": wtpt, b"desc": desc, b"cprt": b"text\0\0\0\0test\0", **tags}
    at = 132 + 12 * len(everything)
    table, body = b"", b""
    for name, data in everything.items():
        table += struct.pack(">4sII", name, at + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    size = at + len(body)
    head = struct.pack(">I4sI4s4s4s12x4s", size, b"test", 0x02400000, b"mntr", space, pcs, b"acsp")
    head = head.ljust(68, b"\0") + struct.pack(">3i", 63190, 65536, 54061)
    return head.ljust(128, b"\0") + struct.pack(">I", len(everything)) + table + body


def matrix_profile(primaries: tuple[tuple[float, ...], ...], curve: bytes) -> bytes:
    columns = np.array(primaries).T
    tags = {
        name: struct.pack(">4s4x3i", b"XYZ ", *(round(value * 65536) for value in column))
        for name, column in zip((b"rXYZ", b"gXYZ", b"bXYZ"), columns, strict=True)
    }
    return profile(b"RGB ", tags | dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve))


def grey_profile(curve: bytes) -> bytes:
    return profile(b"GRAY", {b"kTRC": curve})


def builtin_profile(name: str) -> bytes:
    """Return one of libvips' own profiles: ``"srgb"``, ``"p3"`` or ``"cmyk"``."""
    return bytes(pyvips.Operation.call("profile_load", name))


# --- metadata -----------------------------------------------------------------------------------


def exif_block(orientation: int = 1) -> Image.Exif:
    """Return camera data with a place, a date and a maker's note."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x010F] = "Maker"
    exif[0x0110] = "Model X"
    exif.get_ifd(0x8769)[0x9003] = "2020:01:02 10:11:12"
    exif.get_ifd(0x8769)[0x829A] = IFDRational(1, 250)
    exif.get_ifd(0x8769)[0x927C] = b"MAKERNOTE\0\1\2\3"
    exif.get_ifd(0x8825)[1] = "N"
    exif.get_ifd(0x8825)[2] = (48.0, 30.0, 12.0)
    return exif


def exif_with_thumbnail(thumbnail: bytes, order: str = "<") -> bytes:
    """Return an EXIF block whose second directory holds a JPEG thumbnail."""
    mark = {"<": b"II", ">": b"MM"}[order]

    def pack(code: str, *values: int) -> bytes:
        return struct.pack(order + code, *values)

    make_at, second = 8 + 18, 8 + 18 + 6
    thumb_at = second + 2 + 3 * 12 + 4
    first = pack("HHHIII", 1, 0x010F, 2, 6, make_at, second)
    last = pack("H", 3) + pack("HHIHxx", 0x0103, 3, 1, 6)
    last += pack("HHII", 0x0201, 4, 1, thumb_at) + pack("HHII", 0x0202, 4, 1, len(thumbnail))
    head = b"Exif\0\0" + mark + pack("HI", 42, 8)
    return head + first + b"Maker\0" + last + pack("I", 0) + thumbnail


XMP = (
    '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
    '<x:xmpmeta xmlns:x="adobe:ns:meta/">'
    '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    '<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/"'
    ' xmlns:tiff="http://ns.adobe.com/tiff/1.0/" xmlns:xmp="http://ns.adobe.com/xap/1.0/"'
    ' xmlns:GCamera="http://ns.google.com/photos/1.0/camera/"'
    ' tiff:Orientation="6" xmp:CreatorTool="Camera 1.0" xmp:Rating="4"'
    ' GCamera:MicroVideoOffset="1234" GCamera:Other="kept">'
    "<dc:creator><rdf:Seq><rdf:li>Zoë &amp; Ōe</rdf:li></rdf:Seq></dc:creator>"
    "<xmp:Thumbnails><rdf:Alt/></xmp:Thumbnails>"
    "</rdf:Description></rdf:RDF></x:xmpmeta>"
    '<?xpacket end="w"?>'
).encode()

IPTC = b"\x1c\x02\x05\x00\x06A name\x1c\x02\x78\x00\x09A caption"
