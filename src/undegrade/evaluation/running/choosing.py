"""Which of the measures that were asked for can be taken here, and why the others cannot."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from undegrade.environment import is_offline
from undegrade.errors import MissingExtraError, OutputError, UsageError, WeightsError
from undegrade.evaluation.pictures import PictureSet
from undegrade.evaluation.results.features import FEATURES, FeatureStore
from undegrade.evaluation.results.set_scores import LEAST_PICTURES, Sets
from undegrade.evaluation.running.measuring import Plan
from undegrade.metrics.base import Metric, Skipped
from undegrade.metrics.catalogue import find_measures
from undegrade.metrics.distributions import SetMetric
from undegrade.metrics.needs import WeightFile


@dataclass(frozen=True)
class Chosen:
    """The measures that are taken, and those that are not.

    Args:
        metrics: Of each picture.
        sets: Of all pictures together.
        skipped: Asked for, and not taken.
    """

    metrics: tuple[Metric, ...]
    sets: tuple[SetMetric, ...]
    skipped: tuple[Skipped, ...] = ()

    def on(self, pictures: PictureSet, tell: Callable[[str], None]) -> "Chosen":
        """Return what is taken of a set of pictures.

        Args:
            pictures: The set.
            tell: Takes what is not measured of it, and why.

        Raises:
            UsageError: Nothing is.
        """
        no_operator = pictures.no_operator()
        few = len(pictures) < LEAST_PICTURES
        refused = [
            Skipped(metric.name, no_operator)
            for metric in self.metrics
            if metric.degraded_again and no_operator is not None
        ]
        refused += [
            Skipped(metric.name, f"{len(pictures)} pictures are no set; {LEAST_PICTURES} are")
            for metric in self.sets
            if few
        ]
        left = self.without(refused)
        left = left.without(left.too_large_for(pictures))
        for skipped in left.skipped[len(self.skipped) :]:
            tell(f"{pictures.name}: {skipped}")
        if not left.some:
            raise UsageError(f"{pictures.name}: {_nothing(left.skipped)}")
        return left

    @property
    def some(self) -> bool:
        """Whether there is anything to take."""
        return bool(self.metrics or self.sets)

    def too_large_for(self, pictures: PictureSet) -> list[Skipped]:
        """Return the measures that need larger pictures than these are."""
        measures = [one for one in (*self.metrics, *self.sets) if one.least_side > 1]
        sides = pictures.sides() if measures else {}
        reasons = [(one, pictures.why_too_small(one.least_side, sides)) for one in measures]
        return [Skipped(one.name, reason) for one, reason in reasons if reason is not None]

    def plan(self, steps: tuple[int, ...], seeds: tuple[int, ...], folder: Path) -> Plan:
        """Return how they are measured.

        Args:
            steps: Numbers of network evaluations.
            seeds: Names of the noises of restorations.
            folder: For the results.

        Raises:
            UsageError: There are no steps or seeds, or some twice.
        """
        sets = Sets(self.sets, FeatureStore(folder / FEATURES)) if self.sets else None
        return Plan(self.metrics, steps, seeds, sets, self.skipped)

    def without(self, refused: Sequence[Skipped]) -> "Chosen":
        """Return what is left without measures that cannot be taken."""
        names = {skipped.name for skipped in refused}
        return replace(
            self,
            metrics=tuple(one for one in self.metrics if one.name not in names),
            sets=tuple(one for one in self.sets if one.name not in names),
            skipped=(*self.skipped, *refused),
        )


def choose(names: str, tell: Callable[[str], None]) -> Chosen:
    """Find the measures of ``psnr,lpips,fid`` and fetch what they need, before any measuring.

    Args:
        names: With commas.
        tell: Takes what is being fetched, and what is not measured and why.

    Raises:
        MissingExtraError: None of them can be taken.
        UsageError: A name is unknown, or there twice.
        WeightsError: None of them can, for want of weights.
    """
    asked = find_measures(names)
    chosen = Chosen(
        tuple(one for one in asked if isinstance(one, Metric)),
        tuple(one for one in asked if isinstance(one, SetMetric)),
    )
    _announce(asked, tell)
    failed: dict[WeightFile, str] = {}
    refused = []
    for measure in asked:
        reason = measure.needs.missing_library() or _without_weights(measure.needs.weights, failed)
        if reason is not None:
            refused.append(Skipped(measure.name, reason))
            tell(str(refused[-1]))
    if len(refused) == len(asked):
        raise (WeightsError if failed else MissingExtraError)(_nothing(refused))
    return chosen.without(refused)


def _nothing(refused: Sequence[Skipped]) -> str:
    return f"nothing can be measured: {'; '.join(map(str, refused))}"


def _announce(asked: Sequence[Metric | SetMetric], tell: Callable[[str], None]) -> None:
    """Say which measures wait for which downloads."""
    if is_offline():
        return
    for measure in asked:
        missing = measure.needs.missing_weights()
        if missing and measure.needs.missing_library() is None:
            files = ", ".join(f"{file} from {file.url}" for file in missing)
            tell(f"{measure.name} needs a download: {files}")


def _without_weights(files: Sequence[WeightFile], failed: dict[WeightFile, str]) -> str | None:
    """Return why weights cannot be had; None if they are there, or were fetched."""
    for file in files:
        if file in failed:  # asking a host that does not answer takes its time
            return failed[file]
        try:
            if not file.path.is_file():
                file.fetch()
            file.check()
            if not file.sha256:  # whatever came is taken for it, a page that asks to log in too
                from undegrade.metrics.learned import refuse_code

                refuse_code(file)
        except (WeightsError, OutputError) as error:
            failed[file] = str(error)
            return failed[file]
    return None
