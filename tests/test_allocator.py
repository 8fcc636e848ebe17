"""Memory that is kept is not asked for again."""

import subprocess
import sys

import pytest

_COUNT_FAULTS = """
import resource, sys
from undegrade.allocator import keep_freed_memory

if "keep" in sys.argv:
    assert keep_freed_memory()
for _ in range(2):
    bytes(bytearray(1 << 25))
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    bytes(bytearray(1 << 25))
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def page_faults(*arguments: str) -> int:
    command = [sys.executable, "-c", _COUNT_FAULTS, *arguments]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="a setting of glibc")
def test_a_freed_array_is_used_again_without_the_kernel() -> None:
    assert page_faults("keep") < 100
    assert page_faults() > 10 * 100  # ten times 32 MiB, in pages of 4 KiB or a few larger ones


def test_elsewhere_it_does_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    from undegrade.allocator import keep_freed_memory

    monkeypatch.setattr(sys, "platform", "darwin")
    assert not keep_freed_memory()
