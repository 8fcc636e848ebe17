"""Which task a model is told where nobody says: what a detector sees in the photo."""

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path

from undegrade.errors import UsageError
from undegrade.images.photo import ReadOptions
from undegrade.inference.detected import chosen, task_for
from undegrade.inference.detection import PhotoDetector
from undegrade.inference.options import RestoreOptions
from undegrade.inference.pixels import ArrayPicture
from undegrade.inference.report import ModelInfo
from undegrade.zoo import DETECTOR, is_here

Asked = tuple[RestoreOptions, tuple[str, ...]]
"""How a photo is restored, and what the user should know of that."""

_READ = ReadOptions()


class Guesser:
    """Chooses tasks for a model that has to be told, with the detector of this machine.

    Args:
        model: The model; most see for themselves, and nothing is chosen for them.
        device: Where the detector runs.
    """

    def __init__(self, model: ModelInfo, device: str) -> None:
        self._model, self._device = model, device

    def provisional(self, options: RestoreOptions) -> RestoreOptions:
        """Return options with one of the tasks that may be chosen, to check all else by.

        Raises:
            WeightsError: There is a detector, and it cannot be used.
        """
        return replace(options, task=self._model.tasks[0]) if self._guesses(options) else options

    def with_task(
        self,
        options: RestoreOptions,
        source: str | Path | bytes | ArrayPicture,
        read: ReadOptions = _READ,
    ) -> Asked:
        """Return options for a photo with the task that the detector chooses, where it is to.

        Args:
            options: What was asked for.
            source: The photo.
            read: How it is read.

        Raises:
            InputError: The photo cannot be read, or is too small to tell.
            UsageError: The detector cannot choose.
            WeightsError: It cannot be used.
        """
        if not self._guesses(options):
            return options, ()
        assert self._detector is not None
        if isinstance(source, ArrayPicture):
            detection = self._detector.detect_picture(source)
        else:
            detection = self._detector.detect_file(source, read)
        task = task_for(detection, self._model)
        return replace(options, task=task), (chosen(task, detection),)

    def with_one_task(self, options: RestoreOptions, pictures: Sequence[ArrayPicture]) -> Asked:
        """Return the same for pictures that are restored together.

        Raises:
            InputError: One is too small to tell.
            UsageError: The detector cannot choose, or chooses different tasks.
            WeightsError: It cannot be used.
        """
        asked = [self.with_task(options, picture) for picture in pictures]
        tasks = sorted({each.task for each, _ in asked})
        if len(tasks) > 1:
            raise UsageError(
                f"pictures of a batch for which the detector chose {' and '.join(tasks)}",
                expected="one task for all",
                fix="name it, or restore them one by one",
            )
        return asked[0]

    @cached_property
    def _detector(self) -> PhotoDetector | None:
        """What looks at photos; None if no such model is on this machine."""
        if not is_here(DETECTOR):
            return None
        return PhotoDetector.from_pretrained(device=self._device)

    def _guesses(self, options: RestoreOptions) -> bool:
        return self._model.can_be_guessed(options.task) and self._detector is not None
