"""What the machine itself can do, for benchmarks to be compared with."""

import platform
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch


def matrix_multiplication_rate(kind: torch.dtype = torch.float32) -> float:
    """Return operations per second of a large matrix product."""
    a, b = torch.rand(2, 2048, 2048).to(kind)
    return 2 * 2048**3 / best_time(lambda: a @ b)


def best_time(work: Callable[[], object], rounds: int = 4) -> float:
    """Return the shortest of several times after one to warm up, in seconds."""
    return float(np.min(_times(work, rounds)))


def median_time(work: Callable[[], object], rounds: int = 9) -> float:
    """Return the median of several times after one to warm up, in seconds."""
    return float(np.median(_times(work, rounds)))


def _times(work: Callable[[], object], rounds: int) -> list[float]:
    work()
    times = []
    for _ in range(rounds):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return times


def processor() -> str:
    """Return the processor's name as the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
