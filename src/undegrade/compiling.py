"""Where the loops that numba compiles are kept. Importing this needs numba."""

import logging
import os

import numba

from undegrade.environment import home

_COMPILED = home() / "compiled"

if not os.environ.get("NUMBA_CACHE_DIR"):  # not beside the package, which may be read-only
    numba.config.CACHE_DIR = str(_COMPILED)
    if not _COMPILED.is_dir():
        logging.getLogger(__name__).warning(
            "undegrade: some loops are compiled before their first use, which can take a minute; "
            "they are kept in %s, if that can be written into",
            _COMPILED,
        )

compiled = numba.njit(
    cache=True, fastmath={"contract", "reassoc", "nsz"}, nogil=True, error_model="numpy"
)
"""Sums may be taken in any order, and dividing by zero gives what IEEE 754 says: no loop would be
vectorised otherwise."""

recurrence = numba.njit(cache=True, fastmath={"contract"}, nogil=True)
"""Sums stay as they are written: reordered, each step would wait for one product more."""
