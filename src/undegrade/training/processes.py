"""Training by several processes, one for each device: who speaks, and what all of them know."""

import signal
from typing import NoReturn, TypeVar

import lightning
import torch
from lightning.pytorch.strategies import DDPStrategy, Strategy
from lightning.pytorch.utilities.rank_zero import rank_zero_only
from torch import Tensor, distributed

from undegrade.errors import DeviceError, UndegradeError, UsageError
from undegrade.training.recipe import Recipe

Thing = TypeVar("Thing")


def is_first() -> bool:
    """Tell whether this process speaks and writes for all; it does where there is but one."""
    return not rank_zero_only.rank


def check_devices(recipe: Recipe, devices: int) -> None:
    """Refuse a number of devices over which the recipe cannot be divided.

    The mean of the processes' gradients is that of the whole batch only if their shares are equal.

    Args:
        recipe: What is trained.
        devices: How many processes train side by side.

    Raises:
        UsageError: A batch cannot be divided evenly.
        DeviceError: There are accelerators, but not as many.
    """
    for stage in recipe.stages:
        if stage.batch % devices == 0 and stage.batch // devices % recipe.pieces:
            raise UsageError(
                f"{stage.batch // devices} samples for each device in {recipe.pieces} pieces",
                expected="a divisor of them",
                fix="change retain.orthogonality.pieces, stages.N.batch or --devices",
            )
        if stage.batch % devices:
            raise UsageError(
                f"a batch of {stage.batch} cannot be divided among {devices} devices",
                expected="a multiple of their number",
                fix=f"change stages.N.batch of stage '{stage.name}', or --devices",
            )
    there = torch.cuda.device_count() if torch.cuda.is_available() else devices
    if devices > there:
        raise DeviceError(f"{devices} devices were asked for", expected=f"at most {there}")


def strategy(devices: int) -> Strategy | str:
    """Return how Lightning runs so many processes.

    A stage may leave parts of a network alone, whose gradients nobody is to wait for.
    """
    return "auto" if devices == 1 else DDPStrategy(find_unused_parameters=True)


def total(trainer: lightning.Trainer, count: int) -> int:
    """Return the sum of a count over all processes, each of which must ask."""
    if trainer.world_size == 1:
        return count
    summed = torch.tensor(count, device=trainer.strategy.root_device)
    distributed.all_reduce(summed)
    return int(summed)


def mean(trainer: lightning.Trainer, values: Tensor) -> Tensor:
    """Return the mean of values over all processes, each of which must ask."""
    if trainer.world_size == 1:
        return values
    averaged: Tensor = values / trainer.world_size
    distributed.all_reduce(averaged)
    return averaged


def gathered(trainer: lightning.Trainer, thing: Thing) -> list[Thing]:
    """Return what each process has, in their order; each of them must ask."""
    if trainer.world_size == 1:
        return [thing]
    things: list[Thing] = [thing] * trainer.world_size
    distributed.all_gather_object(things, thing)
    return things


def end_others(trainer: lightning.Trainer) -> None:
    """End the processes that were started for further devices, without asking them."""
    launcher = trainer.strategy.launcher
    if launcher is not None:
        launcher.kill(signal.SIGKILL)


def stop_all(error: UndegradeError) -> NoReturn:
    """Stop for a reason that all processes know and each of them stops for; the first says it."""
    if not is_first():
        raise SystemExit(error.exit_code)
    raise error
