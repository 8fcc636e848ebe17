"""What restores a photo where nobody says what to undo: a detector looks, and decides."""

import time
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path

from undegrade.errors import UsageError
from undegrade.images.photo import ReadOptions
from undegrade.inference.detected import (
    Detection,
    about_general,
    about_small,
    about_task,
    task_for,
)
from undegrade.inference.detection import PhotoDetector, TooSmallError
from undegrade.inference.options import RestoreOptions
from undegrade.inference.pixels import ArrayPicture
from undegrade.inference.ready import Chosen, Ready, Setup, load_restoring
from undegrade.inference.run import Run
from undegrade.zoo import DEFAULT_MODEL, DETECTOR, is_here

Source = str | Path | bytes | ArrayPicture

_READ = ReadOptions()


class Guesser:
    """Chooses the task for a model that has to be told, with the detector of this machine.

    Where the detector cannot name a task that the model knows, and where a photo has too few pixels
    to tell, the general model restores the photo: it sees for itself what there is to undo, and
    leaves clean photos nearly as they are. Detector and general model are loaded when they are
    first needed.

    Args:
        ready: The model; most see for themselves, and nothing is chosen for them.
        setup: Where it runs, and the others with it.
    """

    def __init__(self, ready: Ready, setup: Setup) -> None:
        self._ready, self._setup = ready, setup

    def check(self, options: RestoreOptions) -> None:
        """Check that whatever may be chosen can do what is asked of it.

        The general model is loaded for it only if something is asked that it may not be able to.

        Raises:
            UsageError: It cannot.
            WeightsError: The detector, or the general model, cannot be used.
        """
        if not self._guesses(options):
            Run(Chosen(self._ready, options))
            return
        Run(Chosen(self._ready, replace(options, task=self._ready.model.tasks[0])))
        if (options.steps, options.texture, self._setup.sampler) != (None, None, None):
            try:
                Run(Chosen(self._general, options))
            except UsageError as error:
                raise UsageError(
                    f"{error.got}, which may be needed where the detector is unsure",
                    expected=error.expected,
                    fix="name what is to be undone: --task TASK; or leave the option out",
                ) from error

    def choose(self, options: RestoreOptions, source: Source, read: ReadOptions = _READ) -> Chosen:
        """Return what restores a photo.

        Args:
            options: What was asked for.
            source: The photo.
            read: How it is read.

        Raises:
            InputError: The photo cannot be read.
            UsageError: There is no general model, and it is needed.
            WeightsError: The detector, or the general model, cannot be used.
        """
        if not self._guesses(options):
            return Chosen(self._ready, options)
        start = time.perf_counter()
        try:
            detection = self._detect(source, read)
        except TooSmallError as error:
            return Chosen(self._general, options, (about_small(error.got, DEFAULT_MODEL),))
        seconds = time.perf_counter() - start
        name, tasks = self._ready.model.name, self._ready.model.tasks
        task = task_for(detection, tasks)
        if task is None:
            told = about_general(detection, name, DEFAULT_MODEL)
            return Chosen(self._general, options, (told,), detection, seconds)
        told = about_task(detection, task)
        return Chosen(self._ready, replace(options, task=task), (told,), detection, seconds)

    def choose_one(self, options: RestoreOptions, pictures: Sequence[ArrayPicture]) -> Chosen:
        """Return what restores all of several pictures; told of is the one that is least sure.

        Raises:
            UsageError: They are not to be restored alike; or as :meth:`choose` has it.
            WeightsError: The detector, or the general model, cannot be used.
        """
        each = [self.choose(options, picture) for picture in pictures]
        whats = sorted({chosen.what for chosen in each})
        if len(whats) > 1:
            raise UsageError(
                f"pictures of a batch for which the detector chose {' and '.join(whats)}",
                expected="the same for all",
                fix="name the task, or restore them one by one",
            )
        least = min(each, key=lambda one: one.detection.confidence if one.detection else 1.0)
        return replace(least, seconds=sum(chosen.seconds for chosen in each))

    @cached_property
    def _detector(self) -> PhotoDetector | None:
        """What looks at photos; None if no such model is on this machine."""
        if not is_here(DETECTOR):
            return None
        return PhotoDetector.from_pretrained(device=str(self._setup.device))

    @cached_property
    def _general(self) -> Ready:
        """What restores where the detector does not know."""
        return self._setup.ready(*load_restoring(DEFAULT_MODEL))

    def _detect(self, source: Source, read: ReadOptions) -> Detection:
        assert self._detector is not None
        if isinstance(source, ArrayPicture):
            return self._detector.detect_picture(source)
        return self._detector.detect_file(source, read)

    def _guesses(self, options: RestoreOptions) -> bool:
        return self._ready.model.can_be_guessed(options.task) and self._detector is not None
