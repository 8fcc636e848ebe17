"""Likeness of local structure, through torchmetrics; pictures are rounded to 8 bits first."""

from typing import Any

import torch
from torch import Tensor

from undegrade.errors import MissingExtraError
from undegrade.metrics.channels import luma, quantise

SSIM_REACH = 5
"""Half of the window of 11x11 pixels."""


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
        MissingExtraError: torchmetrics is not installed.
    """
    return _similarity(quantise(restored), quantise(hq))


def ssim_luma(restored: Tensor, hq: Tensor) -> Tensor:
    """Return the same of the luma."""
    return _similarity(luma(quantise(restored)), luma(quantise(hq)))


def ms_ssim(restored: Tensor, hq: Tensor) -> Tensor:
    """Return the similarity over five scales, each half of the one before; higher is better.

    The mean is that of torchmetrics: windows reach over a mirrored border.
    """
    measure = _torchmetrics().multiscale_structural_similarity_index_measure
    parts = [
        measure(one[None].float(), other[None].float(), data_range=1.0)
        for one, other in zip(quantise(restored), quantise(hq), strict=True)
    ]
    return _joined(parts)


def vif(restored: Tensor, hq: Tensor) -> Tensor:
    """Return the visual information fidelity of each picture, in the pixel domain.

    1 where nothing differs; more than 1 where contrast was raised without harm.
    """
    measure = _torchmetrics().visual_information_fidelity
    pairs = zip(255 * quantise(restored), 255 * quantise(hq), strict=True)
    return _joined([measure(one[None].float(), other[None].float()) for one, other in pairs])


def _similarity(restored: Tensor, hq: Tensor) -> Tensor:
    _, similarity = _torchmetrics().structural_similarity_index_measure(
        # Single precision: in double its convolutions take a hundred times longer.
        restored.float(),
        hq.float(),
        data_range=1.0,
        reduction="none",
        return_full_image=True,
    )
    inside = slice(SSIM_REACH, -SSIM_REACH)
    result: Tensor = similarity[..., inside, inside].mean(dim=(1, 2, 3))
    return result


def _joined(numbers: list[Tensor]) -> Tensor:
    return torch.stack([number.reshape(()) for number in numbers])


def _torchmetrics() -> Any:
    try:
        import torchmetrics.functional.image as measures
    except ImportError as error:
        raise MissingExtraError(
            "SSIM, MS-SSIM and VIF need torchmetrics", fix="install undegrade[metrics]"
        ) from error
    return measures
