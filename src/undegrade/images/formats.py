"""What each image format can hold, and how a file is recognised by its first bytes."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePath
from types import MappingProxyType

from undegrade.errors import InputError, UsageError
from undegrade.registry import did_you_mean

HEAD_BYTES = 4096  # how much of a file :func:`sniff` wants to see


@dataclass(frozen=True)
class ImageFormat:
    """One image format, as far as reading and writing need to know it.

    Args:
        label: Its name for people.
        suffixes: File name endings, the usual one first.
        loader: libvips operation that decodes it.
        saver: libvips operation that encodes it.
        saver_options: Options without which the saver would write another format.
        bits: Bits per sample that it can hold, rising.
        alpha: Whether it can hold transparency.
        grey: Whether it can hold a single channel.
        cmyk: Whether it can hold printing inks.
        max_side: Greatest width or height in pixels.
    """

    label: str
    suffixes: tuple[str, ...]
    loader: str
    saver: str
    saver_options: tuple[tuple[str, str], ...] = ()
    bits: tuple[int, ...] = (8,)
    alpha: bool = True
    grey: bool = True
    cmyk: bool = False
    max_side: int = 10_000_000  # libvips' own limit


FORMATS: Mapping[str, ImageFormat] = MappingProxyType(
    {
        "jpeg": ImageFormat(
            label="JPEG",
            suffixes=(".jpg", ".jpeg", ".jpe", ".jfif"),
            loader="jpegload",
            saver="jpegsave",
            alpha=False,
            cmyk=True,
            max_side=65_500,
        ),
        "png": ImageFormat("PNG", (".png",), "pngload", "pngsave", bits=(8, 16)),
        "tiff": ImageFormat(
            label="TIFF",
            suffixes=(".tif", ".tiff"),
            loader="tiffload",
            saver="tiffsave",
            bits=(8, 16),
            cmyk=True,
        ),
        "webp": ImageFormat(
            "WebP", (".webp",), "webpload", "webpsave", grey=False, max_side=16_383
        ),
        "avif": ImageFormat(
            label="AVIF",
            suffixes=(".avif",),
            loader="heifload",
            saver="heifsave",
            saver_options=(("compression", "av1"),),
            bits=(8, 10, 12),
            grey=False,
            max_side=16_384,
        ),
        "heic": ImageFormat(
            label="HEIC",
            suffixes=(".heic", ".heif"),
            loader="heifload",
            saver="heifsave",
            saver_options=(("compression", "hevc"),),
            bits=(8, 10, 12),
            grey=False,
            max_side=16_384,
        ),
    }
)

_ALIASES = {"jpg": "jpeg", "tif": "tiff", "heif": "heic"}
_BY_SUFFIX = {suffix: name for name, entry in FORMATS.items() for suffix in entry.suffixes}
_WANTED = "a JPEG, PNG, TIFF, WebP, AVIF or HEIC photo"

# What people also have in their folders; named, so that the answer is not just "unknown".
_FOREIGN = (
    (b"GIF8", 0, "a GIF picture"),
    (b"BM", 0, "a BMP picture"),
    (b"8BPS", 0, "a Photoshop document"),
    (b"%PDF", 0, "a PDF document"),
    (b"\xff\x0a", 0, "a JPEG XL picture"),
    (b"\x00\x00\x00\x0cJXL ", 0, "a JPEG XL picture"),
    (b"\x00\x00\x00\x0cjP  ", 0, "a JPEG 2000 picture"),
    (b"\xff\x4f\xff\x51", 0, "a JPEG 2000 picture"),
    (b"FUJIFILMCCD-RAW", 0, "a camera raw file"),
    (b"IIU\x00", 0, "a camera raw file"),
    (b"IIRO", 0, "a camera raw file"),
    (b"ftypcrx", 4, "a camera raw file"),
    (b"PK\x03\x04", 0, "a ZIP archive"),
)

# Pictures and camera raw files by their names, so that they can be counted where they are left out.
_FOREIGN_SUFFIXES = {
    *(".bmp", ".dib", ".gif", ".ico", ".tga", ".pcx", ".pnm", ".pbm", ".pgm", ".ppm", ".pfm"),
    *(".hdr", ".exr", ".psd", ".psb", ".xcf", ".jxl", ".jp2", ".j2k", ".jpf", ".jpx"),
    *(".3fr", ".arw", ".cr2", ".cr3", ".crw", ".dcr", ".dng", ".erf", ".iiq", ".kdc", ".mef"),
    *(".mos", ".mrw", ".nef", ".nrw", ".orf", ".pef", ".raf", ".rw2", ".rwl", ".sr2", ".srf"),
    *(".srw", ".x3f"),
}


def sniff(head: bytes, name: str) -> str:
    """Tell the format of a file from its first bytes, whatever its name says.

    Args:
        head: At least the first :data:`HEAD_BYTES` bytes, or all there are.
        name: What to call the file in an error.

    Returns:
        A key of :data:`FORMATS`.

    Raises:
        InputError: The file is empty, or of no format that is read here.
    """
    if not head:
        raise InputError(f"{name} is empty", expected=_WANTED)
    if head.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    if head[:4] in (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+"):
        return "tiff"
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return "webp"
    brands = heif_brands(head)
    if brands & {b"avif", b"avis"}:
        return "avif"
    if brands & {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}:
        return "heic"
    raise InputError(f"{name} is {_describe(head)}", expected=_WANTED)


def heif_brands(head: bytes) -> set[bytes]:
    """Return the brands in the ``ftyp`` box that opens HEIF and AVIF files; empty for others."""
    if head[4:8] != b"ftyp":
        return set()
    end = min(int.from_bytes(head[:4], "big"), len(head))
    return {head[8:12]} | {head[at : at + 4] for at in range(16, end - 3, 4)}


def _describe(head: bytes) -> str:
    for magic, offset, what in _FOREIGN:
        if head[offset : offset + len(magic)] == magic:
            return what
    start = head[:24]
    if all(byte in b"\t\n\r" or 32 <= byte < 127 for byte in start):
        return f"not an image: it is text that starts with {start.decode('ascii')!r}"
    return "not an image that is known here"


def resolve_format(name: str) -> str:
    """Return the key of :data:`FORMATS` for what a user calls a format (``"jpg"``, ``"TIFF"``).

    Raises:
        UsageError: There is no such format.
    """
    key = name.lower().removeprefix(".")
    key = _ALIASES.get(key, key)
    if key not in FORMATS:
        raise UsageError(
            f"there is no image format '{name}' to write", fix=did_you_mean(key, list(FORMATS))
        )
    return key


def format_of_name(path: PurePath) -> str | None:
    """Return the format that a file name promises by its ending; None if it promises none."""
    return _BY_SUFFIX.get(path.suffix.lower())


def has_foreign_name(path: PurePath) -> bool:
    """Return whether a file's name promises a picture in a format that is not read here."""
    return path.suffix.lower() in _FOREIGN_SUFFIXES
