"""The Lightning module: any method, one stage of it, trained by steps that name their own noise."""

import math
from dataclasses import replace
from typing import Any

import lightning
import torch
from torch import Tensor

from undegrade.data.batches import StepBatch
from undegrade.data.samples import Begun
from undegrade.methods import Method, Pair
from undegrade.metrics.distortion import psnr
from undegrade.processes.noise import FieldNoise, SampleNoise
from undegrade.randomness import NoiseField
from undegrade.signals import Cancelled
from undegrade.training.interruption import Interruption
from undegrade.training.recipe import Optimiser, Recipe, Stage

_VALIDATION_BATCH = 8


class MethodModule(lightning.LightningModule):
    """Glue between a method and Lightning's trainer.

    Args:
        method: What is trained.
        recipe: How.
        stage: Which stage of it.
        validation: Pairs by the name of their degradation.
    """

    def __init__(
        self, method: Method, recipe: Recipe, stage: Stage, validation: dict[str, Pair]
    ) -> None:
        super().__init__()
        self.method, self.recipe, self.stage = method, recipe, stage
        self.validation = validation
        learned = {id(parameter) for parameter in method.trainable(stage.name)}
        for parameter in method.parameters():
            parameter.requires_grad_(id(parameter) in learned)
        self.begun = Begun()  # before this stage, in the whole training; names what is random
        self.interruption = Interruption()  # of the run that this is trained in

    def transfer_batch_to_device(
        self,
        batch: Any,
        device: torch.device,
        dataloader_idx: int,  # noqa: ARG002
    ) -> Any:
        """Move a step's pictures; validation names are left as they are."""
        if not isinstance(batch, StepBatch):
            return batch
        return replace(batch, lq=batch.lq.to(device), hq=batch.hq.to(device))

    def training_step(self, batch: StepBatch, batch_idx: int) -> Tensor:  # noqa: ARG002
        """Return the loss of one step.

        Raises:
            RuntimeError: The batch is not this step's; a resumed training would then not be the
                training uninterrupted.
        """
        step = self.begun.steps + self.global_step
        if batch.step != step:
            raise RuntimeError(f"got the batch of step {batch.step} at step {step}")
        noise = SampleNoise(self.recipe.seed, batch.step, batch.samples)
        terms = self.method.loss(
            batch.pair, stage=self.stage.name, step=self.global_step, noise=noise
        )
        self.log_dict({f"train/{name}": value.detach() for name, value in terms.items()})
        return terms["total"]

    def validation_step(self, batch: str, batch_idx: int) -> None:  # noqa: ARG002
        """Log the PSNR of the set named ``batch`` for each number of restoring steps."""
        for steps in self.recipe.data.validation.steps:
            try:
                value = self._validate(self.validation[batch], steps)
            except Cancelled:  # the step after this validation stops for it
                return
            self.log(f"val/{batch}/psnr_{steps}", value, batch_size=1)

    def _validate(self, pair: Pair, steps: int) -> float:
        """Return the mean PSNR of the restored pictures in dB.

        Raises:
            Cancelled: A signal was heard; by any of several processes, which stop together.
        """
        values = []
        for start in range(0, len(pair.lq), _VALIDATION_BATCH):
            self.interruption.agreed(self.trainer)
            self.interruption.check()
            part = slice(start, start + _VALIDATION_BATCH)
            lq = pair.lq[part].to(self.device)
            fields = [NoiseField((0, "validation", start + item)) for item in range(len(lq))]
            # Validation sees sizes of its own, which are not worth a compilation each.
            with torch.compiler.set_stance("force_eager"):
                restored = self.method.restore(
                    lq, steps=steps, noise=FieldNoise(fields), callback=self._look_up
                )
            values.append(psnr(restored.float().cpu(), pair.hq[part]))
        return float(torch.cat(values).mean())

    def _look_up(self, *_state: object) -> None:
        """Break off between two steps, unless other processes would not know of it."""
        if self.trainer.world_size == 1:
            self.interruption.check()

    def configure_optimizers(self) -> dict[str, Any]:
        """Return AdamW and its schedule."""
        options = self.recipe.optimiser
        optimiser = torch.optim.AdamW(
            (parameter for parameter in self.method.parameters() if parameter.requires_grad),
            lr=options.lr,
            betas=options.betas,
            weight_decay=options.weight_decay,
            # Lightning takes mixed precision for scaled gradients, which a fused step may not clip.
            fused=self.recipe.precision == "32-true",
        )
        schedule = torch.optim.lr_scheduler.LambdaLR(
            optimiser, lambda step: learning_rate_factor(step, self.stage.steps, options)
        )
        return {
            "optimizer": optimiser,
            "lr_scheduler": {"scheduler": schedule, "interval": "step"},
        }


def learning_rate_factor(step: int, steps: int, options: Optimiser) -> float:
    """Return the learning rate at ``step`` of ``steps`` as a share of ``options.lr``."""
    if step < options.warmup:
        return (step + 1) / options.warmup
    period = options.period or steps
    done = min(1.0, (step - options.warmup) / max(1, period - options.warmup))
    cosine = (1 + math.cos(math.pi * done)) / 2
    end = min(1.0, (steps - step) / options.cooldown) if options.cooldown else 1.0
    final = options.final_lr / options.lr
    return final + (1 - final) * cosine * max(0.0, end)
