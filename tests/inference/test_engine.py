"""Tiles, noise, precision and memory: what a picture becomes does not depend on how it was cut."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from small_methods import (
    Hungry,
    Noisy,
    Overflowing,
    Shifted,
    Simple,
    small_coupled_resflow,
    small_dtpm,
    small_resflow,
)

from undegrade.errors import MemoryExhaustedError, UndegradeError
from undegrade.images.tiles import Floats, TileSize, apply_tiles, plan_tiles
from undegrade.inference.engine import Engine
from undegrade.inference.options import RestoreOptions
from undegrade.inference.precision import prepare
from undegrade.inference.report import ModelInfo
from undegrade.inference.restorer import Restorer
from undegrade.inference.tiler import TileRestorer
from undegrade.methods.base import Method
from undegrade.methods.regression import Regression, RegressionOptions
from undegrade.networks.unet_options import UNetOptions
from undegrade.zoo import list_models

CPU = torch.device("cpu")


def picture(height: int, width: int, seed: int = 0) -> Floats:
    return np.random.default_rng(seed).random((height, width, 3), dtype=np.float32)


def restored(method: Method, image: Floats, size: TileSize, steps: int = 1) -> Floats:
    """Restore through tiles of a given kind, whatever RestoreOptions would allow."""
    runner = prepare(method, CPU, torch.float32)
    plan = plan_tiles(image.shape[0], image.shape[1], size)
    return apply_tiles(plan, image, TileRestorer(runner, RestoreOptions(seed=3), steps, plan))


@given(st.integers(1, 70), st.integers(1, 70), st.integers(8, 40), st.integers(0, 20))
@settings(max_examples=30)
def test_the_identity_gives_the_input_exactly(
    height: int, width: int, limit: int, overlap: int
) -> None:
    image = picture(height, width)
    size = TileSize(limit, limit, overlap, multiple_of=4)
    np.testing.assert_array_equal(restored(Simple(4), image, size), image)


@pytest.mark.parametrize(
    ("make", "steps"), [(small_resflow, 1), (small_resflow, 2), (small_coupled_resflow, 1)]
)
def test_a_wide_overlap_makes_tiles_of_a_real_network_invisible(
    make: Callable[[], Method], steps: int
) -> None:
    method = make()
    radius = method.receptive_radius * steps
    image = picture(2 * radius + 150, 2 * radius + 90)
    tiled = TileSize(2 * radius + 64, 2 * radius + 64, 2 * radius, method.multiple_of, radius)
    whole = restored(method, image, TileSize(10**6, 10**6, 0, method.multiple_of), steps)
    assert whole.std() > 0.1
    assert np.abs(whole - image).mean() > 0.05  # the network does something
    np.testing.assert_allclose(restored(method, image, tiled, steps), whole, atol=1e-4)


def test_a_narrow_overlap_changes_nothing_further_than_the_receptive_radius() -> None:
    method = small_resflow()
    radius, multiple = method.receptive_radius, method.multiple_of
    image = picture(200, 260)
    size = TileSize(160, 160, 16, multiple, radius)
    plan = plan_tiles(200, 260, size)
    difference = np.abs(
        restored(method, image, size) - restored(method, image, TileSize(10**6, 10**6, 0, multiple))
    )
    far = np.ones((200, 260), bool)
    for starts, side, axis in ((plan.tops, plan.tile_height, 0), (plan.lefts, plan.tile_width, 1)):
        length = far.shape[axis]
        for edge in [*starts[1:], *(start + side for start in starts[:-1])]:
            near = np.abs(np.arange(length) - edge + 0.5) <= radius
            far[near if axis == 0 else (slice(None), near)] = False
    assert far.mean() > 0.1
    assert difference.max() > 1e-3  # the tiles' borders do show where they may
    assert difference[far].max() < 1e-5


def test_noise_lies_in_the_plane_of_the_picture() -> None:
    restorer, image = Restorer(Noisy()), picture(150, 130)
    whole = restorer(image, seed=5).image
    np.testing.assert_allclose(restorer(image, seed=5, tile_size=64).image, whole, atol=1e-6)
    assert np.abs(restorer(image, seed=6).image - whole).mean() > 0.05
    assert np.abs(whole - image).std() > 0.02


def test_values_stay_in_range_unless_the_input_leaves_it() -> None:
    image = np.tile(np.array([-0.05, 0.5, 1.05], np.float32)[:, None], (8, 1, 3))
    bright = Restorer(Shifted(0.7))(image).image
    np.testing.assert_allclose(bright[0, :, 0], [0.65, 1.0, 1.05], atol=1e-6)
    dark = Restorer(Shifted(-0.7))(image).image
    np.testing.assert_allclose(dark[0, :, 0], [-0.05, 0.0, 0.35], atol=1e-6)


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20 MiB"),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried ..."),
    ],
)
def test_lack_of_memory_halves_the_tile_and_says_so(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("undegrade.inference.memory.available_memory", lambda _: 10**12)
    image = picture(300, 400)
    method = Hungry(130 * 130, error)
    result = Restorer(method)(image, seed=1)
    np.testing.assert_allclose(result.image, Restorer(Noisy())(image, seed=1).image, atol=1e-6)
    assert result.info.messages == (
        "memory did not suffice for tiles of 400 pixels: went on with 200",
        "memory did not suffice for tiles of 184 pixels: went on with 88",
    )
    assert result.info.tile_size == 88
    restored = [h * w for _, _, h, w in method.calls[1:] if h * w <= method.most]  # 0 is a probe
    assert result.info.tiles == len(restored)


def test_later_tiles_do_not_try_what_failed_before() -> None:
    method = Hungry(100 * 100, MemoryError())
    Restorer(method)(picture(256, 512), tile_size=128)
    failed = [shape for shape in method.calls if shape[2] * shape[3] > 100 * 100]
    assert len(failed) == 1


def test_memory_that_never_suffices_is_an_error() -> None:
    with pytest.raises(MemoryExhaustedError, match="tile of 64 pixels") as caught:
        Restorer(Hungry(0, MemoryError()))(picture(200, 200))
    assert caught.value.exit_code == 4


def test_other_errors_are_not_taken_for_a_lack_of_memory() -> None:
    with pytest.raises(RuntimeError, match="a bug"):
        Restorer(Hungry(0, RuntimeError("a bug")))(picture(200, 200))


def test_tiles_that_are_not_finite_are_redone_in_float32() -> None:
    image = picture(64, 256) * 0.5
    image[:, :64] = 1.0
    restorer = Restorer(Overflowing(), precision="bfloat16")
    result = restorer(image, tile_size=64)
    assert 0 < result.info.redone_tiles < result.info.tiles
    assert result.info.precision == "bfloat16"
    assert any("redone" in text for text in result.info.messages)
    np.testing.assert_allclose(result.image, image, atol=2**-8)
    np.testing.assert_array_equal(result.image[:, :30], image[:, :30])


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_tiles_that_stay_not_finite_are_an_error(precision: str) -> None:
    restorer = Restorer(Overflowing(always=True), precision=precision)
    with pytest.raises(UndegradeError, match="not finite at row 0, column 0") as caught:
        restorer(np.ones((8, 8, 3), np.float32))
    assert ("and in float32" in str(caught.value)) == (precision == "bfloat16")


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
@pytest.mark.parametrize("make", [small_resflow, small_coupled_resflow])
def test_a_network_in_fewer_bits_does_nearly_the_same(
    make: Callable[[], Method], precision: str
) -> None:
    image = picture(61, 46)
    exact = Restorer(make(), precision="float32")(image, steps=2).image
    rough = Restorer(make(), precision=precision)(image, steps=2).image
    assert 0 < np.abs(rough - exact).mean() < 0.01


def test_the_given_method_keeps_its_own_numbers() -> None:
    method = small_resflow()
    Restorer(method, precision="bfloat16")
    assert all(parameter.dtype == torch.float32 for parameter in method.parameters())
    assert all(parameter.requires_grad for parameter in method.parameters())


def test_tiles_follow_the_memory_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Engine(prepare(small_resflow(), CPU, torch.float32))
    per_pixel = engine.bytes_per_pixel
    assert 100 < per_pixel < 1000
    sizes = []
    for available in (10**5, 300 * 300 * 2 * int(per_pixel), 10**12):
        monkeypatch.setattr(
            "undegrade.inference.memory.available_memory", lambda _, free=available: free
        )
        plan = engine.plan(5000, 5000, RestoreOptions(), steps=1)
        sizes.append(max(plan.tile_height, plan.tile_width))
    assert sizes[0] == 64
    assert 256 < sizes[1] <= 300
    assert 800 < sizes[2] <= 1024


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_memory_is_that_of_all_networks_however_little_texture_is_the_models_own(
    dtype: torch.dtype,
) -> None:
    """A caller may ask for more of it than the model adds by itself."""
    shape = {"encoder_blocks": (1,), "middle_blocks": 1, "decoder_blocks": (1,)}
    network = shape | {"widths": (32, 6), "embedding_dim": 4, "semantic_width": 4}
    engines = [
        Engine(prepare(small_dtpm(texture=texture, network=network), CPU, dtype))
        for texture in (0.0, 0.3, 1.0)
    ]
    none, some, everything = (engine.bytes_per_pixel for engine in engines)
    assert none == some == everything > 100
    assert engines[0].runner.fast.texture == 0


def test_attention_sees_as_much_of_the_picture_as_memory_permits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Otherwise a test at full resolution would depend on the size of tiles."""
    network = UNetOptions(widths=(8, 16, 32), attention=True)
    method = Regression(RegressionOptions(network=network))
    assert method.looks_at_all
    assert not small_resflow().looks_at_all
    engine = Engine(prepare(method, CPU, torch.float32))
    tiles = []
    for available in (10**12, 300 * 300 * 2 * int(engine.bytes_per_pixel)):
        monkeypatch.setattr(
            "undegrade.inference.memory.available_memory", lambda _, free=available: free
        )
        plan = engine.plan(1300, 1901, RestoreOptions(), steps=1)
        tiles.append(len(plan.tops) * len(plan.lefts))
    assert tiles[0] == 1
    assert tiles[1] > 4


def test_a_model_that_looks_at_all_and_cannot_tells_so() -> None:
    told = "the model looks at all of a photo at once, and was shown one tile at a time"
    network = UNetOptions(widths=(8, 16), encoder_blocks=(1, 1), decoder_blocks=(1, 1))
    for attention in (True, False):
        options = RegressionOptions(network=network.model_copy(update={"attention": attention}))
        restorer = Restorer(Regression(options), device="cpu", precision="float32")
        image = picture(100, 90)
        for side, cut in ((128, False), (64, True)):
            info = restorer(image, tile_size=side).info
            assert (info.tiles > 1) == cut
            said = any(text.startswith(told) for text in info.messages)
            assert said == (attention and cut)


def test_a_model_that_judges_the_scene_for_itself_is_shown_all_of_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Tiles of one photo would be judged apart, and their edges seen."""
    monkeypatch.setattr("undegrade.inference.memory.available_memory", lambda _: 10**12)
    runner = prepare(small_resflow(), CPU, torch.float32)
    counts = [
        Engine(runner, judges_scene=judges).plan(1300, 1901, RestoreOptions(), steps=1).count
        for judges in (False, True)
    ]
    assert counts[0] > counts[1] == 1
    infos = [
        ModelInfo(name, tasks=config.tasks, told=config.is_told, overview=config.overview)
        for name, config in ((entry.name, entry.config) for entry in list_models())
    ]
    judging = {info.name for info in infos if info.judges_scene}
    assert judging == {"nafnet-ten"}


def test_very_wide_pictures_get_flat_tiles() -> None:
    engine = Engine(prepare(Simple(), CPU, torch.float32))
    plan = engine.plan(20_000, 60_000, RestoreOptions(), steps=1)
    assert plan.tile_height * 60_000 * 12 <= 256 << 20
    assert plan.tile_height >= 256
