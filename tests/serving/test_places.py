"""Where a server listens and keeps things: one place for one server."""

import socket
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from undegrade.errors import OutputError
from undegrade.serving.jobs import Job
from undegrade.serving.orders import Order
from undegrade.serving.server import _listening
from undegrade.serving.store import JobStore


def test_a_second_server_on_the_folder_is_refused(tmp_path: Path) -> None:
    store = JobStore(tmp_path)
    with pytest.raises(OutputError, match=r"another server .*end the other one"):
        JobStore(tmp_path)
    store.close()
    JobStore(tmp_path).close()


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be made"):
        JobStore(tmp_path / "file" / "folder")


def no_database(file: Path) -> None:
    file.write_text("no database, but long enough to be taken for the head of one" * 10)


def newer(file: Path) -> None:
    with closing(sqlite3.connect(file)) as base:
        base.execute("PRAGMA user_version = 99")


def other_columns(file: Path) -> None:
    with closing(sqlite3.connect(file)) as base:
        base.execute("CREATE TABLE jobs (name TEXT)")


@pytest.mark.parametrize("spoil", [Path.mkdir, no_database, newer, other_columns])
def test_jobs_that_cannot_be_opened(tmp_path: Path, spoil: Callable[[Path], None]) -> None:
    spoil(tmp_path / "jobs.sqlite")
    with pytest.raises(OutputError, match="move that file away") as caught:
        JobStore(tmp_path)
    assert "end the other" not in str(caught.value)


def test_jobs_that_another_version_kept_are_set_aside(tmp_path: Path) -> None:
    """Those of before go on; one that cannot be read is let go as if it had ended now."""
    store = JobStore(tmp_path)
    order = Order("restore", "a.png", 8, 8, "png")
    known, strange = Job(order, "me", 1.0), Job(order, "me", 2.0)
    for job in (known, strange):
        store.make_folder(job.id)
        store.save(job)
    store.close()
    with closing(sqlite3.connect(tmp_path / "jobs.sqlite", isolation_level=None)) as base:
        change = "UPDATE jobs SET job = json_set(job, '$.mood', 'good') WHERE id = ?"
        base.execute(change, (strange.id,))
    store = JobStore(tmp_path)
    assert store.find(strange.id) is None
    assert store.find(known.id) == known
    assert store.unfinished() == [known]
    assert store.folder(strange.id).exists()
    assert store.expired(time.time() + 1, 0.0) == [strange.id]
    store.close()


def test_a_port_that_is_taken_is_told_of() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(OutputError, match=f"127.0.0.1:{port} cannot be listened on"):
            _listening("127.0.0.1", port)
    with _listening("127.0.0.1", 0) as free:
        assert free.getsockname()[1] > 0


def test_a_host_that_is_none() -> None:
    with pytest.raises(OutputError, match="cannot be listened on"):
        _listening("256.0.0.1", 0)
