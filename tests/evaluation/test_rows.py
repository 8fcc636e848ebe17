"""What a row keeps: its peak of memory, rows of older runs, and Parquet beside the CSV file."""

import csv
import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from undegrade.evaluation.parquet import write_parquet
from undegrade.evaluation.peak import PeakMemory
from undegrade.evaluation.rows import Journal, Key, Row, write_results

KEY = Key("mine", "clean", "a.png", "median", 0, 0, "", "psnr,ssim")
ROW = Row(KEY, (31.25, 0.875), 1.5, 0.25, 123.456)


def test_a_row_without_a_peak_is_read_as_older_runs_wrote_it(tmp_path: Path) -> None:
    Journal(tmp_path).add(ROW)
    [line] = (tmp_path / "rows.jsonl").read_text().splitlines()
    older = json.loads(line)
    assert older.pop("peak_mb") == 123.456
    (tmp_path / "rows.jsonl").write_text(json.dumps(older) + "\n")
    [row] = Journal(tmp_path).rows()
    assert (row.key, row.scores, row.seconds, row.peak_mb) == (KEY, ROW.scores, 1.5, None)
    write_results(tmp_path / "results.csv", [row, Row(KEY, (1.0, 0.5), 1.5, 0.25, 7.04)])
    with (tmp_path / "results.csv").open() as file:
        assert [row["peak_mb"] for row in csv.DictReader(file)] == ["", "7.0"]


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
    odd = Key("mine", "clean", "caf\udce9.png", "tv", 0, 0, "", "mae")
    assert write_parquet(tmp_path / "results.parquet", [ROW, Row(odd, (1 / 3,), 0.5, 1.0)])
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
