"""Layouts of benchmarks: patterns for paths, what they find, and who belongs to whom."""

import os
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from undegrade.data.pairs import BlockPair, FilePair, PhotoPair, read_blocks
from undegrade.errors import InputError
from undegrade.images.formats import format_of_name

_PLACE = "place"  # what precedes a pattern: the halves of a pair share it
_EXTRA_ENDINGS = {".bmp", ".mat"}  # in benchmarks, though not among the formats of photos


class Part(BaseModel):
    """A frozen piece of what is known, in which an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Layout(Part):
    """Patterns of paths without endings; see the head of ``benchmarks.yaml``."""

    hq: str
    lq: str | None = None
    order: bool = False
    centre: bool = False
    blocks: bool = False

    def __str__(self) -> str:
        return f"{self.lq} with {self.hq}" if self.lq else self.hq


Numbers = tuple[int | tuple[int, int], ...]
"""Numbers of pairs, one by one or as (first, last) of a row of them."""


class Split(Part):
    """One part of a benchmark, in one of several layouts that are about."""

    layouts: tuple[Layout, ...]
    count: int | None = None
    ids: Numbers = ()
    without: Numbers = ()

    def has(self, number: str) -> bool:
        """Tell whether what has this number belongs to the split."""
        if not self.ids and not self.without:
            return True
        if not number.isdecimal():
            return False
        wanted = not self.ids or _among(int(number), self.ids)
        return wanted and not _among(int(number), self.without)

    @property
    def numbers(self) -> str:
        """Which numbers belong to it, in words; empty if all do."""
        parts = [_in_words(self.ids)] if self.ids else []
        parts += [f"all but {_in_words(self.without)}"] if self.without else []
        return ", ".join(parts)


def _rows(numbers: Numbers) -> Iterator[tuple[int, int]]:
    for entry in numbers:
        yield (entry, entry) if isinstance(entry, int) else entry


def _among(number: int, numbers: Numbers) -> bool:
    return any(first <= number <= last for first, last in _rows(numbers))


def _in_words(numbers: Numbers) -> str:
    rows = (f"{first}" if first == last else f"{first} to {last}" for first, last in _rows(numbers))
    return ", ".join(rows)


@dataclass(frozen=True)
class Found:
    """What a folder holds of a benchmark's split: pairs, or clean photos alone."""

    pairs: tuple[PhotoPair, ...] = ()
    photos: tuple[Path, ...] = ()

    def __len__(self) -> int:
        return len(self.pairs) + len(self.photos)


@dataclass(frozen=True)
class Files:
    """The pictures and MATLAB files in a folder and below."""

    folder: Path
    paths: Sequence[Path]


def find_files(folder: Path) -> Files:
    """List all pictures and MATLAB files in a folder and below, but for hidden ones."""
    found: list[Path] = []
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(
            name for name in folders if not name.startswith(".") and name != "__MACOSX"
        )
        found += [Path(place, name) for name in sorted(names) if _is_picture(name)]
    return Files(folder, found)


def _is_picture(name: str) -> bool:
    path = Path(name)
    known = bool(format_of_name(path)) or path.suffix.lower() in _EXTRA_ENDINGS
    return known and not name.startswith(".")


def read_layout(layout: Layout, split: Split, files: Files) -> tuple[Found, list[Path]]:
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


def _matching(pattern: str, split: Split, files: Files) -> Matches:
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
        scene = dict(fields).get("scene", "")
        for path in paths:
            if partner:
                pairs.append(FilePair(_title(fields), path, partner[0], centre, scene))
            else:
                missing.append(path)
    missing += [path for fields, paths in clean.items() if fields not in degraded for path in paths]
    return pairs, missing


def _pair_in_order(degraded: Matches, clean: Matches, centre: bool) -> Paired:
    """Pair the sorted lists; with unequal numbers nobody knows who belongs to whom."""
    first, second = (
        sorted(path for paths in half.values() for path in paths) for half in (degraded, clean)
    )
    if len(first) != len(second) and first and second:
        raise InputError(
            f"{len(first)} degraded and {len(second)} clean photos, first {first[0]}",
            expected="as many of one as of the other: these pair by the order of their names",
        )
    if not first or not second:
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
