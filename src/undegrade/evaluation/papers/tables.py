"""Published tables of results: numbers as they were printed, and what they are numbers of.

Each paper has a YAML file beside this module; ``resflow.yaml`` explains the layout in its head.
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal, InvalidOperation
from functools import cache
from importlib.resources import files
from typing import Any, Literal, Self

import yaml
from pydantic import Field, field_validator, model_validator

from undegrade.data.benchmarks import benchmarks
from undegrade.data.layouts import Part
from undegrade.degradations import Chain
from undegrade.errors import UsageError
from undegrade.registry import did_you_mean

PAPERS = ("resflow", "dtpm", "eedtp", "diffloss")
"""Names of the files."""

AS_PAIRED = "as paired"
"""The degradation of pictures that come with their degraded halves."""

ELSEWHERE = {
    "top1-vgg16": "% recognised by a VGG16 that was trained on clean pictures",
    "top1-resnet50": "% recognised by a ResNet-50 that was trained on clean pictures",
    "parameters": "millions of parameters",
    "operations": "10^9 floating-point operations",
    "runtime": "seconds",
}
"""Measures in the tables that are none of ours, and what they are."""

NOT_REPORTED = "-"

Values = tuple[Decimal | None, ...]


class Caution(Part):
    """Something to know before a published number is compared with any other.

    Args:
        reason: What is the matter.
        methods: Rows that it concerns; none for the whole column, measurements of our own included.
        metrics: Columns that it concerns; none for all.
        breaks: Whether the number is of something else than its place in the table says.
    """

    reason: str
    methods: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()
    breaks: bool = False

    def concerns(self, method: str, metric: str) -> bool:
        """Tell whether it is about a published number."""
        return (not self.methods or method in self.methods) and self.concerns_column(metric)

    def concerns_column(self, metric: str) -> bool:
        """Tell whether it is about a column, perhaps only some of its rows."""
        return not self.metrics or metric in self.metrics


class Block(Part):
    """The part of a table whose numbers are of the same pictures, degraded in the same way.

    Args:
        task: What is undone, in words.
        data: ``NAME/SPLIT`` of a known benchmark; empty where it is none or not stated.
        pictures: Which pictures, where ``data`` does not say it.
        degradation: In the words of :class:`Chain`; ``as paired`` for pairs.
        portion: What part of ``data`` is measured, where it cannot be told apart here.
        colour: Colour space that PSNR, SSIM and MAE are computed in.
        stated: Whether the paper says so; else it is the benchmark's custom.
        protocol: What else is known about how the numbers came about.
        trained_on: Benchmarks that the paper's own models were trained on, as far as it is stated.
        metrics: Columns.
        rows: Numbers of each method, in the order of the columns; ``-`` where there is none.
        cautions: What to know.
    """

    task: str
    data: str = ""
    pictures: str = ""
    degradation: str = AS_PAIRED
    portion: str = ""
    colour: Literal["rgb", "y"] = "rgb"
    stated: bool = False
    protocol: str = ""
    trained_on: tuple[str, ...] = ()
    metrics: tuple[str, ...] = Field(min_length=1)
    rows: dict[str, Values] = Field(min_length=1)
    cautions: tuple[Caution, ...] = ()

    @field_validator("rows", mode="before")
    @classmethod
    def _read_rows(cls, rows: Mapping[str, object]) -> dict[str, Values]:
        return {method: _read_values(str(text)) for method, text in rows.items()}

    @field_validator("data")
    @classmethod
    def _is_known(cls, data: str) -> str:
        name, _, split = data.partition("/")
        if data and split not in getattr(benchmarks().get(name), "splits", ()):
            raise ValueError(f"there is no benchmark and split '{data}'")
        return data

    @field_validator("degradation")
    @classmethod
    def _is_degradation(cls, text: str) -> str:
        if text != AS_PAIRED:
            Chain.parse([text])
        return text

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if bool(self.data) == bool(self.pictures):
            raise ValueError("one of data and pictures is needed, not both")
        for method, values in self.rows.items():
            if len(values) != len(self.metrics):
                raise ValueError(f"{method}: {len(values)} numbers for {len(self.metrics)} columns")
        for caution in self.cautions:
            if {*caution.methods} - {*self.rows} or {*caution.metrics} - {*self.metrics}:
                raise ValueError(f"a caution about what is not there: {caution.reason}")
        return self

    @property
    def benchmark(self) -> str:
        """Name of the known benchmark; empty if it is none."""
        return self.data.partition("/")[0]

    @property
    def split(self) -> str:
        """Its split."""
        return self.data.partition("/")[2]

    @property
    def count(self) -> int | None:
        """Number of pictures, if it is known."""
        return benchmarks()[self.benchmark].splits[self.split].count if self.data else None

    @property
    def title(self) -> str:
        """What the numbers are of, in words."""
        portion = f" ({self.portion})" if self.portion else ""
        if not self.data:
            return f"{self.task}: {self.pictures}{portion}"
        return f"{self.task}: {self.data}{portion}, {self.degradation}"

    def column(self, metric: str) -> dict[str, Decimal]:
        """Return the published numbers of a column by method."""
        place = self.metrics.index(metric)
        numbers = {method: values[place] for method, values in self.rows.items()}
        return {method: number for method, number in numbers.items() if number is not None}


class PublishedTable(Part):
    """A published table.

    Args:
        id: What it is called here.
        number: What the paper calls it.
        page: In the proceedings, where it is known.
        caption: What it shows, in our words.
        blocks: Its parts.
        citation: Of the paper; filled in from the file's head.
    """

    id: str
    number: str
    page: int | None = None
    caption: str
    blocks: tuple[Block, ...] = Field(min_length=1)
    citation: str

    @property
    def source(self) -> str:
        """Where the numbers stand."""
        page = f", page {self.page}" if self.page else ""
        return f"{self.number}{page} of {self.citation}"

    @property
    def data(self) -> list[str]:
        """Names of the known benchmarks that it has numbers of."""
        return list(dict.fromkeys(block.benchmark for block in self.blocks if block.data))


class Paper(Part):
    """A paper and its tables.

    Args:
        citation: Authors, title, place and year.
        lacks: What of its results is not held here, and why.
        tables: Those that are.
    """

    citation: str
    lacks: str = ""
    tables: tuple[PublishedTable, ...] = Field(min_length=1)

    @model_validator(mode="before")
    @classmethod
    def _cite(cls, values: Any) -> Any:
        cited = {"citation": values["citation"]}
        return values | {"tables": [table | cited for table in values["tables"]]}


def _read_values(text: str) -> Values:
    try:
        return tuple(None if word == NOT_REPORTED else Decimal(word) for word in text.split())
    except InvalidOperation as error:
        raise ValueError(f"'{text}' are not numbers") from error


@cache
def papers() -> dict[str, Paper]:
    """Return all papers by the name of their file."""
    folder = files("undegrade.evaluation.papers")
    return {name: _read(folder.joinpath(f"{name}.yaml").read_text("utf-8")) for name in PAPERS}


def _read(text: str) -> Paper:
    return Paper.model_validate(yaml.safe_load(text))


def all_tables() -> Iterator[PublishedTable]:
    """Go through the tables of all papers."""
    for paper in papers().values():
        yield from paper.tables


def find_table(name: str) -> PublishedTable:
    """Return a table by what it is called here, whatever its case.

    Raises:
        UsageError: There is none of that name.
    """
    known = {table.id: table for table in all_tables()}
    if name.lower() not in known:
        raise UsageError(f"there is no table '{name}'", fix=did_you_mean(name.lower(), [*known]))
    return known[name.lower()]
