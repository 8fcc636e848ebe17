"""From a file's samples to the working colour space and back, by the file's ICC profile."""

from dataclasses import dataclass
from typing import Any, Protocol, cast

import numpy as np
import numpy.typing as npt
import pyvips

from undegrade.images.colour import (
    SRGB_FROM_XYZ,
    XYZ_FROM_SRGB,
    Floats,
    Samples,
    lab_from_srgb,
    luma,
    srgb_from_lab,
)
from undegrade.images.icc import (
    Curve,
    MatrixProfile,
    ProfileError,
    parse_profile,
    profile_channels,
)
from undegrade.images.vips import VIPS_ERRORS, image_from_array, set_blob
from undegrade.srgb import decode_srgb, encode_srgb

Colour = npt.NDArray[np.float32]

_INTERPRETATIONS = {
    (1, "uint8"): "b-w",
    (1, "uint16"): "grey16",
    (3, "uint8"): "srgb",
    (3, "uint16"): "rgb16",
    (4, "uint8"): "cmyk",
    (4, "uint16"): "cmyk",
}


class ColourSpace(Protocol):
    """How the samples of a file stand to the working space."""

    @property
    def bands(self) -> int:
        """Channels of a sample: 1 grey, 3 RGB, 4 CMYK."""
        ...

    def to_working(self, samples: Samples) -> Colour:
        """Turn ``(h, w, bands)`` uint8 or uint16 into working-space colour ``(h, w, 3)``."""
        ...

    def from_working(self, colour: Colour) -> Floats:
        """Turn colour ``(h, w, 3)`` into ``(h, w, bands)``, 1.0 being the greatest sample."""
        ...


@dataclass(frozen=True)
class SrgbSpace:
    """sRGB, or grey with sRGB's curve: samples are the working space already, and stay exact."""

    bands: int

    def to_working(self, samples: Samples) -> Colour:
        """See :meth:`ColourSpace.to_working`."""
        scaled = samples / np.float32(np.iinfo(samples.dtype).max)
        return np.broadcast_to(scaled, (*samples.shape[:2], 3)).astype(np.float32)

    def from_working(self, colour: Colour) -> Floats:
        """See :meth:`ColourSpace.from_working`; grey is the luma of BT.601."""
        return colour if self.bands == 3 else luma(colour)[..., None]


@dataclass(frozen=True)
class MatrixSpace:
    """An RGB profile of matrix and curves.

    Args:
        profile: The parsed profile.
        precise: Compute in float64, as 16-bit samples need; float32 is enough for 8 bits.
    """

    profile: MatrixProfile
    precise: bool
    bands: int = 3

    def to_working(self, samples: Samples) -> Colour:
        """See :meth:`ColourSpace.to_working`."""
        curves = self.profile.curves
        linear = np.stack([curve.decode(samples[..., i]) for i, curve in enumerate(curves)], -1)
        matrix = SRGB_FROM_XYZ @ self.profile.to_xyz
        kind = self._kind
        return encode_srgb(linear.astype(kind) @ matrix.T.astype(kind)).astype(np.float32)

    def from_working(self, colour: Colour) -> Floats:
        """See :meth:`ColourSpace.from_working`."""
        kind = self._kind
        matrix = np.linalg.inv(self.profile.to_xyz) @ XYZ_FROM_SRGB
        linear = decode_srgb(colour.astype(kind)) @ matrix.T.astype(kind)
        curves = self.profile.curves
        return np.stack([curve.encode(linear[..., i]) for i, curve in enumerate(curves)], -1)

    @property
    def _kind(self) -> type[np.floating[Any]]:
        return np.float64 if self.precise else np.float32


@dataclass(frozen=True)
class GreySpace:
    """A grey profile: one curve to luminance."""

    curve: Curve
    bands: int = 1

    def to_working(self, samples: Samples) -> Colour:
        """See :meth:`ColourSpace.to_working`."""
        grey = encode_srgb(self.curve.decode(samples))
        return np.broadcast_to(grey, (*samples.shape[:2], 3)).astype(np.float32)

    def from_working(self, colour: Colour) -> Floats:
        """See :meth:`ColourSpace.from_working`; grey is the luma of BT.601."""
        return self.curve.encode(decode_srgb(luma(colour.astype(np.float64))))[..., None]


@dataclass(frozen=True)
class TableSpace:
    """A profile built on tables, computed by libvips through CIELAB.

    Args:
        bands: Channels of a sample.
        profile: The profile; None means libvips' own profile for CMYK.
    """

    bands: int
    profile: bytes | None

    def to_working(self, samples: Samples) -> Colour:
        """See :meth:`ColourSpace.to_working`."""
        shape = (*samples.shape[:2], 3)
        name = _INTERPRETATIONS[self.bands, samples.dtype.name]
        image = self._tagged(image_from_array(np.ascontiguousarray(samples), name))
        options = {"embedded": True} if self.profile else {"input_profile": "cmyk"}
        lab = image.icc_import(
            pcs="lab", intent="relative", black_point_compensation=True, **options
        )
        if self.profile and bytes(lab.get("icc-profile-data")) != self.profile:
            raise ProfileError("libvips could not read the profile and took another one")
        values = np.frombuffer(lab.write_to_memory(), np.float32).reshape(shape)
        return srgb_from_lab(values).astype(np.float32)

    def from_working(self, colour: Colour) -> Floats:
        """See :meth:`ColourSpace.from_working`."""
        lab = np.ascontiguousarray(lab_from_srgb(colour), dtype=np.float32)
        options = {} if self.profile else {"output_profile": "cmyk"}
        image = self._tagged(image_from_array(lab, "lab")).icc_export(
            pcs="lab", intent="relative", black_point_compensation=True, depth=16, **options
        )
        samples = np.frombuffer(image.write_to_memory(), np.uint16)
        return samples.reshape(*colour.shape[:2], self.bands) / np.float32(65535)

    def _tagged(self, image: pyvips.Image) -> pyvips.Image:
        if self.profile:
            set_blob(image, "icc-profile-data", self.profile)
        return image


@dataclass(frozen=True)
class SpaceChoice:
    """The colour space of a photo.

    Args:
        space: Turns its samples into the working space.
        writable: Whether ``space`` also works backwards; else the photo goes out as sRGB.
        profile: The profile to embed in the output; None if there is none worth it.
        message: What the user should know, or None.
    """

    space: ColourSpace
    writable: bool = True
    profile: bytes | None = None
    message: str | None = None


def choose_space(icc: bytes | None, bands: int, *, precise: bool) -> SpaceChoice:
    """Choose how to treat the samples of a photo.

    Args:
        icc: The embedded profile.
        bands: Channels without alpha: 1, 3 or 4.
        precise: Whether samples have more than 8 bits.
    """
    if icc and profile_channels(icc) != bands:
        ignored = _plain(bands)
        text = "the embedded colour profile does not fit the image and was ignored"
        return SpaceChoice(ignored.space, ignored.writable, message=text)
    if not icc:
        return _plain(bands)
    space = _space_of_profile(icc, bands, precise)
    if space is None:
        ignored = _plain(bands)
        text = "the embedded colour profile is damaged and was ignored"
        return SpaceChoice(ignored.space, ignored.writable, message=text)
    if _is_srgb(space):
        return SpaceChoice(SrgbSpace(bands), profile=icc)
    if not _works_backwards(space):
        text = "the embedded colour profile works in one direction only: the result is sRGB"
        return SpaceChoice(space, writable=False, message=text)
    return SpaceChoice(space, profile=icc)


def _plain(bands: int) -> SpaceChoice:
    if bands == 4:
        text = "CMYK without a colour profile was read by a general one: the result is sRGB"
        return SpaceChoice(TableSpace(4, None), writable=False, message=text)
    return SpaceChoice(SrgbSpace(bands))


def _space_of_profile(icc: bytes, bands: int, precise: bool) -> ColourSpace | None:
    try:
        profile = parse_profile(icc)
    except ProfileError:
        table = TableSpace(bands, icc)
        return table if _reads(table) else None
    if isinstance(profile, MatrixProfile):
        return MatrixSpace(profile, precise)
    return GreySpace(profile.curve)


def _probe(bands: int) -> Samples:
    """Return a coarse grid over all colours, ``(1, n, bands)`` uint8."""
    steps = np.linspace(0, 255, 9 if bands < 4 else 3).astype(np.uint8)
    grid = np.stack(np.meshgrid(*[steps] * bands, indexing="ij"), -1)
    return cast(Samples, grid.reshape(1, -1, bands))


def _is_srgb(space: ColourSpace) -> bool:
    """Tell whether a profile stays within half an 8-bit level of sRGB: then it is meant as it."""
    if isinstance(space, TableSpace):
        return False
    probe = _probe(space.bands)
    apart = np.abs(space.to_working(probe) - SrgbSpace(space.bands).to_working(probe))
    return bool(apart.max() < 0.5 / 255)


def _reads(space: ColourSpace) -> bool:
    try:
        return bool(np.isfinite(space.to_working(_probe(space.bands))).all())
    except (*VIPS_ERRORS, ProfileError):
        return False


def _works_backwards(space: ColourSpace) -> bool:
    try:
        space.from_working(space.to_working(_probe(space.bands)))
    except VIPS_ERRORS:
        return False
    return True
