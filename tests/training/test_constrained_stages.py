"""Losses besides the method's own in trainings of several stages, which retain, stop and go on."""

from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from tiny_model import tiny_eedtp, tiny_prior, tiny_regression
from torch import Tensor

from undegrade.training import train
from undegrade.training.module import MethodModule
from undegrade.zoo import find_model, load_method


def written(folder: Path, photos: Path, **changes: Any) -> Path:
    """Write a recipe; what is told of ``data`` is added to it."""
    data = {
        "photos": str(photos),
        "workers": 0,
        "degradations": [{"weight": 1, "apply": ["noise:sigma=25"], "task": "denoise"}],
    }
    values = {
        "name": f"tiny-{changes['method']['name']}",
        "optimiser": {"lr": 1e-2, "ema_decay": 0.5},
        "checkpoint_every": 1,
        "export": {"half": False},
    }
    path = folder / f"{values['name']}.yaml"
    told = values | changes | {"data": data | changes.get("data", {})}
    path.write_text(yaml.safe_dump(told), encoding="utf-8")
    return path


def stage(name: str, steps: int, crop: int = 16) -> dict[str, Any]:
    return {"name": name, "steps": steps, "batch": 2, "crop": crop}


@pytest.fixture
def prior(tmp_path: Path, photo_folder: Path) -> Path:
    """A prior whose network attends."""
    path = written(tmp_path, photo_folder, method=tiny_prior(), stages=[stage("generation", 2)])
    made = train(path, [], tmp_path / "prior")
    assert made is not None
    return made


@pytest.fixture
def retaining(tmp_path: Path, photo_folder: Path, prior: Path) -> Path:
    """EEDTP that retains at every step, in pieces, and is told by the prior."""
    return written(
        tmp_path,
        photo_folder,
        method=tiny_eedtp(),
        stages=[stage("generation", 1), stage("restoration", 3)],
        retain={
            "stage": "generation",
            "mix": 1,
            "importance": {"batches": 1},
            "orthogonality": {"pieces": 2, "limit": 0.5},
        },
        diffloss={"prior": str(prior), "weight": 10.0, "semantic_weight": 1.0},
    )


def weights(folder: Path | None) -> dict[str, Tensor]:
    assert folder is not None
    return load_method(find_model(folder)).state_dict()


def alike(a: Path | None, b: Path | None) -> bool:
    first, second = weights(a), weights(b)
    return first.keys() == second.keys() and all(torch.equal(first[n], second[n]) for n in first)


def test_what_is_computed_again_where_something_is_retained_is_the_same(
    retaining: Path, tmp_path: Path
) -> None:
    """The gradient of a gradient goes through the prior as well."""
    made = [
        train(retaining, [f"diffloss.recompute={recompute}"], tmp_path / recompute)
        for recompute in ("true", "false")
    ]
    assert alike(*made)
    assert not alike(made[0], train(retaining, ["diffloss=null"], tmp_path / "without"))


def test_all_terms_are_told_where_something_is_retained(
    retaining: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[dict[str, Tensor]] = []
    monkeypatch.setattr(MethodModule, "log_dict", lambda _module, terms: told.append(terms))
    train(retaining, [], tmp_path / "run")
    terms = {name.removeprefix("train/"): float(value) for name, value in told[-1].items()}
    total = terms.pop("total")
    added = {"natural", "semantic", "importance", "retained", "orthogonality"}
    assert terms.keys() == {"own", *added}
    assert total == pytest.approx(sum(terms.values()), rel=1e-5)
    assert terms["natural"] > 0


def test_stages_with_an_adversary_are_the_same_however_often_they_stop(
    tmp_path: Path, photo_folder: Path
) -> None:
    recipe = written(
        tmp_path,
        photo_folder,
        method=tiny_regression(),
        stages=[stage("regression", 3), stage("regression", 2)],
        data={
            "validation": {
                "every": 1,
                "crop": 32,
                "scale": 1.0,
                "pictures": 2,
                "sets": {"noise": ["noise:sigma=25"]},
            }
        },
        adversarial={"weight": 1.0, "width": 4},
    )
    whole = train(recipe, [], tmp_path / "whole")
    parts = None
    for attempt in range(6):
        parts = train(recipe, [], tmp_path / "parts", max_time=0, resume=attempt > 0)
        if parts is not None:
            break
    assert attempt == 3  # it stopped in each stage
    assert alike(whole, parts)
