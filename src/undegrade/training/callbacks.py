"""What happens around training steps: saving the state, stopping in time, showing progress."""

import time
from pathlib import Path
from typing import Any

import lightning
import torch
from lightning.pytorch.callbacks import Callback, WeightAveraging
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from torch import Tensor

from undegrade.training.interruption import Interruption
from undegrade.training.processes import total

_LINE_EVERY = 60.0  # seconds between two lines where there is no terminal to draw a bar on


class StateKeeper(Callback):
    """Save the whole training state every so many steps, and stop when it is time to.

    The state is saved before anything is stopped: what comes after, such as taking over the
    averaged weights, belongs to the result and not to the state.

    Args:
        path: File of the state; replaced as a whole each time.
        every: Optimiser steps between two saves.
        stop_at: Value of ``time.monotonic()`` at which to stop.
        interruption: What else is a reason to stop.
    """

    def __init__(
        self, path: Path, every: int, stop_at: float | None, interruption: Interruption
    ) -> None:
        self.path, self.every, self.stop_at = path, every, stop_at
        self.interruption = interruption

    def on_train_batch_end(
        self,
        trainer: lightning.Trainer,
        pl_module: lightning.LightningModule,  # noqa: ARG002
        outputs: Any,  # noqa: ARG002
        batch: Any,  # noqa: ARG002
        batch_idx: int,  # noqa: ARG002
    ) -> None:
        """Save or stop, if it is time to."""
        late = self.stop_at is not None and time.monotonic() >= self.stop_at
        interrupted = self.interruption.agreed(trainer)
        stops = interrupted or total(trainer, int(late)) > 0
        if stops or trainer.global_step % self.every == 0:
            self._save(trainer)
        if stops:
            trainer.should_stop = True

    def _save(self, trainer: lightning.Trainer) -> None:
        temporary = self.path.with_suffix(".part")
        trainer.save_checkpoint(temporary)
        if trainer.is_global_zero:
            temporary.replace(self.path)


class AveragedWeights(WeightAveraging):
    """Exponential moving average of the weights, in short memory at first if wanted.

    On a ramp the decay rises as ``(1 + n) / (10 + n)`` up to its end value, so that the first
    steps, from which there is nothing to keep, are soon forgotten and validation shows what has
    been learned.

    Args:
        decay: End value.
        ramp: Whether to rise to it; else it holds from the first step on.
    """

    def __init__(self, decay: float, *, ramp: bool) -> None:
        def average(averaged: list[Tensor], current: list[Tensor], number: Tensor | int) -> None:
            done = int(number)
            held = min(decay, (1 + done) / (10 + done)) if ramp else decay
            # All at once: one by one, the calls take longer than the arithmetic.
            torch._foreach_lerp_(averaged, current, 1 - held)

        super().__init__(multi_avg_fn=average)


class TrainingProgress(Callback):
    """A bar with loss and time left on a terminal, a line a minute elsewhere.

    Args:
        console: Where to write; standard error.
        steps: Optimiser steps of the stage.
        first_step: Step at which this run begins.
        interruption: What breaks a validation off, of which there is nothing to print then.
    """

    def __init__(
        self, console: Console, steps: int, first_step: int, interruption: Interruption
    ) -> None:
        self.console, self.steps = console, steps
        self.first_step, self.interruption = first_step, interruption
        self.started = self.last_line = time.monotonic()
        self.bar = Progress(
            TextColumn("[bold]{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("loss {task.fields[loss]}"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=console,
            disable=not console.is_terminal,
        )
        self.task = self.bar.add_task("training", total=steps, completed=first_step, loss="-")

    def on_train_start(
        self,
        trainer: lightning.Trainer,  # noqa: ARG002
        pl_module: lightning.LightningModule,
    ) -> None:
        """Start the clock; say what comes before the first step."""
        self.started = self.last_line = time.monotonic()
        self.bar.start()
        if batches := getattr(pl_module, "batches_before", 0):
            self.console.print(f"looking at {batches} batches for what was learned before")

    def on_train_batch_end(
        self,
        trainer: lightning.Trainer,
        pl_module: lightning.LightningModule,  # noqa: ARG002
        outputs: Any,
        batch: Any,  # noqa: ARG002
        batch_idx: int,  # noqa: ARG002
    ) -> None:
        """Show how far it is."""
        step, loss = trainer.global_step, f"{float(outputs['loss']):.5f}"
        self.bar.update(self.task, completed=step, loss=loss)
        now = time.monotonic()
        if not self.console.is_terminal and now - self.last_line >= _LINE_EVERY:
            self.last_line = now
            pace = (now - self.started) / max(1, step - self.first_step)
            left = (self.steps - step) * pace / 60
            self.console.print(
                f"step {step}/{self.steps}  loss {loss}  {pace:.3f} s/step  {left:.0f} min left"
            )

    def on_validation_end(
        self,
        trainer: lightning.Trainer,
        pl_module: lightning.LightningModule,  # noqa: ARG002
    ) -> None:
        """Print what was measured."""
        if self.interruption.number is not None:
            return
        scores = {
            name.removeprefix("val/"): float(value)
            for name, value in trainer.callback_metrics.items()
            if name.startswith("val/")
        }
        text = "  ".join(f"{name} {value:.2f}" for name, value in sorted(scores.items()))
        self.console.print(f"step {trainer.global_step}: {text}", highlight=False)

    def teardown(
        self,
        trainer: lightning.Trainer,  # noqa: ARG002
        pl_module: lightning.LightningModule,  # noqa: ARG002
        stage: str,  # noqa: ARG002
    ) -> None:
        """Leave the terminal as it was."""
        self.bar.stop()
