"""Side networks that feed a second picture into a trunk."""

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional as F

from undegrade.networks.layers import conv3, zeroed


class AdaptorBlock(nn.Module):
    """Convolution, ReLU, convolution, beside the identity."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv_in = conv3(channels, channels)
        self.conv_out = conv3(channels, channels)

    def forward(self, y: Tensor) -> Tensor:
        """Map ``(B, C, H, W)`` to the same shape."""
        result: Tensor = y + self.conv_out(F.relu(self.conv_in(y)))
        return result


class Adaptor(nn.Module):
    """ResFlow's Adaptor: a pyramid of features of the auxiliary variable, one per level.

    A level halves the resolution of the one before, passes residual blocks, and ends in a 1x1
    convolution that begins at zero, so that an untrained Adaptor leaves the trunk as it is.

    Args:
        in_channels: Channels of the (unshuffled) auxiliary variable.
        widths: Channels inside the Adaptor at each level.
        out_channels: Channels of the trunk at each level.
        blocks: Residual blocks at each level.
    """

    def __init__(
        self, in_channels: int, widths: Sequence[int], out_channels: Sequence[int], blocks: int = 1
    ) -> None:
        super().__init__()
        inputs = [in_channels, *widths[:-1]]
        self.entries = nn.ModuleList(
            conv3(before, width, stride=1 if level == 0 else 2)
            for level, (before, width) in enumerate(zip(inputs, widths, strict=True))
        )
        self.bodies = nn.ModuleList(
            nn.Sequential(*(AdaptorBlock(width) for _ in range(blocks))) for width in widths
        )
        self.exits = nn.ModuleList(
            zeroed(nn.Conv2d(width, out, 1))
            for width, out in zip(widths, out_channels, strict=True)
        )

    def forward(self, y: Tensor) -> list[Tensor]:
        """Map ``(B, in_channels, H, W)`` to one feature map for each level of the trunk."""
        features = []
        for entry, body, exit_ in zip(self.entries, self.bodies, self.exits, strict=True):
            y = body(entry(y))
            features.append(exit_(y))
        return features


class GuidanceAdapter(nn.Module):
    """DTPM's conditional guidance adapter (equation 5): ``f + M_out(M_in(f) + Conv(guide))``.

    Its last layer begins at zero, so that an untrained adapter leaves the features as they are.

    Args:
        channels: Channels of the features.
        guide_channels: Channels of the guide.
        width: Channels inside.
    """

    def __init__(self, channels: int, guide_channels: int, width: int) -> None:
        super().__init__()
        self.entry = nn.Conv2d(channels, width, 1)
        self.guidance = conv3(guide_channels, width)
        self.exit = zeroed(nn.Conv2d(width, channels, 1))

    def forward(self, features: Tensor, guide: Tensor) -> Tensor:
        """Map features ``(B, C, h, w)`` to the same shape, guided by pictures of any size."""
        shown = F.interpolate(guide, size=features.shape[2:], mode="area")
        change: Tensor = self.exit(F.gelu(self.entry(features)) + self.guidance(shown))
        return features + change
