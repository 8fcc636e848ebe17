"""Jobs and their files on disk, so that both survive a restart: SQLite, and a folder for each job.

Every call takes milliseconds; there is one store for a folder, in one process.
"""

import json
import shutil
import sqlite3
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path

from undegrade.errors import OutputError
from undegrade.images.files import make_folder
from undegrade.serving.jobs import Job, State
from undegrade.serving.orders import Order

_TABLE = """
CREATE TABLE IF NOT EXISTS jobs (
    id TEXT PRIMARY KEY,
    state TEXT NOT NULL,
    created REAL NOT NULL,
    finished REAL,
    job TEXT NOT NULL
)
"""
_SOURCE = "source"


class JobStore:
    """What a server remembers.

    Args:
        folder: Where it does; made if it is not there.

    Raises:
        OutputError: The folder cannot be used, or another server has it.
    """

    def __init__(self, folder: Path) -> None:
        make_folder(folder / "jobs")
        self._files = folder / "jobs"
        # The event loop's thread alone uses it, but the loop may not be what opens it.
        self._base = sqlite3.connect(
            folder / "jobs.sqlite", check_same_thread=False, isolation_level=None, timeout=1.0
        )
        try:
            self._base.execute("PRAGMA journal_mode=WAL")
            self._base.execute("PRAGMA locking_mode=EXCLUSIVE")
            self._base.execute(_TABLE)
            self._base.execute("BEGIN IMMEDIATE")  # takes the lock, and keeps it
            self._base.execute("COMMIT")
        except sqlite3.Error as error:
            self._base.close()
            raise OutputError(
                f"jobs cannot be kept in {folder} ({error})",
                expected="a folder that no other server uses",
                fix="end the other one, or name another folder",
            ) from error
        self._drop_strays()

    def close(self) -> None:
        """Let another server have the folder."""
        self._base.close()

    def save(self, job: Job) -> None:
        """Keep a job as it is now."""
        values = asdict(replace(job, files=())) | {"files": [*job.files]}
        text = json.dumps(values | {"order": job.order.as_dict()})
        self._base.execute(
            "INSERT INTO jobs VALUES (?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET "
            "state = excluded.state, finished = excluded.finished, job = excluded.job",
            (job.id, job.state, job.created, job.finished, text),
        )

    def find(self, name: str) -> Job | None:
        """Return a job; None if there is none of that name."""
        found = self._base.execute("SELECT job FROM jobs WHERE id = ?", (name,)).fetchone()
        return None if found is None else _job(found[0])

    def unfinished(self) -> list[Job]:
        """Return what waits or was running, the oldest first."""
        rows = self._base.execute(
            "SELECT job FROM jobs WHERE state IN (?, ?) ORDER BY created",
            (State.QUEUED, State.RUNNING),
        )
        return [_job(text) for (text,) in rows]

    def remove(self, name: str) -> None:
        """Forget a job, and remove its files."""
        self._base.execute("DELETE FROM jobs WHERE id = ?", (name,))
        shutil.rmtree(self.folder(name), ignore_errors=True)

    def folder(self, name: str) -> Path:
        """Return the folder of a job."""
        return self._files / name

    def source(self, name: str) -> Path:
        """Return the file of a job's photo."""
        return self.folder(name) / _SOURCE

    def result(self, name: str, file: str) -> Path:
        """Return one of a job's results."""
        return self.folder(name) / "results" / file

    def drop_source(self, name: str) -> None:
        """Remove the photo of a job that needs it no more."""
        self.source(name).unlink(missing_ok=True)

    def size(self) -> int:
        """Return the bytes of all files of all jobs."""
        return _bytes_in(self._files)

    def drop_old(self, before: float) -> list[str]:
        """Forget jobs that ended before a time; return their names."""
        rows = self._base.execute("SELECT id FROM jobs WHERE finished < ?", (before,))
        return self._dropped(name for (name,) in rows.fetchall())

    def shrink_to(self, limit: int) -> list[str]:
        """Forget finished jobs, the oldest first, until files are within a limit."""
        over = self.size() - limit
        names = []
        rows = self._base.execute("SELECT id FROM jobs WHERE finished NOTNULL ORDER BY finished")
        for (name,) in rows.fetchall():
            if over <= 0:
                break
            over -= _bytes_in(self.folder(name))
            names.append(name)
        return self._dropped(iter(names))

    def _dropped(self, names: Iterator[str]) -> list[str]:
        dropped = [*names]
        for name in dropped:
            self.remove(name)
        return dropped

    def _drop_strays(self) -> None:
        """Remove folders of jobs that were never kept: uploads that a crash has cut short."""
        known = {name for (name,) in self._base.execute("SELECT id FROM jobs")}
        for folder in self._files.iterdir():
            if folder.name not in known:
                shutil.rmtree(folder, ignore_errors=True)


def _bytes_in(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _job(text: str) -> Job:
    values = json.loads(text)
    return Job(
        **values
        | {
            "order": Order.from_dict(values["order"]),
            "state": State(values["state"]),
            "files": tuple(values["files"]),
        }
    )
