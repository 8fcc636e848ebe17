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
    about_task,
    task_for,
    why_no_task,
)
from undegrade.inference.detection import PhotoDetector, TooSmallError
from undegrade.inference.options import RestoreOptions
from undegrade.inference.pixels import ArrayPicture
from undegrade.inference.ready import Chosen, Setup
from undegrade.inference.run import Run
from undegrade.inference.teams import Team
from undegrade.zoo import DETECTOR, is_here

Source = str | Path | bytes | ArrayPicture

_READ = ReadOptions()


class Guesser:
    """Chooses what restores a photo, with the detector of this machine where no task is named.

    Where the detector cannot name a task that somebody does, and where a photo has too few pixels
    to tell, the general model restores the photo: it sees for itself what there is to undo, and
    leaves clean photos nearly as they are. Detector and models are loaded when they are first
    needed.

    Args:
        team: Who is there to restore.
        setup: Where they run.
    """

    def __init__(self, team: Team, setup: Setup) -> None:
        self._team, self._setup = team, setup

    def check(self, options: RestoreOptions) -> None:
        """Check that whatever may be chosen can do what is asked of it.

        The general model is loaded for it only if something is asked that it may not be able to.

        Raises:
            UsageError: It cannot.
            WeightsError: The detector, or the general model, cannot be used.
        """
        team = self._team
        if not self._guesses(options) or not team.is_one:
            Run(team.choose(options))
            return
        Run(team.choose(replace(options, task=team.tasks[0])))
        if (options.steps, options.texture, self._setup.sampler) != (None, None, None):
            try:
                Run(Chosen(team.general, options))
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
            UsageError: Nobody does the task that is named; there is no general model, and it is
                needed.
            WeightsError: The detector, or the model that is needed, cannot be used.
        """
        team = self._team
        if not self._guesses(options):
            if team.asks(options.task) and not team.is_one:
                return self._by_general(options, "there is no detector on this machine")
            return team.choose(options)
        start = time.perf_counter()
        try:
            detection = self._detect(source, read)
        except TooSmallError as error:
            return self._by_general(options, error.got)
        seconds = time.perf_counter() - start
        task = task_for(detection, team.tasks)
        if task is None:
            chosen = self._by_general(options, why_no_task(detection, team.name))
        else:
            chosen = team.choose(replace(options, task=task))
            model = chosen.ready.model
            told = about_task(detection, task, (task,) if model.told else model.tasks)
            chosen = replace(chosen, messages=(told, *chosen.messages))
        return replace(chosen, detection=detection, seconds=seconds)

    def choose_one(self, options: RestoreOptions, pictures: Sequence[ArrayPicture]) -> Chosen:
        """Return what restores all of several pictures; told of is the one that is least sure.

        Pictures that need different models are all restored by the general one, unless somebody
        named another.

        Raises:
            UsageError: They are not to be restored alike by the model that was named; or as
                :meth:`choose` has it.
            WeightsError: The detector, or the model that is needed, cannot be used.
        """
        each = [self.choose(options, picture) for picture in pictures]
        whats = sorted({chosen.what for chosen in each})
        least = min(each, key=lambda one: one.detection.confidence if one.detection else 1.0)
        seconds = sum(chosen.seconds for chosen in each)
        if len(whats) == 1:
            return replace(least, seconds=seconds)
        if self._team.is_one:
            raise UsageError(
                f"pictures of a batch for which the detector chose {' and '.join(whats)}",
                expected="the same for all",
                fix="name the task, or restore them one by one",
            )
        why = f"the pictures of the batch need {' and '.join(whats)}"
        return replace(self._by_general(options, why), seconds=seconds)

    def _by_general(self, options: RestoreOptions, why: str) -> Chosen:
        """Return the general model, and why no other."""
        general = self._team.general
        told = about_general(why, general.model.name, instead=self._team.is_one)
        return Chosen(general, options, (told,))

    @cached_property
    def _detector(self) -> PhotoDetector | None:
        """What looks at photos; None if no such model is on this machine."""
        if not is_here(DETECTOR):
            return None
        return PhotoDetector.from_pretrained(device=str(self._setup.device))

    def _detect(self, source: Source, read: ReadOptions) -> Detection:
        assert self._detector is not None
        if isinstance(source, ArrayPicture):
            return self._detector.detect_picture(source)
        return self._detector.detect_file(source, read)

    def _guesses(self, options: RestoreOptions) -> bool:
        return self._team.asks(options.task) and self._detector is not None
