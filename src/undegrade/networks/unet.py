"""The U-Net: blocks at half resolution and below, told the time at every one."""

import math
from collections.abc import Callable
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from undegrade.networks.adapters import Adaptor
from undegrade.networks.embeddings import TimeEmbedding
from undegrade.networks.experts import ExpertOptions, expert_adapters
from undegrade.networks.gated import TimedGatedBlocks, window_at
from undegrade.networks.layers import ResidualBlocks, SelfAttention, conv3, zeroed
from undegrade.networks.unet_options import UNetOptions

_CONVOLUTIONS = {"residual": 2, "gated": 1}  # of 3x3 in a block


class UNet(nn.Module):
    """Encoder and decoder with skip connections, ``(x, t, y) -> (B, out_channels, H, W)``.

    The stem rearranges ``stem_stride x stem_stride`` pixels into channels, so that no convolution
    runs at full resolution. Each level halves the resolution again. All normalisation is per
    pixel: the result at a pixel depends on what lies within :attr:`receptive_radius` and on nothing
    else. With attention, with gated blocks whose channel attention has no window, or with experts,
    it depends on the whole of what is given.

    Args:
        options: Sizes; see :class:`UNetOptions`.
        experts: Shape of the adapters that end each level of the decoder; None for none.
    """

    def __init__(self, options: UNetOptions, experts: ExpertOptions | None = None) -> None:
        super().__init__()
        self.options = options
        stride, widths = options.stem_stride, options.widths
        self.time = TimeEmbedding(options.embedding_dim)
        concatenated = options.aux_channels if options.injection == "concat" else 0
        self.stem = conv3((options.in_channels + concatenated) * stride**2, widths[0])
        self.encoder = nn.ModuleList(map(self._blocks, range(len(widths)), options.encoder_blocks))
        self.downs = nn.ModuleList(nn.Conv2d(a, b, 2, stride=2) for a, b in pairwise(widths))
        self.ups = nn.ModuleList(nn.Conv2d(b, 4 * a, 1) for a, b in pairwise(widths))
        self.merges = nn.ModuleList(nn.Conv2d(2 * width, width, 1) for width in widths[:-1])
        self.decoder = nn.ModuleList(map(self._blocks, range(len(widths)), options.decoder_blocks))
        self.head = zeroed(conv3(widths[0], options.out_channels * stride**2))
        self.attention = SelfAttention(widths[-1]) if options.attention else None
        self.adaptor = self._adaptor() if options.injection == "adaptor" else None
        self.experts = expert_adapters(widths, self.time.out_dim, experts)

    def _adaptor(self) -> Adaptor | None:
        options = self.options
        if not options.aux_channels:
            return None
        channels = options.aux_channels * options.stem_stride**2
        widths = options.adaptor_widths
        return Adaptor(channels, widths, options.widths, options.adaptor_blocks)

    def _blocks(self, level: int, count: int) -> ResidualBlocks | TimedGatedBlocks:
        options = self.options
        width, embedding = options.widths[level], self.time.out_dim
        if options.block == "residual":
            return ResidualBlocks(width, embedding, count)
        window = window_at(options.local_pool, options.stem_stride << level)
        return TimedGatedBlocks(width, embedding, count, window)

    @property
    def multiple_of(self) -> int:
        """What the height and width of the input must be divisible by."""
        return math.lcm(
            self.options.stem_stride << (len(self.options.widths) - 1), self.options.aux_stride
        )

    @property
    def receptive_radius(self) -> int:
        """How many pixels away an input can still influence an output; an upper bound.

        Experts, and attention over all that is given, are not counted.
        """
        options = self.options
        scale, radius = options.stem_stride, 2 * options.stem_stride
        pool = options.local_pool if options.block == "gated" else 0
        adaptor_convolutions = 1 + 2 * options.adaptor_blocks if self.adaptor is not None else 0
        for blocks in map(sum, zip(options.encoder_blocks, options.decoder_blocks, strict=True)):
            convolutions = blocks * _CONVOLUTIONS[options.block] + adaptor_convolutions + 1
            radius += scale * convolutions + blocks * (pool and max(scale, pool))
            scale *= 2
        return radius + (options.aux_stride - 1 if options.aux_channels else 0)

    @property
    def looks_at_all(self) -> bool:
        """Whether every pixel can matter to every other."""
        unbounded = self.options.block == "gated" and not self.options.local_pool
        return unbounded or self.attention is not None or self.experts is not None

    def in_order(self) -> list[nn.Module]:
        """Return its parts in the order in which a picture meets them, the time's left out.

        The Adaptor is one part, after the stem.
        """
        parts: list[nn.Module | None] = [self.stem, self.adaptor]
        for level, blocks in enumerate(self.encoder):
            if level > 0:
                parts.append(self.downs[level - 1])
            parts += blocks.children()
        parts.append(self.attention)
        for level in reversed(range(len(self.decoder))):
            if level < len(self.ups):
                parts += [self.ups[level], self.merges[level]]
            parts += self.decoder[level].children()
            if self.experts is not None:
                parts.append(self.experts[level])
        return [part for part in (*parts, self.head) if part is not None]

    def forward(self, x: Tensor, t: Tensor, y: Tensor | None = None) -> Tensor:
        """Evaluate the network.

        Args:
            x: Pictures ``(B, in_channels, H, W)``; H and W divisible by :attr:`multiple_of`.
            t: Times in ``[0, 1]``: one for each picture ``(B,)``, or one for all ``(1,)``.
            y: Auxiliary variable ``(B, aux_channels, H / aux_stride, W / aux_stride)``, if the
                network takes one.

        Raises:
            ValueError: ``y`` is missing, or given to a network that takes none.
        """
        return self.with_middle(x, t, y)[0]

    def with_middle(
        self,
        x: Tensor,
        t: Tensor,
        y: Tensor | None = None,
        change: Callable[[Tensor], Tensor] | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Evaluate the network; return the result, and what its encoder says.

        Args:
            x: See :meth:`forward`, as for the others.
            t: Times.
            y: Auxiliary variable.
            change: Makes of what the encoder says what the decoder is given, of the same shape;
                None to leave it. What goes past the middle stays as it is.

        Returns:
            The result ``(B, out_channels, H, W)``, and the features where encoder and decoder meet,
            after any attention and change there: ``(B, widths[-1], h, w)``, of the coarsest level.

        Raises:
            ValueError: ``y`` is missing, or given to a network that takes none.
        """
        embedding = self.time(t)
        y = self._at_full_resolution(y)
        stride = self.options.stem_stride
        hidden = self.stem(F.pixel_unshuffle(self._stem_input(x, y), stride))
        features = None
        if self.adaptor is not None and y is not None:
            features = self.adaptor(F.pixel_unshuffle(y, stride))
        skips = self._encode(hidden, embedding, features)
        middle = skips.pop()
        if self.attention is not None:
            middle = self.attention(middle)
        if change is not None:
            middle = change(middle)
        return self._decode(middle, skips, embedding), middle

    def _decode(self, hidden: Tensor, skips: list[Tensor], embedding: Tensor) -> Tensor:
        for level in reversed(range(len(self.options.widths))):
            if level < len(skips):
                upsampled = F.pixel_shuffle(self.ups[level](hidden), 2)
                hidden = self.merges[level](torch.cat([upsampled, skips[level]], dim=1))
            hidden = self.decoder[level](hidden, embedding)
            if self.experts is not None:
                hidden = self.experts[level](hidden, embedding)
        return F.pixel_shuffle(self.head(hidden), self.options.stem_stride)

    def _encode(
        self, hidden: Tensor, embedding: Tensor, auxiliary: list[Tensor] | None
    ) -> list[Tensor]:
        skips = []
        for level, blocks in enumerate(self.encoder):
            if level > 0:
                hidden = self.downs[level - 1](hidden)
            hidden = blocks(hidden, embedding)
            if auxiliary is not None:
                hidden = hidden.add_(auxiliary[level])
            skips.append(hidden)
        return skips

    def _at_full_resolution(self, y: Tensor | None) -> Tensor | None:
        if (y is None) != (self.options.aux_channels == 0):
            raise ValueError(
                f"y was {'not ' if y is None else ''}given to a network built with "
                f"aux_channels={self.options.aux_channels}"
            )
        stride = self.options.aux_stride
        return y if y is None or stride == 1 else F.interpolate(y, scale_factor=stride)

    def _stem_input(self, x: Tensor, y: Tensor | None) -> Tensor:
        if y is None or self.options.injection == "adaptor":
            return x
        if self.options.injection == "concat":
            return torch.cat([x, y], dim=1)
        channels = y.shape[1]
        return torch.cat([x[:, :channels] + y, x[:, channels:]], dim=1)
