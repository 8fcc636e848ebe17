"""What a run has to say about itself; knows no torch."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from undegrade.errors import UndegradeError

Status = Literal["done", "skipped", "failed"]


@dataclass(frozen=True)
class ModelInfo:
    """What is said about a model where its work is reported.

    Args:
        name: Its name.
        weights_hash: SHA-256 of its weights in hexadecimal digits; empty if they are no file.
        default_steps: Network evaluations unless asked otherwise; None for the method's own.
        tasks: What it was trained to undo.
    """

    name: str = "unnamed"
    weights_hash: str = ""
    default_steps: int | None = None
    tasks: tuple[str, ...] = ()


@dataclass(frozen=True)
class RunInfo:
    """How a picture was restored.

    Args:
        model: Name of the model.
        weights_hash: SHA-256 of its weights in hexadecimal digits; empty if they are not a file.
        device: Where the network ran, for instance ``"cpu"`` or ``"cuda:0"``.
        precision: Number type of the network: ``"float32"``, ``"bfloat16"`` or ``"float16"``.
        steps: Network evaluations for each draw.
        seed: Seed of the noise.
        tile_size: Longest side of the largest tile, in pixels.
        tiles: Number of tiles.
        seconds: Time that it took, reading and writing included.
        redone_tiles: Tiles that were not finite and were done again in float32.
        messages: What the user should know, one sentence each.
    """

    model: str
    weights_hash: str
    device: str
    precision: str
    steps: int
    seed: int
    tile_size: int
    tiles: int
    seconds: float
    redone_tiles: int
    messages: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return the same as plain values, ready for JSON."""
        return asdict(self) | {"messages": list(self.messages)}


@dataclass(frozen=True)
class FileReport:
    """What became of one file.

    Args:
        source: The file, or ``"-"`` for bytes.
        status: ``"done"``; ``"skipped"``, because the result was there; or ``"failed"``.
        outputs: The files that were written, or that were there; the picture first.
        width: Pixels per row; 0 if it was not opened.
        height: Number of rows; likewise.
        seconds: Time that it took.
        error: Why it failed.
        info: How it was restored, if it was.
    """

    source: str
    status: Status
    outputs: tuple[Path, ...] = ()
    width: int = 0
    height: int = 0
    seconds: float = 0.0
    error: UndegradeError | None = None
    info: RunInfo | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the same as plain values, ready for JSON."""
        error = self.error
        return {
            "source": self.source,
            "status": self.status,
            "outputs": [str(path) for path in self.outputs],
            "width": self.width,
            "height": self.height,
            "seconds": round(self.seconds, 3),
            "error": None if error is None else str(error),
            "exit_code": 0 if error is None else error.exit_code,
            "info": None if self.info is None else self.info.as_dict(),
        }
