"""Candidates times pictures times settings, each measured once, whatever interrupts it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from undegrade.data.samples import to_tensor
from undegrade.errors import InputError, UsageError
from undegrade.evaluation.candidates import Candidate, Setting
from undegrade.evaluation.pictures import PictureSet, Progress, TruthPair
from undegrade.evaluation.rows import Journal, Key, Row
from undegrade.evaluation.set_scores import Sets
from undegrade.metrics.base import Case, Metric, Skipped

OWN_STEPS = (0,)
"""As many as each model takes by itself."""


def check_steps(steps: Sequence[int]) -> None:
    """Refuse numbers of steps that are none, or not all different.

    Raises:
        UsageError: They are not.
    """
    if not steps or min(steps) < 1 or len({*steps}) < len(steps):
        raise UsageError(
            f"steps={','.join(map(str, steps)) or 'none'}",
            expected="different whole numbers of at least 1, as in 1,2,4",
        )


@dataclass(frozen=True)
class Plan:
    """What is measured, and how.

    Args:
        metrics: The measures.
        steps: Numbers of network evaluations of models that leave the choice.
        seeds: Names of the noises of restorations.
        sets: Measures of all pictures together; None for none.
        skipped: Measures that were asked for and are not taken.

    Raises:
        UsageError: There is nothing to measure, or something twice.
    """

    metrics: tuple[Metric, ...]
    steps: tuple[int, ...] = OWN_STEPS
    seeds: tuple[int, ...] = (0,)
    sets: Sets | None = None
    skipped: tuple[Skipped, ...] = ()

    def __post_init__(self) -> None:
        if self.steps != OWN_STEPS:
            check_steps(self.steps)
        if not (self.metrics or self.sets) or not self.seeds:
            raise UsageError("no metrics or no seeds", expected="at least one of each")

    @property
    def names(self) -> str:
        """Names of the measures with commas."""
        return ",".join(metric.name for metric in self.metrics)

    def is_done(self, keys: Sequence[Key], journal: Journal) -> bool:
        """Return whether nothing is left to be measured of pictures and settings."""
        kept = self.sets is None or all(map(self.sets.is_kept, keys))
        return kept and all(key in journal for key in keys)

    def score(self, case: Case, key: Key) -> tuple[float, ...]:
        """Return a number for each measure of a picture, and keep what those of sets need of it.

        Raises:
            InputError: The picture is too small, or what was done to it is needed and not known.
            MissingExtraError: What computes a measure is not installed.
            OutputError: What is kept cannot be written.
            WeightsError: Weights that a measure needs are not there.
        """
        scores = tuple(metric.of(case) for metric in self.metrics)
        if self.sets is not None:
            self.sets.keep(key, case)
        return scores


@dataclass(frozen=True)
class _Job:
    """One setting of one candidate."""

    candidate: Candidate
    setting: Setting

    def key(self, pictures: PictureSet, picture: str, metrics: str) -> Key:
        """Return what its row of a picture is about."""
        return Key(
            data=pictures.name,
            degradation=pictures.condition,
            picture=picture,
            model=self.candidate.name,
            steps=self.setting.steps,
            seed=self.setting.seed,
            weights_hash=self.candidate.weights_hash,
            metrics=metrics,
        )


def measure(
    candidates: Sequence[Candidate],
    pictures: PictureSet,
    plan: Plan,
    journal: Journal,
    progress: Progress | None = None,
) -> tuple[Row, ...]:
    """Measure all candidates on all pictures; what the journal has is not done again.

    A picture that cannot be read or measured is noted in ``pictures.problems`` and left out for
    all candidates.

    Returns:
        The rows of this plan, sorted.

    Raises:
        InputError: More than 5 % of the pictures cannot be used.
        MissingExtraError: What a measure needs is not installed.
        OutputError: The journal cannot be written.
        WeightsError: Weights that a measure needs are not there.
    """
    jobs = [
        _Job(candidate, setting)
        for candidate in candidates
        for setting in candidate.settings(plan.steps, plan.seeds)
    ]
    keys = {name: [job.key(pictures, name, plan.names) for job in jobs] for name in pictures.names}
    finished = {name for name, wanted in keys.items() if plan.is_done(wanted, journal)}
    done, total = len(finished) * len(jobs), len(keys) * len(jobs)
    for picture in replace(pictures, left_out=frozenset(finished)):
        try:
            for job, key in zip(jobs, keys[picture.name], strict=True):
                if not plan.is_done([key], journal):
                    journal.add(_measured(job, picture, plan, key))
                done += 1
                if progress is not None:
                    progress(done, total)
        except InputError as error:
            pictures.problems.add("that cannot be measured", f"{picture.name}: {error.got}")
    whole = [wanted for wanted in keys.values() if plan.is_done(wanted, journal)]
    return tuple(journal[key] for key in sorted(key for wanted in whole for key in wanted))


def _measured(job: _Job, picture: TruthPair, plan: Plan, key: Key) -> Row:
    restored = job.candidate.restore(picture.lq, job.setting)
    height, width = picture.hq.shape[:2]
    case = Case(to_tensor([restored.picture]), to_tensor([picture.hq]), picture.operator)
    scores = plan.score(case, key)
    return Row(key, scores, restored.seconds, height * width / 1e6)
