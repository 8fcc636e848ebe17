"""What the figures of `evaluate --analyse flow` depend on beside the model.

    python benchmarks/flow.py resflow-general --data CBSD68=DIR --degrade noise:sigma=25

Prints I(x_t; x_0) and I((x_t, y_t); x_0) at t = 1 by number of patches and of dimensions taken. Of
a model whose `y` is shared by neighbouring patches, prints instead what `y` says of the clean patch
beyond `x`, most over all times, with whole cells shuffled as the command does, and with single
patches.
"""

import argparse
from collections.abc import Iterator
from dataclasses import replace

from undegrade.data.places import Place
from undegrade.degradations import Chain
from undegrade.evaluation.flow.analysis import FlowModel, middles
from undegrade.evaluation.flow.companion import companion_of
from undegrade.evaluation.flow.figures import FlowOptions, InformationCurves
from undegrade.evaluation.flow.information import Patches, cut_patches, information_curves
from undegrade.evaluation.pictures import PictureSet, TruthPair
from undegrade.evaluation.results.tables import markdown

DIMENSIONS = (1, 2, 4)
PATCHES = (1000, 4000, 16000)
MOST_COORDINATES = 40_000  # patches times dimensions; with more, one number takes minutes


def main() -> None:
    arguments = parse_arguments()
    model = FlowModel.load(arguments.model)
    pictures = PictureSet.open(
        Place.parse(arguments.data), Chain.parse(arguments.degrade), limit=arguments.pictures
    )
    options = FlowOptions()
    pairs = middles(model.method, pictures, options)
    plain = sample(model, pairs, options)
    print(f"{model.name}, {pictures.title}, {len(pairs)} pictures\n")
    if plain.y is None or plain.y.cells is None:
        print(markdown(["at t = 1", *(f"{n} patches" for n in PATCHES)], [*sizes(model, pairs)]))
    else:
        print(markdown(["shuffled", "drawn", "recognised"], [*controls(model, plain, options)]))


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("model", help="name or folder of a ResFlow model")
    parser.add_argument("--data", required=True, help="NAME=DIR of clean test photos")
    parser.add_argument("--degrade", action="append", required=True, help="as undegrade degrade")
    parser.add_argument("--pictures", type=int, default=8)
    return parser.parse_args()


def sample(model: FlowModel, pairs: list[TruthPair], options: FlowOptions) -> Patches:
    """Return patches of pictures, with the model's own ``y``."""
    ends = [(pair.lq, pair.hq) for pair in pairs]
    patches, cells = cut_patches(ends, options)
    return replace(patches, y=companion_of(model.method, ends, cells, options))


def sizes(model: FlowModel, pairs: list[TruthPair]) -> Iterator[list[str]]:
    """Return a row for each number of dimensions: both informations at t = 1."""
    for dimensions in DIMENSIONS:
        row = [f"{dimensions} dimension" + "s" * (dimensions > 1)]
        for patches in PATCHES:
            if patches * dimensions > MOST_COORDINATES:
                row.append("")
                continue
            options = FlowOptions(times=(1.0,), patches=patches, dimensions=dimensions)
            curves = measure(model, sample(model, pairs, options), options)
            joint = f" / {curves.drawn.joint[0]:.2f}" if curves.drawn else ""
            row.append(f"{curves.x[0]:.2f}{joint}")
        yield row


def controls(model: FlowModel, patches: Patches, options: FlowOptions) -> Iterator[list[str]]:
    """Return a row for each way of shuffling: the most that each kind of ``y`` says."""
    assert patches.y is not None  # it is what is shuffled
    apart = replace(patches, y=replace(patches.y, cells=None))
    for name, arranged in (("whole cells", patches), ("single patches", apart)):
        told = measure(model, arranged, options).tellings
        yield [name, *(f"{max(telling.gain):.2f}" for telling in told.values())]


def measure(model: FlowModel, patches: Patches, options: FlowOptions) -> InformationCurves:
    return information_curves(patches, model.method.schedule, options, lambda: None)


if __name__ == "__main__":
    main()
