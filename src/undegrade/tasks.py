"""What undoing each degradation is called, and that a task can be asked for by either name."""

from collections.abc import Collection, Mapping

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


def own_name(task: str, known: Collection[str] = ()) -> str:
    """Return a task under its own name, given that or the name of what it undoes.

    Args:
        task: As somebody asked for it; what is neither comes back as it is.
        known: Tasks that are called so, whatever else the word means.
    """
    return task if task in known else TASK_OF.get(task, task)


def degradation_of(task: str) -> str:
    """Return what a task undoes, in a word; of a task that is not known, its name."""
    return next((degradation for degradation, own in TASK_OF.items() if own == task), task)
