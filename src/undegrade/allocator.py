"""How the process gets its memory: kept for the next tensor instead of given back."""

import ctypes
import sys

_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_MAX = -1, -2, -4  # names and numbers of glibc's malloc.h
_KEPT_BYTES = 2**31 - 1
_GROWTH_BYTES = 64 << 20


def keep_freed_memory() -> bool:
    """Let glibc keep up to 2 GiB of freed memory for the next allocation.

    By default each large tensor is mapped anew, and the kernel clears its pages one by one: up to
    half of the time of a network on a processor. The setting holds for the whole process until its
    end, which is why commands ask for it, and a library that lives in a host of others does not.

    Returns:
        Whether the setting was made; without glibc there is nothing to set.
    """
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    settings = ((_M_MMAP_MAX, 0), (_M_TRIM_THRESHOLD, _KEPT_BYTES), (_M_TOP_PAD, _GROWTH_BYTES))
    return all(mallopt(name, value) == 1 for name, value in settings)
