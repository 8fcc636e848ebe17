"""Ctrl-C is heard even where Python cannot raise it."""

import signal
import threading
from contextlib import suppress

import pytest

from undegrade.cli.interrupts import interruptible


def test_an_interrupt_that_was_swallowed_is_raised_at_the_next_look() -> None:
    before = signal.getsignal(signal.SIGINT)
    with interruptible() as check:
        check()  # nothing has happened yet
        with suppress(KeyboardInterrupt):  # as a finaliser of a library does
            signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            check()
    assert signal.getsignal(signal.SIGINT) is before


def test_other_threads_may_use_it() -> None:
    heard = []

    def work() -> None:
        with interruptible() as check:
            check()
            heard.append(True)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert heard == [True]
