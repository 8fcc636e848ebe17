"""Distance to the true picture: PSNR and SSIM, in RGB and after rounding to 8 bits."""

import torch
from torch import Tensor

from undegrade.errors import InputError, MissingExtraError

PROTOCOL = "RGB, whole picture, rounded to 8 bits"

_SSIM_REACH = 5  # half of the 11x11 window


def quantise(pictures: Tensor) -> Tensor:
    """Clamp to ``[0, 1]`` and round to the 256 levels that a written file would have."""
    return (pictures.clamp(0, 1) * 255).round() / 255


def psnr(restored: Tensor, hq: Tensor) -> Tensor:
    """Return the peak signal-to-noise ratio of each picture in dB; higher is better.

    Args:
        restored: Pictures ``(B, 3, H, W)``, RGB in ``[0, 1]``; rounded to 8 bits first.
        hq: True pictures, same shape.

    Returns:
        One number for each picture, ``(B,)``; infinite where nothing differs.
    """
    error = (quantise(restored).double() - quantise(hq).double()).square().mean(dim=(1, 2, 3))
    return -10 * torch.log10(error)


def ssim(restored: Tensor, hq: Tensor) -> Tensor:
    """Return the structural similarity of each picture; higher is better, 1 is best.

    Gaussian window of 11x11 with sigma 1.5, K1 = 0.01, K2 = 0.03, mean over the three channels and
    over the places where the window lies inside the picture (Wang et al. 2004). The map is that of
    torchmetrics, whose own mean would include windows over a mirrored border.

    Args:
        restored: Pictures ``(B, 3, H, W)``, RGB in ``[0, 1]``, at least 11 pixels each way;
            rounded to 8 bits first.
        hq: True pictures, same shape.

    Returns:
        One number for each picture, ``(B,)``.

    Raises:
        InputError: The pictures are smaller than the window.
        MissingExtraError: torchmetrics is not installed.
    """
    if min(hq.shape[-2:]) <= 2 * _SSIM_REACH:
        raise InputError(
            f"pictures of {hq.shape[-1]}x{hq.shape[-2]} pixels", expected="at least 11x11 for SSIM"
        )
    try:
        from torchmetrics.functional.image import structural_similarity_index_measure
    except ImportError as error:
        raise MissingExtraError(
            "SSIM needs torchmetrics", fix="install undegrade[metrics]"
        ) from error
    _, similarity = structural_similarity_index_measure(
        # Single precision: in double its convolutions take a hundred times longer.
        quantise(restored).float(),
        quantise(hq).float(),
        data_range=1.0,
        reduction="none",
        return_full_image=True,
    )
    inside = slice(_SSIM_REACH, -_SSIM_REACH)
    result: Tensor = similarity[..., inside, inside].mean(dim=(1, 2, 3))
    return result
