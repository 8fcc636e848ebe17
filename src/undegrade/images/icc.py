"""Reading ICC profiles that are a matrix and three curves, or one grey curve.

Cameras, phones and monitors use these; they are computed here in full precision, without clipping
to any gamut. Profiles built on tables (printers, most CMYK) are left to libvips.
Source: ICC.1:2022 (profile version 4.4), sections 9 and 10.
"""

import struct
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from undegrade.images.colour import Floats, Samples

_HEADER = 128
_LEVELS = 65536
_PARAMETERS = {0: 1, 1: 3, 2: 4, 3: 5, 4: 7}  # function type -> how many numbers follow


class ProfileError(ValueError):
    """The bytes are not an ICC profile of the kind that is read here."""


@dataclass(frozen=True)
class Curve:
    """A tone curve from device values in [0, 1] to light intensities, rising.

    Args:
        table: Intensities at ``n / 65535`` for all 65,536 levels; float64.
        power: ``(g, a, b, c, d, e, f)`` of ``(aX + b)^g + e`` for ``X >= d``, else ``cX + f``;
            None where the profile gives a sampled curve.
    """

    table: Floats
    power: tuple[float, ...] | None

    def decode(self, samples: Samples) -> Floats:
        """Return intensities for integer ``samples`` (uint8 or uint16) of any shape."""
        table = self.table[::257] if samples.dtype == np.uint8 else self.table
        linear: Floats = table[samples]
        return linear

    def encode(self, linear: Floats) -> Floats:
        """Return device values in [0, 1] for intensities of any shape; clipped to the curve."""
        bounded = np.clip(linear, float(self.table[0]), float(self.table[-1]))
        if self.power is None:
            sampled: Floats = np.interp(bounded, self.table, self._levels)
            return sampled
        g, a, b, c, d, e, f = self.power
        curved: Floats = (np.power(np.maximum(bounded - e, 0), 1 / g) - b) / a
        if d <= 0:
            return np.clip(curved, 0, 1)
        straight = (bounded - f) / c if c > 0 else np.zeros_like(bounded)
        device: Floats = np.where(bounded < (a * d + b) ** g + e, straight, curved)
        return np.clip(device, 0, 1)

    @cached_property
    def _levels(self) -> Floats:
        return np.linspace(0, 1, _LEVELS)


@dataclass(frozen=True)
class MatrixProfile:
    """An RGB profile: one curve per channel, then a matrix to CIE XYZ (D50).

    Args:
        curves: For red, green and blue.
        to_xyz: ``(3, 3)``; its columns are the primaries.
    """

    curves: tuple[Curve, Curve, Curve]
    to_xyz: Floats


@dataclass(frozen=True)
class GreyProfile:
    """A grey profile: one curve to relative luminance."""

    curve: Curve


def profile_channels(data: bytes) -> int:
    """Return how many channels the device side of a profile has: 1, 3 or 4; 0 if unknown."""
    return {b"GRAY": 1, b"RGB ": 3, b"CMYK": 4}.get(data[16:20], 0)


def parse_profile(data: bytes) -> MatrixProfile | GreyProfile:
    """Read a profile that consists of curves and, for RGB, a matrix.

    Raises:
        ProfileError: The bytes are damaged, or the profile is of another build (tables).
    """
    try:
        tags = _tags(data)
        if data[20:24] != b"XYZ " or b"A2B0" in tags:
            raise ProfileError("not a profile of matrix and curves")
        if profile_channels(data) == 1:
            return GreyProfile(_curve(tags[b"kTRC"]))
        if profile_channels(data) != 3:
            raise ProfileError("neither grey nor RGB")
        columns = [_xyz(tags[name]) for name in (b"rXYZ", b"gXYZ", b"bXYZ")]
        red, green, blue = (_curve(tags[name]) for name in (b"rTRC", b"gTRC", b"bTRC"))
    except (KeyError, IndexError, struct.error, OverflowError) as error:
        raise ProfileError(f"damaged profile: {error!r}") from error
    matrix = np.array(columns).T
    if abs(np.linalg.det(matrix)) < 1e-4:
        raise ProfileError("the primaries of the profile do not span a colour space")
    return MatrixProfile((red, green, blue), matrix)


def _tags(data: bytes) -> dict[bytes, memoryview]:
    if len(data) < _HEADER + 4 or data[36:40] != b"acsp":
        raise ProfileError("no ICC header")
    (count,) = struct.unpack_from(">I", data, _HEADER)
    if count > 200:
        raise ProfileError("too many tags")
    view = memoryview(data)
    tags = {}
    for index in range(count):
        name, offset, size = struct.unpack_from(">4sII", data, _HEADER + 4 + 12 * index)
        tags[name] = view[offset : offset + size]
    return tags


def _fixed(data: memoryview, offset: int, count: int) -> list[float]:
    return [value / 65536 for value in struct.unpack_from(f">{count}i", data, offset)]


def _xyz(tag: memoryview) -> list[float]:
    if bytes(tag[:4]) != b"XYZ ":
        raise ProfileError("a primary is not given in XYZ")
    return _fixed(tag, 8, 3)


def _curve(tag: memoryview) -> Curve:
    kind = bytes(tag[:4])
    if kind == b"para":
        return _parametric(tag)
    if kind != b"curv":
        raise ProfileError("a curve of unknown type")
    (count,) = struct.unpack_from(">I", tag, 8)
    if count == 0:
        return _power_curve((1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0))
    if count == 1:
        (gamma,) = struct.unpack_from(">H", tag, 12)
        return _power_curve((gamma / 256, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0))
    if count > _LEVELS:
        raise ProfileError("a curve with too many points")
    if len(tag) < 12 + 2 * count:
        raise ProfileError("a curve that is cut off")
    points = np.frombuffer(tag, ">u2", count=count, offset=12) / 65535
    return _checked(np.interp(np.linspace(0, count - 1, _LEVELS), np.arange(count), points), None)


def _parametric(tag: memoryview) -> Curve:
    (kind,) = struct.unpack_from(">H", tag, 8)
    if kind not in _PARAMETERS:
        raise ProfileError("a parametric curve of unknown type")
    values = _fixed(tag, 12, _PARAMETERS[kind])
    g, a, b, c, d, e, f = values + [1.0, 0.0, 0.0, 0.0, 0.0, 0.0][len(values) - 1 :]
    if kind in (1, 2):  # the straight part is level, and starts where aX + b crosses zero
        if a == 0:
            raise ProfileError("a parametric curve without slope")
        level = c if kind == 2 else 0.0
        c, d, e, f = 0.0, -b / a, level, level
    return _power_curve((g, a, b, c, d, e, f))


def _power_curve(power: tuple[float, ...]) -> Curve:
    g, a, b, c, d, e, f = power
    if g <= 0 or a <= 0:
        raise ProfileError("a parametric curve that does not rise")
    x = np.linspace(0, 1, _LEVELS)
    curved = np.power(np.maximum(a * x + b, 0), g) + e
    return _checked(np.where(x >= d, curved, c * x + f), power)


def _checked(table: Floats, power: tuple[float, ...] | None) -> Curve:
    if not np.isfinite(table).all() or table[-1] - table[0] < 0.1 or np.diff(table).min() < -1e-4:
        raise ProfileError("a curve that does not rise")
    return Curve(np.maximum.accumulate(table), power)
