"""Models where they run: loaded, moved, and chosen for a photo."""

import copy
from dataclasses import dataclass
from pathlib import Path

import torch

from undegrade.inference.detected import Detection
from undegrade.inference.device import choose_device, choose_precision
from undegrade.inference.engine import Engine
from undegrade.inference.options import RestoreOptions
from undegrade.inference.precision import prepare
from undegrade.inference.report import ModelInfo
from undegrade.methods.base import Method, restores_nothing
from undegrade.processes.any_sampler import parse_sampler
from undegrade.processes.sampling import Sampler
from undegrade.zoo import check_restores, find_model, load_method


@dataclass(frozen=True)
class Ready:
    """A model on a device.

    Args:
        engine: What runs it.
        model: What reports say about it.
    """

    engine: Engine
    model: ModelInfo


@dataclass(frozen=True)
class Setup:
    """Where models run, and how.

    Args:
        device: Where.
        dtype: Number type of their networks.
        sampler: How flows are walked; None for each model's own way.
    """

    device: torch.device
    dtype: torch.dtype
    sampler: Sampler | None = None

    @classmethod
    def choose(cls, device: str, precision: str, sampler: str | None) -> "Setup":
        """Return what is meant by names; see :class:`~undegrade.inference.restorer.Restorer`.

        Raises:
            DeviceError: The device is not there.
            UsageError: There is no such kind of device, precision or sampler.
        """
        place = choose_device(device)
        dtype = choose_precision(precision, place)
        return cls(place, dtype, None if sampler is None else parse_sampler(sampler))

    def ready(self, method: Method, model: ModelInfo) -> Ready:
        """Move a method to the device, and switch it to evaluation mode.

        Raises:
            UsageError: The method has no choice of samplers, or it restores nothing.
        """
        if not method.restores:
            raise restores_nothing(f"a model of the method '{method.options.name}'", method.knows)
        if self.sampler is not None:
            method = copy.copy(method)  # another restorer of the same one walks its own way
            method.sampler = self.sampler
        runner = prepare(method, self.device, self.dtype)
        return Ready(Engine(runner, judges_scene=model.judges_scene), model)


@dataclass(frozen=True)
class Chosen:
    """What restores a photo, and how.

    Args:
        ready: The model.
        options: What it is asked for.
        messages: What the user should know of the choice.
        detection: What it was made by; None where nobody had to choose.
        seconds: How long it took.
    """

    ready: Ready
    options: RestoreOptions
    messages: tuple[str, ...] = ()
    detection: Detection | None = None
    seconds: float = 0.0

    @property
    def what(self) -> str:
        """The task that the model is told, or the name of one that sees for itself."""
        return self.options.task if self.ready.model.told else self.ready.model.name


def load_restoring(model: str | Path) -> tuple[Method, ModelInfo]:
    """Load a model that restores, and what reports say about it.

    Raises:
        UsageError: There is no such model, or it restores nothing.
        WeightsError: It cannot be used.
    """
    entry = find_model(model)
    check_restores(entry)
    config = entry.config
    info = ModelInfo(
        entry.name,
        entry.sha256,
        config.default_steps,
        config.tasks,
        config.uncertainty,
        config.is_told,
        config.overview,
    )
    return load_method(entry), info
