"""Options that change nothing are refused where they are given, and nowhere else."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from own_recipes import RECIPES
from tiny_model import tiny_dtpm, tiny_resflow

from undegrade.errors import RecipeError
from undegrade.methods import METHODS, build_method, parse_options
from undegrade.training.parsing import parse_recipe
from undegrade.training.recipe_files import load_recipe
from undegrade.zoo import ModelConfig, load_method, save_model

ROOT = Path(__file__).parents[2]
SMALL = ROOT / "recipes" / "small"


def values(**method: Any) -> dict[str, Any]:
    network = tiny_resflow(predict_aux=False)["network"] | method.pop("network", {})
    options = {"name": "resflow", "predict_aux": False, "network": network, **method}
    return {
        "name": "tiny",
        "method": options,
        "stages": [{"name": "flow", "steps": 4}],
        "data": {"degradations": [{"weight": 1, "apply": []}]},
    }


def write(path: Path, content: dict[str, Any]) -> Path:
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    return path


NONE = {"aux_distribution": "none", "network": {"aux_channels": 0}}


@pytest.mark.parametrize(
    ("method", "message"),
    [
        ({"aux_schedule": "constant", "beta": 5}, "beta=5.0 with method.aux_schedule=constant"),
        ({"aux_schedule": "linear", "beta": 5}, "beta=5.0 with method.aux_schedule=linear"),
        ({"weight": "uniform", "gamma": 1}, "gamma=1.0 with method.weight=uniform"),
        (
            {"coupling": {"kl_weight": 0.5}},
            "coupling.kl_weight=0.5 with method.aux_coupling=independent",
        ),
        (
            {"coupling": {"share_at_mean": 0.5}},
            "coupling.share_at_mean=0.5 with method.aux_coupling=independent",
        ),
        (
            {"coupling": {"recognition": {"blocks": 1}}},
            "coupling.recognition.blocks=1 with method.aux_coupling=independent",
        ),
        (
            {"network": {"injection": "concat"}},
            r"network.adaptor_widths=\(2, 2\) with method.network.injection=concat",
        ),
        (
            {"network": {"injection": "add", "adaptor_widths": [16, 24, 32], "adaptor_blocks": 2}},
            "network.adaptor_blocks=2 with method.network.injection=add",
        ),
        (NONE, r"adaptor_widths=\(2, 2\) with method.network.aux_channels=0"),
    ],
)
def test_what_changes_nothing_is_refused(
    tmp_path: Path, method: dict[str, Any], message: str
) -> None:
    path = write(tmp_path / "recipe.yaml", values(**method))
    with pytest.raises(RecipeError, match=message) as caught:
        load_recipe(path)
    assert "expected no such option: it changes nothing there; leave out" in str(caught.value)
    assert parse_recipe(values(**method)).name == "tiny"  # as it is read from a model


@pytest.mark.parametrize("key", ["aux_schedule=anchored", "beta=5", "network.aux_stride=2"])
def test_what_a_model_without_y_makes_of_it_is_refused(tmp_path: Path, key: str) -> None:
    content = values(**NONE)
    del content["method"]["network"]["adaptor_widths"]
    path = write(tmp_path / "recipe.yaml", content)
    assert load_recipe(path).method["aux_distribution"] == "none"
    with pytest.raises(RecipeError, match=key.partition("=")[0]):
        load_recipe(path, [f"method.{key}"])


def test_a_rise_to_a_weight_of_zero_is_refused(tmp_path: Path) -> None:
    content = values(aux_coupling="variational", coupling={"kl_weight": 0, "kl_warmup": 5})
    content["stages"].append({"name": "coupling", "steps": 4})
    path = write(tmp_path / "recipe.yaml", content)
    with pytest.raises(RecipeError, match=r"kl_warmup=5 with method.coupling.kl_weight=0"):
        load_recipe(path)
    assert load_recipe(path, ["method.coupling.kl_weight=0.1"])


def test_a_command_is_refused_what_it_gives_in_vain(tmp_path: Path) -> None:
    path = write(tmp_path / "recipe.yaml", values(aux_schedule="constant"))
    with pytest.raises(RecipeError, match=r"beta=5\.0"):
        load_recipe(path, ["method.beta=5"])
    assert load_recipe(path, ["method.beta=5", "method.aux_schedule=paper"]).method["beta"] == 5
    assert load_recipe(path, ["method.beta=10"]).method["beta"] == 10  # the default


def test_what_is_switched_off_above_is_no_mistake_below(tmp_path: Path) -> None:
    write(tmp_path / "base.yaml", values(beta=5))
    child = {"extends": "base.yaml", "method": {"aux_schedule": "constant"}}
    path = write(tmp_path / "child.yaml", child)
    assert load_recipe(path).method["beta"] == 5
    assert load_recipe(tmp_path / "base.yaml", ["method.aux_schedule=linear"])
    with pytest.raises(RecipeError, match=r"beta=6\.0"):
        load_recipe(path, ["method.beta=6"])
    vain = write(tmp_path / "vain.yaml", values(beta=5, aux_schedule="constant"))
    with pytest.raises(RecipeError, match=r"beta=5\.0"):
        load_recipe(vain, ["seed=1"])
    assert load_recipe(vain, ["method.aux_schedule=anchored"])


@pytest.mark.parametrize("name", ["inpaint-variational", "dejpeg-variational"])
def test_the_companions_of_recipes_can_be_made_as_they_say(name: str) -> None:
    changes = ["method.aux_coupling=independent", "stages.1.name=flow"]
    assert f"... {' '.join(changes)}" in (SMALL / f"{name}.yaml").read_text()
    assert load_recipe(SMALL / f"{name}.yaml", changes)


def diffusion(**method: Any) -> dict[str, Any]:
    options = tiny_dtpm() | method
    if method.get("semantic") == "none" and "network" not in method:
        del options["network"]["semantic_width"]
    stages = [{"name": "adapters", "steps": 4}]
    return values() | {"method": options, "stages": stages}


@pytest.mark.parametrize(
    ("method", "message"),
    [
        ({"encoder": "some/other"}, "encoder=some/other with method.semantic=small"),
        (
            {"semantic": "none", "encoder": "some/other"},
            "encoder=some/other with method.semantic=none",
        ),
        (
            {"semantic": "none", "semantic_source": "lq"},
            "semantic_source=lq with method.semantic=none",
        ),
        (
            {"semantic": "none", "semantic_preview": 9},
            "semantic_preview=9 with method.semantic=none",
        ),
        (
            {"semantic": "none", "network": {"semantic_width": 9}},
            "network.semantic_width=9 with method.semantic=none",
        ),
        ({"predictor": None, "condition": "initial"}, "condition=initial with method.predictor=nu"),
        (
            {"predictor": None, "semantic_source": "lq"},
            "semantic_source=lq with method.predictor=null",
        ),
    ],
)
def test_what_changes_nothing_in_a_diffusion_is_refused(
    tmp_path: Path, method: dict[str, Any], message: str
) -> None:
    path = write(tmp_path / "recipe.yaml", diffusion(**method))
    with pytest.raises(RecipeError, match=message):
        load_recipe(path)


@pytest.mark.parametrize(
    "method",
    [
        {},
        {"condition": "initial", "semantic_source": "lq", "semantic_preview": 9},
        {"predictor": None, "semantic_preview": 9},
        {"semantic": "resnet18", "encoder": "some/other"},
    ],
)
def test_what_changes_something_in_a_diffusion_is_not(
    tmp_path: Path, method: dict[str, Any]
) -> None:
    assert load_recipe(write(tmp_path / "recipe.yaml", diffusion(**method)))


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("dtpm-rain", ["method.semantic=none"]),
        ("dtpm-rain", ["method.predictor=null"]),
        ("dtpm-texture", []),
        (
            "ablation",
            [
                "method.aux_distribution=none",
                "method.predict_aux=false",
                "method.network={size: 1m, out_channels: 3}",
            ],
        ),
    ],
)
def test_what_was_written_down_of_a_named_size_is_read_again(
    tmp_path: Path, name: str, changes: list[str]
) -> None:
    """Although a size says how wide that is which is switched off."""
    recipe = load_recipe(SMALL / f"{name}.yaml", changes)
    path = tmp_path / "recipe.json"
    path.write_text(json.dumps(recipe.portable()), encoding="utf-8")
    assert load_recipe(path).method == recipe.method


@pytest.mark.parametrize("path", RECIPES, ids=lambda p: p.stem)
def test_recipes_that_come_with_it_give_nothing_in_vain(path: Path) -> None:
    assert load_recipe(path).name


def test_what_was_written_down_with_all_its_defaults_is_read_again(tmp_path: Path) -> None:
    recipe = parse_recipe(values(aux_schedule="constant", weight="uniform"))
    assert "beta" in recipe.portable()["method"]
    path = tmp_path / "recipe.json"
    path.write_text(json.dumps(recipe.portable()), encoding="utf-8")
    assert load_recipe(path) == recipe


def test_a_stored_model_loads_whatever_its_options_change(tmp_path: Path) -> None:
    options = parse_options(
        values(aux_schedule="constant", beta=5, gamma=1, weight="uniform")["method"]
    )
    unheeded = {"beta", "gamma", "coupling", "network.local_pool"}
    assert set(METHODS.get("resflow").unheeded(options)) == unheeded
    method = build_method(options)
    entry = save_model(tmp_path / "model", method, ModelConfig(recipe={"name": "model"}))
    assert entry.config.method["beta"] == 5
    assert load_method(entry).options == options
