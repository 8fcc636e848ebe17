"""Loss of sharpness: convolution with a Gaussian."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from undegrade.degradations.base import REGISTRY, Degradation, Image, check_image, check_number

_REACH = 4.0  # half-width of the kernel in standard deviations; what lies outside weighs 6e-5


@REGISTRY.register("blur")
@dataclass(frozen=True)
class GaussianBlur(Degradation):
    """Convolve each channel with a Gaussian, the picture mirrored at its borders.

    Args:
        sigma: Standard deviation in pixels; 0 to 50, where 0 leaves the picture as it is.
    """

    name: ClassVar[str] = "blur"
    sigma: float = 1.5

    def __post_init__(self) -> None:
        check_number(self.name, "sigma", self.sigma, 0, 50)

    def apply(self, hq: Image, rng: np.random.Generator) -> Image:  # noqa: ARG002
        """Return the blurred picture; nothing here is random."""
        check_image(hq)
        kernel = gaussian_kernel(self.sigma)
        return _convolve(_convolve(hq, kernel, axis=0), kernel, axis=1)


def gaussian_kernel(sigma: float) -> npt.NDArray[np.float32]:
    """Return the sampled Gaussian of odd length, summing to 1; ``[1]`` for ``sigma`` near 0."""
    radius = int(np.ceil(_REACH * sigma))
    if radius == 0:
        return np.ones(1, np.float32)
    offsets = np.arange(-radius, radius + 1)
    weights = np.exp(-0.5 * (offsets / sigma) ** 2)
    kernel: npt.NDArray[np.float32] = (weights / weights.sum()).astype(np.float32)
    return kernel


def _convolve(picture: Image, kernel: npt.NDArray[np.float32], axis: int) -> Image:
    radius = len(kernel) // 2
    if radius == 0:
        return picture.copy()
    margin = [(radius, radius) if index == axis else (0, 0) for index in range(3)]
    padded = np.pad(picture, margin, mode="symmetric")
    size = picture.shape[axis]
    result = np.zeros_like(picture)
    for offset, weight in enumerate(kernel):
        result += weight * padded.take(range(offset, offset + size), axis)
    return result
