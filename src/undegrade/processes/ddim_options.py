"""How a diffusion is walked back, and on which times: what a user can choose."""

from typing import ClassVar, Literal

from pydantic import Field
from torch import Tensor

from undegrade.errors import UsageError
from undegrade.processes.diffusion import (
    Draw,
    GridKind,
    LinearSchedule,
    NoisePrediction,
    ddim,
    ddim_grid,
)
from undegrade.processes.samplers import Callback
from undegrade.processes.sampling import Sampler


class DdimOptions(Sampler):
    """The walk of a diffusion back from noise, and its times; see :func:`ddim_grid`."""

    forms: ClassVar[str] = "ddim, perhaps with :grid=leading|trailing|linspace and eta=0..1"
    settings: ClassVar[dict[str, tuple[str, ...]]] = {"ddim": ("grid", "eta")}

    name: Literal["ddim"] = "ddim"
    grid: GridKind = Field("leading", description="Which of the thousand times are asked for.")
    eta: float = Field(0.0, ge=0, le=1, description="Share of fresh noise in each step.")

    def __str__(self) -> str:
        """Return a text that :meth:`parse` reads."""
        parts = [f"grid={self.grid}"] if self.grid != "leading" else []
        parts += [f"eta={self.eta!r}"] if self.eta else []
        return self.name + (":" + ",".join(parts) if parts else "")

    def check_steps(self, steps: int | None) -> None:
        """Refuse one step at the time where there is no noise, and more than there are times.

        Raises:
            UsageError: It is so.
        """
        if steps is not None and ddim_grid(self.grid, steps)[0] == 0:
            raise UsageError(
                f"steps={steps} with the sampler '{self}'",
                expected="at least 2: its one step would be at the clean end",
                fix="ask for more steps, or for the sampler ddim:grid=trailing",
            )

    def walk(
        self,
        predict: NoisePrediction,
        x_start: Tensor,
        steps: int,
        callback: Callback | None,
        *,
        schedule: LinearSchedule,
        draw: Draw,
    ) -> Tensor:
        """Return the state without noise; arguments as in :func:`ddim`.

        Raises:
            UsageError: There are not as many times as ``steps``.
        """
        grid = ddim_grid(self.grid, steps, schedule.times)
        return ddim(predict, x_start, grid, callback, schedule=schedule, eta=self.eta, draw=draw)
