"""Whether a number of ours may stand beside a published one, and if not, why."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from undegrade.evaluation.papers.runs import MeasuredRun, settled
from undegrade.evaluation.papers.tables import Block
from undegrade.evaluation.results.statistics import Mean
from undegrade.metrics.base import About
from undegrade.metrics.catalogue import METRICS, SET_METRICS
from undegrade.zoo import ModelConfig

_COMPUTED = {**METRICS, **SET_METRICS}
_IN_COLOUR = ("psnr", "ssim", "mae")  # the others have a colour space of their own
_OTHER = {"rgb": "y", "y": "rgb"}
_SPACES = {"rgb": "RGB", "y": "Y"}


class Verdict(StrEnum):
    """How two numbers compare."""

    SAME = "="
    CAREFUL = "≈"
    DIFFERENT = "≠"


@dataclass(frozen=True)
class Measure:
    """A measure of ours.

    Args:
        name: In the catalogue.
        per: By what its numbers are divided to be in the papers' unit.
    """

    name: str
    per: float = 1


def measure_of(metric: str, colour: str) -> Measure:
    """Return the measure that a column asks for.

    Args:
        metric: Name of the column.
        colour: ``rgb`` or ``y``.
    """
    if metric == "mae":
        return Measure(metric, 255)  # papers count levels from 0 to 1, we from 0 to 255
    on_luma = colour == "y" and metric in _IN_COLOUR
    return Measure(f"{metric}-y" if on_luma else metric)


def computed(metric: str, colour: str) -> About | None:
    """Return what a column asks for, if it is computed here; see :func:`measure_of`."""
    return _COMPUTED.get(measure_of(metric, colour).name)


def measures_of(blocks: Sequence[Block]) -> tuple[str, ...]:
    """Return the names of all measures that blocks ask for and that are computed here."""
    named = [measure_of(metric, block.colour).name for block in blocks for metric in block.metrics]
    return tuple(name for name in dict.fromkeys(named) if name in _COMPUTED)


@dataclass(frozen=True)
class PublishedCell:
    """A number of ours for a published column.

    Args:
        mean: Over pictures, in the paper's unit.
        pictures: How many.
        measure: With which measure.
        barriers: Why it is not of the same thing; empty if it is.
        reservations: What else to know.
    """

    mean: Mean
    pictures: int
    measure: str
    barriers: tuple[str, ...]
    reservations: tuple[str, ...]

    @property
    def verdict(self) -> Verdict:
        """Whether it compares with the column."""
        if self.barriers:
            return Verdict.DIFFERENT
        return Verdict.CAREFUL if self.reservations else Verdict.SAME

    @property
    def reasons(self) -> tuple[str, ...]:
        """Everything that keeps it from being the same."""
        return self.barriers + self.reservations


def runs_for(block: Block, runs: Sequence[MeasuredRun]) -> tuple[MeasuredRun, ...]:
    """Return the runs that belong beside a block: those that fit, or else the nearest there are.

    Runs on the same benchmark stand beside it even if they do not fit, so that it can be said why
    they do not count, but only where there are none that do.
    """
    same = [run for run in runs if block.benchmark and run.benchmark == block.benchmark]
    fitting = [run for run in same if not _misfits(block, run)]
    return tuple(fitting or same)


def cell_of(
    block: Block, metric: str, run: MeasuredRun, models: Mapping[str, ModelConfig]
) -> PublishedCell | None:
    """Return what a run has for a column; None if it was not measured.

    Args:
        block: Of which the column is.
        metric: Name of the column.
        run: On the same benchmark.
        models: What is known about models, by the hash of their weights.
    """
    colour: str = block.colour
    measure = measure_of(metric, colour)
    barriers = [*_misfits(block, run)]
    if not run.has(measure.name):
        colour = _OTHER[block.colour]
        measure = measure_of(metric, colour)
        barriers.append(f"of {_SPACES[colour]}, not of {_SPACES[block.colour]}")
    if not run.has(measure.name):
        return None
    pictures, mean = run.pictures(measure.name), run.mean(measure.name)
    barriers += [*_other_pictures(block, pictures)]
    column = [caution for caution in block.cautions if not caution.methods]
    column = [caution for caution in column if caution.concerns_column(metric)]
    barriers += [caution.reason for caution in column if caution.breaks]
    reservations = [caution.reason for caution in column if not caution.breaks]
    if metric in _IN_COLOUR and not block.stated and colour == block.colour:
        space = _SPACES[colour]
        reservations.append(f"the paper does not state the colour space; {space} is the custom")
    if metric == "lpips":
        reservations.append("the paper does not name the network of LPIPS; AlexNet is the custom")
    reservations += [*_other_training(block, run, models)]
    known = _COMPUTED[measure.name]
    scaled = mean.within(known.lowest, known.highest).divided(measure.per)
    return PublishedCell(scaled, pictures, measure.name, tuple(barriers), tuple(reservations))


def _misfits(block: Block, run: MeasuredRun) -> tuple[str, ...]:
    """Return how the pictures differ in kind from those of a block of the same benchmark."""
    found = []
    if run.split != block.split:
        found.append(f"split {run.split}, not {block.split}")
    if settled(run.about.degradation) != settled(block.degradation):
        found.append(f"degraded otherwise: {run.about.degradation}, not {block.degradation}")
    return tuple(found)


def _other_pictures(block: Block, pictures: int) -> tuple[str, ...]:
    """Return how the pictures differ in number."""
    found = [f"the paper has {block.portion} only"] if block.portion else []
    if block.count is not None and pictures != block.count:
        found.append(f"subset of pictures: {pictures} of the {block.count} in {block.data}")
    return tuple(found)


def _other_training(
    block: Block, run: MeasuredRun, models: Mapping[str, ModelConfig]
) -> tuple[str, ...]:
    """Return how a model's training data differ from those of the paper's models."""
    if not run.about.weights_hash:
        return ()  # a way without learning
    config = models.get(run.about.weights_hash)
    if config is None:
        return (f"what {run.about.model} was trained on is not known here",)
    data = config.recipe.get("data", {})
    pairs = {name.lower() for name in data.get("pairs", {})}
    made = data.get("degradations") or data.get("mixtures")
    if pairs and pairs == {*block.trained_on} and not made:
        return ()
    named = config.training_data or ", ".join(sorted(pairs)) or "data that its card does not name"
    paper = f" and not on {', '.join(block.trained_on)}" if block.trained_on else ""
    return (f"{run.about.model} was trained on other data{paper}: {named}",)
