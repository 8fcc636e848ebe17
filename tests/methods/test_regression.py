"""Regression: one evaluation, plain error."""

import pytest
import torch

from undegrade.methods import Pair, build_method
from undegrade.methods.regression import RegressionOptions
from undegrade.networks.unet import UNetOptions
from undegrade.processes.noise import FieldNoise, SampleNoise
from undegrade.processes.samplers import Step
from undegrade.randomness import NoiseField

SMALL = UNetOptions(
    widths=(8,), encoder_blocks=(1,), decoder_blocks=(1,), adaptor_widths=(4,), embedding_dim=8
)


@pytest.mark.parametrize(("loss", "expected"), [("mse", 0.16), ("l1", 0.4)])
def test_an_untrained_method_changes_nothing(loss: str, expected: float) -> None:
    method = build_method(RegressionOptions.model_validate({"network": SMALL, "loss": loss}))
    lq = torch.full((1, 3, 4, 4), 0.3)
    noise = FieldNoise([NoiseField((0,))])
    seen: list[Step] = []
    restored = method.restore(lq, steps=4, noise=noise, callback=seen.append)
    torch.testing.assert_close(restored, lq)
    assert len(seen) == 1
    terms = method.loss(
        Pair(lq, lq + 0.2), stage="regression", step=0, noise=SampleNoise(0, 0, [0])
    )
    assert float(terms["total"]) == pytest.approx(expected, rel=1e-5)


def test_it_learns_a_constant_offset() -> None:
    torch.manual_seed(0)
    method = build_method(RegressionOptions(network=SMALL))
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


def test_an_auxiliary_variable_is_refused() -> None:
    with pytest.raises(ValueError, match="aux_channels=3"):
        build_method(RegressionOptions(network=SMALL.model_copy(update={"aux_channels": 3})))
