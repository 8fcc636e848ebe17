"""What a restoration costs: seconds, and how much memory at most, of the device or this process."""

import ctypes
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    import torch

_PROC = Path("/proc/self")
_RESET_PEAK = "5"  # what Linux takes for: the peak of resident memory is what is resident now

_Made = TypeVar("_Made")


@dataclass(frozen=True)
class Paid(Generic[_Made]):
    """What came of something, and what it cost.

    Args:
        made: What it returned.
        seconds: Time that it took.
        peak_mb: Megabytes in memory at most; None where that is not known.
    """

    made: _Made
    seconds: float
    peak_mb: float | None


def pay(device: "torch.device | str", make: Callable[[], _Made]) -> Paid[_Made]:
    """Do something and return what it made and cost.

    Args:
        device: Where it computes, see :class:`PeakMemory`.
        make: What is done.
    """
    import torch

    with PeakMemory.of(torch.device(device)) as peak:
        started = time.perf_counter()
        made = make()
        seconds = time.perf_counter() - started
    return Paid(made, seconds, peak.megabytes)


class PeakMemory:
    """The peak while a block runs.

    Attributes:
        megabytes: 10^6 bytes, once the block is left; None where the system cannot tell.
    """

    def __init__(self) -> None:
        self.megabytes: float | None = None

    @classmethod
    @contextmanager
    def of(cls, device: "torch.device", proc: Path = _PROC) -> Iterator["PeakMemory"]:
        """Watch a block.

        Args:
            device: Where it computes. Of CUDA, what its tensors hold at most; of a CPU, all that
                the process has in memory, libraries and weights included, as Linux counts it.
            proc: Where Linux tells about this process.
        """
        peak = cls()
        if device.type == "cuda":
            import torch

            torch.cuda.reset_peak_memory_stats(device)
            yield peak
            torch.cuda.synchronize(device)
            peak.megabytes = torch.cuda.max_memory_allocated(device) / 1e6
        elif device.type == "cpu" and _reset(proc):
            yield peak
            peak.megabytes = _resident_peak(proc)
        else:
            yield peak


def _reset(proc: Path) -> bool:
    """Let the peak begin anew; return whether the system could."""
    _give_back()
    try:
        (proc / "clear_refs").write_text(_RESET_PEAK, encoding="ascii")
    except OSError:  # not Linux, or not allowed to
        return False
    return True


def _give_back() -> None:
    """Return to the system what was freed, which would count as if the block needed it."""
    if sys.platform.startswith("linux"):
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)


def _resident_peak(proc: Path) -> float | None:
    try:
        lines = (proc / "status").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None
    kilobytes = [int(line.split()[1]) for line in lines if line.startswith("VmHWM:")]
    return kilobytes[0] * 1024 / 1e6 if kilobytes else None
