"""What things are called: candidates with their steps in reports, what is kept in files."""

import json
from hashlib import sha256

from undegrade.wording import counted

FIRST_GUESS = -1
"""In place of a number of steps: what a model gives before its first one. 0 is taken, for what has
no number of steps to choose."""


def title_of(model: str, steps: int) -> str:
    """Return what a candidate with a number of steps is called where there is one column.

    Args:
        model: Name of the candidate.
        steps: Network evaluations; 0 where there are none, or for its own way; or
            :data:`FIRST_GUESS`.
    """
    if steps == FIRST_GUESS:
        return f"{model}, first guess"
    return f"{model}, {counted(steps, 'step')}" if steps else model


def file_name(*values: str | int) -> str:
    """Return a name for what is known by any values, always the same, safe in any file system."""
    return sha256(json.dumps(values).encode()).hexdigest()[:32]
