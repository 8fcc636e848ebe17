"""Jobs and their files on disk, so that both survive a restart: SQLite, and a folder for each job.

Every call takes milliseconds but :meth:`JobStore.sweep`, which is for a thread of its own. There is
one store for a folder, in one process.
"""

import json
import logging
import shutil
import sqlite3
import time
from collections.abc import Iterable
from dataclasses import asdict, replace
from pathlib import Path

from undegrade.errors import OutputError, UndegradeError
from undegrade.images.files import make_folder
from undegrade.serving.jobs import Job, State
from undegrade.serving.orders import Order

_TABLE = """
CREATE TABLE IF NOT EXISTS jobs (
    id TEXT PRIMARY KEY,
    state TEXT NOT NULL,
    awaited INTEGER NOT NULL,
    created REAL NOT NULL,
    finished REAL,
    size INTEGER NOT NULL,
    job TEXT NOT NULL
)
"""
_SAVE = """
INSERT INTO jobs VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET
    state = excluded.state, finished = excluded.finished, size = excluded.size, job = excluded.job
"""
_VERSION = 1  # of the table; jobs of others within it are told one by one
_SOURCE = "source"
_RESULTS = "results"
_log = logging.getLogger("undegrade.serving")


class JobStore:
    """What a server remembers.

    Args:
        folder: Where it does; made if it is not there.

    Attributes:
        beside: Bytes of files that are no job's, for which there has to be room as well.

    Raises:
        OutputError: The folder cannot be used, or another server has it.
    """

    def __init__(self, folder: Path) -> None:
        make_folder(folder / "jobs")
        self._files = folder / "jobs"
        self._base, self._sizes = _opened(folder)
        self._size = sum(self._sizes.values())
        self.beside = 0
        self._sweep_strays()

    @property
    def size(self) -> int:
        """Bytes of all files of all jobs, and of those beside them."""
        return self._size + self.beside

    def close(self) -> None:
        """Let another server have the folder."""
        self._base.close()

    def save(self, job: Job) -> None:
        """Keep a job as it is now."""
        values = asdict(replace(job, files=(), begun=None)) | {"files": [*job.files]}
        text = json.dumps(values | {"order": job.order.as_dict()})
        row = (job.id, job.state, job.awaited, job.created, job.finished, job.size, text)
        self._base.execute(_SAVE, row)
        self._size += job.size - self._sizes.get(job.id, 0)
        self._sizes[job.id] = job.size

    def find(self, name: str) -> Job | None:
        """Return a job; None if there is none of that name."""
        found = self._base.execute("SELECT job FROM jobs WHERE id = ?", (name,)).fetchone()
        return None if found is None else _job(name, found[0])

    def unfinished(self) -> list[Job]:
        """Return what waits or was running, the oldest first.

        What another version kept in a way that is not known here is set aside: it counts as
        finished now, so that it goes as other jobs do.
        """
        rows = self._base.execute(
            "SELECT id, job FROM jobs WHERE state IN (?, ?) ORDER BY created",
            (State.QUEUED, State.RUNNING),
        ).fetchall()
        jobs = {name: _job(name, text) for name, text in rows}
        for name in (name for name, job in jobs.items() if job is None):
            aside = (State.FAILED, time.time(), name)
            self._base.execute("UPDATE jobs SET state = ?, finished = ? WHERE id = ?", aside)
        return [job for job in jobs.values() if job is not None]

    def forget(self, names: Iterable[str]) -> None:
        """Forget jobs; their files are left to :meth:`sweep`."""
        for name in names:
            self._base.execute("DELETE FROM jobs WHERE id = ?", (name,))
            self._size -= self._sizes.pop(name, 0)

    def sweep(self, names: Iterable[str]) -> None:
        """Remove the files of jobs that are forgotten."""
        for name in names:
            shutil.rmtree(self.folder(name), ignore_errors=True)

    def make_folder(self, name: str) -> None:
        """Make the folders of a job, empty but for its photo.

        Raises:
            OutputError: They cannot be made.
        """
        results = self.folder(name) / _RESULTS
        shutil.rmtree(results, ignore_errors=True)  # which a process that died may have begun
        make_folder(results)

    def folder(self, name: str) -> Path:
        """Return the folder of a job."""
        return self._files / name

    def source(self, name: str) -> Path:
        """Return the file of a job's photo."""
        return self.folder(name) / _SOURCE

    def result(self, name: str, file: str) -> Path:
        """Return one of a job's results."""
        return self.folder(name) / _RESULTS / file

    def expired(self, before: float, awaited_before: float) -> list[str]:
        """Return the names of jobs that are not to be kept any longer.

        Args:
            before: When those ended that clients may come back for.
            awaited_before: When those ended that nobody can come back for.
        """
        rows = self._base.execute(
            "SELECT id FROM jobs WHERE finished < CASE awaited WHEN 1 THEN ? ELSE ? END",
            (awaited_before, before),
        )
        return [name for (name,) in rows]

    def surplus(self, limit: int) -> list[str]:
        """Return the names of finished jobs, the oldest first, without which files are within a
        limit; those that a client waits for are left.
        """
        over = self.size - limit
        names: list[str] = []
        if over <= 0:
            return names
        rows = self._base.execute(
            "SELECT id, size FROM jobs WHERE finished NOTNULL AND NOT awaited ORDER BY finished"
        )
        for name, size in rows:
            if over <= 0:
                break
            over -= size
            names.append(name)
        return names

    def _sweep_strays(self) -> None:
        """Remove folders of jobs that were never kept: uploads that a crash has cut short."""
        self.sweep(
            folder.name for folder in self._files.iterdir() if folder.name not in self._sizes
        )


def _opened(folder: Path) -> tuple[sqlite3.Connection, dict[str, int]]:
    """Return the table of jobs in a folder, which no other server has from now, and their bytes.

    Raises:
        OutputError: It cannot be used, or another server has it.
    """
    base = None
    try:
        # The event loop's thread alone uses it, but the loop may not be what opens it.
        base = sqlite3.connect(
            folder / "jobs.sqlite", check_same_thread=False, isolation_level=None, timeout=1.0
        )
        base.execute("PRAGMA locking_mode=EXCLUSIVE")
        base.execute("PRAGMA journal_mode=WAL")
        base.execute("PRAGMA synchronous=NORMAL")  # a loss of power may lose the last job
        base.execute("BEGIN IMMEDIATE")  # takes the lock, and keeps it
        [(version,)] = base.execute("PRAGMA user_version")
        if version not in (0, _VERSION):
            raise sqlite3.DatabaseError(f"version {version}, this one knows {_VERSION}")
        base.execute(_TABLE)
        base.execute(f"PRAGMA user_version = {_VERSION}")
        base.execute("COMMIT")
        return base, dict(base.execute("SELECT id, size FROM jobs"))
    except sqlite3.Error as error:
        if base is not None:
            base.close()
        raise _unusable(folder, error) from error


def _unusable(folder: Path, error: sqlite3.Error) -> OutputError:
    taken = getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_BUSY
    if taken:
        return OutputError(
            f"another server keeps its jobs in {folder}",
            expected="a folder that no other server uses",
            fix="end the other one, or name another folder",
        )
    return OutputError(
        f"jobs cannot be kept in {folder / 'jobs.sqlite'} ({error})",
        expected="a file of jobs that this version can write",
        fix="name another folder, or move that file away",
    )


def _job(name: str, text: str) -> Job | None:
    """Return a job; None for what another version kept in a way that is not known here."""
    try:
        values = json.loads(text)
        own = {
            "order": Order.from_dict(values["order"]),
            "state": State(values["state"]),
            "files": tuple(values["files"]),
        }
        return Job(**values | own)
    except (TypeError, ValueError, KeyError, UndegradeError) as error:
        _log.warning("job %s was kept by another version, and is left out: %s", name, error)
        return None
