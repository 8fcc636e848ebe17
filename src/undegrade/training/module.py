"""The Lightning module: any method, one stage of it, trained by steps that name their own noise."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import lightning
import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from undegrade.data.batches import StepBatch, StepBatches
from undegrade.data.samples import Begun, Crops
from undegrade.methods import Method, Pair
from undegrade.metrics.distortion import psnr
from undegrade.processes.noise import FieldNoise, SampleNoise
from undegrade.randomness import NoiseField
from undegrade.signals import Cancelled
from undegrade.training.constraints.terms import Constraints
from undegrade.training.interruption import Interruption
from undegrade.training.processes import mean
from undegrade.training.recipe import Optimiser, Recipe, Stage
from undegrade.training.retention import RETAINED_TERMS, Retention, Share

_VALIDATION_BATCH = 8


class MethodModule(lightning.LightningModule):
    """Glue between a method and Lightning's trainer.

    Args:
        method: What is trained.
        recipe: How.
        stage: Which stage of it.
        crops: What its samples are made of.
        validation: Pairs by the name of their degradation.
        constraints: Losses besides the method's own.
    """

    def __init__(
        self,
        method: Method,
        recipe: Recipe,
        stage: Stage,
        crops: Crops,
        validation: dict[str, Pair],
        constraints: Constraints,
    ) -> None:
        super().__init__()
        self.method, self.recipe, self.stage, self.crops = method, recipe, stage, crops
        self.validation, self.constraints = validation, constraints
        self.retention = _retention(method, recipe, stage)
        learned = {id(parameter) for parameter in method.trainable(stage.name)}
        for parameter in method.parameters():
            parameter.requires_grad_(id(parameter) in learned)
        self.interruption = Interruption()  # of the run that this is trained in

    @property
    def begun(self) -> Begun:
        """How far the whole training was when this stage began; names what is random."""
        return self.crops.begun

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
        terms = self._terms(batch)
        self.log_dict({f"train/{name}": value.detach() for name, value in terms.items()})
        return terms["total"]

    def _terms(self, batch: StepBatch) -> dict[str, Tensor]:
        """Return the terms of the stage's own objective, and of what is retained."""
        retention = self.retention
        if retention is None:
            return self._loss(batch)
        if not retention.mixes(batch.step):
            terms = self._loss(batch) | retention.penalty(self.method)
            return _summed(terms)
        # Gradients of gradients cannot be had of compiled networks, nor of fused attention.
        with torch.compiler.set_stance("force_eager"), sdpa_kernel(SDPBackend.MATH):
            pieces = batch.pieces(retention.pieces)
            found = [self._loss(part) for part in pieces]
            shares = [
                Share(part.pair, self._noise(part, "retained"), terms["total"])
                for part, terms in zip(pieces, found, strict=True)
            ]
            terms = _means(found) | retention.penalty(self.method)
            return _summed(terms | retention.mixed(self.method, shares))

    def _loss(self, batch: StepBatch) -> dict[str, Tensor]:
        objective = self.method.objective(
            batch.pair, stage=self.stage.name, step=self.global_step, noise=self._noise(batch)
        )
        return self.constraints.added(objective, batch.hq, self._noise(batch, "constraints"))

    def _noise(self, batch: StepBatch, purpose: str = "") -> SampleNoise:
        return SampleNoise(self.recipe.seed, batch.step, batch.samples, purpose)

    def on_train_start(self) -> None:
        """Look at what is to be retained, unless the state that is gone on with knows it."""
        retention = self.retention
        if retention is None:
            return
        retention.average = partial(mean, self.trainer)
        if retention.is_ready:
            return
        try:
            retention.prepare(self.method, self._batches_before())
        except Cancelled:  # begun anew when the training goes on
            self.trainer.should_stop = True

    @property
    def batches_before(self) -> int:
        """Batches that are looked at before the first step; none if their result is known."""
        if self.retention is None or self.retention.is_ready:
            return 0
        importance = self.retention.options.importance
        return 0 if importance is None else importance.batches

    def _batches_before(self) -> Iterator[tuple[Pair, SampleNoise]]:
        """Yield batches that show what the network has learned before: all of it in each process.

        They are those that this stage begins with.

        Raises:
            Cancelled: A signal was heard; of this stage there is nothing to save yet.
        """
        batches = StepBatches(self.crops, range(self.stage.batch), self.begun.steps)
        for step in range(self.begun.steps, self.begun.steps + self.batches_before):
            self.interruption.agreed(self.trainer)
            self.interruption.check()
            batch = self.transfer_batch_to_device(batches.batch(step), self.device, 0)
            if batch.failure is not None:
                raise batch.failure
            yield batch.pair, self._noise(batch, "before")

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
        method = self.method.with_task(pair.tasks[0]) if any(pair.tasks) else self.method
        for start in range(0, len(pair.lq), _VALIDATION_BATCH):
            self.interruption.agreed(self.trainer)
            self.interruption.check()
            part = slice(start, start + _VALIDATION_BATCH)
            lq = pair.lq[part].to(self.device)
            fields = [NoiseField((0, "validation", start + item)) for item in range(len(lq))]
            # Validation sees sizes of its own, which are not worth a compilation each.
            with torch.compiler.set_stance("force_eager"):
                restored = method.restore(
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
            [parameter for parameter in self.parameters() if parameter.requires_grad],
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


def _retention(method: Method, recipe: Recipe, stage: Stage) -> Retention | None:
    """Return what a stage retains; None if nothing."""
    if recipe.retain is None or not stage.retaining or recipe.retain.stage == stage.name:
        return None
    time = method.retention_time(stage.tasks or recipe.data.tasks_in(stage.mixture))
    return Retention(recipe.retain, time, recipe.seed)


def _means(found: Sequence[dict[str, Tensor]]) -> dict[str, Tensor]:
    """Return the mean of each term over parts of a batch, of equal size."""
    return {name: torch.stack([terms[name] for terms in found]).mean() for name in found[0]}


def _summed(terms: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return terms with what is retained added to their total, and the method's own as one."""
    added = {name: value for name, value in terms.items() if name in RETAINED_TERMS}
    return {"own": terms["total"]} | terms | {"total": terms["total"] + sum(added.values())}


def learning_rate_factor(step: int, steps: int, options: Optimiser) -> float:
    """Return the learning rate at ``step`` of ``steps`` as a share of ``options.lr``."""
    if step < options.warmup:
        return (step + 1) / options.warmup
    period = options.period or steps
    done = min(1.0, (step - options.warmup) / max(1, period - options.warmup))
    cosine = (1 + math.cos(math.pi * done)) / 2
    cooldown = min(options.cooldown, steps)  # a short stage is not to start half way down
    end = min(1.0, (steps - step) / cooldown) if cooldown else 1.0
    final = options.final_lr / options.lr
    return final + (1 - final) * cosine * max(0.0, end)
