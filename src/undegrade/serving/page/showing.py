"""What is shown of a photo and of its results, as changes of the page's components."""

from collections.abc import Mapping
from typing import Any

import gradio as gr

from undegrade.serving.jobs import Job
from undegrade.serving.page import words
from undegrade.serving.page.sketches import LONGEST
from undegrade.serving.page.visits import Picture, Visit

Changes = dict[str, Any]
"""New values or updates of components, by the components' names."""


def results(visit: Visit, job: Job, numbers: Mapping[str, float] | None) -> Changes:
    """Return the page with what a job made."""
    first, labels = visit.pictures[0], [picture.label for picture in visit.pictures]
    variants = [one for one in visit.pictures if one.label.startswith("Variant")]
    files = [(_purpose(name, visit.pictures), name) for name in job.files]
    large = max(visit.facts["width"], visit.facts["height"]) > LONGEST
    return {
        "before": gr.update(visible=False),
        "compare": gr.update(
            value=(str(visit.shown), str(first.shown)), visible=True, label=title(first)
        ),
        "right": gr.update(choices=labels, value=first.label, visible=len(labels) > 1),
        "variants_shown": gr.update(
            value=[(str(one.shown), one.label) for one in variants], visible=bool(variants)
        ),
        "detail_fold": gr.update(visible=large),
        "detail": gr.update(value=None),
        "files": gr.update(value=words.downloads(job.id, files), visible=True),
        "numbers": gr.update(
            value=words.numbers((("before", visit.facts["numbers"]), ("after", numbers))),
            visible=True,
        ),
        "still": "",
        "results": gr.update(visible=True),
    }


def cleared() -> Changes:
    """Return the page without a photo."""
    return (
        without_results()
        | idle()
        | {"empty": gr.update(visible=True), "seen": "", "before": gr.update(visible=False)}
    )


def without_results() -> Changes:
    """Return the page without results."""
    return {"results": gr.update(visible=False), "still": ""}


def idle() -> Changes:
    """Return the page while nothing is restored."""
    return {"progress": "", "cancel": gr.update(interactive=False)}


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
