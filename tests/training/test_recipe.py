"""Recipes: valid ones are read, others are explained."""

import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml

from undegrade.errors import RecipeError
from undegrade.training.recipe import Optimiser, parse_recipe
from undegrade.training.recipe_files import load_recipe

ROOT = Path(__file__).parents[2]


def values() -> dict[str, Any]:
    return {
        "name": "tiny",
        "method": {"name": "regression"},
        "stages": [{"name": "regression", "steps": 4}],
        "data": {"degradations": [{"weight": 1, "apply": ["noise:sigma=25"]}]},
    }


@pytest.mark.parametrize("path", sorted((ROOT / "recipes").rglob("*.yaml")), ids=lambda p: p.stem)
def test_every_recipe_of_the_project_is_valid(path: Path) -> None:
    recipe = load_recipe(path)
    assert recipe.name == path.stem
    assert recipe.data.mixture.chains


def test_the_method_is_completed_with_its_defaults() -> None:
    assert parse_recipe(values()).method["network"]["widths"] == [48, 96, 192]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sed": 1}, "no key 'sed'.*did you mean 'seed'"),
        ({"data": {**values()["data"], "scale": 1}}, "no key 'data.scale'.*'scales'"),
        ({"optimiser": {"Lr": 1}}, "no key 'optimiser.Lr'.*'lr'"),
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
