"""Likeness of edges and frequencies without learned weights, through piq."""

from typing import Any

from torch import Tensor

from undegrade.errors import MissingExtraError
from undegrade.metrics.channels import quantise


def gmsd(restored: Tensor, hq: Tensor) -> Tensor:
    """Return the deviation of gradient magnitude similarity; lower is better, 0 is best.

    Args:
        restored: Pictures ``(B, 3, H, W)``, RGB in ``[0, 1]``; rounded to 8 bits first.
        hq: True pictures, same shape.

    Returns:
        One number for each picture, ``(B,)``.

    Raises:
        MissingExtraError: piq is not installed.
    """
    return _measured("gmsd", restored, hq)


def fsim(restored: Tensor, hq: Tensor) -> Tensor:
    """Return the feature similarity in colour; higher is better, 1 is best. See :func:`gmsd`."""
    return _measured("fsim", restored, hq)


def haarpsi(restored: Tensor, hq: Tensor) -> Tensor:
    """Return the Haar perceptual similarity; higher is better, 1 is best. See :func:`gmsd`."""
    return _measured("haarpsi", restored, hq)


def _measured(name: str, restored: Tensor, hq: Tensor) -> Tensor:
    measure = getattr(_piq(), name)
    pair = quantise(restored).float(), quantise(hq).float()
    numbers: Tensor = measure(*pair, data_range=1.0, reduction="none")
    return numbers


def _piq() -> Any:
    try:
        import piq
    except ImportError as error:
        raise MissingExtraError(
            "GMSD, FSIM and HaarPSI need piq, and that torchvision",
            fix="install undegrade[perceptual]",
        ) from error
    return piq
