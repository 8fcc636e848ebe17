"""EEDTP: a restoration network that is taught by diffusion first (2025).

In the stage ``"generation"`` it takes noise from clean pictures and is told how much there is. In
the stage ``"restoration"`` the same network restores, and is told the time at which generation is
most like the degradation: the matching step of the task. What keeps the second stage from undoing
the first belongs to training (:mod:`undegrade.training.retention`), not to the method; restoring is
one evaluation. Pictures are in ``[0, 1]``, as in the noise levels of the paper.
"""

import copy
from collections.abc import Collection, Iterable, Mapping
from statistics import fmean
from typing import Any, ClassVar, Self

import torch
from torch import Tensor, nn

from undegrade.errors import UsageError
from undegrade.methods.base import METHODS, MethodOptions, Objective, Pair
from undegrade.methods.eedtp_options import GENERATION, RESTORATION, EEDTPOptions
from undegrade.methods.picture_errors import picture_errors
from undegrade.methods.single import DirectMethod
from undegrade.networks.experts import ExpertAdapter
from undegrade.networks.published import from_published
from undegrade.networks.timed import TimedNAFNet, TimedNAFNetOptions
from undegrade.networks.timed_blocks import TimedBlocks
from undegrade.networks.transformer import Transformer, TransformerOptions
from undegrade.networks.unet import UNet
from undegrade.networks.unet_options import UNetOptions
from undegrade.processes.noise import NoiseSource, TrainingNoise
from undegrade.processes.samplers import Callback, Step
from undegrade.tasks import own_name


@METHODS.register("eedtp")
class EEDTP(DirectMethod):
    """A network that says what to take away, and which time each task is.

    Args:
        options: See :class:`~undegrade.methods.eedtp_options.EEDTPOptions`.
        network: A network of one's own, instead of that of the options.

    Raises:
        ValueError: The network takes an auxiliary variable, and there is none; or it is one's own,
            and the options have experts, for which it has no place.
    """

    options_type = EEDTPOptions
    stages = (GENERATION, RESTORATION)
    clean_stages = frozenset({GENERATION})
    default_steps: ClassVar[int] = 1

    def __init__(self, options: EEDTPOptions, network: TimedBlocks | None = None) -> None:
        super().__init__(options)
        if network is not None and options.experts is not None:
            raise ValueError("experts beside a network of one's own; expected experts=None")
        self.eedtp_options = options
        self.schedule = options.schedule
        self.network: TimedNAFNet | Transformer | UNet | TimedBlocks = (
            _build(options) if network is None else network
        )
        self._task = options.task

    def with_task(self, task: str) -> Self:
        """Return the same at the matching step of a task.

        Raises:
            UsageError: There is none, or ``"auto"`` leaves it open.
        """
        known = ", ".join(self.eedtp_options.matching)
        task = own_name(task, self.eedtp_options.matching)
        if task == "auto":
            if not self._task:
                raise UsageError(
                    "an eedtp model of several tasks has to be told one, which 'auto' leaves open",
                    expected=f"one of {known}",
                    fix="name it: --task TASK",
                )
            return self
        if task not in self.eedtp_options.matching:
            raise UsageError(f"task '{task}' for an eedtp model", expected=f"one of {known}")
        told = copy.copy(self)
        told._task = task
        return told

    @property
    def task(self) -> str:
        """What :meth:`restore` undoes; empty if no task is told."""
        return self._task

    @classmethod
    def unheeded(cls, options: MethodOptions) -> dict[str, str]:
        """See :class:`Method`."""
        assert isinstance(options, EEDTPOptions)
        if not isinstance(options.network, UNetOptions):
            return {}
        return {f"network.{key}": why for key, why in options.network.unheeded.items()}

    @property
    def time(self) -> int:
        """Matching step at which :meth:`restore` asks the network.

        Raises:
            ValueError: No task is told.
        """
        return self.eedtp_options.time_of(self._task)

    def at_time(self, lq: Tensor, t: int) -> Tensor:
        """Return pictures as restored at one time, whatever their task; see :meth:`restore`.

        Args:
            lq: Pictures ``(B, 3, H, W)`` in ``[0, 1]``.
            t: From 0 to ``times``.
        """
        return lq - self.residual(lq, torch.full((1,), t, device=lq.device))

    def residual(self, x: Tensor, t: Tensor) -> Tensor:
        """Return what the network takes for no part of the clean pictures, ``(B, 3, H, W)``.

        Args:
            x: Pictures in ``[0, 1]``.
            t: Times from 0 to ``times``: one for each picture ``(B,)``, or one for all ``(1,)``.
        """
        residual: Tensor = self.network(x, t.to(x.device, torch.float32) / self.schedule.times)
        return residual

    @classmethod
    def estimating_stages(cls, options: MethodOptions) -> frozenset[str]:  # noqa: ARG003
        """See :class:`Method`; what generation makes of noisy pictures is no restoration."""
        return frozenset({RESTORATION})

    def objective(
        self,
        pair: Pair,
        *,
        stage: str,
        step: int,  # noqa: ARG002
        noise: TrainingNoise,
    ) -> Objective:
        """Return the error of the clean pictures, absolute as published (equations 11 and 12).

        Raises:
            ValueError: A task has no matching step.
        """
        if stage == GENERATION:
            t = self.schedule.times_of(noise.uniform())
            drawn = torch.empty_like(pair.hq).copy_(noise.normal(tuple(pair.hq.shape)))
            x = self.schedule.noisy(pair.hq, drawn, t, self.eedtp_options.forward)
            return Objective({"total": self._error(x, t, pair.hq)[0]})
        t = torch.tensor([self.eedtp_options.time_of(task) for task in self._tasks_of(pair)])
        error, restored = self._error(pair.lq, t, pair.hq)
        weight = self.eedtp_options.fft_weight
        if not weight:
            return Objective({"total": error}, restored)
        spectrum = torch.fft.fft2(restored.float() - pair.hq.float()).abs().mean()
        return Objective({"total": error + weight * spectrum, "spectrum": spectrum}, restored)

    def _error(self, x: Tensor, t: Tensor, hq: Tensor) -> tuple[Tensor, Tensor]:
        restored = x - self.residual(x, t)
        return picture_errors(restored, hq, self.eedtp_options.error).mean(), restored

    @staticmethod
    def _tasks_of(pair: Pair) -> tuple[str, ...]:
        return pair.tasks or ("",) * len(pair.lq)

    def restore(
        self,
        lq: Tensor,
        *,
        steps: int,  # noqa: ARG002
        noise: NoiseSource,  # noqa: ARG002
        callback: Callback | None = None,
    ) -> Tensor:
        """Return the restored pictures: one evaluation at the matching step of the task.

        Raises:
            ValueError: No task is told.
        """
        restored = self.at_time(lq, self.time)
        if callback is not None:
            callback(Step(0, self.time / self.schedule.times, restored, restored))
        return restored

    def adopted(self, weights: Mapping[str, Any]) -> dict[str, Tensor]:
        """See :class:`Method`: those of a NAFNet, in whose units this method's pictures are."""
        network = self.eedtp_options.network
        if not isinstance(self.network, TimedNAFNet) or not isinstance(network, TimedNAFNetOptions):
            name = "of one's own" if isinstance(self.network, TimedBlocks) else f"'{network.name}'"
            raise ValueError(
                f"published weights for a network {name}; expected 'nafnet', of which there are "
                "some that are known"
            )
        found = from_published(weights, network)
        return {f"network.{name}": tensor for name, tensor in found.items()}

    @classmethod
    def known_tasks(cls, options: MethodOptions) -> Collection[str]:
        """See :class:`Method`: those with a matching step."""
        assert isinstance(options, EEDTPOptions)
        return options.matching.keys()

    @classmethod
    def tasks_in_order(cls, options: MethodOptions, tasks: Iterable[str]) -> tuple[str, ...]:
        """See :class:`Method`: by rising matching step."""
        assert isinstance(options, EEDTPOptions)
        return options.in_order(tasks)

    def retention_time(self, tasks: Iterable[str]) -> float:
        """Return the mean matching step of tasks."""
        return fmean(map(self.eedtp_options.time_of, tasks))

    def retained_parameters(self) -> Iterable[nn.Parameter]:
        """Return all but the experts, which generation knew nothing of."""
        experts = {
            id(parameter)
            for module in self.modules()
            if isinstance(module, ExpertAdapter)
            for parameter in module.parameters()
        }
        return (parameter for parameter in self.parameters() if id(parameter) not in experts)

    def parts_in_order(self) -> list[nn.Module]:
        """Return the parts of the network from the first that a picture meets to the last."""
        return self.network.in_order()


def _build(options: EEDTPOptions) -> TimedNAFNet | Transformer | UNet:
    network = options.network
    if isinstance(network, TimedNAFNetOptions):
        return TimedNAFNet(network, experts=options.experts)
    if isinstance(network, TransformerOptions):
        return Transformer(network, experts=options.experts)
    network.check_plain("eedtp")
    return UNet(network, experts=options.experts)
