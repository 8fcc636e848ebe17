"""How much memory there is, and how large tiles may be."""

import os
from pathlib import Path

import pytest
import torch
from torch import nn

from undegrade.inference.memory import (
    PeakCounter,
    auto_tile_size,
    available_memory,
    is_out_of_memory,
    tile_height_for,
)

CPU = torch.device("cpu")


def write(root: Path, name: str, text: str) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_memory_is_read_from_the_system(tmp_path: Path) -> None:
    write(tmp_path, "proc/meminfo", "MemTotal: 900 kB\nMemFree: 2 kB\nMemAvailable:  700 kB\n")
    assert available_memory(CPU, tmp_path) == 700 * 1024
    write(tmp_path, "sys/fs/cgroup/memory.max", "max\n")
    write(tmp_path, "sys/fs/cgroup/memory.current", "1000\n")
    write(tmp_path, "sys/fs/cgroup/memory.stat", "anon 700\nfile 300\ninactive_file 200\n")
    assert available_memory(CPU, tmp_path) == 700 * 1024
    write(tmp_path, "sys/fs/cgroup/memory.max", "5000\n")
    assert available_memory(CPU, tmp_path) == 4200


def test_the_older_layout_of_containers_is_known(tmp_path: Path) -> None:
    write(tmp_path, "proc/meminfo", "MemAvailable:  700 kB\n")
    write(tmp_path, "sys/fs/cgroup/memory/memory.limit_in_bytes", "3000\n")
    write(tmp_path, "sys/fs/cgroup/memory/memory.usage_in_bytes", "4000\n")
    write(tmp_path, "sys/fs/cgroup/memory/memory.stat", "inactive_file 5\n")
    assert available_memory(CPU, tmp_path) == 0


def test_other_systems_are_asked_otherwise(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sysconf", lambda name: 4096 if "SIZE" in name else 10)
    assert available_memory(CPU, tmp_path) == 40960

    def unknown(name: str) -> int:
        raise ValueError(name)

    monkeypatch.setattr(os, "sysconf", unknown)
    assert available_memory(CPU, tmp_path) == 4 << 30


def test_gpu_memory_is_asked_of_the_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _: (1000, 9999))
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda _: 300)
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda _: 100)
    assert available_memory(torch.device("cuda:0")) == 1200


def test_the_largest_layer_is_found() -> None:
    network = nn.Sequential(nn.Conv2d(3, 8, 1), nn.Conv2d(8, 1, 1))
    counter = PeakCounter()
    with counter.watching(network):
        network(torch.zeros(1, 3, 10, 10))
    assert counter.largest == (3 + 8) * 100 * 4
    network(torch.zeros(1, 3, 100, 100))  # no longer watched
    assert counter.bytes_per_pixel(100) == 3 * 44 + 100


def test_tile_sizes_are_within_bounds() -> None:
    assert auto_tile_size(2 * 200 * 500**2, 200, 8, 1024) == 496
    assert auto_tile_size(10**12, 200, 8, 1024) == 1024
    assert auto_tile_size(10**12, 200, 8, 1023) == 1016
    assert auto_tile_size(0, 200, 8, 1024) == 64


def test_rows_of_tiles_fit_in_memory() -> None:
    assert tile_height_for(1000, 1024, 3) == 1024
    assert 4 * 3 * 40_000 * tile_height_for(40_000, 1024, 3) <= 192 << 20
    assert tile_height_for(10**6, 1024, 3) == 256
    assert tile_height_for(10**6, 64, 3) == 64


@pytest.mark.parametrize("channels", [6, 24, 48])
def test_rows_of_tiles_with_many_draws_fit_in_memory(channels: int) -> None:
    rows = tile_height_for(12_000, 1024, channels)
    assert rows >= 64
    assert 4 * channels * 12_000 * rows <= 192 << 20
    assert tile_height_for(10**6, 1024, channels) == 64


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        torch.OutOfMemoryError(),
        RuntimeError(
            "[enforce fail at alloc_cpu.cpp:117] err == 0. DefaultCPUAllocator: "
            "can't allocate memory: you tried to allocate 9 bytes."
        ),
        RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 9 bytes."),
        RuntimeError("MPS backend out of memory (MPS allocated: 1 GB)"),
    ],
)
def test_lack_of_memory_is_recognised(error: Exception) -> None:
    assert is_out_of_memory(error)


@pytest.mark.parametrize("error", [RuntimeError("size mismatch"), ValueError("out of memory")])
def test_other_errors_are_not(error: Exception) -> None:
    assert not is_out_of_memory(error)


def test_a_real_failure_to_allocate_is_recognised() -> None:
    with pytest.raises(RuntimeError) as caught:
        torch.empty(1 << 60, dtype=torch.uint8)
    assert is_out_of_memory(caught.value)
