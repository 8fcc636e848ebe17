"""Trainings that start from another model: what is taken, what is new, what is refused."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from published_nafnet import Public
from random_networks import randomised
from safetensors.torch import load_file, save_file
from tiny_model import tiny_dtpm, tiny_eedtp, tiny_regression, tiny_resflow

from undegrade.data.packing import PackOptions, pack
from undegrade.degradations import Chain
from undegrade.errors import RecipeError, UsageError, WeightsError
from undegrade.hashing import file_sha256
from undegrade.images.files import find_photos
from undegrade.networks import semantic
from undegrade.processes.noise import FieldNoise
from undegrade.randomness import NoiseField
from undegrade.training import train
from undegrade.zoo import find_model, load_method
from undegrade.zoo.config import CONFIG_FILE
from undegrade.zoo.files import WEIGHTS_FILE


@pytest.fixture(autouse=True)
def _home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNDEGRADE_HOME", str(tmp_path_factory.getbasetemp() / "home"))


def recipe(folder: Path, photos: Path, method: dict[str, Any], stage: str, what: str) -> Path:
    values = {
        "name": f"tiny-{stage}",
        "method": method,
        "stages": [{"name": stage, "steps": 3, "batch": 2, "crop": 16}],
        "optimiser": {"lr": 1e-2, "ema_decay": 0.5},
        "data": {
            "photos": str(photos),
            "workers": 0,
            "degradations": [{"weight": 1, "apply": [what]}],
            "validation": {
                "every": 3,
                "crop": 16,
                "scale": 1.0,
                "pictures": 1,
                "steps": [0, 4] if method["name"] == "dtpm" else [1],
                "sets": {"it": [what]},
            },
        },
        "checkpoint_every": 1,
        "export": {"half": False},
    }
    path = folder / f"tiny-{stage}.yaml"
    path.write_text(yaml.safe_dump(values), encoding="utf-8")
    return path


TEXTURE = "texture:iterations=1"


@pytest.fixture
def texture(tmp_path: Path, photo_folder: Path) -> Path:
    return recipe(tmp_path, photo_folder, tiny_dtpm(prior=True), "texture", TEXTURE)


@pytest.fixture
def denoise(tmp_path: Path, photo_folder: Path) -> Path:
    return recipe(tmp_path, photo_folder, tiny_dtpm(), "adapters", "noise:sigma=25")


@pytest.fixture
def prior(texture: Path, tmp_path: Path) -> Path:
    folder = train(texture, [], tmp_path / "prior")
    assert folder is not None
    return folder


def weights(folder: Path | None) -> dict[str, torch.Tensor]:
    assert folder is not None
    return load_method(find_model(folder)).state_dict()


def keep(model: Path, wanted: Callable[[str], bool]) -> Path:
    """Take tensors out of a model; the others are said to be all."""
    tensors = load_file(model / WEIGHTS_FILE)
    save_file({name: x for name, x in tensors.items() if wanted(name)}, model / WEIGHTS_FILE)
    config = find_model(model).config
    new = config.model_copy(update={"sha256": file_sha256(model / WEIGHTS_FILE)})
    (model / CONFIG_FILE).write_text(new.to_json())
    return model


def test_the_prior_is_taken_and_left_as_it_is(
    prior: Path, denoise: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = train(denoise, [f"start_from={prior}"], tmp_path / "second")
    told = capsys.readouterr().err
    before, after = weights(prior), weights(folder)
    assert f"started from tiny-texture: {len(before)} of {len(after)} tensors" in told
    assert "new: network.adapters (" in told
    assert "predictor.stem (2)" in told
    for name, tensor in before.items():
        assert torch.equal(tensor, after[name])
    learned = {name: tensor for name, tensor in after.items() if name not in before}
    assert any(tensor.abs().sum() > 0 for name, tensor in learned.items() if ".exit." in name)
    assert folder is not None
    config = find_model(folder).config
    assert config.recipe["start_from"] == "tiny-texture"
    assert str(tmp_path) not in config.to_json()


def test_going_on_remembers_what_was_started_from(
    prior: Path, denoise: Path, tmp_path: Path
) -> None:
    whole = train(denoise, [f"start_from={prior}"], tmp_path / "whole")
    assert train(denoise, [f"start_from={prior}"], tmp_path / "parts", max_time=0) is None
    parts = train(denoise, [], tmp_path / "parts", resume=True)
    first, second = weights(whole), weights(parts)
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_going_on_with_another_encoder_is_refused(
    texture: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its codes would mean nothing to what has learned with those of the first."""
    transformers = pytest.importorskip("transformers")
    monkeypatch.setenv("UNDEGRADE_HOME", str(tmp_path / "home"))
    encoder = tmp_path / "home" / "encoders" / "microsoft/resnet-18"
    config = transformers.ResNetConfig(
        layer_type="basic", hidden_sizes=[8, 8, 8, 512], depths=[1, 1, 1, 1]
    )

    def put(seed: int) -> str:
        torch.manual_seed(seed)
        transformers.ResNetModel(config).save_pretrained(encoder)
        return file_sha256(encoder / "model.safetensors")

    first, run, changes = put(0), tmp_path / "run", ["method.semantic=resnet18"]
    assert train(texture, changes, run, max_time=0) is None
    second = put(1)
    told = f'encoder_sha256 is "{second}" and was "{first}".*put that one back'
    with pytest.raises(RecipeError, match=told):
        train(texture, changes, run, resume=True)
    noted = run / "recipe.json"
    whole = noted.read_text(encoding="utf-8")
    noted.write_text(whole.replace(first, ""), encoding="utf-8")  # begun before it was noted
    assert train(texture, changes, run, max_time=0, resume=True) is None
    noted.write_text(whole, encoding="utf-8")
    assert put(0) == first
    folder = train(texture, changes, run, resume=True)
    assert folder is not None
    assert find_model(folder).config.recipe["method"]["encoder_sha256"] == first


def test_a_second_stage_without_a_first_is_refused(denoise: Path, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"starts from a dtpm model of the stage 'texture'.*add"):
        train(denoise, [], tmp_path / "second")
    assert not (tmp_path / "second").exists()
    train(denoise, ["method.texture_prior=false"], tmp_path / "alone")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (["method.network.widths=[4,8]"], r"method.network.widths=\[4, 8\], and \[4, 6\] in the"),
        (["method.semantic=none"], r"semantic=none \(a code of 0 numbers\), and small \(64\)"),
        (["method.residual_scale=3"], "residual_scale=3.0, and 1.0 in the model"),
    ],
)
def test_priors_that_do_not_fit_are_refused(
    prior: Path, denoise: Path, tmp_path: Path, changes: list[str], message: str
) -> None:
    with pytest.raises(RecipeError, match=message):
        train(denoise, [*changes, f"start_from={prior}"], tmp_path / "second")


def test_models_that_do_not_fit_are_refused(
    prior: Path, tmp_path: Path, photo_folder: Path
) -> None:
    flow = recipe(tmp_path, photo_folder, tiny_resflow(predict_aux=False), "flow", "noise:sigma=25")
    model = train(flow, [], tmp_path / "flow")
    with pytest.raises(RecipeError, match=r"network.stem.weight is \(6, .*\), and \(4, .*more"):
        train(flow, ["method.network.widths=[6,8]", f"start_from={model}"], tmp_path / "wide")
    regression = recipe(tmp_path, photo_folder, tiny_regression(), "regression", "noise:sigma=25")
    assert train(regression, [f"start_from={model}", "stages.0.steps=1"], tmp_path / "other")
    with pytest.raises(UsageError, match="there is no model 'nowhere'"):
        train(flow, ["start_from=nowhere"], tmp_path / "nowhere")
    other = r"start_from=tiny-texture, of the method 'dtpm' for a recipe of 'resflow'"
    with pytest.raises(RecipeError, match=rf"{other}: network.*, and .* in the model"):
        train(flow, [f"start_from={prior}"], tmp_path / "other method")
    with pytest.raises(RecipeError, match=rf"{other}: nothing in that model"):
        train(
            flow,
            [f"start_from={keep(prior, lambda name: name.startswith('semantic.'))}"],
            tmp_path / "bare",
        )


def test_a_prior_that_does_not_fit_is_told_before_an_encoder_is_fetched(
    prior: Path, denoise: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(semantic, "_load", lambda *_: pytest.fail("looked for an encoder"))
    changes = ["method.semantic=resnet18", f"start_from={prior}"]
    with pytest.raises(RecipeError, match=r"semantic=resnet18 .*, and small \(64\) in the model"):
        train(denoise, changes, tmp_path / "second")


def test_what_was_never_learned_cannot_be_retained(
    tmp_path: Path, photo_folder: Path, texture: Path
) -> None:
    plain = recipe(tmp_path, photo_folder, tiny_regression(), "regression", "noise:sigma=25")
    method = tiny_eedtp() | {"task": "denoise"}
    told = recipe(tmp_path, photo_folder, method, "restoration", "noise:sigma=25")
    clean = recipe(tmp_path, photo_folder, method, "generation", "noise:sigma=25")
    retain = "retain={stage: generation, mix: 0, importance: {batches: 1}}"
    file = tmp_path / "NAFNet.pth"
    torch.save({}, file)
    model = train(plain, ["stages.0.steps=1"], tmp_path / "plain")
    for origin, learned in ((model, "tiny-regression .* 'regression'"), (file, "no stage that")):
        with pytest.raises(RecipeError, match=f"in 'generation', and nothing was: .*{learned}"):
            train(told, [retain, f"start_from={origin}"], tmp_path / "refused")
    first = train(clean, ["stages.0.steps=1"], tmp_path / "first")
    second = train(told, [retain, f"start_from={first}"], tmp_path / "second")
    assert train(told, [retain, f"start_from={second}"], tmp_path / "third")  # it was retained


def test_only_what_was_learned_can_be_kept(
    prior: Path, denoise: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = train(denoise, [f"start_from={prior}"], tmp_path / "whole")
    changes = ["export.only_differences=true", f"start_from={prior}"]
    capsys.readouterr()
    apart = train(denoise, changes, tmp_path / "apart")
    assert whole is not None
    assert apart is not None
    assert f"before it can restore: model '{apart.name}' holds only" in capsys.readouterr().err
    stored = load_file(apart / WEIGHTS_FILE)
    assert stored
    assert not {name for name in stored if name.startswith("semantic.")}
    with pytest.raises(WeightsError, match="only what differs from 'tiny-texture', which is not"):
        load_method(find_model(apart))
    shutil.copytree(prior, apart.parent / "tiny-texture")
    expected = load_method(find_model(whole)).state_dict()
    found = load_method(find_model(apart)).state_dict()
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], expected[name]) for name in expected)


def test_what_has_no_model_to_differ_from_is_refused(
    prior: Path, texture: Path, denoise: Path, tmp_path: Path
) -> None:
    change = "export.only_differences=true"
    with pytest.raises(RecipeError, match="starts from no model"):
        train(texture, [change], tmp_path / "first")
    apart = train(denoise, [change, f"start_from={prior}"], tmp_path / "apart")
    with pytest.raises(RecipeError, match="holds itself only what differs from 'tiny-texture'"):
        train(denoise, [change, f"start_from={apart}"], tmp_path / "again")


def test_a_prior_can_start_from_what_was_guided(
    prior: Path, texture: Path, denoise: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    second = train(denoise, [f"start_from={prior}"], tmp_path / "second")
    capsys.readouterr()
    assert train(texture, [f"start_from={second}"], tmp_path / "again")
    assert "not taken from there: network.adapters" in capsys.readouterr().err


def test_what_is_neither_taken_nor_trained_is_refused(
    prior: Path, denoise: Path, tmp_path: Path
) -> None:
    keep(prior, lambda name: name != "network.stem.weight")
    with pytest.raises(RecipeError, match=r"not trained here: network.stem \(1\)"):
        train(denoise, [f"start_from={prior}"], tmp_path / "second")
    assert train(denoise, [f"start_from={prior}", "method.unfreeze=[stem]"], tmp_path / "unfrozen")


def test_one_step_at_the_clean_end_is_refused_before_the_first(
    texture: Path, tmp_path: Path
) -> None:
    with pytest.raises(RecipeError, match=r"data.validation.steps: steps=1 .* at least 2"):
        train(texture, ["data.validation.steps=[1]"], tmp_path / "run")


def test_textures_taken_otherwise_are_refused(
    texture: Path, tmp_path: Path, photo_folder: Path
) -> None:
    """Shards remember what made their twins; how it was computed does not matter."""
    made = Chain.parse([f"{TEXTURE},strength=0.02,solver=direct"])
    shards = tmp_path / "shards"
    pack(find_photos(photo_folder, recursive=False), shards, PackOptions(32, made))
    changes = [f"data.photos={shards}", "stages.0.steps=1"]
    with pytest.raises(
        RecipeError, match=r"made with texture:strength=0.02.*says texture:strength=0.01,"
    ):
        train(texture, changes, tmp_path / "first")
    for name in ("data.degradations.0.apply", "data.validation.sets.it"):
        changes.append(f"{name}=['texture:strength=0.02,iterations=1']")
    assert train(texture, changes, tmp_path / "second")


@pytest.fixture
def smoothed(tmp_path: Path, photo_folder: Path) -> Path:
    """Patches of two scales, smoothed ahead."""
    made = Chain.parse(["texture:strength=0.02,iterations=1"])
    options = PackOptions(32, made, patches=2, scales=(1.0, 0.5))
    pack(find_photos(photo_folder, recursive=False), tmp_path / "smoothed", options)
    return tmp_path / "smoothed"


def test_a_set_smoothed_ahead_is_trained_on(texture: Path, tmp_path: Path, smoothed: Path) -> None:
    changes = [
        *(f"data.pairs.texture={smoothed}", "data.photos=null", "stages.0.steps=2"),
        "data.degradations.0.apply=['texture:strength=0.02,iterations=1,solver=multigrid']",
    ]
    assert train(texture, changes, tmp_path / "run")


def test_a_set_smoothed_otherwise_is_refused_with_both_values(
    texture: Path, tmp_path: Path, smoothed: Path
) -> None:
    changes = [f"data.pairs.texture={smoothed}", "data.photos=null", "stages.0.steps=1"]
    told = r"made with texture:strength=0.02,.*the recipe says texture:strength=0.01,"
    with pytest.raises(RecipeError, match=told):
        train(texture, changes, tmp_path / "run")
    changes += ["data.degradations=[]"]  # which states nothing
    assert train(texture, changes, tmp_path / "run")


def test_a_set_smoothed_ahead_is_not_shrunk(texture: Path, tmp_path: Path, smoothed: Path) -> None:
    changes = [
        *(f"data.photos={smoothed}", "stages.0.steps=1"),
        "data.degradations.0.apply=['texture:strength=0.02,iterations=1']",
    ]
    with pytest.raises(RecipeError, match=r"scales 1, 0.5,.*data.pairs.NAME="):
        train(texture, changes, tmp_path / "run")


def test_a_network_of_another_program_is_taken_up(tmp_path: Path, photo_folder: Path) -> None:
    """Under the names that were published; what hears the time begins anew."""
    method = tiny_eedtp() | {"task": "denoise"}
    shape = {"widths": [4, 8, 16], "encoder_blocks": [1, 2], "middle_blocks": 2}
    method["network"] |= shape | {"decoder_blocks": [1, 2], "up_bias": False}
    path = recipe(tmp_path, photo_folder, method, "restoration", "noise:sigma=25")
    published = randomised(Public())
    file = tmp_path / "NAFNet.pth"
    torch.save({"params": published.state_dict()}, file)
    changes = [f"start_from={file}", "optimiser.lr=1e-12"]
    folder = train(path, changes, tmp_path / "run")
    assert folder is not None
    lq = torch.rand(1, 3, 16, 16)
    restored = load_method(find_model(folder)).restore(
        lq, steps=1, noise=FieldNoise([NoiseField((0,))])
    )
    torch.testing.assert_close(restored, published(lq), rtol=1e-3, atol=1e-3)


def test_another_programs_weights_for_what_has_none(tmp_path: Path, photo_folder: Path) -> None:
    file = tmp_path / "it.pth"
    torch.save({"intro.weight": torch.zeros(1)}, file)
    plain = recipe(tmp_path, photo_folder, tiny_regression(), "regression", "noise:sigma=25")
    with pytest.raises(RecipeError, match="weights of another program for a regression model"):
        train(plain, [f"start_from={file}"], tmp_path / "run")
    method = tiny_eedtp() | {"task": "denoise"}
    told = recipe(tmp_path, photo_folder, method, "restoration", "noise:sigma=25")
    with pytest.raises(WeightsError, match="expected"):
        train(told, [f"start_from={file}"], tmp_path / "run")
