"""What the machine has besides accelerators: processors and memory; knows no torch."""

import os
from pathlib import Path

_UNKNOWN = 4 << 30  # bytes, where the system does not say
_most: int | None = None


def usable_cores() -> int:
    """Return the number of processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def free_memory(root: Path = Path("/")) -> int:
    """Return how many bytes are free, as far as can be known; no more than is granted.

    Args:
        root: Where the system's ``proc`` and ``sys`` are.
    """
    known = [value for value in (_linux_free(root), _cgroup_free(root)) if value is not None]
    free = min(known) if known else _posix_free()
    return free if _most is None else min(free, _most)


def grant_memory(most: int | None) -> None:
    """Have this process count on no more free memory than so many bytes; None for what there is."""
    global _most
    _most = most


def _linux_free(root: Path) -> int | None:
    try:
        lines = (root / "proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    for line in lines:
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return None


def _cgroup_free(root: Path) -> int | None:
    """Return what a container is still allowed; None if it is not limited."""
    for folder, limit, usage in (
        (root / "sys/fs/cgroup", "memory.max", "memory.current"),
        (root / "sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes"),
    ):
        try:
            allowed = (folder / limit).read_text(encoding="ascii").strip()
            used = (folder / usage).read_text(encoding="ascii").strip()
            stat = (folder / "memory.stat").read_text(encoding="ascii").split()
        except OSError:
            continue
        if allowed.isdecimal():
            # Cached files count as used, but make room when it is needed.
            values = dict(zip(stat[::2], stat[1::2], strict=False))
            cached = values.get("total_inactive_file", values.get("inactive_file", "0"))
            return max(int(allowed) - int(used) + int(cached), 0)
    return None


def _posix_free() -> int:
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return _UNKNOWN
