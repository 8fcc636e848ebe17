"""Whole trainings of a tiny model: they learn, they stop, they go on, they survive being killed."""

import json
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from tiny_model import tiny_resflow
from torch.optim.swa_utils import AveragedModel

from undegrade.data.samples import Crops
from undegrade.data.sources import Joined
from undegrade.errors import RecipeError, TrainingError, UsageError
from undegrade.images.files import find_photos
from undegrade.inference import Restorer
from undegrade.methods.base import build_method, parse_options
from undegrade.methods.resflow import ResFlow
from undegrade.training import train
from undegrade.training.callbacks import AveragedWeights
from undegrade.training.constraints.frozen import Frozen
from undegrade.training.constraints.terms import Constraints
from undegrade.training.module import MethodModule
from undegrade.training.recipe_files import load_recipe
from undegrade.training.trainer import _build
from undegrade.training.transport import pack_run, unpack_run
from undegrade.zoo import find_model, load_method
from undegrade.zoo.cards import default_card

RECIPES = Path(__file__).parents[2] / "recipes"


@pytest.fixture(autouse=True)
def _home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    base = tmp_path_factory.getbasetemp() / "home"
    monkeypatch.setenv("UNDEGRADE_HOME", str(base))


@pytest.fixture
def recipe(tmp_path: Path, photo_folder: Path) -> Path:
    values: dict[str, Any] = {
        "name": "tiny",
        "method": tiny_resflow(predict_aux=False) | {"times": "weighted"},
        "stages": [{"name": "flow", "steps": 12, "batch": 2, "crop": 16}],
        "optimiser": {"lr": 1e-3, "ema_decay": 0.5},
        "data": {
            "photos": str(photo_folder),
            "workers": 0,
            "degradations": [{"weight": 1, "apply": ["noise:sigma=0..50"]}],
            "validation": {
                "every": 5,
                "crop": 32,
                "scale": 1.0,
                "sets": {"noise25": ["noise:sigma=25"]},
            },
        },
        "checkpoint_every": 3,
        "export": {"tasks": ["denoise"]},
    }
    path = tmp_path / "tiny.yaml"
    path.write_text(yaml.safe_dump(values), encoding="utf-8")
    return path


def weights(folder: Path | None) -> dict[str, torch.Tensor]:
    assert folder is not None
    return load_method(find_model(folder)).state_dict()


def same(first: Path | None, second: Path | None) -> bool:
    a, b = weights(first), weights(second)
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def test_a_training_writes_a_model_that_loads(recipe: Path, tmp_path: Path) -> None:
    folder = train(recipe, [], tmp_path / "run")
    assert folder == tmp_path / "run" / "tiny"
    entry = find_model(folder)
    entry.verify()
    assert entry.config.tasks == ("denoise",)
    assert entry.config.default_steps == 4
    assert entry.config.recipe["stages"][0]["steps"] == 12
    assert str(tmp_path) not in entry.config.to_json()
    assert list((tmp_path / "run" / "logs").rglob("events.*"))


def test_the_same_seed_gives_the_same_weights(recipe: Path, tmp_path: Path) -> None:
    first = train(recipe, [], tmp_path / "a")
    assert same(first, train(recipe, ["data.workers=2"], tmp_path / "b"))
    assert not same(first, train(recipe, ["seed=1"], tmp_path / "c"))


def test_bfloat16_learns_nearly_the_same(recipe: Path, tmp_path: Path) -> None:
    """The precision of the recipes for the paper's tables."""
    exact = weights(train(recipe, ["export.half=false"], tmp_path / "exact"))
    changes = ["export.half=false", "precision=bf16-mixed"]
    rough = weights(train(recipe, changes, tmp_path / "rough"))
    assert all(tensor.dtype == torch.float32 for tensor in rough.values())
    assert any(not torch.equal(tensor, rough[name]) for name, tensor in exact.items())
    for name, tensor in exact.items():  # each of Adam's 12 steps is at most about the rate
        torch.testing.assert_close(tensor, rough[name], atol=2.5e-2, rtol=0)


@pytest.mark.slow
def test_a_network_of_the_papers_size_takes_a_step(photo_folder: Path, tmp_path: Path) -> None:
    """All but batch and crop is as it stands in the recipe."""
    smaller = ["stages.0.steps=1", "stages.0.batch=1", "stages.0.crop=64", "data.workers=0"]
    smaller += ["data.validation.crop=32", "data.validation.pictures=1", "export.half=false"]
    recipe = RECIPES / "paper" / "resflow-jpeg10.yaml"
    trained = weights(train(recipe, [f"data.photos={photo_folder}", *smaller], tmp_path / "run"))
    assert sum(tensor.numel() for tensor in trained.values()) > 20e6
    begun = _build(load_recipe(recipe)).state_dict()
    moved = max(float((tensor - begun[name]).abs().max()) for name, tensor in trained.items())
    assert 1e-5 < moved < 2e-4  # Adam's first step is the rate, 1e-4


def test_a_recipe_of_the_papers_tables_trains(photo_folder: Path, tmp_path: Path) -> None:
    """All but its size is as it stands there."""
    smaller = ["method.network.size=1m", "stages.0.steps=2", "stages.0.batch=1", "stages.0.crop=32"]
    smaller += ["data.validation.crop=32", "data.validation.pictures=1", "data.workers=0"]
    recipe = RECIPES / "paper" / "resflow-jpeg10.yaml"
    folder = train(recipe, [f"data.photos={photo_folder}", *smaller], tmp_path / "run")
    assert folder is not None
    assert find_model(folder).config.default_steps == 4


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            ["method.sampler={times: [1, 0.5, 0]}", "data.validation.steps=[1, 4]"],
            r"data\.validation\.steps with 1, .*'euler:times=1/0\.5/0'.*steps=\[2\]",
        ),
        (
            ["method.sampler={times: [1, 0.5, 0]}", "export.default_steps=4"],
            r"export\.default_steps with 4, .*'euler:times=1/0\.5/0'.*default_steps=2",
        ),
        (
            ["method.sampler={name: adaptive}", "export.default_steps=4"],
            r"export\.default_steps with 4, .*'adaptive.*=0 \(as many as it takes\)",
        ),
        (
            ["method.parameterisation=clean", "data.validation.steps=[3000]"],
            r"data\.validation\.steps: .*steps=3000 with parameterisation=clean",
        ),
        (["data.validation.steps=[0]"], r"data\.validation\.steps: steps=0; expected.*at least 1"),
    ],
)
def test_steps_that_cannot_be_made_are_refused_before_training(
    recipe: Path, tmp_path: Path, changes: list[str], message: str
) -> None:
    with pytest.raises(RecipeError, match=message):
        train(recipe, changes, tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("sampler", "steps"), [("{times: [1, 0.5, 0]}", 2), ("{name: adaptive}", 0), ("{}", 4)]
)
def test_a_sampler_that_leaves_no_choice_of_steps_decides_on_them(
    recipe: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], sampler: str, steps: int
) -> None:
    changes = [f"method.sampler={sampler}", "stages.0.steps=1", "data.validation.every=1"]
    folder = train(recipe, changes, tmp_path / "run")
    assert folder is not None
    config = find_model(folder).config
    assert config.default_steps == steps
    measured = [1, 4] if steps == 4 else [steps]
    assert config.recipe["data"]["validation"]["steps"] == measured
    told = capsys.readouterr().err
    assert [f"psnr_{n} " in told for n in (0, 1, 2, 4)] == [n in measured for n in (0, 1, 2, 4)]
    assert train(recipe, changes, tmp_path / "run", resume=True) == folder
    restorer = Restorer.from_pretrained(folder)
    restored = restorer(torch.zeros(3, 16, 16))
    assert restored.info.steps == steps
    assert f"Steps by default: {steps or 'the sampler decides'}" in default_card("it", config)


def test_the_optimiser_is_the_recipes(recipe: Path) -> None:
    changes = ["optimiser.betas=[0.8, 0.95]", "optimiser.weight_decay=0.02"]
    loaded = load_recipe(recipe, changes)
    method = build_method(parse_options(loaded.method))
    crops = Crops(Joined([]), 16, 1, loaded.data.mixture, 0)
    module = MethodModule(
        method, loaded, loaded.stages[0], crops, {}, Constraints(loaded, Frozen())
    )
    (group,) = module.configure_optimizers()["optimizer"].param_groups
    assert (group["betas"], group["weight_decay"]) == ((0.8, 0.95), 0.02)
    assert group["initial_lr"] == 1e-3


def test_gradients_are_clipped(recipe: Path, tmp_path: Path) -> None:
    """Far below Adam's epsilon they move nothing."""
    changes = ["export.half=false", "optimiser.clip_norm=1e-14"]
    begun = weights(train(recipe, [*changes, "stages.0.steps=1"], tmp_path / "begun"))
    held = weights(train(recipe, changes, tmp_path / "held"))
    free = weights(train(recipe, ["export.half=false"], tmp_path / "free"))
    moved, went = (max(float((w[n] - begun[n]).abs().max()) for n in w) for w in (held, free))
    assert moved < 1e-6
    assert went > 1e-3


def test_gradients_are_left_alone_if_wanted(recipe: Path, tmp_path: Path) -> None:
    """A bound that no gradient reaches changes nothing, and neither does none."""
    short = ["export.half=false", "stages.0.steps=2"]
    bounded = train(recipe, [*short, "optimiser.clip_norm=1e9"], tmp_path / "bounded")
    free = train(recipe, [*short, "optimiser.clip_norm=null"], tmp_path / "free")
    clipped = train(recipe, [*short, "optimiser.clip_norm=1e-8"], tmp_path / "clipped")
    assert same(bounded, free)
    assert not same(clipped, free)


def test_the_papers_recipe_clips_nothing_and_averages_evenly() -> None:
    options = load_recipe(RECIPES / "paper" / "resflow-jpeg10.yaml").optimiser
    assert (options.clip_norm, options.ema_decay, options.ema_ramp) == (None, 0.9999, False)


@pytest.mark.parametrize(("ramp", "held"), [(True, 2 / 11), (False, 0.99)])
def test_an_average_forgets_its_first_steps_sooner_if_wanted(ramp: bool, held: float) -> None:
    average = AveragedWeights(0.99, ramp=ramp)
    model = torch.nn.Linear(1, 1, bias=False)
    model.requires_grad_(requires_grad=False)
    model.weight.fill_(1.0)
    averaged = AveragedModel(model, **average._kwargs)
    averaged.update_parameters(model)
    model.weight.fill_(0.0)
    averaged.update_parameters(model)
    assert float(averaged.module.weight) == pytest.approx(held)


@pytest.mark.slow
def test_compiled_networks_learn_the_same(recipe: Path, tmp_path: Path) -> None:
    plain = weights(train(recipe, ["export.half=false"], tmp_path / "plain"))
    changes = ["export.half=false", "compile=true"]
    compiled = weights(train(recipe, changes, tmp_path / "compiled"))
    assert plain.keys() == compiled.keys()
    # Sums are taken in another order; Adam's first steps magnify that to a part of the rate.
    for name, tensor in plain.items():
        torch.testing.assert_close(tensor, compiled[name], atol=2e-3, rtol=0)


def test_averaged_weights_have_a_short_memory_at_first() -> None:
    average = AveragedWeights(0.9, ramp=True)._kwargs["multi_avg_fn"]
    kept = []
    for number in (1, 4, 71, 10_000):
        averaged = [torch.ones(1), torch.ones(2)]
        average(averaged, [torch.zeros(1), torch.zeros(2)], torch.tensor(number))
        assert averaged[0].item() == averaged[1][1].item()
        kept.append(averaged[0].item())
    assert kept == pytest.approx([2 / 11, 5 / 14, 72 / 81, 0.9])


def trained_in_parts(recipe: Path, folder: Path) -> tuple[Path, int]:
    """Train, stopped at once again and again; return the model and how many runs it took."""
    runs = 0
    parts = None
    while parts is None:
        parts = train(recipe, [], folder, max_time=0, resume=True)
        runs += 1
        assert runs < 20
    return parts, runs


def test_stopped_and_resumed_is_the_training_uninterrupted(recipe: Path, tmp_path: Path) -> None:
    whole = train(recipe, [], tmp_path / "whole")
    parts, runs = trained_in_parts(recipe, tmp_path / "parts")
    assert runs == 12  # no time at all is one step for each run
    assert same(whole, parts)


_CHILD = """
import sys
from pathlib import Path
from undegrade.training import train
train(Path(sys.argv[1]), sys.argv[3:], Path(sys.argv[2]), resume=True)
"""


def test_carried_to_another_folder_is_the_training_uninterrupted(
    recipe: Path, photo_folder: Path, tmp_path: Path
) -> None:
    whole = train(recipe, ["seed=4"], tmp_path / "whole")
    assert train(recipe, ["seed=4"], tmp_path / "here", max_time=0) is None
    pack_run(tmp_path / "here", tmp_path / "parts", 8192)
    changes = unpack_run(tmp_path / "parts", tmp_path / "there")
    assert changes == ["seed=4"]
    photos = f"data.photos={photo_folder}"
    assert same(whole, train(recipe, [*changes, photos], tmp_path / "there", resume=True))
    places = json.loads((tmp_path / "there" / "places.json").read_text(encoding="utf-8"))
    assert places["photos"] == str(photo_folder)  # which need not be said a second time


def test_killed_and_resumed_is_the_training_uninterrupted(recipe: Path, tmp_path: Path) -> None:
    steps = ["stages.0.steps=60"]  # enough for the signal to arrive before the end
    whole = train(recipe, steps, tmp_path / "whole")
    killed = tmp_path / "killed"
    state = killed / "stage-0-flow" / "state.ckpt"
    child = subprocess.Popen(
        [sys.executable, "-c", _CHILD, str(recipe), str(killed), *steps],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 120
    while not state.exists() and child.poll() is None and time.monotonic() < deadline:
        time.sleep(0.005)
    child.send_signal(signal.SIGKILL)
    assert child.wait() == -signal.SIGKILL
    assert state.exists()
    assert not (killed / "tiny").exists()
    assert same(whole, train(recipe, steps, killed, resume=True))


def test_a_finished_training_is_only_written_again(recipe: Path, tmp_path: Path) -> None:
    first = train(recipe, [], tmp_path / "run")
    before = weights(first)
    again = train(recipe, [], tmp_path / "run", resume=True)
    assert all(torch.equal(before[name], tensor) for name, tensor in weights(again).items())


def test_going_on_needs_no_photos_named_again(recipe: Path, tmp_path: Path) -> None:
    train(recipe, [], tmp_path / "run", max_time=0)
    values = yaml.safe_load(recipe.read_text())
    del values["data"]["photos"]
    recipe.write_text(yaml.safe_dump(values))
    assert train(recipe, [], tmp_path / "run", resume=True) is not None


def test_stages_share_nothing_random(recipe: Path, tmp_path: Path) -> None:
    """Two stages of 6 steps see the same crops as one of 12, not the first six twice."""
    values = yaml.safe_load(recipe.read_text())
    first = values["stages"][0] | {"steps": 6}
    recipe.write_text(yaml.safe_dump(values | {"stages": [first, first]}))
    folder = train(recipe, [], tmp_path / "run")
    assert len(list((tmp_path / "run").glob("stage-*/finished.ckpt"))) == 2
    again = train(recipe, [], tmp_path / "run", resume=True)
    assert same(folder, again)


def test_a_begun_folder_is_not_overwritten_by_accident(recipe: Path, tmp_path: Path) -> None:
    train(recipe, [], tmp_path / "run", max_time=0)
    with pytest.raises(UsageError, match="add --resume"):
        train(recipe, [], tmp_path / "run")
    told = r"holds a training of the recipe 'tiny' \(method resflow\), and this is 'other'.*-o"
    with pytest.raises(RecipeError, match=told):
        train(recipe, ["name=other"], tmp_path / "run", resume=True)
    with pytest.raises(RecipeError, match=r"recipe: seed is 9 and was 0;.*leave out KEY=VALUE"):
        train(recipe, ["seed=9"], tmp_path / "run", resume=True)


def test_what_a_command_forgets_to_say_again_is_named(
    recipe: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    changes = ["stages.0.steps=20", "data.validation.sets={noise25: ['noise:sigma=20']}"]
    train(recipe, changes, tmp_path / "run", max_time=0)
    assert "decoded" in capsys.readouterr().err
    with pytest.raises(RecipeError) as caught:
        train(recipe, ["optimiser.lr=0.5"], tmp_path / "run", resume=True)
    told = str(caught.value)
    assert "decoded" not in capsys.readouterr().err, "said before photos are read"
    assert "stages.0.steps is 12 and was 20" in told
    assert 'data.validation.sets.noise25 is ["noise:sigma=25"] and was ["noise:sigma=20"]' in told
    assert "optimiser.lr is 0.5 and was 0.001" in told
    repeated = told.partition("of the first command: ")[2].partition(", or train")[0]
    assert shlex.split(repeated) == changes
    assert train(recipe, shlex.split(repeated), tmp_path / "run", resume=True) is not None


def test_resuming_nothing_begins_and_says_so(
    recipe: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train(recipe, ["stages.0.steps=1"], tmp_path / "run", resume=True) is not None
    errors = " ".join(capsys.readouterr().err.split())
    assert "run holds no training to go on with: beginning one" in errors


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("data.photos=null", "add data.photos=FOLDER"),
        ("stages.0.crop=512", "none of .* is as large as a crop of 512"),
        ("stages.0.name=texture", "has no stage 'texture'"),
        ("method.predict_aux=true", "expected out_channels=6"),
        ("method.aux_coupling=variational", "expected a stage 'coupling'"),
        ("stages.0.name=coupling", "no such stage otherwise"),
        ("stages.0.crop=19", "expected a multiple of 4"),
        ("data.validation.crop=30", "expected a multiple of 4"),
    ],
)
def test_what_cannot_be_trained_is_said_at_once(
    recipe: Path, tmp_path: Path, override: str, message: str
) -> None:
    with pytest.raises(RecipeError, match=message):
        train(recipe, [override], tmp_path / "run")
    assert not (tmp_path / "run").exists()  # the corrected command finds nothing in its way


def test_training_helps(recipe: Path, tmp_path: Path) -> None:
    """A few seconds of training denoise by more than 1 dB."""
    from undegrade.data.photos import decode, is_validation
    from undegrade.data.samples import validation_pairs
    from undegrade.data.sources import Pictures
    from undegrade.degradations import Chain
    from undegrade.metrics.distortion import psnr
    from undegrade.processes.noise import FieldNoise
    from undegrade.randomness import NoiseField

    folder = train(
        recipe,
        [
            "stages.0.steps=250",
            "stages.0.batch=4",
            "stages.0.crop=32",
            "optimiser.lr=4e-3",
            "optimiser.ema_decay=0.9",
            "data.degradations.0.apply=['noise:sigma=25']",
        ],
        tmp_path / "run",
    )
    assert folder is not None
    photos = yaml.safe_load(recipe.read_text())["data"]["photos"]
    kept = [path for path in find_photos(Path(photos), recursive=False) if is_validation(path.name)]
    crops = [Pictures(decode(path)[:64, :64]) for path in kept]
    pair = validation_pairs(crops, Chain.parse(["noise:sigma=25"]))
    method = load_method(find_model(folder))
    noise = FieldNoise([NoiseField((0, item)) for item in range(len(kept))])
    with torch.inference_mode():
        restored = method.restore(pair.lq, steps=1, noise=noise)
    assert (psnr(restored, pair.hq) - psnr(pair.lq, pair.hq)).mean() > 1


def test_the_model_has_the_averaged_weights(recipe: Path, tmp_path: Path) -> None:
    folder = train(recipe, ["export.half=false"], tmp_path / "run")
    state = torch.load(tmp_path / "run" / "stage-0-flow" / "state.ckpt", weights_only=True)
    averaged, last = (
        {name.removeprefix("method."): tensor for name, tensor in state[key].items()}
        for key in ("state_dict", "current_model_state")
    )
    exported = weights(folder)
    assert all(torch.equal(exported[name], averaged[name]) for name in exported)
    assert not all(torch.equal(exported[name], last[name]) for name in exported)


def variational(recipe: Path, steps: int = 3) -> list[str]:
    network = tiny_resflow(predict_aux=False)["network"]
    values = yaml.safe_load(recipe.read_text(encoding="utf-8"))
    values["method"] |= {
        "aux_coupling": "variational",
        "share_at_end": 0.25,
        "coupling": {"prior": "learned", "recognition": {"widths": [4, 6], "blocks": 1}},
        "network": network | {"aux_channels": 2, "aux_stride": 4},
    }
    values["stages"] = [
        {"name": name, "steps": steps, "batch": 2, "crop": 16} for name in ("flow", "coupling")
    ]
    recipe.write_text(yaml.safe_dump(values), encoding="utf-8")
    return []


def test_a_coupling_is_learned_after_the_flow(recipe: Path, tmp_path: Path) -> None:
    variational(recipe)
    folder = train(recipe, [], tmp_path / "run")
    assert folder is not None
    method = load_method(find_model(folder))
    heads = [f"{part}.encoder.head.weight" for part in ("recognition", "prior")]
    assert all(method.state_dict()[name].abs().max() > 0 for name in heads)
    flow = torch.load(
        tmp_path / "run" / "stage-0-flow" / "finished.ckpt", map_location="cpu", weights_only=True
    )
    assert all(flow[f"method.{name}"].abs().max() == 0 for name in heads)


def test_a_coupling_is_gone_on_with_where_it_was_stopped(recipe: Path, tmp_path: Path) -> None:
    variational(recipe)
    whole = train(recipe, [], tmp_path / "whole")
    parts, runs = trained_in_parts(recipe, tmp_path / "parts")
    assert 3 < runs < 10  # some of them in the second stage
    assert same(whole, parts)


def break_at(monkeypatch: pytest.MonkeyPatch, broken_step: int, factor: str) -> None:
    plain = ResFlow.objective

    def objective(self: ResFlow, pair: Any, *, stage: str, step: int, noise: Any) -> Any:
        objective = plain(self, pair, stage=stage, step=step, noise=noise)
        if step == broken_step:
            zero = self.network.head.weight.sum() * 0
            # The root has no slope at zero: the loss is finite and its gradient is not.
            harm = zero.sqrt() if factor == "gradient" else zero / 0
            objective.terms["total"] = objective.terms["total"] + harm
        return objective

    monkeypatch.setattr(ResFlow, "objective", objective)


@pytest.mark.parametrize("what", ["loss", "gradient"])
def test_a_number_that_is_not_finite_stops_before_it_does_harm(
    recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    break_at(monkeypatch, 7, what)
    with pytest.raises(TrainingError, match=f"a {what} of .* at step 7, of .*png") as caught:
        train(recipe, [], tmp_path / "run")
    state = tmp_path / "run" / "stage-0-flow" / "state.ckpt"
    assert str(state) in str(caught.value)
    kept = torch.load(state, map_location="cpu", weights_only=True)
    assert kept["global_step"] == 6
    assert all(torch.isfinite(value).all() for value in kept["state_dict"].values())
