"""Diffusion models by the names that recipes give them."""

from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import NamedTuple, TypeVar

from torch import Tensor, nn

from undegrade.errors import RecipeError, WeightsError
from undegrade.hashing import file_sha256
from undegrade.methods.diffloss import RANGE, Prior
from undegrade.methods.prior import Prior as OwnPrior
from undegrade.networks.adm import AdmUNet
from undegrade.networks.adm_weights import load_adm
from undegrade.networks.diffusers_prior import DiffusersPrior
from undegrade.networks.recomputing import recomputed
from undegrade.processes.diffusion import LinearSchedule
from undegrade.training.constraints.names import ADM, DIFFUSERS
from undegrade.zoo import find_model, load_method


class LoadedPrior(NamedTuple):
    """A diffusion model and the hash of the file of its weights."""

    prior: Prior
    sha256: str


def as_module(prior: Prior) -> nn.Module:
    """Return a prior as the network that all of them are."""
    assert isinstance(prior, nn.Module)
    return prior


class _Published(nn.Module):
    """A network of others, whose noise is that of our schedule."""

    schedule = LinearSchedule()
    image_range = RANGE

    def __init__(self, network: AdmUNet | DiffusersPrior) -> None:
        super().__init__()
        self.network = network
        self.size, self.multiple_of = network.size, network.multiple_of

    def forward(self, x_t: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        said: tuple[Tensor, Tensor] = self.network(x_t, t)
        return said


def load_prior(name: str, *, recompute: bool) -> LoadedPrior:
    """Return a frozen diffusion model.

    Args:
        name: See :attr:`undegrade.methods.diffloss.DiffLossOptions.prior`.
        recompute: Compute inner values a second time for a gradient instead of keeping them.

    Raises:
        UsageError: There is no such model.
        RecipeError: It is no diffusion model.
        WeightsError: It cannot be used.
        MissingExtraError: It needs a package that is not installed.
    """
    loaded = _loaded(name, recompute=recompute)
    size, multiple = loaded.prior.size, loaded.prior.multiple_of
    if size % multiple:
        raise WeightsError(
            f"{name} has learned from pictures of {size} pixels, and its network halves them to "
            "the end",
            expected=f"a multiple of {multiple}",
            fix="take another prior",
        )
    return loaded


def _loaded(name: str, *, recompute: bool) -> LoadedPrior:
    if name.startswith(ADM):
        file = Path(name.removeprefix(ADM)).expanduser()
        adm = load_adm(file, checkpointed=recompute)
        return LoadedPrior(_frozen(_Published(adm)), file_sha256(file))
    if name.startswith(DIFFUSERS):
        foreign = DiffusersPrior(name.removeprefix(DIFFUSERS))
        if recompute:
            network = foreign.network
            _recompute([*network.down_blocks, network.mid_block, *network.up_blocks])
        return LoadedPrior(_frozen(_Published(foreign)), foreign.sha256)
    own, sha256 = _own(name)
    if recompute:
        _recompute(own.network.in_order())
    return LoadedPrior(_frozen(own), sha256)


def _own(name: str) -> tuple[OwnPrior, str]:
    entry = find_model(name)
    if entry.config.method_name != "prior":
        raise RecipeError(
            f"{name} as a prior, which is a model of the method {entry.config.method_name}",
            expected="a diffusion model of clean pictures: one of the method prior, adm:FILE or "
            "diffusers:NAME",
        )
    method = load_method(entry)
    assert isinstance(method, OwnPrior)
    return method, entry.config.sha256


def _recompute(parts: Iterable[nn.Module]) -> None:
    """Let parts of a network, in none of which anything is random, keep no inner values."""
    for part in parts:
        part.forward = partial(recomputed, part.forward)


P = TypeVar("P", _Published, OwnPrior)


def _frozen(prior: P) -> P:
    return prior.requires_grad_(False).eval()
