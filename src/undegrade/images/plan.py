"""Deciding what the file of a restored photo will be, before any work is done on the photo."""

from dataclasses import dataclass
from pathlib import Path

from undegrade.errors import OutputError, UsageError
from undegrade.images.formats import FORMATS, ImageFormat, format_of_name, resolve_format
from undegrade.images.photo import Photo
from undegrade.images.spaces import ColourSpace, SrgbSpace
from undegrade.images.vips import can_write


@dataclass(frozen=True)
class WriteOptions:
    """How restored photos are written.

    Args:
        format: ``"jpeg"``, ``"png"``, ``"tiff"``, ``"webp"``, ``"avif"`` or ``"heic"``; None goes
            by the target's name, and where that says nothing keeps the photo's own.
        quality: From 1 to 100, for JPEG, AVIF, HEIC and lossy WebP. From 90 on, colour is stored
            at full resolution. A lossless WebP stays lossless whatever this says.
        strip_metadata: Leave out EXIF (with the place), XMP and IPTC. The colour profile stays,
            and the XMP note on what was done is still written.

    Raises:
        UsageError: The quality is out of range.
    """

    format: str | None = None
    quality: int = 95
    strip_metadata: bool = False

    def __post_init__(self) -> None:
        if not 1 <= self.quality <= 100:
            raise UsageError(f"got quality {self.quality}", expected="a number from 1 to 100")


@dataclass(frozen=True)
class OutputPlan:
    """What will be written.

    Args:
        format: A key of :data:`undegrade.images.formats.FORMATS`.
        space: Turns working-space colour into the file's samples.
        profile: The ICC profile to embed; None for plain sRGB and plain grey.
        bits: Bits per sample: 8, 10, 12 or 16.
        messages: What the user should know: what the format cannot keep.
    """

    format: str
    space: ColourSpace
    profile: bytes | None
    bits: int
    messages: tuple[str, ...]


def plan_output(photo: Photo, target: Path | None, options: WriteOptions) -> OutputPlan:
    """Plan the file for a restored photo.

    Args:
        photo: The photo that is restored.
        target: The file to be written; None for a stream.
        options: The user's wishes.

    Raises:
        OutputError: The format cannot be written here, or cannot hold this photo.
        UsageError: There is no such format.
    """
    name = _format(photo, target, options)
    entry = FORMATS[name]
    _check_fit(photo, name)
    space, profile, messages = _space(photo, entry)
    bits = min((b for b in entry.bits if b >= photo.bits), default=max(entry.bits))
    if bits < photo.bits:
        messages.append(f"{entry.label} holds {bits} bits per sample; the photo has {photo.bits}")
    if photo.has_alpha and name in ("avif", "heic"):
        messages.append(f"{entry.label} stores transparency with small losses")
    return OutputPlan(name, space, profile, bits, tuple(messages))


def _format(photo: Photo, target: Path | None, options: WriteOptions) -> str:
    promised = format_of_name(target) if target else None
    if options.format is None:
        return promised or photo.format
    asked = resolve_format(options.format)
    if promised not in (None, asked):
        raise OutputError(
            f"{target} is named like a {FORMATS[promised or asked].label} file, "
            f"but {FORMATS[asked].label} was asked for",
            fix=f"name it {FORMATS[asked].suffixes[0]}, or leave out `--format`",
        )
    return asked


def _check_fit(photo: Photo, name: str) -> None:
    entry = FORMATS[name]
    if not can_write(name):
        raise OutputError(
            f"{photo.name} was to be written as {entry.label}, which the installed libvips cannot",
            fix="choose another format, for instance `--format jpeg` or `--format avif`",
        )
    if photo.has_alpha and not entry.alpha:
        raise OutputError(
            f"{photo.name} has transparency, which {entry.label} cannot hold",
            fix="write PNG, WebP or TIFF instead, for instance with `--format png`",
        )
    if max(photo.width, photo.height) > entry.max_side:
        raise OutputError(
            f"{photo.name} is {photo.width} x {photo.height}, too large for {entry.label}",
            expected=f"at most {entry.max_side} pixels a side",
            fix="write TIFF or PNG instead, for instance with `--format tiff`",
        )


def _space(photo: Photo, entry: ImageFormat) -> tuple[ColourSpace, bytes | None, list[str]]:
    """Return the space and profile to write in, and messages."""
    own = photo.colour.space
    if photo.colour.writable and own.bands == 4 and not entry.cmyk:
        return SrgbSpace(3), None, [f"{entry.label} cannot hold CMYK: the result is sRGB"]
    if not photo.colour.writable or (own.bands == 1 and not entry.grey):
        return SrgbSpace(1 if photo.grey and entry.grey else 3), None, []
    return own, photo.colour.profile, []
