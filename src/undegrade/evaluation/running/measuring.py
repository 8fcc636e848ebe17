"""Candidates times pictures times settings, each measured once, whatever interrupts it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from undegrade.errors import InputError, MemoryExhaustedError, UsageError
from undegrade.evaluation.candidates.base import Candidate, Setting, shown_setting
from undegrade.evaluation.candidates.models import Model
from undegrade.evaluation.kept.maps import draw_map, missing_maps
from undegrade.evaluation.kept.shelf import PictureShelf
from undegrade.evaluation.pictures import UNUSABLE, PictureSet, Progress, ReadPair, as_image
from undegrade.evaluation.results.rows import Journal, Key, Row
from undegrade.evaluation.results.set_scores import Sets
from undegrade.evaluation.running.tasks import (
    UNMEASURABLE,
    AnyTask,
    Event,
    LeftOut,
    Mapped,
    MapTask,
    Take,
    Task,
    Work,
)
from undegrade.metrics.base import Case, Metric, Skipped
from undegrade.metrics.levels import to_levels

OWN_STEPS = ()
"""As many as each model takes by itself."""


def check_steps(steps: Sequence[int], least: int = 1) -> None:
    """Refuse numbers of steps that are none, or not all different.

    Args:
        steps: The numbers.
        least: Smallest that there may be.

    Raises:
        UsageError: They are not.
    """
    if not steps or min(steps) < least or len({*steps}) < len(steps):
        raise UsageError(
            f"steps={','.join(map(str, steps)) or 'none'}",
            expected=f"different whole numbers of at least {least}, as in 1,2,4",
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
        shelf: Keeps pictures of one setting of each candidate; None for none.

    Raises:
        UsageError: There is nothing to measure, or something twice.
    """

    metrics: tuple[Metric, ...]
    steps: tuple[int, ...] = OWN_STEPS  # 0 among others for first guesses
    seeds: tuple[int, ...] = (0,)
    sets: Sets | None = None
    skipped: tuple[Skipped, ...] = ()
    shelf: PictureShelf | None = None

    def __post_init__(self) -> None:
        if self.steps != OWN_STEPS:
            check_steps(self.steps, least=0)
        if not (self.metrics or self.sets) or not self.seeds:
            raise UsageError("no metrics or no seeds", expected="at least one of each")

    def is_done(self, key: Key, journal: Journal) -> bool:
        """Return whether nothing is left to be measured of a picture and setting."""
        if key not in journal:
            return False
        known = journal[key].scores
        measured = all(metric.name in known for metric in self.metrics)
        return measured and (self.sets is None or self.sets.is_kept(key))

    def shown(self, candidate: Candidate) -> Setting:
        """Return the setting of a candidate whose pictures are kept."""
        return shown_setting(candidate, self.steps, self.seeds)

    def map_tasks(
        self, number: int, candidates: Sequence[Candidate], rows: Sequence[Row]
    ) -> list[MapTask]:
        """Return the maps of uncertainty that are missing, of all candidates that are models.

        Args:
            number: Of the set, among all that are measured.
            candidates: All of them.
            rows: What was measured of the set.
        """
        if self.shelf is None:
            return []
        shown = {one.name: self.shown(one) for one in candidates if isinstance(one, Model)}
        keys = (
            row.key
            for row in rows
            if shown.get(row.key.model) == Setting(row.key.steps, row.key.seed)
        )
        return [
            MapTask(number, picture, lacking)
            for picture, lacking in missing_maps(keys, self.shelf).items()
        ]

    def score(self, case: Case, key: Key) -> dict[str, float]:
        """Return a number for each measure of a picture, and keep what those of sets need of it.

        Raises:
            InputError: The picture is too small, or what was done to it is needed and not known.
            MissingExtraError: What computes a measure is not installed.
            OutputError: What is kept cannot be written.
            WeightsError: Weights that a measure needs are not there.
        """
        scores = {metric.name: metric.of(case) for metric in self.metrics}
        if self.sets is not None:
            self.sets.keep(key, case)
        return scores

    def keys(self, candidates: Sequence[Candidate], pictures: PictureSet) -> dict[str, list[Key]]:
        """Return for each picture what its rows are about; all files are read once for that."""
        return self.keys_of(candidates, pictures, pictures.contents())

    def keys_of(
        self, candidates: Sequence[Candidate], pictures: PictureSet, contents: Mapping[str, str]
    ) -> dict[str, list[Key]]:
        """Return the same for pictures whose contents are known, see :meth:`PictureSet.contents`.

        Args:
            candidates: What is measured.
            pictures: The set.
            contents: By the names of its pictures.
        """
        settings = [
            (candidate, setting)
            for candidate in candidates
            for setting in candidate.settings(self.steps, self.seeds)
        ]
        return {
            picture: [
                Key(
                    data=pictures.name,
                    degradation=pictures.condition,
                    picture=picture,
                    model=candidate.name,
                    steps=setting.steps,
                    seed=setting.seed,
                    weights_hash=candidate.weights_hash,
                    precision=candidate.precision,
                    content=content,
                )
                for candidate, setting in settings
            ]
            for picture, content in contents.items()
        }


@dataclass(frozen=True)
class Bench:
    """All that a process needs to do any task.

    Args:
        candidates: What is measured.
        sets: The pictures and what is measured of them, in the order in which tasks number them.
    """

    candidates: Sequence[Candidate]
    sets: Sequence[tuple[PictureSet, Plan]]

    def do(self, task: AnyTask) -> Iterator[Event]:
        """Measure a picture, or draw its maps.

        Raises:
            MissingExtraError: What a measure needs is not installed.
            MemoryExhaustedError: A model cannot restore it with the memory there is.
            OutputError: What is kept cannot be written.
        """
        return self._map(task) if isinstance(task, MapTask) else self._measure(task)

    def _map(self, task: MapTask) -> Iterator[Event]:
        pictures, plan = self.sets[task.data]
        pair = pictures.read(task.picture).as_floats()
        models = {one.name: one for one in self.candidates if isinstance(one, Model)}
        assert plan.shelf is not None  # it is where maps are missing
        for key in task.keys:
            draw_map(models[key.model], plan.shelf, key, pair)
        yield Mapped(task.picture)

    def _measure(self, task: Task) -> Iterator[Event]:
        pictures, plan = self.sets[task.data]
        try:
            picture = pictures.read(task.picture)
        except InputError as error:
            yield LeftOut(task.picture, UNUSABLE, error.clause)
            return
        by_name = {candidate.name: candidate for candidate in self.candidates}
        try:
            for key in task.keys:
                yield _measured(by_name[key.model], picture, plan, key)
        except InputError as error:
            yield LeftOut(task.picture, UNMEASURABLE, f"{task.picture}: {error}")
        except MemoryExhaustedError as error:
            told = f"{task.picture} with {key.model}: {error.got}"
            raise MemoryExhaustedError(told, expected=error.expected, fix=error.fix) from error

    def work(self, tasks: Sequence[AnyTask], take: Take) -> None:
        """Do tasks one after another in this process; see :data:`Work`."""
        for task in tasks:
            for event in self.do(task):
                take(event)


def _measured(candidate: Candidate, picture: ReadPair, plan: Plan, key: Key) -> Row:
    setting = Setting(key.steps, key.seed)
    restored = candidate.restore(picture.lq, setting)
    shelf = plan.shelf
    if shelf is not None and shelf.wants(key) and setting == plan.shown(candidate):
        # First, so that no row lacks its picture.
        shelf.keep(key, picture.as_floats(), as_image(restored.picture))
    case = Case(to_levels(restored.picture), picture.hq, picture.operator)
    scores = plan.score(case, key)
    megapixels = picture.hq.shape[0] * picture.hq.shape[1] / 1e6
    return Row(key, scores, restored.seconds, megapixels, restored.peak_mb)


def measure(
    candidates: Sequence[Candidate],
    pictures: PictureSet,
    plan: Plan,
    journal: Journal,
    progress: Progress | None = None,
) -> tuple[Row, ...]:
    """Measure all candidates on all pictures in this process; see :class:`Measuring`."""
    bench = Bench(candidates, [(pictures, plan)])
    keys = plan.keys(candidates, pictures)
    return Measuring(pictures, plan, keys, journal, progress).run(bench.work)


@dataclass
class Measuring:
    """One set of pictures being measured; what the journal has is not done again.

    A picture that cannot be read or measured is noted in ``pictures.problems`` and left out for
    all candidates.

    Args:
        pictures: The set.
        plan: What is measured of it.
        keys: For each picture, what its rows are about.
        journal: Keeps the rows.
        progress: Called after each of them.
        number: Of the set, among all that are measured.
    """

    pictures: PictureSet
    plan: Plan
    keys: dict[str, list[Key]]
    journal: Journal
    progress: Progress | None = None
    number: int = 0
    _left_out: dict[str, LeftOut] = field(default_factory=dict)
    _done: int = 0

    def run(self, work: Work) -> tuple[Row, ...]:
        """Do what is left, by whichever process.

        Returns:
            The rows of all pictures that could be measured, sorted.

        Raises:
            InputError: More than 5 % of the pictures, and more than one, cannot be used.
            MissingExtraError: What a measure needs is not installed.
            OutputError: The journal cannot be written.
        """
        tasks = self.tasks()
        self._done = self._total - sum(len(task.keys) for task in tasks)
        work(tasks, self._take)
        for name in self.pictures.names:  # in their order, whoever found them first
            if name in self._left_out:
                left = self._left_out[name]
                self.pictures.problems.add(left.kind, left.reason)
        self.pictures.check()
        whole = [keys for keys in self.keys.values() if all(map(self._is_done, keys))]
        return tuple(self.journal[key] for key in sorted(key for keys in whole for key in keys))

    def tasks(self) -> list[Task]:
        """Return what the journal does not have yet."""
        missing = {
            name: tuple(key for key in keys if not self._is_done(key))
            for name, keys in self.keys.items()
        }
        return [Task(self.number, name, keys) for name, keys in missing.items() if keys]

    def _is_done(self, key: Key) -> bool:
        return self.plan.is_done(key, self.journal)

    @property
    def _total(self) -> int:
        return sum(map(len, self.keys.values()))

    def _take(self, event: Event) -> None:
        if isinstance(event, LeftOut):
            self._left_out[event.picture] = event
            return
        if isinstance(event, Mapped):
            return  # no row, and nothing is left out
        self.journal.add(event)
        self._done += 1
        if self.progress is not None:
            self.progress(self._done, self._total)
