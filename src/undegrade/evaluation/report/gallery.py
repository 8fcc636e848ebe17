"""The gallery of a report: each picture before, after and in truth, the worst first."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from undegrade.evaluation.candidates.baselines import INPUT
from undegrade.evaluation.kept.coding import LONGEST
from undegrade.evaluation.kept.maps import MapFacts, read_map
from undegrade.evaluation.kept.shelf import Kept, PictureShelf, ShelfPlace
from undegrade.evaluation.names import title_of
from undegrade.evaluation.report import embedding
from undegrade.evaluation.report.gathering import MeasuredSet
from undegrade.evaluation.results.rows import Row
from undegrade.evaluation.results.summary import named_number
from undegrade.metrics.base import Metric

Gains = dict[str, dict[str, float]]
"""Candidate, then measure, to how much better than the input it is; below 0 if worse."""


@dataclass(frozen=True)
class Shown:
    """A picture inside the page: of which candidate, what is said of it, and its address."""

    model: str
    title: str
    scores: str
    uri: str


@dataclass(frozen=True)
class Item:
    """One picture of the gallery.

    Args:
        picture: Its name.
        place: Number of its set.
        size: What is shown, in words.
        shape: Width and height in pixels.
        gain: Of the first candidate, in words; empty if it is not known.
        gains: Of all candidates.
        views: Input, restorations and truth.
        maps: Of uncertainty.
        crops: The same as views, a square of each without shrinking.
        box: Where the square is: left, top, width, height in per cent.
    """

    picture: str
    place: int
    size: str
    shape: tuple[int, int]
    gain: str
    gains: Gains
    views: tuple[Shown, ...]
    maps: tuple[Shown, ...]
    crops: tuple[Shown, ...]
    box: tuple[float, float, float, float]


@dataclass(frozen=True)
class Gallery:
    """What there is to see.

    Args:
        items: Pictures, those with the least gain first.
        models: Candidates that appear, in order; the first is the reference of the order.
        maps: Those of them that have maps of uncertainty.
        settings: Those measured with several numbers of steps, each with the one that was kept.
        metrics: Measures that gains are known of.
        left_out: Pictures that there was no room for, neither the worst nor the best.
        missing: Pictures that were measured without being kept.
    """

    items: tuple[Item, ...]
    models: tuple[str, ...]
    maps: tuple[str, ...]
    settings: tuple[str, ...]
    metrics: tuple[str, ...]
    left_out: int
    missing: int


@dataclass(frozen=True)
class _Found:
    """A picture with the rows of candidates whose restorations were kept, in order."""

    place: ShelfPlace
    number: int
    metrics: tuple[Metric, ...]
    input: Row | None
    rows: tuple[Row, ...]

    @property
    def gains(self) -> Gains:
        """See :class:`Item`."""
        if self.input is None:
            return {}
        start = self.input.scores
        sign = {metric.name: 1 if metric.better == "higher" else -1 for metric in self.metrics}
        return {
            row.key.model: {name: sign[name] * (row.scores[name] - start[name]) for name in sign}
            for row in self.rows
        }

    @property
    def first_gain(self) -> float:
        """What pictures are sorted by."""
        known = self.gains.get(self.rows[0].key.model)
        return known[self.metrics[0].name] if known else 0.0

    @property
    def first_words(self) -> str:
        """The same in words; empty if it is not known."""
        if not self.gains.get(self.rows[0].key.model):
            return ""
        metric = self.metrics[0]
        better = "worse" if self.first_gain < 0 else "better"
        return f"{named_number(metric, abs(self.first_gain))} {better} than the input"

    @property
    def files(self) -> tuple[Kept, ...]:
        """Input, restorations and truth."""
        restored = (self.place.restored(row.key) for row in self.rows)
        return (self.place.input, *restored, self.place.truth)

    @property
    def maps(self) -> list[tuple[Row, Path, MapFacts]]:
        """Those of the rows that have maps of uncertainty, each with its map."""
        known = [(row, read_map(self.place, row.key)) for row in self.rows]
        return [(row, *found) for row, found in known if found is not None]

    def weights(self) -> embedding.Weights:
        """Return the bytes of its files."""
        views = [kept.view for kept in self.files] + [file for _, file, _ in self.maps]
        return embedding.Weights(
            embedding.weight([kept.crop for kept in self.files]), embedding.weight(views)
        )


def build_gallery(
    sets: Sequence[MeasuredSet], shelf: PictureShelf, budget: int = embedding.BUDGET
) -> Gallery:
    """Return all pictures that were kept, as many and as large as the page may weigh.

    Args:
        sets: What was measured.
        shelf: Where pictures were kept.
        budget: Bytes of pictures.

    Raises:
        InputError: A picture that was kept is damaged.
        OSError: It cannot be read.
    """
    found = [one for number, part in enumerate(sets) for one in _kept(part, number, shelf)]
    found.sort(key=lambda one: one.first_gain)
    ranked = list(_from_both_ends(found))
    weights = [one.weights() for one in ranked]
    count = embedding.affordable(weights, budget)
    chosen, factor = ranked[:count], embedding.view_factor(weights[:count], budget)
    items = [_item(one, factor) for one in sorted(chosen, key=lambda one: one.first_gain)]
    order = dict.fromkeys(name for part in sets for name in part.candidates)
    shown = {row.key.model for one in chosen for row in one.rows}
    kept = {row.key.entrant for one in chosen for row in one.rows}
    stepped = {name for part in sets for name in _stepped(part)}
    pictures = {
        (row.key.data, row.key.degradation, row.key.picture) for part in sets for row in part.rows
    }
    return Gallery(
        tuple(items),
        tuple(name for name in order if name in shown),
        tuple(dict.fromkeys(one.model for item in items for one in item.maps)),
        tuple(sorted(title_of(*entrant) for entrant in kept if entrant[0] in stepped)),
        tuple(dict.fromkeys(metric.name for part in sets for metric in part.summary.metrics)),
        len(found) - len(chosen),
        len(pictures) - len(found),
    )


def _stepped(part: MeasuredSet) -> list[str]:
    """Return the candidates of a set that were measured with several numbers of steps."""
    names = [entry.model for entry in part.summary.entries]
    return [name for name in part.candidates if names.count(name) > 1]


def _kept(part: MeasuredSet, number: int, shelf: PictureShelf) -> Iterator[_Found]:
    """Yield the pictures of a set of which at least one restoration was kept."""
    by_picture: dict[str, list[Row]] = {}
    for row in part.rows:
        by_picture.setdefault(row.key.picture, []).append(row)
    for rows in by_picture.values():
        place = shelf.find(rows[0].key)
        if place is None or not (place.input.there and place.truth.there):
            continue
        first: dict[str, Row] = {}
        for row in rows:
            if place.restored(row.key).there:
                first.setdefault(row.key.model, row)
        if first:
            ordered = tuple(first[name] for name in part.candidates if name in first)
            start = next((row for row in rows if row.key.model == INPUT), None)
            yield _Found(place, number, part.summary.metrics, start, ordered)


def _from_both_ends(found: Sequence[_Found]) -> Iterator[_Found]:
    """Yield the worst, the best, the second worst, and so on."""
    low, high = 0, len(found) - 1
    while low <= high:
        yield found[low]
        if low < high:
            yield found[high]
        low, high = low + 1, high - 1


def _item(found: _Found, factor: float) -> Item:
    place, crop = found.place, found.place.crop
    rows = (found.input, *found.rows, None)
    width, height = place.width, place.height
    files = list(zip(rows, found.files, strict=True))
    return Item(
        picture=found.rows[0].key.picture,
        place=found.number,
        size=f"{width}×{height} pixels" + _shrinkage(max(width, height), factor),
        shape=(width, height),
        gain=found.first_words,
        gains=found.gains,
        views=tuple(_shown(found, row, kept.view, factor) for row, kept in files),
        maps=tuple(
            Shown(
                row.key.model,
                f"uncertainty of {_title(row)}",
                f"brightest {facts.brightest:.2g}",
                embedding.data_uri(file, factor),
            )
            for row, file, facts in found.maps
        ),
        crops=tuple(_shown(found, row, kept.crop) for row, kept in files),
        box=(
            100 * crop.left / width,
            100 * crop.top / height,
            100 * crop.side / width,
            100 * crop.side / height,
        ),
    )


def _shown(found: _Found, row: Row | None, file: Path, factor: float = 1.0) -> Shown:
    """Return a picture; no row stands for the truth, or for an input that was not measured."""
    uri = embedding.data_uri(file, factor)
    if row is None:
        truth = file in (found.place.truth.view, found.place.truth.crop)
        return Shown("", "truth" if truth else INPUT, "", uri)
    scores = row.scores
    words = [named_number(metric, scores[metric.name]) for metric in found.metrics]
    return Shown(row.key.model, _title(row), ", ".join(words), uri)


def _title(row: Row) -> str:
    return title_of(row.key.model, row.key.steps)


def _shrinkage(longest: int, factor: float) -> str:
    """Return in words how much smaller the view is than the picture."""
    share = factor * min(1, LONGEST / longest)
    return "" if share >= 1 else f", shown at {share:.0%}"
