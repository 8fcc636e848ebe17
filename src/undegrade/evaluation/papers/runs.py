"""What was measured into a folder, gathered by what it is about."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from undegrade.data.benchmarks import known_as
from undegrade.degradations import Chain, Drawn
from undegrade.degradations.spec import Range
from undegrade.errors import UsageError
from undegrade.evaluation.candidates.baselines import INPUT
from undegrade.evaluation.names import title_of
from undegrade.evaluation.results.repeats import by_picture, counting, over_seeds
from undegrade.evaluation.results.rows import Row
from undegrade.evaluation.results.set_scores import Together
from undegrade.evaluation.results.statistics import Mean, mean_with_interval
from undegrade.randomness import generator

_SEED = re.compile(r", seed \d+$")


@dataclass(frozen=True, order=True)
class Subject:
    """What numbers are about.

    Args:
        data: Name of the pictures, with the split where one was asked for.
        degradation: What was done to them.
        model: What restored them.
        steps: Network evaluations; 0 where there are none, or for its own way.
        weights_hash: SHA-256 of the weights; empty if there are none.
    """

    data: str
    degradation: str
    model: str
    steps: int
    weights_hash: str


@dataclass(frozen=True)
class MeasuredRun:
    """The scores of one candidate on one set of pictures.

    Args:
        about: What they are about.
        scores: By measure and picture, a number for each seed.
        together: By measure of the whole set, its number.
        count: Of the pictures in that set.
    """

    about: Subject
    scores: dict[str, dict[str, dict[int, float]]] = field(compare=False)
    together: dict[str, Mean] = field(compare=False, default_factory=dict)
    count: int = 0

    @property
    def benchmark(self) -> str:
        """Name of the known benchmark; empty if it is none."""
        return known_as(self.about.data.partition("/")[0])

    @property
    def split(self) -> str:
        """Its split: that for testing unless another was named."""
        return self.about.data.partition("/")[2] or "test"

    @property
    def title(self) -> str:
        """What the candidate is called."""
        return title_of(self.about.model, self.about.steps)

    def has(self, measure: str) -> bool:
        """Tell whether it was measured with a measure."""
        return measure in self.scores or measure in self.together

    def pictures(self, measure: str) -> int:
        """Return on how many pictures it was measured."""
        return self.count if measure in self.together else len(self.scores[measure])

    def mean(self, measure: str) -> Mean:
        """Return the mean over pictures, of the means over seeds; or the number of the set."""
        if measure in self.together:
            return self.together[measure]
        return mean_with_interval(over_seeds(self.scores[measure]))


def gather_runs(
    history: Sequence[Row], together: Together | None = None
) -> tuple[MeasuredRun, ...]:
    """Return the runs that rows of a folder belong to, the degraded pictures themselves first.

    Models of one name with different weights are different runs.

    Args:
        history: All of the folder, in the order in which they were made.
        together: Measures of whole sets that are wanted; None for none.
    """
    found: dict[Subject, list[Row]] = {}
    for row in counting(history, tell_weights=True):
        key = row.key
        about = Subject(key.data, key.degradation, key.model, key.steps, key.weights_hash)
        found.setdefault(about, []).append(row)
    order = sorted(found, key=lambda about: (about.model != INPUT, about))
    return tuple(_run(about, found[about], together) for about in order)


def _run(about: Subject, rows: Sequence[Row], together: Together | None) -> MeasuredRun:
    names = dict.fromkeys(name for row in rows for name in row.scores)
    columns = together.score(rows) if together is not None else ()
    numbers = {one.metric.name: one.means[about.model, about.steps] for one in columns}
    scores = {name: by_picture(rows, name) for name in names}
    return MeasuredRun(about, scores, numbers, len({row.key.picture for row in rows}))


def settled(condition: str) -> Drawn | str:
    """Return a degradation with every setting decided, so that equal ones are equal.

    Args:
        condition: As rows have it; the seed that may follow is left out.

    Returns:
        The degradations; the text itself where it names none or leaves something to chance.
    """
    text = _SEED.sub("", condition)
    try:
        chain = Chain.parse(text.split(" + "))
    except UsageError:  # pairs and clean photos, or what another installation knew
        return text
    links = chain.links
    if any(link.chance < 1 or _is_drawn(link.settings) for link in links):
        return str(chain)
    return chain.draw_settings(generator("settled"))


def _is_drawn(settings: Sequence[tuple[str, object]]) -> bool:
    return any(isinstance(value, Range) for _, value in settings)
