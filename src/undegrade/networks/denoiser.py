"""DTPM's denoiser: told the time, what is to be seen, and through adapters a first guess."""

from typing import Any, ClassVar, Literal

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn

from undegrade.networks.adapters import GuidanceAdapter
from undegrade.networks.embeddings import TimeEmbedding
from undegrade.networks.gated import Modulation, Told
from undegrade.networks.nafnet import NAFNet, NAFNetOptions
from undegrade.networks.sizes import Width

Part = Literal["stem", "encoder", "middle", "decoder", "adapters"]


class DenoiserOptions(NAFNetOptions):
    """Shape of a :class:`Denoiser`."""

    sizes: ClassVar[dict[str, dict[str, Any]]] = {
        "paper": {},
        "small": {
            "stem_stride": 2,
            "widths": (32, 64, 96, 128),
            "encoder_blocks": (1, 1, 2),
            "middle_blocks": 3,
            "decoder_blocks": (1, 1, 1),
            "embedding_dim": 32,
            "semantic_width": 32,
        },
    }

    embedding_dim: Width = Field(64, multiple_of=2, description="Of the time's sinusoids.")
    semantic_width: Width = Field(
        128, description="Of the hidden layer between the semantic code and each block."
    )


class AdapterOptions(BaseModel):
    """Shape of the conditional guidance adapters."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    ratio: float = Field(0.25, gt=0, le=4, description="Channels inside by channels outside.")


class Denoiser(NAFNet):
    """Says which noise is in a state, ``(state, condition, t, code, guide)`` to ``(B, C, H, W)``.

    Args:
        options: Sizes; see :class:`DenoiserOptions`.
        channels: Channels of the pictures.
        code: Length of the semantic code; 0 for a network that is not told.
        adapters: Their shape; None for a network without them.
    """

    def __init__(
        self,
        options: DenoiserOptions,
        channels: int = 3,
        code: int = 0,
        adapters: AdapterOptions | None = None,
    ) -> None:
        time = TimeEmbedding(options.embedding_dim)

        def modulation(width: int) -> nn.Module:
            return Modulation(width, time.out_dim, code, options.semantic_width)

        super().__init__(options, 2 * channels, channels, modulation)
        self.time = time
        self.code = code
        self.adapters = (
            nn.ModuleList(
                GuidanceAdapter(width, channels, max(1, round(adapters.ratio * width)))
                for width in self.block_widths()
            )
            if adapters is not None
            else None
        )

    def part(self, name: Part) -> list[nn.Parameter]:
        """Return what belongs to a part of the network."""
        modules: dict[Part, tuple[nn.Module | None, ...]] = {
            "stem": (self.stem,),
            "encoder": (self.encoder, self.downs),
            "middle": (self.middle,),
            "decoder": (self.ups, self.decoder, self.head),
            "adapters": (self.adapters,),
        }
        kept = [module for module in modules[name] if module is not None]
        return [parameter for module in kept for parameter in module.parameters()]

    def forward(
        self,
        state: Tensor,
        condition: Tensor,
        t: Tensor,
        code: Tensor | None = None,
        guide: Tensor | None = None,
    ) -> Tensor:
        """Evaluate the network.

        Args:
            state: What has noise in it, ``(B, C, H, W)``; H and W divisible by
                :attr:`multiple_of`.
            condition: Pictures shown beside it, of the same shape.
            t: Times in ``[0, 1]``: one for each picture ``(B,)``, or one for all ``(1,)``.
            code: What the pictures show, ``(B, D)``; needed if the network is told.
            guide: What the adapters are shown, pictures of any size; None leaves them out.

        Raises:
            ValueError: The code is missing.
        """
        if self.code and code is None:
            raise ValueError(f"no semantic code; expected one of length {self.code}")
        embedding = self.time(t)
        told = Told(embedding, None if code is None else code.to(embedding.dtype))

        x = torch.cat([state, condition], dim=1)
        if self.adapters is None or guide is None:
            return self.evaluate(x, told, None)
        adapters = iter(self.adapters)
        return self.evaluate(x, told, lambda features: next(adapters)(features, guide))
