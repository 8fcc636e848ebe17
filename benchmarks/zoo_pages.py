"""Write what every model that ships comes to: a page for each test, and tables of all.

    python benchmarks/zoo_pages.py --test CBSD68=DIR --test bsds500=DIR -o OUT

What ``benchmarks/zoo.py`` has measured into OUT is not measured again. The pages go to
``docs/results/``; between two marks of ``README.md`` what each task's model comes to, of
``docs/results.md`` all models, and of ``docs/theory/eedtp.md`` what the model of ten tasks lacks to
those of one. The rest of the three is written by hand, and stays.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean

from zoo_cards import TWIN, Means, classical, mean_of, shown

from undegrade.evaluation.candidates.baselines import INPUT
from undegrade.evaluation.names import FIRST_GUESS
from undegrade.evaluation.results.rows import Row
from undegrade.evaluation.results.tables import markdown
from undegrade.images.files import make_folder, write_whole
from undegrade.zoo import DEFAULT_MODEL, SPECIALISTS, find_model
from zoo import (
    CASES,
    LEFT_ALONE,
    STEPS,
    Case,
    means,
    parse_arguments,
    rows_of_all,
    summary_of,
    title,
)

README = Path(__file__).parents[1] / "README.md"
DOCS = README.parent / "docs"
PAGES = DOCS / "results"
OVERVIEW, THEORY = DOCS / "results.md", DOCS / "theory" / "eedtp.md"
BEGIN, END = "<!-- table: benchmarks/zoo_pages.py -->\n", "<!-- end of the table -->\n"

TEN = "eedtp-ten"

OWN = {**SPECIALISTS, "texture": "dtpm-texture", "": DEFAULT_MODEL}
"""Which model is the best at a task, or at leaving clean photos alone."""

PICTURES = {
    "jpeg-bsds": "jpeg",
    "holes": "thin-holes",
    "blur": "gaussian-blur",
    "motion-blur": "blur",
}
"""What ``examples/tasks.py`` calls the picture of a test, where that has another name."""

IN_SHORT = {
    "noise": "Gaussian noise, sigma 25",
    "noise50": "Gaussian noise, sigma 50",
    "jpeg-bsds": "JPEG quality 10, 4:2:0",
    "rain": "rain, severity 0.6",
    "snow": "snow, severity 0.6",
    "haze": "haze, severity 0.6",
    "raindrops": "drops, severity 0.6",
    "shadow": "shadows, severity 0.6",
    "holes": "holes, 15 % of the area",
    "blur": "blur, sigma 2",
    "motion-blur": "blur of motion, severity 0.2",
    "low-light": "low light, severity 0.6",
    "clean": "clean photos, against themselves",
}
"""What the front page shows, in its order and words."""

DROPS = "; the drops are as large as on a whole photo"


def main() -> None:
    """Measure what is missing, and write the pages."""
    arguments = parse_arguments(of_all=True)
    make_folder(arguments.output)
    make_folder(PAGES)
    found = rows_of_all(arguments)
    for name, rows in found.items():
        write_whole(PAGES / f"{name}.md", page(name, rows).encode())
    values = {name: means(rows) for name, rows in found.items()}
    replace(README, in_short(values))
    replace(OVERVIEW, overview(values))
    replace(THEORY, shortfall(values))


def page(name: str, rows: Sequence[Row]) -> str:
    """Return the page of a test: what was done, the picture, means, differences."""
    case = CASES[name]
    summary = summary_of(rows)
    order = list(dict.fromkeys(entry.model for entry in summary.entries))
    own = OWN[case.task]
    usual = find_model(own).config.default_steps
    compared = summary.against([(own, usual), (own, FIRST_GUESS)]).comparisons()
    told = [
        f"# {title(case)}",
        "*Written by `python benchmarks/zoo_pages.py`; do not edit by hand. Back to the [results]"
        "(../results.md).*",
        f"{summary.pictures} photos. The same numbers, by `undegrade evaluate`:",
        f"```\n{command(case, order)}\n```",
        *picture(name),
        summary.means_table(),
        *summary.cautions,
        compared,
    ]
    return "\n\n".join(part for part in told if part) + "\n"


def command(case: Case, order: Sequence[str]) -> str:
    """Return the commands that measure the same: models that are told the task have their own."""
    seeing = [model for model in order if model != INPUT and "(" not in model]
    told = sorted({model.partition(" (")[0] for model in order if "(" in model})
    data = f"--data {case.test}=DIR"
    if case.degradation:
        data += f" --degrade {case.degradation}"
    data += " --precision float32 -o out"
    steps = ",".join(map(str, STEPS))
    lines = [f"undegrade evaluate {' '.join(seeing)} {data} --steps {steps}"]
    task = case.task or LEFT_ALONE
    lines += [f"undegrade evaluate {model} --task {task} {data}" for model in told]
    return "\n".join(lines)


def picture(name: str) -> list[str]:
    """Return the picture of a test and what it is, if there is one of its degradation."""
    of = PICTURES.get(name, name)
    if not (DOCS / "pictures" / "tasks" / f"{of}.jpg").exists():
        return []
    return [
        f"![Degraded, restored, truth](../pictures/tasks/{of}.jpg)",
        "*Squares of two photos that are in none of the tests, degraded likewise by "
        f"[`examples/tasks.py`](../../examples/tasks.py){DROPS if name == 'raindrops' else ''}.*",
    ]


def in_short(found: Mapping[str, Means]) -> str:
    """Return the table of the front page."""
    lines = []
    for name, words in IN_SHORT.items():
        case, values = CASES[name], found[name]
        own, best = own_best(case, values)
        told = [f"[{words}](docs/results/{name}.md)", case.test, shown(values[INPUT, 0])]
        lines.append([*told, classical(case, values), f"{shown(best)} (`{own}`)"])
    return markdown(["test", "photos", "input", "best classical method", "`undegrade`"], lines)


def overview(found: Mapping[str, Means]) -> str:
    """Return the table of all tests."""
    return markdown(
        ["test", "input", "best classical", "the task's own model", f"`{TEN}`", f"`{TWIN}`"],
        [line(name, values) for name, values in found.items()],
    )


def line(name: str, values: Means) -> list[str]:
    """Return a line of the overview."""
    case = CASES[name]
    own, best = own_best(case, values)
    return [
        f"[{title(case)}](results/{name}.md)",
        shown(values[INPUT, 0]),
        classical(case, values),
        f"{shown(best)} (`{own}`)",
        shown(mean_of(TEN, values, None)),
        shown(mean_of(TWIN, values, None)),
    ]


def own_best(case: Case, values: Means) -> tuple[str, tuple[float, float] | None]:
    """Return the model that is best at a test's task, and what it comes to in its usual steps."""
    own = OWN[case.task]
    return own, mean_of(own, values, find_model(own).config.default_steps)


def shortfall(found: Mapping[str, Means]) -> str:
    """Return the table of what the model of ten tasks lacks to those of one, with averages."""
    validated = {*map(tuple, find_model(TEN).config.recipe["data"]["validation"]["sets"].values())}
    lines, behind = [], {}
    for name, values in found.items():
        case, ten = CASES[name], mean_of(TEN, values, None)
        own, best = own_best(case, values)
        if ten is None or best is None or not case.task:
            continue
        behind[name] = best[0] - ten[0]
        told = [title(case), shown(values[INPUT, 0]), classical(case, values)]
        lines.append([*told, f"{shown(best)} (`{own}`)", shown(ten), f"{behind[name]:.2f}"])
    own_tests = [
        name
        for name in behind
        if (CASES[name].degradation,) in validated and CASES[name].test == "CBSD68"
    ]
    tests = {
        f"the {len(own_tests)} that its recipe validates with": own_tests,
        f"all {len(behind)}": [*behind],
    }
    for which, names in tests.items():
        mean = fmean(behind[name] for name in names)
        lines.append([f"mean of {which}", "", "", "", "", f"**{mean:.2f}**"])
    return markdown(
        ["test", "input", "best classical", "the task's own model", f"`{TEN}`", "behind, dB"], lines
    )


def replace(document: Path, table: str) -> None:
    """Put another table between the marks of a document."""
    pattern = re.escape(BEGIN) + ".*?" + re.escape(END)
    text = document.read_text(encoding="utf-8")
    new, count = re.subn(pattern, lambda _: f"{BEGIN}\n{table}\n\n{END}", text, flags=re.DOTALL)
    if count != 1:
        raise SystemExit(f"{document} has {count} tables between marks; expected one")
    write_whole(document, new.encode())


if __name__ == "__main__":
    main()
