"""Ctrl-C and the request to end, remembered until a step is done and its state can be saved."""

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import lightning
from lightning.pytorch.callbacks import Callback

from undegrade.signals import ENDING, Cancelled, exit_code_after, heeding, held_back
from undegrade.training.processes import end_others, gathered, is_first, total

_STDERR = 2
_HEARD = (
    "undegrade: stopping after this step, with its state saved; "
    "once more ends at once, with the state that was saved last"
)


class Interruption(Callback):
    """The first signal that asks for an end is remembered, the second one heeded at once.

    The processes that are started for data and further devices hear none: this one ends them.
    """

    def __init__(self) -> None:
        self.number: int | None = None
        """The signal that was heard, if there was one."""
        self._listen: Callable[[], None] = lambda: None
        self._release: Callable[[signal.Signals], None] = lambda _number: None
        self._trainer: lightning.Trainer | None = None

    def __deepcopy__(self, _memo: object) -> "Interruption":
        """Return itself: averaging copies the module, and of this there is one for the process."""
        return self

    @contextmanager
    def remembered(self) -> Iterator[None]:
        """Remember in the block what is heard; it runs a trainer with this callback."""
        with heeding(self._hear) as self._listen, held_back(*ENDING) as self._release:
            yield

    def setup(
        self,
        trainer: lightning.Trainer,
        pl_module: lightning.LightningModule,  # noqa: ARG002
        stage: str,  # noqa: ARG002
    ) -> None:
        """Hear Ctrl-C from here on: the processes of further devices are started."""
        self._trainer = trainer
        self._release(signal.SIGINT)

    def on_train_start(
        self,
        trainer: lightning.Trainer,
        pl_module: lightning.LightningModule,  # noqa: ARG002
    ) -> None:
        """Hear all again, now that Lightning has put what it does into the place; look at once."""
        self._listen()
        self._release(signal.SIGTERM)
        if self.agreed(trainer):
            trainer.should_stop = True

    def agreed(self, trainer: lightning.Trainer) -> bool:
        """Tell whether any process has heard a signal; each of them must ask."""
        if not total(trainer, int(self.number is not None)):
            return False
        heard = gathered(trainer, self.number)
        self.number = next(number for number in heard if number is not None)
        return True

    def check(self) -> None:
        """Go no further if a signal was heard.

        Raises:
            Cancelled: It was.
        """
        if self.number is not None:
            raise Cancelled(self.number)

    def _hear(self, number: int) -> None:
        if self.number is not None:
            self._end_at_once(Cancelled(number))
        self.number = number
        if is_first():
            # Past Python's own stream, which may be in the middle of writing and refuses then.
            newline = "\n" if os.isatty(_STDERR) else ""
            with suppress(OSError):  # nobody reads it
                os.write(_STDERR, f"{newline}{_HEARD}\n".encode())

    def _end_at_once(self, stop: Cancelled) -> None:
        """End without tidying up, which could take long and has nothing to save."""
        for child in multiprocessing.active_children():
            child.kill()
        if self._trainer is not None:
            end_others(self._trainer)
        os._exit(exit_code_after(stop))
