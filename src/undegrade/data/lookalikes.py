"""Pairs in an arrangement that is not known, which would pass for clean photos.

Degraded photos that count as clean ones spoil a training, and make a score meaningless, without a
word. So whatever looks like pairs is refused; frames of many videos, numbered alike, are not.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from pathlib import Path

from undegrade.data.halves import KNOWN_HALVES, are_halves, side
from undegrade.data.pairs import match_names, without_words
from undegrade.data.problems import first_names
from undegrade.errors import InputError

_SHARE = 0.8  # of the photos, that go together two by two: a few may lack their partner
_MANY = 6  # folders beside each other, beyond which they are scenes or videos
_STEREO = ({"l", "r"}, {"left", "right"})

Inside = Mapping[str, Sequence[Path]]
"""Photos by the folder that holds them, or by nothing where they lie beside these folders."""

Mark = tuple[str, str]
"""What two photos have in common, and what tells one of them from the other."""


def refuse_lookalikes(folder: Path, photos: Sequence[Path]) -> None:
    """Refuse clean photos that look like pairs.

    Args:
        folder: Where they lie.
        photos: All in it and below.

    Raises:
        InputError: They do.
    """
    tree = _tree(folder, photos)
    _refuse_halves_below(folder, tree)
    for place, inside in tree.items():
        for one, other in _comparable(inside):
            _refuse_twin_folders((place / one, inside[one]), (place / other, inside[other]))
    _refuse_twin_names(folder, photos)


def _tree(folder: Path, photos: Sequence[Path]) -> Mapping[Path, Inside]:
    tree: dict[Path, dict[str, list[Path]]] = defaultdict(lambda: defaultdict(list))
    for photo in photos:
        *folders, _ = photo.relative_to(folder).parts
        for depth, name in enumerate([*folders, ""]):
            tree[folder.joinpath(*folders[:depth])][name].append(photo)
    return tree


def _refuse_halves_below(folder: Path, tree: Mapping[Path, Inside]) -> None:
    below = [str(place) for place, inside in tree.items() if are_halves(inside)]
    if below:
        raise InputError(
            f"{folder} holds pairs further down, in {first_names(below)}",
            expected=f"{KNOWN_HALVES}, right in the folder that is named",
            fix=f"name {below[0]}",
        )


def _comparable(inside: Inside) -> Iterator[tuple[str, str]]:
    """Yield the folders that may be two halves: the only two, or one of them known as a half."""
    alone = len(inside) == 2 and "" not in inside
    for one, other in combinations(inside, 2) if len(inside) <= _MANY else ():
        if alone or side(one) != side(other):
            yield one, other


def _refuse_twin_folders(
    one: tuple[Path, Sequence[Path]], other: tuple[Path, Sequence[Path]]
) -> None:
    for lq, hq in ((one, other), (other, one)):
        pairs = match_names(lq, hq)
        clean = {pair.hq for pair in pairs}
        if len(pairs) >= _SHARE * len(lq[1]) and len(clean) >= _SHARE * len(hq[1]):
            raise InputError(
                f"the photos in {one[0]} and {other[0]} go together by their names, as "
                f"{pairs[0].lq.name} and {pairs[0].hq.name}, and which are the clean ones is not "
                "known",
                expected=KNOWN_HALVES,
                fix="rename the two folders so, or link to them; if all photos are clean, "
                "name each folder by itself",
            )


def _refuse_twin_names(folder: Path, photos: Sequence[Path]) -> None:
    names = [photo.relative_to(folder).with_suffix("").as_posix() for photo in photos]
    for read, least in ((_by_words, 1), (_by_ending, 2)):
        twins = _twins([read(name) for name in names])
        if len(twins) >= least and 2 * len(twins) >= _SHARE * len(names):
            one, other = (photos[index].name for index in twins[0])
            raise InputError(
                f"the photos in {folder} go together two by two, as {one} and {other}, and which "
                "are the clean ones is not known",
                expected=KNOWN_HALVES,
                fix="move the two kinds into two such folders; if all photos are clean, into two "
                "folders of other names, and name each by itself",
            )


def _by_words(name: str) -> Mark:
    """Tell by words such as ``rain`` and ``clean``, wherever they stand."""
    base, stem = without_words(name), name.rpartition("/")[2]
    return base, stem.lower().replace(base.rpartition("/")[2], "", 1)


def _by_ending(name: str) -> Mark:
    """Tell by whatever word follows a last hyphen or the like."""
    found = re.fullmatch(r"(.*[^-_. /])[-_. ]+([a-z]+)", name, re.IGNORECASE | re.DOTALL)
    return (found[1].lower(), found[2].lower()) if found else (name.lower(), "")


def _twins(marks: Sequence[Mark]) -> list[tuple[int, int]]:
    """Return which two have all in common but for two marks, the same two everywhere."""
    alike: dict[str, list[int]] = defaultdict(list)
    for index, (base, _) in enumerate(marks):
        alike[base].append(index)
    couples = {
        (one, other): frozenset((marks[one][1], marks[other][1]))
        for one, other in (indices for indices in alike.values() if len(indices) == 2)
    }
    counts = Counter(kind for kind in couples.values() if len(kind) == 2 and kind not in _STEREO)
    [(most, _)] = counts.most_common(1) or [(frozenset(), 0)]
    return [couple for couple, kind in couples.items() if kind == most]
