"""Who is there to restore a photo: one model that somebody named, or all of those that ship."""

from dataclasses import replace
from functools import cached_property
from typing import Protocol

from undegrade.inference.options import RestoreOptions
from undegrade.inference.ready import Chosen, Ready, Setup, load_restoring
from undegrade.zoo import DEFAULT_MODEL, SPECIALISTS, best_at


class Team(Protocol):
    """Models of which one restores a photo."""

    @property
    def name(self) -> str:
        """What messages call them."""
        ...

    @property
    def tasks(self) -> tuple[str, ...]:
        """What a detector may choose among."""
        ...

    @property
    def general(self) -> Ready:
        """What restores where no task is known."""
        ...

    @property
    def is_one(self) -> bool:
        """Whether somebody named the model, so that another one in its place is news."""
        ...

    def asks(self, task: str) -> bool:
        """Return whether a detector is to choose where ``task`` is what was asked for."""
        ...

    def choose(self, options: RestoreOptions) -> Chosen:
        """Return what does the task of the options.

        Raises:
            UsageError: Nobody does.
            WeightsError: Who does cannot be used.
        """
        ...


class OneModel:
    """A model that somebody named; one that sees for itself is never told what to undo.

    Args:
        ready: The model.
        setup: Where it runs, and the general one with it.
    """

    is_one = True

    def __init__(self, ready: Ready, setup: Setup) -> None:
        self._ready, self._setup = ready, setup
        self.name, self.tasks = ready.model.name, ready.model.tasks

    @cached_property
    def general(self) -> Ready:
        """See :class:`Team`."""
        return self._setup.ready(*load_restoring(DEFAULT_MODEL))

    def asks(self, task: str) -> bool:
        """See :class:`Team`: where the model has to be told."""
        return self._ready.model.can_be_guessed(task)

    def choose(self, options: RestoreOptions) -> Chosen:
        """See :class:`Team`."""
        return Chosen(self._ready, options)


class ShippedModels:
    """All models that ship: for each task the best, loaded when it is first needed.

    Args:
        general: The one that sees for itself.
        setup: Where it runs, and the others with it.
    """

    is_one = False
    name = "undegrade"
    tasks = tuple(SPECIALISTS)

    def __init__(self, general: Ready, setup: Setup) -> None:
        self.general, self._setup = general, setup
        self._loaded = {general.model.name: general}

    def asks(self, task: str) -> bool:
        """See :class:`Team`: where no task is named."""
        return task == "auto"

    def choose(self, options: RestoreOptions) -> Chosen:
        """See :class:`Team`."""
        if options.task == "auto":
            return Chosen(self.general, options)
        task, name = best_at(options.task)
        if name not in self._loaded:
            self._loaded[name] = self._setup.ready(*load_restoring(name))
        told = () if name == self.general.model.name else (f"model {name} was chosen for {task}",)
        return Chosen(self._loaded[name], replace(options, task=task), told)
