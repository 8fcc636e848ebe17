"""Running jobs one after another: a bad one stops no other, and all are accounted for."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from undegrade.cli.console import (
    exit_code_of,
    explain,
    json_result,
    note,
    one_line,
    report,
    result,
)
from undegrade.cli.interrupts import interruptible
from undegrade.cli.jobs import Job
from undegrade.cli.progress import Bar
from undegrade.signals import exit_code_after

Details = dict[str, Any]
"""What a machine may want to know about a picture; JSON values under fixed keys."""

Work = Callable[[Job, Callable[[int, int], None]], Details]
"""``work(job, progress)``: do one job; its details, those under ``"messages"`` being shown."""


@dataclass(frozen=True)
class Reporting:
    """How a batch tells what happened.

    Args:
        verb: What is done to a picture, in the past tense.
        as_json: One JSON object for each input instead of the results' names.
        blank: The details of an input for which there are none.
        single: Whether there is only one input.
        line: What to say of an input from its details, where nothing is written for it.
    """

    verb: str
    as_json: bool
    blank: Details
    single: bool
    line: Callable[[Details], str] | None = None


def run_jobs(jobs: Sequence[Job], work: Work | None, reporting: Reporting) -> int:
    """Do all jobs, tell about each, and list at the end what failed.

    Args:
        jobs: What is to be done.
        work: How; None where nothing is left to do.
        reporting: How to tell about it.

    Returns:
        The exit code: 0 if nothing failed, the failures' own if it is the same for all inputs, else
        1; or the one for having been cancelled.
    """
    failures: dict[str, BaseException] = {}
    skipped = finished = 0
    pictures = sum(not job.done and job.problem is None for job in jobs)
    with interruptible() as check, Bar(pictures) as bar:
        for job in jobs:
            try:
                details = _run(job, work, bar, check)
            except KeyboardInterrupt as stop:
                bar.hide()
                note(f"cancelled; {finished} of {len(jobs)} {reporting.verb}")
                return exit_code_after(stop)
            except Exception as error:
                failures[job.name] = error
                details = {"error": explain(error)}
            bar.hide()
            _tell(job, details, failures.get(job.name), reporting)
            bar.show()
            skipped += job.done
            finished += job.name not in failures and not job.done
    if len(jobs) > 1:
        _summarise(len(jobs), finished, skipped, failures, reporting.verb)
    codes = {exit_code_of(error) for error in failures.values()}
    if len(failures) == len(jobs) and len(codes) == 1:
        return codes.pop()
    return 1 if failures else 0


def _run(job: Job, work: Work | None, bar: Bar, check: Callable[[], None]) -> Details:
    def advance(done: int, total: int) -> None:
        check()
        bar.advance(done, total)

    check()
    if job.problem is not None:
        raise job.problem
    if job.done:
        return {}
    assert work is not None
    bar.begin(job.name)
    try:
        return work(job, advance)
    finally:
        bar.finish()


def _tell(job: Job, details: Details, failure: BaseException | None, how: Reporting) -> None:
    status = "failed" if failure else "skipped" if job.done else "done"
    for message in details.get("messages", ()):
        note(f"{job.name}: {message}")
    if job.done and how.single:
        there = ", ".join(job.outputs)
        note(f"{there}: there already, and left; --overwrite makes it anew, as asked for now")
    if failure is not None:
        report(failure)
    if how.as_json:
        head = {"status": status, "input": job.name}
        outputs = {} if how.line else _outputs(job, failed=failure is not None)
        json_result(head | outputs | how.blank | details)
    elif status == "done" and how.line:
        result(f"{one_line(job.name)}: {how.line(details)}")
    elif status == "done":
        for path in job.files:
            result(str(path))


def _outputs(job: Job, *, failed: bool) -> Details:
    outputs = [] if failed else job.outputs
    return {"output": outputs[0] if outputs else None, "outputs": outputs}


def _summarise(
    total: int, finished: int, skipped: int, failures: dict[str, BaseException], verb: str
) -> None:
    left = f", {skipped} done before (--overwrite does them again)" if skipped else ""
    failed = f", {len(failures)} failed" if failures else ""
    note(f"{finished} of {total} {verb}{left}{failed}")
    for name, error in failures.items():
        reason = explain(error)
        note(f"failed: {reason}" if name in reason else f"failed: {one_line(name)}: {reason}")
