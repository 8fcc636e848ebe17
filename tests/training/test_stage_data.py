"""What each stage is trained on: tasks that come one by one, each sample with its own."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from tiny_model import tiny_eedtp

from undegrade.data.samples import Crops
from undegrade.data.sources import Pictures, Source
from undegrade.errors import RecipeError
from undegrade.training.parsing import parse_recipe
from undegrade.training.stage_data import stage_data


@dataclass(frozen=True)
class Grey(Source):
    """So many grey pictures, or pairs of them."""

    count: int
    paired: bool = False

    def __len__(self) -> int:
        return self.count

    def name(self, index: int) -> str:
        return f"{self.count}:{index}"

    def size(self, index: int) -> tuple[int, int]:
        return 16, 16

    def read(self, index: int) -> Pictures:
        grey = np.full((16, 16, 3), 128, np.uint8)
        return Pictures(grey, grey if self.paired else None)


PAIRS = {"rainy": Grey(30, paired=True), "hazy": Grey(10, paired=True)}


def values(**changes: Any) -> dict[str, Any]:
    data = {
        "photos": "photos",
        "pairs": {"rainy": "r", "hazy": "h"},
        "pair_tasks": {"rainy": "derain", "hazy": "dehaze"},
        "degradations": [
            {"weight": 3, "apply": ["noise:sigma=25"], "task": "denoise"},
            {"weight": 1, "apply": ["jpeg:quality=10"], "task": "dejpeg"},
        ],
    }
    return {
        "name": "tiny",
        "method": tiny_eedtp(),
        "stages": [{"name": "restoration", "steps": 2, "batch": 8, "crop": 16, "growing": True}],
        "data": data,
    } | changes


def test_each_stage_has_one_task_more() -> None:
    recipe = parse_recipe(values())
    assert [stage.tasks for stage in recipe.stages] == [
        ("denoise",),
        ("denoise", "derain"),
        ("denoise", "derain", "dejpeg"),
        ("denoise", "derain", "dejpeg", "dehaze"),
    ]
    sizes = [len(stage_data(recipe, stage, Grey(50), PAIRS).source) for stage in recipe.stages]
    assert sizes == [50, 80, 130, 140]  # photos count for each of their tasks
    chains = [
        [*map(str, stage_data(recipe, stage, Grey(50), PAIRS).mixture.chains)]
        for stage in recipe.stages
    ]
    assert [*map(len, chains)] == [1, 1, 2, 2]
    assert parse_recipe(recipe.portable()).stages == recipe.stages


def test_tasks_can_be_named_by_what_they_undo() -> None:
    plain = values(export={"tasks": ["denoise", "dejpeg"]})
    called = values(export={"tasks": ["noise", "jpeg"]})
    called["data"]["pair_tasks"] = {"rainy": "rain", "hazy": "haze"}
    for entry, name in zip(called["data"]["degradations"], ("noise", "jpeg"), strict=True):
        entry["task"] = name
    for given, one in ((plain, "dehaze"), (called, "haze")):
        given["data"]["validation"] = {"sets": {"thick": ["haze"]}, "tasks": {"thick": one}}
        given["stages"][0]["tasks"] = [one]
        given["method"] = tiny_eedtp() | {"task": one}
    assert parse_recipe(called) == parse_recipe(plain)
    called["method"] = tiny_eedtp() | {"matching": {"rain": 30}}  # a task that is called so
    assert parse_recipe(called).data.pair_tasks == {"rainy": "rain", "hazy": "dehaze"}


def counted(balanced: bool) -> Counter[str]:
    recipe = parse_recipe(values())
    stage = recipe.stages[-1].model_copy(update={"balanced": balanced})
    data = stage_data(recipe, stage, Grey(60), PAIRS)
    crops = Crops(data.source, 16, 8, data.mixture, seed=0)
    return Counter(crops.sample(step, number).task for step in range(150) for number in range(8))


def test_samples_know_their_task_and_are_as_many_as_there_are_pictures() -> None:
    found = counted(balanced=False)
    shares = {task: count / 1200 for task, count in found.items()}
    assert shares["denoise"] == pytest.approx(0.5625, abs=0.04)
    assert shares["derain"] == pytest.approx(0.1875, abs=0.04)
    assert shares["dejpeg"] == pytest.approx(0.1875, abs=0.04)
    assert shares["dehaze"] == pytest.approx(0.0625, abs=0.03)


def test_or_all_equally_many() -> None:
    found = counted(balanced=True)
    assert [*found] != []
    assert all(count / 1200 == pytest.approx(0.25, abs=0.04) for count in found.values())


def test_generation_is_shown_clean_pictures() -> None:
    recipe = parse_recipe(values(stages=[{"name": "generation", "steps": 1, "crop": 16}]))
    data = stage_data(recipe, recipe.stages[0], Grey(50), PAIRS)
    assert len(data.source) == 90
    assert [*map(str, data.mixture.chains)] == ["clean"]


def with_mixture(stages: list[dict[str, Any]]) -> dict[str, Any]:
    """Return a recipe that has other degradations for stages that ask for them."""
    later = [
        {"weight": 2, "apply": ["noise:sigma=50"], "task": "noise"},
        {"weight": 1, "apply": ["blur:sigma=2"], "task": "deblur"},
    ]
    data = values()["data"] | {"mixtures": {"later": later}}
    return values(data=data, stages=stages)


def test_a_stage_can_have_a_mixture_of_its_own() -> None:
    plain = {"name": "restoration", "steps": 1, "batch": 8, "crop": 16}
    recipe = parse_recipe(with_mixture([plain, plain | {"mixture": "later"}]))
    first, second = (stage_data(recipe, stage, Grey(50), PAIRS) for stage in recipe.stages)
    assert [*map(str, first.mixture.chains)] == ["noise:sigma=25", "jpeg:quality=10"]
    assert [*map(str, second.mixture.chains)] == ["noise:sigma=50", "blur:sigma=2"]
    assert second.mixture.tasks == ("denoise", "deblur")  # under its own name
    assert "deblur" in recipe.data.tasks
    again = parse_recipe(recipe.portable())
    assert (again.data.mixtures, again.stages) == (recipe.data.mixtures, recipe.stages)


def test_stages_know_the_tasks_of_their_own_mixture_alone() -> None:
    plain = {"name": "restoration", "steps": 1, "batch": 8, "crop": 16, "growing": True}
    recipe = parse_recipe(with_mixture([plain, plain | {"mixture": "later"}]))
    usual = [stage.tasks for stage in recipe.stages if not stage.mixture]
    later = [stage.tasks for stage in recipe.stages if stage.mixture]
    assert usual[-1] == ("denoise", "derain", "dejpeg", "dehaze")
    assert later[-1] == ("denoise", "derain", "dehaze", "deblur")
    assert (len(usual), len(later)) == (4, 4)


@pytest.mark.parametrize(
    ("stage", "message"),
    [
        ({"mixture": "latter"}, "does not name.*did you mean 'later'"),
        ({"tasks": ["deblur"]}, "task 'deblur', of which there are no data"),
        ({"name": "generation", "mixture": "later"}, "neither tasks nor growing nor a mixture"),
    ],
)
def test_mixtures_that_do_not_fit(stage: dict[str, Any], message: str) -> None:
    plain = {"name": "restoration", "steps": 1, "crop": 16}
    with pytest.raises(RecipeError, match=message):
        parse_recipe(with_mixture([plain | {"mixture": "later"}, plain | stage]))


def test_a_mixture_that_no_stage_is_shown_is_told_of() -> None:
    with pytest.raises(RecipeError, match=r"data\.mixtures\.later, and no stage that is shown it"):
        parse_recipe(with_mixture([{"name": "restoration", "steps": 1, "crop": 16}]))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"stages": [{"name": "restoration", "steps": 1, "tasks": ["deblur"]}]}, "no data"),
        (
            {"stages": [{"name": "generation", "steps": 1, "tasks": ["derain"]}]},
            "learns from clean pictures alone; expected neither tasks nor growing",
        ),
        (
            {"data": values()["data"] | {"validation": {"sets": {"it": ["noise"]}}}},
            r"data\.validation: no task is told.*add data\.validation\.tasks\.SET=TASK",
        ),
        (
            {"data": values()["data"] | {"validation": {"tasks": {"it": "derain"}}}},
            r"data\.validation\.tasks\.it, and no set of that name",
        ),
        (
            {"retain": {"stage": "generation", "orthogonality": {"pieces": 3}}},
            "pieces=3 of a batch of 8; expected a divisor",
        ),
        (
            {"retain": {"stage": "generation", "mix": 0, "orthogonality": {}}},
            "orthogonality with mix=0",
        ),
        (
            {"retain": {"stage": "generation", "mix": 0, "importance": None}},
            "nothing is retained",
        ),
        ({"retain": {"stage": "generatoin"}}, "did you mean 'generation'"),
        ({"retain": {"stage": "restoration"}}, "no other stage in which to retain"),
        (
            {
                "retain": {"stage": "generation"},
                "stages": [{"name": "restoration", "steps": 1, "retaining": False}],
            },
            "no other stage in which to retain",
        ),
        (
            {"data": values()["data"] | {"pair_tasks": {"rainy": "derain"}}},
            "no task is told; expected one of denoise",
        ),
        (
            {"data": values()["data"] | {"pair_tasks": {"rainy": "paint", "hazy": "dehaze"}}},
            "task 'paint' has no matching step",
        ),
    ],
)
def test_tasks_and_stages_that_do_not_fit(change: dict[str, Any], message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        parse_recipe(values(**change))


def test_a_stage_cannot_grow_by_what_has_no_name() -> None:
    one = values(method=tiny_eedtp() | {"task": "derain"})
    one["data"]["pair_tasks"] = {"rainy": "derain"}
    with pytest.raises(RecipeError, match="a stage that grows, and data of which no task is told"):
        parse_recipe(one)


def test_a_stage_without_pictures_is_told_before_any_is_trained() -> None:
    recipe = parse_recipe(values())
    with pytest.raises(RecipeError, match="no pictures of denoise for the stage 'restoration'"):
        stage_data(recipe, recipe.stages[0], None, PAIRS)
    balanced = recipe.stages[1].model_copy(update={"balanced": True})
    assert len(stage_data(recipe, balanced, None, PAIRS | {"hazy": Grey(0)}).source) == 30
