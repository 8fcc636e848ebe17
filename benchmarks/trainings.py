"""Trainings that differ in one thing: which there are, who does which, and what came of them."""

import argparse
import fcntl
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import numpy as np
import numpy.typing as npt

from undegrade.data.places import Place
from undegrade.degradations import Chain
from undegrade.evaluation.pictures import Cut, PictureSet
from undegrade.images.files import write_whole

Figures = Mapping[str, float]
"""What was measured of one training, by its name."""

SIDE = 160
"""Of the squares that are restored, in pixels."""

_RESULT = "result.json"
_CLAIM = "claim"


@dataclass(frozen=True)
class Run:
    """One training: what is changed, for which degradation, with which seed."""

    task: str
    row: str
    seed: int

    def folder(self, root: Path) -> Path:
        """Return where it lies."""
        return root / f"{self.task}-{self.row.replace(' ', '-').lower()}-{self.seed}"

    def result(self, root: Path) -> Figures | None:
        """Return what was measured; None if it is still to be done."""
        file = self.folder(root) / _RESULT
        if not file.exists():
            return None
        figures: dict[str, float] = json.loads(file.read_text(encoding="utf-8"))
        return figures


@dataclass(frozen=True)
class Results:
    """What came of trainings.

    Args:
        runs: All of them, done or not.
        root: Where they lie.
    """

    runs: Sequence[Run]
    root: Path

    @property
    def tasks(self) -> list[str]:
        """The degradations, each once."""
        return list(dict.fromkeys(run.task for run in self.runs))

    @property
    def rows(self) -> list[str]:
        """What is changed, each once."""
        return list(dict.fromkeys(run.row for run in self.runs))

    def values(self, task: str, row: str, key: str) -> npt.NDArray[np.float64]:
        """Return a figure of every run of a row, by its seed; NaN where it is still to be made."""
        runs = [run for run in self.runs if (run.task, run.row) == (task, row)]
        results = [run.result(self.root) or {} for run in runs]
        return np.array([result.get(key, np.nan) for result in results])


def make_missing(runs: Sequence[Run], root: Path, make: Callable[[Run, Path], Figures]) -> None:
    """Make the runs that are missing; those that another call is at are left to it.

    Args:
        runs: All of them.
        root: Where they lie.
        make: Makes one in its folder, or goes on with it, and measures it.
    """
    for run in runs:
        folder = run.folder(root)
        folder.mkdir(parents=True, exist_ok=True)
        with _claimed(folder) as is_ours:
            if is_ours and run.result(root) is None:
                figures = {**make(run, folder)}
                write_whole(folder / _RESULT, json.dumps(figures, indent=2).encode())


@contextmanager
def _claimed(folder: Path) -> Iterator[bool]:
    """Claim a folder for as long as this process lives; tell whether nobody else has it."""
    with (folder / _CLAIM).open("w", encoding="utf-8") as file:
        yield _locked(file)


def _locked(file: TextIO) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def add_arguments(
    parser: argparse.ArgumentParser, tasks: Sequence[str], *, required: bool = True
) -> None:
    """Add what every such benchmark is told.

    Args:
        parser: Where to.
        tasks: Degradations that there are.
        required: Whether nothing can be done without test photos and a folder.
    """
    parser.add_argument("--photos", help="folder of photos to train on; without: train nothing")
    parser.add_argument("--test", required=required, help="NAME=DIR of clean test photos")
    parser.add_argument("--task", choices=tasks, help="only this degradation")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, help="optimiser steps instead of the recipe's")
    parser.add_argument("--pictures", type=int, default=24, help="test photos")
    parser.add_argument("--output", "-o", type=Path, required=required)
    parser.add_argument("--table", type=Path, help="draw the table into this picture")


def squares(test: str, degradation: str, count: int) -> PictureSet:
    """Return squares from the middle of the first test photos, degraded.

    Args:
        test: ``NAME=DIR``.
        degradation: What is done to them.
        count: How many.
    """
    chain = Chain.parse([degradation])
    return PictureSet.open(Place.parse(test), chain, limit=count, cut=Cut(side=SIDE))


def markdown(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table as Markdown."""
    lines = ["| " + " | ".join(heads) + " |", "|---" * len(heads) + "|"]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])
