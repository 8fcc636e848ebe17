"""The weights that ship: whole, small, quick to load, and worth having."""

import shlex
from itertools import takewhile
from pathlib import Path

import numpy as np
import pytest

from undegrade import Restorer, list_models
from undegrade.data.photos import as_float, decode
from undegrade.data.samples import to_tensor
from undegrade.degradations import Chain, Image
from undegrade.metrics.distortion import psnr
from undegrade.randomness import generator
from undegrade.zoo import DEFAULT_MODEL, find_model

ROOT = Path(__file__).parents[1]
PHOTOS = ROOT / "examples" / "photos"
RECIPES = ROOT / "recipes"


@pytest.fixture(scope="module")
def restorer() -> Restorer:
    return Restorer.from_pretrained(device="cpu", precision="float32")


@pytest.fixture(scope="module")
def cat() -> Image:
    return as_float(decode(PHOTOS / "cat.clean.jpg"))[40:232, 60:316]


def gain(restored: Image, lq: Image, hq: Image) -> float:
    truth = to_tensor([hq])
    return float(psnr(to_tensor([restored]), truth) - psnr(to_tensor([lq]), truth))


def test_all_bundled_models_are_whole_and_small() -> None:
    bundled = [entry for entry in list_models() if entry.bundled]
    assert DEFAULT_MODEL in {entry.name for entry in bundled}
    for entry in bundled:
        entry.verify()
        assert entry.size <= 12 * 2**20
        assert entry.sha256 in entry.card
        assert entry.config.licence in entry.card
        assert entry.config.recipe["seed"] == 0
    folder = bundled[0].folder.parent
    assert sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) <= 70e6


@pytest.mark.parametrize("name", [entry.name for entry in list_models() if entry.bundled])
def test_the_recipe_of_each_is_a_committed_one(name: str) -> None:
    from undegrade.training.parsing import parse_recipe
    from undegrade.training.recipe_files import load_recipe

    places = (RECIPES / f"{name}.yaml", RECIPES / "small" / f"{name}.yaml")
    path = next(place for place in places if place.exists())
    made = load_recipe(path, [*changes_in(path), "compile=false"])
    assert parse_recipe(find_model(name).config.recipe) == made


def changes_in(path: Path) -> list[str]:
    """Return with which changes a recipe says that the bundled weights were made."""
    _, found, below = path.read_text().partition("# The bundled weights were made with\n")
    assert found
    lines = takewhile(lambda line: line.startswith("#   "), below.splitlines())
    return [change for line in lines for change in shlex.split(line.removeprefix("#"))]


@pytest.mark.parametrize("steps", [1, 4])
@pytest.mark.parametrize(
    ("degradation", "least"),
    [
        ("noise:sigma=15", 3.0),
        ("noise:sigma=25", 4.0),
        ("noise:sigma=50", 5.0),
        ("poisson:peak=100", 3.0),
        ("jpeg:quality=10", 0.4),
    ],
)
def test_it_helps(
    restorer: Restorer, cat: Image, degradation: str, least: float, steps: int
) -> None:
    lq = Chain.parse([degradation]).apply(cat, generator("bundled", degradation))
    assert gain(restorer(lq, steps=steps).image, lq, cat) > least


def test_a_clean_photo_survives(restorer: Restorer, cat: Image) -> None:
    restored = restorer(cat).image
    assert float(psnr(to_tensor([restored]), to_tensor([cat]))) > 38


def test_tiles_leave_no_seam(restorer: Restorer, cat: Image) -> None:
    lq = Chain.parse(["noise:sigma=25"]).apply(cat, generator("seam"))
    whole = restorer(lq, tile_size=512, steps=1)
    tiled = restorer(lq, tile_size=128, steps=1)
    assert (whole.info.tiles, tiled.info.tiles > 1) == (1, True)
    change = 255 * (tiled.image - whole.image)
    # The network weighs channels by what a window of 256 pixels shows, of which a tile of 128 has
    # but a half: the picture changes a little, and nowhere by a step.
    assert np.abs(change).mean() < 1
    for axis in (0, 1):
        assert np.abs(np.diff(change.mean(axis=(axis, 2)))).max() < 0.5


def test_draws_differ_a_little(restorer: Restorer, cat: Image) -> None:
    lq = Chain.parse(["noise:sigma=50"]).apply(cat, generator("draws"))
    result = restorer(lq, variants=2, uncertainty=True)
    assert not np.array_equal(result.variants[0], result.variants[1])
    assert result.uncertainty is not None
    assert 0 < float(result.uncertainty.mean()) < 0.05
