"""What is shown of a photo and of its results, as changes of the page's components."""

from collections.abc import Mapping
from typing import Any

import gradio as gr

from undegrade.serving.jobs import Job
from undegrade.serving.page import words
from undegrade.serving.page.sessions import PageSession, Picture
from undegrade.serving.page.sketches import LONGEST

Changes = dict[str, Any]
"""New values or updates of components, by the components' names."""

HIDDEN = "hidden"
"""There, but not seen. What Gradio takes out of the page instead it puts in again with a delay, and
what it is told meanwhile is lost where a browser is slow."""


def results(session: PageSession, job: Job, numbers: Mapping[str, float] | None) -> Changes:
    """Return the page with what a job made."""
    first, labels = session.pictures[0], [picture.label for picture in session.pictures]
    variants = [one for one in session.pictures if one.label.startswith("Variant")]
    files = [(_purpose(name, session.pictures), name) for name in job.files]
    large = max(session.facts["width"], session.facts["height"]) > LONGEST
    return {
        "before": gr.update(visible=HIDDEN),
        "compare": gr.update(
            value=(str(session.shown), str(first.shown)), visible=True, label=title(first)
        ),
        "right": gr.update(choices=labels, value=first.label, visible=len(labels) > 1 or HIDDEN),
        "variants_shown": gr.update(
            value=[(str(one.shown), one.label) for one in variants],
            visible=bool(variants) or HIDDEN,
        ),
        "detail_fold": gr.update(visible=large or HIDDEN),
        "detail": gr.update(value=None),
        "files": words.downloads(job.id, files),
        "numbers": words.numbers((("before", session.facts["numbers"]), ("after", numbers))),
        "still": "",
    }


def cleared() -> Changes:
    """Return the page without a photo."""
    return (
        without_results()
        | idle()
        | {"empty": gr.update(visible=True), "seen": "", "before": gr.update(visible=HIDDEN)}
    )


def without_results() -> Changes:
    """Return the page without results, which are seen as long as one can be downloaded."""
    return {"files": "", "still": ""}


def idle() -> Changes:
    """Return the page while nothing is restored."""
    return {"progress": "", "cancel": gr.update(interactive=False)}


def merged(first: Changes, second: Changes) -> Changes:
    """Return two changes as one; what the second one says of a component counts."""
    told = dict(first)
    for name, value in second.items():
        before = told.get(name)
        updates = isinstance(before, dict) and isinstance(value, dict)
        told[name] = before | value if updates else value
    return told


def title(picture: Picture) -> str:
    """Return what stands above two pictures."""
    return f"Left: before. Right: {picture.label.lower()}"


def _purpose(name: str, pictures: tuple[Picture, ...]) -> str:
    """Return what a file of a job is for."""
    if name.endswith(".uncertainty.png"):
        return "Download the map of uncertainty"
    if name.endswith(".uncertainty.tiff"):
        return "Download its data, 16 bits"
    of = next((one.label for one in pictures if one.file.name == name), "Result")
    return f"Download: {of.lower()}" if len(pictures) > 1 else "Download the restored photo"
