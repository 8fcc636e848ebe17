"""Recipes: one validated YAML file that says how a model is made, down to the seed."""

from collections.abc import Sequence
from pathlib import PurePath
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveInt, field_validator

from undegrade.degradations import Chain, Mixture
from undegrade.errors import UndegradeError
from undegrade.methods import MethodOptions, parse_options
from undegrade.methods.diffloss import DiffLossOptions
from undegrade.training.constraints.names import without_place
from undegrade.training.constraints.options import AdversarialOptions, PerceptualOptions
from undegrade.training.retention.options import Retain

CONSTRAINTS = ("diffloss", "perceptual", "adversarial")
"""Keys of losses that are added to a method's own."""

_Share = Annotated[float, Field(ge=0, lt=1)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class MixtureEntry(_Part):
    """One chain of degradations and how often it is drawn."""

    weight: float = Field(gt=0)
    apply: tuple[str, ...] = Field(description="Degradations in order; none leaves it clean.")
    shuffle: bool = Field(False, description="Draw the order anew for every picture.")
    task: str = Field("", description="What undoes it; for methods that are told.")

    @field_validator("apply")
    @classmethod
    def _valid_chain(cls, texts: tuple[str, ...]) -> tuple[str, ...]:
        _parse_chain(texts)
        return texts


class Validation(_Part):
    """What is measured during training, on photos that are never trained on."""

    every: int = Field(1000, ge=1, description="Optimiser steps between two validations.")
    crop: int = Field(128, ge=16, description="Side of the one square taken from each photo.")
    scale: float = Field(0.5, gt=0, le=1, description="Factor by which photos are shrunk first.")
    pictures: int = Field(256, ge=1, description="Most pictures to measure; they lie in memory.")
    steps: tuple[int, ...] = Field(
        (1, 4),
        description="Numbers of restoring steps to measure; 0 for a first guess. Unless given, the "
        "one number of a method or sampler that leaves no choice.",
    )
    sets: dict[str, tuple[str, ...]] = Field(
        default_factory=dict, description="Name to degradations; each is measured apart."
    )
    tasks: dict[str, str] = Field(
        default_factory=dict, description="Name of a set to what undoes it, for methods so told."
    )

    @field_validator("sets")
    @classmethod
    def _valid_chains(cls, sets: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
        for texts in sets.values():
            _parse_chain(texts)
        return sets


class Data(_Part):
    """Clean photos and what is done to them, and pairs that were photographed."""

    photos: str | None = Field(
        None, description="Folder of clean photos, or of shards, or the address of shards."
    )
    pairs: dict[str, str] = Field(
        default_factory=dict,
        description="Pairs by name: the name of a benchmark or any other, and its folder.",
    )
    pair_tasks: dict[str, str] = Field(
        default_factory=dict,
        description="Name of pairs to what undoes their degradation; for methods that are told.",
    )
    scales: tuple[float, ...] = Field((1.0,), min_length=1)
    degradations: tuple[MixtureEntry, ...] = Field((), description="What is done to clean photos.")
    mixtures: dict[str, tuple[MixtureEntry, ...]] = Field(
        default_factory=dict,
        description="Other degradations by name, for stages that name them as their mixture.",
    )
    validation: Validation = Validation()
    workers: int = Field(1, ge=0, description="Processes that make pairs beside the training.")

    @property
    def mixture(self) -> Mixture:
        """All degradations, ready to be applied; a recipe of pairs alone leaves photos clean."""
        return mixture_of(self.all_degradations)

    @property
    def all_degradations(self) -> tuple[MixtureEntry, ...]:
        """What is done to clean photos in any stage."""
        return (*self.degradations, *(entry for of in self.mixtures.values() for entry in of))

    @property
    def tasks(self) -> tuple[str, ...]:
        """What undoes the degradations, each once; an empty text where nobody says."""
        return self._with_pairs(self.all_degradations)

    def degradations_in(self, mixture: str) -> tuple[MixtureEntry, ...]:
        """Return what a mixture does to clean photos; the usual one has no name."""
        return self.mixtures[mixture] if mixture else self.degradations

    def tasks_in(self, mixture: str) -> tuple[str, ...]:
        """Return the tasks of a mixture and of all pairs, as :attr:`tasks` has them."""
        return self._with_pairs(self.degradations_in(mixture))

    def _with_pairs(self, entries: Sequence[MixtureEntry]) -> tuple[str, ...]:
        made = [entry.task for entry in entries]
        return tuple(
            dict.fromkeys([*made, *(self.pair_tasks.get(name, "") for name in self.pairs)])
        )


class Stage(_Part):
    """A named part of a training."""

    name: str
    steps: int = Field(ge=1, description="Optimiser steps.")
    batch: int = Field(16, ge=1, description="Samples of each step, over all processes.")
    crop: int = Field(96, ge=8, description="Side of a training crop in pixels.")
    tasks: tuple[str, ...] = Field(
        (), description="Only pictures whose degradation these undo; all unless given."
    )
    mixture: str = Field(
        "", description="Which of `data.mixtures` it is; `data.degradations` unless given."
    )
    growing: bool = Field(
        False,
        description="Repeat the stage for each task, each time with one task more, in the order "
        "in which the method learns them.",
    )
    balanced: bool = Field(
        False, description="Train on all tasks equally often, however much there is of each."
    )
    retaining: bool = Field(True, description="Whether what `retain` says holds in this stage.")


class Optimiser(_Part):
    """AdamW under a linear warm-up, a cosine fall and, if wanted, a linear end."""

    name: Literal["adamw"] = "adamw"
    lr: float = Field(1e-4, gt=0)
    final_lr: float = Field(1e-6, ge=0)
    warmup: int = Field(0, ge=0, description="Steps of linear rise from zero.")
    period: int | None = Field(
        None, ge=1, description="Steps after which the cosine is down; the stage's unless given."
    )
    cooldown: int = Field(
        0,
        ge=0,
        description="Last steps, over which the rate falls to final_lr whatever the cosine.",
    )
    betas: tuple[_Share, _Share] = (0.9, 0.999)
    weight_decay: float = Field(0.0, ge=0)
    clip_norm: float | None = Field(
        1.0, gt=0, description="Largest norm of the gradient; null leaves it as it is."
    )
    ema_decay: float = Field(0.9999, ge=0, lt=1, description="Decay of the averaged weights.")
    ema_ramp: bool = Field(
        True, description="Let that decay rise from 0.1 first: (1 + n) / (10 + n) after n steps."
    )


class Export(_Part):
    """What is written beside the weights."""

    default_steps: int | None = Field(
        None, ge=1, description="The sampler's, or the method's, unless given."
    )
    tasks: tuple[str, ...] = ()
    overview: dict[str, PositiveInt] = Field(
        default_factory=dict,
        description="Tasks that go by the size of the picture, each with the longest side of those "
        "learned from: larger photos are also restored shrunk to that, for what is large in them.",
    )
    licence: str = "Apache-2.0"
    summary: str = ""
    training_data: str = Field(
        "",
        description="What was trained on, and under which licences; how much, and from where, "
        "unless given.",
    )
    half: bool = Field(True, description="Store the weights in half precision.")
    only_differences: bool = Field(
        False,
        description="Leave out the weights that are those of start_from; the model needs it then.",
    )


class Recipe(_Part):
    """Everything that decides what a training produces."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9.-]*$")
    method: dict[str, Any]
    stages: tuple[Stage, ...] = Field(min_length=1)
    data: Data
    start_from: str = Field(
        "",
        description="Model whose weights the training begins with: a name or a folder; or a file "
        "of published weights, for methods that know its network.",
    )
    optimiser: Optimiser = Optimiser()
    retain: Retain | None = Field(
        None, description="What of one stage is retained while the others are trained."
    )
    diffloss: DiffLossOptions | None = Field(
        None, description="Compare restored and clean pictures by a frozen diffusion model."
    )
    perceptual: PerceptualOptions | None = Field(
        None, description="Compare them by the features of a frozen network."
    )
    adversarial: AdversarialOptions | None = Field(
        None, description="Let a network that learns meanwhile tell them apart."
    )
    precision: Literal["32-true", "bf16-mixed", "16-mixed"] = "32-true"
    compile: bool = Field(
        False,
        description="Compile the networks with torch.compile: much faster steps after a minute of "
        "compiling; on a processor it needs a C++ compiler.",
    )
    seed: int = 0
    checkpoint_every: int = Field(500, ge=1, description="Steps between two saved states.")
    export: Export = Export()

    def portable(self) -> dict[str, Any]:
        """Return the recipe as plain values, without what belongs to one machine only."""
        values = self.model_dump(mode="json")
        del values["data"]["photos"], values["data"]["workers"], values["compile"]
        values["start_from"] = PurePath(self.start_from).name
        if self.diffloss is not None:
            values["diffloss"]["prior"] = without_place(self.diffloss.prior)
        if self.perceptual is not None:
            values["perceptual"]["features"] = without_place(self.perceptual.features)
        values["data"]["pairs"] = dict.fromkeys(self.data.pairs, "")
        return values

    @property
    def pieces(self) -> int:
        """Parts into which a process divides its share of a batch."""
        angle = None if self.retain is None else self.retain.orthogonality
        return 1 if angle is None else angle.pieces

    @property
    def method_options(self) -> MethodOptions:
        """The method's validated options."""
        return parse_options(self.method)


def mixture_of(entries: Sequence[MixtureEntry], balanced: bool = False) -> Mixture:
    """Return degradations, ready to be applied; none leave pictures clean.

    Args:
        entries: What is drawn from.
        balanced: Each task is drawn equally often, whatever the weights of its entries.
    """
    if not entries:
        return Mixture((Chain(),), (1.0,))
    shares = dict.fromkeys((entry.task for entry in entries), 1.0)
    if balanced:
        for task in shares:
            shares[task] = 1 / sum(entry.weight for entry in entries if entry.task == task)
    return Mixture(
        tuple(Chain.parse(entry.apply, shuffled=entry.shuffle) for entry in entries),
        tuple(entry.weight * shares[entry.task] for entry in entries),
        tuple(entry.task for entry in entries),
    )


def _parse_chain(texts: Sequence[str]) -> None:
    try:
        Chain.parse(texts)
    except UndegradeError as error:
        raise ValueError(str(error)) from error
