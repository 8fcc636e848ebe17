"""Measures of whole sets: features of each picture while it is at hand, one number in the end."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from undegrade.evaluation.results.features import FeatureKey, FeatureStore
from undegrade.evaluation.results.repeats import whole_seeds
from undegrade.evaluation.results.rows import Key, Row
from undegrade.evaluation.results.statistics import Mean, student_factor
from undegrade.metrics.base import Case
from undegrade.metrics.catalogue import SET_METRICS
from undegrade.metrics.distributions import Comparing, Features, SetMetric, standard_error

LEAST_PICTURES = 3
"""Pictures below which nothing can be said of a set."""

_GROUPS = 10  # of pictures, one after another of which is left out


@dataclass(frozen=True)
class SetColumn:
    """One measure of whole sets, for all that was measured.

    Args:
        metric: The measure.
        means: Model and number of steps to its number: the mean over seeds, with its interval.
    """

    metric: SetMetric
    means: Mapping[tuple[str, int], Mean]


@dataclass(frozen=True)
class Sets:
    """Measures of whole sets, and where the features of each picture are kept for them.

    Args:
        metrics: The measures, at least one.
        store: Keeps features.
    """

    metrics: tuple[SetMetric, ...]
    store: FeatureStore

    def is_kept(self, key: Key) -> bool:
        """Return whether all features of a restoration were kept."""
        return all(
            self.store.has(about, metric.extractor)
            for metric in self._each()
            for about in (_restored(key), _truth(key))
        )

    def keep(self, key: Key, case: Case) -> None:
        """Keep the features of a restoration, and those of the truth where it has none.

        Raises:
            InputError: The picture is too small.
            MissingExtraError: What computes them is not installed.
            OutputError: They cannot be written.
            WeightsError: The weights are not there, or not the published ones.
        """
        restored, hq = case.tensors()
        for metric in self._each():
            self.store.keep(_restored(key), metric.extractor, metric.extract(restored))
            if not self.store.has(_truth(key), metric.extractor):
                self.store.keep(_truth(key), metric.extractor, metric.extract(hq))

    def _each(self) -> tuple[SetMetric, ...]:
        """Return one measure for each of what has to be seen of a picture."""
        return tuple({metric.extractor.name: metric for metric in self.metrics}.values())


def score_sets(rows: Sequence[Row], sets: Sets) -> tuple[SetColumn, ...]:
    """Return one number for each measure, model and number of steps.

    Every seed is a set of its own against the truth; the number is the mean over seeds. Its
    interval is by the jackknife over pictures.

    Args:
        rows: A row for every picture and setting of one set of pictures, at least three pictures.
        sets: The measures, and the features of all rows.

    Raises:
        InputError: There are fewer pictures.
        OutputError: Features are missing.
    """
    groups: dict[tuple[str, int], dict[int, list[Key]]] = {}
    for row in rows:
        seeds = groups.setdefault(row.key.entrant, {})
        seeds.setdefault(row.key.seed, []).append(row.key)
    return tuple(
        SetColumn(
            metric,
            {
                place: _mean([_measured(metric, sorted(keys), sets) for keys in seeds.values()])
                for place, seeds in groups.items()
            },
        )
        for metric in sets.metrics
    )


@dataclass(frozen=True)
class Together:
    """Measures of whole sets that were asked for at some time, and what was kept for them.

    Args:
        names: Of the measures; those that are no longer known are passed over.
        store: Keeps features.
    """

    names: tuple[str, ...]
    store: FeatureStore

    def score(self, rows: Sequence[Row]) -> tuple[SetColumn, ...]:
        """Return the measures for which features of all rows were kept.

        Args:
            rows: Of one set of pictures, each picture and setting once. Seeds that some picture
                lacks are left aside. There are no measures for fewer pictures than a set needs,
                and none where a candidate has no seed with all pictures.
        """
        asked = {row.key.entrant for row in rows}
        rows = whole_seeds(rows)
        pictures = {row.key.picture for row in rows}
        if len(pictures) < LEAST_PICTURES or {row.key.entrant for row in rows} != asked:
            return ()
        columns: list[SetColumn] = []
        for measure in (SET_METRICS[name] for name in self.names if name in SET_METRICS):
            sets = Sets((measure,), self.store)
            if all(sets.is_kept(row.key) for row in rows):
                columns += score_sets(rows, sets)
        return tuple(columns)


def jackknife_reach(
    compare: Comparing, restored: Sequence[Features], truth: Sequence[Features]
) -> float:
    """Return how far the interval of a distance between sets reaches to either side.

    Student's, with the standard error of the jackknife over ten groups of pictures.

    Args:
        compare: The distance.
        restored: Features of each restored picture.
        truth: Features of the true pictures, in the same order.

    Raises:
        InputError: There are fewer than three pictures, or not equally many.
    """
    groups = min(_GROUPS, len(restored))
    factor = student_factor(groups - 1)
    return factor * standard_error(compare, restored, truth, groups)


def _measured(metric: SetMetric, keys: Sequence[Key], sets: Sets) -> tuple[float, float]:
    """Return the distance of one set from the truth, and how far its interval reaches."""
    restored = [sets.store.read(_restored(key), metric.extractor) for key in keys]
    truth = [sets.store.read(_truth(key), metric.extractor) for key in keys]
    value = metric.compare(np.concatenate(restored), np.concatenate(truth))
    return value, jackknife_reach(metric.compare, restored, truth)


def _mean(found: Sequence[tuple[float, float]]) -> Mean:
    """Return the mean over seeds; the pictures are the same, so that its error is no smaller."""
    value, reach = (float(np.mean(part)) for part in zip(*found, strict=True))
    return Mean(value, value - reach, value + reach)


def _restored(key: Key) -> FeatureKey:
    return (*key.scene, *key.setting)


def _truth(key: Key) -> FeatureKey:
    return (key.data, key.picture, key.content, key.protocol)
