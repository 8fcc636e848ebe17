"""What was done to a picture is done again in the same way, without the noise."""

import pickle

import numpy as np
import pytest
from pictures import scenery

from undegrade.degradations import REGISTRY, Chain, Image, Operator
from undegrade.degradations.operator import degrade, why_undefined
from undegrade.randomness import generator


def done(*texts: str, seed: int = 3) -> tuple[Image, Image, Operator]:
    hq = scenery(48, 64)
    chain = Chain.parse(texts)
    rng = generator(seed)
    lq, operator = degrade(chain.draw(rng), hq, rng)
    assert np.array_equal(lq, chain.apply(hq, generator(seed)))
    return lq, hq, operator


@pytest.mark.parametrize(
    "name",
    [
        name
        for name in REGISTRY.names()
        if not REGISTRY.get(name).is_noise and name != "kernel-blur"
    ],
)
def test_the_true_picture_gives_the_degraded_one_again(name: str) -> None:
    lq, hq, operator = done(f"{name}:severity=0.6")
    if name == "low-light":  # has noise among other things
        assert 0 < np.abs(operator(hq) - lq).mean() < 0.1
    else:
        assert np.array_equal(operator(hq), lq)
        assert np.array_equal(operator(hq), lq)  # and drawing moved nothing
    assert np.array_equal(pickle.loads(pickle.dumps(operator))(hq), operator(hq))


def test_settings_that_were_drawn_are_kept() -> None:
    lq, hq, operator = done("jpeg:quality=5..90", "blur:sigma=0.5..3")
    assert np.array_equal(operator(hq), lq)


def test_noise_is_left_out_and_moves_nothing_that_is_drawn_after_it() -> None:
    lq, hq, operator = done("poisson:peak=100", "holes:kind=thick")
    once_more = operator(hq)
    holes = (once_more == 0).all(axis=-1)
    assert holes.any()
    assert np.array_equal((lq == 0).all(axis=-1), holes)
    assert np.array_equal(once_more[~holes], hq[~holes])
    assert not np.array_equal(lq[~holes], hq[~holes])


def test_low_light_without_noise_is_what_is_to_be_expected() -> None:
    _, hq, operator = done("low-light:stops=2,photons=1e7,read=0,shift=0.3")
    nearly, _, _ = done("low-light:stops=2,photons=1e7,read=0,shift=0.3")
    np.testing.assert_allclose(operator(hq), nearly, atol=0.01)


def test_where_there_is_no_operator() -> None:
    kinds = {name: REGISTRY.get(name) for name in ("noise", "poisson", "camera-noise", "blur")}
    assert why_undefined([]) == "nothing is done to the pictures"
    assert "noise" in (why_undefined([kinds["noise"]]) or "")
    assert why_undefined([kinds["poisson"], kinds["camera-noise"]]) is not None
    assert why_undefined([kinds["noise"], kinds["blur"]]) is None
