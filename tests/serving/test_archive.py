"""Archives that are made while they are sent."""

import io
import tempfile
import zipfile
from pathlib import Path

import pytest

from undegrade.serving.archive import archived


def test_an_archive_comes_in_pieces_and_holds_the_files(tmp_path: Path) -> None:
    files = {"a.png": bytes(range(256)) * 4096, "\u6f22.png": b"hello", "empty.png": b""}
    opened = []
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
        opened.append((name, (tmp_path / name).open("rb")))
    (tmp_path / "a.png").unlink()  # as a job may be forgotten meanwhile
    pieces = [*archived(opened)]
    assert max(map(len, pieces)) < len(files["a.png"]) / 2
    with zipfile.ZipFile(io.BytesIO(b"".join(pieces))) as archive:
        assert archive.testzip() is None
        assert {name: archive.read(name) for name in archive.namelist()} == files
    for _, file in opened:
        file.close()


def test_nothing_is_laid_aside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
    (tmp_path / "a.png").write_bytes(bytes(20 << 20))
    with (tmp_path / "a.png").open("rb") as file:
        assert sum(map(len, archived([("a.png", file)]))) > 20 << 20
