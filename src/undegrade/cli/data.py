"""`undegrade data`: known benchmarks, checks of folders, and packing into shards."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from undegrade.cli.console import json_result, note, reporting, result
from undegrade.cli.options import JsonOption
from undegrade.cli.packing import name_all, pack, texture
from undegrade.cli.progress import Bar
from undegrade.wording import counted

if TYPE_CHECKING:
    from undegrade.data.benchmarks import Benchmark
    from undegrade.data.layouts import Found
    from undegrade.data.problems import Problems
    from undegrade.data.shards import ShardedSource

app = typer.Typer(help="List, show, check and pack data sets.", no_args_is_help=True)
app.command()(reporting()(pack))
app.command()(reporting()(texture))

DataArgument = Annotated[
    str,
    typer.Argument(
        metavar="DATA",
        help="Folder, or NAME=FOLDER or NAME/SPLIT=FOLDER for a known benchmark; shards to check.",
    ),
]


@app.command("list")
@reporting()
def list_(as_json: JsonOption = False) -> None:
    """List the public benchmarks whose layout is known."""
    from undegrade.data.benchmarks import benchmarks

    for name, benchmark in benchmarks().items():
        if as_json:
            json_result(_facts(name, benchmark))
        else:
            splits = ", ".join(
                f"{split} {part.count or '?'}" for split, part in benchmark.splits.items()
            )
            result(f"{name:<18}{benchmark.task:<24}{splits}")


@app.command()
@reporting()
def show(name: Annotated[str, typer.Argument(metavar="NAME")], as_json: JsonOption = False) -> None:
    """Show where a benchmark is published, how it is laid out and how papers score it."""
    from undegrade.data.benchmarks import find_benchmark

    benchmark = find_benchmark(name)
    if as_json:
        json_result(_facts(name, benchmark))
        return
    for line in _lines(benchmark):
        result(line)


@app.command()
@reporting()
def check(
    data: DataArgument,
    unpaired: Annotated[
        bool,
        typer.Option("--unpaired", help="The degraded and the clean photos are of other scenes."),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Look at a data set as a training or an evaluation would, and say all that is wrong."""
    from undegrade.data.places import Place
    from undegrade.data.problems import Problems
    from undegrade.data.shards import ShardedSource, is_sharded

    place, problems = Place.parse(data), Problems()
    if unpaired:
        _check_unpaired(Path(place.where), problems, as_json)
        raise typer.Exit(1 if problems.count else 0)
    if is_sharded(place.where):
        looked = _look_at_shards(ShardedSource(place.where), problems)
    else:
        found = place.find(problems)
        looked = _look_at_files(found, place.note(found), problems)
    if as_json:
        facts = {"problems": problems.found, "note": looked.remark}
        json_result(looked.facts() | facts | {"verdict": looked.verdict(problems)})
    else:
        result(f"{data}: {looked}")
        if looked.remark:
            note(looked.remark)
        name_all(problems)
        note(looked.verdict(problems))
    raise typer.Exit(1 if problems.count or not looked.readable else 0)


def _check_unpaired(folder: Path, problems: "Problems", as_json: bool) -> None:
    from undegrade.data.halves import find_halves
    from undegrade.data.unpaired import look_at

    halves = [look_at(half, problems) for half in find_halves(folder)]
    if as_json:
        facts: dict[str, Any] = {
            name: {"photos": half.photos, "readable": half.readable, "sizes": half.sizes}
            for name, half in zip(("degraded", "clean"), halves, strict=True)
        }
        json_result(facts | {"problems": problems.found})
        return
    for half in halves:
        result(str(half))
    name_all(problems)


def _facts(name: str, benchmark: "Benchmark") -> dict[str, Any]:
    return {"name": name, **benchmark.model_dump(mode="json")}


def _lines(benchmark: "Benchmark") -> list[str]:
    facts = benchmark.model_dump(exclude={"splits"})
    whole = "kept whole between training and validation"
    facts["scenes"] = whole if benchmark.scenes else "not told apart"
    lines = [f"{key:<10}{value}" for key, value in facts.items()]
    for name, split in benchmark.splits.items():
        which = f" (numbers {split.numbers})" if split.numbers else ""
        count = split.count or "unknown number of"
        lines.append(f"\n{name}: {count} pictures{which}, laid out as")
        lines += [f"    {layout}" for layout in split.layouts]
    return lines


@dataclass(frozen=True)
class _Looked:
    """What a check has found: how many, of what, and how many can be used."""

    total: int
    paired: bool
    readable: int
    remark: str | None = None
    photos: str = "photo"

    def __str__(self) -> str:
        what = "pair" if self.paired else self.photos
        return f"{counted(self.total, what)}, {self.readable} of them can be used"

    def verdict(self, problems: "Problems") -> str:
        """Return what a training or an evaluation would make of it."""
        from undegrade.data.problems import TOLERANCE

        complaint = problems.complaint(self.total, "pictures")
        who = "a training or an evaluation would"
        if complaint is not None or not self.readable:
            return f"{who} refuse this: more than {TOLERANCE:.0%} cannot be used, or nothing can"
        if problems.count:
            return f"{who} leave these {problems.count} out and go on, as at most {TOLERANCE:.0%}"
        return f"{who} take it whole"

    def facts(self) -> dict[str, Any]:
        pairs = self.total * self.paired
        return {"pairs": pairs, "photos": self.total - pairs, "readable": self.readable}


def _look_at_files(found: "Found", remark: str | None, problems: "Problems") -> _Looked:
    from undegrade.data.photos import decode

    readers: list[Any] = [pair.read for pair in found.pairs]
    readers += [partial(decode, path) for path in found.photos]
    readable = _read_all(readers, len(readers), problems)
    return _Looked(len(readers), bool(found.pairs), readable, remark)


def _look_at_shards(source: "ShardedSource", problems: "Problems") -> _Looked:
    readers = (partial(source.read, index) for index in range(len(source)))
    readable = _read_all(readers, len(source), problems)
    paired = len(source) > 0 and source.holds_pairs
    return _Looked(len(source), paired, readable, photos="picture")


def _read_all(readers: Iterable[Callable[[], Any]], total: int, problems: "Problems") -> int:
    """Decode every picture, and count those that can be used."""
    from undegrade.errors import InputError

    good = 0
    with Bar(total) as bar:
        bar.begin("reading")
        for read in readers:
            try:
                read()
                good += 1
            except InputError as error:
                problems.add("that cannot be used", error.got)
            bar.finish()
    return good
