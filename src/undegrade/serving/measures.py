"""What the server counts, as Prometheus reads it."""

from collections.abc import Callable
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from undegrade.serving.jobs import Job, State
from undegrade.serving.pace import Pace

_BUCKETS = (0.1, 0.25, 0.5, 1, 2, 4, 8, 16, 32, 64, 128)


class Measures:
    """The numbers of one server.

    Attributes:
        pace: How long jobs take at present.
    """

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "undegrade_requests",
            "Requests by route and status.",
            ("method", "route", "status"),
            registry=self._registry,
        )
        self._jobs = Counter(
            "undegrade_jobs", "Jobs that ended, by how.", ("state",), registry=self._registry
        )
        self._speed = Histogram(
            "undegrade_seconds_per_megapixel",
            "Seconds that a restoration ran for each megapixel of its photo.",
            registry=self._registry,
            buckets=_BUCKETS,
        )
        self._waiting = Gauge("undegrade_queue_length", "Jobs that wait.", registry=self._registry)
        self._memory = Gauge(
            "undegrade_memory_bytes",
            "Resident memory of the server and its workers.",
            registry=self._registry,
        )
        self.pace = Pace()

    def answered(self, method: str, route: str, status: int) -> None:
        """Count a request."""
        self._requests.labels(method, route, str(status)).inc()

    def ended(self, job: Job) -> None:
        """Count a job that has ended."""
        self._jobs.labels(str(job.state)).inc()
        if job.state is not State.DONE or job.seconds is None:
            return
        self.pace.note(job)
        if job.order.kind == "restore":
            self._speed.observe(job.seconds / job.together / max(job.order.megapixels, 1e-6))

    def watch(self, waiting: Callable[[], int], pids: Callable[[], list[int]]) -> None:
        """Say where the length of the queue and the processes are to be asked for."""
        self._waiting.set_function(waiting)
        self._memory.set_function(lambda: sum(map(_resident, pids())))

    def text(self) -> bytes:
        """Return all of them as Prometheus reads it."""
        return generate_latest(self._registry)


def _resident(pid: int) -> int:
    """Return the resident bytes of a process; 0 where the system does not say."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) << 10 for line in lines if line.startswith("VmRSS:")), 0)
