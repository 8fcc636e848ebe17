"""Ctrl-C and the request to end: one way to hear both, and to keep them from other processes."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

ENDING = (signal.SIGINT, signal.SIGTERM)
"""What asks a process to end: Ctrl-C, and what other programs send."""


class Cancelled(KeyboardInterrupt):
    """A signal asked this process to end.

    Args:
        number: The signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


def exit_code_after(stop: KeyboardInterrupt) -> int:
    """Return the exit code of a cancelled command as shells have it: 130 after Ctrl-C."""
    return 128 + (stop.number if isinstance(stop, Cancelled) else signal.SIGINT)


@contextmanager
def heeding(hear: Callable[[int], None]) -> Iterator[Callable[[], None]]:
    """Have the signals that ask for an end call ``hear`` with their number in the block.

    Only a main thread hears signals; in another the block runs as it is.

    Yields:
        What has them call it again, after a library has put its own in the place.
    """
    if threading.current_thread() is not threading.main_thread():
        yield lambda: None
        return

    def handle(number: int, _frame: FrameType | None) -> None:
        hear(number)

    def listen() -> None:
        for number in ENDING:
            signal.signal(number, handle)

    before = {number: signal.getsignal(number) for number in ENDING}
    try:
        listen()
        yield listen
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def held_back(*numbers: signal.Signals) -> Iterator[Callable[[signal.Signals], None]]:
    """Let processes that are started in the block not hear these signals: their parent ends them.

    In this thread the signals are held back meanwhile, not lost.

    Yields:
        What lets one of them come again before the end of the block, if it came before.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield lambda _number: None
        return
    from multiprocessing import resource_tracker  # not for a command that only parses

    before = signal.pthread_sigmask(signal.SIG_BLOCK, numbers)
    # It is started with the first process otherwise, and lets both signals through again.
    resource_tracker.ensure_running()
    signal.pthread_sigmask(signal.SIG_BLOCK, numbers)

    def release(number: signal.Signals) -> None:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {number} - before)

    try:
        yield release
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
