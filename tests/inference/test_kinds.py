"""The same kind comes back, with the same shape, type, mode and alpha."""

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image
from small_methods import Noisy, Shifted, Simple

from undegrade.errors import InputError
from undegrade.inference.restorer import Restorer

SAME = Restorer(Simple())
BRIGHTER = Restorer(Shifted(0.25))


def levels(shape: tuple[int, ...], kind: Any, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    if np.issubdtype(kind, np.floating):
        return rng.random(shape).astype(kind)
    return rng.integers(0, np.iinfo(kind).max + 1, shape).astype(kind)


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, ">u2", np.float16, np.float32, np.float64])
@pytest.mark.parametrize("shape", [(9, 7), (9, 7, 1), (9, 7, 2), (9, 7, 3), (9, 7, 4), (1, 1, 3)])
def test_arrays_come_back_as_they_are(shape: tuple[int, ...], kind: Any) -> None:
    image = levels(shape, np.dtype(kind))
    before = image.copy()
    result = SAME(image).image
    assert (result.dtype, result.shape) == (image.dtype, image.shape)
    np.testing.assert_allclose(result, image, rtol=0, atol=1e-6 if image.dtype.kind == "f" else 0)
    np.testing.assert_array_equal(image, before)


@given(
    hnp.arrays(
        st.sampled_from([np.uint8, np.uint16]),
        st.tuples(st.integers(1, 40), st.integers(1, 40), st.sampled_from([3, 4])),
    )
)
@settings(max_examples=25)
def test_whole_numbers_survive_exactly(image: np.ndarray) -> None:
    np.testing.assert_array_equal(SAME(image).image, image)


def test_float32_colour_survives_exactly() -> None:
    image = levels((70, 90, 3), np.float32)
    np.testing.assert_array_equal(SAME(image, tile_size=64).image, image)


def test_only_colour_changes_never_alpha() -> None:
    for channels in (2, 4):
        image = np.full((4, 5, channels), 100, np.uint8)
        result = BRIGHTER(image).image
        assert (result[..., :-1] == 164).all()
        assert (result[..., -1] == 100).all()


def test_whole_numbers_are_clipped_and_rounded() -> None:
    image = np.array([[0, 191, 192, 255]], np.uint8)
    np.testing.assert_array_equal(BRIGHTER(image).image, [[64, 255, 255, 255]])


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (np.zeros((3, 64, 64), np.uint8), "move the channels to the end"),
        (np.zeros((4, 4, 5), np.uint8), "one to four channels"),
        (np.zeros((0, 4, 3), np.uint8), r"shape \(0, 4, 3\)"),
        (np.zeros(5, np.uint8), r"shape \(5,\)"),
        (np.zeros((4, 4), np.int32), "type int32"),
        (np.zeros((4, 4), bool), "type bool"),
        (np.full((4, 4), np.nan), "not finite"),
        (np.full((4, 4), np.inf, np.float32), "not finite"),
        (np.full((4, 4), 200.0), "divide by 255"),
        (np.full((4, 4), -1.0), r"from -1 to -1.*\[0, 1\]"),
        (torch.zeros(4, 4), "tensor of shape"),
        (torch.zeros(2, 5, 4, 4), "1, 3 or 4 channels"),
        (torch.zeros(0, 3, 4, 4), "tensor of shape"),
        (torch.zeros(3, 4, 4, dtype=torch.int64), "torch.int64"),
        (torch.full((3, 4, 4), 255.0), "divide by 255"),
        ([[1, 2]], "type list"),
        (None, "type NoneType"),
    ],
)
def test_what_is_no_picture_is_refused(image: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        SAME(image)


@pytest.mark.parametrize(
    "kind", [torch.uint8, torch.float16, torch.bfloat16, torch.float32, torch.float64]
)
@pytest.mark.parametrize("shape", [(3, 6, 5), (1, 6, 5), (4, 6, 5), (2, 3, 6, 5), (1, 1, 1, 1)])
def test_tensors_come_back_as_they_are(shape: tuple[int, ...], kind: torch.dtype) -> None:
    values = torch.rand(shape, generator=torch.Generator().manual_seed(0))
    image = (values * 255).to(kind) if kind == torch.uint8 else values.to(kind)
    result = SAME(image).image
    assert (result.dtype, result.shape, result.device) == (image.dtype, image.shape, image.device)
    assert result.is_contiguous()
    torch.testing.assert_close(result, image, rtol=0, atol=0 if kind == torch.uint8 else 1e-6)


def test_tensors_with_gradients_are_detached() -> None:
    assert not SAME(torch.rand(3, 4, 4, requires_grad=True)).image.requires_grad


def test_each_item_of_a_batch_is_restored_as_if_alone() -> None:
    batch = torch.rand(3, 3, 20, 30, generator=torch.Generator().manual_seed(1))
    together = Restorer(Noisy())(batch, seed=4, variants=2, uncertainty=True)
    assert together.uncertainty is not None
    assert together.uncertainty.shape == (3, 20, 30)
    for index, item in enumerate(batch):
        alone = Restorer(Noisy())(item, seed=4, variants=2, uncertainty=True)
        assert alone.uncertainty is not None
        torch.testing.assert_close(together.image[index], alone.image, rtol=0, atol=0)
        torch.testing.assert_close(together.variants[1][index], alone.variants[1], rtol=0, atol=0)
        np.testing.assert_array_equal(together.uncertainty[index], alone.uncertainty)
    assert together.info.tiles == 3


@pytest.mark.parametrize(
    ("mode", "shape", "kind"),
    [
        ("L", (6, 5), np.uint8),
        ("LA", (6, 5, 2), np.uint8),
        ("RGB", (6, 5, 3), np.uint8),
        ("RGBA", (6, 5, 4), np.uint8),
        ("I;16", (6, 5), np.uint16),
        ("I;16B", (6, 5), ">u2"),
    ],
)
def test_pil_pictures_keep_their_mode(mode: str, shape: tuple[int, ...], kind: Any) -> None:
    image = Image.fromarray(levels(shape, np.dtype(kind)))
    image.info["icc_profile"] = b"a profile"
    assert image.mode == mode
    result = SAME(image)
    assert result.image.mode == mode
    assert result.image.info == {"icc_profile": b"a profile"}
    np.testing.assert_array_equal(np.asarray(result.image), np.asarray(image))
    assert result.info.messages == ()


@pytest.mark.parametrize(
    ("mode", "becomes"),
    [("P", "RGB"), ("1", "L"), ("CMYK", "RGB"), ("YCbCr", "RGB"), ("PA", "RGBA")],
)
def test_other_pil_modes_become_the_nearest(mode: str, becomes: str) -> None:
    image = Image.fromarray(levels((6, 5, 3), np.uint8)).convert("L").convert("RGB")
    image = image.convert("P").convert("PA") if mode == "PA" else image.convert(mode)
    result = SAME(image)
    assert result.image.mode == becomes
    assert result.info.messages == (f"the picture was of mode {mode} and is now {becomes}",)
    np.testing.assert_array_equal(np.asarray(result.image), np.asarray(image.convert(becomes)))


def test_a_palette_with_transparency_keeps_it() -> None:
    image = Image.new("P", (4, 3))
    image.putpalette([10, 20, 30, 200, 100, 50])
    image.putpixel((1, 1), 1)
    image.info["transparency"] = 0
    result = SAME(image).image
    assert result.mode == "RGBA"
    assert result.getpixel((1, 1)) == (200, 100, 50, 255)
    assert result.getpixel((0, 0))[3] == 0
    assert "transparency" not in result.info


@pytest.mark.parametrize("mode", ["I", "F"])
def test_pil_pictures_of_unknown_range_are_refused(mode: str) -> None:
    with pytest.raises(InputError, match=f"mode {mode}"):
        SAME(Image.new(mode, (3, 3)))


def test_a_profile_of_inks_is_not_left_on_rgb() -> None:
    image = Image.new("CMYK", (3, 3))
    image.info["icc_profile"] = b"inks"
    assert "icc_profile" not in SAME(image).image.info
