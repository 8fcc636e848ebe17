"""Changes in the middle of priors: a tiny one, and one for which their effects are known."""

import csv
import math
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from random_networks import randomised
from tiny_model import tiny_prior
from torch import Tensor

from undegrade.errors import InputError
from undegrade.evaluation.candidates.baselines import Baseline
from undegrade.evaluation.pictures import TruthPair
from undegrade.evaluation.prior.denoising import PriorModel
from undegrade.evaluation.prior.h_kept import ViewOf, keep_changes, keep_distances
from undegrade.evaluation.prior.h_plots import draw_changes, draw_walks
from undegrade.evaluation.prior.h_space import AtTime, View, find_basis, look, measure, walk
from undegrade.methods import build_method, parse_options
from undegrade.methods.prior import Prior
from undegrade.randomness import generator

SIDE, T = 16, 250
Change = Callable[[Tensor], Tensor]


class Plain(Prior):
    """Its middle is the state, and the noise that it sees twice the middle: all is linear."""

    def forward(
        self, x_t: Tensor, t: Tensor, change: Change | None = None
    ) -> tuple[Tensor, Tensor]:
        middle = x_t if change is None else change(x_t)
        return 2 * middle, middle


def tiny(seed: int = 0) -> PriorModel:
    method = build_method(parse_options(tiny_prior()))
    assert isinstance(method, Prior)
    randomised(method)
    return PriorModel("tiny", method, torch.device("cpu"), 2, seed)


def plain() -> PriorModel:
    options = parse_options(tiny_prior())
    return PriorModel("plain", Plain(options), torch.device("cpu"), 2)  # type: ignore[arg-type]


def squares(count: int, name: str = "squares") -> Tensor:
    drawn = generator(0, name).random((count, 3, SIDE, SIDE), dtype=np.float32)
    return torch.from_numpy(drawn)


def test_components_are_those_of_the_crops() -> None:
    """Crops that differ along two patterns alone have two components, of known spread."""
    patterns = torch.zeros(2, 3, SIDE, SIDE)
    patterns[0, 0, :8], patterns[1, 1, 8:] = 1, 1
    amounts = torch.tensor([[-0.3, 0.0], [0.3, 0.0], [0.0, -0.1], [0.0, 0.1]])
    crops = 0.5 + torch.einsum("nk,kchw->nchw", amounts, patterns)
    model = plain()
    basis = find_basis(model, crops, T)
    left = float(model.method.schedule.alpha_bar[T])
    # A pattern of 128 ones has the length sqrt(128); pictures are doubled for [-1, 1].
    length = 2 * math.sqrt(left) * math.sqrt(128)
    spreads = [length * amount * math.sqrt(2 / 3) for amount in (0.3, 0.1)]
    assert basis.directions.shape == (3, 3, SIDE, SIDE)
    torch.testing.assert_close(basis.deviations[:2], torch.tensor(spreads), rtol=1e-4, atol=0)
    assert basis.deviations[2] < 1e-4
    for found, pattern in zip(basis.directions, patterns, strict=False):
        torch.testing.assert_close(found, pattern / math.sqrt(128), atol=1e-4, rtol=0)
    assert basis.shares[:2] == pytest.approx((0.9, 0.1), abs=1e-4)


def test_effects_and_distances_are_those_of_theory() -> None:
    model = plain()
    clean, other = squares(3), squares(3, "others")
    basis = find_basis(model, squares(12, "crops"), T)
    found = measure(model, (clean, other), basis, (1.0, 3.0))
    left = float(model.method.schedule.alpha_bar[T])
    for component, deviation in enumerate(basis.deviations.tolist()):
        expected = (2 * deviation) ** 2 / (3 * SIDE**2)  # the noise is twice the middle
        for view in found.views:
            assert view.noise[component] == pytest.approx((expected, 9 * expected), rel=1e-3)
            beside = [(1 - left) / left * size * expected for size in (1, 9)]
            assert view.picture[component] == pytest.approx(beside, rel=1e-3)
    apart = 4 * left * (other - clean).square().mean()
    assert found.views[1].distance == pytest.approx(float(apart), rel=1e-4)
    assert found.views[0].distance == 0
    pairs = [(0, 1), (0, 2), (1, 2)]
    between = 4 * left * sum((clean[i] - clean[j]).square().mean() for i, j in pairs) / 3
    assert found.between == pytest.approx(float(between), rel=1e-4)


def test_no_change_changes_nothing_and_larger_ones_more() -> None:
    model = tiny()
    basis = find_basis(model, squares(20, "crops"), T)
    assert len(basis.directions) == 8
    sizes = (0.0, 0.5, 1.0, 2.0, 4.0)
    found = measure(model, (squares(2),), basis, sizes)
    for changes in found.views[0].noise:
        assert changes[0] == 0
        assert all(less < more for less, more in pairwise(changes))
    drawn = walk(model, squares(1)[0], basis, 0, (0.0, 1.0, -1.0, 2.0))
    off = (drawn - drawn[0]).square().mean(dim=(1, 2, 3))
    assert drawn.shape == (4, 3, SIDE, SIDE)
    assert 0 == off[0] < off[1] < off[3]
    assert off[2] > 0


def test_the_same_is_found_again() -> None:
    crops, views = squares(9, "crops"), (squares(2), squares(2, "others"))
    first, second = (measure(tiny(), views, find_basis(tiny(), crops, T)) for _ in range(2))
    assert first == second
    other = tiny(seed=1)
    assert measure(other, views, find_basis(other, crops, T)) != first


def pairs(count: int, side: int) -> list[TruthPair]:
    drawn = generator(0, "pairs").random((count, 2, side, side, 3), dtype=np.float32)
    return [TruthPair(str(number), lq, hq) for number, (lq, hq) in enumerate(drawn)]


def test_whole_pictures_are_restored_and_their_middles_shown() -> None:
    seen: list[tuple[int, ...]] = []

    def halved(lq: np.ndarray) -> np.ndarray:
        seen.append(lq.shape)
        return lq / 2

    found = look(SIDE, pairs(2, 40), [Baseline("half", halved)], degraded=True)
    assert seen == [(40, 40, 3)] * 2
    assert found.crops.shape == (8, 3, SIDE, SIDE)  # 2x2 from each
    clean, degraded, restored = found.views
    for number, pair in enumerate(pairs(2, 40)):
        for view, picture in ((clean, pair.hq), (degraded, pair.lq), (restored, pair.lq / 2)):
            expected = torch.from_numpy(picture[12:28, 12:28]).permute(2, 0, 1)
            assert torch.equal(view[number], expected)
    assert len(look(SIDE, pairs(2, 40), [], degraded=False).views) == 1
    with pytest.raises(InputError, match="1 picture to look at; expected at least 2"):
        look(SIDE, pairs(1, 40), [], degraded=True)


def test_large_pictures_give_a_few_crops_only() -> None:
    found = look(SIDE, pairs(2, 100), [], degraded=False)
    assert found.crops.shape == (16, 3, SIDE, SIDE)
    first, last = pairs(2, 100)[0].hq[:16, :16], pairs(2, 100)[1].hq[80:96, 80:96]
    for crop, expected in ((found.crops[0], first), (found.crops[-1], last)):
        assert torch.equal(crop, torch.from_numpy(expected).permute(2, 0, 1))


ABOUT = (ViewOf("m", "mine", "clean", "", 4), ViewOf("m", "mine", "rain", "r", 4))


def at(t: int, scale: float) -> AtTime:
    rows = ((1.0 * scale, 4.0 * scale, 9.0 * scale),) * 2
    views = tuple(View(rows, rows, distance) for distance in (0.0, 0.25))
    return AtTime(t, (0.5, 0.25), 0.5, views)


def test_findings_gather_in_a_folder(tmp_path: Path) -> None:
    file, distances = tmp_path / "h-space.csv", tmp_path / "h-distance.csv"
    keep_changes(file, ABOUT, [at(5, 1.0), at(7, 2.0)])
    snow = (ABOUT[0], ABOUT[1]._replace(degradation="snow"))
    kept = keep_changes(file, snow, [at(5, 3.0)])
    assert [*kept] == [ABOUT[1], *snow]
    assert len(kept[ABOUT[1]]) == 2 * 2 * 3
    assert kept[ABOUT[0]] == kept[snow[1]]
    assert kept[snow[1]][4] == (5, 2, 2.0, 12.0, 12.0)
    keep_distances(distances, ABOUT, [at(5, 1.0), at(7, 2.0)])
    with distances.open() as opened:
        rows = [*csv.DictReader(opened)]
    assert [(row["restorer"], row["t"], row["distance"], row["between"]) for row in rows] == [
        ("r", "5", "0.25", "0.5"),
        ("r", "7", "0.25", "0.5"),
    ]


def test_drawings_are_the_same_again(tmp_path: Path) -> None:
    kept = keep_changes(tmp_path / "h-space.csv", ABOUT, [at(5, 1.0), at(7, 0.0)])
    alone = {about: changes for about, changes in kept.items() if about.restorer}
    rows = [("clean", torch.rand(3, 3, 8, 8)), ("degraded", torch.rand(3, 3, 8, 8))]
    for name in ("a", "b"):
        draw_changes(kept, tmp_path / f"{name}.png")
        draw_changes(alone, tmp_path / f"{name}-alone.png")
        draw_walks(rows, ("-1", "0", "+1"), "title", tmp_path / f"{name}-walks.png")
    for kind in ("", "-alone", "-walks"):
        first, second = (tmp_path / f"{name}{kind}.png" for name in ("a", "b"))
        assert first.read_bytes() == second.read_bytes()
    assert Image.open(tmp_path / "a.png").width == 900
