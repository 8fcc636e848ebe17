"""What the server says while it runs: what it answers, what becomes of jobs, what goes wrong."""

import logging
import sys


def write_diary() -> None:
    """Write it to standard error, a line with its time for each; once for a process."""
    log = logging.getLogger("undegrade.serving")
    log.setLevel(logging.INFO)
    if not log.handlers:
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
        log.addHandler(handler)
