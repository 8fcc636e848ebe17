"""Which of the models that ship does what best: asked where a task is named and no model is."""

from collections.abc import Mapping

from undegrade.errors import UsageError
from undegrade.tasks import own_name, task_advice
from undegrade.zoo.store import DEFAULT_MODEL

AUTO_MODEL = "auto"
"""In place of a model's name: the one that is best at the task, be that named or detected."""

SPECIALISTS: Mapping[str, str] = {
    "denoise": DEFAULT_MODEL,
    "dejpeg": DEFAULT_MODEL,
    "deblur": "resflow-blur",
    "derain": "resflow-rain",
    "desnow": "resflow-snow",
    "inpaint": "resflow-inpainting",
    "deraindrop": "resflow-raindrops",
    "deshadow": "resflow-shadow",
    "brighten": "resflow-low-light",
    "dehaze": "resflow-haze",
}
"""Models by task: of the general model's method the best, as ``benchmarks/zoo.py`` ranks them."""


def best_at(task: str) -> tuple[str, str]:
    """Return the own name of a task, and that of the model that is best at it.

    Raises:
        UsageError: No model does it; the message names the nearest task.
    """
    own = own_name(task, SPECIALISTS)
    if own not in SPECIALISTS:
        raise UsageError(
            f"there is no task '{task}'", fix=task_advice(task, ["auto", *SPECIALISTS])
        )
    return own, SPECIALISTS[own]
