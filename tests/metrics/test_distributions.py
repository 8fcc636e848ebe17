"""FID and KID against closed forms, a matrix root and torchmetrics; patches; the jackknife."""

import numpy as np
import pytest
import torch
from scipy.linalg import sqrtm
from torchmetrics.image.kid import poly_mmd

from undegrade.errors import InputError
from undegrade.metrics.catalogue import SET_METRICS
from undegrade.metrics.distributions import (
    Features,
    frechet_distance,
    kernel_distance,
    patches,
    standard_error,
)


def rows(seed: int, count: int, width: int = 6, scale: float = 1.0) -> Features:
    rng = np.random.default_rng(seed)
    return scale * rng.standard_normal((count, width)) @ rng.uniform(-1, 1, (width, width))


def by_the_root(first: Features, second: Features) -> float:
    """Return the formula of Heusel et al. as it is written."""
    covariances = [np.cov(part, rowvar=False) for part in (first, second)]
    root = sqrtm(covariances[0] @ covariances[1]).real
    apart = first.mean(axis=0) - second.mean(axis=0)
    return float(apart @ apart + np.trace(covariances[0] + covariances[1] - 2 * root))


@pytest.mark.parametrize("counts", [(50, 40), (400, 50), (7, 300)])
def test_the_frechet_distance_is_that_of_the_formula(counts: tuple[int, int]) -> None:
    first, second = rows(1, counts[0]), rows(2, counts[1]) + 0.3
    expected = by_the_root(first, second)
    assert frechet_distance(first, second) == pytest.approx(expected, rel=1e-6)
    assert frechet_distance(second, first) == pytest.approx(expected, rel=1e-6)


def test_the_frechet_distance_in_closed_form() -> None:
    first = rows(1, 30)
    shift = np.arange(6.0)
    assert frechet_distance(first, first) == pytest.approx(0, abs=1e-9)
    assert frechet_distance(first + shift, first) == pytest.approx(shift @ shift, abs=1e-9)
    # Of equal mean and covariances C and 9 C the distance is (3 - 1)^2 tr C.
    centred = first - first.mean(axis=0)
    total = np.trace(np.cov(centred, rowvar=False))
    assert frechet_distance(3 * centred, centred) == pytest.approx(4 * total, rel=1e-9)


def test_fewer_pictures_than_features_are_no_trouble() -> None:
    first = rows(1, 5, width=40)
    assert frechet_distance(first, first) == pytest.approx(0, abs=1e-8)
    assert frechet_distance(first + 1, first) == pytest.approx(40, rel=1e-9)


def test_the_kernel_distance_is_that_of_torchmetrics() -> None:
    first, second = rows(1, 60), rows(2, 60) + 0.2  # theirs takes equally many
    theirs = poly_mmd(torch.from_numpy(first), torch.from_numpy(second))
    assert kernel_distance(first, second) == pytest.approx(1000 * float(theirs), rel=1e-9)


def test_the_kernel_distance_has_no_bias() -> None:
    rng = np.random.default_rng(0)
    apart = [kernel_distance(*rng.standard_normal((2, 10, 3))) for _ in range(400)]
    error = np.std(apart) / np.sqrt(len(apart))
    assert abs(np.mean(apart)) < 4 * error


@pytest.mark.parametrize("compare", [frechet_distance, kernel_distance])
def test_one_picture_is_no_set(compare: object) -> None:
    with pytest.raises(InputError, match="at least 2"):
        compare(rows(0, 1), rows(1, 9))  # type: ignore[operator]


def test_patches_cover_a_picture_with_as_few_as_can_be() -> None:
    picture = torch.arange(720 * 1280).reshape(1, 1, 720, 1280).expand(1, 3, 720, 1280)
    cut = patches(picture)
    assert cut.shape == (15, 3, 256, 256)
    assert cut.unique().numel() == 720 * 1280
    assert torch.equal(patches(picture[..., :256, :256]), picture[..., :256, :256])
    assert len(patches(picture[..., :512, :256])) == 2
    fid = SET_METRICS["fid-patch"]
    with pytest.raises(InputError, match="at least 256x256 for fid-patch"):
        fid.extract(torch.rand(1, 3, 255, 400))


def test_the_jackknife_gives_the_error_of_a_mean() -> None:
    values = np.random.default_rng(0).standard_normal((40, 1, 1))
    zeros = np.zeros_like(values)
    found = standard_error(lambda one, other: float(one.mean()), [*values], [*zeros], 40)
    assert found == pytest.approx(values.std(ddof=1) / np.sqrt(40), rel=1e-9)
    with pytest.raises(InputError, match="at least 3"):
        standard_error(frechet_distance, [*values[:2]], [*zeros[:2]], 2)
    with pytest.raises(InputError, match="as many of each"):
        standard_error(frechet_distance, [*values], [*zeros[:9]], 2)
