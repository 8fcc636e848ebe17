"""Models of ours as candidates."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from undegrade.data.photos import Samples
from undegrade.degradations import Image
from undegrade.errors import UsageError
from undegrade.evaluation.candidates.base import Networked, Restored, Setting
from undegrade.evaluation.candidates.peak import pay
from undegrade.evaluation.names import FIRST_GUESS
from undegrade.evaluation.pictures import as_image
from undegrade.inference import RestoreOptions

if TYPE_CHECKING:
    from undegrade.inference import Result


@dataclass(frozen=True)
class Model(Networked):
    """A model of ours, under a name of one's choice.

    Args:
        name: What reports call it.
        texture: Share of the drawn texture; None for the model's own.
        task: What it is asked to undo; ``"auto"`` leaves it to the model.
    """

    name: str
    texture: float | None = None
    task: str = "auto"

    @property
    def default_steps(self) -> int | None:
        """See :class:`Candidate`."""
        return self.restorer.model.default_steps

    def settings(self, steps: Sequence[int], seeds: Sequence[int]) -> tuple[Setting, ...]:
        """See :class:`Candidate`; a sampler that fixes the steps leaves only the seeds.

        Without any of the texture all numbers of steps are the same first guess.

        Raises:
            UsageError: It can make none of the numbers of steps.
        """
        restorer = self.restorer
        if self._is_guess_alone:
            counts: Sequence[int] = (FIRST_GUESS,)
        elif restorer.fixed_steps is not None:
            counts = (0,)
        elif not steps:
            counts = (restorer.usual_steps if restorer.has_first_guess else 0,)
        else:
            problems = self._problems(steps)
            counts = [count or FIRST_GUESS for count in steps if count not in problems]
            if not counts:
                raise problems[steps[0]]
        return tuple(Setting(count, seed) for count in counts for seed in seeds)

    def left_out(self, steps: Sequence[int]) -> tuple[str, ...]:
        """Return which numbers of steps are left out and why, a sentence for each."""
        if self._is_guess_alone or self.restorer.fixed_steps is not None:
            return ()
        return tuple(f"left out: {problem}" for problem in self._problems(steps).values())

    def remarks(self, steps: Sequence[int]) -> tuple[str, ...]:
        """Return what is to be known of its sampler with these numbers of steps."""
        usual = self.restorer.fixed_steps or self.restorer.usual_steps
        counts = (one.steps or usual for one in self.settings(steps, (0,)))
        told = (self.restorer.remark(count) for count in counts if count != FIRST_GUESS)
        return tuple(f"{self.name}: {remark}" for remark in told if remark is not None)

    @property
    def _is_guess_alone(self) -> bool:
        texture = self.restorer.texture if self.texture is None else self.texture
        return texture == 0

    def _problems(self, steps: Sequence[int]) -> dict[int, UsageError]:
        """Return why it cannot be run with some numbers of steps."""
        problems = {}
        for count in steps:
            try:
                self.restorer.check(RestoreOptions(self.task, steps=count))
            except UsageError as error:
                problems[count] = error
        return problems

    def run(self, picture: Image, setting: Setting, *, uncertainty: bool = False) -> "Result":
        """Restore a picture ``(H, W, 3)``, floats in ``[0, 1]``."""
        guess = setting.steps == FIRST_GUESS
        return self.restorer(
            picture,
            task=self.task,
            steps=None if guess else setting.steps or None,
            seed=setting.seed,
            uncertainty=uncertainty,
            texture=0 if guess else self.texture,
        )

    def restore(self, lq: Samples | Image, setting: Setting) -> Restored:
        """See :class:`Candidate`."""
        picture = as_image(lq)
        paid = pay(self.restorer.device, lambda: self.run(picture, setting))
        return Restored(paid.made.image, paid.seconds, paid.peak_mb)
