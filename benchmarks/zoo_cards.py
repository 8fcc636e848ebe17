"""Write on the cards of models what they are, how they were made, and how well they do.

    python benchmarks/zoo_cards.py --test CBSD68=DIR --test bsds500=DIR -o OUT

What ``benchmarks/zoo.py`` has measured into OUT is not measured again. A card's first words and
all of its other sections are written by hand, and stay.
"""

import csv
import re
import shlex
from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path

from undegrade.data.photos import is_validation
from undegrade.evaluation.candidates.baselines import INPUT
from undegrade.evaluation.names import FIRST_GUESS
from undegrade.evaluation.results.tables import markdown
from undegrade.images.files import make_folder, write_whole
from undegrade.methods import METHODS
from undegrade.wording import counted
from undegrade.zoo import ModelEntry, find_model, list_models, load_method
from undegrade.zoo.cards import known_of, listed
from undegrade.zoo.files import CARD_FILE
from zoo import CASES, Case, Entrant, does, means, parse_arguments, rows_of_all, title

METHOD_NAMES = {
    "resflow": 'ResFlow ("Reversing Flow for Image Restoration", CVPR 2025)',
    "eedtp": 'EEDTP ("Elucidating and Endowing the Diffusion Training Paradigm for General Image '
    'Restoration", 2025)',
    "dtpm": 'DTPM ("Diffusion Texture Prior Model for Image Restoration", CVPR 2024)',
    "regression": "regression: one evaluation, no diffusion and no flow",
}
NETWORK_NAMES = {"unet": "U-Net", "nafnet": "NAFNet"}

MADE, NUMBERS = "How it was made", "Numbers"

TWINS = {
    "resflow-general": "nafnet-general",
    "nafnet-general": "resflow-general",
    "rain-mse": "rain-diffloss",
    "rain-diffloss": "rain-mse",
}
"""The same network trained otherwise; of all others it is the regression of ten tasks."""
TWIN = "nafnet-ten"

HOURS = {
    "resflow-general": 2.5,
    "resflow-rain": 0.7,
    "resflow-snow": 0.5,
    "resflow-haze": 0.8,
    "resflow-low-light": 0.8,
    "resflow-raindrops": 0.7,
    "resflow-shadow": 0.8,
    "resflow-blur": 0.5,
    "resflow-inpainting": 2.5,
    "eedtp-ten": 7.2,
    "nafnet-general": 0.8,
    "nafnet-ten": 5.0,
    "dtpm-texture": 0.4,
    "dtpm-rain": 0.4,
    "dtpm-snow": 1.0,
    "rain-mse": 0.1,
    "rain-diffloss": 0.3,
}
"""By the times in their logs, on one core of an AMD EPYC with other work beside them."""

OTHERWISE = {
    "eedtp-ten": "The recipe makes such a model in one go. These weights were made in two: after "
    "the first 54,500 steps they were exported, in half precision, and gone on with from there.",
    "nafnet-ten": "The recipe makes such a model from the `eedtp-ten` that ships. These weights "
    "began with what that was after four of its stages (SHA-256 "
    "`80c5e837c0f97e47e43a06ef93bbd2e84a54cb3626ccaf19bc8b5e7bb42f8a28`), and were exported in "
    "half precision and gone on with from there after the first 33,000 steps.",
}
"""How weights were made that their recipe makes again only much the same."""

STEP_NAMES = {FIRST_GUESS: "first guess", 0: "restored"}

RECIPES = Path(__file__).parents[1] / "recipes"
PHOTOS = RECIPES / "data" / "photos.csv"

Means = Mapping[Entrant, tuple[float, float]]


def main() -> None:
    """Measure what is missing, and write the cards."""
    arguments = parse_arguments(of_all=True)
    make_folder(arguments.output)
    found = {name: means(rows) for name, rows in rows_of_all(arguments).items()}
    for entry in map(find_model, bundled()):
        if METHODS.get(entry.config.method_name).restores:
            write_whole(entry.folder / CARD_FILE, card(entry, found).encode())
            print(entry.name, flush=True)


def bundled() -> list[str]:
    """Return the names of the models that ship."""
    return [entry.name for entry in list_models() if entry.bundled]


def card(entry: ModelEntry, found: Mapping[str, Means]) -> str:
    """Return a card with the sections that are known written anew."""
    words, sections = parted(entry.card)
    made = {MADE: how_made(entry), NUMBERS: numbers(entry, found)}
    rest = {name: text for name, text in sections.items() if name not in made}
    told = [f"# {entry.name}", words or entry.config.summary, facts(entry)]
    for name, text in (made | rest).items():
        told += [f"## {name}", text]
    return "\n\n".join(told) + "\n"


def parted(text: str) -> tuple[str, dict[str, str]]:
    """Return the first words of a card without its facts, and its sections by their names."""
    head, *parts = re.split(r"^## +", text, flags=re.MULTILINE)
    words = head.partition("\n- ")[0].partition("\n")[2].strip()
    sections = {}
    for part in parts:
        name, _, content = part.partition("\n")
        sections[name.strip()] = content.strip()
    return words, sections


def facts(entry: ModelEntry) -> str:
    """Return what is known of a model, as a list."""
    config = entry.config
    network = config.method.get("network", {})
    kind = NETWORK_NAMES.get(network.get("name", "unet"), "network")
    gated = " of gated blocks" if network.get("block") == "gated" else ""
    experts = " with experts" if config.method.get("experts") else ""
    parameters = sum(parameter.numel() for parameter in load_method(entry).parameters())
    told = " (has to be told which)" if config.is_told else ""
    known = {
        "Method": METHOD_NAMES[config.method_name],
        "Network": f"{kind}{gated}{experts}, {parameters / 1e6:.1f} million parameters, "
        f"{entry.size / 1e6:.1f} MB",
        "Tasks": f"{', '.join(config.tasks)}{told}",
    }
    return listed(
        known | {name: fact for name, fact in known_of(config).items() if name not in known}
    )


def how_made(entry: ModelEntry) -> str:
    """Return the command that makes a model, and how much that is."""
    recipe = entry.config.recipe
    places = (RECIPES / f"{entry.name}.yaml", RECIPES / "small" / f"{entry.name}.yaml")
    path = next(place for place in places if place.exists())
    told = [change for change in changes_in(path.read_text()) if "training_data" not in change]
    command = [str(path.relative_to(RECIPES.parent)), "data.photos=PHOTOS", *map(shlex.quote, told)]
    stages = [
        f"{stage['steps']:,} steps of {stage['batch']} crops of {stage['crop']} pixels"
        + (f" of the mixture `{stage['mixture']}`" if stage.get("mixture") else "")
        for stage in recipe["stages"]
    ]
    runs = [(stage, len([*same])) for stage, same in groupby(stages)]
    amount = ", then ".join(f"{many} times {stage}" if many > 1 else stage for stage, many in runs)
    number = "bfloat16" if recipe.get("precision") == "bf16-mixed" else "float32"
    origin = f", from the weights of `{recipe['start_from']}`" if recipe.get("start_from") else ""
    with PHOTOS.open(encoding="utf-8", newline="") as listed:
        names = [row["file"] for row in csv.DictReader(listed)]
    seen = sum(not is_validation(name) for name in names)
    return (
        f"    undegrade train {' '.join(command)} -o runs/{entry.name}\n\n"
        f"{amount}, in {number}{origin}; {HOURS[entry.name]:g} h of one processor core. The "
        f"photos are {seen} of the {len(names)} in `recipes/data/photos.csv`; the others, chosen "
        "by the hash of their names, are for validation. The recipe is in `config.json`."
        + (f"\n\n{OTHERWISE[entry.name]}" if entry.name in OTHERWISE else "")
    )


def changes_in(recipe: str) -> list[str]:
    """Return with which changes a recipe says that the bundled weights were made."""
    below = recipe.partition("# The bundled weights were made with\n")[2]
    lines = re.match(r"(#   .*\n)*", below)
    assert lines is not None
    return shlex.split(lines.group().replace("#   ", " "))


def numbers(entry: ModelEntry, found: Mapping[str, Means]) -> str:
    """Return a table of all tests of a model, and what was done to get it."""
    own = [name for name in found if does(CASES[name].task, entry.config)]
    steps = sorted({at for name in own for at in steps_of(entry, found[name])})
    twin = TWINS.get(entry.name, TWIN)
    shared = [name for name in own if CASES[name].task and mean_of(twin, found[name], None)]
    has_twin = twin != entry.name and bool(shared)
    asked = [STEP_NAMES.get(at) or counted(at, "step") for at in steps]
    head = ["test", "input", "best classical", *asked, *([f"`{twin}`"] * has_twin)]
    lines = []
    for name in own:
        case, values = CASES[name], found[name]
        line = [title(case), shown(values[INPUT, 0]), classical(case, values)]
        line += [shown(mean_of(entry.name, values, at)) for at in steps]
        line += [shown(mean_of(twin, values, None))] * has_twin
        lines.append(line)
    is_ten = has_twin and twin == TWIN
    about = f"; `{TWIN}` knows ten tasks, and is not told which" if is_ten else ""
    return (
        "PSNR in dB / SSIM, in RGB over whole pictures rounded to 8 bits, of the 68 photos of "
        "CBSD68 and the 200 of BSDS500's test, with the fixed seeds of the degradations, in "
        f"float32 on a processor{about}. Printed by `python benchmarks/zoo.py --test "
        f"CBSD68=DIR --test bsds500=DIR -o OUT`:\n\n{markdown(head, lines)}"
    )


def steps_of(entry: ModelEntry, values: Means) -> list[int]:
    """Return in how many steps a model was measured; 0 where it has no choice."""
    return [steps for model, steps in values if is_of(model, entry.name)]


def is_of(entrant: str, model: str) -> bool:
    """Return whether a line is of a model, whatever it was told."""
    return entrant == model or entrant.startswith(f"{model} (")


def mean_of(model: str, values: Means, steps: int | None) -> tuple[float, float] | None:
    """Return what a model came to; by the fewest steps for None."""
    own = {at: mean for (entrant, at), mean in values.items() if is_of(entrant, model)}
    return own.get(min(own) if steps is None else steps) if own else None


def classical(case: Case, values: Means) -> str:
    """Return what the best of the classical methods came to, with its name."""
    best = max(case.baselines, key=lambda name: values[name, 0][0], default=None)
    return "–" if best is None else f"{shown(values[best, 0])} ({best})"


def shown(mean: Sequence[float] | None) -> str:
    """Return PSNR and SSIM as text; equal pictures have no PSNR."""
    if mean is None or mean[0] >= 100:
        return "–"
    return f"{mean[0]:.2f} / {mean[1]:.4f}"


if __name__ == "__main__":
    main()
