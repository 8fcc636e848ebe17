"""The auxiliary variable ``y`` of a model at patches of pictures.

A patch of 2x2 pixels has as many entries of ``y`` as lie over it: one of each channel where ``y``
is coarser than that, else four of each. As many of them are taken as of the patch itself. Drawn
without looking, one is like the other; of a learned coupling those are taken of which the
recognition network says most (the largest mean square of its means): many of the others say
nothing.

A learned ``y`` is given in units of its prior's deviation. A learned prior tells that deviation
from the degraded picture, around the patch too: what the size of ``y`` says of the clean picture
is said by the degraded one, though not by the patch alone. In these units a draw is standard normal
noise wherever it lies, and independent of both ends of the flow.

Where an entry of ``y`` is larger than a patch, all patches in its cell share it. So even noise
tells one cell from another, and with it the brightness there. A comparison with ``y`` of other
patches has to leave that as it is: see :meth:`Companion.strangers`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from undegrade.data.samples import to_tensor
from undegrade.degradations import Image
from undegrade.evaluation.flow.figures import FlowOptions
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
        drawn: As restoring draws it, ``(N, k)``, in units of its prior's deviation.
        recognised: As the recognition network of a learned coupling draws it, which sees both ends
            of the flow; None where there is none.
        surplus: Its entropy given the degraded picture less that of a standard normal variable, in
            nats for each entry; None where it has no density.
        share: Its entries for each value of a picture.
        cells: Number of the cell that each patch lies in, ``(N,)``: those of one cell have the same
            entries. None where each has its own.
    """

    drawn: Rows
    recognised: Rows | None = None
    surplus: float | None = 0.0
    share: float = 1.0
    cells: Cells | None = None

    def strangers(self, rng: np.random.Generator) -> Cells:
        """Return for each patch another one whose ``y`` knows nothing of it, ``(N,)``.

        The ``y`` of a cell goes to another cell as a whole, the same for all patches there. So both
        marginals stay as they are, and so does which patches share an entry; all that is broken is
        the tie of ``y`` to the picture. Of a ``y`` that is drawn without looking, the samples are
        afterwards of the same law as before, so that no estimator may tell them apart on average.
        """
        cells = np.arange(len(self.drawn)) if self.cells is None else self.cells
        _, first, number = np.unique(cells, return_index=True, return_inverse=True)
        others: Cells = first[rng.permutation(len(first))][number]
        return others


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
    means, drawn, recognised, surplus, owners = [], [], [], [], []
    for number, ((lq, hq), chosen) in enumerate(zip(pairs, cells, strict=True)):
        with torch.inference_mode():
            found = method.recognise(Pair(to_tensor([lq]), to_tensor([hq])))
        prior = found.prior_log_deviation.expand_as(found.mean)
        rng = generator(options.seed, "patches", "y", number)
        one, other = (
            torch.from_numpy(rng.standard_normal(prior.shape, np.float32)) for _ in range(2)
        )
        place = _Places(chosen, lq.shape[1] // SIDE, stride)
        means.append(place.entries(found.mean * (-prior).exp()))
        drawn.append(place.entries(one))
        recognised.append(place.entries(found.sample(other) * (-prior).exp()))
        surplus.append(float(prior.mean()))
        owners.append(place.cells)
    telling = np.argsort(-np.square(np.concatenate(means)).mean(axis=0), kind="stable")
    taken = telling[: options.dimensions]
    return Companion(
        np.concatenate(drawn)[:, taken],
        np.concatenate(recognised)[:, taken],
        float(np.mean(surplus)),
        method.flow_options.network.aux_channels / (CHANNELS * stride**2),
        _numbered_on(owners),
    )


def _entries_along(stride: int) -> int:
    """Return how many entries of ``y`` lie along a side of a patch."""
    return max(1, SIDE // stride)


def _numbered_on(cells: Sequence[Cells]) -> Cells:
    """Return the cells of all pictures, so numbered that no two pictures share one."""
    sizes = [int(one.max(initial=-1)) + 1 for one in cells]
    starts = np.cumsum([0, *sizes[:-1]])
    return np.concatenate([one + start for one, start in zip(cells, starts, strict=True)])


@dataclass(frozen=True)
class _Places:
    """Where patches of a picture lie in a ``y`` of another size.

    Args:
        patches: Their numbers.
        columns: Patches in a row.
        stride: Pixels to one entry of ``y`` along each side.
    """

    patches: Cells
    columns: int
    stride: int

    def entries(self, y: Tensor) -> Rows:
        """Return the entries ``(N, k)`` of ``y``, ``(1, C, h, w)``, that lie over the patches."""
        top, left = self._corners()
        along = range(_entries_along(self.stride))
        values = y[0].numpy().astype(np.float64)
        rows: Rows = np.concatenate(
            [values[:, top + down, left + right] for down in along for right in along]
        ).T
        return rows

    @property
    def cells(self) -> Cells:
        """Which patches have the same entries: a number for each, ``(N,)``."""
        top, left = self._corners()
        return top * (SIDE * self.columns) + left  # no row of y has more entries than pixels

    def _corners(self) -> tuple[Cells, Cells]:
        top, left = np.divmod(self.patches, self.columns)
        return SIDE * top // self.stride, SIDE * left // self.stride
