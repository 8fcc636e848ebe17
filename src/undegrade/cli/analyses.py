"""`undegrade evaluate --analyse`: which instruments there are, and what each of them heeds."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from undegrade.cli.flow_analysis import analyse_flow
from undegrade.cli.h_space_analysis import analyse_h_space
from undegrade.cli.options import refuse
from undegrade.cli.prior_analysis import analyse_prior
from undegrade.cli.told_analyses import analyse_experts, search_matching
from undegrade.errors import UsageError

if TYPE_CHECKING:
    from undegrade.evaluation.pictures import PictureSet
    from undegrade.evaluation.prior.denoising import PriorModel


class Analysis(StrEnum):
    """What can be looked into besides quality."""

    FLOW = "flow"
    MATCHING = "matching"
    EXPERTS = "experts"
    PRIOR = "prior"
    H_SPACE = "h-space"

    @property
    def pictures(self) -> int:
        """How many pictures are enough for it."""
        return _RULES[self].pictures

    def check(self, given: set[str]) -> None:
        """Refuse options that it does not heed.

        Args:
            given: Long names of those that stand on the command line.

        Raises:
            UsageError: There is one.
        """
        rule = _RULES[self]
        refuse(given & (_OF_QUALITY | rule.unheeded), f"--analyse {self}", rule.heeds)


@dataclass(frozen=True)
class _Rule:
    """What an instrument wants.

    Args:
        pictures: As many as are enough.
        model: What it can look into, and why nothing else.
        heeds: Why it does not heed some options.
        unheeded: Those of them that not all instruments leave unheeded.
    """

    pictures: int
    model: str
    heeds: str
    unheeded: frozenset[str]


_PUBLISHED = ("adm:", "diffusers:")
"""How recipes begin the names of priors that others have trained."""

_OF_QUALITY = {
    *("--sampler", "--texture", "--metrics", "--seeds", "--workers", "--uncertainty"),
    *("--precision", "--no-report", "--against"),
}
_RULES = {
    Analysis.FLOW: _Rule(
        8,
        "a model of the method 'resflow', since nothing else has a flow",
        "neither a sampler, as its walks are Euler's, nor what quality is measured by: it runs on "
        "the CPU in float32 and writes no report",
        frozenset({"--task", "--renoise", "--device"}),
    ),
    Analysis.MATCHING: _Rule(
        50,
        "a model of the method 'eedtp', since nothing else is told a time",
        "neither steps nor a sampler, as the network runs once, nor what quality is measured by: "
        "it runs in float32 and writes no report",
        frozenset({"--steps"}),
    ),
    Analysis.EXPERTS: _Rule(
        50,
        "a model of the method 'eedtp', since nothing else has experts",
        "neither steps nor a sampler, as the network runs once, nor what quality is measured by: "
        "it runs in float32 and writes no report",
        frozenset({"--steps", "--renoise"}),
    ),
    Analysis.PRIOR: _Rule(
        50,
        "a model of the method 'prior', since nothing else knows noise in clean pictures alone",
        "neither a task nor a sampler, as nothing is restored, nor what quality is measured by: it "
        "runs in float32 and writes no report",
        frozenset({"--task", "--renoise"}),
    ),
    Analysis.H_SPACE: _Rule(
        24,
        "a model of the method 'prior' first, whose network can go on from a changed middle",
        "neither steps nor a sampler, as restorers run in their usual ways, nor what quality is "
        "measured by: it runs in float32 and writes no report",
        frozenset({"--steps", "--renoise"}),
    ),
}


@dataclass(frozen=True)
class Inquiry:
    """How a model is to be looked into.

    Args:
        folder: For figures and tables.
        steps: Numbers of network evaluations; None for the usual ones.
        task: What the model is told; ``"auto"`` leaves it to the model.
        renoise: Diffuse pictures to each time before they are restored.
        device: Where the model runs.
        as_json: Give facts for programs.
    """

    folder: Path
    steps: tuple[int, ...] | None
    task: str
    renoise: bool
    device: str
    as_json: bool


def inquire(
    analysis: Analysis, models: Sequence[str], sets: "Sequence[PictureSet]", inquiry: Inquiry
) -> None:
    """Look into a model.

    Args:
        analysis: With which instrument.
        models: What is to be looked into.
        sets: On which pictures.
        inquiry: How.

    Raises:
        UndegradeError: There are several models or sets, or it cannot be done with these.
    """
    _check(analysis, models, sets)
    model, pictures, folder = models[0], sets[0], inquiry.folder
    if analysis is Analysis.FLOW:
        analyse_flow(model, pictures, inquiry.steps, folder, as_json=inquiry.as_json)
        return
    from undegrade.evaluation.drawing import check_drawing

    check_drawing()
    if analysis is Analysis.H_SPACE:
        _look_into_middle(models, pictures, inquiry)
        return
    if analysis is Analysis.PRIOR:
        prior = _load_prior(model, inquiry, pictures.seed)
        analyse_prior(prior, pictures, folder, as_json=inquiry.as_json)
        return
    from undegrade.evaluation.told.model import ToldModel

    told = ToldModel.load(model, inquiry.device)
    if analysis is Analysis.EXPERTS:
        analyse_experts(told.told(inquiry.task), pictures, folder, as_json=inquiry.as_json)
        return
    own = told.own_step(inquiry.task)
    search_matching(told, pictures, folder, own, renoise=inquiry.renoise, as_json=inquiry.as_json)


def _look_into_middle(models: Sequence[str], pictures: "PictureSet", inquiry: Inquiry) -> None:
    from undegrade.evaluation.candidates.choice import Choice
    from undegrade.evaluation.prior.denoising import PriorModel

    first, *others = models
    if inquiry.task != "auto" and not others:
        raise UsageError(
            f"task={inquiry.task} for {first} alone", expected="a model beside it that restores"
        )
    prior = PriorModel.load(first, inquiry.device, seed=pictures.seed)
    restorers = Choice(tuple(others), inquiry.device, "float32", task=inquiry.task)
    candidates = restorers.load()[1:] if others else []  # the first is the degraded picture itself
    folder = inquiry.folder
    analyse_h_space(prior, candidates, pictures, folder, as_json=inquiry.as_json)


def _load_prior(model: str, inquiry: Inquiry, seed: int) -> "PriorModel":
    from undegrade.evaluation.prior.denoising import PriorModel

    counts = inquiry.steps
    if counts is not None and len(counts) != 1:
        raise UsageError(
            f"steps={','.join(map(str, counts))} with --analyse {Analysis.PRIOR}",
            expected="one number, of the steps of a sample",
        )
    return PriorModel.load(model, inquiry.device, counts[0] if counts else None, seed)


def _check(analysis: Analysis, models: Sequence[str], sets: "Sequence[PictureSet]") -> None:
    several = analysis is Analysis.H_SPACE
    if len(sets) != 1 or (len(models) != 1 and not several):
        raise UsageError(
            f"{len(models)} models and {len(sets)} sets of pictures for --analyse {analysis}",
            expected="one set" if several else "one of each",
        )
    from undegrade.evaluation.candidates.baselines import is_network

    name = models[0]
    foreign = Path(name).is_file() or name.startswith(_PUBLISHED)
    if is_network(name) and not foreign:
        return
    kind = "a network of others" if is_network(name) else "a baseline"
    raise UsageError(
        f"'{name}', {kind}, with --analyse {analysis}",
        expected=_RULES[analysis].model,
        fix="name one of `undegrade models list`, or measure this without --analyse",
    )
