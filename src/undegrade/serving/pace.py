"""How long jobs take at present, for those who are told to come back."""

from undegrade.serving.jobs import Job, State

_SMOOTHING = 0.2  # share of the last job in what is usual
_LEAST = 0.25  # megapixels from which a photo says how long pixels take
_SECONDS = 1.0  # for a job, before there was one
_SECONDS_PER_MEGAPIXEL = 4.0  # likewise


class Pace:
    """What is usual, by the jobs so far.

    Attributes:
        usual_seconds: How long a job takes.
    """

    def __init__(self) -> None:
        self.usual_seconds, self._per_megapixel = _SECONDS, _SECONDS_PER_MEGAPIXEL

    def note(self, job: Job) -> None:
        """Learn from a job that is done."""
        if job.seconds is None:
            return
        own = job.seconds / job.together
        self.usual_seconds += _SMOOTHING * (own - self.usual_seconds)
        if job.order.megapixels >= _LEAST:
            per_megapixel = own / job.order.megapixels
            self._per_megapixel += _SMOOTHING * (per_megapixel - self._per_megapixel)

    def expected(self, job: Job) -> float:
        """Return how many seconds a job will take that does not run yet."""
        return max(self.usual_seconds, self._per_megapixel * job.order.megapixels)

    def left(self, job: Job, now: float) -> float:
        """Return how many seconds a job still takes.

        Args:
            job: Which.
            now: By the clock that only goes on.
        """
        told = job.seconds_left(now)
        if told is not None:
            return told
        gone = now - job.begun if job.state is State.RUNNING and job.begun is not None else 0.0
        return max(self.expected(job) - gone, 0.0)
