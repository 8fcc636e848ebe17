"""How well a detector knows what photos suffer from, and how its probabilities keep their promise.

    python benchmarks/detector.py RUN/detector --photos PHOTOS            # finds its temperatures
    python benchmarks/detector.py RUN/detector --data CBSD68 -o OUT       # measures

With --photos, temperatures are found on the photos of that folder that trainings keep for
validation, and written into the model's configuration. With --data, each photo of a folder is left
clean, degraded in ten ways and in three pairs of ways, how strongly is drawn from a fixed seed, and
the detector is asked. Prints a row for each: how often what is likeliest was right, how often it
was sure and then right, how often exactly what was there was named; and the expected calibration
error over all questions of yes or no. Draws the table of confusions and the curve of reliability.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import matplotlib as mpl
import numpy as np
from rich.console import Console
from rich.progress import track

from undegrade.data.photos import as_float, decode
from undegrade.degradations import Chain
from undegrade.evaluation.results.tables import markdown
from undegrade.images.files import find_photos
from undegrade.inference import Detection, PhotoDetector
from undegrade.inference.detected import CLEAN
from undegrade.inference.pixels import ArrayPicture
from undegrade.methods.base import several_tasks
from undegrade.metrics.probabilities import Reliability, reliability
from undegrade.randomness import generator
from undegrade.tasks import degradation_of
from undegrade.training.temperatures import calibrate_detector
from undegrade.zoo import find_model

mpl.use("Agg")
from matplotlib import pyplot as plt

CASES: dict[str, tuple[str, ...]] = {
    CLEAN: (),
    "denoise": ("noise:sigma=5..50",),
    "derain": ("rain:severity=0.2..1",),
    "dejpeg": ("jpeg:quality=5..60",),
    "desnow": ("snow:severity=0.2..1",),
    "inpaint": ("holes:kind=thin,area=0.05..0.25,fill=0..1",),
    "deraindrop": ("raindrops:severity=0.2..1",),
    "deshadow": ("shadow:severity=0.2..1",),
    "brighten": ("low-light:severity=0.2..1",),
    "dehaze": ("haze:severity=0.2..1",),
    "deblur": ("motion-blur:severity=0.1..0.7",),
    "denoise+dejpeg": ("noise:sigma=10..40", "jpeg:quality=15..60"),
    "derain+dehaze": ("haze:severity=0.3..1", "rain:severity=0.2..1"),
    "deblur+denoise": ("blur:sigma=1.5..4", "noise:sigma=10..40"),
}
"""What is done to each photo, by what undoes it."""

UNSURE = "unsure"


class Answer(NamedTuple):
    """What was done to a photo, and what the detector said of it."""

    case: str
    said: Detection

    @property
    def there(self) -> tuple[str, ...]:
        """Tasks that would undo it; :data:`CLEAN` alone for none."""
        return several_tasks(self.case)

    @property
    def is_likeliest_right(self) -> bool:
        """Whether what was most probable was there."""
        return self.said.likeliest in self.there

    @property
    def is_exact(self) -> bool:
        """Whether all that was there was named, and nothing else."""
        return {*self.said.found} == {*self.there} - {CLEAN}


def main() -> None:
    """Fit, ask, print and draw."""
    arguments = parse_arguments()
    entry = find_model(arguments.model)
    if arguments.photos is not None:
        console = Console(stderr=True)
        entry = calibrate_detector(
            entry,
            arguments.photos,
            draws=arguments.draws,
            progress=lambda done, total: console.print(f"{done} of {total} photos", end="\r"),
        )
        found = entry.config.method["temperature"]
        print(markdown(["task", "temperature"], [[task, f"{t:g}"] for task, t in found.items()]))
    if arguments.data is not None:
        detector = PhotoDetector.from_pretrained(entry.folder, device=arguments.device)
        answers = ask(detector, find_photos(arguments.data, recursive=False), arguments.seed)
        kept = promise(answers)
        print(f"\n{table(answers)}\n\nexpected calibration error {kept.error:.3f}")
        if arguments.output is not None:
            arguments.output.mkdir(parents=True, exist_ok=True)
            draw_confusions(answers, detector.method.tasks, arguments.output / "confusions.png")
            draw_reliability(kept, arguments.output / "reliability.png")


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("model", help="a detector: a name or a folder")
    parser.add_argument(
        "--photos", type=Path, help="find its temperatures on the kept ones of these"
    )
    parser.add_argument("--draws", type=int, default=4, help="of degradations of each of those")
    parser.add_argument("--data", type=Path, help="clean photos to measure it on")
    parser.add_argument("--seed", type=int, default=0, help="of how strongly they are degraded")
    parser.add_argument("--device", default="auto", help="where it runs")
    parser.add_argument("-o", "--output", type=Path, help="folder for the pictures")
    arguments = parser.parse_args()
    if arguments.photos is None and arguments.data is None:
        parser.error("nothing to do: add --photos or --data")
    return arguments


def ask(detector: PhotoDetector, photos: Sequence[Path], seed: int) -> list[Answer]:
    """Degrade each photo in each way, in 8 bit as a file would have it, and ask."""
    chains = {case: Chain.parse(texts) for case, texts in CASES.items()}
    answers = []
    for photo in track(photos, "asking", console=Console(stderr=True)):
        clean = as_float(decode(photo))
        for case, chain in chains.items():
            lq = chain.apply(clean, generator("detector", seed, case, photo.name))
            levels = np.rint(lq.clip(0, 1) * 255).astype(np.uint8)
            answers.append(Answer(case, detector.detect_picture(ArrayPicture(levels))))
    return answers


def promise(answers: Sequence[Answer]) -> Reliability:
    """Return how all probabilities kept their promise."""
    told = np.array([[*answer.said.probabilities.values()] for answer in answers])
    so = [[task in answer.there for task in answer.said.probabilities] for answer in answers]
    return reliability(told, np.array(so))


def table(answers: Sequence[Answer]) -> str:
    """Return a row for each way of degrading, and one for all: shares in per cent."""
    rows = []
    for case in (*CASES, "all"):
        some = [answer for answer in answers if case in (answer.case, "all")]
        sure = [answer for answer in some if answer.said.guess is not None]
        first, right = (percent([one.is_likeliest_right for one in part]) for part in (some, sure))
        exact = percent([answer.is_exact for answer in some])
        name = " and ".join(map(degradation_of, several_tasks(case)))
        rows.append([name, first, f"{100 * len(sure) / len(some):.0f}", right, exact])
    head = ["photo", "likeliest right, %", "sure, %", "then right, %", "named exactly, %"]
    return markdown(head, rows)


def percent(which: Sequence[bool]) -> str:
    return f"{100 * float(np.mean(which)):.0f}" if which else "-"


def draw_confusions(answers: Sequence[Answer], tasks: Sequence[str], file: Path) -> None:
    """Draw how often each guess was made of each way of degrading."""
    guesses = (CLEAN, *tasks, UNSURE)
    shares = np.zeros((len(CASES), len(guesses)))
    for answer in answers:
        place = guesses.index(answer.said.guess or UNSURE)
        shares[[*CASES].index(answer.case), place] += 1
    shares /= shares.sum(axis=1, keepdims=True)
    figure, axes = plt.subplots(figsize=(8, 8), layout="constrained")
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for row, column in zip(*np.nonzero(shares >= 0.005), strict=True):
        share = shares[row, column]
        colour = "white" if share > 0.5 else "black"
        axes.text(column, row, f"{100 * share:.0f}", ha="center", va="center", color=colour)
    names = [" + ".join(map(degradation_of, several_tasks(case))) for case in CASES]
    axes.set_yticks(range(len(names)), names)
    axes.set_xticks(range(len(guesses)), map(degradation_of, guesses), rotation=60, ha="right")
    axes.set(xlabel="guess", ylabel="what was done", title="guesses, % of the photos")
    figure.savefig(file, dpi=100)


def draw_reliability(kept: Reliability, file: Path) -> None:
    """Draw how often it was so by how probable it was said to be."""
    figure, axes = plt.subplots(figsize=(5, 5), layout="constrained")
    axes.plot([0, 1], [0, 1], color="grey", linestyle=":")
    axes.plot(kept.promised, kept.observed, marker="o")
    for promised, observed, count in zip(kept.promised, kept.observed, kept.counts, strict=True):
        axes.annotate(str(count), (promised, observed), xytext=(6, -8), textcoords="offset points")
    axes.set(xlabel="probability", ylabel="share that was so", xlim=(0, 1), ylim=(0, 1))
    axes.set_title(f"expected calibration error {kept.error:.3f}")
    figure.savefig(file, dpi=100)


if __name__ == "__main__":
    main()
