"""Whom all others are compared with: as the user says, or the first model as it is usually run."""

from collections.abc import Sequence
from dataclasses import dataclass

from undegrade.errors import UsageError
from undegrade.evaluation.candidates.base import Candidate
from undegrade.evaluation.candidates.baselines import INPUT
from undegrade.evaluation.candidates.choice import Choice
from undegrade.evaluation.names import FIRST_GUESS, title_of
from undegrade.evaluation.running.measuring import Plan
from undegrade.registry import did_you_mean

Reference = tuple[str, int]
"""Name of a candidate, and its number of steps."""


@dataclass(frozen=True)
class Runner:
    """A candidate in a measurement.

    Args:
        name: What reports call it.
        steps: Numbers of steps that it is measured with.
        usual: The one of them whose pictures are shown.
    """

    name: str
    steps: tuple[int, ...]
    usual: int


@dataclass(frozen=True)
class Field:
    """Everyone that takes part.

    Args:
        runners: By what the user calls them, and by what reports do.
    """

    runners: dict[str, Runner]

    @classmethod
    def of(cls, choice: Choice, candidates: Sequence[Candidate], plans: Sequence[Plan]) -> "Field":
        """Return those of a measurement.

        Args:
            choice: What the user named.
            candidates: The same, in the order in which they were loaded.
            plans: How each set is measured; all of them alike, but for the measures.
        """
        runners = [_runner(candidate, plans[0]) for candidate in candidates]
        called = zip(choice.wanted, runners, strict=True)
        return cls(dict(called) | {runner.name: runner for runner in runners})

    def references(self, text: str | None) -> tuple[Reference, ...]:
        """Return whom others are compared with, the most wanted first.

        Args:
            text: ``NAME`` or ``NAME:STEPS``; None for nobody in particular.

        Returns:
            Each model as it is usually run; one that was named comes before.

        Raises:
            UsageError: Nobody is called so, or is not measured with so many steps.
        """
        usual = [(one.name, one.usual) for one in self.runners.values() if one.name != INPUT]
        named = [] if text is None else [self._named(text)]
        return tuple(dict.fromkeys([*named, *usual]))

    def _named(self, text: str) -> Reference:
        if text in self.runners:
            return self.runners[text].name, self.runners[text].usual
        name, _, steps = text.rpartition(":")
        if name not in self.runners or not (steps.isascii() and steps.isdecimal()):
            names = [runner.name for runner in self.runners.values()]
            raise UsageError(
                f"there is no candidate '{text}' to compare with",
                expected="NAME or NAME:STEPS of one that is measured",
                fix=did_you_mean(text, [*dict.fromkeys(names)]),
            )
        runner = self.runners[name]
        asked = int(steps)
        if asked == 0 and FIRST_GUESS in runner.steps:  # as --steps calls it
            asked = FIRST_GUESS
        if asked not in runner.steps:
            titles = " or ".join(title_of(runner.name, count) for count in runner.steps)
            raise UsageError(
                f"--against {text}, which is not measured",
                expected=titles,
                fix="add it to --steps, or choose one of these",
            )
        return runner.name, asked


def _runner(candidate: Candidate, plan: Plan) -> Runner:
    settings = candidate.settings(plan.steps, plan.seeds)
    steps = tuple(dict.fromkeys(setting.steps for setting in settings))
    return Runner(candidate.name, steps, plan.shown(candidate).steps)
