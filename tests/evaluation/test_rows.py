"""What a row keeps: its peak of memory, rows of older runs, and Parquet beside the CSV file."""

import csv
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from undegrade.evaluation.candidates.peak import PeakMemory
from undegrade.evaluation.results.parquet import write_parquet
from undegrade.evaluation.results.rows import PROTOCOL, Journal, Key, Row, write_results

KEY = Key("mine", "clean", "a.png", "median", 0, 0, "abc", "float32", "def")
ROW = Row(KEY, {"psnr": 31.25, "ssim": 0.875}, 1.5, 0.25, 123.456)


def test_a_row_is_read_as_it_was_written(tmp_path: Path) -> None:
    Journal(tmp_path).add(ROW)
    assert Journal(tmp_path).rows() == (ROW,)
    write_results(tmp_path / "results.csv", [replace(ROW, peak_mb=None), ROW])
    with (tmp_path / "results.csv").open() as file:
        first, second = csv.DictReader(file)
    assert (first["peak_mb"], second["peak_mb"]) == ("", "123.5")
    about = [second[name] for name in ("weights_hash", "precision", "content", "protocol")]
    assert about == ["abc", "float32", "def", str(PROTOCOL)]


def test_rows_of_one_key_become_one(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    other = replace(ROW, key=replace(KEY, picture="b.png"))
    for row in (ROW, other, Row(KEY, {"mae": 3.0, "ssim": 0.5}, 9.0, 0.25, 9.0)):
        journal.add(row)
    joined = Row(KEY, {"psnr": 31.25, "ssim": 0.5, "mae": 3.0}, 1.5, 0.25, 123.456)
    for one in (journal, Journal(tmp_path)):  # as it is kept, and as it is read back
        assert one.rows() == (joined, other)
        assert one.history() == (other, joined)
        assert one[KEY].scores == {"psnr": 31.25, "ssim": 0.5, "mae": 3.0}


@pytest.mark.parametrize(
    "change",
    [
        {"picture": "b.png"},
        {"weights_hash": "new"},
        {"precision": "bfloat16"},
        {"content": "of another photo"},
        {"protocol": PROTOCOL + 1},
    ],
)
def test_what_differs_is_a_row_of_its_own(tmp_path: Path, change: dict[str, Any]) -> None:
    journal = Journal(tmp_path)
    journal.add(ROW)
    other = replace(KEY, **change)
    assert other not in journal
    journal.add(Row(other, {"mae": 1.0}, 1.0, 1.0))
    assert len(Journal(tmp_path).rows()) == 2
    assert Journal(tmp_path)[KEY] == ROW


def test_rows_of_an_older_version_are_counted_and_left_alone(tmp_path: Path) -> None:
    older = {"data": "mine", "degradation": "clean", "picture": "a.png", "model": "median"}
    older |= {"steps": 0, "seed": 0, "weights_hash": "", "metrics": "psnr,ssim"}
    older |= {"scores": [31.25, 0.875], "seconds": 1.5, "megapixels": 0.25}
    text = json.dumps(older) + "\n"
    (tmp_path / "rows.jsonl").write_text(text)
    journal = Journal(tmp_path)
    assert (journal.rows(), journal.outdated) == ((), 1)
    journal.add(ROW)
    assert (tmp_path / "rows.jsonl").read_text().startswith(text)
    assert (Journal(tmp_path).rows(), Journal(tmp_path).outdated) == ((ROW,), 1)
    with (tmp_path / "rows.jsonl").open("a") as file:
        file.write('{"data": "mine", "degr')  # killed while it wrote
    assert (Journal(tmp_path).rows(), Journal(tmp_path).outdated) == ((ROW,), 1)


def test_the_peak_is_that_of_the_block(tmp_path: Path) -> None:
    cpu = torch.device("cpu")
    with PeakMemory.of(cpu) as small:
        np.ones(1000)
    if small.megabytes is None:
        pytest.skip("this system does not tell the peak of a process, or not anew")
    with PeakMemory.of(cpu) as large:
        np.ones(25_000_000)  # 200 MB, gone before the end
    with PeakMemory.of(cpu) as again:
        np.ones(1000)
    assert large.megabytes is not None
    assert again.megabytes is not None
    assert 180 < large.megabytes - small.megabytes < 260
    assert again.megabytes < large.megabytes - 150


def test_a_system_that_does_not_tell_gives_nothing(tmp_path: Path) -> None:
    with PeakMemory.of(torch.device("cpu"), proc=tmp_path / "missing") as peak:
        pass
    assert peak.megabytes is None
    with PeakMemory.of(torch.device("meta")) as peak:
        pass
    assert peak.megabytes is None


def test_parquet_holds_the_same_rows_with_their_types(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet", reason="undegrade[parquet] is not installed")
    odd = Key("mine", "clean", "caf\udce9.png", "tv", 0, 0)
    assert write_parquet(tmp_path / "results.parquet", [ROW, Row(odd, {"mae": 1 / 3}, 0.5, 1.0)])
    first, second = parquet.read_table(tmp_path / "results.parquet").to_pylist()
    assert (first["psnr"], first["ssim"], first["mae"]) == (31.25, 0.875, None)
    assert (second["mae"], second["psnr"], second["peak_mb"]) == (1 / 3, None, None)
    assert (first["steps"], first["picture"], second["picture"]) == (0, "a.png", "caf\\xe9.png")


def test_without_pyarrow_there_is_none_and_no_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    (tmp_path / "results.parquet").write_bytes(b"of an earlier run")
    assert not write_parquet(tmp_path / "results.parquet", [ROW])
    assert not (tmp_path / "results.parquet").exists()
