"""The one-line language of degradations, and what it says when it is misspelt."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from undegrade.degradations import Chain, DegradationSpec, Mixture, Range
from undegrade.degradations.noise import GaussianNoise
from undegrade.errors import UsageError
from undegrade.randomness import generator


def test_a_spec_reads_and_prints_the_same() -> None:
    for text in [
        "noise",
        "noise:sigma=25",
        "jpeg:quality=10..95,chroma=444",
        "blur:sigma=0.3..2.0",
        "noise:grey=true,chance=0.5",
    ]:
        assert str(DegradationSpec.parse(text)) == text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nose:sigma=1", "did you mean 'noise'"),
        ("noise:sgma=1", "did you mean 'sigma'"),
        ("noise:sigma", "no value"),
        ("noise:sigma=abc", "a number from 0 to 255"),
        ("noise:sigma=nan", "a number from 0 to 255"),
        ("noise:sigma=300", "a number from 0 to 255"),
        ("noise:sigma=5..500", "a number from 0 to 255"),
        ("noise:sigma=9..5", "not a range"),
        ("noise:sigma=a..b", "not a range"),
        ("noise:sigma=true", "a number from 0 to 255"),
        ("jpeg:quality=0", "a whole number from 1 to 100"),
        ("jpeg:quality=10.5", "a whole number from 1 to 100"),
        ("noise:grey=no", "true or false"),
        ("noise:grey=0..1", "is a range; expected a single value"),
        ("jpeg:chroma=420..444", "is a range; expected a single value"),
        ("jpeg:chroma=422", "did you mean .420.. Known: 420, 444"),
        ("noise:sigma=5,sigma=6", "says something twice"),
        ("noise:chance=1.5", "a number from 0 to 1"),
        ("noise:chance=0..1", "is a range; expected a single value"),
        ("", "there is no degradation"),
    ],
)
def test_mistakes_are_named(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        DegradationSpec.parse(text)


@given(low=st.integers(0, 50), extra=st.integers(0, 50), seed=st.integers(0, 1000))
def test_whole_ranges_draw_whole_numbers_within(low: int, extra: int, seed: int) -> None:
    drawn = Range(low, low + extra).draw(generator(seed), whole=True)
    assert isinstance(drawn, int)
    assert low <= drawn <= low + extra


def test_ranges_cover_both_ends() -> None:
    rng = generator(0)
    assert {Range(1, 3).draw(rng, whole=True) for _ in range(100)} == {1, 2, 3}
    values = [Range(0, 2).draw(rng) for _ in range(1000)]
    assert min(values) < 0.05
    assert max(values) > 1.95


def test_settings_that_are_whole_numbers_are_drawn_whole() -> None:
    qualities = DegradationSpec.parse("jpeg:quality=10..12")
    drawn = {qualities.draw(generator(seed)).quality for seed in range(40)}  # type: ignore[attr-defined]
    assert drawn == {10, 11, 12}


def test_a_range_is_drawn_anew_for_each_image() -> None:
    spec = DegradationSpec.parse("noise:sigma=0..50")
    drawn = [spec.draw(generator(seed)) for seed in range(3)]
    assert all(isinstance(item, GaussianNoise) for item in drawn)
    assert len(set(drawn)) == 3


def test_the_empty_chain_is_clean() -> None:
    hq = generator(0).random((4, 5, 3), dtype=np.float32)
    chain = Chain.parse([])
    assert str(chain) == "clean"
    assert np.array_equal(chain.apply(hq, generator(0)), hq)


def test_a_chain_works_in_order() -> None:
    """Noise before blur is smoothed; noise after blur is not."""
    hq = np.full((64, 64, 3), 0.5, np.float32)
    smoothed = Chain.parse(["noise:sigma=20", "blur:sigma=2"]).apply(hq, generator(0))
    rough = Chain.parse(["blur:sigma=2", "noise:sigma=20"]).apply(hq, generator(0))
    assert smoothed.std() < rough.std() / 3
    assert str(Chain.parse(["blur:sigma=2", "jpeg"])) == "blur:sigma=2 + jpeg"


def test_a_link_is_applied_as_often_as_its_chance_says() -> None:
    chain = Chain.parse(["blur:chance=0.3", "noise:chance=0.8"])
    drawn = [chain.draw(generator(seed)).texts for seed in range(1000)]
    for name, chance in (("blur", 0.3), ("noise", 0.8)):
        share = np.mean([any(text.startswith(name) for text in texts) for texts in drawn])
        assert share == pytest.approx(chance, abs=0.04)


def test_a_shuffled_chain_takes_every_order() -> None:
    chain = Chain.parse(["blur", "noise", "jpeg"], shuffled=True)
    orders = [
        tuple(type(link) for link in chain.draw(generator(i)).degradations) for i in range(99)
    ]
    assert len(set(orders)) == 6
    assert str(chain) == "blur & noise & jpeg"


@given(seed=st.integers(0, 10_000))
def test_the_record_of_what_was_drawn_makes_the_same_picture(seed: int) -> None:
    hq = generator("hq").random((12, 9, 3), np.float32)
    texts = ["noise:sigma=1..90,grey=true", "jpeg:quality=5..95,chance=0.5", "poisson:peak=9..99"]
    mixture = Mixture((Chain.parse(texts, shuffled=True), Chain.parse(["blur:sigma=0..3"])), (2, 1))
    drawn = mixture.draw(generator(seed))
    again = Chain.parse(drawn.texts)
    degraded = mixture.apply(hq, generator(seed))
    assert np.array_equal(again.apply(hq, generator(seed)), degraded)
    assert again.draw(generator(1)) == drawn


def test_a_mixture_draws_by_weight() -> None:
    hq = np.full((2, 2, 3), 0.5, np.float32)
    mixture = Mixture((Chain(), Chain.parse(["noise:sigma=50"])), (3.0, 1.0))
    clean = sum(np.array_equal(mixture.apply(hq, generator(i)), hq) for i in range(2000))
    assert clean / 2000 == pytest.approx(0.75, abs=0.04)


@pytest.mark.parametrize(
    ("chains", "weights"),
    [((), ()), ((Chain(),), (0.0,)), ((Chain(),), (1.0, 2.0)), ((Chain(), Chain()), (2.0, -1.0))],
)
def test_an_impossible_mixture_is_refused(
    chains: tuple[Chain, ...], weights: tuple[float, ...]
) -> None:
    with pytest.raises(UsageError, match="mixture"):
        Mixture(chains, weights)
