"""Which model restores where nobody names one."""

from pathlib import Path

import numpy as np
import pytest
import torch
from seeing import BRIGHT, DARK, MIDDLE, batch, bundle_general, bundle_seeing, flat, told_method
from small_methods import small_resflow

import undegrade
from undegrade.errors import UsageError, WeightsError
from undegrade.inference import RestoreOptions, Restorer, teams
from undegrade.zoo import ModelConfig, save_model, specialists, store

GENERAL = "resflow-general"
CHOSEN = "model rainy was chosen for derain"


@pytest.fixture(autouse=True)
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A detector that takes brightness for rain, a model for that, and a general one."""
    monkeypatch.setenv("UNDEGRADE_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(store, "BUNDLED", tmp_path / "bundled")
    table = {"denoise": GENERAL, "dejpeg": GENERAL, "derain": "rainy", "dehaze": "ten"}
    for module in (specialists, teams):
        monkeypatch.setattr(module, "SPECIALISTS", table)
    monkeypatch.setattr(teams.ShippedModels, "tasks", tuple(table))
    bundle_seeing()
    bundle_general()
    config = ModelConfig(tasks=("derain",), default_steps=1)
    save_model(store.BUNDLED / "rainy", small_resflow(), config)
    save_model(store.BUNDLED / "ten", told_method(), ModelConfig(tasks=("derain", "dehaze")))


def pretrained(model: str = "auto") -> Restorer:
    return Restorer.from_pretrained(model, device="cpu", precision="float32")


def test_what_is_detected_its_specialist_restores() -> None:
    result = pretrained()(flat(BRIGHT))
    np.testing.assert_array_equal(result.image, pretrained("rainy")(flat(BRIGHT)).image)
    assert (result.info.model, result.info.task, result.info.steps) == ("rainy", "derain", 1)
    told = "task derain was chosen: the detector sees rain (99 % sure)"
    assert result.info.messages[:2] == (told, CHOSEN)
    assert result.info.detection is not None


@pytest.mark.parametrize(
    ("level", "why"), [(MIDDLE, "is unsure (rain 0.51)"), (DARK, "sees nothing to undo")]
)
def test_all_else_the_general_model_restores(level: int, why: str) -> None:
    result = pretrained()(flat(level))
    np.testing.assert_array_equal(result.image, pretrained(GENERAL)(flat(level)).image)
    assert (result.info.model, result.info.task) == (GENERAL, "")
    told = result.info.messages[0]
    assert told.startswith(f"the detector {why}")
    assert told.endswith(f": restored by {GENERAL}; --task decides otherwise")


@pytest.mark.parametrize(
    ("task", "own", "model"),
    [
        ("rain", "derain", "rainy"),
        ("Rain", "derain", "rainy"),
        ("jpeg", "dejpeg", GENERAL),
        ("dehaze", "dehaze", "ten"),
    ],
)
def test_what_is_named_its_specialist_restores(task: str, own: str, model: str) -> None:
    restorer = pretrained()
    restorer.check(RestoreOptions(task))
    result = restorer(flat(DARK), task=task)
    assert (result.info.model, result.info.task, result.info.detection) == (model, own, None)
    np.testing.assert_array_equal(result.image, pretrained(model)(flat(DARK), task=task).image)


def test_an_unknown_task_names_the_nearest() -> None:
    with pytest.raises(UsageError, match=r"no task 'deran'.*derain"):
        pretrained()(flat(DARK), task="deran")


def test_models_are_loaded_when_they_are_needed_and_once(monkeypatch: pytest.MonkeyPatch) -> None:
    load, loaded = teams.load_restoring, []
    restorer = pretrained()
    monkeypatch.setattr(teams, "load_restoring", lambda name: loaded.append(name) or load(name))
    restorer.check(RestoreOptions())
    restorer(flat(DARK))
    assert loaded == []
    for _ in range(2):
        restorer(flat(BRIGHT))
    assert loaded == ["rainy"]


def test_a_damaged_specialist_fails_its_photos_alone() -> None:
    (store.BUNDLED / "rainy" / "model.safetensors").write_bytes(b"none")
    restorer = pretrained()
    assert restorer(flat(DARK)).info.model == GENERAL
    with pytest.raises(WeightsError, match="rainy"):
        restorer(flat(BRIGHT))


def test_a_batch_that_needs_several_models_the_general_one_restores() -> None:
    mixed = pretrained()(batch(BRIGHT, DARK))
    assert mixed.info.model == GENERAL
    why = f"the pictures of the batch need rainy and {GENERAL}: restored by {GENERAL}"
    assert mixed.info.messages[0].startswith(why)
    torch.testing.assert_close(mixed.image, pretrained(GENERAL)(batch(BRIGHT, DARK)).image)
    assert pretrained()(batch(BRIGHT, BRIGHT)).info.model == "rainy"


def test_without_a_detector_the_general_model_restores() -> None:
    (store.BUNDLED / "detector").rename(store.BUNDLED / "another")
    info = pretrained()(flat(BRIGHT)).info
    assert (info.model, info.detection) == (GENERAL, None)
    told = f"there is no detector on this machine: restored by {GENERAL}; --task decides otherwise"
    assert info.messages == (told,)
    assert pretrained(GENERAL)(flat(BRIGHT)).info.messages == ()
    named = pretrained()(flat(BRIGHT), task="rain").info
    assert (named.model, named.messages) == ("rainy", (CHOSEN,))


def test_one_call_does_as_the_command(tmp_path: Path) -> None:
    restored = undegrade.restore(flat(BRIGHT), device="cpu", precision="float32")
    np.testing.assert_array_equal(restored, pretrained()(flat(BRIGHT)).image)
