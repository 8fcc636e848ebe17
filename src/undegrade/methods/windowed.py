"""Methods whose walk is the whole photo's, while their networks may see it window by window."""

from abc import abstractmethod
from collections.abc import Callable
from typing import Protocol

from torch import Tensor

from undegrade.methods.base import Method
from undegrade.processes.noise import NoiseSource
from undegrade.processes.samplers import Callback

Network = Callable[..., Tensor]
"""``network(*pictures)``: pictures ``(B, C, H, W)`` of one size to one ``(B, D, H, W)``."""


class Evaluate(Protocol):
    """How a network is evaluated on pictures that may be too large for it at once."""

    def __call__(self, network: Network, *pictures: Tensor) -> Tensor:
        """Return what the network gives for pictures ``(B, C, H, W)`` of one size."""
        ...


def at_once(network: Network, *pictures: Tensor) -> Tensor:
    """Evaluate a network on the pictures as they are; see :class:`Evaluate`."""
    return network(*pictures)


class WindowedMethod(Method):
    """A method that keeps its state for the whole photo.

    What its networks say of overlapping windows is averaged before each step is taken, so that all
    windows go the same way; tiles of their own would each go theirs, and only results would be
    blended ("MultiDiffusion", 2023, for pictures from text).
    """

    def restore(
        self, lq: Tensor, *, steps: int, noise: NoiseSource, callback: Callback | None = None
    ) -> Tensor:
        """See :class:`Method`; the networks see all of the pictures at once."""
        return self.restore_whole(lq, at_once, steps=steps, noise=noise, callback=callback)

    @abstractmethod
    def restore_whole(
        self,
        lq: Tensor,
        evaluate: Evaluate,
        *,
        steps: int,
        noise: NoiseSource,
        callback: Callback | None = None,
    ) -> Tensor:
        """Restore whole photos; arguments as in :meth:`restore`, and how networks are evaluated.

        Args:
            lq: Degraded photos, of any size that is divisible by ``multiple_of``.
            evaluate: Evaluates a network; windows begin at multiples of ``multiple_of``.
            steps: Number of network evaluations.
            noise: Source of everything random.
            callback: Called after each step.
        """
