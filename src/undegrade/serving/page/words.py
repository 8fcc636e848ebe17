"""What the page says, as HTML whose every part that comes from outside is escaped."""

import re
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from undegrade.inference.detected import CLEAN, PRESENT
from undegrade.serving.hints import options_in, reworded
from undegrade.serving.jobs import Job, State
from undegrade.serving.page.controls import IN_SIGHT, LABELS, name_of
from undegrade.serving.page.results import has_map
from undegrade.serving.problems import HttpError
from undegrade.wording import counted, percent

_SEEN = 0.1  # probability from which a degradation is mentioned
_VALUE = re.compile(r"^(\w+)=(['\"]?)(.*?)\2(?=$|;)")
_NAME = re.compile(r"^\w+(?=: )")
_NUMBERS = (
    ("noise", "Noise", "strength of the grain, of 255"),
    ("blocks", "JPEG blocks", "1 means none"),
    ("sharpness", "Sharpness", "mean step between pixels, of 255; grain adds to it"),
    ("contrast", "Contrast", "spread of the tones, of 255"),
    ("brightness", "Brightness", "mean tone, of 255"),
)


def message(text: str, kind: str = "note") -> str:
    """Return a paragraph for the status line."""
    return f'<p class="message {kind}">{escape(text)}</p>' if text else ""


def problem(error: HttpError) -> str:
    """Return what a problem is, and what can be done about it from here."""
    reason = error.reason
    if error.status == HTTPStatus.TOO_MANY_REQUESTS:
        reason = f"the server has much to do: {reason}"
    return message(told(reason, advice(error)), "problem")


def advice(error: HttpError) -> str | None:
    """Return what can be done about a problem, in words of the page."""
    return by_controls(error.fix) if error.fix else error.hint


def by_controls(text: str) -> str | None:
    """Return a text whose options are named by their controls; None where one has none."""
    named = reworded(text, _control)
    hidden = {option.replace("-", "_") for option in options_in(text)} - {*IN_SIGHT}
    return f"{named} (below 'More options')" if named and hidden else named


def _control(option: str, value: str | None) -> str:
    label = f"'{LABELS[option.replace('-', '_')]}'"
    return label if value is None or value.isupper() else f"{label} {value}"


def told(reason: str, hint: str | None) -> str:
    """Return a reason and a hint as sentences; ``tile_size=3`` becomes ``Tile size: 3``."""
    reason = _VALUE.sub(r"\1: \3", reason)
    reason = _NAME.sub(lambda name: name[0].replace("_", " "), reason)
    parts = [f"{part[:1].upper()}{part[1:]}" for part in (reason, hint) if part]
    return " ".join(part if part.endswith((".", "?", "!")) else f"{part}." for part in parts)


def chips(found: Mapping[str, Any], heading: str) -> str:
    """Return what a detector found, as a list."""
    chances = sorted(found["probabilities"].items(), key=lambda pair: -pair[1])
    parts = [_chip(name_of(task), chance) for task, chance in chances if chance >= _SEEN]
    if found["guess"] == CLEAN:
        parts.insert(0, _chip("Nothing to undo", found["confidence"], kind="clean"))
    elif not any(chance >= PRESENT for _, chance in chances):
        parts.insert(0, '<li class="chip faint">Not sure of anything</li>')
    note = "<p>Parts are transparent, so this is a guess.</p>" if found["transparent"] else ""
    return f'<h3>{escape(heading)}</h3><ul class="chips">{"".join(parts)}</ul>{note}'


def _chip(name: str, chance: float, kind: str = "") -> str:
    kind = kind or ("there" if chance >= PRESENT else "faint")
    return f'<li class="chip {kind}">{escape(name)} <b>{percent(chance)}</b></li>'


def turn(ahead: int) -> str:
    """Return what is said of a photo that waits for its turn to be looked at."""
    before = f"; {counted(ahead, 'photo')} before it" if ahead else ""
    return message(f"The photo waits to be looked at{before} …")


def progress(job: Job, ahead: int, now: float) -> str:
    """Return a bar that shows how far a job is."""
    if job.state is State.QUEUED:
        text = f"Waiting for {counted(ahead, 'photo')} before this one" if ahead else "Next in turn"
        return _bar(None, text)
    if job.state is not State.RUNNING:
        return ""
    if not job.total:
        return _bar(None, "Starting")
    left = job.seconds_left(now)
    text = f"{job.progress:.0%}" + ("" if left is None else f", about {_duration(left)} left")
    return _bar(job.progress, text)


def _bar(share: float | None, text: str) -> str:
    value = "" if share is None else f' value="{share:.3f}"'
    label = 'aria-label="Progress of the restoration"'
    return f'<div class="bar"><progress max="1"{value} {label}></progress><p>{text}</p></div>'


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{round(seconds / 60)} min"


def outcome(job: Job) -> str:
    """Return what is said of a restored photo: by what, how long, and what should be known."""
    report = job.report or {}
    task = report.get("task")
    parts = [f"Restored by {report.get('model', 'a model')}"]
    if task and job.order.restore.task != "auto":  # else the messages tell of it
        parts.append(f"undoing {name_of(task).lower() if task != 'dejpeg' else 'JPEG blocks'}")
    if job.seconds is not None:
        parts.append(f"in {_duration(job.seconds)}")
    notes = [told(by_controls(note) or note, None) for note in report.get("messages", ())]
    if job.order.restore.uncertainty and not has_map(job):
        notes.append("So there is no map of where it is unsure.")
    return message(" ".join([told(", ".join(parts), None), *notes]), "good")


def numbers(rows: Sequence[tuple[str, Mapping[str, float] | None]]) -> str:
    """Return a table of what was measured of each picture alone."""
    columns = [(heading, values) for heading, values in rows if values]
    if len(columns) < 2:
        return ""
    heads = "".join(f'<th scope="col">{escape(heading)}</th>' for heading, _ in columns)
    body = "".join(
        f'<tr><th scope="row">{name}<small>{what}</small></th>'
        + "".join(f"<td>{values[key]:.1f}</td>" for _, values in columns)
        + "</tr>"
        for key, name, what in _NUMBERS
    )
    caption = (
        "<caption>Measured of each picture alone, in its middle. They say what has changed, not "
        "which one is better.</caption>"
    )
    return (
        f'<table class="numbers">{caption}<thead><tr><td></td>{heads}</tr></thead>'
        f"<tbody>{body}</tbody></table>"
    )


def downloads(job: str, files: Iterable[tuple[str, str]]) -> str:
    """Return links to the files of a job.

    Args:
        job: Its name.
        files: Label and name of each.
    """
    links = "".join(
        f'<li><a class="download" href="api/v1/jobs/{_part(job)}/files/{_part(name)}" '
        f'download="{escape(name)}">{escape(label)}<small>{escape(name)}</small></a></li>'
        for label, name in files
    )
    return f'<ul class="downloads">{links}</ul>'


def _part(name: str) -> str:
    """Return a name as one part of an address."""
    return quote(name, safe="")
