"""How near a model's results come to the truth, for several numbers of steps."""

import csv
import io
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from undegrade.data.samples import to_tensor
from undegrade.degradations import Image
from undegrade.errors import InputError, UsageError
from undegrade.evaluation.pictures import PictureSet
from undegrade.images.files import write_whole
from undegrade.inference import Restorer
from undegrade.metrics.catalogue import METRICS

Progress = Callable[[int, int], None]
"""Called with (done, total)."""

OWN = "own"
"""Name of the row of the model's own number of steps."""

INPUT = "input"
"""Name of the row of the degraded picture itself."""

MOST_PSNR = 100.0
"""What pictures count for that are equal, in dB: a mean would otherwise be infinite."""


@dataclass(frozen=True)
class Score:
    """Nearness to the truth: PSNR in dB, at most 100, and SSIM."""

    psnr: float
    ssim: float

    @classmethod
    def of(cls, restored: Image, hq: Image) -> "Score":
        """Measure one picture; both ``(H, W, 3)`` in ``[0, 1]``, rounded to 8 bits first.

        Raises:
            InputError: The picture is smaller than 11x11 pixels.
            MissingExtraError: torchmetrics is not installed.
        """
        pair = to_tensor([restored]), to_tensor([hq])
        return cls(min(MOST_PSNR, float(METRICS["psnr"](*pair))), float(METRICS["ssim"](*pair)))

    @classmethod
    def mean(cls, scores: Sequence["Score"]) -> "Score":
        """Return the mean of each measure."""
        return cls(
            float(np.mean([score.psnr for score in scores])),
            float(np.mean([score.ssim for score in scores])),
        )

    def __str__(self) -> str:
        return f"{self.psnr:.2f} / {self.ssim:.4f}"


@dataclass(frozen=True)
class Quality:
    """Scores of a model on a set of pictures.

    Args:
        title: The set, in words.
        names: The pictures.
        scores: For ``"input"`` and each number of steps, one score for each picture.
        seconds_per_megapixel: For each number of steps, how long restoring took.
    """

    title: str
    names: tuple[str, ...]
    scores: dict[str, tuple[Score, ...]]
    seconds_per_megapixel: dict[str, float]

    def means(self) -> dict[str, Score]:
        """Return the mean score of each row."""
        return {key: Score.mean(scores) for key, scores in self.scores.items()}

    def table(self) -> str:
        """Return the means as a Markdown table under its title."""
        means = self.means()
        heads = [key if key == INPUT else f"{key} step{'s' * (key != '1')}" for key in means]
        rows = [heads, ["---"] * len(heads), [*map(str, means.values())]]
        lines = ["| " + " | ".join(row) + " |" for row in rows]
        protocol = METRICS["psnr"].protocol
        return "\n".join([f"{self.title} (PSNR dB / SSIM; {protocol})", "", *lines])

    def write_csv(self, file: Path) -> None:
        """Write one line for each picture and number of steps.

        Raises:
            OutputError: The file cannot be written.
        """
        rows = [
            {
                "picture": name,
                "steps": key,
                "psnr": f"{score.psnr:.4f}",
                "ssim": f"{score.ssim:.6f}",
            }
            for key, scores in self.scores.items()
            for name, score in zip(self.names, scores, strict=True)
        ]
        write_csv(file, ("picture", "steps", "psnr", "ssim"), [[*row.values()] for row in rows])


def measure_quality(
    restorer: Restorer,
    pictures: PictureSet,
    steps: Sequence[int | None],
    *,
    seed: int = 0,
    progress: Progress | None = None,
) -> Quality:
    """Restore each picture as a user would, and compare it with the truth.

    Args:
        restorer: The model.
        pictures: What it is measured on.
        steps: Numbers of network evaluations; None for the model's own.
        seed: Names the noise of the restorations.
        progress: Called after each restoration.

    Raises:
        InputError: Too many of the pictures cannot be used, or are too small to be measured.
        MissingExtraError: torchmetrics is not installed.
    """
    check_steps(steps)
    names: list[str] = []
    keys = [OWN if count is None else str(count) for count in steps]
    scores: dict[str, list[Score]] = {key: [] for key in (INPUT, *keys)}
    seconds = dict.fromkeys(keys, 0.0)
    pixels, done = 0, 0
    for picture in pictures:
        try:
            scores[INPUT].append(Score.of(picture.lq, picture.hq))
        except InputError as error:
            pictures.problems.add("that cannot be measured", f"{picture.name}: {error.got}")
            continue
        for key, count in zip(keys, steps, strict=True):
            started = time.monotonic()
            restored = restorer(picture.lq, steps=count, seed=seed).image
            seconds[key] += time.monotonic() - started
            scores[key].append(Score.of(restored, picture.hq))
            done += 1
            if progress is not None:
                progress(done, len(pictures) * len(steps))
        names.append(picture.name)
        pixels += picture.hq.shape[0] * picture.hq.shape[1]
    return Quality(
        title=f"{pictures.title}, {len(names)} pictures",
        names=tuple(names),
        scores={key: tuple(values) for key, values in scores.items()},
        seconds_per_megapixel={key: 1e6 * value / pixels for key, value in seconds.items()},
    )


def check_steps(steps: Sequence[int | None]) -> None:
    """Refuse numbers of steps that are none, or not all different.

    Raises:
        UsageError: They are not.
    """
    if (
        not steps
        or any(count is not None and count < 1 for count in steps)
        or len({*steps}) < len(steps)
    ):
        raise UsageError(
            f"steps={','.join(map(str, steps)) or 'none'}",
            expected="different whole numbers of at least 1, as in 1,2,4",
        )


def write_csv(file: Path, head: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Write a table, whole or not at all.

    Raises:
        OutputError: The file cannot be written.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(head)
    writer.writerows(rows)
    write_whole(file, text.getvalue().encode("utf-8", "surrogateescape"))
