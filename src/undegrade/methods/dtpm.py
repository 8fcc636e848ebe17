"""DTPM: a diffusion that has learned textures, guided to a task by adapters (CVPR 2024).

In the stage ``"texture"`` a denoiser learns what smoothing takes from clean photos. In the stage
``"adapters"`` it stays as it is: a light network makes a first guess of the clean picture, adapters
show it to the denoiser, and both learn by what the denoiser then says of the rest. Restoring adds
to the guess a texture that is drawn from noise. Pictures are mapped to ``[-1, 1]`` inside.
"""

import copy
import math
from collections.abc import Iterable, Sequence
from typing import ClassVar, NamedTuple, Self

import torch
from torch import Tensor, nn

from undegrade.errors import UsageError
from undegrade.methods import dtpm_options
from undegrade.methods.base import METHODS, MethodOptions, Objective, Pair
from undegrade.methods.dtpm_options import ADAPTERS, TEXTURE, DTPMOptions
from undegrade.methods.windowed import Evaluate, WindowedMethod, at_once
from undegrade.networks.denoiser import Denoiser, Part
from undegrade.networks.nafnet import UNBOUNDED, Predictor
from undegrade.networks.semantic import FrozenResNet, SmallEncoder, preview
from undegrade.processes.ddim_options import DdimOptions
from undegrade.processes.diffusion import LinearSchedule, diffuse
from undegrade.processes.noise import NoiseSource, TrainingNoise
from undegrade.processes.samplers import Callback, Step
from undegrade.processes.sampling import Sampler


class _Shown(NamedTuple):
    """What the denoiser is shown beside the state."""

    initial: Tensor
    """First guess of the clean pictures, ``(B, 3, H, W)``."""
    condition: Tensor
    """Pictures beside the state."""
    code: Tensor | None
    """Semantic code of the pictures, ``(B, D)``."""


@METHODS.register("dtpm")
class DTPM(WindowedMethod):
    """Denoiser, first guess, semantic encoder and sampler.

    Raises:
        WeightsError: The semantic encoder is not on this machine and cannot be fetched, or is
            another one than the options name.
        MissingExtraError: It needs a package that is not installed.
    """

    options_type = DTPMOptions
    stages = (TEXTURE, ADAPTERS)
    default_steps: ClassVar[int] = 4
    draws_texture: ClassVar[bool] = True

    def __init__(self, options: DTPMOptions) -> None:
        resnet = None
        if options.semantic == "resnet18":
            resnet = FrozenResNet(options.encoder, options.encoder_sha256)
            options = options.model_copy(update={"encoder_sha256": resnet.sha256})
        super().__init__(options)
        self.dtpm_options = options
        self.schedule = LinearSchedule()
        self.network = Denoiser(options.network, 3, options.code_length, options.adapters)
        self.predictor = None if options.predictor is None else Predictor(options.predictor)
        self.semantic: nn.Module | None = SmallEncoder() if options.semantic == "small" else resnet
        self._sampler, self._texture = options.sampler, options.texture

    @classmethod
    def check_stages(cls, options: MethodOptions, stages: Sequence[str]) -> None:
        """See :func:`undegrade.methods.dtpm_options.check_stages`."""
        if isinstance(options, DTPMOptions):
            dtpm_options.check_stages(options, stages)

    @classmethod
    def unheeded(cls, options: MethodOptions) -> dict[str, str]:
        """See :class:`Method`."""
        assert isinstance(options, DTPMOptions)
        return dtpm_options.unheeded(options)

    @classmethod
    def origin(cls, options: MethodOptions, stages: Sequence[str]) -> str | None:
        """Return what the stage ``"adapters"`` starts from."""
        if isinstance(options, DTPMOptions) and options.texture_prior and stages[0] == ADAPTERS:
            return f"a dtpm model of the stage '{TEXTURE}'"
        return None

    @classmethod
    def check_origin(cls, options: MethodOptions, origin: MethodOptions) -> None:
        """See :func:`undegrade.methods.dtpm_options.check_origin`."""
        if isinstance(options, DTPMOptions) and isinstance(origin, DTPMOptions):
            dtpm_options.check_origin(options, origin)

    def trainable(self, stage: str) -> Iterable[nn.Parameter]:
        """Return what learns: the prior in the first stage, what guides it in the second."""
        if stage == TEXTURE or not self.dtpm_options.texture_prior:
            return self.parameters()
        guided = [] if self.predictor is None else [*self.predictor.parameters()]
        parts: tuple[Part, ...] = ("adapters", *self.dtpm_options.unfreeze)
        return guided + [parameter for part in parts for parameter in self.network.part(part)]

    @property
    def multiple_of(self) -> int:
        """See :class:`Method`."""
        predictor = 1 if self.predictor is None else self.predictor.multiple_of
        return math.lcm(self.network.multiple_of, predictor)

    @property
    def receptive_radius(self) -> int:
        """See :class:`Method`; unbounded where something is averaged over all that is given."""
        predictor = 0 if self.predictor is None else self.predictor.receptive_radius
        semantic = 0 if self.semantic is None else UNBOUNDED
        return min(UNBOUNDED, self.network.receptive_radius + predictor + semantic)

    @property
    def looks_at_all(self) -> bool:
        """See :class:`Method`; so it is where something is averaged over all that is given."""
        return self.receptive_radius == UNBOUNDED

    @property
    def sampler(self) -> DdimOptions:
        """The sampler that :meth:`restore` walks with; the one of the options at first."""
        return self._sampler

    @sampler.setter
    def sampler(self, sampler: Sampler) -> None:
        if not isinstance(sampler, DdimOptions):
            raise UsageError(f"sampler '{sampler}' for a diffusion", expected=DdimOptions.forms)
        self._sampler = sampler

    @property
    def has_first_guess(self) -> bool:
        """See :class:`Method`; without a predictor the guess is the degraded picture itself."""
        return self.predictor is not None

    @property
    def is_random(self) -> bool:
        """See :class:`Method`; the first guess alone is not."""
        return self._texture > 0

    @property
    def texture(self) -> float:
        """Share of the texture that :meth:`restore` adds to the first guess (figure 1)."""
        return self._texture

    def with_texture(self, share: float) -> Self:
        """Return a method on the same networks that adds another share of the texture.

        Raises:
            UsageError: It is not from 0 to 1.
        """
        if not 0 <= share <= 1:
            raise UsageError(f"texture={share}", expected="a number from 0 to 1")
        textured = copy.copy(self)
        textured._texture = share
        return textured

    @classmethod
    def estimating_stages(cls, options: MethodOptions) -> frozenset[str]:
        """See :class:`Method`: where a first guess is learned, which is what is estimated."""
        assert isinstance(options, DTPMOptions)
        return frozenset() if options.predictor is None else frozenset({ADAPTERS})

    def objective(
        self,
        pair: Pair,
        *,
        stage: str,
        step: int,  # noqa: ARG002
        noise: TrainingNoise,
    ) -> Objective:
        """Return the error of the noise that the denoiser sees in the residual.

        In the stage ``"texture"`` (equation 4) pairs are smoothed and clean photos, and the
        residual is that to the smoothed ones; in the stage ``"adapters"`` (equation 6) it is that
        to the first guess, which learns through it and through nothing else.
        """
        hq, lq = 2 * pair.hq - 1, 2 * pair.lq - 1
        initial = self._guess(lq, at_once) if stage == ADAPTERS else lq
        shown = self._shown(lq, initial)
        t = self.schedule.times_of(noise.uniform())
        wanted = torch.empty_like(hq).copy_(noise.normal(tuple(hq.shape)))  # laid out as pictures
        residual = self.dtpm_options.residual_scale * (hq - initial)
        state = diffuse(residual, wanted, self.schedule.alpha_bar[t].to(hq.device, hq.dtype))
        times = t.to(hq.device, torch.float32) / self.schedule.times
        guide = initial if stage == ADAPTERS else None
        predicted = self.network(state, shown.condition, times, shown.code, guide)
        difference = predicted.float() - wanted
        absolute = self.dtpm_options.error == "l1"
        total = difference.abs().mean() if absolute else difference.square().mean()
        estimates = stage == ADAPTERS and self.predictor is not None
        return Objective({"total": total}, (initial + 1) / 2 if estimates else None)

    def restore_whole(
        self,
        lq: Tensor,
        evaluate: Evaluate,
        *,
        steps: int,
        noise: NoiseSource,
        callback: Callback | None = None,
    ) -> Tensor:
        """Draw a texture in ``steps`` network evaluations and add it to the first guess.

        With no steps, or no share of the texture, the first guess itself is returned. The callback
        is told the residual as the state, and the restored picture as the estimate. First guess
        and semantic code are computed once, the code from a small preview of the whole photo.
        """
        lq = 2 * lq - 1
        initial = self._guess(lq, evaluate)
        if not steps or not self.texture:
            return (initial + 1) / 2
        shown = self._shown(lq, initial, self.dtpm_options.semantic_preview)
        share = self.texture / self.dtpm_options.residual_scale

        def predict(state: Tensor, t: int) -> Tensor:
            time = torch.full((1,), t / self.schedule.times, device=state.device)

            def network(state: Tensor, condition: Tensor, guide: Tensor) -> Tensor:
                predicted: Tensor = self.network(state, condition, time, shown.code, guide)
                return predicted

            return evaluate(network, state, shown.condition, shown.initial)

        def draw(number: int) -> Tensor:
            return noise.normal(tuple(lq.shape), draw=number).to(lq)

        def told(step: Step) -> None:
            if callback is not None:
                callback(step._replace(x_0=shown.initial + share * step.x_0))

        residual = self.sampler.walk(
            predict,
            draw(0),
            steps,
            told,
            schedule=self.schedule,
            draw=lambda number: draw(number + 1),
        )
        return (shown.initial + share * residual + 1) / 2

    def _guess(self, lq: Tensor, evaluate: Evaluate) -> Tensor:
        """Return the first guess of degraded pictures in ``[-1, 1]``."""
        return lq if self.predictor is None else evaluate(self.predictor, lq)

    def _shown(self, lq: Tensor, initial: Tensor, side: int = 0) -> _Shown:
        """Return what the denoiser is shown.

        Args:
            lq: Degraded pictures in ``[-1, 1]``.
            initial: First guess of the clean ones.
            side: Longest side of what the semantic encoder is shown; 0 for pictures as they are.
        """
        options = self.dtpm_options
        code = None
        if self.semantic is not None:
            source = initial.detach() if options.semantic_source == "initial" else lq
            code = self.semantic(preview(source, side))
        return _Shown(initial, lq if options.condition == "lq" else initial, code)
