"""Regression: one evaluation, plain error."""

import pytest
import torch
from pydantic import BaseModel

from undegrade.errors import UsageError
from undegrade.methods import Pair, build_method, parse_options
from undegrade.methods.regression import RegressionOptions
from undegrade.networks.nafnet import Predictor, PredictorOptions
from undegrade.networks.unet_options import UNetOptions
from undegrade.processes.noise import FieldNoise, SampleNoise
from undegrade.processes.samplers import Step
from undegrade.randomness import NoiseField

SMALL = UNetOptions(
    widths=(8,), encoder_blocks=(1,), decoder_blocks=(1,), adaptor_widths=(4,), embedding_dim=8
)
NAFNET = PredictorOptions(
    widths=(8, 8), encoder_blocks=(1,), middle_blocks=1, decoder_blocks=(1,), local_pool=4
)


@pytest.mark.parametrize("network", [SMALL, NAFNET])
@pytest.mark.parametrize(("loss", "expected"), [("mse", 0.16), ("l1", 0.4)])
def test_an_untrained_method_changes_nothing(
    network: BaseModel, loss: str, expected: float
) -> None:
    method = build_method(RegressionOptions.model_validate({"network": network, "loss": loss}))
    lq = torch.full((1, 3, 4, 4), 0.3)
    noise = FieldNoise([NoiseField((0,))])
    seen: list[Step] = []
    restored = method.restore(lq, steps=1, noise=noise, callback=seen.append)
    torch.testing.assert_close(restored, lq)
    assert len(seen) == 1
    terms = method.loss(
        Pair(lq, lq + 0.2), stage="regression", step=0, noise=SampleNoise(0, 0, [0])
    )
    assert float(terms["total"]) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("network", [SMALL, NAFNET])
def test_it_learns_a_constant_offset(network: UNetOptions | PredictorOptions) -> None:
    torch.manual_seed(0)
    method = build_method(RegressionOptions(network=network))
    optimiser = torch.optim.Adam(method.parameters(), lr=1e-2)
    lq = torch.rand(4, 3, 8, 8) * 0.5
    pair = Pair(lq, lq + 0.25)
    for step in range(60):
        optimiser.zero_grad()
        noise = SampleNoise(0, step, range(4))
        method.loss(pair, stage="regression", step=step, noise=noise)["total"].backward()
        optimiser.step()
    restored = method.restore(lq, steps=1, noise=FieldNoise([NoiseField((0,))] * 4))
    assert float((restored - pair.hq).abs().mean()) < 0.02


def test_another_number_of_steps_is_refused() -> None:
    method = build_method(RegressionOptions(network=SMALL))
    assert method.fixed_steps == 1
    method.check_steps(None)
    method.check_steps(1)
    with pytest.raises(UsageError, match="steps=4 for a regression model; expected 1 or no number"):
        method.check_steps(4)


def test_an_auxiliary_variable_is_refused() -> None:
    with pytest.raises(ValueError, match="aux_channels=3"):
        build_method(RegressionOptions(network=SMALL.model_copy(update={"aux_channels": 3})))


def test_the_network_is_chosen_by_its_name() -> None:
    plain = parse_options({"name": "regression", "network": {"size": "1m"}})
    assert isinstance(plain, RegressionOptions)
    assert isinstance(plain.network, UNetOptions)
    named = parse_options({"name": "regression", "network": {"name": "nafnet", "size": "small"}})
    assert isinstance(build_method(named).network, Predictor)
    assert parse_options(named.model_dump(mode="json")) == named


@pytest.mark.parametrize(
    ("network", "message"),
    [
        ({"name": "nafnett"}, "method.network.name='nafnett'; did you mean 'nafnet'"),
        ({"name": "nafnet", "width": 3}, "no key 'method.network.width'; did you mean 'widths'"),
        ({"name": "nafnet", "size": "huge"}, "method.network: no size 'huge'"),
        (3, "method.network"),
    ],
)
def test_a_wrong_network_is_explained(network: object, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_options({"name": "regression", "network": network})
    assert message in str(caught.value)


def test_how_far_a_network_looks_is_told() -> None:
    unbounded = NAFNET.model_copy(update={"local_pool": 0})
    assert build_method(RegressionOptions(network=unbounded)).looks_at_all
    assert not build_method(RegressionOptions(network=NAFNET)).looks_at_all
