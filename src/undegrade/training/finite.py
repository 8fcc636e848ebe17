"""Stopping a training whose numbers are no longer finite, before they reach the weights."""

import math
from pathlib import Path
from typing import Any, NamedTuple

import lightning
import torch
from lightning.pytorch.callbacks import Callback
from torch import Tensor

from undegrade.data.batches import StepBatch
from undegrade.errors import TrainingError
from undegrade.training.processes import gathered, stop_all, total


class FiniteNumbers(Callback):
    """Stop before a loss or gradient that is not finite changes the weights.

    The state that was saved last is from before, and is left as it is. Several devices stop
    together, and the first names the photos of the one whose loss it was.

    Args:
        state: File of that state.
        scaled: Whether gradients are scaled, as in float16: then an overflow is nothing unusual,
            and the step is left out by the scaler.
    """

    def __init__(self, state: Path, *, scaled: bool) -> None:
        self.state, self.scaled = state, scaled
        self._batch: StepBatch | None = None
        self._loss = torch.zeros(())

    def on_train_batch_start(
        self,
        trainer: lightning.Trainer,  # noqa: ARG002
        pl_module: lightning.LightningModule,  # noqa: ARG002
        batch: StepBatch,
        batch_idx: int,  # noqa: ARG002
    ) -> None:
        """Remember which samples the numbers will be of."""
        self._batch = batch

    def on_before_backward(
        self,
        trainer: lightning.Trainer,  # noqa: ARG002
        pl_module: lightning.LightningModule,  # noqa: ARG002
        loss: Tensor,
    ) -> None:
        """Remember the loss; of several devices, all must get as far as sharing the gradients."""
        self._loss = loss.detach()

    def on_before_optimizer_step(
        self,
        trainer: lightning.Trainer,
        pl_module: lightning.LightningModule,
        optimizer: Any,  # noqa: ARG002
    ) -> None:
        """Look at the loss of each device, and at the gradients, which they share by now.

        Raises:
            TrainingError: One of them is not finite; on all devices, of whatever it is.
        """
        finite = bool(torch.isfinite(self._loss))
        gradient = None if self.scaled else _first_not_finite(pl_module)
        # The gradients of one are those of all, but a loss is known to its own device only.
        if not total(trainer, int(not finite or gradient is not None)):
            return
        names = self._batch.names if self._batch else ()
        own = _Harm(float(self._loss), tuple(names))
        stop_all(self._error(gathered(trainer, own), gradient))

    def _error(self, harms: "list[_Harm]", gradient: str | None) -> TrainingError:
        """Name the photos of the devices whose loss is not finite, of all if it is no loss."""
        lost = [harm for harm in harms if not math.isfinite(harm.loss)]
        what = (
            f"a loss of {lost[0].loss}" if lost else f"a gradient of {gradient} that is not finite"
        )
        blamed = lost or harms
        names = [name for harm in blamed for name in harm.names]
        kept = f"the last good state is kept in {self.state}" if self.state.exists() else ""
        return TrainingError(
            f"{what} at step {self._batch.step if self._batch else 0}, of {', '.join(names)}",
            expected="finite numbers",
            fix="begin anew with a lower optimiser.lr or clip_norm (null is none), or with "
            "precision=32-true" + (f"; {kept}" if kept else ""),
        )


class _Harm(NamedTuple):
    """What a device knows of a step."""

    loss: float
    names: tuple[str, ...]
    """Of the photos in its share of the batch."""


def _first_not_finite(module: lightning.LightningModule) -> str | None:
    """Return the name of the first parameter whose gradient is not finite."""
    gradients = [
        (name, parameter.grad)
        for name, parameter in module.named_parameters()
        if parameter.grad is not None
    ]
    norms = torch._foreach_norm([gradient for _, gradient in gradients])
    finite = torch.isfinite(torch.stack(norms))
    return None if bool(finite.all()) else gradients[int(finite.int().argmin())][0]
