"""Ctrl-C is heard even where Python cannot raise it."""

import signal
import threading
from contextlib import suppress

import pytest

from undegrade.cli.interrupts import interruptible
from undegrade.signals import ENDING, Cancelled, exit_code_after


@pytest.mark.parametrize("number", ENDING)
def test_an_interrupt_that_was_swallowed_is_raised_at_the_next_look(number: int) -> None:
    before = signal.getsignal(number)
    with interruptible() as check:
        check()  # nothing has happened yet
        with suppress(KeyboardInterrupt):  # as a finaliser of a library does
            signal.raise_signal(number)
        with pytest.raises(Cancelled) as stop:
            check()
    assert exit_code_after(stop.value) == 128 + number
    assert signal.getsignal(number) is before


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
