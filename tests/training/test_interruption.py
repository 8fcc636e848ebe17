"""Trainings that are asked to end: they save their state, say so, and go on as if nothing was."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from tiny_model import tiny_resflow

from undegrade.methods.resflow import ResFlow
from undegrade.signals import ENDING, Cancelled
from undegrade.training import train
from undegrade.zoo import find_model, load_method

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals are sent otherwise there")
COMMAND = [sys.executable, "-m", "undegrade", "train"]


@pytest.fixture(autouse=True)
def _home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNDEGRADE_HOME", str(tmp_path_factory.getbasetemp() / "home"))


@pytest.fixture
def recipe(tmp_path: Path, photo_folder: Path) -> Path:
    stage = {"name": "flow", "steps": 8, "batch": 2, "crop": 16}
    values: dict[str, Any] = {
        "name": "tiny",
        "method": tiny_resflow(predict_aux=False),
        "stages": [stage, stage],
        "optimiser": {"lr": 1e-3, "ema_decay": 0.5},
        "data": {
            "photos": str(photo_folder),
            "workers": 0,
            "degradations": [{"weight": 1, "apply": ["noise:sigma=25"]}],
            "validation": {
                "every": 3,
                "crop": 32,
                "scale": 1.0,
                "steps": [2, 4],
                "sets": {"noise25": ["noise:sigma=25"], "noise50": ["noise:sigma=50"]},
            },
        },
        "checkpoint_every": 100,
        "export": {"half": False},
    }
    path = tmp_path / "tiny.yaml"
    path.write_text(yaml.safe_dump(values), encoding="utf-8")
    return path


def same(first: Path | None, second: Path | None) -> bool:
    assert first is not None
    assert second is not None
    a, b = (load_method(find_model(folder)).state_dict() for folder in (first, second))
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def saved_step(run: Path, stage: int = 0) -> int:
    state = run / f"stage-{stage}-flow" / "state.ckpt"
    return int(torch.load(state, map_location="cpu", weights_only=True)["global_step"])


def at_loss(monkeypatch: pytest.MonkeyPatch, number: int, act: Callable[[], None]) -> None:
    """Do something in the middle of a step, by its number among those of this test."""
    plain, seen = ResFlow.objective, []

    def objective(self: ResFlow, pair: Any, *, stage: str, step: int, noise: Any) -> Any:
        seen.append(step)
        if len(seen) == number:
            act()
        return plain(self, pair, stage=stage, step=step, noise=noise)

    monkeypatch.setattr(ResFlow, "objective", objective)


@pytest.mark.parametrize(
    ("number", "stage", "step"),
    [
        (1, 0, 1),
        (3, 0, 3),  # a validation would have followed
        (4, 0, 4),
        (8, 0, 8),  # the last of a stage
        (13, 1, 5),
        (16, 1, 8),
    ],
)
def test_a_signal_is_heeded_after_the_step_and_costs_nothing(
    recipe: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    number: int,
    stage: int,
    step: int,
) -> None:
    whole = train(recipe, [], tmp_path / "whole")
    heard = ENDING[number % 2]
    before = [signal.getsignal(one) for one in ENDING]
    with monkeypatch.context() as patch:
        at_loss(patch, number, lambda: signal.raise_signal(heard))
        with pytest.raises(Cancelled) as stop:
            train(recipe, [], tmp_path / "run")
    assert stop.value.number == heard
    assert [signal.getsignal(one) for one in ENDING] == before
    assert not signal.pthread_sigmask(signal.SIG_BLOCK, ()) & {*ENDING}
    assert saved_step(tmp_path / "run", stage) == step
    assert not (tmp_path / "run" / "tiny").exists()
    assert same(whole, train(recipe, [], tmp_path / "run", resume=True))


def test_a_validation_is_broken_off(
    recipe: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    whole = train(recipe, [], tmp_path / "whole")
    plain, network_runs = ResFlow.restore, []

    def restore(self: ResFlow, lq: Any, *, steps: int, noise: Any, callback: Any = None) -> Any:
        def counting(state: Any) -> None:
            network_runs.append(steps)
            if len(network_runs) == 2 + 1:  # in the first step of the second of four measurements
                signal.raise_signal(signal.SIGINT)
            callback(state)

        return plain(self, lq, steps=steps, noise=noise, callback=counting)

    capsys.readouterr()
    with monkeypatch.context() as patch:
        patch.setattr(ResFlow, "restore", restore)
        with pytest.raises(Cancelled):
            train(recipe, [], tmp_path / "run")
    assert network_runs == [2, 2, 4]
    errors = capsys.readouterr().err
    assert "psnr" not in errors
    assert "interrupted at step 4 of 8 of stage 'flow'; the state is saved" in errors
    assert same(whole, train(recipe, [], tmp_path / "run", resume=True))


class Command:
    """The command as a process with a group of its own, which can be waited for and signalled."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.errors = folder / "errors.txt"
        environment = os.environ | {"CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1"}
        with self.errors.open("w") as file:
            self.process = subprocess.Popen(
                arguments, stderr=file, stdout=file, env=environment, start_new_session=True
            )

    def told(self) -> str:
        return self.errors.read_text(encoding="utf-8")

    def wait_for(self, text: str) -> None:
        deadline = time.monotonic() + 240
        while text not in self.told():
            assert self.process.poll() is None, self.told()
            assert time.monotonic() < deadline, self.told()
            time.sleep(0.01)

    def is_group_there(self) -> bool:
        try:
            os.killpg(self.process.pid, 0)
        except ProcessLookupError:
            return False
        return True

    def end(self) -> int:
        code = self.process.wait(timeout=240)
        deadline = time.monotonic() + 10
        while self.is_group_there():
            assert time.monotonic() < deadline, "a process was left behind"
            time.sleep(0.02)
        assert "Traceback" not in self.told()
        assert "Error" not in self.told()
        return code


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_the_command_says_how_to_go_on(
    recipe: Path, tmp_path: Path, number: int, code: int
) -> None:
    """With data workers, which the signal reaches too, as it does in a terminal and a cluster."""
    changes = ["stages.0.steps=60", "data.workers=1", "data.validation.every=20"]
    run = tmp_path / "run"
    command = Command(tmp_path, *COMMAND, str(recipe), *changes, "-o", str(run))
    command.wait_for("step 20: ")
    os.killpg(command.process.pid, number)
    assert command.end() == code
    told = command.told()
    again = f"go on with `undegrade train {recipe} {' '.join(changes)} -o {run} --resume`"
    assert again in told
    assert "undegrade: cancelled" in told
    assert 20 <= saved_step(run) < 60
    here = [*changes, "data.workers=0"]  # how many they are changes nothing
    assert same(train(recipe, here, tmp_path / "whole"), train(recipe, here, run, resume=True))


def test_workers_that_are_starting_print_nothing(recipe: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    command = Command(tmp_path, *COMMAND, str(recipe), "data.workers=2", "-o", str(run))
    command.wait_for("kept for validation")
    time.sleep(0.5)
    os.killpg(command.process.pid, signal.SIGINT)
    assert command.end() == 130


SLOW = """
import time
from undegrade.methods.resflow import ResFlow

plain = ResFlow.objective

def objective(self, pair, *, stage, step, noise):
    if step == 5:
        print("waiting", flush=True)
        time.sleep(200)
    return plain(self, pair, stage=stage, step=step, noise=noise)

ResFlow.objective = objective
if __name__ == "__main__":  # data workers import this file too
    from undegrade.cli.main import run
    run()
"""
"""A command whose sixth step takes long."""


def test_a_second_signal_ends_at_once(recipe: Path, tmp_path: Path) -> None:
    script, run = tmp_path / "slow.py", tmp_path / "run"
    script.write_text(SLOW, encoding="utf-8")
    changes = ["data.workers=1", "checkpoint_every=3"]
    program = [sys.executable, str(script), "train", str(recipe), *changes, "-o", str(run)]
    command = Command(tmp_path, *program)
    command.wait_for("waiting")
    command.process.send_signal(signal.SIGINT)
    command.wait_for("once more ends at once")
    begun = time.monotonic()
    command.process.send_signal(signal.SIGINT)
    assert command.end() == 130
    assert time.monotonic() - begun < 60
    assert saved_step(run) == 3
    here = [*changes, "data.workers=0"]
    assert same(train(recipe, here, tmp_path / "whole"), train(recipe, here, run, resume=True))


@pytest.mark.slow
@pytest.mark.parametrize("whole_group", [False, True])
def test_two_processes_stop_together(recipe: Path, tmp_path: Path, whole_group: bool) -> None:
    """Whether the first alone hears the signal or both do."""
    run = tmp_path / "run"
    changes = ["stages.0.steps=200", "data.validation.every=50", "data.workers=1"]
    arguments = [*COMMAND, str(recipe), *changes, "-o", str(run), "--devices", "2"]
    command = Command(tmp_path, *arguments)
    command.wait_for("step 50: ")
    if whole_group:
        os.killpg(command.process.pid, signal.SIGTERM)
    else:
        command.process.send_signal(signal.SIGTERM)
    assert command.end() == 143
    told = command.told()
    assert told.count("interrupted at step") == 1
    assert told.count("stopping after this step") == 1
    assert told.count("--resume --devices 2") == 1
    step = saved_step(run)
    assert 50 <= step < 200
    resumed = Command(tmp_path, *arguments, "--resume")
    assert resumed.end() == 0
    assert (run / "tiny" / "model.safetensors").is_file()
