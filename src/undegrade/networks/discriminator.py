"""A small network that tells two kinds of pictures apart, patch by patch."""

from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

_SLOPE = 0.2


class PatchDiscriminator(nn.Module):
    """Four convolutions, ``(B, 3, H, W) -> (B, 1, H / 8, W / 8)``: how clean each patch looks.

    Spectral normalisation keeps its slopes bounded, so that it can be learned without further
    penalties ("Spectral Normalization for Generative Adversarial Networks", 2018).

    Args:
        width: Channels of the first layer; each further one has twice as many.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        widths = (3, width, 2 * width, 4 * width)
        layers: list[nn.Module] = []
        for level in range(3):
            convolution = nn.Conv2d(widths[level], widths[level + 1], 4, stride=2, padding=1)
            layers += [spectral_norm(convolution), nn.LeakyReLU(_SLOPE)]
        self.layers = nn.Sequential(*layers, spectral_norm(nn.Conv2d(widths[-1], 1, 3, padding=1)))

    def forward(self, x: Tensor) -> Tensor:
        """Return a score for each patch of pictures in ``[-1, 1]``: high for clean ones."""
        scores: Tensor = self.layers(x)
        return scores
