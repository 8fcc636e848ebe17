"""Measuring several sets with the same candidates: in this process, or by a crew of others."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from undegrade.evaluation.candidates.base import Candidate
from undegrade.evaluation.candidates.choice import Choice
from undegrade.evaluation.candidates.models import Model
from undegrade.evaluation.pictures import PictureSet, Progress
from undegrade.evaluation.results.rows import Journal, Key, Row
from undegrade.evaluation.running.crew import BenchOrders, Crew
from undegrade.evaluation.running.measuring import Bench, Measuring, Plan
from undegrade.evaluation.running.staffing import choose_staff
from undegrade.evaluation.running.tasks import Event, Work


@dataclass(frozen=True)
class Session:
    """Candidates that are ready, and whoever does the work.

    Args:
        candidates: What is measured.
        sets: The pictures and what is measured of them.
        work: Does it.
        start: Has processes begin to load what they need; called with the number of tasks that are
            to come.
    """

    candidates: Sequence[Candidate]
    sets: Sequence[tuple[PictureSet, Plan]]
    work: Work
    start: Callable[[int], None]

    def measure(
        self, number: int, journal: Journal, progress: Progress | None = None
    ) -> tuple[Row, ...]:
        """Measure all candidates on one set; what the journal has is not done again.

        See :meth:`undegrade.evaluation.running.measuring.Measuring.run`.
        """
        pictures, plan = self.sets[number]
        keys = plan.keys(self.candidates, pictures)
        return Measuring(pictures, plan, keys, journal, progress, number).run(self.work)

    def progress(self, journal: Journal) -> tuple[int, int]:
        """Return how many rows of all sets a journal has, and how many there are to be.

        Pictures go by their names here, because telling their contents means to read all of them.
        """
        found = total = 0
        for wanted, measured in self._by_name(journal):
            found, total = found + len(wanted & measured), total + len(wanted)
        return found, total

    def prepare(self, journal: Journal) -> None:
        """Start the processes that there will be tasks for, while this one has other things to do.

        Pictures go by their names here too; whatever is missing then is seen when it is measured.
        """
        lacking = [{key.picture for key in one - other} for one, other in self._by_name(journal)]
        self.start(max(map(len, lacking), default=0))

    def _by_name(self, journal: Journal) -> Iterator[tuple[set[Key], set[Key]]]:
        """Yield for each set the rows there are to be and those of a journal, without contents."""
        for pictures, plan in self.sets:
            names = dict.fromkeys(pictures.names, "")
            by_picture = plan.keys_of(self.candidates, pictures, names)
            wanted = {key for keys in by_picture.values() for key in keys}
            measured = {
                replace(row.key, content="")
                for row in journal.history()
                if plan.is_done(row.key, journal)
            }
            yield wanted, measured

    def draw_maps(self, number: int, rows: Sequence[Row], progress: Progress | None = None) -> None:
        """Draw the maps of uncertainty that one set lacks, by whoever does the work.

        Args:
            number: Of the set.
            rows: What was measured of it.
            progress: Called after each picture.

        Raises:
            OutputError: A map cannot be written.
        """
        tasks = self.sets[number][1].map_tasks(number, self.candidates, rows)
        drawn: list[Event] = []

        def take(event: Event) -> None:
            drawn.append(event)
            if progress is not None:
                progress(len(drawn), len(tasks))

        self.work(tasks, take)


@contextmanager
def open_session(
    choice: Choice,
    sets: Sequence[tuple[PictureSet, Plan]],
    workers: int | None,
    note: Callable[[str], None],
) -> Iterator[Session]:
    """Load what is measured, and leave no process behind at the end.

    Args:
        choice: The candidates; the device may be several with commas, or ``"auto"`` for all.
        sets: The pictures and what is measured of them.
        workers: Number of processes; None to go by cores, devices and pictures.
        note: Called with what the user should know.

    Raises:
        UsageError: There is no such candidate, device, precision or sampler, or too many workers.
        WeightsError: A model cannot be used.
        MissingExtraError: What a candidate needs is not installed.
    """
    staff = choose_staff(choice, workers, sum(len(pictures) for pictures, _ in sets))
    if staff.processes == 1:
        candidates = replace(choice, device=staff.devices[0]).load()
        for message in dict.fromkeys(text for one in candidates for text in one.messages):
            note(message)
        _tell_of_steps(candidates, sets, note)
        yield Session(candidates, sets, Bench(candidates, sets).work, lambda _tasks: None)
        return
    # Here only to learn what they are: before any process is started for it.
    candidates = replace(choice, device=staff.devices[0]).load(idle=True)
    _tell_of_steps(candidates, sets, note)
    with Crew(staff, BenchOrders(choice, tuple(sets), staff.threads), note) as crew:
        yield Session(candidates, sets, crew.work, crew.start)


def _tell_of_steps(
    candidates: Sequence[Candidate],
    sets: Sequence[tuple[PictureSet, Plan]],
    note: Callable[[str], None],
) -> None:
    """Say which steps a model cannot make, or makes otherwise than asked, once for all sets."""
    models = [one for one in candidates if isinstance(one, Model)]
    asked = [(model, plan.steps) for model in models for _, plan in sets]
    told = [text for model, steps in asked for text in model.left_out(steps)]
    told += [text for model, steps in asked for text in model.remarks(steps)]
    for text in dict.fromkeys(told):
        note(text)
