"""EEDTP from clean photos to several tasks: stages that grow, retain, stop and go on."""

import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from tiny_model import tiny_eedtp

from undegrade.errors import RecipeError
from undegrade.methods import Method, Objective, Pair
from undegrade.methods.eedtp import EEDTP
from undegrade.processes.noise import SampleNoise, TrainingNoise
from undegrade.signals import Cancelled
from undegrade.training import train
from undegrade.training.retention.objective import Retention
from undegrade.zoo import find_model, load_method


@pytest.fixture(autouse=True)
def _home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNDEGRADE_HOME", str(tmp_path_factory.getbasetemp() / "home"))


@pytest.fixture
def recipe(tmp_path: Path, photo_folder: Path) -> Path:
    values: dict[str, Any] = {
        "name": "tiny",
        "method": tiny_eedtp(experts=True),
        "stages": [
            {"name": "generation", "steps": 3, "batch": 4, "crop": 16},
            {"name": "restoration", "steps": 3, "batch": 4, "crop": 16, "growing": True},
        ],
        "retain": {"stage": "generation", "mix": 0.5, "importance": {"batches": 2}},
        "optimiser": {"lr": 1e-2, "ema_decay": 0.5},
        "data": {
            "photos": str(photo_folder),
            "workers": 0,
            "degradations": [
                {"weight": 1, "apply": ["noise:sigma=25"], "task": "denoise"},
                {"weight": 2, "apply": ["jpeg:quality=10"], "task": "dejpeg"},
            ],
            "validation": {
                "every": 3,
                "crop": 32,
                "scale": 1.0,
                "pictures": 2,
                "sets": {"noise": ["noise:sigma=25"], "jpeg": ["jpeg:quality=10"]},
                "tasks": {"noise": "denoise", "jpeg": "dejpeg"},
            },
        },
        "checkpoint_every": 2,
        "export": {"tasks": ["denoise", "dejpeg"], "half": False},
    }
    path = tmp_path / "tiny.yaml"
    path.write_text(yaml.safe_dump(values), encoding="utf-8")
    return path


def weights(folder: Path | None) -> dict[str, torch.Tensor]:
    assert folder is not None
    return load_method(find_model(folder)).state_dict()


Seen = list[tuple[str, int, tuple[str, ...]]]


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> Seen:
    """What the method was taught: stage, step and the tasks of the samples."""
    taught: Seen = []
    plain: Callable[..., Objective] = EEDTP.objective

    def noted(self: EEDTP, pair: Pair, *, stage: str, step: int, noise: TrainingNoise) -> Objective:
        assert isinstance(noise, SampleNoise)
        taught.append((stage, step, pair.tasks))
        return plain(self, pair, stage=stage, step=step, noise=noise)

    monkeypatch.setattr(EEDTP, "objective", noted)
    return taught


def test_tasks_come_one_by_one_upon_what_was_learned_of_clean_photos(
    recipe: Path, tmp_path: Path, seen: Seen
) -> None:
    trained = weights(train(recipe, [], tmp_path / "run"))
    stages = sorted(path.name for path in (tmp_path / "run").glob("stage-*"))
    assert stages == ["stage-0-generation", "stage-1-restoration", "stage-2-restoration"]
    own = [tasks for stage, _, tasks in seen if stage == "restoration"]
    assert {*own[0], *own[1], *own[2]} == {"denoise"}
    assert {*own[3], *own[4], *own[5]} == {"denoise", "dejpeg"}
    generation = [step for stage, step, _ in seen if stage == "generation"]
    assert len(generation) > 3 + 2 * 2  # to learn it, to look what it needs, and mixed in
    free = weights(train(recipe, ["retain=null"], tmp_path / "free"))
    assert trained.keys() == free.keys()
    assert any(not torch.equal(tensor, free[name]) for name, tensor in trained.items())


def test_stopped_in_every_stage_it_is_the_training_uninterrupted(
    recipe: Path, tmp_path: Path
) -> None:
    whole = weights(train(recipe, [], tmp_path / "whole"))
    folder = None
    for _ in range(12):
        folder = train(recipe, [], tmp_path / "parts", max_time=0, resume=True)
        if folder is not None:
            break
    parts = weights(folder)
    assert parts.keys() == whole.keys()
    assert all(torch.equal(tensor, whole[name]) for name, tensor in parts.items())


def test_a_signal_is_heeded_while_it_looks_at_what_was_learned_before(
    recipe: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    plain, looked = Retention._loss, []

    def loss(self: Retention, method: Method, pair: Pair, noise: TrainingNoise) -> torch.Tensor:
        looked.append(pair)
        if len(looked) == 1:
            os.kill(os.getpid(), signal.SIGINT)
        return plain(self, method, pair, noise)

    monkeypatch.setattr(Retention, "_loss", loss)
    whole = tmp_path / "run"
    with pytest.raises(Cancelled):
        train(recipe, [], whole)
    assert len(looked) == 1  # of two
    assert "looking at 2 batches for what was learned before" in capsys.readouterr().err
    monkeypatch.setattr(Retention, "_loss", plain)
    resumed, plainly = train(recipe, [], whole, resume=True), train(recipe, [], tmp_path / "plain")
    assert resumed is not None
    assert plainly is not None
    first, second = (load_method(find_model(one)).state_dict() for one in (resumed, plainly))
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_a_stage_may_be_free_of_what_the_others_retain(recipe: Path, tmp_path: Path) -> None:
    def last(*changes: str) -> dict[str, torch.Tensor]:
        where = tmp_path / str(len(changes))
        growing = yaml.safe_load(recipe.read_text())["stages"]
        free = {"name": "restoration", "steps": 4, "batch": 4, "crop": 16, "retaining": False}
        stages = yaml.safe_dump([*growing, free], default_flow_style=True, width=10_000)
        folder = train(recipe, [f"stages={stages}", *changes], where)
        assert folder is not None
        for stage in (2, 3):
            file = where / f"stage-{stage}-restoration" / "state.ckpt"
            state = torch.load(file, weights_only=True)["state_dict"]
            kept = any("retention" in key for key in state)
            assert kept == (stage == 2 and not changes)
        return load_method(find_model(folder)).state_dict()

    retained, plain = last(), last("retain=null")
    assert any(not torch.equal(retained[name], plain[name]) for name in plain)


def test_attention_is_mixed_too(recipe: Path, tmp_path: Path) -> None:
    """Fused attention has no gradients of gradients on a processor."""
    shape = "widths: [4, 8], encoder_blocks: [1, 1], decoder_blocks: [1, 1], embedding_dim: 4"
    changes = [f"method.network={{name: unet, {shape}, attention: true}}", "method.experts=null"]
    changes += ["stages.0.steps=1", "stages.1.steps=1", "retain.mix=1"]
    assert train(recipe, changes, tmp_path / "run") is not None


def test_nothing_is_retained_of_what_was_never_learned(recipe: Path, tmp_path: Path) -> None:
    alone = "stages=[{name: restoration, steps: 1, batch: 4, crop: 16}]"
    with pytest.raises(RecipeError, match="retain what was learned in 'generation', and nothing"):
        train(recipe, [alone], tmp_path / "run")


def test_pairs_of_the_first_command_are_remembered_with_their_tasks(
    recipe: Path, tmp_path: Path, photo_folder: Path
) -> None:
    pairs = tmp_path / "pairs"
    for half in ("lq", "hq"):
        shutil.copytree(photo_folder, pairs / half)
    changes = [f"data.pairs.mine={pairs}", "data.pair_tasks.mine=derain"]
    assert train(recipe, changes, tmp_path / "run", max_time=0) is None
    folder = None
    for _ in range(20):
        folder = train(recipe, changes[1:], tmp_path / "run", max_time=0, resume=True)
        if folder is not None:
            break
    assert folder is not None
    assert len([*(tmp_path / "run").glob("stage-*")]) == 4


@pytest.mark.slow
def test_compiled_networks_are_mixed_too(recipe: Path, tmp_path: Path) -> None:
    """Gradients of gradients cannot be had of compiled ones: those steps run without."""
    shorter = ["stages.0.steps=1", "stages.1.steps=1", "stages.1.growing=false", "retain.mix=1"]
    shorter += ["data.validation.sets={}", "data.validation.tasks={}"]
    plain = weights(train(recipe, shorter, tmp_path / "plain"))
    compiled = weights(train(recipe, [*shorter, "compile=true"], tmp_path / "compiled"))
    for name, tensor in plain.items():
        torch.testing.assert_close(compiled[name], tensor, atol=2e-3, rtol=1e-3)
