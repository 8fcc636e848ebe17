"""One number for how bad it is, the same for all degradations."""

from pathlib import Path

import numpy as np
import pytest
from pictures import degrade, distance, scenery
from scipy.io import savemat

from undegrade.data.photos import as_float, decode
from undegrade.degradations import REGISTRY, DegradationSpec, Image
from undegrade.degradations.kernels import trajectory_kernel
from undegrade.errors import UsageError
from undegrade.randomness import generator

LEVELS = [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]


PHOTOS = Path(__file__).parents[2] / "examples" / "photos"


def pictures() -> dict[str, Image]:
    """A made-up picture, squares of real photos, and the ends of the range."""
    found = {"scenery": scenery()}
    for name in ("cat", "coffee"):
        found[name] = as_float(decode(PHOTOS / f"{name}.clean.jpg"))[40:136, 60:156]
    return found | {
        "white": np.ones((64, 64, 3), np.float32),
        "black": np.zeros((64, 64, 3), np.float32),
    }


@pytest.mark.parametrize("name", REGISTRY.names())
@pytest.mark.parametrize("seed", [0, 1])
def test_more_of_it_is_never_closer_to_the_truth(name: str, seed: int, tmp_path: Path) -> None:
    file = ""
    if name == "kernel-blur":
        savemat(tmp_path / "kernels.mat", {"shake": trajectory_kernel(generator(9), 20.0, 1.0)})
        file = f"file={tmp_path / 'kernels.mat'},"
    texts = [f"{name}:{file}severity={level}" for level in LEVELS]
    for title, hq in pictures().items():
        flat = title in ("white", "black")
        if flat and name == "jpeg":
            continue  # whose rounding is kinder to them at some qualities
        scores = [min(100.0, distance(degrade(text, hq, seed), hq)) for text in texts]
        assert scores == sorted(scores, reverse=True), title
        assert flat or scores[0] - scores[-1] > 4, title


def test_what_is_set_beside_it_wins() -> None:
    drawn = DegradationSpec.parse("rain:severity=0.5,angle=30,layers=1").draw(generator(0))
    plain = DegradationSpec.parse("rain:severity=0.5").draw(generator(0))
    assert (drawn.angle, drawn.layers) == (30, 1)  # type: ignore[attr-defined]
    assert drawn.density == plain.density  # type: ignore[attr-defined]


def test_it_may_be_drawn() -> None:
    spec = DegradationSpec.parse("noise:severity=0..1")
    drawn = {spec.draw(generator(seed)).sigma for seed in range(8)}  # type: ignore[attr-defined]
    assert len(drawn) == 8
    assert min(drawn) >= 2
    assert max(drawn) <= 75


@pytest.mark.parametrize("value", ["1.1", "-0.1", "much", "0..2"])
def test_it_lies_between_nought_and_one(value: str) -> None:
    with pytest.raises(UsageError, match="severity"):
        DegradationSpec.parse(f"noise:severity={value}")
