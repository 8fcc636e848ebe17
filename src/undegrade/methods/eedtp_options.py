"""Every choice of EEDTP as an option, and which time belongs to which task."""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import Field, Tag, model_validator

from undegrade.methods.base import MethodOptions
from undegrade.networks.experts import ExpertOptions
from undegrade.networks.sizes import named
from undegrade.networks.timed import TimedNAFNetOptions
from undegrade.networks.transformer import TransformerOptions
from undegrade.networks.unet_options import UNetOptions
from undegrade.processes.mean_reverting import Forward, MeanRevertingSchedule
from undegrade.registry import near_misses
from undegrade.tasks import own_name

GENERATION, RESTORATION = "generation", "restoration"

PUBLISHED_TIMES: Mapping[str, int] = {
    "denoise": 4,
    "derain": 8,
    "dejpeg": 12,
    "desnow": 15,
    "inpaint": 19,
    "deraindrop": 22,
    "deshadow": 27,
    "brighten": 38,
    "dehaze": 47,
    "deblur": 50,
}
"""Matching steps of the paper's ten tasks, of 50; as its code has them."""


_TIMES = 50


def _is_within(t: int, last: object) -> bool:
    return isinstance(last, int) and t <= last


class EEDTPOptions(MethodOptions):
    """Options of :class:`~undegrade.methods.eedtp.EEDTP`; the defaults are the paper's."""

    name: Literal["eedtp"] = "eedtp"
    network: Annotated[
        Annotated[TimedNAFNetOptions, Tag("nafnet")]
        | Annotated[UNetOptions, Tag("unet")]
        | Annotated[TransformerOptions, Tag("transformer")],
        named("nafnet"),
    ] = TimedNAFNetOptions()
    experts: ExpertOptions | None = Field(
        None, description="A mixture of experts after each level of the decoder, for many tasks."
    )
    times: int = Field(_TIMES, ge=1, le=1000, description="Number of times, T.")
    deviation: float = Field(
        10 / 255, gt=0, le=1, description="Deviation of the noise at the last time, of the range."
    )
    forward: Forward = Field(
        "ve", description="Whether pictures stay while noise is added (ve) or fade away (ou)."
    )
    matching: dict[str, int] = Field(
        default_factory=dict,
        validate_default=True,
        description="Matching step of tasks; of others those of the paper, if there are so many.",
    )
    task: str = Field("", description="Task of pictures of which none is told; empty for none.")
    error: Literal["absolute", "log"] = Field(
        "absolute",
        description="Absolute error (eqs. 11 and 12), or the logarithm of each picture's squared "
        "error, by which degradations large and small are learned alike.",
    )
    fft_weight: float = Field(
        0.0, ge=0, description="Weight of the error of the Fourier transform; 0.1 in its code."
    )

    @model_validator(mode="before")
    @classmethod
    def _published(cls, values: Any) -> Any:
        """Add the published matching steps, and call the task by its own name."""
        if not isinstance(values, dict) or not isinstance(values.get("matching", {}), dict):
            return values
        last = values.get("times", _TIMES)
        known = {task: t for task, t in PUBLISHED_TIMES.items() if _is_within(t, last)}
        matching = known | values.get("matching", {})
        task = values.get("task")
        told = {"task": own_name(task, matching)} if isinstance(task, str) else {}
        return values | {"matching": matching} | told

    @model_validator(mode="after")
    def _in_range(self) -> Self:
        for task, t in self.matching.items():
            if not 1 <= t <= self.times:
                raise ValueError(f"matching.{task}={t}; expected from 1 to times={self.times}")
        if self.task and self.task not in self.matching:
            raise ValueError(
                f"task={self.task}; expected one of matching: {', '.join(self.matching)}"
            )
        return self

    @model_validator(mode="after")
    def _no_slips(self) -> Self:
        """Refuse a task of one's own that is a published one but for a slip."""
        for task in self.matching.keys() - PUBLISHED_TIMES.keys():
            if meant := near_misses(task, PUBLISHED_TIMES):
                raise ValueError(
                    f"matching.{task}={self.matching[task]}; did you mean {' or '.join(meant)}? "
                    "A task of your own needs a name that differs by more than a letter"
                )
        return self

    @property
    def schedule(self) -> MeanRevertingSchedule:
        """How strong the noise is at each time."""
        return MeanRevertingSchedule(self.times, self.deviation)

    def in_order(self, tasks: Iterable[str]) -> tuple[str, ...]:
        """Return tasks by rising matching step, as they are learned one after another.

        Raises:
            ValueError: One has no matching step.
        """
        return tuple(sorted({*tasks}, key=lambda task: (self.time_of(task), task)))

    def time_of(self, task: str) -> int:
        """Return the matching step of a task.

        Raises:
            ValueError: It has none.
        """
        name = task or self.task
        if name not in self.matching:
            told = f"task '{name}' has no matching step" if name else "no task is told"
            raise ValueError(
                f"{told}; expected one of {', '.join(self.matching)}, or method.matching.TASK and "
                "method.task in the recipe"
            )
        return self.matching[name]
