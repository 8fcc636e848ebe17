"""Streams named by keys, and noise that does not know where a tile begins."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from undegrade.randomness import NoiseField, entropy, generator

places = st.integers(-700, 700)
sizes = st.integers(1, 40)

ENTROPY = 157418803031151144160065578954730738768
FIELD = [-0.2382848, -1.5394019, -2.1708031]


def test_the_same_keys_give_the_same_stream() -> None:
    assert np.array_equal(generator(1, "a").random(8), generator(1, "a").random(8))


@pytest.mark.parametrize(
    ("one", "other"),
    [((1, 2), (2, 1)), ((1,), ("1",)), (("a", "b"), ("ab",)), ((1,), (1, 0)), ((), ("",))],
)
def test_other_keys_give_another_stream(
    one: tuple[int | str, ...], other: tuple[int | str, ...]
) -> None:
    assert entropy(*one) != entropy(*other)
    assert not np.array_equal(generator(*one).random(4), generator(*other).random(4))


def test_streams_stay_what_they_are_from_version_to_version() -> None:
    assert entropy(0, "noise") == ENTROPY
    field = NoiseField((0, "photo.jpg")).normal(1, 1, 3)
    np.testing.assert_allclose(field.ravel(), FIELD, rtol=1e-6)


@given(top=places, left=places, height=sizes, width=sizes, down=places, right=places)
@settings(max_examples=40)
def test_a_window_sees_what_the_whole_field_holds_there(
    top: int, left: int, height: int, width: int, down: int, right: int
) -> None:
    field = NoiseField((3,), top, left)
    window = field.window(down, right).normal(2, height, width)
    direct = NoiseField((3,), top + down, left + right).normal(2, height, width)
    assert np.array_equal(window, direct)


@given(st.data())
@settings(max_examples=30)
def test_tiles_are_cut_from_one_noise(data: st.DataObject) -> None:
    whole = NoiseField((9, "x"), -20, 240).normal(3, 60, 50)
    top, left = data.draw(st.integers(0, 59)), data.draw(st.integers(0, 49))
    height, width = data.draw(st.integers(1, 60 - top)), data.draw(st.integers(1, 50 - left))
    tile = NoiseField((9, "x"), -20, 240).window(top, left).normal(3, height, width)
    assert np.array_equal(tile, whole[:, top : top + height, left : left + width])


def test_noise_is_standard_normal_and_independent_between_layers() -> None:
    field = NoiseField((5,))
    noise = field.normal(3, 200, 200)
    assert noise.dtype == np.float32
    assert abs(noise.mean()) < 0.01
    assert abs(noise.std() - 1) < 0.01
    others = [field.normal(3, 200, 200, draw=1), NoiseField((6,)).normal(3, 200, 200)]
    for other in [*others, field.window(200, 0).normal(3, 200, 200)]:
        assert abs(np.corrcoef(noise.ravel(), other.ravel())[0, 1]) < 0.02
    channels = np.corrcoef(noise.reshape(3, -1))
    assert np.abs(channels - np.eye(3)).max() < 0.02


def test_an_empty_window_is_empty() -> None:
    assert NoiseField((1,)).normal(3, 0, 5).shape == (3, 0, 5)
