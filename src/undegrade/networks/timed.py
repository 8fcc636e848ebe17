"""Time for networks that have none: EEDTP's way to train any of them with noise."""

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from undegrade.networks.embeddings import TimeEmbedding
from undegrade.networks.experts import ExpertOptions, expert_adapters
from undegrade.networks.gated import TimedConstant, Told
from undegrade.networks.layers import zeroed
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


class TimedBlocks(nn.Module):
    """Any network from degraded to restored pictures, with a time: it is told to parts by name.

    What those parts give is scaled and shifted, channel by channel, as maps of the time's embedding
    say. The maps begin at zero, and the network as it was.

    Args:
        network: Maps pictures ``(B, C, H, W)`` to the same shape.
        names: Its parts, as ``named_modules`` calls them; what they give is ``(B, c, h, w)``.
        example: A picture that it can take, on its device: it runs once to see the parts' channels.
        embedding_dim: Of the time's sinusoids.
        multiple_of: What the height and width of pictures must be divisible by.

    Raises:
        ValueError: There is no such part, it is not used, or gives something else.
    """

    def __init__(
        self,
        network: nn.Module,
        names: Sequence[str],
        example: Tensor,
        embedding_dim: int = 32,
        multiple_of: int = 1,
    ) -> None:
        super().__init__()
        parts = _named(network, names)
        channels = _channels(network, parts, example)
        self.network = network
        self.multiple_of = multiple_of
        self.time = TimeEmbedding(embedding_dim)
        self.maps = nn.ModuleList()
        for name, part in parts.items():
            told = ScaleShift(name, channels[name], self.time.out_dim)
            self.maps.append(told)
            part.register_forward_hook(told.hook)

    @property
    def receptive_radius(self) -> int:
        """How many pixels away an input can still influence an output: not known."""
        return UNBOUNDED

    @property
    def looks_at_all(self) -> bool:
        """Whether every pixel can matter to every other; it may be."""
        return True

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        """Return what is to be taken from the pictures: restored is ``x`` minus it.

        Args:
            x: Pictures ``(B, C, H, W)``.
            t: Times in ``[0, 1]``: one for each picture ``(B,)``, or one for all ``(1,)``.

        Raises:
            ValueError: A part gives something else than it did for the example.
        """
        embedding = F.silu(self.time(t))
        self._tell(embedding)
        try:
            restored: Tensor = self.network(x)
        finally:
            self._tell(None)
        return x - restored

    def _tell(self, embedding: Tensor | None) -> None:
        for told in self.maps:
            assert isinstance(told, ScaleShift)
            told.embedding = embedding


class ScaleShift(nn.Module):
    """Scales and shifts what a part of a network gives, as the time says.

    Args:
        name: Of the part.
        channels: Of what it gives.
        embedding: Length of the time's embedding.
    """

    def __init__(self, name: str, channels: int, embedding: int) -> None:
        super().__init__()
        self.name = name
        self.channels = channels
        self.map = zeroed(nn.Linear(embedding, 2 * channels))
        self.embedding: Tensor | None = None
        """Of the time, while the network runs; without it, nothing is changed."""

    # A method, not a closure: a copy of the network, hooks and all, then hears its own map.
    def hook(self, part: nn.Module, inputs: Any, output: Any) -> Any:  # noqa: ARG002
        """Return what is passed on instead of ``output``."""
        if self.embedding is None:
            return output
        if _channels_of(self.name, output) != self.channels:
            raise ValueError(
                f"{self.name} gives {output.shape[1]} channels; expected {self.channels}, as for "
                "the example"
            )
        if len(self.embedding) not in (1, len(output)):
            raise ValueError(
                f"{self.name} gives {len(output)} feature maps for {len(self.embedding)} times; "
                "expected one for each: name another part, or give one time for all"
            )
        values = self.map(self.embedding).to(output.dtype)[:, :, None, None]
        scale, shift = values.chunk(2, dim=1)
        return torch.addcmul(shift, output, 1 + scale)


def _named(network: nn.Module, names: Sequence[str]) -> dict[str, nn.Module]:
    """Return the parts of these names."""
    known = {name: part for name, part in network.named_modules() if name}
    unknown = [name for name in names if name not in known]
    if unknown or not names:
        raise ValueError(
            f"the network has no parts {unknown}; expected names of its parts, such as "
            f"{[*known][:8]}"
            if unknown
            else "no part is named; expected the names of those that are to hear the time"
        )
    return {name: known[name] for name in names}


def _channels(network: nn.Module, parts: dict[str, nn.Module], example: Tensor) -> dict[str, int]:
    """Run the network once; return the channels of what each part gives."""
    found: dict[str, int] = {}

    def watch(name: str, part: nn.Module) -> Any:
        def seen(_part: nn.Module, _inputs: Any, output: Any) -> None:
            found[name] = _channels_of(name, output)

        return part.register_forward_hook(seen)

    modes = {part: part.training for part in network.modules()}
    hooks = [watch(name, part) for name, part in parts.items()]
    try:
        network.eval()  # running statistics stay as they are
        with torch.no_grad():
            network(example)
    finally:
        for hook in hooks:
            hook.remove()
        for part, mode in modes.items():
            part.training = mode
    unused = [name for name in parts if name not in found]
    if unused:
        raise ValueError(f"the network does not call {unused}; expected parts that it calls")
    return found


def _channels_of(name: str, output: Any) -> int:
    if not isinstance(output, Tensor) or output.ndim != 4:
        got = tuple(output.shape) if isinstance(output, Tensor) else type(output).__name__
        raise ValueError(f"{name} gives {got}; expected feature maps (B, C, H, W)")
    return output.shape[1]
