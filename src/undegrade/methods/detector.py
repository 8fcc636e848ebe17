"""A detector: from which degradations a picture suffers, each with its probability.

It restores nothing. Trainings ask it which tasks undo what was done to crops, one question for
each task, so that several may be answered with yes, or none. The probabilities are those of logits
by a temperature for each task, which is found on other photos afterwards ("On Calibration of Modern
Neural Networks", 2017).
"""

from collections.abc import Iterable, Sequence
from typing import Annotated, ClassVar, Literal, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor
from torch.nn import functional as F

from undegrade.methods.base import (
    METHODS,
    MethodOptions,
    Objective,
    Pair,
    several_tasks,
)
from undegrade.methods.knowing import KnowingMethod
from undegrade.methods.views import drawn, spread
from undegrade.networks.classifier import Classifier, ClassifierOptions, Seen
from undegrade.processes.noise import TrainingNoise

DETECTION = "detection"

LEAST_SIDE = 64
"""Pixels that a picture must have along each side to tell anything."""

_TASKS = (
    "denoise",
    "derain",
    "dejpeg",
    "desnow",
    "inpaint",
    "deraindrop",
    "deshadow",
    "brighten",
    "dehaze",
    "deblur",
)
_SPARE = 8  # pixels of a crop along each side that its tiles leave out at least
_LEVELS = 255


class DetectorOptions(MethodOptions):
    """Options of :class:`Detector`."""

    name: Literal["detector"] = "detector"
    tasks: tuple[str, ...] = Field(
        _TASKS, min_length=1, description="What undoes the degradations it tells, in order."
    )
    network: ClassifierOptions = ClassifierOptions()
    temperature: dict[str, Annotated[float, Field(gt=0)]] = Field(
        default_factory=dict, description="By which a task's logits are divided; 1 unless given."
    )

    @model_validator(mode="after")
    def _names(self) -> Self:
        for task in self.tasks:
            if several_tasks(task) != (task,) or self.tasks.count(task) > 1:
                raise ValueError(f"tasks with {task!r}; expected names without '+', each once")
        for task in self.temperature:
            if task not in self.tasks:
                raise ValueError(f"temperature.{task}; expected one of {', '.join(self.tasks)}")
        return self


@METHODS.register("detector")
class Detector(KnowingMethod):
    """A network that says which degradations a picture suffers from."""

    options_type = DetectorOptions
    stages = (DETECTION,)
    default_steps: ClassVar[int] = 1
    knows: ClassVar[str] = "what a picture suffers from"

    def __init__(self, options: DetectorOptions) -> None:
        super().__init__(options)
        self.tasks = options.tasks
        self.network = Classifier(options.network, len(self.tasks))
        values = [options.temperature.get(task, 1.0) for task in self.tasks]
        self.register_buffer("temperature", torch.tensor(values), persistent=False)
        self.temperature: Tensor

    @property
    def multiple_of(self) -> int:
        """See :class:`Method`."""
        return 1

    @property
    def receptive_radius(self) -> int:
        """See :class:`Method`."""
        return self.network.receptive_radius

    @property
    def looks_at_all(self) -> bool:
        """See :class:`Method`."""
        return True

    @property
    def is_random(self) -> bool:
        """See :class:`Method`."""
        return False

    @classmethod
    def check_crop(cls, options: MethodOptions, side: int) -> None:  # noqa: ARG003
        """See :class:`Method`: tiles are parts of a crop."""
        least = LEAST_SIDE + _SPARE
        if side < least:
            raise ValueError(f"a detector; expected at least {least}")

    @classmethod
    def tasks_in_order(cls, options: MethodOptions, tasks: Iterable[str]) -> tuple[str, ...]:
        """See :class:`Method`; ``"derain+dejpeg"`` is both, and the empty text a clean picture."""
        assert isinstance(options, DetectorOptions)
        wanted = tuple(dict.fromkeys(tasks))
        for task in wanted:
            _labels(task, options.tasks)
        return wanted

    def objective(
        self,
        pair: Pair,
        *,
        stage: str,  # noqa: ARG002
        step: int,  # noqa: ARG002
        noise: TrainingNoise,
    ) -> Objective:
        """Return the mean binary cross entropy of all tasks.

        A crop is a picture of its own: some tiles of it are seen, and all of it shrunk; see
        :func:`~undegrade.methods.views.drawn`.

        Raises:
            ValueError: There is no such task.
        """
        tasks = pair.tasks or ("",) * len(pair.lq)
        labels = torch.tensor([_labels(task, self.tasks) for task in tasks])
        logits = self.logits_of(drawn(_in_8_bit(pair.lq), noise))
        error = F.binary_cross_entropy_with_logits(logits, labels.to(logits))
        return Objective({"total": error})

    def logits(self, lq: Tensor) -> Tensor:
        """Return what the network answers for each task, before the temperature, ``(B, n)``.

        Pictures are looked at in 8 bit. Else it could tell what was computed from what was read,
        in training, where a file would have rounded all the same.

        Args:
            lq: Pictures ``(B, 3, H, W)`` in ``[0, 1]``, of at least 64 pixels a side.
        """
        return self.logits_of([spread(picture) for picture in _in_8_bit(lq)])

    def logits_of(self, pictures: Sequence[Seen]) -> Tensor:
        """Return the same of pictures too large for the memory: of what is seen of them alone.

        Args:
            pictures: Of each the tiles, of 256 levels, and the means of its blocks, as
                :func:`~undegrade.methods.views.spread` has them.
        """
        answers: Tensor = self.network(pictures)
        return answers

    def probabilities(self, logits: Tensor) -> Tensor:
        """Return logits ``(..., n)`` as probabilities of the same shape."""
        return torch.sigmoid(logits / self.temperature.to(logits))

    def detect(self, lq: Tensor) -> Tensor:
        """Return the probability of each task, ``(B, n)``, of pictures as :meth:`logits` has them.

        They do not sum to one: each is that of the degradation which the task undoes.
        """
        return self.probabilities(self.logits(lq))


def _labels(task: str, tasks: tuple[str, ...]) -> list[float]:
    """Return 1 for each of the tasks that a sample's text names, and 0 for the others.

    Raises:
        ValueError: It names another one.
    """
    named = several_tasks(task)
    for one in named:
        if one not in tasks:
            raise ValueError(
                f"no task '{one}'; expected one of {', '.join(tasks)}, or method.tasks"
            )
    return [float(one in named) for one in tasks]


def _in_8_bit(lq: Tensor) -> Tensor:
    """Return pictures as a file of 8 bit would have them."""
    return (lq.clamp(0, 1) * _LEVELS).round() / _LEVELS
