"""The middle of a prior's network, its h-space: what a change there does to what the prior says.

DiffLoss (2024) rests on it, and shows in its figure 2 that changes along the principal components
of the middle matter more for clean and for restored pictures than for degraded ones. There a
classifier says how much; here it is the clean picture that the prior sees in a noisy one. All
pictures are given the same noise, so that what differs in the middle is the pictures alone.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import product
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from undegrade.data.samples import to_tensor
from undegrade.degradations import Image
from undegrade.errors import InputError
from undegrade.evaluation.candidates.base import Candidate
from undegrade.evaluation.middles import middle
from undegrade.evaluation.pictures import TruthPair, as_image
from undegrade.evaluation.prior.denoising import PriorModel
from undegrade.processes.diffusion import diffuse
from undegrade.processes.noise import FieldNoise
from undegrade.randomness import NoiseField
from undegrade.wording import counted

TIMES = (100, 250, 500)
"""At which priors are asked: 95, 72 and 28 % of a picture's amplitude are left."""

COMPONENTS = 8
"""Principal components along which the middle is changed, at most."""

SIZES = (1.0, 2.0, 3.0)
"""How far it is changed either way, in standard deviations over clean crops."""

WALKED = 3
"""Components along which pictures are shown."""

_CROPS = 8  # of each clean picture, from which components are found
_BATCH = 32  # of those, which are shown to the prior together


class Looks(NamedTuple):
    """What a prior is shown, in ``[0, 1]``, as large as what it has learned from.

    Args:
        views: The middles of the pictures, each ``(N, 3, S, S)``: clean ones first, then degraded
            ones if there are any, and restored ones of each candidate.
        crops: Parts of the clean pictures, ``(M, 3, S, S)``.
    """

    views: tuple[Tensor, ...]
    crops: Tensor


class Basis(NamedTuple):
    """The principal components of the middle over clean crops at a time.

    Args:
        t: The time.
        directions: Each of length 1, the one of the greatest spread first, ``(K, C, h, w)``.
        deviations: Standard deviation along each, ``(K,)``.
        shares: Share of each of the variance over the crops.
    """

    t: int
    directions: Tensor
    deviations: Tensor
    shares: tuple[float, ...]


class View(NamedTuple):
    """What changes do at a time to one kind of pictures; means over these.

    Args:
        noise: Mean squared change of the noise, for each component and each size.
        picture: The same of the clean picture that it amounts to, in the range of the prior.
        distance: Mean squared distance of the middle from that of the clean picture (equation 14).
    """

    noise: tuple[tuple[float, ...], ...]
    picture: tuple[tuple[float, ...], ...]
    distance: float


class AtTime(NamedTuple):
    """What is found at a time.

    Args:
        t: The time.
        shares: See :class:`Basis`.
        between: Mean squared distance between the middles of different clean pictures.
        views: One for each of :attr:`Looks.views`.
    """

    t: int
    shares: tuple[float, ...]
    between: float
    views: tuple[View, ...]


class _Answers(NamedTuple):
    """What the prior says of one picture, once as it is and then with each change."""

    noise: Tensor
    middle: Tensor


def look(
    side: int,
    pairs: Iterable[TruthPair],
    candidates: Sequence[Candidate],
    *,
    degraded: bool,
    seed: int = 0,
    tick: Callable[[], None] | None = None,
) -> Looks:
    """Restore whole pictures, and cut what a prior is to be shown.

    Args:
        side: Of the prior's pictures.
        pairs: Degraded and clean pictures.
        candidates: What restores, each in its usual way.
        degraded: Whether the degraded ones are of interest.
        seed: Names the noise of restorations.
        tick: Called after each pair.

    Raises:
        InputError: There are fewer than 2 pictures, or one is too small.
    """
    rows: list[Tensor] = []
    crops: list[Image] = []
    for pair in pairs:
        restored = [_restore(candidate, pair.lq, seed) for candidate in candidates]
        others = [*([pair.lq] if degraded else []), *restored]
        views = [pair.hq, *others]
        cut = [middle(TruthPair(pair.name, view, pair.hq), side, side).lq for view in views]
        rows.append(to_tensor(cut))
        crops += _parts(pair.hq, side)
        if tick is not None:
            tick()
    if len(rows) < 2:
        raise InputError(
            f"{counted(len(rows), 'picture')} to look at",
            expected="at least 2, to compare different ones",
        )
    return Looks(tuple(torch.stack(rows, dim=1)), to_tensor(crops))


def _restore(candidate: Candidate, lq: Image, seed: int) -> Image:
    setting = candidate.settings((), (seed,))[0]
    return as_image(candidate.restore(lq, setting).picture)


def _parts(hq: Image, side: int) -> Iterator[Image]:
    """Yield squares that do not overlap, spread over a picture."""
    tops, lefts = (range(0, length - side + 1, side) for length in hq.shape[:2])
    places = [*product(tops, lefts)]
    chosen = np.linspace(0, len(places) - 1, min(len(places), _CROPS)).round().astype(int)
    for top, left in (places[index] for index in chosen):
        yield hq[top : top + side, left : left + side]


def find_basis(model: PriorModel, crops: Tensor, t: int) -> Basis:
    """Find the principal components of the middle at a time, by singular value decomposition.

    Args:
        model: The prior.
        crops: At least 2 clean pictures in ``[0, 1]``, ``(M, 3, S, S)``.
        t: The time.
    """
    parts = (crops[first : first + _BATCH] for first in range(0, len(crops), _BATCH))
    middles = torch.cat([_ask(model, part, t).middle for part in parts]).double()
    shape = middles.shape[1:]
    centred = (middles - middles.mean(dim=0)).flatten(1)
    _, values, rows = torch.linalg.svd(centred, full_matrices=False)
    count = min(COMPONENTS, len(crops) - 1)
    # Either sign is a component: that is taken of which the largest entry is positive.
    largest = rows[:count].gather(1, rows[:count].abs().argmax(dim=1, keepdim=True))
    directions = rows[:count] * largest.sign()
    variances = values.square() / (len(crops) - 1)
    shares = (variances / variances.sum().clamp(min=1e-30))[:count]
    return Basis(
        t,
        directions.view(count, *shape).float(),
        variances[:count].sqrt().float(),
        tuple(shares.tolist()),
    )


def measure(
    model: PriorModel,
    views: Sequence[Tensor],
    basis: Basis,
    sizes: Sequence[float] = SIZES,
    tick: Callable[[], None] | None = None,
) -> AtTime:
    """Change the middle of each picture along each component, either way by each size.

    Args:
        model: The prior.
        views: See :attr:`Looks.views`.
        basis: The components.
        sizes: In standard deviations.
        tick: Called after each picture.
    """
    count, far = len(basis.directions), torch.tensor(sizes)
    ahead = _along(basis, far).flatten(0, 1)
    offsets = torch.cat([torch.zeros_like(ahead[:1]), ahead, -ahead])
    ratio = _ratio(model, basis.t)
    found, middles = [], []
    for view in views:
        squares, here = [], []
        for picture in view:
            said = _ask(model, picture[None], basis.t, offsets)
            differences = (said.noise[1:] - said.noise[:1]).double().square().mean(dim=(1, 2, 3))
            squares.append(differences.view(2, count, len(far)).mean(dim=0))
            here.append(said.middle[0])
            if tick is not None:
                tick()
        found.append(torch.stack(squares).mean(dim=0))
        middles.append(torch.stack(here).double())
    clean = middles[0]
    looked = tuple(
        View(_rows(noise), _rows(ratio * noise), float((own - clean).square().mean()))
        for noise, own in zip(found, middles, strict=True)
    )
    return AtTime(basis.t, basis.shares, float(2 * clean.var(dim=0).mean()), looked)


def walk(
    model: PriorModel, picture: Tensor, basis: Basis, component: int, steps: Sequence[float]
) -> Tensor:
    """Return the clean pictures that the prior sees as its middle is changed along a component.

    Args:
        model: The prior.
        picture: In ``[0, 1]``, ``(3, S, S)``.
        basis: The components.
        component: Which of them, from 0.
        steps: How far the middle is changed, in standard deviations, of either sign.

    Returns:
        A picture for each step, ``(len(steps), 3, S, S)`` in ``[0, 1]``.
    """
    offsets = _along(basis, torch.tensor(steps))[component]
    said = _ask(model, picture[None], basis.t, offsets).noise
    left = model.method.schedule.alpha_bar_at(basis.t)
    x_t = _noisy(model, picture[None], basis.t)
    x_0 = (x_t - math.sqrt(1 - left) * said) / math.sqrt(left)
    return model.method.picture(x_0)


def _along(basis: Basis, far: Tensor) -> Tensor:
    """Return the steps along each component, ``(K, len(far), C, h, w)``."""
    lengths = basis.deviations[:, None] * far.float()
    steps: Tensor = lengths[:, :, None, None, None] * basis.directions[:, None]
    return steps


def _ratio(model: PriorModel, t: int) -> float:
    """Return what a mean square of the noise is in the clean picture beside it."""
    left = model.method.schedule.alpha_bar_at(t)
    return (1 - left) / left


def _noisy(model: PriorModel, pictures: Tensor, t: int) -> Tensor:
    """Return pictures in ``[0, 1]`` as the prior meets them at a time."""
    noise = FieldNoise([NoiseField((model.seed, "h-space", t))])
    drawn = noise.normal((1, *pictures.shape[1:]))
    return diffuse(model.method.scaled(pictures), drawn, model.method.schedule.alpha_bar[t])


def _ask(model: PriorModel, pictures: Tensor, t: int, offsets: Tensor | None = None) -> _Answers:
    """Return what the prior says of pictures; with offsets, of one picture with each of them."""
    x_t = _noisy(model, pictures, t).to(model.device)
    change = None
    if offsets is not None:
        x_t = x_t.expand(len(offsets), -1, -1, -1)
        added = offsets.to(model.device)

        def change(middle: Tensor) -> Tensor:
            return middle + added

    with torch.inference_mode():
        noise, found = model.method(x_t, torch.tensor([t], device=model.device), change)
    return _Answers(noise.float().cpu(), found.float().cpu())


def _rows(values: Tensor) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(row) for row in values.tolist())
