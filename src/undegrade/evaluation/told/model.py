"""A model that is told a time, as the instruments see it."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from undegrade.errors import UsageError
from undegrade.evaluation.middles import middle
from undegrade.evaluation.pictures import PictureSet, TruthPair
from undegrade.inference import ModelInfo
from undegrade.inference.device import choose_device
from undegrade.methods.eedtp import EEDTP
from undegrade.zoo import find_model, load_method

SIDE = 192
"""Longest side of the middle of each picture that is looked at, in pixels."""

PICTURES = 50
"""As many as are looked at unless asked otherwise."""


@dataclass(frozen=True)
class ToldModel:
    """A model that is told a time, on a device, in float32.

    Args:
        info: Its name, and what it was trained to undo.
        method: What it does.
        device: Where it is.
    """

    info: ModelInfo
    method: EEDTP
    device: torch.device

    @classmethod
    def load(cls, model: str | Path, device: str = "auto") -> "ToldModel":
        """Load a model by name or folder.

        Raises:
            UsageError: There is no such model, or its method is told no time.
            DeviceError: There is no such device.
            WeightsError: It cannot be used.
        """
        place = choose_device(device)
        entry = find_model(model)
        method = load_method(entry, device=place)
        if not isinstance(method, EEDTP):
            raise UsageError(
                f"model '{entry.name}' is of the method '{entry.config.method_name}', which is "
                "told no time and has no experts",
                expected="a model of the method 'eedtp'",
            )
        info = ModelInfo(entry.name, tasks=entry.config.tasks, told=entry.config.is_told)
        return cls(info, method, place)

    def told(self, task: str) -> "ToldModel":
        """Return the same for a task, as restoring is told it.

        Raises:
            UsageError: It does not know the task, or ``"auto"`` leaves open which of several.
        """
        return replace(self, method=self.method.with_task(self.info.own_task(task)))

    @property
    def times(self) -> int:
        """Last time that it can be told."""
        return self.method.schedule.times

    def own_step(self, task: str) -> tuple[str, int] | None:
        """Return a task and its matching step as the model has it; None where none is told.

        Args:
            task: Its name; ``"auto"`` for the one that the model was made for.

        Raises:
            UsageError: The model has no matching step for it.
        """
        if task == "auto" and not self.method.task:
            return None
        told = self.method.with_task(task)
        return told.task, told.time

    def middles(self, pictures: PictureSet) -> Iterator[TruthPair]:
        """Go through the middles of pictures, of sizes that its network takes.

        Raises:
            InputError: Too many pictures cannot be used, or one is too small.
        """
        return (middle(pair, SIDE, self.method.multiple_of) for pair in pictures)

    def restore(self, lq: Tensor, t: int) -> Tensor:
        """Return pictures ``(B, 3, H, W)``, RGB in ``[0, 1]``, as restored at a time."""
        with torch.inference_mode():
            return self.method.at_time(lq.to(self.device), t).cpu()

    def diffuse(self, x: Tensor, noise: Tensor, t: int) -> Tensor:
        """Return ``x_t`` of pictures ``x``, by the model's own forward process."""
        time, options = torch.tensor([t]), self.method.eedtp_options
        return self.method.schedule.noisy(x, noise, time, options.forward)
