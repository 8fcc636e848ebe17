"""Methods that have learned something to be asked about, and restore nothing."""

from typing import ClassVar

from torch import Tensor

from undegrade.methods.base import Method, restores_nothing
from undegrade.processes.noise import NoiseSource
from undegrade.processes.samplers import Callback
from undegrade.wording import article


class KnowingMethod(Method):
    """A method whose :attr:`knows` says what one may ask it about."""

    restores: ClassVar[bool] = False

    def restore(
        self,
        lq: Tensor,  # noqa: ARG002
        *,
        steps: int,  # noqa: ARG002
        noise: NoiseSource,  # noqa: ARG002
        callback: Callback | None = None,  # noqa: ARG002
    ) -> Tensor:
        """Refuse.

        Raises:
            UsageError: Always.
        """
        raise restores_nothing(article(self.options.name), self.knows)
