"""Signals that this process hears and those that it starts do not."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from undegrade.signals import ENDING, heeding, held_back

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals are sent otherwise there")

STARTING = """
import multiprocessing, signal
from undegrade.signals import ENDING, held_back

def main(pipe):
    pipe.send(sorted(signal.pthread_sigmask(signal.SIG_BLOCK, ())))

if __name__ == "__main__":
    here, there = multiprocessing.Pipe()
    with held_back(*ENDING):
        process = multiprocessing.get_context("spawn").Process(target=main, args=(there,))
        process.start()
    print(here.recv() == sorted(ENDING), signal.pthread_sigmask(signal.SIG_BLOCK, ()) & {*ENDING})
    process.join()
"""


def test_the_first_process_that_is_started_is_deaf_too(tmp_path: Path) -> None:
    """Though starting it starts what keeps track of semaphores, which lets signals through."""
    script = tmp_path / "starting.py"
    script.write_text(STARTING, encoding="utf-8")
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True)
    assert done.stdout == "True set()\n"


def test_what_is_held_back_comes_when_it_is_released() -> None:
    heard: list[int] = []
    with heeding(heard.append), held_back(*ENDING) as release:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGTERM)
        assert heard == []
        release(signal.SIGTERM)
        assert heard == [signal.SIGTERM]
    assert heard == [signal.SIGTERM, signal.SIGINT]


def test_nothing_is_released_that_was_held_back_before() -> None:
    with held_back(signal.SIGTERM), held_back(*ENDING) as release:
        release(signal.SIGTERM)
        release(signal.SIGINT)
        assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) & {*ENDING} == {signal.SIGTERM}


def test_handlers_are_put_in_place_again_and_back_in_the_end() -> None:
    before = signal.getsignal(signal.SIGTERM)
    heard: list[int] = []
    with heeding(heard.append) as listen:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        signal.raise_signal(signal.SIGTERM)
        listen()
        signal.raise_signal(signal.SIGTERM)
    assert heard == [signal.SIGTERM]
    assert signal.getsignal(signal.SIGTERM) is before
