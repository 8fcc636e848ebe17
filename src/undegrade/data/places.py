"""What a user names as data (a folder, shards, a known benchmark), opened as a source."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from undegrade.data.benchmarks import benchmarks, count_note, known_as, lies_in, open_split
from undegrade.data.caching import Cache, cached_pairs, cached_photos
from undegrade.data.halves import has_halves
from undegrade.data.layouts import Found
from undegrade.data.lookalikes import refuse_lookalikes
from undegrade.data.pairs import PARTNERLESS, UNPAIRED, find_pairs
from undegrade.data.photos import name_in
from undegrade.data.problems import Problems
from undegrade.data.shards import ShardedSource, is_sharded
from undegrade.data.sources import Selection, Source
from undegrade.errors import InputError, UsageError
from undegrade.images.files import find_photos
from undegrade.registry import near_misses


@dataclass(frozen=True)
class Place:
    """A known benchmark, or data of the user's own, and where it lies.

    Args:
        name: As the user wrote it.
        split: Part of the benchmark; empty for what the reader prefers.
        where: Folder, or address of shards.
        benchmark: Which benchmark it is; empty for data of the user's own.
    """

    name: str
    split: str
    where: str
    benchmark: str = ""

    @classmethod
    def parse(cls, text: str) -> "Place":
        """Read ``NAME=PLACE``, ``NAME/SPLIT=PLACE`` or ``PLACE``.

        A folder without a name before it is a benchmark if it is called so and laid out so.

        Raises:
            UsageError: No folder is named, or there is a sign and no name before it; a split is
                asked of what is no benchmark, there is none of that name, or the name is a
                benchmark's but for a slip.
        """
        label, equals, where = text.partition("=")
        if not (where if equals else text).strip():
            raise UsageError(f"no folder in '{text}'", expected="NAME=FOLDER, or FOLDER")
        if not equals:
            name = Path(text).name
            fits = known_as(name) and not is_sharded(text) and lies_in(name, Path(text))
            return cls(name, "", text, known_as(name) if fits else "")
        if not label.strip():
            raise UsageError(f"no name in '{text}'", expected="NAME=FOLDER, or FOLDER")
        name, _, split = label.partition("/")
        benchmark = known_as(name)
        if not benchmark:
            _refuse_slip(name)
        if split and not (benchmark and split.lower() in benchmarks()[benchmark].splits):
            near = [f"{benchmark}/{part}" for part in _splits(benchmark)]
            raise UsageError(
                f"there is no '{label}'",
                expected=", ".join(near) if near else "a benchmark of `undegrade data list`",
            )
        return cls(name, split.lower(), where, benchmark)

    @property
    def title(self) -> str:
        """The name, with the split where one was asked for: splits share pictures' names."""
        return f"{self.name}/{self.split}" if self.split else self.name

    def find(self, problems: Problems, *, prefer: str = "test") -> Found:
        """Return the pairs or photos that lie there as files.

        Args:
            problems: Takes the photos without a partner.
            prefer: Split of a benchmark to take where none is named, if it has that one.

        Raises:
            InputError: There is nothing that can be used.
        """
        folder = Path(self.where)
        if self.benchmark:
            return open_split(self.benchmark, self._split(prefer), folder, problems)
        if is_sharded(self.where):
            raise InputError(f"{self.where} holds shards", expected="photos or pairs as files")
        if has_halves(folder):
            return Found(pairs=tuple(find_pairs(folder, problems)))
        photos = tuple(_find_clean(folder).values())
        refuse_lookalikes(folder, photos)
        return Found(photos=photos)

    def named(self, photos: Sequence[Path]) -> dict[str, Path]:
        """Return photos found here by their place in the folder.

        Those of a benchmark by their place below what they have in common: their names are the same
        wherever its archive was unpacked and whichever of its folders was named.
        """
        folder = Path(self.where)
        if self.benchmark and photos:
            folder = Path(os.path.commonpath([photo.parent for photo in photos]))
        return {name_in(folder, photo): photo for photo in photos}

    def together(self, name: str) -> str:
        """Return the name of what a picture is not to be parted from: its scene, or itself.

        Shards made before groups were noted in them name the scene with the picture only.

        Args:
            name: Of the picture or its group; the scene stands before the last slash, if any.
        """
        known = benchmarks().get(self.benchmark)
        scene = name.rpartition("/")[0] if known is not None and known.scenes else ""
        return scene or name

    def note(self, found: Found, *, prefer: str = "test") -> str | None:
        """Return what to say of a benchmark that is not as large as published."""
        if not self.benchmark:
            return None
        return count_note(self.benchmark, self._split(prefer), len(found))

    def _split(self, prefer: str) -> str:
        """Return the split that is meant; what is published for testing is not trained on unasked.

        Raises:
            UsageError: No split is named, and there is none for training.
        """
        known = _splits(self.benchmark)
        if self.split or prefer in known:
            return self.split or prefer
        if prefer == "train":
            raise UsageError(
                f"'{self.benchmark}' has no training split, only {', '.join(known)}",
                fix=f"write {self.benchmark}/{next(iter(known))}=FOLDER if you mean that",
            )
        return next(iter(known))


def _splits(benchmark: str) -> Sequence[str]:
    return [*benchmarks()[benchmark].splits] if benchmark else []


def _refuse_slip(name: str) -> None:
    """Refuse a name of one's own that is nearly a benchmark's.

    Taken for the user's own, a benchmark's degraded photos would be scored as clean ones.

    Raises:
        UsageError: It is.
    """
    meant = near_misses(name, benchmarks())
    if meant:
        raise UsageError(
            f"there is no benchmark '{name}'",
            expected="the name of a benchmark, or a clearly different one for data of your own",
            fix=f"did you mean {' or '.join(meant)}? Data of your own may be called mine=FOLDER",
        )


def open_photos(
    where: str,
    scales: Sequence[float],
    cache: Cache,
    problems: Problems,
    wanted: Callable[[str], bool] = lambda _name: True,
) -> Source:
    """Return clean photos from a folder or from shards.

    Args:
        where: Folder of photos, folder of shards, or address of shards.
        scales: Factors in ``(0, 1]`` by which they are shrunk; each gives an item of its own.
        cache: Where they are decoded.
        problems: Takes those that cannot be read.
        wanted: Whether a photo of that name is to be taken.

    Raises:
        InputError: The place is missing or empty.
    """
    if is_sharded(where):
        return Selection.named(ShardedSource(where, scales), wanted)
    chosen = {name: path for name, path in _find_clean(Path(where)).items() if wanted(name)}
    return cached_photos(chosen, scales, cache, problems)


def _find_clean(folder: Path) -> dict[str, Path]:
    """Return the photos in a folder and below, by their place in it."""
    try:
        paths = find_photos(folder, recursive=True)
    except InputError as error:  # whose advice is for the command that restores
        raise InputError(error.got, expected="a folder of photos, of pairs, or shards") from error
    return {name_in(folder, path): path for path in paths}


def open_pairs(place: Place, cache: Cache, problems: Problems) -> Source:
    """Return pairs from folders, a benchmark's training split, or shards.

    Raises:
        InputError: There are no pairs, or most photos have no partner.
    """
    if is_sharded(place.where):
        source = ShardedSource(place.where)
        if len(source) and not source.holds_pairs:
            raise InputError(f"{place.where} holds clean pictures only", expected="shards of pairs")
        return source
    found = place.find(problems, prefer="train")
    remark = place.note(found, prefer="train")
    problems.remarks += [remark] if remark else []
    if not found.pairs:
        raise InputError(f"{place.where} holds clean photos only", expected="pairs of photos")
    lonely, photos = len(problems.found.get(PARTNERLESS, ())), 2 * len(found.pairs)
    if lonely > photos:
        raise InputError(
            f"{lonely} of {lonely + photos} photos in {place.where} have no partner",
            expected="pairs of photos",
            fix=UNPAIRED,
        )
    return cached_pairs(found.pairs, cache, problems)
