"""Which candidates are measured: names, and what stands behind them."""

from dataclasses import dataclass
from pathlib import Path

from undegrade.allocator import keep_freed_memory
from undegrade.errors import UsageError
from undegrade.evaluation.candidates.base import Candidate
from undegrade.evaluation.candidates.baselines import INPUT, find_baseline, is_network
from undegrade.evaluation.candidates.models import Model
from undegrade.inference import RestoreOptions
from undegrade.zoo import check_restores, find_model


@dataclass(frozen=True)
class Choice:
    """Which candidates are measured, and how models are run.

    Args:
        names: Baselines, models, and files of networks of others.
        device: Where models run.
        precision: Number type of networks.
        sampler: How a flow is walked; None for each model's own way.
        texture: Share of the drawn texture; None for each model's own.
        task: What models are asked to undo; ``"auto"`` leaves it to each.
    """

    names: tuple[str, ...]
    device: str = "auto"
    precision: str = "auto"
    sampler: str | None = None
    texture: float | None = None
    task: str = "auto"

    @property
    def has_models(self) -> bool:
        """Whether there is a network among them."""
        return any(map(is_network, self.names))

    @property
    def has_ours(self) -> bool:
        """Whether there is a model among them, and not only networks of others."""
        return any(is_network(name) and not Path(name).is_file() for name in self.names)

    @property
    def draws_texture(self) -> bool:
        """Whether a model among them draws a texture, and is not told to add none of it.

        Raises:
            UsageError: There is no such model.
            WeightsError: A model cannot be used.
        """
        if self.texture == 0 or not self.has_ours:
            return False
        from undegrade.methods import METHODS

        ours = (name for name in self.names if is_network(name) and not Path(name).is_file())
        return any(METHODS.get(find_model(name).config.method_name).draws_texture for name in ours)

    @property
    def wanted(self) -> tuple[str, ...]:
        """The same names in the order of what is loaded: the degraded picture itself is first."""
        return (INPUT, *(name for name in self.names if name != INPUT))

    def check(self) -> None:
        """Refuse what can be told without loading anything.

        Raises:
            UsageError: A name is there twice, there is no such model or precision, or a model
                restores nothing.
            WeightsError: A model is not on this machine.
            MissingExtraError: What a baseline needs is not installed.
        """
        if len({*self.names}) < len(self.names):
            raise UsageError(f"models {' '.join(self.names)}", expected="each at most once")
        if self.precision != "auto":
            from undegrade.inference.device import choose_device, choose_precision

            choose_precision(self.precision, choose_device("cpu"))
        for name in self.names:
            if find_baseline(name) is None and not Path(name).is_file():
                check_restores(find_model(name))

    def load(self, *, idle: bool = False) -> list[Candidate]:
        """Return the candidates; the degraded picture itself is the first.

        Args:
            idle: They will not run, and take no room on a device: only what they are called, with
                which weights and settings and at which precision they would run is of interest.

        Raises:
            UsageError: Two have one name, there is none of a name, or one draws no texture or does
                not know the task.
            WeightsError: A model cannot be used.
            MissingExtraError: What a candidate needs is not installed.
        """
        self.check()
        keep_freed_memory()  # for pictures too, of which each would be mapped anew
        candidates = [find_baseline(name) or self._load_network(name, idle) for name in self.wanted]
        names = [candidate.name for candidate in candidates]
        if len({*names}) < len(names):
            raise UsageError(
                f"models called {', '.join(names)}",
                expected="different names",
                fix="rename a folder or file: that is what a model is called",
            )
        return candidates

    def _load_network(self, name: str, idle: bool) -> Candidate:
        from undegrade.inference import Restorer
        from undegrade.inference.device import choose_device, choose_precision, precision_name

        if Path(name).is_file():
            from undegrade.evaluation.candidates.foreign import load_foreign

            foreign = load_foreign(Path(name), self.device, self.precision, idle=idle)
            foreign.restorer.check(self._options)
            return foreign
        precision = precision_name(choose_precision(self.precision, choose_device(self.device)))
        restorer = Restorer.from_pretrained(
            name,
            device="cpu" if idle else self.device,
            precision=precision if idle else self.precision,
            sampler=self.sampler,
        )
        task = restorer.model.own_task(self.task)  # what is measured must not hang on a detector
        restorer.check(self._options)
        return Model(restorer, restorer.model.name + self._how(task), self.texture, task)

    @property
    def _options(self) -> RestoreOptions:
        return RestoreOptions(self.task, texture=self.texture)

    def _how(self, task: str) -> str:
        """What a model is called beyond its name, by how it is run otherwise than usual."""
        texture = "" if self.texture is None else f"texture={self.texture!r}"
        told = "" if task == "auto" else f"task={task}"
        how = ", ".join(filter(None, (self.sampler, texture, told)))
        return f" ({how})" if how else ""
