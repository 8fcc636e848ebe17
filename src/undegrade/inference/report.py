"""What a run has to say about itself; knows no torch."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from undegrade.errors import UsageError
from undegrade.inference.detected import Detection
from undegrade.metrics.deviation_curve import DeviationCurve, Drawing
from undegrade.tasks import own_name, plain_words, task_advice


@dataclass(frozen=True)
class ModelInfo:
    """What is said about a model where its work is reported.

    Args:
        name: Its name.
        weights_hash: SHA-256 of its weights in hexadecimal digits; empty if they are no file.
        default_steps: Network evaluations unless asked otherwise; None for the method's own.
        tasks: What it was trained to undo.
        uncertainty: What the deviation over draws means; None if nobody measured it.
        told: Whether it has to be told which of the tasks.
        overview: See :class:`~undegrade.zoo.config.ModelConfig`.
    """

    name: str = "unnamed"
    weights_hash: str = ""
    default_steps: int | None = None
    tasks: tuple[str, ...] = ()
    uncertainty: DeviationCurve | None = None
    told: bool = False
    overview: Mapping[str, int] = field(default_factory=dict)

    @property
    def judges_scene(self) -> bool:
        """Whether it finds out for itself what a photo needs, of which some goes by all of it.

        Tiles of one photo would be judged apart: one as haze, the next as clear.
        """
        return bool(self.overview) and len(self.tasks) > 1 and not self.told

    def overview_for(self, task: str) -> int:
        """Return the longest side of the photo shrunk for a task; 0 where that is not done.

        Args:
            task: Its own name, or ``"auto"``: that is the only one of a model of one.
        """
        only = task == "auto" and len(self.tasks) == 1
        return self.overview.get(self.tasks[0] if only else task, 0)

    def can_be_guessed(self, task: str) -> bool:
        """Return whether a detector can say what the model has to be told and was not."""
        return self.told and bool(self.tasks) and task == "auto"

    def own_task(self, task: str) -> str:
        """Return a task under its own name, given that or the name of what it undoes.

        Where nobody noted what the model was trained for, it is as given: its method says.

        Raises:
            UsageError: The model was not trained for it, which names the nearest task; or
                ``"auto"`` leaves open what it has to be told.
        """
        if self.told and not self.tasks:
            return task
        tasks = [*self.tasks] if self.told else ["auto", *self.tasks]
        if self.told and task == "auto":
            raise UsageError(
                f"model '{self.name}' has to be told the task, which 'auto' leaves open",
                expected=f"one of {', '.join(plain_words(tasks))}",
                fix="name it: --task TASK",
            )
        own = own_name(task, tasks)
        if own not in tasks:
            raise UsageError(
                f"model '{self.name}' has no task '{task}'", fix=task_advice(task, tasks)
            )
        return own


@dataclass(frozen=True)
class RunInfo:
    """How a picture was restored.

    Args:
        model: Name of the model that restored it.
        weights_hash: SHA-256 of its weights in hexadecimal digits; empty if they are not a file.
        task: What it was asked to undo; empty where that was left to the model.
        device: Where the network ran, for instance ``"cpu"`` or ``"cuda:0"``.
        precision: Number type of the network: ``"float32"``, ``"bfloat16"`` or ``"float16"``.
        steps: Network evaluations for each draw; 0 where the sampler decides on the way, and for a
            first guess alone.
        sampler: How the flow was walked, as ``--sampler`` reads it; empty where there is no choice.
        draws: Number of draws that were made; 1 of a model that draws nothing.
        seed: Seed of the noise.
        deterministic: Whether this is the mean over fixed draws.
        texture: Share of the drawn texture that was added to a first guess; None for methods that
            draw none.
        tile_size: Longest side of the largest tile, in pixels.
        tiles: Number of tiles.
        seconds: Time that it took, detecting, reading and writing included.
        redone_tiles: Tiles that were not finite and were done again in float32, those of a large
            photo that was also restored shrunk among them.
        messages: What the user should know, one sentence each.
        detection: What model and task were chosen by; of a batch, for the picture where that is
            least sure. None where nobody had to choose.
    """

    model: str
    weights_hash: str
    task: str
    device: str
    precision: str
    steps: int
    sampler: str
    draws: int
    seed: int
    deterministic: bool
    texture: float | None
    tile_size: int
    tiles: int
    seconds: float
    redone_tiles: int
    messages: tuple[str, ...]
    detection: Detection | None = None

    @property
    def drawing(self) -> Drawing:
        """How the draws were made."""
        return Drawing(
            steps=self.steps,
            sampler=self.sampler,
            draws=self.draws,
            deterministic=self.deterministic,
            texture=self.texture,
        )

    def as_dict(self) -> dict[str, Any]:
        """Return the same as plain values, ready for JSON."""
        detection = None if self.detection is None else self.detection.as_dict()
        return asdict(self) | {"messages": list(self.messages), "detection": detection}


@dataclass(frozen=True)
class FileReport:
    """What became of one file.

    Args:
        source: The file, or ``"-"`` for bytes.
        outputs: The files that were written; the picture first. Empty for a stream.
        width: Pixels per row.
        height: Number of rows.
        info: How it was restored.
    """

    source: str
    outputs: tuple[Path, ...]
    width: int
    height: int
    info: RunInfo
