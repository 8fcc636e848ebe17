"""Restorer: variants, uncertainty, photos as paths and bytes, models by name."""

import io
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from small_methods import Noisy, Shifted, Simple, small_plain_resflow, small_resflow
from tiny_model import tiny_eedtp
from torch import Tensor

import undegrade
from undegrade.errors import DeviceError, InputError, OutputError, UsageError
from undegrade.images.photo import ReadOptions, open_photo
from undegrade.images.provenance import read_provenance
from undegrade.images.writer import WriteOptions
from undegrade.inference.options import RestoreOptions
from undegrade.inference.report import ModelInfo
from undegrade.inference.restorer import Restorer
from undegrade.methods import build_method, parse_options
from undegrade.methods.resflow import ResFlow
from undegrade.metrics.deviation_curve import DeviationCurve
from undegrade.processes.noise import NoiseSource
from undegrade.zoo import ModelConfig, save_model

MODEL = ModelInfo("testing", "ab" * 32, 3, ("denoise", "dejpeg"))


def noise(height: int, width: int, channels: int = 3) -> np.ndarray:
    return np.random.default_rng(7).integers(0, 256, (height, width, channels), np.uint8)


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "фото 1.png"
    Image.fromarray(noise(70, 90, 4)).save(path)
    return path


def pixels(source: Any) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(source) if isinstance(source, bytes) else source))


def test_the_report_says_how_it_was_done() -> None:
    method = Simple()
    info = Restorer(method, MODEL)(noise(20, 30), seed=9).info
    assert info.seconds > 0
    assert info.as_dict() | {"seconds": 0} == {
        "model": "testing",
        "weights_hash": "ab" * 32,
        "task": "",
        "device": "cpu",
        "precision": info.precision,
        "steps": 3,
        "sampler": "",
        "draws": 1,
        "seed": 9,
        "deterministic": False,
        "texture": None,
        "tile_size": 32,
        "tiles": 1,
        "seconds": 0,
        "redone_tiles": 0,
        "messages": [],
        "detection": None,
    }


def test_steps_are_the_users_the_models_or_the_methods() -> None:
    method = Simple()
    Restorer(method, MODEL)(noise(8, 8), steps=5)
    Restorer(method, MODEL)(noise(8, 8))
    Restorer(method)(noise(8, 8))
    assert method.steps == [5, 3, 2]


def test_only_the_models_tasks_are_accepted() -> None:
    restorer = Restorer(Simple(), MODEL)
    restorer(noise(8, 8), task="denoise")
    with pytest.raises(UsageError, match="did you mean 'denoise'"):
        restorer(noise(8, 8), task="denoize")


def test_auto_says_what_it_chose(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    restorer = Restorer(Simple(), precision="float32")
    assert (restorer.device, restorer.messages) == ("cpu", ("device cpu was chosen",))
    assert Restorer(Simple(), device="cpu", precision="float32").messages == ()
    with pytest.raises(DeviceError):
        Restorer(Simple(), device="cuda")


def test_variants_differ_and_the_first_is_the_single_one() -> None:
    restorer, image = Restorer(Noisy()), noise(20, 30)
    result = restorer(image, variants=3, seed=1)
    single = restorer(image, seed=1)
    assert len(result.variants) == 3
    np.testing.assert_array_equal(result.image, result.variants[0])
    np.testing.assert_array_equal(result.image, single.image)
    assert (result.variants[1] != result.variants[2]).mean() > 0.5
    assert result.uncertainty is None
    assert len(single.variants) == 1
    assert single.variants[0] is single.image


def test_uncertainty_is_the_deviation_of_the_draws_and_the_picture_their_mean() -> None:
    restorer = Restorer(Noisy())
    image = np.full((70, 90, 3), 0.5, np.float32)
    result = restorer(image, variants=16, uncertainty=True, tile_size=64)
    assert result.uncertainty is not None
    assert result.uncertainty.shape == (70, 90)
    assert result.uncertainty.mean() == pytest.approx(0.1, rel=0.03)
    draws = np.stack(result.variants)
    np.testing.assert_allclose(result.image, draws.mean(axis=0), atol=1e-5)
    expected = draws.std(axis=0, ddof=1).mean(axis=-1)
    np.testing.assert_allclose(result.uncertainty, expected, atol=1e-4)


class Faint(Noisy):
    """A five-hundredth of its noise: tenths of a level."""

    def change(self, lq: Tensor, noise: NoiseSource) -> Tensor:
        return lq + (super().change(lq, noise) - lq) / 500


def test_draws_that_hardly_differ_are_told_by_how_much() -> None:
    image = np.full((64, 96, 3), 0.5, np.float32)
    result = Restorer(Faint())(image, variants=3, tile_size=64)
    [told] = [text for text in result.info.messages if "draws differ" in text]
    first, *others = result.variants
    widest = 255 * max(float(np.abs(other - first).max()) for other in others)
    assert widest < 0.5
    assert f"at most {widest:.2g} of a level of 255" in told
    alone = Restorer(Faint())(image, deterministic=True)
    assert not any("draws differ" in text for text in alone.info.messages)
    assert not any("draws differ" in m for m in Restorer(Noisy())(image, variants=3).info.messages)


def test_uncertainty_of_a_single_variant_takes_eight_draws() -> None:
    method = Noisy()
    result = Restorer(method)(noise(8, 8), uncertainty=True)
    assert len(method.calls) == 8
    assert len(result.variants) == 1
    certain = Restorer(Simple())(noise(8, 8), uncertainty=True)
    assert certain.uncertainty is not None
    assert not certain.uncertainty.any()


@pytest.mark.parametrize("size", [(1, 1), (13, 7), (5, 66)])
def test_resflow_takes_any_size(size: tuple[int, int]) -> None:
    """Whose velocity is nothing gives the picture back; another gives the same seed the same."""
    image = noise(*size)
    untrained, method = ResFlow(small_resflow().flow_options), small_resflow()
    np.testing.assert_array_equal(Restorer(untrained)(image, steps=4).image, image)
    one, same, other = (Restorer(method)(image, seed=seed).image for seed in (0, 0, 1))
    assert one.shape == image.shape
    np.testing.assert_array_equal(one, same)
    assert (one != other).any()


@pytest.mark.parametrize("asked", [{"variants": 3}, {"uncertainty": True}, {"deterministic": True}])
def test_a_model_that_draws_nothing_runs_once(asked: dict[str, Any]) -> None:
    method = Shifted(0.25)
    image = noise(8, 8)
    result = Restorer(method)(image, **asked)
    assert len(method.calls) == 1
    plain = Restorer(method)(image)
    np.testing.assert_array_equal(result.image, plain.image)
    assert len(result.variants) == asked.get("variants", 1)
    for variant in result.variants:
        np.testing.assert_array_equal(variant, plain.image)
    if asked.get("uncertainty"):
        assert result.uncertainty is not None
        assert result.uncertainty.shape == (8, 8)
        assert not result.uncertainty.any()
    told = "the model draws nothing: it ran once, and all draws are the same"
    assert told in result.info.messages
    assert told not in plain.info.messages
    assert not any("fixed draws" in text for text in result.info.messages)


def test_only_an_auxiliary_variable_makes_resflow_draw() -> None:
    assert small_resflow().is_random
    method = small_plain_resflow()
    assert not method.is_random
    first, second = (Restorer(method)(noise(16, 16), seed=seed).image for seed in (0, 1))
    np.testing.assert_array_equal(first, second)


def test_what_an_uncertainty_means_is_told_of_a_model_that_draws_nothing_too() -> None:
    curve = DeviationCurve(deviations=(0.0,), errors=(0.125,), measured_on="photos")
    result = Restorer(Shifted(0.0), replace(MODEL, uncertainty=curve))(
        noise(8, 8), uncertainty=True
    )
    assert result.uncertainty is not None
    np.testing.assert_allclose(result.uncertainty, 0.125)
    told = "68 % of the errors were within the map on photos; how its draws were made was not noted"
    assert told in result.info.messages


def test_a_real_network_gives_the_same_with_the_same_seed() -> None:
    image = noise(50, 60)
    first = Restorer(small_resflow())(image, steps=2, seed=1).image
    np.testing.assert_array_equal(Restorer(small_resflow())(image, steps=2, seed=1).image, first)
    assert (Restorer(small_resflow())(image, steps=2, seed=2).image != first).any()


@pytest.mark.parametrize("given", [Path, str])
def test_a_path_gives_a_path_beside_it(photo: Path, given: Any) -> None:
    result = Restorer(Simple(), MODEL)(given(photo), tile_size=64)
    assert result.image == photo.with_name("фото 1.restored.png")
    assert result.variants == [result.image]
    np.testing.assert_array_equal(pixels(result.image), pixels(photo))
    with pytest.raises(UsageError, match="is there already"):
        Restorer(Simple())(photo)


def test_a_path_with_variants_and_uncertainty_gives_all_files(photo: Path) -> None:
    restorer = Restorer(Noisy())
    result = restorer(photo, variants=2, uncertainty=True)
    names = {path.name for path in photo.parent.iterdir()} - {photo.name}
    assert names == {
        "фото 1.restored.png",
        "фото 1.restored.1.png",
        "фото 1.restored.2.png",
        "фото 1.uncertainty.png",
        "фото 1.uncertainty.tiff",
    }
    assert result.image.name == "фото 1.restored.png"
    assert [path.name for path in result.variants] == [
        "фото 1.restored.1.png",
        "фото 1.restored.2.png",
    ]
    arrays = restorer(pixels(photo), variants=2, uncertainty=True)
    np.testing.assert_array_equal(pixels(result.image), arrays.image)
    np.testing.assert_array_equal(pixels(result.variants[1]), arrays.variants[1])
    np.testing.assert_array_equal(result.uncertainty, arrays.uncertainty)
    data = pixels(photo.with_name("фото 1.uncertainty.tiff"))
    np.testing.assert_allclose(data / 65535, arrays.uncertainty, atol=8e-6)


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_bytes_give_bytes_with_the_metadata(photo: Path, kind: Any) -> None:
    result = Restorer(Shifted(0.25), MODEL)(kind(photo.read_bytes()), seed=4)
    assert isinstance(result.image, bytes)
    assert result.variants == [result.image]
    brighter = Restorer(Shifted(0.25))(pixels(photo)).image
    np.testing.assert_array_equal(pixels(result.image), brighter)
    xmp = open_photo(result.image).metadata.xmp
    assert xmp is not None
    provenance = read_provenance(xmp)
    assert provenance is not None
    assert (provenance.model, provenance.weights_hash) == ("testing", "ab" * 32)
    assert (provenance.seed, provenance.steps) == (4, 3)
    assert provenance.version == undegrade.__version__


def test_bytes_with_variants_and_uncertainty(photo: Path) -> None:
    result = Restorer(Noisy())(photo.read_bytes(), variants=2, uncertainty=True)
    arrays = Restorer(Noisy())(pixels(photo), variants=2, uncertainty=True)
    np.testing.assert_array_equal(pixels(result.image), arrays.image)
    np.testing.assert_array_equal(pixels(result.variants[0]), arrays.variants[0])
    np.testing.assert_array_equal(result.uncertainty, arrays.uncertainty)


def test_files_stream_through_tiles_and_report(photo: Path) -> None:
    seen: list[tuple[int, int]] = []
    target = photo.with_name("out.tif")
    report = Restorer(Noisy(), MODEL).restore_file(
        photo,
        target,
        RestoreOptions(seed=2, tile_size=64),
        progress=lambda done, total: seen.append((done, total)),
    )
    assert seen == [(i, len(seen)) for i in range(1, len(seen) + 1)]
    assert len(seen) > 3
    assert report.source == str(photo)
    assert (report.outputs, report.width, report.height) == ((target,), 90, 70)
    assert report.info.tiles == len(seen)
    whole = Restorer(Noisy())(pixels(photo), seed=2).image.astype(int)
    assert np.abs(pixels(target) - whole).max() <= 1  # rounding after blending


def test_a_stream_takes_one_picture(photo: Path) -> None:
    stream = io.BytesIO()
    restorer = Restorer(Simple())
    report = restorer.restore_file(photo.read_bytes(), stream, write=WriteOptions(format="webp"))
    assert report.source == "-"
    assert report.outputs == ()
    assert Image.open(stream).format == "WEBP"
    for options in (RestoreOptions(variants=2), RestoreOptions(uncertainty=True)):
        with pytest.raises(UsageError, match="one output stream"):
            restorer.restore_file(photo, stream, options)


def test_the_name_of_a_file_does_not_matter(photo: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.png"
    other.write_bytes(photo.read_bytes())
    restorer = Restorer(Noisy())
    np.testing.assert_array_equal(pixels(restorer(photo).image), pixels(restorer(other).image))


def test_errors_leave_no_files(photo: Path) -> None:
    class Broken(Simple):
        def change(self, lq: torch.Tensor, noise: Any) -> torch.Tensor:
            raise ValueError("broken") if len(self.calls) > 2 else KeyError

    cut = photo.with_name("cut.png")
    cut.write_bytes(photo.read_bytes()[:2000])
    before = set(photo.parent.iterdir())
    options = RestoreOptions(variants=2, uncertainty=True)
    with pytest.raises(KeyError):
        Restorer(Broken()).restore_file(photo, photo.with_name("a.png"), options)
    with pytest.raises(InputError, match="cut"):
        Restorer(Simple()).restore_file(cut, cut.with_name("a.png"), options)
    with pytest.raises(InputError, match="megapixels"):
        Restorer(Simple()).restore_file(
            photo, photo.with_name("a.png"), read=ReadOptions(max_megapixels=0.001)
        )
    with pytest.raises(OutputError, match="photo itself"):
        Restorer(Simple()).restore_file(photo, photo)
    assert set(photo.parent.iterdir()) == before


@pytest.fixture
def model_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "tiny"
    save_model(folder, small_resflow(), ModelConfig(default_steps=2, tasks=("denoise",)))
    return folder


def test_models_are_loaded_from_folders(model_folder: Path) -> None:
    restorer = undegrade.Restorer.from_pretrained(model_folder, device="cpu", precision="float32")
    assert restorer.model.name == "tiny"
    assert restorer.model.default_steps == 2
    assert restorer.model.tasks == ("denoise",)
    assert len(restorer.model.weights_hash) == 64
    assert restorer(noise(16, 16)).info.steps == 2


def test_restore_is_one_call(model_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    image = noise(16, 16)
    loads: list[str] = []
    real = Restorer.from_pretrained

    def counted(model: str, **options: str) -> Restorer:
        loads.append(model)
        return real(model, **options)

    monkeypatch.setattr(Restorer, "from_pretrained", counted)
    first = undegrade.restore(image, model_folder, device="cpu", seed=3)
    again = undegrade.restore(image, model_folder, device="cpu", seed=3)
    np.testing.assert_array_equal(first, again)
    assert first.dtype == np.uint8
    assert loads == [str(model_folder)]
    save_model(model_folder, small_resflow(seed=1), ModelConfig())
    other = undegrade.restore(image, model_folder, device="cpu", seed=3)
    assert len(loads) == 2
    assert (other != first).any()


def test_planning_waits_for_no_torch() -> None:
    code = (
        "import sys, undegrade, undegrade.inference.files;"
        "undegrade.list_models; undegrade.inference.plan_files;"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_package_knows_its_public_names() -> None:
    assert {"restore", "Restorer", "list_models"} <= set(dir(undegrade))
    assert undegrade.list_models.__module__.startswith("undegrade.zoo")
    with pytest.raises(AttributeError, match="no attribute 'restor'"):
        undegrade.restor  # noqa: B018


def test_deterministic_is_the_mean_of_fixed_draws_for_every_batch_and_tile() -> None:
    picture = noise(200, 180).astype(np.float32) / 255
    restorer = Restorer(small_resflow(), MODEL, precision="float32")
    whole = restorer(picture, deterministic=True)
    tiled = restorer(picture, deterministic=True, tile_size=128)
    np.testing.assert_allclose(whole.image, tiled.image, atol=2e-3)
    batch = torch.from_numpy(np.stack([picture, picture])).permute(0, 3, 1, 2)
    together = restorer(batch, deterministic=True).image
    np.testing.assert_allclose(together[1].permute(1, 2, 0).numpy(), whole.image, atol=1e-6)
    assert any("4 fixed draws and their opposites" in text for text in whole.info.messages)
    with_map = restorer(picture, deterministic=True, uncertainty=True)
    np.testing.assert_array_equal(with_map.image, whole.image)
    assert with_map.uncertainty is not None
    assert with_map.uncertainty.max() > 0


def test_opposite_draws_cancel_what_is_odd_in_them() -> None:
    """The stand-in adds a tenth of its noise: the quadrature has nothing of it left."""
    picture = np.full((70, 90, 3), 0.5, np.float32)
    restored = Restorer(Noisy(), MODEL)(picture, deterministic=True).image
    np.testing.assert_allclose(restored, picture, atol=1e-6)


@pytest.mark.parametrize("options", [{"seed": 1}, {"variants": 2}])
def test_deterministic_leaves_nothing_to_choose(options: dict[str, int]) -> None:
    with pytest.raises(UsageError, match="deterministic restoration"):
        Restorer(Noisy(), MODEL)(noise(20, 30), deterministic=True, **options)


def test_a_sampler_can_be_chosen_and_is_reported(photo: Path) -> None:
    restorer = Restorer(small_resflow(), MODEL, sampler="heun", precision="float32")
    result = restorer(photo, steps=5)
    assert (result.info.steps, result.info.sampler) == (5, "heun")
    with open_photo(result.image) as written:
        provenance = read_provenance(written.metadata.xmp or b"")
    assert provenance is not None
    assert (provenance.sampler, provenance.deterministic) == ("heun", False)
    euler = Restorer(small_resflow(), MODEL, precision="float32")(pixels(photo), steps=5)
    assert euler.info.sampler == "euler"
    assert not np.array_equal(euler.image, pixels(result.image))


def test_times_decide_the_number_of_steps() -> None:
    restorer = Restorer(small_resflow(), MODEL, sampler="midpoint:times=1/0.5/0")
    assert restorer(noise(20, 30)).info.steps == 4
    with pytest.raises(UsageError, match="expected 4 steps"):
        restorer(noise(20, 30), steps=3)
    adaptive = Restorer(small_resflow(), MODEL, sampler="adaptive:tolerance=0.5")
    assert adaptive(noise(20, 30)).info.steps == 0
    with pytest.raises(UsageError, match="it decides on the way"):
        adaptive(noise(20, 30), steps=3)


def test_a_method_without_samplers_says_so() -> None:
    with pytest.raises(UsageError, match="sampler 'heun' for a simple model"):
        Restorer(Simple(), MODEL, sampler="heun")


def test_a_sampler_is_that_of_one_restorer() -> None:
    method = small_resflow()
    first = Restorer(method, MODEL, precision="float32")
    before = first(noise(20, 30), steps=3).image
    Restorer(method, MODEL, sampler="heun", precision="float32")
    assert first(noise(20, 30), steps=3).info.sampler == "euler"
    np.testing.assert_array_equal(first(noise(20, 30), steps=3).image, before)


def test_a_method_that_has_to_be_told_the_task() -> None:
    method = build_method(parse_options(tiny_eedtp()))
    torch.manual_seed(0)
    for parameter in method.parameters():
        parameter.data += 0.1 * torch.randn_like(parameter)
    restorer = Restorer(method, ModelInfo("ten", tasks=("derain", "dehaze")), device="cpu")
    picture = noise(48, 40)
    rain, haze = (restorer(picture, task=task).image for task in ("derain", "dehaze"))
    assert (rain != haze).any()
    np.testing.assert_array_equal(restorer(picture, task="derain").image, rain)
    called = restorer(picture, task="rain")
    np.testing.assert_array_equal(called.image, rain)
    assert called.info.task == "derain"
    with pytest.raises(UsageError, match="eedtp model of several tasks has to be told one"):
        restorer(picture)
    with pytest.raises(UsageError, match="no task 'deblur'"):
        restorer(picture, task="deblur")
    unnoted = Restorer(method, ModelInfo("ten", told=True), device="cpu")
    for name in ("derain", "rain"):
        found = unnoted(picture, task=name)
        np.testing.assert_array_equal(found.image, rain)
        assert found.info.task == "derain"
    with pytest.raises(UsageError, match="task 'paint' for an eedtp model; expected one of den"):
        unnoted(picture, task="paint")


def test_files_tell_draws_from_their_mean(photo: Path) -> None:
    options = RestoreOptions(variants=2, uncertainty=True)
    Restorer(Noisy(), MODEL).restore_file(photo, photo.parent / "a.png", options)
    told = {
        path.name: read_provenance(open_photo(path).metadata.xmp or b"")
        for path in photo.parent.glob("a*.png")
        if "uncertainty" not in path.name
    }
    found = {name: one and (one.variant, one.mean_of) for name, one in told.items()}
    assert found == {"a.png": (0, 2), "a.1.png": (1, 0), "a.2.png": (2, 0)}
