"""Batches for training, in the order of steps, the same whatever the workers and processes."""

import atexit
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset, get_worker_info
from torch.utils.data.dataloader import _BaseDataLoaderIter

from undegrade.data.samples import Crops, to_tensor
from undegrade.errors import InputError, TransferError, UndegradeError
from undegrade.methods import Pair
from undegrade.signals import ENDING, held_back


@dataclass(frozen=True)
class StepBatch:
    """The pairs of one optimiser step, and where they stand in the training."""

    step: int
    samples: tuple[int, ...]
    """Numbers of these samples within the step; together with the step they name a sample."""
    lq: Tensor
    hq: Tensor
    names: tuple[str, ...] = ()
    """Pictures that the samples were cut from."""
    tasks: tuple[str, ...] = ()
    """What undoes the degradation of each; empty texts where that is not known."""
    damaged: tuple[str, ...] = ()
    """Pictures that could not be read and were replaced."""
    failure: UndegradeError | None = None
    """Why there is nothing in this batch: so it leaves a worker without a traceback."""

    @property
    def pair(self) -> Pair:
        """The pictures, each ``(B, 3, H, W)`` in ``[0, 1]``."""
        return Pair(self.lq, self.hq, self.tasks)

    def pieces(self, count: int) -> "list[StepBatch]":
        """Return the batch in as many parts of equal size.

        Raises:
            ValueError: It cannot be divided so.
        """
        if len(self.samples) % count:
            raise ValueError(
                f"a batch of {len(self.samples)} in {count} pieces; expected a divisor of its size"
            )
        size = len(self.samples) // count
        return [
            StepBatch(
                self.step,
                self.samples[part],
                self.lq[part],
                self.hq[part],
                self.names[part],
                self.tasks[part],
            )
            for part in (slice(start, start + size) for start in range(0, size * count, size))
        ]


class StepBatches(IterableDataset[StepBatch]):
    """Batches from any step on.

    Args:
        crops: How samples are made.
        samples: Numbers of the samples of each step that this process makes.
        first_step: Step to begin with.
    """

    def __init__(self, crops: Crops, samples: Sequence[int], first_step: int = 0) -> None:
        super().__init__()
        self.crops, self.samples, self.first_step = crops, tuple(samples), first_step

    def __iter__(self) -> Iterator[StepBatch]:
        """Yield batches without end; a loader takes them from its workers in turn."""
        worker = get_worker_info()
        offset, stride = (worker.id, worker.num_workers) if worker else (0, 1)
        step = self.first_step + offset
        while True:
            yield self.batch(step)
            step += stride

    def batch(self, step: int) -> StepBatch:
        """Return the batch of one step."""
        try:
            made = [self.crops.sample(step, number) for number in self.samples]
        except (InputError, TransferError) as error:
            empty = torch.empty(0, 3, self.crops.size, self.crops.size)
            return StepBatch(step, self.samples, empty, empty, failure=error)
        return StepBatch(
            step,
            self.samples,
            lq=to_tensor([sample.lq for sample in made]),
            hq=to_tensor([sample.hq for sample in made]),
            names=tuple(sample.name for sample in made),
            tasks=tuple(sample.task for sample in made),
            damaged=tuple(name for sample in made for name in sample.damaged),
        )


def load_batches(batches: StepBatches, workers: int) -> DataLoader[StepBatch]:
    """Return a loader that makes batches in processes of its own, some steps ahead.

    Args:
        batches: What is made.
        workers: Number of processes; 0 makes batches in this one, when they are asked for.
    """
    return _Loader(
        batches,
        batch_size=None,
        num_workers=workers,
        prefetch_factor=4 if workers else None,
        persistent_workers=workers > 0,
        # libvips keeps threads; a forked copy of a process that used it would wait for them forever
        multiprocessing_context="spawn" if workers else None,
        worker_init_fn=_leave_at_once if workers else None,
    )


class _Loader(DataLoader[StepBatch]):
    """A loader whose workers leave it to their parent to hear Ctrl-C, from their first moment."""

    def __iter__(self) -> _BaseDataLoaderIter:
        with held_back(*ENDING):
            return super().__iter__()


def _leave_at_once(_worker: int) -> None:
    """Have a worker end without tidying up.

    The thread that hands its batches over may be at work when Python is taken down, and the process
    would be aborted, which the training would report as an error after its last step.
    """
    atexit.register(os._exit, 0)
