"""The auxiliary variable ``y`` of a model at patches of pictures.

A patch of 2x2 pixels has as many entries of ``y`` as lie over it: one of each channel where ``y``
is coarser than that, else four of each. As many of them are taken as of the patch itself. Drawn
without looking, one is like the other; of a learned coupling those are taken of which the
recognition network says most (the largest mean square of its means in units of the prior's
deviation): many of the others say nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from undegrade.data.samples import to_tensor
from undegrade.degradations import Image
from undegrade.evaluation.flow_figures import FlowOptions
from undegrade.methods import Pair
from undegrade.methods.resflow import ResFlow
from undegrade.methods.resflow_options import CHANNELS
from undegrade.metrics.information import Rows, gaussian_entropy
from undegrade.processes import flow
from undegrade.randomness import generator

SIDE = 2
"""Side of a patch in pixels."""

Cells = npt.NDArray[np.intp]
"""Numbers of patches of a picture, row by row."""


@dataclass(frozen=True)
class Companion:
    """Samples of ``y_1``, row by row of the same patches, and what is known of it as a whole.

    Args:
        drawn: As restoring draws it, ``(N, k)``.
        recognised: As the recognition network of a learned coupling draws it, which sees both ends
            of the flow; None where there is none.
        surplus: Its entropy given the degraded picture less that of a standard normal variable, in
            nats for each entry; None where it has no density.
        share: Its entries for each value of a picture.
    """

    drawn: Rows
    recognised: Rows | None = None
    surplus: float | None = 0.0
    share: float = 1.0


def describe(method: ResFlow) -> str:
    """Return in words what the auxiliary variable of a model is like."""
    options = method.flow_options
    if not options.network.aux_channels:
        return "no y"
    drawn = f"drawn independently, {options.aux_distribution}"
    if method.recognition is not None:
        drawn = f"learned, its prior {options.coupling.prior}"
    return f"y {drawn}, sigma {options.aux_schedule}"


def companion_of(
    method: ResFlow,
    pairs: Sequence[tuple[Image, Image]],
    cells: Sequence[Cells],
    options: FlowOptions,
) -> Companion | None:
    """Return the model's own ``y`` at patches; None if it has none.

    Args:
        method: The model.
        pairs: Degraded and clean pictures ``(H, W, 3)`` in ``[0, 1]``, of a size that it takes.
        cells: Patches of each.
        options: Dimensions, and the seed of the draws.
    """
    network = method.flow_options.network
    if not network.aux_channels:
        return None
    share = network.aux_channels / (CHANNELS * network.aux_stride**2)
    if method.recognition is not None:
        return _learned(method, pairs, cells, options)
    kind = method.flow_options.aux_distribution
    assert kind != "none"  # goes with a network without y
    count = sum(map(len, cells))
    normal = generator(options.seed, "patches", "y").standard_normal((count, options.dimensions))
    entries = network.aux_channels * _entries_along(network.aux_stride) ** 2
    drawn: Rows = flow.auxiliary(torch.from_numpy(normal[:, :entries]), kind).numpy()
    return Companion(drawn, None, _SURPLUS[kind], share)


_SURPLUS: dict[flow.AuxiliaryKind, float | None] = {
    "gaussian": 0.0,
    "uniform": float(np.log(12)) / 2 - gaussian_entropy(),
    "rademacher": None,
}
"""See :class:`Companion`; of a uniform variable of unit variance the entropy is ``ln(12) / 2``."""


def _learned(
    method: ResFlow,
    pairs: Sequence[tuple[Image, Image]],
    cells: Sequence[Cells],
    options: FlowOptions,
) -> Companion:
    stride = method.flow_options.network.aux_stride
    means, drawn, recognised, surplus = [], [], [], []
    for number, ((lq, hq), chosen) in enumerate(zip(pairs, cells, strict=True)):
        with torch.inference_mode():
            found = method.recognise(Pair(to_tensor([lq]), to_tensor([hq])))
        prior = found.prior_log_deviation.expand_as(found.mean)
        rng = generator(options.seed, "patches", "y", number)
        one, other = (
            torch.from_numpy(rng.standard_normal(prior.shape, np.float32)) for _ in range(2)
        )
        columns = lq.shape[1] // SIDE
        means.append(_over(found.mean * (-prior).exp(), chosen, columns, stride))
        drawn.append(_over(prior.exp() * one, chosen, columns, stride))
        recognised.append(_over(found.sample(other), chosen, columns, stride))
        surplus.append(float(prior.mean()))
    telling = np.argsort(-np.square(np.concatenate(means)).mean(axis=0), kind="stable")
    taken = telling[: options.dimensions]
    return Companion(
        np.concatenate(drawn)[:, taken],
        np.concatenate(recognised)[:, taken],
        float(np.mean(surplus)),
        method.flow_options.network.aux_channels / (CHANNELS * stride**2),
    )


def _entries_along(stride: int) -> int:
    """Return how many entries of ``y`` lie along a side of a patch."""
    return max(1, SIDE // stride)


def _over(y: Tensor, cells: Cells, columns: int, stride: int) -> Rows:
    """Return the entries ``(N, k)`` of ``y``, ``(1, C, h, w)``, that lie over patches.

    Args:
        y: Auxiliary variable of a picture.
        cells: Patches.
        columns: Patches in a row.
        stride: Pixels to one entry along each side.
    """
    top, left = (SIDE * place // stride for place in np.divmod(cells, columns))
    along = range(_entries_along(stride))
    values = y[0].numpy().astype(np.float64)
    rows: Rows = np.concatenate(
        [values[:, top + down, left + right] for down in along for right in along]
    ).T
    return rows
