"""Recipes: valid ones are read, others are explained."""

import math
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml
from own_recipes import RECIPES

from undegrade.errors import RecipeError
from undegrade.training.parsing import parse_recipe
from undegrade.training.recipe import Optimiser
from undegrade.training.recipe_files import load_recipe

ROOT = Path(__file__).parents[2]


def values() -> dict[str, Any]:
    return {
        "name": "tiny",
        "method": {"name": "regression"},
        "stages": [{"name": "regression", "steps": 4}],
        "data": {"degradations": [{"weight": 1, "apply": ["noise:sigma=25"]}]},
    }


def test_an_overview_of_what_is_not_undone_is_refused() -> None:
    export = {"tasks": ["dehaze"], "overview": {"haze": 512}}
    with pytest.raises(RecipeError, match=r"export\.overview\.haze.*did you mean 'dehaze'"):
        parse_recipe(values() | {"export": export})
    export["overview"] = {"dehaze": 512}
    assert parse_recipe(values() | {"export": export}).export.overview == {"dehaze": 512}


@pytest.mark.parametrize("path", RECIPES, ids=lambda p: p.stem)
def test_every_recipe_of_the_project_is_valid(path: Path) -> None:
    recipe = load_recipe(path)
    assert recipe.name == path.stem
    assert recipe.data.mixture.chains


def test_the_method_is_completed_with_its_defaults() -> None:
    assert parse_recipe(values()).method["network"]["widths"] == [48, 96, 192]


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("diffusers:google/ddpm-celebahq-256", "diffusers:google/ddpm-celebahq-256"),
        ("diffusers:models/ddpm", "diffusers:ddpm"),  # a folder
        ("diffusers:/home/me/ddpm", "diffusers:ddpm"),
        ("diffusers:~/ddpm", "diffusers:ddpm"),
        ("adm:weights/uncond.pt", "adm:uncond.pt"),
        ("runs/prior/prior-64", "prior-64"),
        ("prior-64", "prior-64"),
    ],
)
def test_places_on_this_machine_are_no_part_of_what_is_told(
    name: str, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "models" / "ddpm").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    recipe = parse_recipe(
        values() | {"diffloss": {"prior": name}, "perceptual": {"features": name}}
    )
    portable = recipe.portable()
    assert (portable["diffloss"]["prior"], portable["perceptual"]["features"]) == (told, told)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sed": 1}, "no key 'sed'.*did you mean 'seed'"),
        ({"data": {**values()["data"], "scale": 1}}, "no key 'data.scale'.*'scales'"),
        ({"optimiser": {"Lr": 1}}, "no key 'optimiser.Lr'.*'lr'"),
        ({"optimiser": {"betas": [2, 3]}}, r"optimiser.betas.0=2; expected less than 1"),
        ({"stages": [{"name": "regression", "step": 4}]}, "no key 'stages.0.step'.*'steps'"),
        ({"method": {"name": "regresion"}}, "did you mean 'regression'"),
        ({"method": {"name": "regression", "los": "l1"}}, "no key 'method.los'.*mean 'loss'"),
        (
            {"method": {"name": "regression", "network": {"widhts": [1]}}},
            "no key 'method.network.widhts'.*did you mean 'widths'",
        ),
        (
            {"stages": [{"name": "regresion", "steps": 1}]},
            "no stage 'regresion'.*did you mean 'regression'",
        ),
        (
            {"data": {"degradations": [{"weight": 1, "apply": [], "wieght": 2}]}},
            "'data.degradations.0.wieght'.*did you mean 'weight'",
        ),
        ({"method": {}}, "without a name"),
        ({"seed": "x"}, "seed"),
        ({"data": {"degradations": [{"weight": 1, "apply": ["nois"]}]}}, "did you mean 'noise'"),
        ({"data": {"degradations": [{"weight": 0, "apply": []}]}}, "greater than 0"),
        ({"data": {**values()["data"], "validation": {"sets": {"a": ["x"]}}}}, "degradation 'x'"),
        ({"name": "../escape"}, "name"),
    ],
)
def test_mistakes_are_explained(change: dict[str, Any], message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        parse_recipe(values() | change)


@pytest.mark.parametrize(
    ("method", "message"),
    [
        ({"network": {"widths": [-8, 16, 16]}}, r"method.network.widths.0=-8; expected"),
        ({"network": {"widths": [0, 0, 0]}}, r"method.network.widths.2=0; expected"),
        ({"network": {"widths": [8, 16, 10**9]}}, r"method.network.widths.2=1000000000; expected"),
        ({"network": {"encoder_blocks": [-1, 1, 1]}}, "method.network.encoder_blocks.0=-1"),
        ({"network": {"decoder_blocks": [1, 1, 10**6]}}, "method.network.decoder_blocks.2=1000000"),
        ({"network": {"adaptor_widths": [0, 4, 4]}}, "method.network.adaptor_widths.0=0"),
        ({"network": {"adaptor_blocks": 10**6}}, "method.network.adaptor_blocks=1000000"),
        ({"network": {"out_channels": 10**9}}, "method.network.out_channels=1000000000"),
        ({"network": {"aux_channels": -3}}, "method.network.aux_channels=-3"),
        ({"network": {"aux_stride": 10**9}}, "method.network.aux_stride=1000000000"),
        ({"network": {"embedding_dim": 10**9}}, "method.network.embedding_dim=1000000000"),
        ({"coupling": {"recognition": {"widths": [0]}}}, "coupling.recognition.widths.0=0"),
        ({"coupling": {"recognition": {"blocks": 10**6}}}, "coupling.recognition.blocks=1000000"),
        ({"coupling": {"kl_weight": math.inf}}, "coupling.kl_weight=inf; expected a finite number"),
        ({"beta": math.inf}, "method.beta=inf; expected a finite number"),
        ({"beta": 1e300}, "method.beta=1e.300; expected less than or equal to 1000000"),
        ({"beta": 1e-30}, "method.beta=1e-30; expected greater than or equal to 0.001"),
        ({"gamma": math.nan}, "method.gamma=nan; expected a finite number"),
        ({"gamma": 1e6}, "method.gamma=1000000.0; expected less than or equal to 20"),
    ],
)
def test_sizes_and_numbers_out_of_range_are_refused(method: dict[str, Any], message: str) -> None:
    stages = [{"name": "flow", "steps": 4}]
    with pytest.raises(RecipeError, match=message):
        parse_recipe(values() | {"method": {"name": "resflow"} | method, "stages": stages})


@pytest.mark.parametrize("part", ["network", "predictor"])
@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ({"widths": [4, 0]}, "widths.1=0"),
        ({"encoder_blocks": [-1]}, "encoder_blocks.0=-1"),
        ({"decoder_blocks": [10**6]}, "decoder_blocks.0=1000000"),
        ({"middle_blocks": 10**6}, "middle_blocks=1000000"),
    ],
)
def test_so_are_those_of_networks_of_gated_blocks(
    part: str, shape: dict[str, Any], message: str
) -> None:
    method = {"name": "dtpm", "semantic": "none", part: {"widths": [4, 4]} | shape}
    with pytest.raises(RecipeError, match=f"method.{part}.{message}; expected"):
        parse_recipe(values() | {"method": method, "stages": [{"name": "adapters", "steps": 4}]})


@pytest.mark.parametrize("key", ["embedding_dim", "semantic_width"])
def test_so_are_the_lengths_of_what_a_denoiser_is_told(key: str) -> None:
    method = {"name": "dtpm", "semantic": "none", "network": {key: 10**9}}
    with pytest.raises(RecipeError, match=f"method.network.{key}=1000000000; expected"):
        parse_recipe(values() | {"method": method, "stages": [{"name": "adapters", "steps": 4}]})


@pytest.mark.parametrize("key", ["lr", "final_lr", "clip_norm", "weight_decay"])
def test_an_optimiser_has_finite_numbers(key: str) -> None:
    with pytest.raises(RecipeError, match=f"optimiser.{key}=inf; expected a finite number"):
        parse_recipe(values() | {"optimiser": {key: math.inf}})


def write(tmp_path: Path, content: str) -> Path:
    path = tmp_path / "recipe.yaml"
    path.write_text(content, encoding="utf-8")
    return path


def test_overrides_reach_every_depth(tmp_path: Path) -> None:
    path = write(tmp_path, yaml.safe_dump(values()))
    recipe = load_recipe(
        path, ["seed=3", "stages.0.steps=9", "optimiser.lr=1e-3", "data.photos=some/folder"]
    )
    assert (recipe.seed, recipe.stages[0].steps, recipe.optimiser.lr) == (3, 9, 1e-3)
    assert recipe.data.photos == "some/folder"
    assert "photos" not in recipe.portable()["data"]


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("seed", "not an override"),
        ("seed=[1", "no YAML value"),
        ("=3", "not an override"),
        ("stages.5.steps=1", "a number below 1"),
        ("stages.x.steps=1", "a number below 1"),
        ("seed.x=1", "below a plain value"),
        ("seed.x.y=1", "below a plain value"),
        ("optimiser.rl=1", "did you mean 'lr'"),
    ],
)
def test_bad_overrides_are_explained(tmp_path: Path, override: str, message: str) -> None:
    path = write(tmp_path, yaml.safe_dump(values() | {"seed": 0}))
    with pytest.raises(RecipeError, match=message):
        load_recipe(path, [override])


@pytest.mark.parametrize("content", ["a: [", "- 1", "", "\x00"])
def test_what_is_no_recipe_is_refused(tmp_path: Path, content: str) -> None:
    with pytest.raises(RecipeError, match=r"recipe\.yaml"):
        load_recipe(write(tmp_path, content))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"nowhere\.yaml cannot be read"):
        load_recipe(tmp_path / "nowhere.yaml")


def test_the_learning_rate_rises_then_falls() -> None:
    from undegrade.training.module import learning_rate_factor

    options = Optimiser(lr=1e-3, final_lr=1e-5, warmup=10)
    factors = [learning_rate_factor(step, 110, options) for step in range(111)]
    assert factors[0] == pytest.approx(0.1)
    assert factors[10] == pytest.approx(1)
    assert factors[60] == pytest.approx((1 + 0.01) / 2)
    assert factors[110] == pytest.approx(0.01)
    assert factors[:11] == sorted(factors[:11])
    assert factors[10:] == sorted(factors[10:], reverse=True)


def test_a_cooldown_ends_an_unfinished_cosine() -> None:
    from undegrade.training.module import learning_rate_factor

    whole = Optimiser(lr=1.0, final_lr=0.0)
    ended = Optimiser(lr=1.0, final_lr=0.0, period=100, cooldown=20)
    for step in (0, 30, 60):
        assert learning_rate_factor(step, 80, ended) == learning_rate_factor(step, 100, whole)
    assert learning_rate_factor(70, 80, ended) == learning_rate_factor(70, 100, whole) / 2
    assert learning_rate_factor(80, 80, ended) == 0


def test_a_stage_shorter_than_the_cooldown_begins_at_the_full_rate() -> None:
    from undegrade.training.module import learning_rate_factor

    options = Optimiser(lr=1.0, final_lr=0.0, period=1000, cooldown=20)
    assert learning_rate_factor(0, 10, options) == 1
    assert learning_rate_factor(5, 10, options) == pytest.approx(0.5, abs=1e-3)
    assert learning_rate_factor(10, 10, options) == 0


def test_a_recipe_extends_another(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text(yaml.safe_dump(values()), encoding="utf-8")
    child = {
        "extends": "base.yaml",
        "name": "child",
        "optimiser": {"lr": 0.5},
        "data": {"scales": [0.5]},
    }
    (tmp_path / "child.yaml").write_text(yaml.safe_dump(child), encoding="utf-8")
    recipe = load_recipe(tmp_path / "child.yaml", ["stages.0.steps=9"])
    assert (recipe.name, recipe.optimiser.lr, recipe.data.scales) == ("child", 0.5, (0.5,))
    assert recipe.stages[0].steps == 9
    assert recipe.data.degradations  # a mapping is joined, not replaced


@pytest.mark.parametrize(
    ("base", "message"),
    [("child.yaml", "which extends it"), ("other.yaml", "other.yaml cannot be read")],
)
def test_a_recipe_that_extends_nothing_real_is_refused(
    tmp_path: Path, base: str, message: str
) -> None:
    path = tmp_path / "child.yaml"
    path.write_text(f"extends: {base}\nname: child\n", encoding="utf-8")
    with pytest.raises(RecipeError, match=message):
        load_recipe(path)


def test_the_trainings_of_the_theory_can_be_asked_for() -> None:
    """Every command of its page, with the changes that stand in it."""
    page = (ROOT / "docs" / "theory" / "resflow.md").read_text(encoding="utf-8")
    lines = [
        shlex.split(line)
        for line in page.replace("\\\n", " ").splitlines()
        if line.startswith("undegrade train ")
    ]
    made = {}
    for words in lines:
        place = words.index("-o")
        changes = [word for word in words[3:] if "=" in word]
        assert len(changes) == len(words) - 5, words
        made[words[place + 1]] = load_recipe(ROOT / words[2], changes)
    assert sorted(made) == ["I", "IJ", "V16", "V8", "VJ"]
    coupling = {name: recipe.method["aux_coupling"] for name, recipe in made.items()}
    assert [name for name in coupling if coupling[name] == "independent"] == ["I", "IJ"]
    for name in made:
        measured = f"={name}/{made[name].name}"
        assert measured in page, measured
