"""Trainings on two processes: the same weights as one, one voice, and a common end."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import yaml
from damaged_shards import spoil
from rich.console import Console
from tiny_model import tiny_eedtp, tiny_prior, tiny_resflow

from undegrade.data.batches import StepBatches
from undegrade.data.packing import PackOptions, pack
from undegrade.data.photos import is_validation
from undegrade.data.samples import Begun, Crops
from undegrade.errors import DeviceError, UsageError
from undegrade.images.files import find_photos
from undegrade.training import train
from undegrade.training.data import prepare
from undegrade.training.processes import check_devices
from undegrade.training.recipe_files import load_recipe
from undegrade.zoo import find_model, load_method


@pytest.fixture
def recipe(tmp_path: Path, photo_folder: Path) -> Path:
    values = {
        "name": "tiny",
        "method": tiny_resflow(predict_aux=False) | {"times": "weighted"},
        "stages": [
            {"name": "flow", "steps": 4, "batch": 4, "crop": 16},
            {"name": "flow", "steps": 3, "batch": 2, "crop": 16},
        ],
        "optimiser": {"lr": 1e-3, "ema_decay": 0.5},
        "data": {
            "photos": str(photo_folder),
            "workers": 0,
            "degradations": [{"weight": 1, "apply": ["noise:sigma=25"]}],
            "validation": {
                "every": 3,
                "crop": 32,
                "scale": 1.0,
                "steps": [1],
                "sets": {"noise25": ["noise:sigma=25"]},
            },
        },
        "checkpoint_every": 2,
        "export": {"tasks": ["denoise"], "half": False},
    }
    path = tmp_path / "tiny.yaml"
    path.write_text(yaml.safe_dump(values), encoding="utf-8")
    return path


def on_two(recipe: Path, output: Path, *more: str) -> subprocess.CompletedProcess[str]:
    return start_two([sys.executable, "-m", "undegrade"], recipe, output, *more)


def start_two(
    program: list[str], recipe: Path, output: Path, *more: str
) -> subprocess.CompletedProcess[str]:
    command = [*program, "train", str(recipe), "-o", str(output)]
    environment = os.environ | {
        "UNDEGRADE_HOME": str(output.parent / "home"),
        "CUDA_VISIBLE_DEVICES": "",
        "OMP_NUM_THREADS": "1",
    }
    return subprocess.run(
        [*command, "--devices", "2", *more],
        env=environment,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_method(find_model(folder)).state_dict()


@pytest.mark.slow
def test_two_processes_learn_what_one_does(
    recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also when they stop and go on; and only one of them speaks."""
    stopped = on_two(recipe, tmp_path / "two", "--max-time", "0.001s")
    assert (stopped.returncode, stopped.stdout) == (0, "")
    assert stopped.stderr.count("time is up") == 1
    assert stopped.stderr.count("kept for validation") == 1
    gone_on = on_two(recipe, tmp_path / "two", "--resume")
    assert gone_on.returncode == 0, gone_on.stderr
    assert gone_on.stdout == f"{tmp_path / 'two' / 'tiny'}\n"
    assert gone_on.stderr.count("noise25/psnr_1") == 2
    monkeypatch.setenv("UNDEGRADE_HOME", str(tmp_path / "home"))
    alone = train(recipe, [], tmp_path / "one")
    assert alone is not None
    one, two = weights(alone), weights(tmp_path / "two" / "tiny")
    assert one.keys() == two.keys()
    for name, tensor in one.items():
        torch.testing.assert_close(two[name], tensor, atol=2e-5, rtol=1e-4)
    begun = weights(Path(train(recipe, ["seed=1"], tmp_path / "other") or ""))
    assert any((begun[name] - one[name]).abs().max() > 1e-2 for name in one)


@pytest.mark.slow
def test_two_processes_retain_what_one_does(
    recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The angle between two objectives is that of the whole batch's gradients, not of a share's."""
    told = yaml.safe_load(recipe.read_text(encoding="utf-8"))
    told["method"] = tiny_eedtp() | {"task": "denoise"}
    told["stages"] = [
        {"name": "generation", "steps": 2, "batch": 4, "crop": 16},
        {"name": "restoration", "steps": 4, "batch": 4, "crop": 16},
    ]
    told["retain"] = {"stage": "generation", "mix": 1, "importance": {"batches": 2}}
    recipe.write_text(yaml.safe_dump(told), encoding="utf-8")
    done = on_two(recipe, tmp_path / "two")
    assert done.returncode == 0, done.stderr
    monkeypatch.setenv("UNDEGRADE_HOME", str(tmp_path / "home"))
    one, two = (
        weights(Path(train(recipe, [], tmp_path / "one") or "")),
        weights(tmp_path / "two" / "tiny"),
    )
    for name, tensor in one.items():
        torch.testing.assert_close(two[name], tensor, atol=1e-4, rtol=1e-3)
    free = weights(Path(train(recipe, ["retain=null"], tmp_path / "free") or ""))
    assert any((free[name] - one[name]).abs().max() > 1e-3 for name in one)


@pytest.mark.slow
def test_two_processes_learn_by_further_losses_what_one_does(
    recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also a discriminator, which each process has of its own."""
    monkeypatch.setenv("UNDEGRADE_HOME", str(tmp_path / "home"))
    told = yaml.safe_load(recipe.read_text(encoding="utf-8"))
    prior = told | {
        "name": "tiny-prior",
        "method": tiny_prior(),
        "stages": [{"name": "generation", "steps": 2, "batch": 2, "crop": 16}],
        "data": {"photos": told["data"]["photos"], "workers": 0},
    }
    (tmp_path / "prior.yaml").write_text(yaml.safe_dump(prior), encoding="utf-8")
    made = train(tmp_path / "prior.yaml", [], tmp_path / "prior")
    told["stages"] = [{**stage, "crop": 32} for stage in told["stages"]]  # shown through windows
    told["diffloss"] = {"prior": str(made), "weight": 10.0, "semantic_weight": 1.0}
    told["adversarial"] = {"weight": 1.0, "width": 4}
    recipe.write_text(yaml.safe_dump(told), encoding="utf-8")
    done = on_two(recipe, tmp_path / "two")
    assert done.returncode == 0, done.stderr
    one = weights(Path(train(recipe, [], tmp_path / "one") or ""))
    two = weights(tmp_path / "two" / "tiny")
    for name, tensor in one.items():
        torch.testing.assert_close(two[name], tensor, atol=1e-4, rtol=1e-3)
    for without in ("diffloss", "adversarial"):
        other = weights(Path(train(recipe, [f"{without}=null"], tmp_path / without) or ""))
        assert any((other[name] - one[name]).abs().max() > 1e-3 for name in one)


@pytest.fixture
def shards(tmp_path: Path, photo_folder: Path) -> Path:
    photos = find_photos(photo_folder, recursive=False)
    pack(photos, tmp_path / "shards", PackOptions(tile=48))
    return tmp_path / "shards"


@pytest.mark.slow
def test_damage_in_any_process_is_told_by_the_first(
    recipe: Path, shards: Path, tmp_path: Path
) -> None:
    spoiled = spoil(shards, slice(0, 12, 4))  # a square of each of three photos
    done = on_two(recipe, tmp_path / "run", f"data.photos={shards}", "stages.0.steps=21")
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("stage-0-flow/damaged.txt") == 1  # 84 samples are one epoch
    noted = (tmp_path / "run" / "stage-0-flow" / "damaged.txt").read_text().splitlines()
    trained = {name for name in spoiled if not is_validation(name)}
    assert len(trained) > 1
    assert {name.split(" in ")[0] for name in noted} == trained


@pytest.mark.slow
def test_much_damage_stops_all_processes(recipe: Path, shards: Path, tmp_path: Path) -> None:
    spoil(shards, slice(None, None, 4))
    done = on_two(recipe, tmp_path / "run", f"data.photos={shards}", "stages.0.steps=200")
    assert done.returncode == 1
    assert done.stderr.count("pictures cannot be read: ") == 1


HARMED = """
import os
from undegrade.methods.resflow import ResFlow

plain = ResFlow.objective

def objective(self, pair, *, stage, step, noise):
    objective = plain(self, pair, stage=stage, step=step, noise=noise)
    if step == 2 and os.environ.get("LOCAL_RANK", "0") in {ranks!r}:
        zero = self.network.head.weight.sum() * 0
        objective.terms["total"] = objective.terms["total"] + {harm}
    return objective

ResFlow.objective = objective
from undegrade.cli.main import run
run()
"""
"""A command whose processes of these ranks meet in the third step what is not finite."""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("harm", "ranks", "samples"),
    [
        ("zero / 0", "1", (1, 3)),  # not a number, and so are the gradients of both
        ("float('inf')", "1", (1, 3)),  # a constant: the gradients are as they were
        ("float('inf')", "0", (0, 2)),
        ("zero.sqrt()", "1", (0, 2, 1, 3)),  # nobody knows whose the shared gradient was
    ],
)
def test_all_stop_for_a_number_and_name_the_photos_of_the_one_it_is_of(
    recipe: Path, tmp_path: Path, harm: str, ranks: str, samples: tuple[int, ...]
) -> None:
    script = tmp_path / "harmed.py"
    script.write_text(HARMED.format(harm=harm, ranks=ranks), encoding="utf-8")
    loaded = load_recipe(recipe, [])
    done = start_two([sys.executable, str(script)], recipe, tmp_path / "run")
    assert done.returncode == 1
    source = prepare(loaded, Console(quiet=True)).source
    crops = Crops(source, 16, loaded.stages[0].batch, loaded.data.mixture, loaded.seed, Begun())
    names = [StepBatches(crops, [sample]).batch(2).names[0] for sample in samples]
    assert done.stderr.count("expected finite numbers") == 1, done.stderr
    assert ("a gradient of " if "sqrt" in harm else "a loss of ") in done.stderr
    assert f" at step 2, of {', '.join(names)}; expected finite numbers" in done.stderr
    state = tmp_path / "run" / "stage-0-flow" / "state.ckpt"
    assert torch.load(state, map_location="cpu", weights_only=True)["global_step"] == 2


def test_an_uneven_batch_is_refused(recipe: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="batch of 4 cannot be divided among 3 devices"):
        train(recipe, [], tmp_path / "run", devices=3)
    assert not (tmp_path / "run").exists()


def test_more_accelerators_than_there_are_are_refused(
    recipe: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(DeviceError, match="2 devices were asked for; expected at most 1"):
        check_devices(load_recipe(recipe, []), 2)
