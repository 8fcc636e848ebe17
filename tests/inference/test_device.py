"""The device that was asked for, or an error; never another one silently."""

from pathlib import Path

import pytest
import torch

from undegrade.errors import DeviceError, UsageError
from undegrade.inference import device as devices
from undegrade.inference.device import (
    choose_device,
    choose_precision,
    cpu_has_bfloat16,
    precision_name,
)


@pytest.fixture
def no_accelerator(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)


@pytest.fixture
def two_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)


@pytest.mark.usefixtures("no_accelerator")
@pytest.mark.parametrize("name", ["cuda", "cuda:0", "mps"])
def test_a_device_that_is_not_there_is_an_error_that_says_what_is(name: str) -> None:
    with pytest.raises(DeviceError, match=f"'{name}' was asked for.*one of: cpu .torch") as caught:
        choose_device(name)
    assert caught.value.exit_code == 2


@pytest.mark.usefixtures("no_accelerator")
def test_auto_falls_back_to_the_cpu() -> None:
    assert choose_device("auto") == torch.device("cpu")


@pytest.mark.usefixtures("two_gpus")
def test_gpus_are_chosen_by_number() -> None:
    assert choose_device("auto") == torch.device("cuda", 0)
    assert choose_device("cuda:1") == torch.device("cuda", 1)
    with pytest.raises(DeviceError, match="cuda:0, cuda:1"):
        choose_device("cuda:2")


@pytest.mark.parametrize("name", ["gpu", "cuda:x", "cpu:1", "", "cudda"])
def test_unknown_devices_are_refused(name: str) -> None:
    with pytest.raises(UsageError, match="there is no device"):
        choose_device(name)


def test_mps_is_used_where_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert choose_device("auto") == choose_device("mps") == torch.device("mps")


def test_precision_is_what_was_asked_for() -> None:
    cpu = torch.device("cpu")
    for name in ("float32", "bfloat16", "float16"):
        assert precision_name(choose_precision(name, cpu)) == name
    with pytest.raises(UsageError, match="did you mean 'bfloat16'"):
        choose_precision("bfloat", cpu)


def test_auto_is_bfloat16_only_where_it_is_fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "cpu_has_bfloat16", lambda: True)
    assert choose_precision("auto", torch.device("cpu")) == torch.bfloat16
    monkeypatch.setattr(devices, "cpu_has_bfloat16", lambda: False)
    assert choose_precision("auto", torch.device("cpu")) == torch.float32
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda **_: True)
    assert choose_precision("auto", torch.device("cuda")) == torch.bfloat16
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda **_: False)
    assert choose_precision("auto", torch.device("cuda")) == torch.float32
    assert choose_precision("auto", torch.device("mps")) == torch.float32


@pytest.mark.parametrize(("amx", "avx"), [(True, False), (False, True), (False, False)])
def test_torch_is_asked_about_the_cpu(
    monkeypatch: pytest.MonkeyPatch, amx: bool, avx: bool
) -> None:
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: amx, raising=False)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: avx, raising=False)
    assert cpu_has_bfloat16() == (amx or avx)


def test_linux_is_asked_where_torch_does_not_say(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delattr(torch.cpu, "_is_amx_tile_supported", raising=False)
    info = tmp_path / "cpuinfo"
    assert not cpu_has_bfloat16(info)
    info.write_text("flags\t\t: fpu avx2 avx512f\n")
    assert not cpu_has_bfloat16(info)
    info.write_text("flags\t\t: fpu avx2 avx512_bf16\n")
    assert cpu_has_bfloat16(info)
