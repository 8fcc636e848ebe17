"""The classifier: how large it is, how far it looks, and what of a picture it heeds."""

import numpy as np
import pytest
import torch

from undegrade.degradations import Chain
from undegrade.networks.classifier import Classifier, ClassifierOptions, grid
from undegrade.randomness import generator


def classifier(widths: tuple[int, ...] = (6, 8, 8), answers: int = 3) -> Classifier:
    torch.manual_seed(0)
    return Classifier(ClassifierOptions(widths=widths, hidden=8), answers).eval()


def test_the_default_is_small() -> None:
    network = Classifier(ClassifierOptions(), 10)
    assert 0.4e6 < sum(parameter.numel() for parameter in network.parameters()) < 0.5e6


@pytest.mark.parametrize("size", [(64, 64), (65, 101), (128, 96)])
def test_pictures_may_be_of_any_size(size: tuple[int, int]) -> None:
    with torch.no_grad():
        logits = classifier()(torch.rand(2, 3, *size))
    assert logits.shape == (2, 3)
    assert logits.isfinite().all()


def test_a_batch_is_as_its_pictures_alone() -> None:
    network, pictures = classifier(), torch.rand(3, 3, 64, 72)
    with torch.no_grad():
        together = network(pictures)
        alone = torch.cat([network(picture[None]) for picture in pictures])
    torch.testing.assert_close(together, alone)


def test_statistics_are_normalised_by_the_batch_and_later_by_all() -> None:
    network, pictures = classifier(), torch.rand(8, 3, 64, 64) * torch.rand(8, 1, 1, 1)
    given: list[torch.Tensor] = []
    network.head.register_forward_pre_hook(lambda _, args: given.append(args[0]))
    network.train()
    with torch.no_grad():
        for _ in range(200):
            network(pictures)
        network.eval()(pictures)
        network.train()(pictures[:1])  # one alone has no deviation
    torch.testing.assert_close(
        given[199].mean(dim=0), torch.zeros_like(given[0][0]), atol=1e-4, rtol=0
    )
    torch.testing.assert_close(
        given[200].mean(dim=0), torch.zeros_like(given[0][0]), atol=1e-2, rtol=0
    )
    torch.testing.assert_close(given[201], given[200][:1])


def test_faint_noise_is_seen_at_full_resolution() -> None:
    """A grey picture, and one with noise of a level and a half: the first level tells."""
    network = classifier()
    grey = torch.full((1, 3, 128, 128), 0.5)
    with torch.no_grad():
        plain, noisy = map(network.statistics, (grey, grey + 1.5 / 255 * torch.randn_like(grey)))
    deviations = slice(6, 12)  # after the means
    assert float((noisy - plain)[0, deviations].max()) > 0.02


@pytest.mark.parametrize(("top", "left"), [(0, 0), (3, 6)])
def test_the_grid_of_jpeg_is_found_wherever_it_begins(top: int, left: int) -> None:
    rng = generator("grid")
    smooth = np.cumsum(np.cumsum(rng.normal(0, 0.004, (96, 104, 3)), 0), 1) + 0.5
    clean = smooth.clip(0, 1).astype(np.float32)
    coded = Chain.parse(["jpeg:quality=20"]).apply(clean, rng)
    before, after = (
        grid(torch.from_numpy(picture[top:, left:].copy()).permute(2, 0, 1)[None])[0]
        for picture in (clean, coded)
    )
    for place in (0, 2):  # columns and rows
        assert float(before[place]) < 0.3 < 0.6 < float(after[place])


def test_it_looks_as_far_as_it_says() -> None:
    network, seen = classifier(), []
    network.levels[-1].register_forward_hook(lambda *given: seen.append(given[2]))
    picture = torch.rand(1, 3, 96, 96)
    reach = network.receptive_radius
    assert reach == 12
    place = 48  # of a pixel that the last level has at 48 / 4 as well
    for offset in (reach, reach + 1):
        changed = picture.clone()
        changed[..., place + offset] += 1
        with torch.no_grad():
            network(picture)
            network(changed)
    before, near, _, far = (values[0, :, 12, 12] for values in seen)
    assert not torch.equal(before, near)
    assert torch.equal(before, far)
