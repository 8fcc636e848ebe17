"""Large photos: what is large in them comes from the photo restored shrunk, whatever the tiles."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image, ImageOps
from small_methods import Hungry, Noisy, Simple
from torch import Tensor

from undegrade.errors import InputError
from undegrade.images.blocks import block_means
from undegrade.images.photo import ReadOptions, open_photo
from undegrade.images.writer import WriteOptions
from undegrade.inference.options import RestoreOptions
from undegrade.inference.overview import Overview, block_side
from undegrade.inference.report import ModelInfo
from undegrade.inference.restorer import Restorer
from undegrade.inference.together import Work, restore_together
from undegrade.processes.noise import NoiseSource

SIDE = 64
_AS_IS = {"read": ReadOptions(), "write": WriteOptions()}
INFO = ModelInfo("levels", tasks=("dehaze",), overview={"dehaze": SIDE})


class Levelled(Simple):
    """Takes what it sees to a mean of one half: of another part it makes something else."""

    def change(self, lq: Tensor, noise: NoiseSource) -> Tensor:
        return lq - lq.mean((2, 3), keepdim=True) + 0.5


def picture(height: int, width: int) -> np.ndarray:
    """Return a smooth slope from dark to bright, with a fine pattern on it."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    slope = 0.3 + 0.3 * x / width + 0.1 * y / height
    return np.repeat((slope + 0.02 * ((x + y) % 2))[:, :, None], 3, axis=2)


@pytest.mark.parametrize(
    ("height", "width", "side"),
    [
        (64, 64, 1),
        (95, 95, 1),
        (128, 150, 2),
        (640, 700, 10),
        (130, 640, 2),
        (9000, 20, 1),
        (1, 1, 1),
    ],
)
def test_blocks_shrink_to_about_the_size_wanted(height: int, width: int, side: int) -> None:
    assert block_side(height, width, SIDE) == side
    assert block_side(height, width, 0) == 1


@pytest.mark.parametrize("tile_size", [None, 64, 72])
@pytest.mark.parametrize("size", [(320, 320), (203, 331)])
def test_the_whole_is_seen_whatever_the_tiles(size: tuple[int, int], tile_size: int | None) -> None:
    lq = picture(*size)
    restored = Restorer(Levelled(), INFO, device="cpu")(lq, tile_size=tile_size).image
    block = block_side(*size, SIDE)
    wanted = Restorer(Levelled(), device="cpu")(block_means(lq, block)).image
    inner = np.s_[1:-1, 1:-1]
    np.testing.assert_allclose(block_means(restored, block)[inner], wanted[inner], atol=4e-3)
    # The fine pattern is that of the full photo.
    fine = restored - np.roll(restored, 1, axis=1)
    np.testing.assert_allclose(np.abs(fine[8:-8, 8:-8]).mean(), 0.02, atol=2e-3)


class Overdone(Simple):
    """Triples the contrast of what is large, as if haze were thick there."""

    def change(self, lq: Tensor, noise: NoiseSource) -> Tensor:
        mean = lq.mean((2, 3), keepdim=True)
        return mean + (lq - mean) * (3 if lq.shape[2] > 96 else 1)


def test_details_are_no_stronger_than_the_contrast_of_the_overview() -> None:
    waves = 0.1 * np.sin(np.arange(320, dtype=np.float32) / 6)
    lq = picture(320, 320) + waves[:, None, None]
    restored = Restorer(Overdone(), INFO, device="cpu")(lq).image
    blind = Restorer(Overdone(), ModelInfo(), device="cpu")(lq).image
    fine, wild = (np.abs(np.diff(one[8:-8, 8:-8], axis=1)).mean() for one in (restored, blind))
    assert 0.02 < fine < wild * 0.6
    np.testing.assert_allclose(
        block_means(restored, 5)[2:-2, 2:-2], block_means(lq, 5)[2:-2, 2:-2], atol=4e-3
    )


def test_without_it_tiles_differ() -> None:
    lq = picture(320, 320)
    plain = Restorer(Levelled(), ModelInfo("levels", tasks=("dehaze",)), device="cpu")
    means = block_means(plain(lq, tile_size=64).image, 5)
    assert np.ptp(means.mean((0, 2))) < 0.2 < np.ptp(block_means(lq, 5).mean((0, 2)))


@pytest.mark.parametrize(
    ("info", "task", "calls"),
    [
        (INFO, "auto", 2),
        (INFO, "haze", 2),
        (ModelInfo("two", tasks=("dehaze", "derain"), overview={"dehaze": SIDE}), "derain", 1),
        (ModelInfo("two", tasks=("dehaze", "derain"), overview={"dehaze": SIDE}), "dehaze", 2),
        (ModelInfo("two", tasks=("dehaze", "derain"), overview={"dehaze": SIDE}), "auto", 1),
        (ModelInfo("none", tasks=("dehaze",)), "dehaze", 1),
    ],
)
def test_it_goes_by_the_task(info: ModelInfo, task: str, calls: int) -> None:
    method = Levelled()
    Restorer(method, info, device="cpu")(picture(160, 160), task=task)
    assert len(method.calls) == calls


def test_small_photos_are_restored_once() -> None:
    method = Levelled()
    Restorer(method, INFO, device="cpu")(picture(64, 80))
    assert len(method.calls) == 1


def test_files_come_out_as_arrays_do(tmp_path: Path) -> None:
    lq = (picture(203, 331) * 255).round().astype(np.uint8)
    source, target = tmp_path / "photo.png", tmp_path / "out.png"
    Image.fromarray(lq).save(source)
    restorer = Restorer(Levelled(), INFO, device="cpu")
    restorer.restore_file(source, target, RestoreOptions(tile_size=72))
    np.testing.assert_array_equal(np.asarray(Image.open(target)), restorer(lq, tile_size=72).image)
    turned = tmp_path / "turned.jpg"
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(lq).save(turned, quality=100, subsampling=0, exif=exif)
    restorer.restore_file(turned, target, RestoreOptions(tile_size=72))
    upright = np.asarray(ImageOps.exif_transpose(Image.open(turned)))
    assert upright.shape == (331, 203, 3)
    expected = restorer(upright, tile_size=72).image.astype(int)
    np.testing.assert_allclose(np.asarray(Image.open(target)).astype(int), expected, atol=2)


def test_a_file_that_is_cut_off_is_refused_and_nothing_written(tmp_path: Path) -> None:
    source, target = tmp_path / "cut.png", tmp_path / "out.png"
    rng = np.random.default_rng(1)
    Image.fromarray(rng.integers(0, 256, (300, 300, 3), np.uint8)).save(source)
    source.write_bytes(source.read_bytes()[:150_000])
    with pytest.raises(InputError):
        Restorer(Levelled(), INFO, device="cpu").restore_file(source, target)
    assert not target.exists()


def test_a_file_that_is_replaced_meanwhile_is_refused(tmp_path: Path) -> None:
    source, target = tmp_path / "photo.png", tmp_path / "out.png"
    Image.fromarray((picture(300, 300) * 255).astype(np.uint8)).save(source)
    run = Restorer(Levelled(), INFO, device="cpu").run_for(source, RestoreOptions())
    with open_photo(source) as photo:
        Image.fromarray((picture(200, 260) * 255).astype(np.uint8)).save(target)
        target.replace(source)
        with pytest.raises(InputError, match="was replaced while it was read"):
            run.job(photo, WriteOptions())


def test_depth_alpha_and_grey_stay() -> None:
    colour = (picture(200, 200) * 65535).astype(np.uint16)
    alpha = np.tile((np.arange(200) * 300).astype(np.uint16), (200, 1))
    lq = np.dstack([colour, alpha])
    result = Restorer(Levelled(), INFO, device="cpu")(lq, tile_size=64).image
    assert result.dtype == np.uint16
    np.testing.assert_array_equal(result[:, :, 3], alpha)
    grey = Restorer(Levelled(), INFO, device="cpu")(lq[:, :, 0], tile_size=64).image
    assert grey.shape == (200, 200)


def test_several_draws_are_all_put_right() -> None:
    lq = picture(160, 160)
    restorer = Restorer(Noisy(), INFO, device="cpu")
    result = restorer(lq, variants=3, uncertainty=True, seed=4, tile_size=64)
    assert len(result.variants) == 3
    assert np.abs(result.variants[0] - result.variants[1]).mean() > 0.01
    mean = sum(variant.astype(np.float64) for variant in result.variants) / 3
    assert np.abs(result.image - mean).mean() < 1e-4  # but for values at the ends of the range
    assert result.uncertainty is not None
    alone = restorer(lq, seed=4, tile_size=64).image
    np.testing.assert_allclose(alone, result.variants[0], atol=1e-6)
    deviation = np.std(result.variants, axis=0, ddof=1).mean(axis=2)
    np.testing.assert_allclose(result.uncertainty, deviation, atol=1e-4)


def test_the_map_is_of_draws_that_are_put_right() -> None:
    class Drifting(Simple):
        """Draws how bright a tile comes out, the smaller the tile, the more so."""

        def change(self, lq: Tensor, noise: NoiseSource) -> Tensor:
            return lq + 8 / lq.shape[2] * noise.normal((1, 3, lq.shape[2], lq.shape[3])).mean()

    options: dict[str, Any] = {"uncertainty": True, "tile_size": 64}
    lq = 0.25 + picture(320, 320) / 2
    for deterministic in (False, True):
        options["deterministic"] = deterministic
        seen = Restorer(Drifting(), INFO, device="cpu")(lq, **options).uncertainty
        blind = Restorer(Drifting(), device="cpu")(lq, **options).uncertainty
        shrunk = Restorer(Drifting(), device="cpu")(block_means(lq, 5), **options).uncertainty
        assert seen is not None
        assert blind is not None
        assert shrunk is not None
        assert np.ptp(blind) > 10 * np.ptp(seen)
        np.testing.assert_allclose(seen, shrunk.mean(), rtol=0.05)


def test_what_became_of_the_shrunk_photo_is_told() -> None:
    hungry = Hungry(64 * 64, MemoryError())
    info = Restorer(hungry, INFO, device="cpu")(picture(350, 350), tile_size=64).info
    assert any("memory did not suffice for tiles of 72 pixels" in text for text in info.messages)
    assert info.tile_size == 64


def test_large_photos_are_not_restored_together(tmp_path: Path) -> None:
    restorer = Restorer(Levelled(), INFO, device="cpu")
    works = []
    for number in range(2):
        source = tmp_path / f"{number}.png"
        Image.fromarray((picture(160, 160) * 255).astype(np.uint8)).save(source)
        works.append(
            Work(source.read_bytes(), tmp_path / f"{number}.out.png", RestoreOptions(), **_AS_IS)
        )
    restore_together(restorer, works)
    alone = restorer(np.asarray(Image.open(tmp_path / "0.png"))).image
    for work in works:
        np.testing.assert_array_equal(np.asarray(Image.open(work.target)), alone)


def test_a_tile_without_a_whole_block_stays_as_it_is() -> None:
    overview = Overview(np.ones((4, 4, 3), np.float32), 40, (160, 160))
    tile = torch.zeros(1, 3, 64, 64)
    assert not overview.put_right(tile, 10, 10).any()
    assert not overview.put_right(tile, 0, 10).any()
    changed = overview.put_right(tile, 120, 120)  # reaches beyond the picture
    torch.testing.assert_close(changed[:, :, :40, :40], torch.ones(1, 3, 40, 40))
    assert not tile.any()
