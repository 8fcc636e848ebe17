"""Ctrl-C that cannot get lost."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def interruptible() -> Iterator[Callable[[], None]]:
    """Yield a function to be called now and then, which raises what Ctrl-C raised before.

    Python raises KeyboardInterrupt wherever it happens to be. Where that is a finaliser or a
    callback of a library, the exception is printed at best, and the work goes on to its end.

    Raises:
        KeyboardInterrupt: Ctrl-C was pressed; from the function too, if it was not heard.
    """
    pressed = threading.Event()

    def hear(_number: int, _frame: FrameType | None) -> None:
        pressed.set()
        raise KeyboardInterrupt

    def check() -> None:
        if pressed.is_set():
            raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():  # which alone gets signals
        yield check
        return
    before = signal.signal(signal.SIGINT, hear)
    try:
        yield check
    finally:
        signal.signal(signal.SIGINT, before)
