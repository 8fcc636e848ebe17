"""What the auxiliary variable is worth: drawn without looking, nothing; learned, a second answer.

The pictures are single pixels and the networks small perceptrons: `x_1` is always grey, `x_0` is
bright or dark with some noise. Nothing in the degraded pixel tells which.
"""

import math
from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from undegrade.methods import Pair
from undegrade.methods.resflow import ResFlow, ResFlowOptions
from undegrade.processes.noise import SampleNoise

NETWORK: dict[str, Any] = {
    "stem_stride": 1,
    "widths": [8],
    "encoder_blocks": [1],
    "decoder_blocks": [1],
    "adaptor_widths": [4],
    "embedding_dim": 8,
    "aux_channels": 1,
    "out_channels": 3,
}
VARIATIONAL = {
    "aux_coupling": "variational",
    "share_at_end": 0.5,  # below, the state tells the answer however little of it there is
    "coupling": {
        "kl_weight": 0.06,  # for each of three equal values: 0.02 for the one number that they are
        "share_at_mean": 0.0,
        "recognition": {"widths": [48], "blocks": 1},
    },
}


pytestmark = pytest.mark.usefixtures("one_thread")


class Perceptron(nn.Module):
    """Reads the mean of each picture that it is given, and the time; writes grey pixels."""

    def __init__(self, pictures: int, outputs: int) -> None:
        super().__init__()
        self.outputs = outputs
        sides = [pictures + 1, 128, 128, 128]
        layers: list[nn.Module] = []
        for inside, outside in pairwise(sides):
            layers += [nn.Linear(inside, outside), nn.SiLU()]
        self.layers = nn.Sequential(*layers, nn.Linear(128, outputs))

    def forward(self, *inputs: Tensor) -> Tensor:
        batch = len(inputs[0])
        columns = [part.view(len(part), -1)[:, :1].expand(batch, 1) for part in inputs]
        return self.layers(torch.cat(columns, dim=1))[..., None, None]


class Velocity(nn.Module):
    """The network's place: (x, t, y) to a grey velocity."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = Perceptron(2, 1)

    def forward(self, x: Tensor, t: Tensor, y: Tensor) -> Tensor:
        return self.inner(x, y, t).expand(-1, 3, -1, -1)


class Posterior(nn.Module):
    """The recognition network's place: what the estimate leaves, to mean and log deviation."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = Perceptron(1, 2)

    def forward(self, x_0: Tensor, x_1: Tensor, estimate: Tensor) -> tuple[Tensor, Tensor]:
        mean, log_deviation = self.inner(x_0 - estimate, x_1).chunk(2, dim=1)
        return mean, log_deviation


class Prior(nn.Module):
    """The prior's place: the degraded pixel to a log deviation."""

    receptive_radius = 0

    def __init__(self) -> None:
        super().__init__()
        self.inner = Perceptron(0, 1)

    def forward(self, x_1: Tensor) -> Tensor:
        return self.inner(x_1)


class TorchNoise:
    """Noise by a generator: the streams of SampleNoise would take most of the time here."""

    def __init__(self, seed: int, batch: int) -> None:
        self.generator = torch.Generator().manual_seed(seed)
        self.batch = batch

    def normal(self, shape: tuple[int, ...], draw: int = 0, stride: int = 1) -> Tensor:
        return torch.randn(shape, generator=self.generator)

    def uniform(self, draw: int = 0) -> Tensor:
        return torch.rand(self.batch, generator=self.generator)


def toy_pair(batch: int, noise: TorchNoise, lq_noise: float) -> Pair:
    """Bright or dark pixels in ``[-1, 1]``'s units of +-1 +- 0.1, and grey ones, as pictures."""
    mode = 2.0 * torch.randint(2, (batch, 1, 1, 1), generator=noise.generator) - 1
    hq = (mode + 0.1 * noise.normal((batch, 1, 1, 1))).expand(batch, 3, 1, 1)
    lq = (lq_noise * noise.normal((batch, 1, 1, 1))).expand(batch, 3, 1, 1)
    return Pair((lq + 1) / 2, (hq + 1) / 2)


def trained(options: dict[str, Any], lq_noise: float = 0.0, steps: int = 2000) -> ResFlow:
    torch.manual_seed(0)
    batch = 256
    method = ResFlow(
        ResFlowOptions.model_validate({"network": NETWORK, "predict_aux": False, **options})
    )
    method.network = Velocity()  # type: ignore[assignment]
    if method.recognition is not None:
        method.recognition = Posterior()  # type: ignore[assignment]
    if method.prior is not None:
        method.prior = Prior()  # type: ignore[assignment]
    stage = "flow" if method.recognition is None else "coupling"
    noise = TorchNoise(1, batch)
    optimiser = torch.optim.Adam(method.parameters(), lr=3e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    for step in range(steps):
        pair = toy_pair(batch, noise, lq_noise)
        terms = method.loss(pair, stage=stage, step=step, noise=noise)
        optimiser.zero_grad()
        terms["total"].backward()
        optimiser.step()
        schedule.step()
    return method.eval()


def outputs(method: ResFlow, lq: float, steps: int, draws: int = 2000) -> Tensor:
    """Return restorations of one fixed pixel under many draws of y_1, in ``[-1, 1]``'s units."""
    pictures = torch.full((draws, 3, 1, 1), (lq + 1) / 2)
    with torch.no_grad():
        restored = method.restore(pictures, steps=steps, noise=TorchNoise(2, draws))
    return (2 * restored - 1).mean(dim=(1, 2, 3))


def near_a_mode(out: Tensor) -> float:
    return float(((out.abs() - 1).abs() < 0.35).float().mean())


def test_an_independent_variable_does_not_choose() -> None:
    """One step gives the mean of both answers for every y_1; four steps do not reach both."""
    method = trained({})
    once = outputs(method, 0.0, 1)
    assert abs(float(once.mean())) < 0.1
    assert float(once.std()) < 0.1
    walked = outputs(method, 0.0, 4)
    bright = float(((walked - 1).abs() < 0.35).float().mean())
    dark = float(((walked + 1).abs() < 0.35).float().mean())
    assert min(bright, dark) < 0.25


@pytest.mark.parametrize("prior", ["standard", "learned"])
def test_a_variational_variable_reaches_both_answers_equally_often(prior: str) -> None:
    coupling: dict[str, Any] = {**VARIATIONAL["coupling"], "prior": prior}  # type: ignore[dict-item]
    method = trained({**VARIATIONAL, "coupling": coupling}, steps=3000)
    for steps in (4, 16):
        walked = outputs(method, 0.0, steps)
        assert float(walked.std()) >= 0.9
        assert near_a_mode(walked) >= 0.95
        assert float((walked > 0).float().mean()) == pytest.approx(0.5, abs=0.07)


def test_an_independent_variable_leaves_the_choice_to_the_degraded_pixel() -> None:
    method = trained({}, lq_noise=0.1)
    levels = (-0.2, -0.1, 0.1, 0.2)
    walked = [outputs(method, level, 4, draws=500) for level in levels]
    agreeing = [
        ((out > 0) == (level > 0)).float().mean() for out, level in zip(walked, levels, strict=True)
    ]
    assert float(torch.stack(agreeing).mean()) >= 0.9
    assert max(float(out.std()) for out in walked) <= 0.15


def test_the_divergence_is_zero_before_training_and_weighed_up_slowly() -> None:
    options = {
        **VARIATIONAL,
        "coupling": {
            "kl_weight": 0.5,
            "kl_warmup": 10,
            "share_at_mean": 0.0,
            "recognition": {"widths": [8]},
        },
    }
    method = ResFlow(
        ResFlowOptions.model_validate({"network": NETWORK, "predict_aux": False, **options})
    )
    pair = Pair(torch.rand(4, 3, 2, 2), torch.rand(4, 3, 2, 2))
    terms = method.loss(pair, stage="coupling", step=0, noise=SampleNoise(0, 0, range(4)))
    assert terms["kl"].item() == 0
    assert method.recognition is not None
    torch.nn.init.constant_(method.recognition.encoder.head.bias, 1.0)
    totals = {}
    for step in (0, 5, 10, 20):
        terms = method.loss(pair, stage="coupling", step=step, noise=SampleNoise(0, 0, range(4)))
        totals[step] = (terms["total"] - terms["x"]).item()
    bound = 5 * math.tanh(1 / 5)
    nats = (1 + math.exp(2 * bound) - 1) / 2 - bound  # for one latent to three values
    assert totals[0] == 0
    assert totals[5] == pytest.approx(0.25 * nats / 3, rel=1e-4)
    assert totals[10] == totals[20] == pytest.approx(0.5 * nats / 3, rel=1e-4)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"aux_distribution": "uniform"}, "aux_distribution=uniform"),
        (
            {"predict_aux": True, "network": {**NETWORK, "aux_channels": 3, "out_channels": 6}},
            "predict_aux=true",
        ),
        ({"network": {**NETWORK, "aux_stride": 3}}, "a latent of stride 3"),
        ({"network": {**NETWORK, "aux_stride": 16}}, "a latent of stride 16"),
    ],
)
def test_what_a_coupling_cannot_be_built_from_is_refused(
    options: dict[str, Any], message: str
) -> None:
    values = {"network": NETWORK, "predict_aux": False, **VARIATIONAL, **options}
    with pytest.raises(ValueError, match=message):
        ResFlow(ResFlowOptions.model_validate(values))


def test_a_share_of_the_samples_is_not_told() -> None:
    options = VARIATIONAL | {
        "coupling": {"share_at_mean": 0.5, "recognition": {"widths": [8]}},
    }
    method = ResFlow(
        ResFlowOptions.model_validate({"network": NETWORK, "predict_aux": False, **options})
    )
    assert method.recognition is not None
    torch.nn.init.constant_(method.recognition.encoder.head.bias, 1.0)
    shown: list[Tensor] = []
    method.network.register_forward_pre_hook(lambda _module, inputs: shown.append(inputs[2]))
    pair = Pair(torch.rand(256, 3, 2, 2), torch.rand(256, 3, 2, 2))
    method.loss(pair, stage="coupling", step=0, noise=SampleNoise(0, 0, range(256)))
    silent = (shown[-1] == 0).all(dim=(1, 2, 3))
    assert float(silent.float().mean()) == pytest.approx(0.5, abs=0.1)
    assert torch.count_nonzero(shown[0]) == 0  # the estimate is made without y


def test_a_learned_prior_sizes_the_draws_and_widens_the_view() -> None:
    def made(prior: str) -> ResFlow:
        torch.manual_seed(0)
        options = VARIATIONAL | {"coupling": {"prior": prior, "recognition": {"widths": [8]}}}
        values = {"network": NETWORK, "predict_aux": False, **options}
        return ResFlow(ResFlowOptions.model_validate(values)).eval()

    standard, learned = made("standard"), made("learned")
    assert standard.prior is None
    assert learned.prior is not None
    added = learned.receptive_radius - standard.receptive_radius
    assert added == learned.prior.receptive_radius > 0
    torch.nn.init.constant_(learned.prior.encoder.head.bias, math.log(2))
    seen: list[Tensor] = []
    for method in (standard, learned):
        method.network.register_forward_pre_hook(lambda _module, inputs: seen.append(inputs[2]))
        with torch.no_grad():
            method.restore(torch.rand(2, 3, 4, 4), steps=1, noise=TorchNoise(0, 2))
    torch.testing.assert_close(seen[1], seen[0] * math.exp(5 * math.tanh(math.log(2) / 5)))


def test_a_small_divergence_survives_mixed_precision() -> None:
    torch.manual_seed(0)
    values = {"network": NETWORK, "predict_aux": False, **VARIATIONAL}
    method = ResFlow(ResFlowOptions.model_validate(values))
    assert method.recognition is not None
    torch.nn.init.normal_(method.recognition.encoder.head.weight, std=1e-3)
    pair = Pair(torch.rand(16, 3, 4, 4), torch.rand(16, 3, 4, 4))

    def divergence() -> float:
        noise = SampleNoise(0, 0, range(16))
        return float(method.loss(pair, stage="coupling", step=0, noise=noise)["kl"].detach())

    exact = divergence()
    with torch.autocast("cpu", torch.bfloat16):
        rough = divergence()
    assert 0 < exact < 1e-4
    assert rough == pytest.approx(exact, rel=0.02)
