"""Public benchmarks, found in a folder by the layout of their authors' archives.

What is known of each stands in ``benchmarks.yaml``: where it is published, its licence, splits,
counts, layouts, and the protocol by which papers score it.
"""

import os
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict

from undegrade.data.pairs import BlockPair, FilePair, PhotoPair, read_blocks
from undegrade.data.problems import Problems, first_names
from undegrade.errors import InputError, UsageError
from undegrade.images.formats import format_of_name
from undegrade.registry import did_you_mean

_PLACE = "place"  # what precedes a pattern: the halves of a pair share it
_EXTRA_ENDINGS = {".bmp", ".mat"}  # in benchmarks, though not among the formats of photos


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Layout(_Part):
    """Patterns of paths without endings; see the head of ``benchmarks.yaml``."""

    hq: str
    lq: str | None = None
    order: bool = False
    centre: bool = False
    blocks: bool = False

    def __str__(self) -> str:
        return f"{self.lq} with {self.hq}" if self.lq else self.hq


class Split(_Part):
    """One part of a benchmark, in one of several layouts that are about."""

    layouts: tuple[Layout, ...]
    count: int | None = None
    ids: tuple[int, int] | None = None
    without: tuple[int, int] | None = None

    def has(self, number: str) -> bool:
        """Tell whether what has this number belongs to the split."""
        if self.ids is None and self.without is None:
            return True
        if not number.isdecimal():
            return False
        inside = [
            low <= int(number) <= high for low, high in filter(None, (self.ids, self.without))
        ]
        return inside[0] == (self.ids is not None)


class Benchmark(_Part):
    """What is known of a public benchmark."""

    title: str
    task: str
    homepage: str
    licence: str
    paper: str
    colour: Literal["rgb", "y"]
    protocol: str
    splits: dict[str, Split]


@dataclass(frozen=True)
class Found:
    """What a folder holds of a benchmark's split: pairs, or clean photos alone."""

    pairs: tuple[PhotoPair, ...] = ()
    photos: tuple[Path, ...] = ()

    def __len__(self) -> int:
        return len(self.pairs) + len(self.photos)


@cache
def benchmarks() -> dict[str, Benchmark]:
    """Return all known benchmarks by name."""
    text = files("undegrade.data").joinpath("benchmarks.yaml").read_text(encoding="utf-8")
    return {name: Benchmark.model_validate(entry) for name, entry in yaml.safe_load(text).items()}


def find_benchmark(name: str) -> Benchmark:
    """Return a benchmark by name.

    Raises:
        UsageError: There is none of that name.
    """
    known = benchmarks()
    if name not in known:
        raise UsageError(f"there is no benchmark '{name}'", fix=did_you_mean(name, [*known]))
    return known[name]


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
    paths = _files(folder)
    wanted = known[split].count
    pictures = _Files(folder, paths)
    readings = [_read(layout, known[split], pictures) for layout in known[split].layouts]
    # A loose layout may find other folders' photos too: what is nearest to the published number.
    best, missing = min(readings, key=lambda reading: _distance(len(reading[0]), wanted))
    if not best:
        others = [other for other in known if _fits(known[other], pictures)]
        raise _wrong_layout((name, split, others), known[split], pictures)
    for path in missing:
        problems.add("without a partner", str(path))
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


def _files(folder: Path) -> list[Path]:
    found = []
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(
            name for name in folders if not name.startswith(".") and name != "__MACOSX"
        )
        found += [Path(place, name) for name in sorted(names) if _is_picture(name)]
    return found


def _is_picture(name: str) -> bool:
    path = Path(name)
    known = bool(format_of_name(path)) or path.suffix.lower() in _EXTRA_ENDINGS
    return known and not name.startswith(".")


@dataclass(frozen=True)
class _Files:
    """The pictures in a folder and below."""

    folder: Path
    paths: Sequence[Path]


def _read(layout: Layout, split: Split, files: _Files) -> tuple[Found, list[Path]]:
    """Return what a layout finds, and the photos that should have had a partner."""
    clean = _matching(layout.hq, split, files)
    if layout.lq is None:
        return Found(photos=tuple(path for found in clean.values() for path in found)), []
    degraded = _matching(layout.lq, split, files)
    if layout.blocks:
        return Found(_blocks(degraded, clean)), []
    pair = _pair_in_order if layout.order else _pair_by_fields
    pairs, missing = pair(degraded, clean, layout.centre)
    return Found(tuple(pairs)), missing


Fields = tuple[tuple[str, str], ...]
Matches = dict[Fields, list[Path]]


def _matching(pattern: str, split: Split, files: _Files) -> Matches:
    """Return the paths that fit a pattern, by what stands at its names in braces."""
    expression = _expression(pattern.removeprefix("./"))
    found: Matches = defaultdict(list)
    for path in files.paths:
        # Above the folder too: it may itself be the first folder of the pattern.
        place = path.relative_to(files.folder) if pattern.startswith("./") else path.absolute()
        name = place.with_suffix("").as_posix()
        match = expression.fullmatch(name if pattern.startswith("./") else f"/{name}")
        if match and split.has(match.groupdict().get("id", "")):
            fields = match.groupdict(default="")
            found[tuple(sorted(fields.items()))].append(path)
    return found


@cache
def _expression(pattern: str) -> re.Pattern[str]:
    """Translate a pattern: ``{name}`` and ``*`` within a folder, ``**`` across folders."""
    parts = re.split(r"(\{\w+\}|\*\*|\*)", pattern)
    translate = {"**": "(?:.*/)?", "*": "[^/]*"}
    body = "".join(
        f"(?P<{part[1:-1]}>[^/]+?)"
        if part.startswith("{")
        else translate.get(part, re.escape(part))
        for part in parts
    )
    return re.compile(f"(?P<{_PLACE}>/.*/|/+)?{body}", re.IGNORECASE)


Paired = tuple[list[PhotoPair], list[Path]]


def _pair_by_fields(degraded: Matches, clean: Matches, centre: bool) -> Paired:
    pairs: list[PhotoPair] = []
    missing = []
    for fields, paths in degraded.items():
        partner = clean.get(fields, [])
        for path in paths:
            if partner:
                pairs.append(FilePair(_title(fields), path, partner[0], centre))
            else:
                missing.append(path)
    missing += [path for fields, paths in clean.items() if fields not in degraded for path in paths]
    return pairs, missing


def _pair_in_order(degraded: Matches, clean: Matches, centre: bool) -> Paired:
    """Pair the sorted lists; with unequal numbers nobody knows who belongs to whom."""
    first, second = (
        sorted(path for paths in half.values() for path in paths) for half in (degraded, clean)
    )
    if len(first) != len(second):
        return [], []
    return [FilePair(lq.stem, lq, hq, centre) for lq, hq in zip(first, second, strict=True)], []


def _blocks(degraded: Matches, clean: Matches) -> tuple[PhotoPair, ...]:
    if not degraded or not clean:
        return ()
    lq, hq = (next(iter(half.values()))[0] for half in (degraded, clean))
    scenes, blocks = read_blocks(lq).shape[:2]
    return tuple(
        BlockPair(f"{scene:03d}-{block:02d}", lq, hq, scene, block)
        for scene in range(scenes)
        for block in range(blocks)
    )


def _title(fields: Fields) -> str:
    named = [field for field in fields if field[0] != _PLACE]
    return "/".join(value for _, value in sorted(named, key=lambda field: field[0] == "id"))


def _fits(split: Split, files: _Files) -> bool:
    return any(len(_read(layout, split, files)[0]) for layout in split.layouts)


def _wrong_layout(asked: tuple[str, str, Sequence[str]], split: Split, files: _Files) -> InputError:
    """Say what was expected, what was found, and which other splits that would be."""
    name, wanted, others = asked
    folders = sorted({path.parent.relative_to(files.folder).as_posix() for path in files.paths})
    seen = f"{len(files.paths)} pictures in {first_names(folders)}" if folders else "no picture"
    return InputError(
        f"{files.folder} does not hold {name}/{wanted} in a layout that is known: found {seen}",
        expected=" or ".join(map(str, split.layouts)),
        fix=f"what is there is {name}/{others[0]}; name that" if others else None,
    )
