"""Likeness of local structure; pictures are rounded to 8 bits first."""

from typing import Any

import torch
from torch import Tensor

from undegrade.errors import MissingExtraError
from undegrade.metrics.channels import levels, luma, quantise
from undegrade.metrics.similarity import mean_similarity


def ssim(restored: Tensor, hq: Tensor) -> Tensor:
    """Return the structural similarity of each picture; higher is better, 1 is best.

    See :func:`undegrade.metrics.similarity.mean_similarity`; the mean over the three channels.

    Args:
        restored: Pictures ``(B, 3, H, W)``, RGB in ``[0, 1]``, at least 11 pixels each way;
            rounded to 8 bits first; or uint8 levels.
        hq: True pictures, same shape.

    Returns:
        One number for each picture, ``(B,)``.
    """
    return _each(levels(restored), levels(hq))


def ssim_luma(restored: Tensor, hq: Tensor) -> Tensor:
    """Return the same of the luma."""
    return _each(255 * luma(quantise(restored)), 255 * luma(quantise(hq)))


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

    1 where nothing differs; more than 1 where contrast was raised without harm. What else is made
    of a true picture of one colour, which holds no information, has no number: it is not finite.
    """
    pairs = zip(255 * quantise(restored), 255 * quantise(hq), strict=True)
    return _joined([_fidelity(one[None].float(), other[None].float()) for one, other in pairs])


def _fidelity(restored: Tensor, hq: Tensor) -> Tensor:
    if torch.equal(restored, hq):
        return torch.tensor(1.0)
    found: Tensor = _torchmetrics().visual_information_fidelity(restored, hq)
    return found


def _each(restored: Tensor, hq: Tensor) -> Tensor:
    pairs = zip(restored, hq, strict=True)
    return torch.tensor([mean_similarity(*pair) for pair in pairs], dtype=torch.float64)


def _joined(numbers: list[Tensor]) -> Tensor:
    return torch.stack([number.reshape(()) for number in numbers])


def _torchmetrics() -> Any:
    try:
        import torchmetrics.functional.image as measures
    except ImportError as error:
        raise MissingExtraError(
            "MS-SSIM and VIF need torchmetrics", fix="install undegrade[metrics]"
        ) from error
    return measures
