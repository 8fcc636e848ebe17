"""What a model is told that has to be told, and what restores where the detector does not know."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from seeing import BRIGHT, DARK, MIDDLE, batch, bundle_general, bundle_seeing, flat, told_method
from small_methods import Simple, small_dtpm, small_resflow

from undegrade.errors import UsageError, WeightsError
from undegrade.images import open_photo, read_provenance
from undegrade.inference import Detection, ModelInfo, RestoreOptions, Restorer, guessing, teams
from undegrade.inference.detected import about_general, about_task, task_for, why_no_task
from undegrade.inference.ready import Chosen, Ready
from undegrade.inference.run import Run
from undegrade.methods.base import Method
from undegrade.zoo import find_model, store

TWO = ModelInfo("ten", "ab" * 32, tasks=("derain", "dehaze"), told=True)
INSTEAD = "restored by resflow-general instead; --task decides otherwise"


def told_by(method: Method, info: ModelInfo = TWO, **options: Any) -> Restorer:
    return Restorer(method, info, device="cpu", precision="float32", **options)


@pytest.fixture(autouse=True)
def nothing_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNDEGRADE_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(store, "BUNDLED", tmp_path / "bundled")


@pytest.fixture
def seeing() -> Path:
    """Make the detector that takes brightness for rain the one of this machine."""
    return bundle_seeing()


@pytest.fixture
def general(seeing: Path) -> Path:
    """Make a tiny model the general one, beside that detector."""
    return bundle_general()


@pytest.fixture
def told() -> Restorer:
    """A model that has to be told one of two tasks."""
    return told_by(told_method())


def test_a_model_that_has_to_be_told_asks_the_detector(seeing: Path, told: Restorer) -> None:
    bright = flat(BRIGHT)
    result = told(bright)
    np.testing.assert_array_equal(result.image, told(bright, task="derain").image)
    assert (result.image != told(bright, task="dehaze").image).any()
    assert result.info.task == "derain"
    chosen = "task derain was chosen: the detector sees rain (99 % sure)"
    assert chosen in result.info.messages
    assert result.info.detection is not None
    assert result.info.detection.guess == "derain"
    named = told(bright, task="derain").info
    assert chosen not in named.messages
    assert named.detection is None


def test_a_file_says_which_task_was_chosen(seeing: Path, told: Restorer, tmp_path: Path) -> None:
    Image.fromarray(flat(BRIGHT)).save(tmp_path / "a.png")
    for made in (
        told.restore_file(tmp_path / "a.png", tmp_path / "b.png").outputs[0],
        told(tmp_path / "a.png").image,
        told((tmp_path / "a.png").read_bytes()).image,
    ):
        provenance = read_provenance(open_photo(made).metadata.xmp or b"")
        assert provenance is not None
        assert (provenance.task, provenance.model) == ("derain", "ten")


@pytest.mark.parametrize(
    ("level", "tasks", "why"),
    [
        (MIDDLE, ("derain", "dehaze"), "is unsure (rain 0.51)"),
        (DARK, ("derain", "dehaze"), "sees nothing to undo (clean 1.00)"),
        (BRIGHT, ("dehaze", "dejpeg"), "sees what ten does not undo (rain 1.00)"),
    ],
)
def test_what_the_detector_has_no_task_for_the_general_model_restores(
    general: Path, level: int, tasks: tuple[str, ...], why: str
) -> None:
    restorer = told_by(told_method(), replace(TWO, tasks=tasks))
    blind = Restorer.from_pretrained("resflow-general", device="cpu", precision="float32")
    for asked in ({}, {"seed": 3, "variants": 2}, {"steps": 1, "deterministic": True}):
        result, expected = restorer(flat(level), **asked), blind(flat(level), **asked)
        np.testing.assert_array_equal(result.image, expected.image)
        info = result.info
        assert info.messages == (f"the detector {why}: {INSTEAD}", *expected.info.messages)
        assert info.detection is not None
        same = {"messages": (), "detection": None, "seconds": 0.0}
        assert replace(info, **same) == replace(expected.info, **same)
    assert (info.model, info.weights_hash) == ("resflow-general", find_model(general).sha256)
    assert restorer(flat(level), task=tasks[0]).info.model == "ten"


def test_a_photo_too_small_to_tell_the_general_model_restores(
    general: Path, told: Restorer
) -> None:
    blind = Restorer.from_pretrained("resflow-general", device="cpu", precision="float32")
    small = flat(BRIGHT, 63, 80)
    result = told(small)
    np.testing.assert_array_equal(result.image, blind(small).image)
    assert (result.info.model, result.info.detection) == ("resflow-general", None)
    told_of = f"the picture has 80 x 63 pixels, too few to say what it suffers from: {INSTEAD}"
    assert told_of in result.info.messages
    assert told(small, task="derain").info.model == "ten"


def test_a_file_names_the_model_that_restored_it(
    general: Path, told: Restorer, tmp_path: Path
) -> None:
    Image.fromarray(flat(DARK)).save(tmp_path / "a.png")
    for made in (
        told.restore_file(tmp_path / "a.png", tmp_path / "b.png").outputs[0],
        told(tmp_path / "a.png").image,
        told((tmp_path / "a.png").read_bytes()).image,
    ):
        provenance = read_provenance(open_photo(made).metadata.xmp or b"")
        assert provenance is not None
        assert (provenance.model, provenance.task) == ("resflow-general", "")
        assert (provenance.steps, provenance.sampler) == (2, "euler")
        assert provenance.weights_hash == find_model(general).sha256


def test_the_general_model_is_loaded_when_it_is_needed_and_once(
    general: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded: list[str] = []
    load = teams.load_restoring

    def counted(model: str) -> tuple[Method, ModelInfo]:
        loaded.append(model)
        return load(model)

    monkeypatch.setattr(teams, "load_restoring", counted)
    restorer = Restorer(told_method(), TWO, device="cpu", precision="bfloat16")
    restorer.check(RestoreOptions())
    restorer(flat(BRIGHT))
    assert loaded == []
    infos = [restorer(flat(level)).info for level in (DARK, MIDDLE, DARK)]
    assert loaded == ["resflow-general"]
    assert {(info.device, info.precision) for info in infos} == {("cpu", "bfloat16")}


def test_a_damaged_general_model_fails_those_photos_alone(general: Path, told: Restorer) -> None:
    (general / "model.safetensors").write_bytes(b"none")
    assert told(flat(BRIGHT)).info.task == "derain"
    with pytest.raises(WeightsError, match="resflow-general"):
        told(flat(DARK))


@pytest.mark.parametrize(
    ("make", "sampler", "asked", "message"),
    [
        (small_dtpm, None, {"texture": 0.5}, "texture=0.5 for a resflow model"),
        (small_dtpm, None, {"steps": 0}, "steps=0 for the resflow model 'resflow-general'"),
        (small_dtpm, "ddim", {}, "sampler 'ddim.*' for a flow"),
    ],
)
def test_what_the_general_model_cannot_do_is_refused_before(
    general: Path,
    tmp_path: Path,
    make: Callable[[], Method],
    sampler: str | None,
    asked: dict[str, Any],
    message: str,
) -> None:
    """Whatever the photo: a batch does not fail in its midst."""
    restorer = told_by(make(), sampler=sampler)
    message += ".*needed where the detector is unsure.*--task TASK; or leave the option out"
    Image.fromarray(flat(BRIGHT)).save(tmp_path / "a.png")
    with pytest.raises(UsageError, match=message):
        restorer.check(RestoreOptions(**asked))
    with pytest.raises(UsageError, match=message):
        restorer.restore_file(tmp_path / "a.png", tmp_path / "b.png", RestoreOptions(**asked))
    for picture in (flat(BRIGHT), tmp_path / "a.png"):
        with pytest.raises(UsageError, match=message):
            restorer(picture, **asked)
    restorer.check(RestoreOptions(task="derain", **asked))


def test_the_general_model_walks_as_it_was_asked_to(general: Path) -> None:
    info = told_by(small_resflow(), sampler="heun")(flat(DARK), steps=3).info
    assert (info.model, info.sampler, info.steps) == ("resflow-general", "heun", 3)


def test_the_time_of_a_photo_is_also_that_of_detecting(seeing: Path, told: Restorer) -> None:
    ready = Ready(told._engine, told.model)
    chosen = Chosen(ready, RestoreOptions(task="derain"), seconds=1000)
    assert 1000 < Run(chosen).info(()).seconds < 2000
    picture = guessing.ArrayPicture(flat(BRIGHT))
    assert told._guesser.choose(RestoreOptions(), picture).seconds > 0
    assert told._guesser.choose(RestoreOptions(task="derain"), picture).seconds == 0


def test_what_is_told_of_a_choice() -> None:
    both = Detection({"derain": 0.7, "dejpeg": 0.9, "dehaze": 0.1})
    assert task_for(both, ("dejpeg", "dehaze")) == "dejpeg"
    assert task_for(both, ("derain", "dehaze")) is None
    assert about_task(both, "dejpeg", ["dejpeg"]).endswith(
        "jpeg (90 % sure); it sees rain as well, which is left"
    )
    assert about_task(both, "dejpeg", ["dejpeg", "derain"]).endswith("jpeg (90 % sure)")
    unsure = Detection({"dejpeg": 0.43, "derain": 0.4})
    assert task_for(unsure, ("dejpeg", "derain")) is None
    assert about_general(why_no_task(unsure, "ten"), "blind", instead=True) == (
        "the detector is unsure (jpeg 0.43): restored by blind instead; --task decides otherwise"
    )


def test_a_batch_is_restored_as_one(general: Path, told: Restorer) -> None:
    rainy, clean = told(batch(BRIGHT, BRIGHT)), told(batch(DARK, MIDDLE, DARK))
    assert (rainy.info.model, rainy.info.task) == ("ten", "derain")
    assert (clean.info.model, clean.info.task) == ("resflow-general", "")
    assert [one for one in clean.info.messages if "detector" in one] == [
        f"the detector is unsure (rain 0.51): {INSTEAD}"
    ]
    assert clean.info.detection is not None
    assert clean.info.detection.confidence == pytest.approx(0.51, abs=0.01)
    alone = told(batch(MIDDLE)[0])
    torch.testing.assert_close(clean.image[1], alone.image)


def test_pictures_of_a_batch_that_are_not_alike_are_refused(general: Path, told: Restorer) -> None:
    message = r"chose derain and resflow-general; expected the same for all; name the task.*one by"
    with pytest.raises(UsageError, match=message):
        told(batch(BRIGHT, DARK))
    assert told(batch(BRIGHT, DARK), task="derain").info.model == "ten"
    detector = told._guesser._detector
    assert detector is not None
    found = iter([Detection({"derain": 0.9, "dehaze": 0}), Detection({"derain": 0, "dehaze": 0.9})])
    detector.detect_picture = lambda _picture: next(found)  # type: ignore[method-assign]
    with pytest.raises(UsageError, match=r"the detector chose dehaze and derain"):
        told(batch(BRIGHT, DARK))


def test_without_a_detector_the_task_has_to_be_told(told: Restorer) -> None:
    bundle_general()
    with pytest.raises(UsageError, match="which 'auto' leaves open"):
        told(flat(BRIGHT))


def test_a_damaged_detector_is_an_error_and_no_other_way(general: Path, told: Restorer) -> None:
    (store.BUNDLED / "detector" / "model.safetensors").write_bytes(b"none")
    with pytest.raises(WeightsError):
        told(flat(BRIGHT))


def test_models_that_see_for_themselves_ask_nobody(general: Path) -> None:
    (store.BUNDLED / "detector" / "model.safetensors").write_bytes(b"none")
    info = Restorer(Simple(), ModelInfo("blind", tasks=("derain",)), device="cpu")(
        flat(BRIGHT)
    ).info
    assert (info.task, info.detection) == ("", None)
    named = Restorer.from_pretrained("resflow-general", device="cpu")
    info = named(flat(BRIGHT), steps=3).info
    assert (info.model, info.steps, info.detection) == ("resflow-general", 3, None)
    assert not any("detector" in message for message in info.messages)
