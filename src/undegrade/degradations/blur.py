"""Loss of sharpness: Gaussian, shaken camera, lens out of focus, and measured kernels.

Motion and defocus mix light, not numbers: they are computed on decoded intensities, so that a
street lamp draws a bright streak or disc as it does in a real photo. The Gaussian is computed on
the encoded values, as benchmarks do.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import numpy as np

from undegrade.degradations.base import (
    REGISTRY,
    Degradation,
    Image,
    Value,
    number,
)
from undegrade.degradations.fields import Plane, convolve_picture
from undegrade.degradations.kernels import aperture_kernel, measured_kernels, trajectory_kernel
from undegrade.errors import UsageError
from undegrade.srgb import decode_srgb, encode_srgb


@REGISTRY.register("blur")
@dataclass(frozen=True)
class GaussianBlur(Degradation):
    """Convolve each channel with a Gaussian, the picture mirrored at its borders.

    The commonest of the blurs in practical mixtures (Zhang et al., "Designing a Practical
    Degradation Model", 2021).

    Args:
        sigma: Standard deviation in pixels; 0 to 50, where 0 leaves the picture as it is.
    """

    name: ClassVar[str] = "blur"
    sigma: float = number(1.5, 0, 50)

    @classmethod
    def settings_at(cls, severity: float) -> dict[str, Value]:
        """See :class:`Degradation`: sigma from 0.3 to 6 pixels."""
        return {"sigma": 0.3 + 5.7 * severity}

    def _apply(self, hq: Image, rng: np.random.Generator) -> Image:  # noqa: ARG002
        """Return the blurred picture; nothing here is random."""
        from scipy.ndimage import gaussian_filter  # takes a moment to load

        blurred: Image = gaussian_filter(hq, (self.sigma, self.sigma, 0), mode="reflect")
        return blurred.clip(0, 1)


@REGISTRY.register("motion-blur")
@dataclass(frozen=True)
class MotionBlur(Degradation):
    """Move the camera along a random smooth path while the shutter is open.

    After Boracchi & Foi, "Modeling the Performance of Image Restoration from Motion Blur" (2012).

    Args:
        length: Length of the path in pixels; 0 to 200.
        bending: Standard deviation of its change of direction, in radians; 0, a straight line, to
            20.
    """

    name: ClassVar[str] = "motion-blur"
    length: float = number(15.0, 0, 200)
    bending: float = number(1.5, 0, 20)

    @classmethod
    def settings_at(cls, severity: float) -> dict[str, Value]:
        """See :class:`Degradation`: 2 to 50 pixels."""
        return {"length": 2 + 48 * severity}

    def _apply(self, hq: Image, rng: np.random.Generator) -> Image:
        """Return the picture as the moving camera sees it."""
        return _blur_light(hq, trajectory_kernel(rng, self.length, self.bending))


@REGISTRY.register("defocus")
@dataclass(frozen=True)
class Defocus(Degradation):
    """Put the whole scene out of focus: every point becomes an image of the aperture.

    The circle of confusion of geometrical optics (Potmesil & Chakravarty 1981).

    Args:
        radius: Radius of that image in pixels; 0 to 60.
        blades: Blades of the aperture, which give as many corners; 0 is round, else 3 to 12.
    """

    name: ClassVar[str] = "defocus"
    radius: float = number(4.0, 0, 60)
    blades: int = number(0, 0, 12)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.blades in (1, 2):
            raise UsageError(f"defocus got blades={self.blades}", expected="0 or from 3 to 12")

    @classmethod
    def settings_at(cls, severity: float) -> dict[str, Value]:
        """See :class:`Degradation`: 0.6 to 12 pixels."""
        return {"radius": 0.6 + 11.4 * severity}

    def _apply(self, hq: Image, rng: np.random.Generator) -> Image:
        """Return the picture out of focus; how the aperture is turned is random."""
        rotation = rng.uniform(0, 2 * np.pi)
        return _blur_light(hq, aperture_kernel(self.radius, self.blades, rotation))


@REGISTRY.register("kernel-blur")
@dataclass(frozen=True)
class KernelBlur(Degradation):
    """Blur with a kernel that somebody measured, as Levin et al. (2009) did camera shakes.

    Args:
        file: MATLAB file with kernels; see
            :func:`undegrade.degradations.kernels.measured_kernels`.
        index: Which of them, from 0; -1 draws one, and the record says which.
        share: How much of the blurred picture is mixed in, 0 to 1.
    """

    name: ClassVar[str] = "kernel-blur"
    file: str = ""
    index: int = number(-1, -1, 9999)
    share: float = number(1.0, 0, 1)

    @classmethod
    def settings_at(cls, severity: float) -> dict[str, Value]:
        """See :class:`Degradation`: the share of the blurred picture, 0 to 1."""
        return {"share": severity}

    def chosen(self, rng: np.random.Generator) -> "KernelBlur":
        """See :class:`Degradation`: the same with the index of one kernel.

        Raises:
            UsageError: No file is named.
            InputError: The file cannot be read.
        """
        if self.index >= 0:
            return self
        return replace(self, index=int(rng.integers(len(self._kernels()))))

    def _apply(self, hq: Image, rng: np.random.Generator) -> Image:
        """Return the picture blurred with the kernel.

        Raises:
            UsageError: No file is named, or it has fewer kernels.
            InputError: The file cannot be read.
        """
        kernels, index = self._kernels(), self.chosen(rng).index
        if index >= len(kernels):
            raise UsageError(
                f"kernel-blur got index={index}",
                expected=f"a number below {len(kernels)}, the kernels in {self.file}",
            )
        return hq + np.float32(self.share) * (_blur_light(hq, kernels[index]) - hq)

    def _kernels(self) -> tuple[Plane, ...]:
        if not self.file:
            raise UsageError("kernel-blur without a file", expected="kernel-blur:file=kernels.mat")
        return measured_kernels(Path(self.file))


def _blur_light(hq: Image, kernel: Plane) -> Image:
    blurred = encode_srgb(convolve_picture(decode_srgb(hq), kernel).clip(0, 1))
    return blurred.astype(np.float32)
