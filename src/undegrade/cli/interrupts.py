"""Ctrl-C, and the request to end, that cannot get lost."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from undegrade.signals import Cancelled, heeding


@contextmanager
def interruptible() -> Iterator[Callable[[], None]]:
    """Yield a function to be called now and then, which raises what a signal raised before.

    Python runs what hears a signal wherever it happens to be. Where that is a finaliser or a
    callback of a library, the exception is printed at best, and the work goes on to its end.

    Raises:
        Cancelled: Ctrl-C was pressed, or the process was asked to end; from the function too, if
            it was not heard.
    """
    pressed: list[int] = []

    def hear(number: int) -> None:
        pressed.append(number)
        raise Cancelled(number)

    def check() -> None:
        if pressed:
            raise Cancelled(pressed[0])

    with heeding(hear):
        yield check
