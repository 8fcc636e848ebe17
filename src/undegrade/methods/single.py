"""Methods with one network: what it needs and sees is what they need and see."""

from undegrade.methods.base import Method
from undegrade.networks.nafnet import Predictor
from undegrade.networks.timed import TimedNAFNet
from undegrade.networks.timed_blocks import TimedBlocks
from undegrade.networks.transformer import Transformer
from undegrade.networks.unet import UNet


class SingleNetworkMethod(Method):
    """A method with one network, whose reach and grid are its own."""

    network: UNet | Predictor | TimedNAFNet | Transformer | TimedBlocks

    @property
    def multiple_of(self) -> int:
        """See :class:`Method`."""
        return self.network.multiple_of

    @property
    def receptive_radius(self) -> int:
        """See :class:`Method`."""
        return self.network.receptive_radius

    @property
    def looks_at_all(self) -> bool:
        """See :class:`Method`."""
        return self.network.looks_at_all


class DirectMethod(SingleNetworkMethod):
    """A method whose network runs once, and which draws nothing."""

    @property
    def fixed_steps(self) -> int:
        """See :class:`Method`."""
        return 1

    @property
    def is_random(self) -> bool:
        """See :class:`Method`."""
        return False
