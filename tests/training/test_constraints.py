"""Losses besides the method's own: what they reach, what of them is saved, what is refused."""

import copy
import math
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from safetensors.torch import load_file
from tiny_model import tiny_dtpm, tiny_eedtp, tiny_prior, tiny_regression, tiny_resflow
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from undegrade.errors import RecipeError, UsageError, WeightsError
from undegrade.methods import Objective, Pair, build_method, parse_options
from undegrade.processes.noise import FieldNoise, SampleNoise
from undegrade.randomness import NoiseField
from undegrade.training import train
from undegrade.training.constraints.adversarial import Adversary
from undegrade.training.constraints.frozen import Frozen, load_frozen
from undegrade.training.constraints.options import AdversarialOptions
from undegrade.training.constraints.perceptual import middle_of, perceptual_loss
from undegrade.training.constraints.priors import load_prior
from undegrade.training.constraints.terms import Constraints
from undegrade.training.recipe_files import load_recipe
from undegrade.zoo import find_model, load_method
from undegrade.zoo.files import WEIGHTS_FILE

STAGES = {"regression": "regression", "resflow": "flow", "eedtp": "restoration"}


def recipe(folder: Path, photos: Path, method: dict[str, Any], stage: str) -> Path:
    values = {
        "name": f"tiny-{method['name']}",
        "method": method,
        "stages": [{"name": stage, "steps": 3, "batch": 2, "crop": 16}],
        "optimiser": {"lr": 1e-2, "ema_decay": 0.5},
        "data": {
            "photos": str(photos),
            "workers": 0,
            "degradations": [{"weight": 1, "task": "denoise", "apply": ["noise:sigma=25"]}],
        },
        "checkpoint_every": 1,
        "export": {"half": False},
    }
    path = folder / f"tiny-{method['name']}.yaml"
    path.write_text(yaml.safe_dump(values), encoding="utf-8")
    return path


@pytest.fixture
def prior(tmp_path: Path, photo_folder: Path) -> Path:
    made = train(recipe(tmp_path, photo_folder, tiny_prior(), "generation"), [], tmp_path / "prior")
    assert made is not None
    return made


@pytest.fixture
def regression(tmp_path: Path, photo_folder: Path) -> Path:
    return recipe(tmp_path, photo_folder, tiny_regression(), "regression")


def weights(folder: Path | None) -> dict[str, Tensor]:
    assert folder is not None
    return load_method(find_model(folder)).state_dict()


def alike(a: Path | None, b: Path | None) -> bool:
    first, second = weights(a), weights(b)
    return first.keys() == second.keys() and all(torch.equal(first[n], second[n]) for n in first)


def flops(folder: Path) -> int:
    """Return what restoring one picture costs."""
    method = load_method(find_model(folder)).with_task("denoise")
    noise = FieldNoise([NoiseField((0,))])
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        method.restore(torch.rand(1, 3, 16, 16), steps=method.fixed_steps or 4, noise=noise)
    return int(counter.get_total_flops())


def test_averaging_does_not_copy_what_is_frozen(regression: Path, prior: Path) -> None:
    loaded = load_recipe(regression, [f"diffloss.prior={prior}"])
    constraints = Constraints(loaded, load_frozen(loaded)[0])
    copied = copy.deepcopy(constraints)
    assert copied._frozen[0] is constraints._frozen[0]
    assert not [*constraints.parameters()]


@pytest.mark.parametrize(
    ("method", "stage"),
    [
        (tiny_regression(), "regression"),
        (tiny_resflow(), "flow"),
        (tiny_eedtp(), "restoration"),
        (tiny_dtpm(), "adapters"),
    ],
    ids=lambda value: value["name"] if isinstance(value, dict) else value,
)
def test_any_method_can_be_trained_with_it_and_restores_as_before(
    tmp_path: Path, photo_folder: Path, prior: Path, method: dict[str, Any], stage: str
) -> None:
    path = recipe(tmp_path, photo_folder, method, stage)
    changes = (
        ["method.texture_prior=false", "data.validation.steps=[4]"]
        if method["name"] == "dtpm"
        else []
    )
    plain = train(path, changes, tmp_path / "plain")
    with_it = [*changes, f"diffloss.prior={prior}", "diffloss.weight=10"]
    constrained = train(path, with_it, tmp_path / "constrained")
    assert weights(plain).keys() == weights(constrained).keys()
    assert not alike(plain, constrained)
    assert plain is not None
    assert constrained is not None
    assert flops(plain) == flops(constrained) > 0
    assert (plain / WEIGHTS_FILE).stat().st_size == (constrained / WEIGHTS_FILE).stat().st_size


def test_what_it_was_made_with_is_named_without_its_place(
    tmp_path: Path, regression: Path, prior: Path
) -> None:
    folder = train(regression, [f"diffloss.prior={prior}"], tmp_path / "run")
    assert folder is not None
    said = find_model(folder).config.recipe["diffloss"]
    assert said["prior"] == prior.name
    assert said["prior_sha256"] == find_model(prior).config.sha256
    assert str(tmp_path) not in find_model(folder).config.to_json()
    held = load_file(folder / WEIGHTS_FILE)
    assert held.keys() == weights(folder).keys()


@pytest.mark.parametrize(
    "loss",
    [
        ["diffloss.prior={prior}"],
        ["perceptual.features={prior}"],
        ["adversarial.weight=0.1", "adversarial.width=4"],
    ],
    ids=["diffloss", "perceptual", "adversarial"],
)
def test_a_training_in_parts_is_the_training_uninterrupted(
    tmp_path: Path, regression: Path, prior: Path, loss: list[str]
) -> None:
    changes = [change.format(prior=prior) for change in loss]
    whole = train(regression, changes, tmp_path / "whole")
    parts = None
    for attempt in range(5):
        parts = train(regression, changes, tmp_path / "parts", max_time=0, resume=attempt > 0)
        if parts is not None:
            break
    assert alike(whole, parts)
    assert not alike(whole, train(regression, [], tmp_path / "without"))


def test_keeping_inner_values_or_computing_them_again_is_the_same(
    tmp_path: Path, regression: Path, prior: Path
) -> None:
    folders = [
        train(
            regression,
            [f"diffloss.prior={prior}", f"diffloss.recompute={recompute}"],
            tmp_path / recompute,
        )
        for recompute in ("true", "false")
    ]
    assert alike(*folders)


def test_inner_values_are_computed_again_where_that_is_asked_for(prior: Path) -> None:
    x, t = torch.rand(1, 3, 16, 16), torch.tensor([10])

    def kept(*, recompute: bool) -> int:
        sizes: list[int] = []

        def note(tensor: Tensor) -> Tensor:
            sizes.append(tensor.numel())
            return tensor

        network = load_prior(str(prior), recompute=recompute).prior
        with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
            network(x.clone().requires_grad_(), t)
        return sum(sizes)

    assert kept(recompute=True) < 0.5 * kept(recompute=False)


def test_another_prior_of_the_same_name_is_refused_on_going_on(
    tmp_path: Path, regression: Path, prior: Path, photo_folder: Path
) -> None:
    changes = [f"diffloss.prior={prior}"]
    assert train(regression, changes, tmp_path / "run", max_time=0) is None
    generation = tmp_path / "tiny-prior.yaml"
    other = train(generation, ["seed=1"], tmp_path / "other")
    assert other is not None
    with pytest.raises(RecipeError, match=r"another file on this machine: diffloss.prior_sha256"):
        train(regression, [f"diffloss.prior={other}"], tmp_path / "run", resume=True)


REFUSED: dict[str, tuple[list[str], type[Exception], str]] = {
    "small crops": (["stages.0.crop=8"], RecipeError, r"crop=8 with a prior of 16 pixels"),
    "times": (["diffloss.t_range=[5, 1000]"], RecipeError, r"t_range=\[5, 1000\]; expected times"),
    "order of times": (["diffloss.t_range=[10, 3]"], RecipeError, r"expected \[3, 10\]"),
    "nothing": (["diffloss.prior=no-such-model"], UsageError, "no-such-model"),
    "no checkpoint": (["diffloss.prior=adm:nowhere.pt"], WeightsError, "nowhere.pt"),
    "weight": (["diffloss.weight=0"], RecipeError, "greater than 0"),
    "unknown key": (["diffloss.lambda=1"], RecipeError, "lambda"),
}


@pytest.mark.parametrize(("changes", "error", "words"), REFUSED.values(), ids=REFUSED.keys())
def test_what_cannot_be_is_refused(
    tmp_path: Path,
    regression: Path,
    prior: Path,
    changes: list[str],
    error: type[Exception],
    words: str,
) -> None:
    with pytest.raises(error, match=words):
        train(regression, [f"diffloss.prior={prior}", *changes], tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_crops_that_the_network_of_features_cannot_halve_are_refused(
    tmp_path: Path, regression: Path, prior: Path
) -> None:
    of_any_size = ["method.network.stem_stride=1", f"perceptual.features={prior}"]
    told = r"stages.0.crop=18 with perceptual.features=.* expected a multiple of 4"
    with pytest.raises(RecipeError, match=told):
        train(regression, [*of_any_size, "stages.0.crop=18"], tmp_path / "run")
    assert not (tmp_path / "run").exists()
    assert train(regression, [*of_any_size, "stages.0.crop=12"], tmp_path / "run") is not None


def test_crops_of_stages_without_an_estimate_can_be_of_any_size(
    tmp_path: Path, photo_folder: Path, prior: Path
) -> None:
    path = recipe(tmp_path, photo_folder, tiny_eedtp(), "restoration")
    told = yaml.safe_load(path.read_text(encoding="utf-8"))
    told["stages"].insert(0, {"name": "generation", "steps": 1, "batch": 2, "crop": 10})
    path.write_text(yaml.safe_dump(told), encoding="utf-8")
    changes = [f"diffloss.prior={prior}", f"perceptual.features={prior}"]
    assert load_frozen(load_recipe(path, changes))[0].diffloss is not None
    with pytest.raises(RecipeError, match=r"stages.1.crop=10 with a prior of 16 pixels"):
        load_frozen(load_recipe(path, [*changes, "stages.1.crop=10"]))


def test_the_prior_of_two_losses_is_loaded_once(regression: Path, prior: Path) -> None:
    changes = [f"diffloss.prior={prior}", f"perceptual.features={prior}"]
    frozen, told = load_frozen(load_recipe(regression, changes))
    assert len(frozen.networks) == 1
    assert frozen.diffloss is not None
    assert frozen.diffloss.prior is frozen.networks[0]
    assert told.diffloss is not None
    assert told.perceptual is not None
    assert told.perceptual.features_sha256 == told.diffloss.prior_sha256 != ""


def test_a_model_that_is_no_prior_is_refused(tmp_path: Path, regression: Path) -> None:
    restorer = train(regression, [], tmp_path / "plain")
    with pytest.raises(RecipeError, match=r"which is a model of the method regression"):
        train(regression, [f"diffloss.prior={restorer}"], tmp_path / "run")


def test_a_prior_of_another_range_is_refused(
    tmp_path: Path, regression: Path, photo_folder: Path
) -> None:
    generation = recipe(tmp_path, photo_folder, tiny_prior(), "generation")
    other = train(generation, ["method.image_range=[0, 1]"], tmp_path / "other")
    with pytest.raises(RecipeError, match=r"in \[0.0, 1.0\]; expected \[-1.0, 1.0\]"):
        train(regression, [f"diffloss.prior={other}"], tmp_path / "run")
    with pytest.raises(RecipeError, match=r"perceptual.features=.* in \[0.0, 1.0\]; expected one"):
        train(regression, [f"perceptual.features={other}"], tmp_path / "run")


def foreign(folder: Path, size: int) -> str:
    """Return the name of a network of diffusers that attends."""
    network = pytest.importorskip("diffusers").UNet2DModel(
        sample_size=size,
        block_out_channels=(8, 16),
        down_block_types=("DownBlock2D", "AttnDownBlock2D"),
        up_block_types=("AttnUpBlock2D", "UpBlock2D"),
        layers_per_block=1,
        norm_num_groups=4,
        attention_head_dim=8,
    )
    network.save_pretrained(folder)
    return f"diffusers:{folder}"


def test_a_prior_of_pictures_that_it_cannot_halve_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"of 15 pixels.*; expected a multiple of 2"):
        load_prior(foreign(tmp_path / "odd", 15), recompute=False)


def test_a_network_of_diffusers_computes_again_by_the_same_attention(tmp_path: Path) -> None:
    name, slopes = foreign(tmp_path / "network", 16), []
    for recompute in (True, False):
        prior = load_prior(name, recompute=recompute).prior
        x = torch.linspace(-1, 1, 3 * 16 * 16).view(1, 3, 16, 16).requires_grad_()
        with sdpa_kernel(SDPBackend.MATH):
            noise, h = prior(x, torch.tensor([5]))
        slopes += torch.autograd.grad(noise.square().mean() + h.square().mean(), x)
    torch.testing.assert_close(*slopes)


def test_stages_without_an_estimate_are_refused(
    tmp_path: Path, photo_folder: Path, prior: Path
) -> None:
    path = recipe(tmp_path, photo_folder, tiny_eedtp(), "generation")
    with pytest.raises(
        RecipeError, match=r"nothing estimates .* expected a stage 'restoration'; leave it out"
    ):
        train(path, [f"diffloss.prior={prior}"], tmp_path / "run")


@pytest.mark.parametrize(
    ("method", "stage"),
    [(tiny_regression(), "regression"), (tiny_resflow(), "flow"), (tiny_eedtp(), "restoration")],
    ids=STAGES,
)
def test_the_estimate_is_the_clean_picture_once_the_answer_is_right(
    method: dict[str, Any], stage: str
) -> None:
    built = build_method(parse_options(method))
    hq = torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    pair = Pair(hq, hq, ("denoise",) * 2)  # untrained, all of them leave pictures as they are
    objective = built.objective(pair, stage=stage, step=0, noise=SampleNoise(0, 0, range(2)))
    assert objective.estimate is not None
    torch.testing.assert_close(objective.estimate, hq, rtol=0, atol=1e-5)
    assert objective.estimate.requires_grad


def test_the_adversary_gains_what_the_restored_pictures_lose() -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        adversary = Adversary(AdversarialOptions(weight=0.5, width=4))
    adversary.eval()  # the norms stay as they are
    restored, clean = torch.rand(2, 3, 16, 16).requires_grad_(), torch.rand(2, 3, 16, 16)

    def hinge(z: Tensor) -> Tensor:
        score = adversary.discriminator
        false, true = 1 + score(2 * z - 1), 1 - score(2 * clean - 1)
        return false.clamp(min=0).mean() + true.clamp(min=0).mean()

    (plain,) = torch.autograd.grad(hinge(restored), restored)
    value = adversary.loss(restored, clean)
    (turned,) = torch.autograd.grad(value, restored, retain_graph=True)
    torch.testing.assert_close(turned, -0.5 * plain)
    assert float(value.detach()) == pytest.approx(float(hinge(restored).detach()))
    value.backward()
    assert all(parameter.grad is not None for parameter in adversary.parameters())


class Given:
    """A frozen loss, whose terms are known."""

    def terms(self, restored: Tensor, clean: Tensor, noise: object) -> dict[str, Tensor]:
        return {"natural": (restored - clean).abs().mean(), "semantic": 0.25 * restored.mean()}


def test_what_is_added_makes_up_the_total(regression: Path) -> None:
    changes = ["perceptual.weight=0.5", "adversarial={weight: 2, width: 4}"]
    frozen = Frozen(diffloss=Given(), features=lambda x: (x,))  # type: ignore[arg-type]
    constraints = Constraints(load_recipe(regression, changes), frozen).eval()
    restored, clean = torch.rand(2, 3, 16, 16), torch.rand(2, 3, 16, 16)
    mse = (restored - clean).square().mean()
    noise = SampleNoise(0, 0, range(2))
    terms = constraints.added(Objective({"total": mse, "more": mse}, restored), clean, noise)
    total = terms.pop("total")
    assert terms.keys() == {"own", "more", "natural", "semantic", "perceptual", "adversarial"}
    assert torch.equal(terms["own"], mse)
    assert float(terms["perceptual"]) == pytest.approx(0.5 * 4 * float(mse))
    terms.pop("more")  # a part of the method's own
    assert float(total.detach()) == pytest.approx(
        sum(float(value.detach()) for value in terms.values())
    )


def test_without_an_estimate_nothing_is_added(regression: Path) -> None:
    constraints = Constraints(load_recipe(regression, []), Frozen(diffloss=Given()))  # type: ignore[arg-type]
    own = {"total": torch.ones(())}
    clean, noise = torch.rand(2, 3, 16, 16), SampleNoise(0, 0, range(2))
    assert constraints.added(Objective(own), clean, noise) == own


def test_mixed_precision_does_not_decide_on_a_priors(prior: Path) -> None:
    features = middle_of(load_prior(str(prior), recompute=False).prior)
    restored, clean = torch.rand(1, 3, 16, 16), torch.rand(1, 3, 16, 16)
    expected = perceptual_loss(features, restored, clean)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(perceptual_loss(features, restored, clean), expected)
        coarse = perceptual_loss(features, restored.bfloat16(), clean)
    assert coarse.dtype == torch.float32


def test_the_perceptual_loss_is_the_mean_over_maps() -> None:
    def features(x: Tensor) -> tuple[Tensor, Tensor]:
        return x, 3 * x[:, :1]

    restored = torch.zeros(1, 3, 4, 4).requires_grad_()
    value = perceptual_loss(features, restored, torch.full((1, 3, 4, 4), 0.5))
    assert float(value.detach()) == pytest.approx((1.0 + 9.0) / 2)
    value.backward()
    assert restored.grad is not None
    assert math.isfinite(float(restored.grad.sum()))


@pytest.mark.parametrize("name", ["haze", "rain", "low-light"])
def test_the_small_recipes_name_the_bundled_prior(name: str) -> None:
    path = Path(__file__).parents[2] / "recipes" / "small" / f"{name}-diffloss.yaml"
    options = load_recipe(path, []).diffloss
    assert options is not None
    assert options.prior == "prior-64"
