"""Public benchmarks, found in a folder by the layout of their authors' archives.

What is known of each stands in ``benchmarks.yaml``: where it is published, its licence, splits,
counts, layouts, and the protocol by which papers score it.
"""

from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Literal

import yaml

from undegrade.data.layouts import Files, Found, Part, Split, find_files, read_layout
from undegrade.data.pairs import PARTNERLESS
from undegrade.data.problems import Problems, first_names
from undegrade.errors import InputError, UsageError
from undegrade.registry import did_you_mean


class Benchmark(Part):
    """What is known of a public benchmark."""

    title: str
    task: str
    homepage: str
    licence: str
    paper: str
    colour: Literal["rgb", "y"]
    protocol: str
    scenes: bool = False
    """Whether it holds many pictures of each scene, which are to stay together."""
    splits: dict[str, Split]


@cache
def benchmarks() -> dict[str, Benchmark]:
    """Return all known benchmarks by name."""
    text = files("undegrade.data").joinpath("benchmarks.yaml").read_text(encoding="utf-8")
    return {name: Benchmark.model_validate(entry) for name, entry in yaml.safe_load(text).items()}


def known_as(name: str) -> str:
    """Return the name of the benchmark that is meant, whatever its case; empty if none is."""
    return name.lower() if name.lower() in benchmarks() else ""


def find_benchmark(name: str) -> Benchmark:
    """Return a benchmark by name, whatever its case.

    Raises:
        UsageError: There is none of that name.
    """
    known = benchmarks()
    if not known_as(name):
        raise UsageError(
            f"there is no benchmark '{name}'", fix=did_you_mean(name.lower(), [*known])
        )
    return known[known_as(name)]


def lies_in(name: str, folder: Path) -> bool:
    """Tell whether a folder holds any split of a benchmark in a layout that is known."""
    pictures = find_files(folder)
    return any(_fits(split, pictures) for split in find_benchmark(name).splits.values())


def open_split(name: str, split: str, folder: Path, problems: Problems) -> Found:
    """Find a split of a benchmark in a folder.

    Args:
        name: Name of the benchmark.
        split: ``train``, ``test``, ...
        folder: Where its archives are unpacked; folders above and below are searched too.
        problems: Takes the photos without a partner.

    Raises:
        UsageError: There is no such benchmark or split.
        InputError: The folder is missing or holds nothing in a known layout.
    """
    known = find_benchmark(name).splits
    if split not in known:
        raise UsageError(
            f"benchmark '{name}' has no split '{split}'", fix=did_you_mean(split, [*known])
        )
    if not folder.is_dir():
        raise InputError(f"{folder} is no folder", expected=f"the unpacked archives of {name}")
    pictures, wanted = find_files(folder), known[split].count
    readings = [read_layout(layout, known[split], pictures) for layout in known[split].layouts]
    # A loose layout may find other folders' photos too: what is nearest to the published number.
    best, missing = min(readings, key=lambda reading: _distance(len(reading[0]), wanted))
    if not best:
        others = [other for other in known if _fits(known[other], pictures)]
        raise _wrong_layout((name, split, others), known[split], pictures)
    for path in missing:
        problems.add(PARTNERLESS, str(path))
    return best


def count_note(name: str, split: str, found: int) -> str | None:
    """Return what to say of a split that is not as large as it should be; None if it is."""
    wanted = find_benchmark(name).splits[split].count
    if wanted is None or wanted == found:
        return None
    return f"{name}/{split} has {found} pictures here, {wanted} as published"


def _distance(found: int, wanted: int | None) -> float:
    if not found:
        return float("inf")
    return -found if wanted is None else abs(found - wanted)


def _fits(split: Split, files: Files) -> bool:
    return any(len(read_layout(layout, split, files)[0]) for layout in split.layouts)


def _wrong_layout(asked: tuple[str, str, Sequence[str]], split: Split, files: Files) -> InputError:
    """Say what was expected, what was found, and which other splits that would be."""
    name, wanted, others = asked
    folders = sorted({path.parent.relative_to(files.folder).as_posix() for path in files.paths})
    seen = f"{len(files.paths)} pictures in {first_names(folders)}" if folders else "no picture"
    return InputError(
        f"{files.folder} does not hold {name}/{wanted} in a layout that is known: found {seen}",
        expected=" or ".join(map(str, split.layouts)),
        fix=f"what is there is {name}/{others[0]}; name that"
        if others
        else f"if it is data of your own, give it another name, such as mine={files.folder}",
    )
