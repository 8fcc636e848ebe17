"""A disk without room, wherever that shows: 507."""

import errno
import pickle
import shutil
import sqlite3
import tempfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
import pyvips
from serving_client import Running, check_problem, make_photo

from undegrade.errors import OutputError, UndegradeError
from undegrade.images import spool
from undegrade.images.encode import encode
from undegrade.images.files import NewFile, make_folder
from undegrade.images.vips import encoding
from undegrade.serving.problems import problem_of, unexpected

FULL = Path("/dev/full")
needs_full = pytest.mark.skipif(not FULL.exists(), reason="only Linux has a disk that is full")


def fail(*_args: object, **_names: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device", "/tmp/secret")


@pytest.mark.parametrize(
    ("place", "name"),
    [
        (Path, "mkdir"),  # of the job
        (shutil, "copyfileobj"),  # of the upload
        (shutil, "move"),
        (tempfile.SpooledTemporaryFile, "write"),  # while it comes in
    ],
)
def test_a_photo_that_finds_no_room(
    server: Running, monkeypatch: pytest.MonkeyPatch, place: object, name: str
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(place, name, fail)
        check_problem(server.ask(make_photo(), model="tiny"), 507)
    assert server.ask(make_photo(), model="tiny").status_code == 200


def test_a_job_whose_folder_finds_no_room_when_it_is_begun(
    server: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = server.service.store
    made: list[str] = []

    def make_once(name: str) -> None:
        if name in made:
            fail()
        made.append(name)
        make_folder(store.result(name, "x").parent)

    monkeypatch.setattr(store, "make_folder", make_once)
    check_problem(server.ask(make_photo(), model="tiny"), 507)


@needs_full
def test_libvips_tells_that_there_is_no_room() -> None:
    """As another process hands it on."""
    with pytest.raises(OutputError) as caught, encoding("a.png", "png"):
        encode(pyvips.Image.black(500, 500), FULL, "png", {})
    check(caught.value)


def begun(folder: Path) -> None:
    NewFile(folder / "a.png")


def written(folder: Path) -> None:
    new = NewFile(folder / "a.png")
    new.path = FULL
    new.write(bytes(10))


def spooled(_folder: Path) -> None:
    spool.Spool(10, 10, 3, alpha=False, deep=False)


@needs_full
@pytest.mark.parametrize("write", [begun, written, spooled])
def test_a_result_that_finds_no_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write: Callable[[Path], None]
) -> None:
    if write is begun:
        monkeypatch.setattr("os.open", fail)
    monkeypatch.setattr(tempfile, "TemporaryFile", fail)
    with pytest.raises(OutputError) as caught:
        write(tmp_path)
    check(caught.value)


def check(error: UndegradeError) -> None:
    told = problem_of(pickle.loads(pickle.dumps(error)))
    assert told.status == 507
    assert "/" not in told.reason


def test_a_table_that_finds_no_room(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "base")) as base:
        base.execute("CREATE TABLE jobs (text)")
        base.execute("PRAGMA max_page_count = 2")
        with pytest.raises(sqlite3.OperationalError) as caught:
            base.execute("INSERT INTO jobs VALUES (?)", ("x" * 100_000,))
        assert unexpected(caught.value).status == 507


def test_what_fails_otherwise_is_no_matter_of_room() -> None:
    for error in (OSError(errno.EIO, "x"), OutputError("x"), KeyError("x"), sqlite3.Error("x")):
        assert unexpected(error).status == 500
