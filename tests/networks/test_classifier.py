"""The classifier: how large it is, how far it looks, and what of a picture it heeds."""

import numpy as np
import pytest
import torch

from undegrade.degradations import Chain
from undegrade.networks.classifier import Classifier, ClassifierOptions, Seen, grid, tones
from undegrade.randomness import generator


def classifier(widths: tuple[int, ...] = (6, 8, 8), answers: int = 3) -> Classifier:
    torch.manual_seed(0)
    return Classifier(ClassifierOptions(widths=widths, hidden=8), answers).eval()


def seen(tiles: int, size: tuple[int, int] = (64, 64), side: int = 64) -> Seen:
    return Seen(torch.rand(tiles, 3, side, side), torch.rand(3, *size))


def test_the_default_is_small() -> None:
    network = Classifier(ClassifierOptions(), 10)
    assert 0.5e6 < sum(parameter.numel() for parameter in network.parameters()) < 0.7e6


@pytest.mark.parametrize("size", [(64, 64), (65, 101), (16, 128)])
def test_wholes_may_be_of_any_size(size: tuple[int, int]) -> None:
    with torch.no_grad():
        logits = classifier()([seen(2, size), seen(1, size)])
    assert logits.shape == (2, 3)
    assert logits.isfinite().all()


def test_a_batch_is_as_its_pictures_alone() -> None:
    """Whatever the number of tiles and the size of the whole of each."""
    network, pictures = classifier(), [seen(1), seen(4, (32, 48)), seen(2), seen(4, (48, 32))]
    with torch.no_grad():
        together = network(pictures)
        alone = torch.cat([network([picture]) for picture in pictures])
    torch.testing.assert_close(together, alone)


def test_the_order_of_tiles_and_their_number_do_not_matter() -> None:
    network, picture = classifier(), seen(3)
    with torch.no_grad():
        once = network.statistics([picture])
        turned = network.statistics([picture._replace(tiles=picture.tiles.flip(0))])
        twice = network.statistics([picture._replace(tiles=picture.tiles.repeat(2, 1, 1, 1))])
    torch.testing.assert_close(turned, once)
    torch.testing.assert_close(twice, once)


def test_what_one_tile_has_is_not_drowned_by_the_others() -> None:
    """Noise in one of sixteen tiles: the largest statistics are those of that tile alone."""
    network, whole = classifier(), torch.full((3, 64, 64), 0.5)
    grey = torch.full((16, 3, 64, 64), 0.5)
    noisy = grey.clone()
    noisy[5] += 0.1 * torch.randn_like(noisy[5])
    with torch.no_grad():
        some, alone = (network.statistics([Seen(tiles, whole)])[0] for tiles in (noisy, noisy[5:6]))
        plain = network.statistics([Seen(grey, whole)])[0]
    count = 2 * (6 + 8 + 8) + 4
    means, largest = slice(0, count), slice(count, 2 * count)
    torch.testing.assert_close(some[largest], torch.maximum(plain, alone)[largest])
    torch.testing.assert_close(some[means], ((15 * plain + alone) / 16)[means])


def test_statistics_are_normalised_by_the_batch_and_later_by_all() -> None:
    network = classifier()
    lights = torch.rand(8, 1, 1, 1)
    pictures = [
        Seen(light * tiles, light * whole)
        for light, (tiles, whole) in ((light, seen(2)) for light in lights)
    ]
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


def test_faint_noise_is_seen() -> None:
    """A grey picture, and one with noise of a level and a half: the first level tells."""
    network = classifier()
    grey, whole = torch.full((1, 3, 128, 128), 0.5), torch.full((3, 64, 64), 0.5)
    with torch.no_grad():
        plain, noisy = (
            network.statistics([Seen(tiles, whole)])
            for tiles in (grey, grey + 1.5 / 255 * torch.randn_like(grey))
        )
    deviations = slice(6, 12)  # after the means
    assert float((noisy - plain)[0, deviations].max()) > 0.02


def test_tones_are_quantiles_of_darkest_and_lightest_colours() -> None:
    levels = torch.linspace(0, 1, 101)[torch.randperm(101)].view(1, 1, 101)
    picture = torch.stack([0.5 + 0.5 * levels, 0.5 * levels, 0.2 + 0.5 * levels], dim=1)
    dark, light, colour = tones(picture)[0].view(3, 9)
    shares = torch.tensor([0, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 1])
    torch.testing.assert_close(dark, 0.5 * shares)
    torch.testing.assert_close(light, 0.5 + 0.5 * shares)
    torch.testing.assert_close(colour, torch.full((9,), 0.5))


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
    network, found = classifier(), []
    network.near.levels[-1].register_forward_hook(lambda *given: found.append(given[2]))
    reach = network.receptive_radius
    assert reach == 23
    place = 48  # of a pixel that the last level has at 48 / 8 as well
    picture = seen(1, side=96)
    for offset in (reach, reach + 1):
        changed = picture.tiles.clone()
        changed[..., place + offset] += 1
        with torch.no_grad():
            network([picture])
            network([picture._replace(tiles=changed)])
    before, near, _, far = (values[0, :, 6, 6] for values in found)
    assert not torch.equal(before, near)
    assert torch.equal(before, far)
