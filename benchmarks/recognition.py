"""How well a classifier knows handwritten digits once they were degraded and restored.

    python benchmarks/recognition.py --degrade haze:severity=0.8 MODEL...

The question of DiffLoss's table 2 (2024), at a size that a processor answers: its classifiers know
birds. The digits are those of scikit-learn (UCI, CC BY 4.0), 8x8 pixels, enlarged smoothly and laid
over soft backgrounds, 64x64 pixels in colour. Three small networks learn the first 1000 of them
clean, and never see a degraded or restored picture; the other 797 are degraded, restored and looked
at. Prints the share that is known, its mean over the networks with an interval by bootstrap over
pictures, and for the first two models McNemar's exact test of each network's answers: whether the
digits that are known of one model's pictures alone are more than those of the other's alone.
"""

import argparse
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image as PilImage
from rich.console import Console
from rich.progress import track
from scipy.stats import binomtest
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.nn import functional as F

from undegrade.data.samples import to_tensor
from undegrade.degradations import Chain, Image
from undegrade.evaluation.candidates.base import Candidate
from undegrade.evaluation.candidates.baselines import INPUT
from undegrade.evaluation.candidates.choice import Choice
from undegrade.evaluation.pictures import as_image
from undegrade.evaluation.results.statistics import mean_with_interval
from undegrade.evaluation.results.tables import markdown
from undegrade.randomness import generator

SIDE, DIGIT = 64, 48  # of the pictures and of the digits on them, in pixels
TRAINING = 1000  # digits; the others are for testing
DRESSES = 3  # pictures of each digit that is learned from, on backgrounds of their own
CONTRAST = 0.35  # between digit and background, on the average over the colours
EPOCHS, BATCH, RATE = 12, 50, 2e-3
SEEDS = (0, 1, 2)  # of the networks that are asked
SHOWN = 10  # pictures on the sheet

Known = npt.NDArray[np.bool_]
"""Whether each network knows each picture, ``(len(SEEDS), N)``."""


class Digits(NamedTuple):
    """Pictures ``(SIDE, SIDE, 3)`` in ``[0, 1]``, and the digit on each."""

    pictures: list[Image]
    labels: Tensor


def main() -> None:
    """Learn, degrade, restore, ask and print."""
    arguments = parse_arguments()
    candidates = Choice(tuple(arguments.models), arguments.device, task=arguments.task).load()
    chain = Chain.parse(arguments.degrade)
    test = dressed(range(TRAINING, TRAINING + arguments.pictures), "test")
    views = {"clean": test.pictures} | restored(test.pictures, chain, candidates)
    learned = dressed([*range(TRAINING)] * DRESSES, "training")
    networks = [train(learned, seed) for seed in SEEDS]
    known = {name: ask(networks, test.labels, pictures) for name, pictures in views.items()}
    print(f"{len(test.pictures)} digits, {chain}\n")
    print(table(known))
    first_two = [candidate.name for candidate in candidates[1:3]]
    if len(first_two) == 2:
        print(f"\n{mcnemar(known, *first_two)}")
    if arguments.sheet:
        sheet(views).save(arguments.sheet)


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("models", nargs="+", help="as undegrade evaluate; baselines as well")
    parser.add_argument("--degrade", action="append", required=True, help="as undegrade degrade")
    parser.add_argument("--pictures", type=int, default=797, help="digits to test with")
    parser.add_argument("--task", default="auto", help="what models are asked to undo")
    parser.add_argument("--device", default="auto", help="where models run")
    parser.add_argument("--sheet", type=Path, help="PNG with some of the pictures")
    return parser.parse_args()


def dressed(numbers: Sequence[int], purpose: str) -> Digits:
    """Return pictures of digits, each on a background of its own.

    Args:
        numbers: Which of scikit-learn's digits.
        purpose: Names the backgrounds.
    """
    known = load_digits()
    pictures = [
        dress(known.images[number] / 16, generator("recognition", purpose, place))
        for place, number in enumerate(numbers)
    ]
    return Digits(pictures, torch.from_numpy(known.target[[*numbers]]))


def dress(digit: npt.NDArray[np.float64], rng: np.random.Generator) -> Image:
    """Lay a digit, 8x8 from 0 to 1, over a soft background that is darker or lighter."""
    shade = rng.uniform(0.2, 0.8)
    ground = enlarged(shade + rng.uniform(-0.15, 0.15, (3, 3, 3)), SIDE)
    colour = shade + (CONTRAST if shade < 0.5 else -CONTRAST) + rng.uniform(-0.1, 0.1, 3)
    cover = np.zeros((SIDE, SIDE, 1))
    top, left = rng.integers(0, SIDE - DIGIT + 1, 2)
    cover[top : top + DIGIT, left : left + DIGIT] = enlarged(digit[..., None], DIGIT).clip(0, 1)
    picture: Image = (ground * (1 - cover) + colour * cover).clip(0, 1).astype(np.float32)
    return picture


def enlarged(values: npt.NDArray[np.float64], side: int) -> npt.NDArray[np.float64]:
    """Return ``(h, w, C)`` numbers at a larger size, smooth."""
    planes = torch.from_numpy(values).permute(2, 0, 1)[None]
    large: npt.NDArray[np.float64] = (
        F.interpolate(planes, (side, side), mode="bicubic")[0].permute(1, 2, 0).numpy()
    )
    return large


def restored(
    clean: Sequence[Image], chain: Chain, candidates: Sequence[Candidate]
) -> dict[str, list[Image]]:
    """Return the pictures degraded, and as each candidate gives them back, by name."""
    degraded = [
        chain.apply(picture, generator("recognition", "degrade", str(chain), place))
        for place, picture in enumerate(clean)
    ]
    views = {}
    for candidate in candidates:
        setting = candidate.settings((), (0,))[0]
        bar = track(degraded, description=candidate.name, console=Console(stderr=True))
        views[candidate.name] = [as_image(candidate.restore(lq, setting).picture) for lq in bar]
    return views


def train(learned: Digits, seed: int) -> nn.Module:
    """Return a small network that has learned clean pictures."""
    torch.manual_seed(seed)
    widths = (3, 16, 32, 64, 64)
    layers: list[nn.Module] = []
    for width, wider in pairwise(widths):
        convolution = nn.Conv2d(width, wider, 3, stride=2, padding=1)
        layers += [convolution, nn.BatchNorm2d(wider), nn.ReLU()]
    across = SIDE >> (len(widths) - 1)
    network = nn.Sequential(*layers, nn.Flatten(), nn.Linear(widths[-1] * across**2, 10))
    optimiser = torch.optim.Adam(network.parameters(), lr=RATE)
    steps = EPOCHS * -(-len(learned.labels) // BATCH)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    pictures = to_tensor(learned.pictures)
    for _ in range(EPOCHS):
        for chosen in torch.randperm(len(pictures)).split(BATCH):  # type: ignore[no-untyped-call]
            loss = F.cross_entropy(network(pictures[chosen]), learned.labels[chosen])
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            schedule.step()
    return network.eval()


def ask(networks: Sequence[nn.Module], labels: Tensor, pictures: Sequence[Image]) -> Known:
    """Return which digits each network knows."""
    shown = to_tensor(pictures)
    with torch.inference_mode():
        found = [network(shown).argmax(dim=1) == labels for network in networks]
    known: Known = torch.stack(found).numpy()
    return known


def table(known: Mapping[str, Known]) -> str:
    """Return a row for each kind of pictures: the share that is known, in per cent."""
    rows = []
    for name, right in known.items():
        mean = mean_with_interval([*(100 * right.mean(axis=0))])
        interval = "" if mean.ends is None else f" [{mean.low:.1f}, {mean.high:.1f}]"
        each = (f"{100 * share:.1f}" for share in right.mean(axis=1))
        rows.append(["degraded" if name == INPUT else name, f"{mean.value:.1f}{interval}", *each])
    return markdown(["pictures", "known, % [95 %]", *(f"network {seed}" for seed in SEEDS)], rows)


def mcnemar(known: Mapping[str, Known], first: str, second: str) -> str:
    """Return McNemar's exact test between two models, one for each network."""
    lines = []
    for seed, one, other in zip(SEEDS, known[first], known[second], strict=True):
        gained, lost = int((one & ~other).sum()), int((other & ~one).sum())
        p_value = binomtest(gained, gained + lost).pvalue if gained + lost else 1.0
        lines.append([f"network {seed}", str(gained), str(lost), f"{p_value:.2g}"])
    head = ["McNemar's test", f"known of {first} alone", f"of {second} alone", "p"]
    return markdown(head, lines)


def sheet(views: Mapping[str, Sequence[Image]]) -> PilImage.Image:
    """Return some pictures side by side, a row for each kind."""
    rows = [np.concatenate(pictures[:SHOWN], axis=1) for pictures in views.values()]
    levels = np.rint(np.concatenate(rows).clip(0, 1) * 255).astype(np.uint8)
    return PilImage.fromarray(levels)


if __name__ == "__main__":
    main()
