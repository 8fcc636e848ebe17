"""Pictures that any browser shows, of photos that not every browser does."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import pyvips
from PIL import Image
from tests.conftest import scene

from undegrade.errors import InputError
from undegrade.serving.page.sketches import LONGEST, Part, Sketch, draw


def shown(sketch: Sketch) -> np.ndarray:
    return np.asarray(Image.open(sketch.target.with_name(draw(sketch)["picture"])))


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "photo.png"
    Image.fromarray(scene(80, 120, 1)).save(path)
    return path


def test_a_small_photo_is_shown_as_it_is(photo: Path, tmp_path: Path) -> None:
    sketch = Sketch(photo, tmp_path / "shown", measured=True)
    np.testing.assert_array_equal(shown(sketch), scene(80, 120, 1))
    told = draw(sketch)
    assert (told["width"], told["height"], told["format"]) == (120, 80, "png")
    assert told["numbers"]["brightness"] == pytest.approx(
        np.asarray(Image.open(photo).convert("L")).mean(), abs=0.6
    )
    assert draw(replace(sketch, measured=False))["numbers"] is None


def test_sixteen_bits_become_eight(tmp_path: Path) -> None:
    path = tmp_path / "deep.tif"
    levels = scene(40, 60, 2)
    deep = levels.astype(np.uint16) * 257
    pyvips.Image.new_from_array(deep, interpretation="rgb16").tiffsave(str(path))
    np.testing.assert_array_equal(shown(Sketch(path, tmp_path / "shown")), levels)


def test_what_lies_on_its_side_is_put_upright(tmp_path: Path) -> None:
    path = tmp_path / "turned.png"
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by a quarter to the right
    Image.fromarray(scene(30, 50, 3)).save(path, exif=exif)
    upright = np.rot90(scene(30, 50, 3), -1)
    np.testing.assert_array_equal(shown(Sketch(path, tmp_path / "shown")), upright)


def test_transparent_parts_are_white(tmp_path: Path) -> None:
    path = tmp_path / "seen_through.png"
    levels = np.zeros((20, 20, 4), np.uint8)
    levels[:, 10:, 3] = 255
    Image.fromarray(levels).save(path)
    picture = shown(Sketch(path, tmp_path / "shown"))
    assert picture[:, :10].min() == 255
    assert picture[:, 10:].max() == 0


@pytest.mark.parametrize(("height", "width"), [(64, 5001), (1700, 40), (1200, 3300)])
def test_a_large_photo_is_shown_shrunk(tmp_path: Path, height: int, width: int) -> None:
    path = tmp_path / "large.png"
    Image.new("RGB", (width, height), (200, 100, 50)).save(path)
    picture = shown(Sketch(path, tmp_path / "shown"))
    assert max(picture.shape[:2]) == LONGEST
    assert picture.shape[1] / picture.shape[0] == pytest.approx(width / height, rel=0.06)
    assert np.abs(picture.reshape(-1, 3) - np.array([200.0, 100, 50])).max() <= 2


def test_a_part_is_shown_in_full_resolution(photo: Path, tmp_path: Path) -> None:
    part = Part(70, 20, 50, 30)
    picture = shown(Sketch(photo, tmp_path / "shown", part=part))
    np.testing.assert_array_equal(picture, scene(80, 120, 1)[20:50, 70:120])
    with pytest.raises(InputError, match="beyond"):
        draw(Sketch(photo, tmp_path / "shown", part=replace(part, width=51)))


def test_a_map_shines_over_a_darker_grey_picture(photo: Path, tmp_path: Path) -> None:
    heat = tmp_path / "heat.png"
    light = np.zeros((80, 120, 3), np.uint8)
    light[:, 60:] = (255, 128, 0)
    Image.fromarray(light).save(heat)
    picture = shown(Sketch(photo, tmp_path / "shown", heat=heat))
    assert np.ptp(picture[:, :60].astype(int), axis=2).max() == 0  # grey where there is none
    assert picture[:, :60].max() <= 0.6 * 255 + 1
    assert picture[:, 60:, 0].min() == 255
    assert (picture[:, 60:, 1] >= 128).all()
    Image.new("RGB", (120, 81)).save(heat)
    with pytest.raises(InputError, match="another size"):
        draw(Sketch(photo, tmp_path / "shown", heat=heat))


def test_what_is_gone_or_no_photo_is_told_without_its_path(photo: Path, tmp_path: Path) -> None:
    for content in (None, b"", b"words"):
        photo.unlink() if content is None else photo.write_bytes(content)
        with pytest.raises(InputError) as caught:
            draw(Sketch(photo, tmp_path / "shown"))
        assert str(tmp_path) not in str(caught.value)
