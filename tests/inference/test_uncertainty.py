"""The maps of uncertainty as files."""

import os
from pathlib import Path

import numpy as np
import pytest
import pyvips

from undegrade.errors import OutputError
from undegrade.images.colour import lab_from_srgb
from undegrade.inference.uncertainty import (
    UncertaintyWriter,
    brightest_level,
    heat_colours,
    heat_table,
    to_levels,
)


def deviations() -> np.ndarray:
    rows = np.linspace(0, 0.05, 40 * 30, dtype=np.float32).reshape(40, 30)
    rows[0, 0] = 0.7
    return rows


@pytest.fixture
def maps(tmp_path: Path) -> tuple[Path, Path]:
    heat, data = tmp_path / "a.uncertainty.png", tmp_path / "a.uncertainty.tiff"
    with UncertaintyWriter(30, 40, heat, data) as writer:
        for top in range(0, 40, 15):
            writer.write_rows(deviations()[top : top + 15])
    return heat, data


def test_the_data_are_linear_in_the_deviation(maps: tuple[Path, Path]) -> None:
    image = pyvips.Image.new_from_file(str(maps[1]))
    assert (image.bands, image.format, image.interpretation) == (1, "ushort", "grey16")
    values = image.numpy() / 65535
    np.testing.assert_allclose(values, deviations(), atol=8e-6)
    assert "65535 is the picture's whole range" in image.get("image-description")


def test_the_heat_map_brightens_with_the_deviation(maps: tuple[Path, Path]) -> None:
    image = pyvips.Image.new_from_file(str(maps[0]))
    assert (image.bands, image.format, image.width, image.height) == (3, "uchar", 30, 40)
    lightness = lab_from_srgb(image.numpy() / 255)[..., 0].ravel()
    assert lightness[1] < 1
    assert lightness[0] > 96
    assert lightness[-1] > 96
    assert (np.diff(lightness[1:]) > -0.5).all()
    assert "white for 0.050" in image.get("png-comment-0-Description")


def test_folders_may_have_names_that_are_no_text(tmp_path: Path) -> None:
    folder = tmp_path / os.fsdecode(b"not-utf8-\xff")
    try:
        folder.mkdir()
    except OSError:
        pytest.skip("this file system does not allow the name")
    maps = folder / "a.uncertainty.png", folder / "a.uncertainty.tiff"
    with UncertaintyWriter(30, 40, *maps) as writer:
        writer.write_rows(deviations())
    assert sorted(folder.iterdir()) == sorted(maps)
    assert all(path.stat().st_size for path in maps)


def test_only_the_maps_are_left(maps: tuple[Path, Path]) -> None:
    assert sorted(maps[0].parent.iterdir()) == sorted(maps)


def test_an_error_leaves_nothing(tmp_path: Path) -> None:
    def fail() -> None:
        with UncertaintyWriter(3, 4, tmp_path / "a.png", tmp_path / "a.tiff") as writer:
            writer.write_rows(np.zeros((2, 3), np.float32))
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="cannot be written"):
        UncertaintyWriter(3, 4, tmp_path / "a.png", tmp_path / "none" / "a.tiff")
    assert list(tmp_path.iterdir()) == []


def test_a_certain_picture_is_black(tmp_path: Path) -> None:
    heat = tmp_path / "a.png"
    with UncertaintyWriter(3, 2, heat, tmp_path / "a.tiff") as writer:
        writer.write_rows(np.zeros((2, 3), np.float32))
    assert not pyvips.Image.new_from_file(str(heat)).numpy().any()


def test_levels_are_rounded_and_clipped() -> None:
    values = np.array([0, 1.6 / 65535, 0.5, 1, 9], np.float32)
    np.testing.assert_array_equal(to_levels(values), [0, 2, 32768, 65535, 65535])


def test_the_brightest_level_leaves_out_a_thousandth() -> None:
    counts = np.zeros(65536, np.int64)
    counts[100], counts[5000] = 9999, 1
    assert brightest_level(counts) == 100
    counts[5000] = 1000
    assert brightest_level(counts) == 5000


def test_colours_rise_evenly_in_lightness() -> None:
    colours = heat_colours()
    assert colours.shape == (256, 3)
    lightness = lab_from_srgb(colours / 255)[:, 0]
    np.testing.assert_allclose(lightness, np.linspace(0, 97, 256), atol=0.6)
    steps = np.abs(np.diff(colours.astype(int), axis=0)).max()
    assert steps <= 10  # no edges where there are none
    chroma = np.hypot(*lab_from_srgb(colours / 255)[:, 1:].T)
    assert chroma[64:192].min() > 40


def test_the_table_reaches_its_end_at_the_brightest_level() -> None:
    table = heat_table(1000)
    assert table.shape == (1, 65536, 3)
    np.testing.assert_array_equal(table[0, 1000:], np.broadcast_to(table[0, -1], (64536, 3)))
    assert (table[0, 900] != table[0, 1000]).any()
