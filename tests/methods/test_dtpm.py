"""DTPM: what learns and what must not, what it begins with, and what it adds to the guess."""

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from undegrade.errors import UsageError, WeightsError
from undegrade.hashing import file_sha256
from undegrade.inference.precision import prepare
from undegrade.methods import METHODS, Pair, build_method, parse_options
from undegrade.methods.dtpm import DTPM
from undegrade.methods.dtpm_options import DTPMOptions
from undegrade.networks.nafnet import UNBOUNDED
from undegrade.processes.ddim_options import DdimOptions
from undegrade.processes.diffusion import LinearSchedule, diffuse
from undegrade.processes.noise import FieldNoise, SampleNoise
from undegrade.processes.samplers import Step
from undegrade.processes.sampling import SamplerOptions
from undegrade.randomness import NoiseField
from undegrade.zoo import ModelConfig, load_method, save_model

SHAPE = {"widths": (8, 12), "encoder_blocks": (1,), "middle_blocks": 1, "decoder_blocks": (1,)}
VALUES: dict[str, Any] = {
    "network": SHAPE | {"embedding_dim": 8, "semantic_width": 4},
    "predictor": SHAPE,
    "semantic": "small",
}
ALONE: dict[str, Any] = {"predictor": None, "adapters": None}
PRIOR = VALUES | ALONE


def built(**changes: Any) -> DTPM:
    return DTPM(DTPMOptions.model_validate(VALUES | changes))


def filled(method: DTPM, seed: int = 0) -> DTPM:
    """Replace the zeros that training begins with, but for those of the adapters' exits."""
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in method.named_parameters():
        if "adapters" not in name or ".exit." not in name:
            fan_in = parameter[0].numel() if parameter.ndim > 1 else 100
            nn.init.normal_(parameter, std=fan_in**-0.5, generator=generator)
    return method.eval()


def pair(count: int = 2) -> Pair:
    generator = torch.Generator().manual_seed(1)
    return Pair(*torch.rand(2, count, 3, 16, 16, generator=generator))


def fields(count: int, seed: int = 0) -> FieldNoise:
    return FieldNoise([NoiseField((seed, item)) for item in range(count)])


def stepped(method: DTPM, stage: str, steps: int = 1) -> set[str]:
    """Train for some steps as a training does; return the names of what has changed."""
    before = {name: value.clone() for name, value in method.state_dict().items()}
    learning = [*method.trainable(stage)]
    for parameter in method.parameters():
        parameter.requires_grad_(any(parameter is other for other in learning))
    optimiser = torch.optim.Adam(learning, 1e-3)
    for step in range(steps):
        optimiser.zero_grad()
        noise = SampleNoise(0, step, range(2))
        method.loss(pair(), stage=stage, step=step, noise=noise)["total"].backward()
        optimiser.step()
    after = method.state_dict()
    return {name for name, value in before.items() if not torch.equal(value, after[name])}


def test_the_second_stage_changes_what_guides_and_nothing_else() -> None:
    method = filled(built()).train()
    changed = stepped(method, "adapters", steps=2)
    assert changed
    assert all(name.startswith(("predictor.", "network.adapters.")) for name in changed)
    for part in ("predictor.", "network.adapters."):
        assert any(name.startswith(part) for name in changed)


def test_the_first_stage_changes_the_prior_and_the_small_encoder() -> None:
    method = filled(built(predictor=None, adapters=None)).train()
    assert stepped(method, "texture") == set(method.state_dict())


@pytest.mark.parametrize("part", ["stem", "encoder", "middle", "decoder"])
def test_parts_of_the_prior_learn_on_request(part: str) -> None:
    method = filled(built(unfreeze=(part,), adapters=None)).train()
    places = {
        "stem": ("network.stem.",),
        "encoder": ("network.encoder.", "network.downs."),
        "middle": ("network.middle.",),
        "decoder": ("network.decoder.", "network.ups.", "network.head."),
    }
    changed = stepped(method, "adapters")
    assert all(name.startswith(("predictor.", *places[part])) for name in changed)
    assert any(name.startswith(places[part]) for name in changed)


def test_encoder_and_decoder_learn_instead_of_adapters() -> None:
    """As in the last of the paper's rows that fine-tune the prior."""
    method = filled(built(unfreeze=("encoder", "decoder"), adapters=None)).train()
    assert method.network.adapters is None
    DTPM.check_stages(method.options, ["adapters"])
    changed = stepped(method, "adapters")
    places = ("encoder.", "downs.", "decoder.", "ups.", "head.")
    learned = ("predictor.", *(f"network.{place}" for place in places))
    assert changed == {name for name in method.state_dict() if name.startswith(learned)}
    for kept in ("network.stem.", "network.middle.", "network.time.", "semantic."):
        assert any(name.startswith(kept) for name in method.state_dict())


def test_without_a_predictor_only_adapters_learn() -> None:
    method = filled(built(predictor=None)).train()
    changed = stepped(method, "adapters", steps=2)
    assert changed
    assert all(name.startswith("network.adapters.") for name in changed)


def test_without_a_prior_all_learns_at_once() -> None:
    method = filled(built(texture_prior=False, adapters=None)).train()
    assert stepped(method, "adapters") == set(method.state_dict())


def gradient_of_predictor(method: DTPM, predictor: nn.Module) -> float:
    method.zero_grad()
    terms = method.loss(pair(), stage="adapters", step=0, noise=SampleNoise(0, 0, range(2)))
    terms["total"].backward()
    gradients = [parameter.grad for parameter in predictor.parameters()]
    return math.sqrt(sum(float(grad.square().sum()) for grad in gradients if grad is not None))


def test_the_guess_learns_through_the_frozen_denoiser(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the state and by the adapters, and by nothing else."""
    method = filled(built())
    assert method.network.adapters is not None
    predictor = method.predictor
    assert predictor is not None
    assert gradient_of_predictor(method, predictor) > 0

    def detached(x_0: Tensor, noise: Tensor, alpha_bar: Tensor) -> Tensor:
        return diffuse(x_0.detach(), noise, alpha_bar)

    monkeypatch.setattr("undegrade.methods.dtpm.diffuse", detached)
    assert gradient_of_predictor(method, predictor) == 0  # the adapters still do nothing
    for adapter in method.network.adapters:
        nn.init.ones_(adapter.exit.weight)
    assert gradient_of_predictor(method, predictor) > 0


def test_the_second_stage_begins_as_the_prior() -> None:
    """Bit for bit: adapters and predictor begin by doing nothing."""
    prior = filled(DTPM(DTPMOptions.model_validate(PRIOR)))
    second = built().eval()
    left = second.load_state_dict(prior.state_dict(), strict=False)
    assert not left.unexpected_keys
    assert all(name.startswith(("predictor.", "network.adapters.")) for name in left.missing_keys)
    lq = torch.rand(2, 3, 16, 16)
    with torch.no_grad():
        first = prior.restore(lq, steps=4, noise=fields(2))
        assert torch.equal(first, second.restore(lq, steps=4, noise=fields(2)))
    assert not torch.allclose(first, lq, atol=0.01)


class Gaussian(nn.Module):
    """The best denoiser of residuals of deviation ``s``, frozen (specification of the loss)."""

    def __init__(self, s: float) -> None:
        super().__init__()
        self.s = s

    def forward(self, state: Tensor, condition: Tensor, t: Tensor, *_: object) -> Tensor:
        times = (t * 1000).round().long()
        left = LinearSchedule().alpha_bar[times].view(-1, 1, 1, 1).to(state)
        return (1 - left).sqrt() * state / (left * self.s**2 + 1 - left)


class Shift(nn.Module):
    """A predictor that is off by one number."""

    def __init__(self, delta: float) -> None:
        super().__init__()
        self.delta = nn.Parameter(torch.tensor(delta))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.delta


class FixedTimes:
    """Training noise with the time and the noise chosen."""

    def __init__(self, t: int, noise: Tensor) -> None:
        self.t, self.noise = t, noise

    def normal(self, shape: tuple[int, ...], draw: int = 0, stride: int = 1) -> Tensor:
        return self.noise

    def uniform(self, draw: int = 0) -> Tensor:
        return torch.full((len(self.noise),), (self.t + 0.5) / 1000)


def shifted(s: float, delta: float, error: str) -> tuple[DTPM, Shift]:
    method = built(error=error, semantic="none", adapters=None)
    shift = Shift(delta)
    method.network = Gaussian(s)  # type: ignore[assignment]
    method.predictor = shift  # type: ignore[assignment]
    return method, shift


def textured(count: int, s: float) -> Pair:
    """Pairs whose residual in [-1, 1] has the deviation s, with each value's opposite."""
    half = torch.randn(count // 2, 3, 8, 8, generator=torch.Generator().manual_seed(2))
    lq = torch.full((count, 3, 8, 8), 0.5)
    return Pair(lq, lq + s * torch.cat([half, -half]) / 2)


@pytest.mark.parametrize("t", [9, 99, 499])
@pytest.mark.parametrize("s", [0.1, 0.2])
def test_the_slope_by_a_bias_of_the_guess(t: int, s: float) -> None:
    """It is 2 w delta with w = gamma (1 - gamma) / (gamma s^2 + 1 - gamma)^2, for squares."""
    delta = 0.05
    method, shift = shifted(s, delta, "l2")
    pairs = textured(64, s)
    half = torch.randn(32, 3, 8, 8, generator=torch.Generator().manual_seed(3))
    noise = FixedTimes(t, torch.cat([half, -half]))  # both odd parts cancel: no sampling error
    method.loss(pairs, stage="adapters", step=0, noise=noise)["total"].backward()
    gamma = LinearSchedule().alpha_bar_at(t)
    weight = gamma * (1 - gamma) / (gamma * s**2 + 1 - gamma) ** 2
    assert shift.delta.grad is not None
    assert float(shift.delta.grad) == pytest.approx(2 * weight * delta, rel=1e-3)


@pytest.mark.parametrize(("gamma", "weight"), [(0.99, 25.0), (0.5, 0.98), (0.1, 0.11)])
def test_the_weights_that_are_published(gamma: float, weight: float) -> None:
    """Of the nearest time, for s = 0.1."""
    t = int((LinearSchedule().alpha_bar - gamma).abs().argmin())
    method, shift = shifted(0.1, 0.05, "l2")
    half = torch.randn(32, 3, 8, 8, generator=torch.Generator().manual_seed(3))
    noise = FixedTimes(t, torch.cat([half, -half]))
    method.loss(textured(64, 0.1), stage="adapters", step=0, noise=noise)["total"].backward()
    assert shift.delta.grad is not None
    assert float(shift.delta.grad) / (2 * 0.05) == pytest.approx(weight, rel=0.06)


@pytest.mark.parametrize("error", ["l1", "l2"])
def test_a_bias_of_the_guess_is_unlearned(error: str) -> None:
    method, shift = shifted(0.1, 0.2, error)
    optimiser = torch.optim.Adam([shift.delta], 0.02)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, 300)
    pairs = textured(64, 0.1)
    for step in range(300):
        half = torch.randn(32, 3, 8, 8, generator=torch.Generator().manual_seed(step))
        noise = FixedTimes(step * 37 % 500, torch.cat([half, -half]))
        optimiser.zero_grad()
        method.loss(pairs, stage="adapters", step=step, noise=noise)["total"].backward()
        optimiser.step()
        schedule.step()
    assert abs(float(shift.delta.detach())) < 1e-3


class Oracle(nn.Module):
    """Knows the residual, and says the noise accordingly."""

    def __init__(self, residual: Tensor) -> None:
        super().__init__()
        self.residual = residual
        self.asked: list[tuple[Tensor, ...]] = []

    def forward(
        self, state: Tensor, condition: Tensor, t: Tensor, code: Tensor | None, guide: Tensor
    ) -> Tensor:
        self.asked.append((condition, t, guide))
        left = LinearSchedule().alpha_bar_at(round(float(t) * 1000))
        return (state - math.sqrt(left) * self.residual) / math.sqrt(1 - left)


@pytest.mark.parametrize("scale", [1.0, 4.0])
def test_without_a_predictor_the_residual_is_that_to_the_degraded_picture(scale: float) -> None:
    method = built(predictor=None, residual_scale=scale)
    photos = pair(1)
    oracle = Oracle(scale * 2 * (photos.hq - photos.lq))
    method.network = oracle  # type: ignore[assignment]
    wanted = torch.randn(1, 3, 16, 16, generator=torch.Generator().manual_seed(4))

    def loss() -> float:
        noise = FixedTimes(499, wanted)
        return float(method.loss(photos, stage="adapters", step=0, noise=noise)["total"])

    assert loss() < 1e-5
    ((condition, t, guide),) = oracle.asked
    assert round(float(t) * 1000) == 499
    for shown in (condition, guide):
        torch.testing.assert_close((shown + 1) / 2, photos.lq)
    oracle.residual = oracle.residual + 0.1
    left = LinearSchedule().alpha_bar_at(499)
    assert loss() == pytest.approx(0.1 * math.sqrt(left / (1 - left)), rel=1e-3)


@pytest.mark.parametrize("sampler", ["ddim", "ddim:grid=trailing", "ddim:grid=linspace,eta=0.5"])
@pytest.mark.parametrize("scale", [1.0, 4.0])
def test_all_of_the_texture_is_the_clean_picture(sampler: str, scale: float) -> None:
    """And none of it is the guess; in between the share of figure 1."""
    method = filled(built(residual_scale=scale))
    method.sampler = DdimOptions.parse(sampler)
    lq, hq = torch.rand(2, 2, 3, 16, 16)
    with torch.no_grad():
        guess = method.restore(lq, steps=0, noise=fields(2))
        method.network = Oracle(scale * 2 * (hq - guess))  # type: ignore[assignment]
        for share in (0.0, 0.3, 1.0):
            textured = method.with_texture(share)
            assert textured.texture == share
            restored = textured.restore(lq, steps=10, noise=fields(2))
            expected = guess + share * (hq - guess)
            torch.testing.assert_close(restored, expected, atol=2e-5, rtol=0)


def test_no_steps_are_the_guess_alone() -> None:
    method = filled(built())
    lq = torch.rand(1, 3, 16, 16)
    assert method.predictor is not None
    with torch.no_grad():
        guess = (method.predictor(2 * lq - 1) + 1) / 2
        torch.testing.assert_close(method.restore(lq, steps=0, noise=fields(1)), guess)
    assert torch.equal(built(predictor=None).restore(lq, steps=0, noise=fields(1)), (2 * lq) / 2)


@pytest.mark.parametrize("share", [-0.1, 1.1, math.nan])
def test_shares_of_texture_that_there_are_not(share: float) -> None:
    with pytest.raises(UsageError, match="a number from 0 to 1"):
        built().with_texture(share)


@pytest.mark.parametrize("condition", ["lq", "initial"])
def test_what_the_denoiser_is_shown(condition: str) -> None:
    method = filled(built(condition=condition))
    lq = torch.rand(1, 3, 16, 16)
    guess = method.restore(lq, steps=0, noise=fields(1))
    oracle = Oracle(torch.zeros(1, 3, 16, 16))
    method.network = oracle  # type: ignore[assignment]
    method.restore(lq, steps=4, noise=fields(1))
    assert [round(float(t) * 1000) for _, t, _ in oracle.asked] == [750, 500, 250, 0]
    for shown, _, guide in oracle.asked:
        torch.testing.assert_close((shown + 1) / 2, lq if condition == "lq" else guess)
        torch.testing.assert_close((guide + 1) / 2, guess)


@pytest.mark.parametrize("source", ["lq", "initial"])
def test_whose_code_it_is(source: str) -> None:
    method = filled(built(semantic_source=source))
    seen: list[Tensor] = []

    class Encoder(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            assert not x.requires_grad
            seen.append(x)
            return torch.zeros(len(x), 64)

    method.semantic = Encoder()
    lq = torch.rand(1, 3, 16, 16)
    method.restore(lq, steps=4, noise=fields(1))
    assert len(seen) == 1  # once, not at each step
    torch.testing.assert_close((seen[0] + 1) / 2, lq if source == "lq" else guess_of(method, lq))
    method.loss(pair(), stage="adapters", step=0, noise=SampleNoise(0, 0, range(2)))


def guess_of(method: DTPM, lq: Tensor) -> Tensor:
    assert method.predictor is not None
    with torch.no_grad():
        return (method.predictor(2 * lq - 1) + 1) / 2


def test_the_callback_sees_restored_pictures() -> None:
    method = filled(built())
    hq, lq = torch.rand(2, 1, 3, 16, 16)
    with torch.no_grad():
        guess = guess_of(method, lq)
        method.network = Oracle(2 * (hq - guess))  # type: ignore[assignment]
        seen: list[Step] = []
        method.restore(lq, steps=4, noise=fields(1), callback=seen.append)
    assert [step.t for step in seen] == [750, 500, 250, 0]
    for step in seen:
        torch.testing.assert_close(step.x_0, 2 * hq - 1, atol=1e-3, rtol=0)


@pytest.mark.parametrize("eta", [0.0, 1.0])
def test_company_does_not_matter(eta: float) -> None:
    method = filled(built(sampler={"eta": eta}))
    lq = torch.rand(3, 3, 16, 16)
    with torch.no_grad():
        together = method.restore(lq, steps=3, noise=fields(3))
        for item in range(3):
            noise = FieldNoise([NoiseField((0, item))])
            alone = method.restore(lq[item : item + 1], steps=3, noise=noise)
            torch.testing.assert_close(together[item : item + 1], alone, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("eta", [0.0, 1.0])
def test_a_tile_is_the_same_part_of_the_whole(eta: float) -> None:
    """Where nothing is averaged over the whole picture, and as far from the border as it looks."""
    shape = SHAPE | {"local_pool": 4, "widths": (4, 4)}
    network = shape | {"embedding_dim": 8}
    method = filled(built(network=network, predictor=shape, semantic="none", sampler={"eta": eta}))
    margin = -(-2 * method.receptive_radius // 2) * 2
    assert margin < 200
    lq, field = torch.rand(1, 3, 4, 2 * margin + 64), NoiseField((5,))
    with torch.no_grad():
        whole = method.restore(lq, steps=2, noise=FieldNoise([field]))
        left = 32
        tile = method.restore(
            lq[..., left:].clone(), steps=2, noise=FieldNoise([field.window(0, left)])
        )
    torch.testing.assert_close(
        whole[..., left + margin :], tile[..., margin:], atol=1e-3, rtol=1e-3
    )


def test_reach_is_unbounded_where_all_is_averaged() -> None:
    pooled = SHAPE | {"local_pool": 8}
    assert built(semantic="none").receptive_radius == UNBOUNDED
    assert built(semantic="none").looks_at_all
    assert built(network=pooled, predictor=pooled).receptive_radius == UNBOUNDED
    bounded = built(network=pooled, predictor=pooled, semantic="none")
    assert bounded.receptive_radius < 200
    assert not bounded.looks_at_all
    assert bounded.multiple_of == 2


def test_samplers_that_do_not_fit() -> None:
    method = built()
    with pytest.raises(UsageError, match=r"sampler 'euler' for a diffusion; expected ddim"):
        method.sampler = SamplerOptions()
    with pytest.raises(UsageError, match="at least 2"):
        method.sampler.check_steps(1)
    DdimOptions.parse("ddim:grid=trailing").check_steps(1)


@pytest.mark.parametrize(
    ("changes", "stages", "message"),
    [
        ({}, ["texture"], "predictor=null and adapters=null"),
        ({}, ["texture", "adapters"], "a recipe for each"),
        ({"predictor": None, "adapters": None}, ["adapters"], "nothing that learns"),
        ({"texture_prior": False, "unfreeze": ["stem"]}, ["adapters"], "nothing is frozen"),
        (ALONE | {"unfreeze": ["stem"]}, ["texture"], "unfreeze=stem in the stage 'texture'"),
        (ALONE | {"texture_prior": False}, ["texture"], "texture_prior=false in the stage"),
        (ALONE | {"condition": "initial"}, ["texture"], "condition=initial in the stage"),
    ],
)
def test_stages_that_do_not_fit(changes: dict[str, Any], stages: list[str], message: str) -> None:
    options = DTPMOptions.model_validate(VALUES | changes)
    with pytest.raises(ValueError, match=message):
        DTPM.check_stages(options, stages)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"network": SHAPE | {"widths": (8, 16)}}, r"network.widths=\[8, 12\], and \[8, 16\]"),
        ({"semantic": "resnet18"}, r"small \(a code of 64 numbers\), and resnet18 \(512\)"),
        ({"residual_scale": 2}, r"residual_scale=1.0, and 2.0"),
        ({"network": SHAPE | {"embedding_dim": 6}}, r"network.embedding_dim=8, and 6 in"),
    ],
)
def test_priors_that_do_not_fit(changes: dict[str, Any], message: str) -> None:
    network = VALUES["network"] | changes.get("network", {})
    prior = DTPMOptions.model_validate(PRIOR | changes | {"network": network})
    with pytest.raises(ValueError, match=message):
        DTPM.check_origin(DTPMOptions.model_validate(VALUES), prior)


def test_priors_of_another_encoder_do_not_fit() -> None:
    """Of another name, or of the same name with another file."""
    resnet = {"semantic": "resnet18", "encoder_sha256": "a" * 64}
    options = DTPMOptions.model_validate(VALUES | resnet)
    for changes, message in (
        ({"encoder": "someone/other"}, "encoder=microsoft/resnet-18, and someone/other in"),
        ({"encoder_sha256": "b" * 64}, f"encoder_sha256={'a' * 64}, and {'b' * 64} in the model"),
    ):
        prior = DTPMOptions.model_validate(PRIOR | resnet | changes)
        with pytest.raises(ValueError, match=message):
            DTPM.check_origin(options, prior)
    unknown = DTPMOptions.model_validate(PRIOR | resnet | {"encoder_sha256": ""})
    DTPM.check_origin(options, unknown)  # of a model that says nothing of it


def test_a_model_remembers_which_encoder_it_had(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    transformers = pytest.importorskip("transformers")
    monkeypatch.setenv("UNDEGRADE_HOME", str(tmp_path))
    folder = tmp_path / "encoders" / "microsoft/resnet-18"
    config = transformers.ResNetConfig(
        layer_type="basic", hidden_sizes=[64, 128, 256, 512], depths=[1, 1, 1, 1]
    )
    transformers.ResNetModel(config).save_pretrained(folder)
    first = file_sha256(folder / "model.safetensors")
    method = built(semantic="resnet18")
    entry = save_model(tmp_path / "model", method, ModelConfig())
    assert entry.config.method["encoder_sha256"] == first
    load_method(entry)
    transformers.ResNetModel(config).save_pretrained(folder)
    second = file_sha256(folder / "model.safetensors")
    with pytest.raises(WeightsError, match=f"has the hash {second}; expected {first}"):
        load_method(entry)


def test_the_second_stage_starts_from_the_first() -> None:
    options = DTPMOptions.model_validate(VALUES)
    assert DTPM.origin(options, ["adapters"]) == "a dtpm model of the stage 'texture'"
    assert DTPM.origin(options.model_copy(update={"texture_prior": False}), ["adapters"]) is None
    assert DTPM.origin(DTPMOptions.model_validate(PRIOR), ["texture"]) is None


def test_it_is_known_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert METHODS.get("dtpm") is DTPM
    assert isinstance(build_method(parse_options({"name": "dtpm"} | VALUES)), DTPM)
    pytest.importorskip("transformers")
    monkeypatch.setenv("UNDEGRADE_HOME", str(tmp_path))
    monkeypatch.setenv("UNDEGRADE_OFFLINE", "1")
    with pytest.raises(WeightsError, match="encoder 'microsoft/resnet-18' is not on this machine"):
        build_method(parse_options({"name": "dtpm"} | VALUES | {"semantic": "resnet18"}))


@pytest.mark.parametrize("semantic", ["small", "none"])
def test_networks_in_fewer_bits_restore_nearly_the_same(semantic: str) -> None:
    method = filled(built(semantic=semantic))
    runner = prepare(method, torch.device("cpu"), torch.bfloat16)
    lq = torch.rand(1, 3, 16, 16)
    with torch.inference_mode():
        exact, fast = (
            each.restore(lq, steps=4, noise=fields(1)) for each in (runner.exact, runner.fast)
        )
    assert fast.dtype == torch.float32
    assert not torch.equal(exact, fast)
    assert float((exact - fast).abs().mean()) < 0.03 * float(exact.abs().mean())
