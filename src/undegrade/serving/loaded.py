"""The models of a worker process, loaded when they are first asked for."""

import time
from collections.abc import Sequence
from functools import lru_cache

import torch

from undegrade.allocator import keep_freed_memory
from undegrade.errors import UndegradeError
from undegrade.inference import FileReport, PhotoDetector, Restorer
from undegrade.inference.host import grant_memory, usable_cores
from undegrade.inference.together import Work, gain_of_batches, restore_together
from undegrade.serving.messages import Batching, Failed, Finished, Outcome, Setting, Task, Tell

_MODELS = 3  # kept loaded, each with the sampler that it was asked for with
_MOST = 8  # photos in one go, where nobody says how many
_SIDES = (64, 128, 256, 512)  # of the photos that are tried
_GAIN = 1.1  # by which one go has to be faster
_TRIAL_SECONDS = 1.0  # after which no larger photos are tried


class LoadedModels:
    """What a worker has at hand.

    Args:
        setting: What it is for.

    Attributes:
        batching: Which photos are restored in one go.
    """

    def __init__(self, setting: Setting) -> None:
        self._setting = setting
        self._restorer = lru_cache(maxsize=_MODELS)(self._load)
        self._detector = lru_cache(maxsize=1)(self._load_detector)
        keep_freed_memory()
        if setting.beside > 1:
            torch.set_num_threads(max(1, usable_cores() // setting.beside))
        usual = self._restorer("auto", None)
        self.batching = _batching(usual, setting.batch)

    def do(self, tasks: Sequence[Task], tell: Tell) -> list[Outcome]:
        """Do tasks, several in one go; each has its own outcome."""
        granted = [task.granted for task in tasks if task.granted is not None]
        grant_memory(sum(granted) if granted else None)
        if len(tasks) == 1:
            return [self._done(tasks[0], tell)]
        order = tasks[0].order
        try:
            restorer = self._restorer(order.model, order.sampler)
        except UndegradeError as error:
            return [Failed(error)] * len(tasks)
        works = [
            Work(
                task.source.read_bytes(),
                task.target,
                task.order.restore,
                task.order.read,
                task.order.write,
            )
            for task in tasks
        ]
        return [
            Failed(came) if isinstance(came, UndegradeError) else _finished(came)
            for came in restore_together(restorer, works)
        ]

    def _done(self, task: Task, tell: Tell) -> Outcome:
        order, photo = task.order, task.source.read_bytes()
        try:
            if order.kind == "detect":
                return Finished(self._detector().detect_file(photo, order.read).as_dict())
            restorer = self._restorer(order.model, order.sampler)
            report = restorer.restore_file(
                photo, task.target, order.restore, order.read, order.write, tell
            )
        except UndegradeError as error:
            return Failed(error)
        return _finished(report)

    def _load(self, model: str, sampler: str | None) -> Restorer:
        setting = self._setting
        return Restorer.from_pretrained(
            model, device=setting.device, precision=setting.precision, sampler=sampler
        )

    def _load_detector(self) -> PhotoDetector:
        return PhotoDetector.from_pretrained(device=self._setting.device)


def _finished(report: FileReport) -> Finished:
    return Finished(report.info.as_dict(), tuple(path.name for path in report.outputs))


def _batching(restorer: Restorer, most: int | None) -> Batching:
    """Return which photos are restored in one go: as many as is said, or where it is faster."""
    if most is not None:
        return Batching(most, _SIDES[-1] ** 2)
    pixels, start = 0, time.monotonic()
    for side in _SIDES:
        if time.monotonic() - start > _TRIAL_SECONDS:
            break
        if gain_of_batches(restorer, side, _MOST // 2) < _GAIN:
            break
        pixels = side * side
    return Batching(_MOST, pixels) if pixels else Batching()
