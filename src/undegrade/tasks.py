"""What undoing each degradation is called, and that a task can be asked for by either name."""

from collections.abc import Collection, Iterable, Mapping

from undegrade.registry import did_you_mean

TASK_OF: Mapping[str, str] = {
    "noise": "denoise",
    "poisson": "denoise",
    "camera-noise": "denoise",
    "rain": "derain",
    "jpeg": "dejpeg",
    "snow": "desnow",
    "holes": "inpaint",
    "raindrops": "deraindrop",
    "shadow": "deshadow",
    "low-light": "brighten",
    "haze": "dehaze",
    "blur": "deblur",
    "motion-blur": "deblur",
    "defocus": "deblur",
    "kernel-blur": "deblur",
}
"""Tasks by the degradations that they undo."""


AUTO = "auto"
"""In place of a task: leave it to the model or a detector."""


def plain_auto(task: str) -> str:
    """Return a task as it is, but for :data:`AUTO` in capital letters."""
    return AUTO if task.lower() == AUTO else task


def own_name(task: str, known: Collection[str] = ()) -> str:
    """Return a task under its own name, given that or the name of what it undoes.

    Capital letters matter only where tasks differ in nothing else.

    Args:
        task: As somebody asked for it; what is neither comes back as it is.
        known: Tasks that are called so, whatever else the word means.
    """
    if task in known or task in TASK_OF:
        return task if task in known else TASK_OF[task]
    names = {own.lower(): own for own in (*TASK_OF.values(), *known)}
    small = task.lower()
    return names.get(small) or TASK_OF.get(small, task)


def degradation_of(task: str) -> str:
    """Return what a task undoes, in a word; of a task that is not known, its name."""
    return next((degradation for degradation, own in TASK_OF.items() if own == task), task)


def plain_words(tasks: Iterable[str] = TASK_OF.values()) -> list[str]:
    """Return what each task undoes, in a word, in their order; all unless some are given."""
    return [*dict.fromkeys(map(degradation_of, tasks))]


def task_advice(task: str, known: Collection[str]) -> str:
    """Return advice for a task that is not known: the nearest name of one, and words for all.

    Args:
        task: What was given.
        known: Tasks that there are, by their own names.
    """
    words = [word for word, own in TASK_OF.items() if own in known]
    return did_you_mean(task.lower(), [*known, *words], plain_words(known))
