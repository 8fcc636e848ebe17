"""Rows of the same picture and setting: which of them count, and how seeds are taken together."""

from collections.abc import Iterable, Mapping, Sequence

from undegrade.evaluation.results.rows import Key, Row


def counting(
    history: Sequence[Row], current: Iterable[Row] = (), *, tell_weights: bool = False
) -> list[Row]:
    """Return the rows that count, where a folder holds several measurements of the same.

    Of a candidate on a set, those with the weights and the precision of its last row count; of a
    picture, those with the content and the protocol of its last row, whoever restored it.

    Args:
        history: All rows of the folder, in the order in which they were made.
        current: Those of them that the current command is about: they are later than all others.
        tell_weights: Candidates of one name with different weights are different candidates.

    Returns:
        They, in the order in which they were made.
    """
    used = {row.key: row for row in current}
    rows = [row for row in history if row.key not in used] + list(used.values())
    versions = {_candidate(row.key, tell_weights): _version(row.key) for row in rows}  # the last
    scenes = {_picture(row.key): row.key.scene for row in rows}
    return [
        row
        for row in rows
        if versions[_candidate(row.key, tell_weights)] == _version(row.key)
        and scenes[_picture(row.key)] == row.key.scene
    ]


def _candidate(key: Key, tell_weights: bool) -> tuple[str, ...]:
    return (key.data, key.degradation, key.model, key.weights_hash if tell_weights else "")


def _version(key: Key) -> tuple[str, str]:
    return (key.weights_hash, key.precision)


def _picture(key: Key) -> tuple[str, ...]:
    return (key.data, key.degradation, key.picture)


def whole_seeds(rows: Sequence[Row]) -> list[Row]:
    """Return rows without the seeds that some picture lacks.

    A seed is compared as a whole set, and a mean over sets of different pictures means nothing.

    Args:
        rows: Of one set of pictures, each picture and setting once.
    """
    everything = {row.key.picture for row in rows}
    pictures: dict[tuple[str, int, int], set[str]] = {}
    for row in rows:
        pictures.setdefault(_seed(row.key), set()).add(row.key.picture)
    return [row for row in rows if pictures[_seed(row.key)] == everything]


def _seed(key: Key) -> tuple[str, int, int]:
    return (key.model, key.steps, key.seed)


def over_seeds(scores: Mapping[str, Mapping[int, float]]) -> list[float]:
    """Return a number for each picture, in the order of their names: the mean over seeds.

    Args:
        scores: By picture and seed.
    """
    return [sum(scores[name].values()) / len(scores[name]) for name in sorted(scores)]


def by_picture(rows: Iterable[Row], measure: str) -> dict[str, dict[int, float]]:
    """Return the scores of a measure by picture and seed; rows without it are passed over."""
    found: dict[str, dict[int, float]] = {}
    for row in rows:
        if measure in row.scores:
            found.setdefault(row.key.picture, {})[row.key.seed] = row.scores[measure]
    return found
