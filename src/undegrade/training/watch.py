"""A watch over the data during training: what could not be read, and how long steps wait."""

import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning
from lightning.pytorch.callbacks import Callback
from rich.console import Console

from undegrade.data.batches import StepBatch
from undegrade.data.problems import TOLERANCE, first_names
from undegrade.data.samples import Begun
from undegrade.errors import InputError
from undegrade.training.processes import gathered, is_first, stop_all, total

_FAILED = 1 << 40  # more than pictures can be damaged in a step
_ENOUGH = 200  # samples after which a share of damaged ones says something


@dataclass(frozen=True)
class Epochs:
    """Where the epochs of a stage end.

    Args:
        pictures: How many make an epoch.
        batch: Samples of each step, over all processes.
        begun: How far the training was when the stage began.
    """

    pictures: int
    batch: int
    begun: Begun

    def ends_with(self, step: int) -> bool:
        """Tell whether an epoch ends with this step of the stage."""
        before = self.begun.samples + step * self.batch
        return before // self.pictures < (before + self.batch) // self.pictures


class DataWatch(Callback):
    """Tell at the end of each epoch what could not be read, and stop when that is too much.

    Several processes count together and stop together; the first speaks for all.

    Args:
        console: Where to tell how many, and the first names.
        names: File that takes all names.
        epochs: When to tell.
    """

    def __init__(self, console: Console, names: Path, epochs: Epochs) -> None:
        self.console, self.names, self.epochs = console, names, epochs
        self.damaged: Counter[str] = Counter()  # in this process
        self.count = 0  # in all of them
        self.steps = 0  # of this epoch
        self.all_steps = 0
        self.waited = self.worked = 0.0
        self._since: float | None = None  # the first wait is for the workers to start

    @property
    def waiting_share(self) -> float:
        """Share of the time that steps have waited for data, in ``[0, 1]``."""
        return self.waited / self._seconds

    @property
    def crops_per_second(self) -> float:
        """How many samples all processes together have learned from in a second."""
        return self.all_steps * self.epochs.batch / self._seconds

    @property
    def _seconds(self) -> float:
        return max(1e-9, self.waited + self.worked)

    def on_train_batch_start(
        self,
        trainer: lightning.Trainer,
        pl_module: lightning.LightningModule,  # noqa: ARG002
        batch: StepBatch,
        batch_idx: int,  # noqa: ARG002
    ) -> None:
        """Note how long the batch was waited for, and what is not in it.

        Raises:
            InputError: More than 5 % of what was wanted could not be read, or nothing at all.
            TransferError: It lies elsewhere and cannot be reached.
        """
        now = time.monotonic()
        if self._since is not None:
            self.waited += now - self._since
        self._since = now
        self.damaged.update(batch.damaged)
        self.steps += 1
        self.all_steps += 1
        self._count(trainer, batch)
        drawn = self.steps * self.epochs.batch
        if self.count > TOLERANCE * max(drawn, min(_ENOUGH, self.epochs.pictures)):
            stop_all(
                InputError(
                    f"{self.count} of {drawn} pictures cannot be read: "
                    f"{first_names(self._names(trainer))}",
                    expected=f"at most {TOLERANCE:.0%}",
                    fix="copy or pack the data again; the training goes on with --resume",
                )
            )
        if self.epochs.ends_with(trainer.global_step):
            self._tell(trainer)

    def _count(self, trainer: lightning.Trainer, batch: StepBatch) -> None:
        """Add what is damaged in the batches of all processes; stop if one has got none."""
        failed = batch.failure is not None
        # One number for both, since every process waits for the others to say theirs.
        told = total(trainer, len(batch.damaged) + _FAILED * failed)
        if told >= _FAILED:
            failures = gathered(trainer, batch.failure)
            stop_all(next(failure for failure in failures if failure is not None))
        self.count += told

    def on_train_batch_end(
        self,
        trainer: lightning.Trainer,  # noqa: ARG002
        pl_module: lightning.LightningModule,  # noqa: ARG002
        outputs: Any,  # noqa: ARG002
        batch: Any,  # noqa: ARG002
        batch_idx: int,  # noqa: ARG002
    ) -> None:
        """Note how long the step took."""
        now = time.monotonic()
        self.worked += now - (self._since or now)
        self._since = now

    def on_validation_end(
        self,
        trainer: lightning.Trainer,  # noqa: ARG002
        pl_module: lightning.LightningModule,  # noqa: ARG002
    ) -> None:
        """Do not take validation for waiting."""
        self._since = time.monotonic()

    def on_train_end(
        self,
        trainer: lightning.Trainer,
        pl_module: lightning.LightningModule,  # noqa: ARG002
    ) -> None:
        """Tell what is left to be told."""
        self._tell(trainer)
        self.console.print(
            f"{self.crops_per_second:.1f} crops a second; steps waited for data "
            f"{self.waiting_share:.1%} of the time"
        )

    def _tell(self, trainer: lightning.Trainer) -> None:
        if self.count:
            names = self._names(trainer)
            self.console.print(
                f"{len(names)} pictures could not be read in this epoch and others took "
                f"their place: {first_names(names)}; all names are in {self.names}",
                highlight=False,
                soft_wrap=True,
            )
            if is_first():
                with self.names.open("a", encoding="utf-8", errors="backslashreplace") as file:
                    file.writelines(f"{name}\n" for name in names)
        self.damaged.clear()
        self.steps = self.count = 0

    def _names(self, trainer: lightning.Trainer) -> list[str]:
        """Return what is damaged in all processes, each name once."""
        every = gathered(trainer, [*self.damaged])
        return [*dict.fromkeys(name for names in every for name in names)]
