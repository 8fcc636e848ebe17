"""A process that measures pictures for another; imports nothing heavy before it has its settings.

It is told tasks through a pipe and tells events. It ends when the pipe does, or its parent.
"""

import os
import pickle
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any, Protocol

from undegrade.errors import UndegradeError
from undegrade.orphans import end_with_parent


@dataclass(frozen=True)
class Ready:
    """It can take tasks.

    Args:
        messages: What the user should know about how its candidates are run.
    """

    messages: tuple[str, ...]


@dataclass(frozen=True)
class Done:
    """All of its task is told."""


@dataclass(frozen=True)
class Failed:
    """It cannot go on.

    Args:
        error: Why.
        trace: Where.
    """

    error: Exception
    trace: str


class Orders(Protocol):
    """What a worker is sent first, pickled: how to come by its bench."""

    def open(self) -> Any:
        """Return the bench, see :class:`undegrade.evaluation.running.tasks.Bench`."""


def main(pipe: Connection, environment: Mapping[str, str], orders: bytes) -> None:
    """Work until there is nobody to work for.

    Args:
        pipe: Gives tasks and takes events.
        environment: Set before any library looks at it.
        orders: See :class:`Orders`.
    """
    os.environ.update(environment)
    end_with_parent()
    try:
        _work(pipe, orders)
    except (EOFError, ConnectionError):  # the parent is done with us, or gone
        return
    except Exception as error:
        pipe.send(Failed(_sendable(error), traceback.format_exc()))


def _work(pipe: Connection, orders: bytes) -> None:
    opened: Orders = pickle.loads(orders)
    bench = opened.open()
    messages = [text for candidate in bench.candidates for text in candidate.messages]
    pipe.send(Ready(tuple(dict.fromkeys(messages))))
    while True:
        for event in bench.do(pipe.recv()):
            pipe.send(event)
        pipe.send(Done())


def _sendable(error: Exception) -> Exception:
    """Return an error that the other side can read."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:  # whatever it is, what counts is the first error
        return UndegradeError(f"{type(error).__name__}: {error}")
    return error
