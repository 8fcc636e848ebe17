"""Time for networks that have none: EEDTP's way to train any of them with noise."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from undegrade.networks.embeddings import TimeEmbedding
from undegrade.networks.layers import zeroed
from undegrade.networks.nafnet import UNBOUNDED


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
        seen = _run(network, parts, example)
        self.network = network
        self.multiple_of = multiple_of
        self.time = TimeEmbedding(embedding_dim)
        self.maps = nn.ModuleList()
        for name, part in parts.items():
            told = ScaleShift(name, seen.channels[name], self.time.out_dim)
            self.maps.append(told)
            part.register_forward_hook(told.hook)
        self._order = _order(network, [*parts.values()], seen)

    @property
    def receptive_radius(self) -> int:
        """How many pixels away an input can still influence an output: not known."""
        return UNBOUNDED

    @property
    def looks_at_all(self) -> bool:
        """Whether every pixel can matter to every other; it may be."""
        return True

    def in_order(self) -> list[nn.Module]:
        """Return its parts in the order in which the example met them, the time's left out.

        A named part is one with the map that it hears, unless others are named within: then it is
        only the map. What is not named is divided into the outermost that hold parameters of their
        own. What the network did not call is left out.
        """
        return [nn.ModuleList(map(self.get_submodule, names)) for names in self._order]

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


@dataclass
class _Seen:
    """What the example showed: channels by the part's name, and when each module first ended."""

    channels: dict[str, int] = field(default_factory=dict)
    ends: dict[nn.Module, int] = field(default_factory=dict)


def _run(network: nn.Module, parts: dict[str, nn.Module], example: Tensor) -> _Seen:
    """Run the network once and watch it."""
    seen = _Seen()
    names = {part: name for name, part in parts.items()}

    def watch(part: nn.Module, _inputs: Any, output: Any) -> None:
        seen.ends.setdefault(part, len(seen.ends))
        if part in names:
            seen.channels[names[part]] = _channels_of(names[part], output)

    modes = {part: part.training for part in network.modules()}
    hooks = [part.register_forward_hook(watch) for part in modes]
    try:
        network.eval()  # running statistics stay as they are
        with torch.no_grad():
            network(example)
    finally:
        for hook in hooks:
            hook.remove()
        for part, mode in modes.items():
            part.training = mode
    unused = [name for name in parts if name not in seen.channels]
    if unused:
        raise ValueError(f"the network does not call {unused}; expected parts that it calls")
    return seen


def _order(network: nn.Module, named: Sequence[nn.Module], seen: _Seen) -> list[tuple[str, ...]]:
    """Return the names of what belongs to each part, by when it was met.

    Names, not modules, so that a copy of the network has its own parts.
    """
    divided = dict.fromkeys(_divided(network, {*named}))
    called = {part: f"network.{name}" for name, part in network.named_modules()}
    order: list[tuple[int, tuple[str, ...]]] = []
    for number, part in enumerate(named):
        own = (called[part],) if part in divided else ()
        order.append((seen.ends[part], (*own, f"maps.{number}")))
    for part in divided:
        ends = [seen.ends[one] for one in part.modules() if one in seen.ends]
        if ends and part not in named:
            order.append((min(ends), (called[part],)))
    return [names for _place, names in sorted(order)]


def _divided(module: nn.Module, named: set[nn.Module]) -> Iterator[nn.Module]:
    """Yield what a network consists of: parts that are named, and what lies between them."""
    within = [one for one in module.modules() if one is not module and one in named]
    if not within and (module in named or any(True for _ in module.parameters(recurse=False))):
        yield module
        return
    for child in module.children():
        yield from _divided(child, named)


def _channels_of(name: str, output: Any) -> int:
    if not isinstance(output, Tensor) or output.ndim != 4:
        got = tuple(output.shape) if isinstance(output, Tensor) else type(output).__name__
        raise ValueError(f"{name} gives {got}; expected feature maps (B, C, H, W)")
    return output.shape[1]
