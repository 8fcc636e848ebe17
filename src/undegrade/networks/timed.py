"""The network of a predictor, told a time as EEDTP trains it."""

from typing import Any, ClassVar

from pydantic import Field
from torch import Tensor, nn

from undegrade.networks.embeddings import TimeEmbedding
from undegrade.networks.experts import ExpertOptions, expert_adapters
from undegrade.networks.gated import TimedConstant, Told
from undegrade.networks.nafnet import UNBOUNDED, NAFNet, PredictorOptions
from undegrade.networks.sizes import BlockCount, Width


class TimedNAFNetOptions(PredictorOptions):
    """Shape of a :class:`TimedNAFNet`."""

    sizes: ClassVar[dict[str, dict[str, Any]]] = {
        "nafnet-32": PredictorOptions.sizes["nafnet-32"],
        "nafnet-64": {},
        "small": PredictorOptions.sizes["small"] | {"up_bias": True, "embedding_dim": 16},
    }

    widths: tuple[Width, ...] = Field((64, 128, 256, 512, 1024), min_length=2)
    encoder_blocks: tuple[BlockCount, ...] = (1, 1, 1, 28)
    middle_blocks: BlockCount = 1
    up_bias: bool = False
    embedding_dim: Width = Field(32, multiple_of=2, description="Of the time's sinusoids.")


class TimedNAFNet(NAFNet):
    """The network of a predictor, told the time at both normalisations of each block.

    While the parts that hear the time are untrained, it is the plain network: the weights of a
    :class:`~undegrade.networks.nafnet.Predictor` are a part of its own, under the same names.

    Args:
        options: Sizes; see :class:`TimedNAFNetOptions`.
        channels: Channels of the pictures.
        experts: Shape of the adapters that end each level of the decoder; None for none.
    """

    def __init__(
        self,
        options: TimedNAFNetOptions,
        channels: int = 3,
        experts: ExpertOptions | None = None,
    ) -> None:
        time = TimeEmbedding(options.embedding_dim)

        def modulation(width: int) -> nn.Module:
            return TimedConstant(width, time.out_dim)

        super().__init__(options, channels, channels, modulation)
        self.time = time
        self.experts = expert_adapters(options.widths[:-1], time.out_dim, experts)

    @property
    def receptive_radius(self) -> int:
        """See :class:`NAFNet`; experts are chosen by all that is given."""
        return super().receptive_radius if self.experts is None else UNBOUNDED

    def in_order(self) -> list[nn.Module]:
        """Return its parts in the order in which a picture meets them, the time's left out."""
        parts: list[nn.Module] = [self.stem]
        for blocks, down in zip(self.encoder, self.downs, strict=True):
            parts += [*blocks.children(), down]
        parts += self.middle.children()
        for level in reversed(range(len(self.decoder))):
            parts += [self.ups[level], *self.decoder[level].children()]
            if self.experts is not None:
                parts.append(self.experts[level])
        return [*parts, self.head]

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        """Return what is to be taken from the pictures: restored is ``x`` minus it; at first 0.

        Args:
            x: Pictures ``(B, C, H, W)``; H and W divisible by :attr:`multiple_of`.
            t: Times in ``[0, 1]``: one for each picture ``(B,)``, or one for all ``(1,)``.
        """
        return -self.evaluate(x, Told(self.time(t)), None)

    def _after_level(self, level: int, hidden: Tensor, told: Told | None) -> Tensor:
        if self.experts is None or told is None:
            return hidden
        changed: Tensor = self.experts[level](hidden, told.embedding)
        return changed
