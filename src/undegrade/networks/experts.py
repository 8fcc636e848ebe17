"""A mixture of experts beside the features of a network: a few of many, chosen for each picture.

After EEDTP ("diffusion training for general image restoration"), which adds one after each level of
a decoder when a network learns several tasks.
"""

from collections.abc import Sequence
from typing import Self

import torch
from pydantic import BaseModel, ConfigDict, Field, model_validator
from torch import Tensor, nn
from torch.nn import functional as F

from undegrade.networks.sizes import Width


class ExpertOptions(BaseModel):
    """Shape of an :class:`ExpertAdapter`; the defaults are the paper's, with a narrow router."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    count: int = Field(10, ge=1, le=1024, description="Experts of each adapter.")
    top: int = Field(2, ge=1, le=1024, description="How many of them work on a picture.")
    reduction: int = Field(4, ge=1, le=1024, description="Channels outside by channels inside.")
    router_width: Width = Field(32, description="Of the hidden layer that chooses.")

    @model_validator(mode="after")
    def _enough(self) -> Self:
        if self.top > self.count:
            raise ValueError(f"top={self.top} of count={self.count}; expected at most count")
        if self.top == 1 < self.count:
            raise ValueError(
                "top=1, whose weight is always 1, so that the router learns nothing; expected 2 or "
                "more"
            )
        return self


class ExpertAdapter(nn.Module):
    """``x + scale * sum of weight * expert(x)`` over the experts that a router chooses.

    The router is shown the mean of the features over the picture, and the time's embedding. An
    expert is two 1x1 convolutions around a GELU. The scale begins at zero, so that a network does
    after attachment what it did before.

    Args:
        channels: Channels of the features.
        embedding: Length of the time's embedding.
        options: See :class:`ExpertOptions`.
    """

    def __init__(self, channels: int, embedding: int, options: ExpertOptions) -> None:
        super().__init__()
        self.options = options
        count, inside = options.count, max(1, channels // options.reduction)
        self.router = nn.Sequential(
            nn.Linear(channels + embedding, options.router_width),
            nn.GELU(),
            nn.Linear(options.router_width, count),
        )
        self.entry = _uniform((count, inside, channels), channels)
        self.entry_bias = _uniform((count, inside), channels)
        self.exit = _uniform((count, channels, inside), inside)
        self.exit_bias = _uniform((count, channels), inside)
        self.scale = nn.Parameter(torch.zeros(()))

    def routing(self, x: Tensor, embedding: Tensor) -> Tensor:
        """Return the weight of each expert for each picture, ``(B, count)``; most are zero.

        Args:
            x: Features ``(B, C, H, W)``.
            embedding: Of the time: one for each picture ``(B, E)``, or one for all ``(1, E)``.
        """
        weights, chosen = self._choose(x, embedding)
        return weights.new_zeros(len(x), self.options.count).scatter(1, chosen, weights)

    def _choose(self, x: Tensor, embedding: Tensor) -> tuple[Tensor, Tensor]:
        """Return weights and numbers of the chosen experts, both ``(B, top)``."""
        mean = x.mean(dim=(2, 3))
        scores = self.router(torch.cat([mean, embedding.expand(len(x), -1).to(mean.dtype)], dim=1))
        best, chosen = scores.topk(self.options.top, dim=1)
        return best.softmax(dim=1), chosen

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        """Map features ``(B, C, H, W)`` to the same shape; arguments as of :meth:`routing`."""
        weights, chosen = self._choose(x, embedding)
        weights = weights.to(x.dtype)
        # The chosen experts side by side are one of several times the width; the weights of their
        # sum go into its second layer.
        entry = self.entry[chosen].flatten(1, 2)  # (B, top * inside, C)
        exit_ = (weights[:, :, None, None] * self.exit[chosen]).transpose(1, 2).flatten(2)
        entry_bias = self.entry_bias[chosen].flatten(1)[:, :, None]
        exit_bias = (weights[:, :, None] * self.exit_bias[chosen]).sum(dim=1)[:, :, None]
        hidden = F.gelu(torch.baddbmm(entry_bias, entry, x.flatten(2)))
        change = torch.baddbmm(exit_bias, exit_, hidden).view_as(x)
        return x + self.scale * change


def _uniform(shape: tuple[int, ...], inputs: int) -> nn.Parameter:
    """Return numbers as a linear layer of so many inputs begins with."""
    bound = inputs**-0.5
    return nn.Parameter(nn.init.uniform_(torch.empty(shape), -bound, bound))


def expert_adapters(
    widths: Sequence[int], embedding: int, options: ExpertOptions | None
) -> nn.ModuleList | None:
    """Return an adapter for each of ``widths``, or None where there are to be none."""
    if options is None:
        return None
    return nn.ModuleList(ExpertAdapter(width, embedding, options) for width in widths)
