"""What a job has made, as pictures to look at."""

from collections.abc import Mapping
from pathlib import Path

from undegrade.inference.options import UNCERTAINTY_DRAWS
from undegrade.serving.jobs import Job
from undegrade.serving.page.drawing import Drawing
from undegrade.serving.page.sessions import PageSession, Picture
from undegrade.serving.page.sketches import Part, Sketch
from undegrade.serving.store import JobStore

DETAIL = 512
"""Side in pixels of a part that is shown in full resolution."""


def labels_of(job: Job) -> list[tuple[str, str]]:
    """Return the pictures of a finished job: what each is called, and its file's name.

    The order is that of :class:`undegrade.inference.targets.Targets`, without the maps.
    """
    asked, files = job.order.restore, [*job.files]
    if asked.uncertainty:
        files = files[:-2]
    labels = [f"Variant {number}" for number in range(1, asked.variants + 1)]
    if asked.variants == 1:
        labels = []
    if len(files) > len(labels):
        draws = asked.variants if asked.variants > 1 else UNCERTAINTY_DRAWS
        labels.insert(0, f"Mean of {draws}" if asked.uncertainty else "Restored")
    return [*zip(labels, files, strict=True)]


def has_map(job: Job) -> bool:
    """Return whether a finished job has a map that shows anything: of several draws."""
    return job.order.restore.uncertainty and (job.report or {}).get("draws", 1) > 1


async def pictures_of(
    job: Job, session: PageSession, store: JobStore, drawing: Drawing
) -> tuple[tuple[Picture, ...], Mapping[str, float] | None]:
    """Return the pictures of a finished job, and the numbers of the first.

    Raises:
        HttpError: One cannot be read.
    """
    pictures, numbers = list[Picture](), None
    for label, name in labels_of(job):
        file = store.result(job.id, name)
        shown, facts = await drawing.draw(
            Sketch(file, session.new_path(), measured=not pictures), job.order.pixels
        )
        numbers = numbers or facts["numbers"]
        pictures.append(Picture(label, file, shown))
    if has_map(job):
        pictures.append(await _uncertain(pictures[0].file, job, session, store, drawing))
    return tuple(pictures), numbers


async def _uncertain(
    file: Path, job: Job, session: PageSession, store: JobStore, drawing: Drawing
) -> Picture:
    heat = store.result(job.id, job.files[-2])
    shown, _ = await drawing.draw(Sketch(file, session.new_path(), heat=heat), job.order.pixels)
    return Picture("Where it is unsure", file, shown, heat)


def detail_part(width: int, height: int, across: float, down: float) -> Part:
    """Return the part of a photo at a place in per cent of the way from left and from top."""
    wide, deep = min(DETAIL, width), min(DETAIL, height)
    left, top = round((width - wide) * across / 100), round((height - deep) * down / 100)
    return Part(left, top, wide, deep)
