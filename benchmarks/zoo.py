"""How well every model that ships does each of its tasks, beside classical methods.

    python benchmarks/zoo.py --test CBSD68=DIR --test bsds500=DIR -o OUT
    python benchmarks/zoo.py --test CBSD68=DIR -o OUT --tasks rain haze --models MODEL...

For each degradation, with its fixed seeds: PSNR in dB and SSIM, in RGB over whole pictures rounded
to 8 bits, of the picture as it is, of the classical methods for it, and of every model that knows
the task, in one, two and four steps where it leaves the choice. What was measured is kept in OUT,
and not measured again. ``benchmarks/zoo_cards.py`` writes it on the cards, and
``benchmarks/zoo_pages.py`` into ``docs/``.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from undegrade.allocator import keep_freed_memory
from undegrade.data.places import Place
from undegrade.degradations import Chain
from undegrade.evaluation.candidates.baselines import INPUT
from undegrade.evaluation.candidates.choice import Choice
from undegrade.evaluation.pictures import PictureSet
from undegrade.evaluation.results.rows import Journal, Row
from undegrade.evaluation.results.summary import Summary, summarise
from undegrade.evaluation.running.measuring import Plan, measure
from undegrade.images.files import make_folder
from undegrade.methods import METHODS
from undegrade.metrics.catalogue import find_metrics
from undegrade.tasks import own_name
from undegrade.zoo import ModelConfig, find_model, list_models

PSNR, SSIM = "psnr", "ssim"
STEPS = (0, 1, 2, 4)
"""Zero asks those models for their first guess that have one."""

LEFT_ALONE = "denoise"
"""What models of several tasks are told of clean photos: there may be no noise at all."""

Entrant = tuple[str, int]
"""What has a line of its own: its name, and its steps."""


@dataclass(frozen=True)
class Case:
    """A test.

    Args:
        task: What undoes it; empty for clean photos, which all models are to leave as they are.
        degradation: What is done to the photos.
        baselines: The classical methods for it.
        test: Name of the photos.
    """

    task: str
    degradation: str
    baselines: tuple[str, ...]
    test: str = "CBSD68"

    @property
    def chain(self) -> Chain:
        """What degrades the photos."""
        return Chain.parse([self.degradation] if self.degradation else [])

    def told(self, config: ModelConfig) -> str:
        """Return the task that a model is told of the photos."""
        return self.task or LEFT_ALONE if config.is_told else "auto"


CASES = {
    "noise": Case("denoise", "noise:sigma=25", ("nlm", "wavelet", "tv")),
    "noise50": Case("denoise", "noise:sigma=50", ("nlm", "wavelet", "tv")),
    "grain": Case("denoise", "noise:sigma=25,grey=true", ("nlm", "wavelet", "tv")),
    "rain": Case("derain", "rain:severity=0.6", ("median", "opening")),
    "misty-rain": Case("derain", "rain:severity=0.6,mist=0.3", ("median", "dark-channel")),
    "jpeg": Case("dejpeg", "jpeg:quality=10", ("tv", "median")),
    "jpeg-bsds": Case("dejpeg", "jpeg:quality=10", ("tv", "median"), "bsds500"),
    "snow": Case("desnow", "snow:severity=0.6", ("median", "opening")),
    "holes": Case("inpaint", "holes:kind=thin,area=0.15,fill=0.5", ("biharmonic",)),
    "raindrops": Case("deraindrop", "raindrops:severity=0.6", ("median",)),
    "shadow": Case("deshadow", "shadow:severity=0.6", ("clahe", "stretch")),
    "low-light": Case("brighten", "low-light:severity=0.6", ("clahe", "stretch")),
    "haze": Case("dehaze", "haze:severity=0.6", ("dark-channel", "clahe")),
    "motion-blur": Case("deblur", "motion-blur:severity=0.2", ("unsharp", "richardson-lucy")),
    "blur": Case("deblur", "blur:sigma=2", ("unsharp", "richardson-lucy")),
    "texture": Case("texture", "texture:solver=multigrid", ("unsharp",)),
    "clean": Case("", "", ()),
}


def main() -> None:
    """Measure what is missing, and print a table for each degradation."""
    arguments = parse_arguments()
    keep_freed_memory()  # as the command does
    make_folder(arguments.output)
    places = [Place.parse(test) for test in arguments.test]
    for name in arguments.tasks:
        case = CASES[name]
        for place in places:
            if place.name == case.test:
                summary = summary_of(measured(case, place, arguments))
                print(f"## {title(case)}\n\n{summary.means_table()}\n", flush=True)


def rows_of_all(arguments: argparse.Namespace) -> dict[str, list[Row]]:
    """Return the rows of each test, whose photos are all named."""
    places = {place.name: place for place in map(Place.parse, arguments.test)}
    return {name: measured(case, places[case.test], arguments) for name, case in CASES.items()}


def parse_arguments(*, of_all: bool = False) -> argparse.Namespace:
    """Read the command line.

    Args:
        of_all: What is written is of all models on all photos of all tests, which have to be named.
    """
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument(
        "--test", action="append", required=True, help="CBSD68=DIR or bsds500=DIR: test photos"
    )
    parser.add_argument("--output", "-o", type=Path, required=True)
    parser.set_defaults(tasks=[*CASES], models=None, pictures=None)
    if of_all:
        arguments = parser.parse_args()
        missing = {case.test for case in CASES.values()} - {
            Place.parse(test).name for test in arguments.test
        }
        if missing:
            parser.error(f"--test is missing for {', '.join(sorted(missing))}")
        return arguments
    parser.add_argument("--tasks", nargs="+", choices=CASES, metavar="NAME")
    parser.add_argument("--models", nargs="+", help="names or folders; all bundled unless given")
    parser.add_argument("--pictures", type=int, help="so many of the test photos; all unless given")
    arguments = parser.parse_args()
    check_tests(parser, arguments.test)
    return arguments


def check_tests(parser: argparse.ArgumentParser, tests: Sequence[str]) -> None:
    """End with an error where no case is of photos of that name."""
    known = {case.test for case in CASES.values()}
    for test in tests:
        if Place.parse(test).name not in known:
            parser.error(f"no test has photos called {test}; expected {' or '.join(sorted(known))}")


def title(case: Case) -> str:
    """Return what a case is called: what was done to which photos."""
    return f"`{case.degradation or 'clean'}`, {case.test}"


def measured(case: Case, place: Place, arguments: argparse.Namespace) -> list[Row]:
    """Return the rows of all that restores the pictures of a case."""
    pictures = PictureSet.open(place, case.chain, limit=arguments.pictures)
    journal = Journal(arguments.output)
    plan = Plan(find_metrics(f"{PSNR},{SSIM}"), steps=STEPS)
    rows = [*measure(Choice(case.baselines).load(), pictures, plan, journal)]
    for model in able(case.task, arguments.models):
        task = case.told(find_model(model).config)
        _input, *restoring = Choice((model,), device="cpu", precision="float32", task=task).load()
        rows += measure(restoring, pictures, plan, journal)
    return rows


def able(task: str, models: Sequence[str] | None) -> list[str]:
    """Return which of the models restore what a task is about."""
    known = [entry.name for entry in list_models() if entry.bundled] if models is None else models
    return [model for model in known if does(task, find_model(model).config)]


def does(task: str, config: ModelConfig) -> bool:
    """Return whether a model restores what a task is about; all can be given clean photos."""
    if not METHODS.get(config.method_name).restores:
        return False
    return own_name(task) in config.tasks if task else True


def summary_of(rows: Sequence[Row]) -> Summary:
    """Return what the rows of a case come to, the input first."""
    order = list(dict.fromkeys([INPUT, *(row.key.model for row in rows)]))
    return summarise(rows, order, find_metrics(f"{PSNR},{SSIM}"))


def means(rows: Sequence[Row]) -> dict[Entrant, tuple[float, float]]:
    """Return the mean PSNR and SSIM of each entrant."""
    by_entrant: dict[Entrant, list[Row]] = {}
    for row in rows:
        by_entrant.setdefault(row.key.entrant, []).append(row)
    return {
        entrant: (fmean(row.scores[PSNR] for row in own), fmean(row.scores[SSIM] for row in own))
        for entrant, own in by_entrant.items()
    }


if __name__ == "__main__":
    main()
