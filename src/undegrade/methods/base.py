"""What a method is: networks, a process and an objective behind two calls, loss and restore."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

from pydantic import BaseModel, ConfigDict, ValidationError
from torch import Tensor, nn

from undegrade.errors import UsageError
from undegrade.processes.noise import NoiseSource, TrainingNoise
from undegrade.processes.samplers import Callback
from undegrade.processes.sampling import Sampler
from undegrade.registry import Registry
from undegrade.validation import explain
from undegrade.wording import article


class Pair(NamedTuple):
    """Degraded and clean pictures, each ``(B, 3, H, W)``, RGB in ``[0, 1]``."""

    lq: Tensor
    hq: Tensor
    tasks: tuple[str, ...] = ()
    """What undoes the degradation of each; empty texts, or none at all, where it is not known.

    Several in one text are told apart by :func:`several_tasks`.
    """


def several_tasks(task: str) -> tuple[str, ...]:
    """Return the tasks that a text names: of ``"derain+dejpeg"`` both, of an empty one none."""
    return tuple(filter(None, task.split("+")))


class Objective(NamedTuple):
    """What a batch comes to in training."""

    terms: dict[str, Tensor]
    """The terms, each a scalar, with their sum under ``"total"``."""
    estimate: Tensor | None = None
    """The clean pictures that the networks' answers amount to, ``(B, 3, H, W)`` for ``[0, 1]``, not
    clamped; None in stages whose answers amount to none."""


class MethodOptions(BaseModel):
    """Base of every method's options; stored beside the weights that it made."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    found: ClassVar[tuple[str, ...]] = ()
    """Keys that building the method fills in, where nobody gives them, with what it found on this
    machine: hashes of files that are no part of its weights."""

    name: str


class Method(nn.Module, ABC):
    """A restoration method; everything else in undegrade works on this interface."""

    options_type: ClassVar[type[MethodOptions]]
    stages: ClassVar[tuple[str, ...]]
    """Names of the method's training stages, in order."""
    clean_stages: ClassVar[frozenset[str]] = frozenset()
    """Those of them that learn from clean pictures alone."""
    default_steps: ClassVar[int]
    restores: ClassVar[bool] = True
    """Whether it restores at all; :meth:`restore` of one that does not raises a UsageError."""
    knows: ClassVar[str] = ""
    """What one knows that restores nothing, as ``"what clean pictures look like"``."""
    draws_texture: ClassVar[bool] = False
    """Whether it adds to a guess a texture that it draws: :attr:`texture` is a number."""

    def __init__(self, options: MethodOptions) -> None:
        super().__init__()
        self.options = options

    @property
    @abstractmethod
    def multiple_of(self) -> int:
        """What height and width must be divisible by; callers mirror the picture up to it."""

    @property
    @abstractmethod
    def receptive_radius(self) -> int:
        """How many pixels one network evaluation looks in each direction."""

    @property
    def looks_at_all(self) -> bool:
        """Whether every pixel can matter to every other, so that the size of tiles does too."""
        return False

    @property
    def is_random(self) -> bool:
        """Whether what :meth:`restore` gives depends on its noise; if not, one draw is all."""
        return True

    @classmethod
    def check_stages(cls, options: MethodOptions, stages: Sequence[str]) -> None:
        """Check that stages of :attr:`stages`, in this order, train what the options promise.

        Raises:
            ValueError: They do not; a method that has only one stage cannot go wrong.
        """

    @classmethod
    def check_crop(cls, options: MethodOptions, side: int) -> None:
        """Check that the method can be trained on crops of a side; by default on any.

        Raises:
            ValueError: It cannot; names the option that is against it, and what was expected.
        """

    @classmethod
    def unheeded(cls, options: MethodOptions) -> dict[str, str]:  # noqa: ARG003
        """Return which options change nothing beside the others, whatever their values.

        Args:
            options: Options of this method.

        Returns:
            Why, by the option's key; ``"a.b"`` for an option ``b`` within ``a``, and ``"a"`` for
            all that is within.
        """
        return {}

    @classmethod
    def tasks_in_order(
        cls,
        options: MethodOptions,  # noqa: ARG003
        tasks: Iterable[str],
    ) -> tuple[str, ...]:
        """Return tasks in the order in which they are learned one after another: as they come.

        Args:
            options: Options of this method.
            tasks: What training data are labelled with; empty where they are not.

        Raises:
            ValueError: The method has to be told tasks, and does not know one of these.
        """
        return tuple(dict.fromkeys(tasks))

    @classmethod
    def known_tasks(cls, options: MethodOptions) -> Collection[str]:  # noqa: ARG003
        """Return the names of tasks that it can be told; none where it sees for itself."""
        return ()

    @classmethod
    def origin(
        cls,
        options: MethodOptions,  # noqa: ARG003
        stages: Sequence[str],  # noqa: ARG003
    ) -> str | None:
        """Return what a training by these stages has to start from; None where from nothing."""
        return None

    @classmethod
    def check_origin(cls, options: MethodOptions, origin: MethodOptions) -> None:
        """Check that a training can start from the weights of another model of the same method.

        Shapes of tensors are compared anyway; this is for what can be said in clearer words.

        Raises:
            ValueError: It cannot; names both values.
        """

    @classmethod
    def estimating_stages(cls, options: MethodOptions) -> frozenset[str]:  # noqa: ARG003
        """Return the stages whose :meth:`objective` has an estimate of the clean pictures.

        Other losses can be added there.
        """
        return frozenset()

    def trainable(self, stage: str) -> Iterable[nn.Parameter]:  # noqa: ARG002
        """Return what learns in a stage; all of it, unless a method says otherwise."""
        return self.parameters()

    @property
    def task(self) -> str:
        """What it was told to undo, by the task's own name; empty where none is told."""
        return ""

    def with_task(self, task: str) -> "Method":  # noqa: ARG002
        """Return a method on the same networks that undoes a degradation that it was told.

        Most methods see for themselves what there is to undo, and return themselves.

        Args:
            task: A name such as ``"derain"``, or what it undoes; ``"auto"`` where nobody said.

        Raises:
            UsageError: The method has to be told, and was not, or does not know the task.
        """
        return self

    def adopted(self, weights: Mapping[str, Any]) -> dict[str, Tensor]:  # noqa: ARG002
        """Return weights of another program under this method's own names.

        Args:
            weights: What a file of them holds.

        Raises:
            ValueError: The method has no network of which there are any.
            WeightsError: They are not those of its network.
        """
        raise ValueError(
            f"weights of another program for {article(self.options.name)} model; expected a model "
            "of ours"
        )

    def parts_in_order(self) -> list[nn.Module]:
        """Return the networks' parts, from what a picture meets first to what it meets last.

        Where deep layers are treated otherwise than shallow ones, this is how deep they are. What
        is in none of them counts as shallow.
        """
        return [*self.children()]

    def retained_parameters(self) -> Iterable[nn.Parameter]:
        """Return what a later stage may be asked not to move from what an earlier one needs."""
        return self.parameters()

    def retention_time(self, tasks: Iterable[str]) -> float:  # noqa: ARG002
        """Return how far tasks are from what came before; a unit for methods without a measure.

        Raises:
            ValueError: The method knows no such task.
        """
        return 1.0

    @property
    def sampler(self) -> Sampler | None:
        """The sampler that :meth:`restore` walks with; None for a method that has no choice."""
        return None

    @sampler.setter
    def sampler(self, sampler: Sampler) -> None:
        raise UsageError(
            f"sampler '{sampler}' for {article(self.options.name)} model",
            expected="no sampler: this method has only one way of restoring",
        )

    @property
    def fixed_steps(self) -> int | None:
        """Network evaluations, where there is no choice; 0 where the sampler decides late."""
        return None if self.sampler is None else self.sampler.fixed_steps

    def check_steps(self, steps: int | None) -> None:
        """Refuse a number of steps that :meth:`restore` cannot make with its sampler.

        Args:
            steps: Network evaluations; None where nobody asks for a number.

        Raises:
            UsageError: It is so.
        """
        if steps is not None and steps < 1 and self.fixed_steps != steps:
            raise UsageError(f"steps={steps}", expected="a whole number of at least 1")
        if self.sampler is not None:
            self.sampler.check_steps(steps)
        elif self.fixed_steps is not None and steps not in (None, self.fixed_steps):
            raise UsageError(
                f"steps={steps} for {article(self.options.name)} model",
                expected=f"{self.fixed_steps} or no number: it has only one way of restoring",
            )

    @property
    def has_first_guess(self) -> bool:
        """Whether a network of its own gives a restored picture before the first step.

        :meth:`restore` then takes no steps as well, and gives that.
        """
        return False

    @property
    def texture(self) -> float | None:
        """Share of the drawn texture that :meth:`restore` adds, 0 to 1; None where none is."""
        return None

    def with_texture(self, share: float) -> "Method":
        """Return a method on the same networks that adds another share of the texture.

        Raises:
            UsageError: It adds none, or the share is not from 0 to 1.
        """
        raise UsageError(
            f"texture={share} for {article(self.options.name)} model",
            expected="no texture: this method draws none that could be left out in part",
            fix="leave it out, or take a model of the method dtpm",
        )

    def loss(self, pair: Pair, *, stage: str, step: int, noise: TrainingNoise) -> dict[str, Tensor]:
        """Return the terms of the objective, each a scalar, with their sum under ``"total"``."""
        return self.objective(pair, stage=stage, step=step, noise=noise).terms

    @abstractmethod
    def objective(self, pair: Pair, *, stage: str, step: int, noise: TrainingNoise) -> Objective:
        """Return what a batch comes to: the terms of the method's own objective.

        Args:
            pair: Training pictures.
            stage: Which of :attr:`stages` is being trained.
            step: Number of the optimiser step within the stage.
            noise: Source of everything random.
        """

    @abstractmethod
    def restore(
        self, lq: Tensor, *, steps: int, noise: NoiseSource, callback: Callback | None = None
    ) -> Tensor:
        """Return the restored pictures, not clamped: a caller knows the range that it wants.

        Args:
            lq: Degraded pictures ``(B, 3, H, W)``, RGB in ``[0, 1]``, H and W divisible by
                :attr:`multiple_of`.
            steps: Number of network evaluations; 0 only where :attr:`texture` is a number.
            noise: Source of everything random.
            callback: Called after each step, with states in the method's own range.
        """


def restores_nothing(called: str, knows: str) -> UsageError:
    """Return the error for whoever asks a method to restore of which nothing can be restored.

    Args:
        called: What it is called.
        knows: What it knows instead; see :attr:`Method.knows`.
    """
    return UsageError(
        f"{called} restores nothing: it only knows {knows}",
        expected="a model of a method that restores",
        fix="name another one of `undegrade models list`, or train one",
    )


METHODS: Registry[Method] = Registry(
    "method",
    {
        name: f"undegrade.methods.{name}"
        for name in ("detector", "dtpm", "eedtp", "prior", "regression", "resflow")
    },
)
"""Methods by name; the module of each is imported with the first model of it."""


def parse_options(values: dict[str, Any]) -> MethodOptions:
    """Validate a method's options, given as plain values with the method under ``"name"``.

    Raises:
        UsageError: The method is unknown, or an option is not valid.
    """
    if not isinstance(values.get("name"), str):
        raise UsageError("a method without a name", expected=f"one of {METHODS.names()}")
    kind = METHODS.get(values["name"]).options_type
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        raise UsageError(explain(error, kind, "method.")) from error


def build_method(options: MethodOptions) -> Method:
    """Return a new, untrained method."""
    return METHODS.get(options.name)(options)
