"""Candidates times pictures times settings, each measured once, whatever interrupts it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from undegrade.data.samples import to_tensor
from undegrade.degradations import Image
from undegrade.errors import InputError, UsageError
from undegrade.evaluation.candidates import Candidate, Setting, shown_setting
from undegrade.evaluation.pictures import PictureSet, Progress, TruthPair
from undegrade.evaluation.report.shelf import PictureShelf
from undegrade.evaluation.rows import Journal, Key, Row
from undegrade.metrics.base import Metric

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
        shelf: Keeps pictures of one setting of each candidate; None for none.

    Raises:
        UsageError: There is nothing to measure, or something twice.
    """

    metrics: tuple[Metric, ...]
    steps: tuple[int, ...] = OWN_STEPS
    seeds: tuple[int, ...] = (0,)
    shelf: PictureShelf | None = None

    def __post_init__(self) -> None:
        if self.steps != OWN_STEPS:
            check_steps(self.steps)
        if not self.metrics or not self.seeds:
            raise UsageError("no metrics or no seeds", expected="at least one of each")

    @property
    def names(self) -> str:
        """Names of the measures with commas."""
        return ",".join(metric.name for metric in self.metrics)

    def shown(self, candidate: Candidate) -> Setting:
        """Return the setting of a candidate whose pictures are kept."""
        return shown_setting(candidate, self.steps, self.seeds)

    def score(self, restored: Image, hq: Image) -> tuple[float, ...]:
        """Return a number for each measure.

        Raises:
            InputError: The picture is too small.
            MissingExtraError: What computes a measure is not installed.
        """
        pair = to_tensor([restored]), to_tensor([hq])
        return tuple(float(metric(*pair)) for metric in self.metrics)


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
    """
    jobs = [
        _Job(candidate, setting)
        for candidate in candidates
        for setting in candidate.settings(plan.steps, plan.seeds)
    ]
    keys = {name: [job.key(pictures, name, plan.names) for job in jobs] for name in pictures.names}
    finished = {name for name, wanted in keys.items() if all(key in journal for key in wanted)}
    done, total = len(finished) * len(jobs), len(keys) * len(jobs)
    for picture in replace(pictures, left_out=frozenset(finished)):
        try:
            for job, key in zip(jobs, keys[picture.name], strict=True):
                if key not in journal:
                    journal.add(_measured(job, picture, plan, key))
                done += 1
                if progress is not None:
                    progress(done, total)
        except InputError as error:
            pictures.problems.add("that cannot be measured", f"{picture.name}: {error.got}")
    whole = [wanted for wanted in keys.values() if all(key in journal for key in wanted)]
    return tuple(journal[key] for key in sorted(key for wanted in whole for key in wanted))


def _measured(job: _Job, picture: TruthPair, plan: Plan, key: Key) -> Row:
    restored = job.candidate.restore(picture.lq, job.setting)
    if plan.shelf is not None and job.setting == plan.shown(job.candidate):
        plan.shelf.keep(key, picture, restored.picture)  # first, so that no row lacks its picture
    height, width = picture.hq.shape[:2]
    scores = plan.score(restored.picture, picture.hq)
    return Row(key, scores, restored.seconds, height * width / 1e6)
