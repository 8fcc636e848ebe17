"""One walk for a whole photo: windows that show nowhere, each network asked no more than needed."""

from typing import Any

import numpy as np
import pytest
import torch
from small_methods import small_dtpm, small_resflow
from torch import Tensor, nn

from undegrade.errors import MemoryExhaustedError, UsageError
from undegrade.images.tiles import Floats, TileSize, plan_tiles
from undegrade.inference.options import RestoreOptions
from undegrade.inference.ready import Chosen, Ready
from undegrade.inference.restorer import Restorer, Result
from undegrade.inference.run import Run
from undegrade.inference.tiler import TileRestorer
from undegrade.inference.whole import WholeRestorer, in_windows
from undegrade.methods.dtpm import DTPM

APART = "memory does not suffice for a walk of the whole photo: each tile has its own"
LATE = "memory did not suffice for a walk of the whole photo: each tile has its own"


def picture(height: int, width: int, seed: int = 0) -> Floats:
    y, x = np.mgrid[0:height, 0:width]
    smooth = 0.5 + 0.3 * np.sin(x / 23)[..., None] * np.cos(y / 17)[..., None] + np.zeros(3)
    grain = np.random.default_rng(seed).normal(0, 0.05, (height, width, 3))
    return (smooth + grain).clip(0, 1).astype(np.float32)


def restored(method: DTPM, image: Floats, **options: Any) -> Result:
    return Restorer(method, device="cpu", precision="float32")(image, **options)


def walked(method: DTPM, image: Floats, options: RestoreOptions, steps: int) -> Floats:
    """Restore with any overlap, which Restorer's call leaves at its default."""
    engine = Restorer(method, device="cpu", precision="float32")._engine
    tiler = engine.tiler(engine.runner, (image.shape[0], image.shape[1]), options, steps)
    assert isinstance(tiler, WholeRestorer) == (options.tile_size is not None)
    rows = tiler.bands(lambda top, height: image[top : top + height])
    return np.concatenate(list(rows))


def memory_of(monkeypatch: pytest.MonkeyPatch, free: int) -> None:
    monkeypatch.setattr("undegrade.inference.memory.available_memory", lambda _: free)


def counted(module: nn.Module | None) -> list[tuple[int, ...]]:
    """Return a list to which the size of what the module is shown is added at each call."""
    assert module is not None
    seen: list[tuple[int, ...]] = []
    module.register_forward_pre_hook(lambda _, inputs: seen.append(tuple(inputs[0].shape[2:])))
    return seen


def test_windows_that_agree_are_put_together_exactly() -> None:
    plan = plan_tiles(70, 101, TileSize(32, 40, 12, blind=3))
    assert plan.count > 6
    x, y = torch.rand(2, 2, 3, 70, 101)
    assert torch.equal(in_windows(plan, torch.mul, [x, y]), x * y)


def test_windows_that_do_not_agree_are_averaged() -> None:
    """With weights that rise from one window to the next and add up to one."""
    plan = plan_tiles(20, 50, TileSize(20, 30, 10))
    assert plan.count == 2
    answers = iter([0.0, 1.0])
    whole = in_windows(
        plan, lambda x: torch.full_like(x, next(answers)), [torch.zeros(1, 1, 20, 50)]
    )
    assert torch.equal(whole[0, 0, 0], whole[0, 0, 19])
    row = whole[0, 0, 0]
    first, last = plan.lefts[1], plan.lefts[0] + plan.tile_width
    assert torch.equal(row[:first], torch.zeros(first))
    assert torch.equal(row[last:], torch.ones(50 - last))
    assert bool((row.diff() >= 0).all())
    torch.testing.assert_close(row[first:last] + row[first:last].flip(0), torch.ones(last - first))


@pytest.mark.parametrize("eta", [0.0, 1.0])
def test_windows_change_nothing_where_they_overlap_as_far_as_networks_look(eta: float) -> None:
    method = small_dtpm(sampler={"eta": eta})
    radius = method.network.receptive_radius
    assert method.predictor is not None
    assert method.predictor.receptive_radius <= radius < 60
    image = picture(2 * radius + 150, 2 * radius + 90)
    overlap = 2 * radius
    # The semantic code alone looks at all; what may count at a border is what networks see.
    method.__class__ = type("Bounded", (DTPM,), {"receptive_radius": radius})
    cut = RestoreOptions(seed=3, tile_size=2 * overlap + 8, tile_overlap=overlap)
    whole = walked(method, image, RestoreOptions(seed=3), 4)
    assert np.abs(whole - image).mean() > 0.02  # it does something
    assert 0.05 < whole.std() < 0.4
    np.testing.assert_allclose(walked(method, image, cut, 4), whole, atol=1e-4)


@pytest.mark.parametrize("side", [64, 96, 150])
def test_the_size_of_tiles_hardly_matters(side: int) -> None:
    """Within a hundredth of a level of 255 on average, at the overlap that is the default."""
    method, image = small_dtpm(), picture(120, 200)
    whole = restored(method, image, seed=3, steps=4)
    cut = restored(method, image, seed=3, steps=4, tile_size=side)
    assert whole.info.tiles == 1
    assert cut.info.tiles > 1
    assert cut.info.tile_size <= side
    assert np.abs(cut.image - whole.image).mean() < 0.01 / 255


def tiles_apart(method: DTPM, image: Floats, side: int) -> Floats:
    """Restore as a method whose tiles walk on their own."""
    engine = Restorer(method, device="cpu", precision="float32")._engine
    options = RestoreOptions(seed=3, tile_size=side)
    plan = engine.plan(image.shape[0], image.shape[1], options, 4)
    tiler = TileRestorer(engine.runner, options, 4, plan)
    return np.concatenate(list(tiler.bands(lambda top, height: image[top : top + height])))


def test_a_shared_walk_is_nearer_to_the_whole_than_tiles_on_their_own() -> None:
    method, image = small_dtpm(), picture(120, 150)
    whole = restored(method, image, seed=3, steps=4).image
    shared = restored(method, image, seed=3, steps=4, tile_size=64).image
    apart = tiles_apart(method, image, 64)
    assert np.abs(shared - whole).mean() < 0.1 * np.abs(apart - whole).mean()


def test_no_seams() -> None:
    """Neighbours differ no more where windows meet than elsewhere; grey shows every seam."""
    method = small_dtpm()
    image = np.full((96, 400, 3), 0.5, np.float32)
    result = restored(method, image, seed=3, steps=4, tile_size=96)
    plan = plan_tiles(96, 400, TileSize(96, 96, 48, method.multiple_of))
    assert result.info.tiles == plan.count > 4
    jump = np.abs(np.diff(result.image, axis=1)).mean(axis=(0, 2))
    ends = [*plan.lefts[1:], *(left + plan.tile_width for left in plan.lefts[:-1])]
    places = [end - 1 for end in ends]
    alike = [place for place in range(1, 399, 2) if place not in places]  # on the networks' grid
    assert all(place % 2 for place in places)
    spread = jump[alike].std() / len(places) ** 0.5
    assert abs(jump[places].mean() - jump[alike].mean()) < 4 * spread


@pytest.mark.parametrize("tile_size", [None, 96])
def test_networks_are_asked_once_a_step_and_window(tile_size: int | None) -> None:
    method, image = small_dtpm(), picture(130, 200)
    restorer = Restorer(method, device="cpu", precision="float32")
    restorer(image[:40])  # what memory it takes is measured at first
    denoiser, predictor, semantic = (
        counted(part) for part in (method.network, method.predictor, method.semantic)
    )
    result = restorer(image, steps=5, tile_size=tile_size)
    assert (result.info.tiles == 1) == (tile_size is None)
    assert len(denoiser) == 5 * result.info.tiles
    assert len(predictor) == result.info.tiles
    assert semantic == [(130, 200)]  # of the whole photo


def test_the_code_is_that_of_a_small_preview() -> None:
    method = small_dtpm(semantic_preview=64)
    seen = counted(method.semantic)
    restored(method, picture(100, 200), steps=2, tile_size=64)
    assert seen[-1] == (32, 64)
    everything = small_dtpm(semantic_preview=0)
    seen = counted(everything.semantic)
    restored(everything, picture(100, 200), steps=2)
    assert seen[-1] == (100, 200)


@pytest.mark.parametrize("tile_size", [None, 64])
def test_no_texture_is_the_predictor_alone(tile_size: int | None) -> None:
    """Bit for bit, and no denoiser runs; so it is without a step."""
    method, image = small_dtpm(), picture(64, 100)
    restorer = Restorer(method, device="cpu", precision="float32")
    assert method.predictor is not None
    with torch.inference_mode():
        lq = torch.from_numpy(image).permute(2, 0, 1)[None]
        guess = ((method.predictor(2 * lq - 1) + 1) / 2).clamp(0, 1)[0].permute(1, 2, 0).numpy()
    restorer(image, steps=2)
    seen = counted(method.network)
    for options in ({"texture": 0.0}, {"steps": 0}, {"steps": 4, "texture": 0.0}):
        result = restorer(image, tile_size=tile_size, **options)
        if tile_size is None:
            np.testing.assert_array_equal(result.image, guess)
        info = result.info
        assert (info.steps, info.texture, info.sampler) == (0, 0.0, "")
        several = restorer(image, variants=3, uncertainty=True, **options)
        assert not np.any(several.uncertainty)
        assert "the model draws nothing" in several.info.messages[0]
    assert not seen
    assert not np.array_equal(restorer(image, steps=2).image, guess)


def test_a_share_of_the_texture() -> None:
    method, image = small_dtpm(), picture(64, 100)
    restorer = Restorer(method, device="cpu", precision="float32")
    guess, half, whole = (restorer(image, steps=3, texture=share) for share in (0.0, 0.5, None))
    assert (half.info.texture, whole.info.texture, half.info.steps) == (0.5, 1.0, 3)
    inside = (whole.image > 0) & (whole.image < 1) & (guess.image > 0) & (guess.image < 1)
    assert inside.mean() > 0.5
    middle = (guess.image + whole.image) / 2
    np.testing.assert_allclose(half.image[inside], middle[inside], atol=1e-5)
    assert method.texture == 1.0  # nothing is left behind


def test_the_share_of_a_model_is_what_it_says() -> None:
    method, image = small_dtpm(texture=0.5), picture(64, 100)
    result, whole = (restored(method, image, steps=3, texture=share) for share in (None, 1.0))
    assert result.info.texture == 0.5
    assert np.abs(result.image - whole.image).max() > 0.01


def test_methods_without_texture_or_guess_refuse_both() -> None:
    restorer = Restorer(small_resflow(), device="cpu")
    with pytest.raises(UsageError, match=r"texture=0.5 for a resflow model; expected no texture"):
        restorer(picture(16, 16), texture=0.5)
    for sampler in (None, "adaptive"):
        other = Restorer(small_resflow(), device="cpu", sampler=sampler)
        with pytest.raises(UsageError, match=r"steps=0 for the resflow model .* at least 1"):
            other(picture(16, 16), steps=0)
    assert restorer(picture(16, 16)).info.texture is None


def test_the_first_guess_without_a_predictor_is_what_was_given() -> None:
    prior, image = (
        Restorer(small_dtpm(predictor=None, adapters=None), device="cpu"),
        picture(16, 16),
    )
    for options in ({"texture": 0.0}, {"steps": 0}):
        result = prior(image, **options)
        np.testing.assert_allclose(result.image, image, atol=1e-6)
        assert any("nothing was restored: without" in text for text in result.info.messages)
    told = prior(image, steps=3, texture=0.0).info.messages
    assert "steps=3 is not heeded: without texture none is made" in told
    drawn = prior(image, steps=2)
    assert np.abs(drawn.image - image).max() > 0.01
    assert not any("nothing was restored" in text for text in drawn.info.messages)


def test_fewer_bits_do_nearly_the_same() -> None:
    """Within two levels of 255 on average, and the walk itself stays in float32."""
    image = picture(130, 200)
    exact = restored(small_dtpm(), image, steps=4).image
    for tile_size in (None, 96):
        rough = Restorer(small_dtpm(), device="cpu", precision="bfloat16")(
            image, steps=4, tile_size=tile_size, texture=1.0
        )
        assert rough.info.precision == "bfloat16"
        assert rough.info.redone_tiles == 0
        assert 0 < np.abs(rough.image - exact).mean() < 2 / 255


def greedy(monkeypatch: pytest.MonkeyPatch, most: int) -> tuple[DTPM, list[tuple[int, ...]]]:
    """Return a method whose denoiser cannot bear more pixels, and what it failed on."""
    method = small_dtpm()
    forward, failed = method.network.forward, []

    def bear(state: Tensor, *others: Tensor) -> Tensor:
        size = tuple(state.shape[2:])
        if size[0] * size[1] > most and size != (64, 64):  # on which memory is measured
            failed.append(size)
            raise MemoryError
        return forward(state, *others)

    monkeypatch.setattr(method.network, "forward", bear)
    return method, failed


def test_windows_are_halved_where_memory_is_short(monkeypatch: pytest.MonkeyPatch) -> None:
    memory_of(monkeypatch, 10**12)
    method, failed = greedy(monkeypatch, 130 * 130)
    image = picture(200, 300)
    result = restored(method, image, steps=2, seed=1)
    assert len(failed) == 2  # and not once more in later steps
    assert result.info.messages == (
        "memory did not suffice for tiles of 300 pixels: went on with 150",
        "memory did not suffice for tiles of 144 pixels: went on with 72",
    )
    cut = restored(small_dtpm(), image, steps=2, seed=1, tile_size=72)
    assert np.abs(result.image - cut.image).mean() < 0.5 / 255


def test_windows_that_memory_never_suffices_for(monkeypatch: pytest.MonkeyPatch) -> None:
    method, _ = greedy(monkeypatch, 0)
    with pytest.raises(MemoryExhaustedError, match="does not suffice for a tile of"):
        restored(method, picture(200, 300), steps=3)


def test_photos_too_large_for_memory_are_restored_tile_by_tile(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    method, image = small_dtpm(), picture(80, 120)
    memory_of(monkeypatch, 80 * 120 * 200)
    result = restored(method, image, seed=3, steps=4, tile_size=64)
    assert APART in result.info.messages
    np.testing.assert_array_equal(result.image, tiles_apart(method, image, 64))
    memory_of(monkeypatch, 10**12)
    assert APART not in restored(method, image, steps=4, tile_size=64).info.messages


def test_a_walk_that_runs_out_of_memory_goes_on_tile_by_tile(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    memory_of(monkeypatch, 10**12)
    method, image = small_dtpm(), picture(80, 120)

    def fail(*_: object, **__: object) -> Tensor:
        raise MemoryError

    monkeypatch.setattr(DTPM, "restore_whole", fail)
    monkeypatch.setattr(DTPM, "restore", lambda _self, lq, **_: lq)
    result = restored(method, image, steps=4, tile_size=64)
    assert LATE in result.info.messages
    np.testing.assert_array_equal(result.image, image)


def test_evaluations_are_what_progress_counts() -> None:
    restorer = Restorer(small_dtpm(), device="cpu", precision="float32")
    options = RestoreOptions(steps=3, variants=2, tile_size=64)
    run = Run(Chosen(Ready(restorer._engine, restorer.model), options))
    tiler = run._tiles(100, 120)
    seen: list[tuple[int, int]] = []
    image = picture(100, 120)
    list(tiler.bands(lambda top, height: image[top : top + height], lambda *at: seen.append(at)))
    assert seen == [(done, 8) for done in range(1, 9)]  # twice a guess and three steps
