"""`undegrade evaluate --paper`: what a published table asks for, and how it is told."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from undegrade.cli.console import json_result, note, result
from undegrade.cli.loading import TestPictures, tell_outdated
from undegrade.errors import InputError, UsageError

if TYPE_CHECKING:
    from undegrade.evaluation.papers.runs import MeasuredRun
    from undegrade.evaluation.papers.tables import Block, PublishedTable
    from undegrade.evaluation.pictures import PictureSet
    from undegrade.zoo import ModelConfig

_LIST = "list"  # names the tables instead of one of them


def find(name: str) -> "PublishedTable":
    """Return a table by what it is called here.

    Raises:
        UsageError: There is none of that name.
    """
    from undegrade.evaluation.papers.tables import find_table

    return find_table(name)


def show(name: str, folder: Path | None, as_json: bool) -> None:
    """Give a table with what was measured before; or name all of them.

    Args:
        name: Of the table, or ``list``.
        folder: Where it was measured; None for the table alone.
        as_json: Give facts for programs.

    Raises:
        UsageError: There is no such table.
        InputError: There is no such folder.
    """
    if name == _LIST:
        _list_tables(as_json)
    else:
        tell(find(name), folder, (), as_json)


def _list_tables(as_json: bool) -> None:
    """Name all tables, with the benchmarks that they have numbers of."""
    from undegrade.evaluation.papers.tables import papers

    if as_json:
        tables = [table for paper in papers().values() for table in paper.tables]
        json_result({"tables": [table.model_dump(mode="json") for table in tables]})
        return
    for paper in papers().values():
        result(paper.citation)
        for table in paper.tables:
            result(f"  {table.id:<17}{table.caption} {', '.join(table.data)}".rstrip())
        if paper.lacks:
            result(f"  not held: {paper.lacks}")


def open_sets(
    table: "PublishedTable",
    data: Sequence[str],
    degrade: Sequence[str],
    seed: int,
    limit: int | None,
) -> "list[PictureSet]":
    """Find the pictures that a table asks for, degraded as it says unless told otherwise.

    Raises:
        UsageError: The table has no numbers of some of them.
    """
    from undegrade.evaluation.papers.tables import AS_PAIRED

    opened = []
    for place in data:
        asked = dict.fromkeys(block.degradation for block in _blocks_of(table, place))
        named = [list(degrade)] if degrade else [[text] * (text != AS_PAIRED) for text in asked]
        opened += [TestPictures(place, texts, seed, limit).open() for texts in named]
    return opened


def metrics_of(table: "PublishedTable", data: Sequence[str]) -> str:
    """Return the names of what a table measures on some pictures and is computed here.

    Raises:
        UsageError: Nothing of it is.
    """
    from undegrade.evaluation.papers.matching import measures_of

    named = measures_of([block for place in data for block in _blocks_of(table, place)])
    if not named:
        raise UsageError(f"nothing in {table.id} is computed here", fix="name some with --metrics")
    return ",".join(named)


def tell(
    table: "PublishedTable",
    folder: Path | None,
    models: Sequence[str],
    as_json: bool,
    files: Mapping[str, str | None] | None = None,
) -> None:
    """Lay what was measured into a folder beside a table; without one, give the table alone.

    Args:
        table: The published one.
        folder: Where an evaluation wrote its results; the comparison is written there too.
        models: Names and folders of models to know about, beside those on this machine.
        as_json: Give facts for programs.
        files: What else was written, for programs.

    Raises:
        InputError: There is no such folder.
    """
    from undegrade.evaluation.kept.commands import read_commands, skipped_at_last
    from undegrade.evaluation.papers.comparison import compare_with_paper

    if folder is not None and not folder.is_dir():
        raise InputError(
            f"{folder} is no folder", expected="one that `undegrade evaluate` measured into"
        )
    runs = _runs(table, folder) if folder is not None else ()
    commands = read_commands(folder) if folder is not None else ()
    skipped = skipped_at_last(commands)
    comparison = compare_with_paper(table, runs, _known_models(models), skipped)
    written = comparison.write(folder) if folder is not None else ()
    if as_json:
        json_result(
            comparison.facts() | {"files": [str(file) for file in written]} | dict(files or {})
        )
        return
    result(comparison.markdown())
    for file in written:
        note(f"written to {file}")


def _runs(table: "PublishedTable", folder: Path) -> "tuple[MeasuredRun, ...]":
    from undegrade.evaluation.papers.matching import measures_of
    from undegrade.evaluation.papers.runs import gather_runs
    from undegrade.evaluation.results.features import FEATURES, FeatureStore
    from undegrade.evaluation.results.rows import Journal
    from undegrade.evaluation.results.set_scores import Together

    together = Together(measures_of(table.blocks), FeatureStore(folder / FEATURES))
    journal = Journal(folder)
    tell_outdated(journal)
    return gather_runs(journal.history(), together)


def _blocks_of(table: "PublishedTable", place: str) -> "list[Block]":
    from undegrade.data.places import Place

    benchmark = Place.parse(place).benchmark
    blocks = [block for block in table.blocks if benchmark and block.benchmark == benchmark]
    if not blocks:
        known = " or ".join(f"{name}=DIR" for name in table.data)
        raise UsageError(
            f"{table.id} has no numbers of '{place}'",
            expected=known or "no data: its numbers are of pictures that cannot be had by name",
        )
    return blocks


def _known_models(names: Sequence[str]) -> "dict[str, ModelConfig]":
    """Return what is known about models, by the hash of their weights."""
    from undegrade.evaluation.candidates.baselines import is_network
    from undegrade.zoo import find_model, list_models

    ours = [name for name in names if is_network(name) and not Path(name).is_file()]
    entries = [find_model(name) for name in ours]
    return {entry.sha256: entry.config for entry in [*list_models(), *entries]}
