"""Stopping a training whose numbers are no longer finite, before they reach the weights."""

from pathlib import Path
from typing import Any

import lightning
import torch
from lightning.pytorch.callbacks import Callback
from torch import Tensor

from undegrade.data.batches import StepBatch
from undegrade.errors import TrainingError


class FiniteNumbers(Callback):
    """Stop before a loss or gradient that is not finite changes the weights.

    The state that was saved last is from before, and is left as it is.

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
        trainer: lightning.Trainer,  # noqa: ARG002
        pl_module: lightning.LightningModule,
        optimizer: Any,  # noqa: ARG002
    ) -> None:
        """Look at the loss, and at the gradients of all devices.

        Raises:
            TrainingError: One of them is not finite.
        """
        if not bool(torch.isfinite(self._loss)):
            raise self._error(f"a loss of {float(self._loss)}")
        if self.scaled:
            return
        gradients = [
            (name, parameter.grad)
            for name, parameter in pl_module.named_parameters()
            if parameter.grad is not None
        ]
        norms = torch._foreach_norm([gradient for _, gradient in gradients])
        finite = torch.isfinite(torch.stack(norms))
        if not bool(finite.all()):
            first = int(finite.int().argmin())
            raise self._error(f"a gradient of {gradients[first][0]} that is not finite")

    def _error(self, what: str) -> TrainingError:
        step, names = (self._batch.step, self._batch.names) if self._batch else (0, ())
        kept = f"the last good state is kept in {self.state}" if self.state.exists() else ""
        return TrainingError(
            f"{what} at step {step}, of {', '.join(names)}",
            expected="finite numbers",
            fix="begin anew with a lower optimiser.lr or clip_norm, or with precision=32-true"
            + (f"; {kept}" if kept else ""),
        )
