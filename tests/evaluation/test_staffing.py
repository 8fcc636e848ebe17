"""How many processes measure: by cores, memory, pictures and devices."""

import pytest
import torch

from undegrade.errors import UsageError
from undegrade.evaluation.candidates.choice import Choice
from undegrade.evaluation.running import staffing
from undegrade.evaluation.running.crew import Staff
from undegrade.evaluation.running.staffing import choose_staff
from undegrade.inference.device import choose_devices

BASELINES = Choice(("median", "tv"))
MODELS = Choice(("median", "resflow-general"))


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Sixteen cores, 64 GiB, no accelerator."""
    monkeypatch.setattr(staffing, "usable_cores", lambda: 16)
    monkeypatch.setattr(staffing, "free_memory", lambda: 64 << 30)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    return monkeypatch


def give_gpus(machine: pytest.MonkeyPatch, count: int) -> None:
    machine.setattr(torch.cuda, "is_available", lambda: True)
    machine.setattr(torch.cuda, "device_count", lambda: count)


@pytest.mark.parametrize(
    ("choice", "asked", "pictures", "expected"),
    [
        (BASELINES, None, 1000, Staff(("cpu",), 16, 1)),
        (BASELINES, None, 68, Staff(("cpu",), 4, 4)),
        (BASELINES, None, 8, Staff(("cpu",), 1, 16)),
        (BASELINES, 3, 8, Staff(("cpu",), 3, 5)),
        (BASELINES, 40, 1000, Staff(("cpu",), 40, 1)),
        (MODELS, None, 1000, Staff(("cpu",), 4, 4)),
    ],
)
def test_on_processors(
    machine: pytest.MonkeyPatch, choice: Choice, asked: int | None, pictures: int, expected: Staff
) -> None:
    assert choose_staff(choice, asked, pictures) == expected


def test_little_memory_means_few_processes(machine: pytest.MonkeyPatch) -> None:
    machine.setattr(staffing, "free_memory", lambda: 3 << 30)
    assert choose_staff(BASELINES, None, 1000).processes == 3
    machine.setattr(staffing, "free_memory", lambda: 100 << 20)
    assert choose_staff(BASELINES, None, 1000).processes == 1


def test_one_process_for_each_device(machine: pytest.MonkeyPatch) -> None:
    give_gpus(machine, 4)
    all_of_them = ("cuda:0", "cuda:1", "cuda:2", "cuda:3")
    assert choose_staff(MODELS, None, 5) == Staff(all_of_them, 4, 4)
    assert choose_staff(MODELS, 2, 5).processes == 2
    assert choose_staff(BASELINES, None, 1000).devices == ("cpu",)
    some = Choice(MODELS.names, device="cuda:1, cuda:3")
    assert choose_staff(some, None, 5) == Staff(("cuda:1", "cuda:3"), 2, 8)
    with pytest.raises(UsageError, match="3 workers on cuda:1, cuda:3"):
        choose_staff(some, 3, 5)


def test_devices_by_name(machine: pytest.MonkeyPatch) -> None:
    assert choose_devices("auto") == choose_devices("cpu") == (torch.device("cpu"),)
    give_gpus(machine, 2)
    assert choose_devices("cuda:1,cuda:0") == (torch.device("cuda", 1), torch.device("cuda", 0))
    with pytest.raises(UsageError, match="each at most once"):
        choose_devices("cuda,cuda:0")
    for mixed in ("cuda:1,cpu", "cpu,cpu", "cpu,cuda"):
        with pytest.raises(UsageError, match="one, or several of CUDA"):
            choose_devices(mixed)
