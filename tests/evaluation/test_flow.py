"""The analysis of a flow, on Gaussians and on walks whose figures are known."""

import csv
import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from small_methods import small_coupled_resflow, small_plain_resflow, small_resflow
from tiny_model import tiny_regression

from undegrade.data.places import Place
from undegrade.degradations import Chain
from undegrade.errors import InputError, UsageError
from undegrade.evaluation.flow.analysis import FlowModel, analyse_flow
from undegrade.evaluation.flow.companion import Companion, companion_of, describe
from undegrade.evaluation.flow.figures import FlowOptions
from undegrade.evaluation.flow.information import (
    Patches,
    cut_patches,
    entropy_curves,
    haar,
    information_curves,
)
from undegrade.evaluation.flow.plots import draw_figures, draw_strip
from undegrade.evaluation.flow.walks import Walk, mean_straightness, measure_bend, psnr_along
from undegrade.evaluation.pictures import PictureSet
from undegrade.methods import build_method, parse_options
from undegrade.methods.resflow import ResFlow
from undegrade.processes.flow import AuxiliarySchedule
from undegrade.zoo import ModelConfig, save_model

OPTIONS = FlowOptions(
    crop=40, patches=300, times=(0.2, 1.0), steps=(1, 3), fine_steps=4, strip_steps=2
)


def noisy_gaussians(scale: float, coupled: bool, count: int = 3000) -> Patches:
    """Return ``x_1 = x_0 + scale * n``, with ``y_1 = n`` or a noise of its own."""
    rng = np.random.default_rng(0)
    x_0, noise, other = rng.standard_normal((3, count, 1))
    return Patches(x_0, x_0 + scale * noise, Companion(noise if coupled else other))


def idle() -> None:
    return None


def test_information_falls_towards_the_degraded_end_as_it_should() -> None:
    """``I(x_t; x_0) = ln(1 + 1 / (t s)^2) / 2`` for a standard normal and noise of deviation s."""
    options = replace(OPTIONS, times=(0.25, 0.5, 1.0))
    patches = noisy_gaussians(0.8, coupled=False)
    curves = information_curves(patches, AuxiliarySchedule(), options, idle)
    exact = [math.log(1 + 1 / (0.8 * t) ** 2) / 2 for t in options.times]
    assert curves.x == pytest.approx(exact, abs=0.06)
    assert curves.drawn is not None
    assert curves.drawn.gain == pytest.approx([0, 0, 0], abs=0.06)
    assert curves.recognised is None


def test_a_coupled_y_tells_and_a_shuffled_one_does_not() -> None:
    options = replace(OPTIONS, times=(1.0,))
    patches = noisy_gaussians(1.0, coupled=True)
    curves = information_curves(patches, AuxiliarySchedule(), options, idle)
    assert curves.drawn is not None
    assert curves.drawn.gain[0] > 1  # x_1 and the noise give x_0 exactly
    assert curves.drawn.shuffled[0] == pytest.approx(curves.x[0], abs=0.1)


def test_entropies_of_gaussians_and_the_schedule_that_preserves_them() -> None:
    """Ends that are fully correlated, 1.1 and 1: the case for which equation 8 is exact."""
    x_1 = np.random.default_rng(1).standard_normal((3000, 2))
    patches = Patches(1.1 * x_1, x_1, Companion(x_1))
    curves = entropy_curves(patches, 10.0, replace(OPTIONS, times=(0.1, 0.5, 1.0)), idle)
    normal = 1.4189385
    exact = [normal + math.log(1.1 - 0.1 * t) for t in curves.times]
    assert curves.x == pytest.approx(exact, abs=0.04)
    assert curves.y["constant"] == pytest.approx([normal] * 3)
    assert curves.y["linear"] == pytest.approx([normal + math.log(t) for t in curves.times])
    assert curves.drift["paper"] < 1e-6  # the same samples, scaled: the estimator's error cancels
    assert curves.drift["constant"] == pytest.approx(math.log(1.09), abs=1e-6)
    assert curves.needed_sigma == pytest.approx([10 / (11 - t) for t in curves.times])


def test_entropies_count_the_entries_of_y_and_what_they_are_like() -> None:
    """A y of a quarter of the entries, each a nat below a normal one, has to move four times."""
    x_1 = np.random.default_rng(1).standard_normal((3000, 2))
    options = replace(OPTIONS, times=(0.1, 0.5, 1.0))
    patches = Patches(1.1 * x_1, x_1, Companion(x_1, None, -1.0, 0.25))
    curves = entropy_curves(patches, 10.0, options, idle)
    assert curves.y["constant"] == pytest.approx([0.4189385] * 3)
    assert curves.total["constant"] == pytest.approx([x + 0.4189385 / 4 for x in curves.x])
    assert curves.sigma["paper"] == pytest.approx([10 / (11 - t) for t in curves.times])
    assert curves.needed_sigma == pytest.approx([(10 / (11 - t)) ** 4 for t in curves.times])
    for y in (None, Companion(x_1, surplus=None)):
        curves = entropy_curves(Patches(1.1 * x_1, x_1, y), 10.0, options, idle)
        assert len(curves.x) == 3
        assert (curves.y, curves.sigma, curves.total, curves.drift) == ({}, {}, {}, {})
        assert curves.needed_sigma == ()


def ends(*shapes: tuple[int, int]) -> list[tuple[Any, Any]]:
    rng = np.random.default_rng(5)
    return [tuple(rng.random((2, *shape, 3), dtype=np.float32)) for shape in shapes]  # type: ignore[misc]


@pytest.mark.parametrize(
    ("kind", "surplus", "largest"),
    [
        ("gaussian", 0.0, 6.0),
        ("uniform", math.log(2 * math.sqrt(3)) - 1.4189385, math.sqrt(3)),
        ("rademacher", None, 1.0),
    ],
)
def test_a_y_that_does_not_look_is_of_the_models_distribution(
    kind: str, surplus: float | None, largest: float
) -> None:
    method = small_resflow()
    method.flow_options = method.flow_options.model_copy(update={"aux_distribution": kind})
    pairs = ends((40, 40), (40, 40))
    found = companion_of(method, pairs, cut_patches(pairs, OPTIONS)[1], OPTIONS)
    assert found is not None
    assert found.drawn.shape == (300, 2)
    assert float(found.drawn.std()) == pytest.approx(1, abs=0.1)
    assert float(np.abs(found.drawn).max()) <= largest + 1e-9
    assert found.recognised is None
    assert found.surplus == (None if surplus is None else pytest.approx(surplus, abs=1e-6))
    assert found.share == 1
    assert describe(method) == f"y drawn independently, {kind}, sigma paper"


def test_a_model_without_y_has_no_companion() -> None:
    pairs = ends((40, 40))
    method = small_plain_resflow()
    assert companion_of(method, pairs, cut_patches(pairs, OPTIONS)[1], OPTIONS) is None
    assert describe(method) == "no y"


class Told(torch.nn.Module):
    """A recognition network that says in its second channel how bright the clean cell is."""

    def forward(
        self, x_0: torch.Tensor, x_1: torch.Tensor, estimate: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        bright = torch.nn.functional.avg_pool2d(x_0.mean(dim=1, keepdim=True), 8)
        mean = torch.cat([0 * bright, bright], dim=1)
        return mean, torch.full_like(mean, -20.0)


def test_a_learned_y_is_drawn_by_its_prior_and_recognised_from_both_ends() -> None:
    """Whole cells of 8x8 pixels share an entry; the channel that says something comes first."""
    method = small_coupled_resflow()
    method.recognition = Told()  # type: ignore[assignment]
    assert method.prior is not None
    method.prior.forward = lambda x_1: torch.full(  # type: ignore[method-assign]
        (1, 2, x_1.shape[2] // 8, x_1.shape[3] // 8), math.log(3)
    )
    pairs = ends((16, 32), (40, 40))
    options = replace(OPTIONS, patches=500)
    patches, cells = cut_patches(pairs, options)
    found = companion_of(method, pairs, cells, options)
    assert found is not None
    assert found.recognised is not None
    expected = []
    for (_, hq), chosen in zip(pairs, cells, strict=True):
        rows, columns = np.divmod(chosen, hq.shape[1] // 2)
        cell = hq.reshape(hq.shape[0] // 8, 8, -1, 8, 3).mean(axis=(1, 3, 4))
        expected.append((2 * cell[rows // 4, columns // 4] - 1) / 3)
    np.testing.assert_allclose(found.recognised[:, 0], np.concatenate(expected), atol=1e-5)
    np.testing.assert_allclose(found.recognised[:, 1], 0, atol=1e-5)
    assert found.drawn.shape == found.recognised.shape == (len(patches.x_0), 2)
    first = cells[0]
    rows, columns = np.divmod(first, 16)
    place = rows // 4 * 4 + columns // 4
    assert len(np.unique(found.drawn[: len(first), 0])) == len(np.unique(place)) == 8
    assert found.cells is not None
    same = found.cells[:, None] == found.cells  # those of one cell, and no others, share entries
    np.testing.assert_array_equal(same, found.drawn[:, :1] == found.drawn[:, 0])
    assert float(found.drawn.std()) == pytest.approx(1, rel=0.4)  # in units of the prior's, 3
    assert found.surplus == pytest.approx(math.log(3))
    assert found.share == pytest.approx(2 / (3 * 64))
    assert describe(method) == "y learned, its prior learned, sigma paper"


def test_a_recognised_y_is_seen_to_say_something() -> None:
    rng = np.random.default_rng(0)
    x_0, noise, other = rng.standard_normal((3, 2000, 1))
    patches = Patches(x_0, x_0 + noise, Companion(other, recognised=noise))
    curves = information_curves(patches, AuxiliarySchedule(), replace(OPTIONS, times=(1.0,)), idle)
    assert list(curves.tellings) == ["drawn", "recognised"]
    assert abs(curves.tellings["drawn"].gain[0]) < 0.1
    assert curves.tellings["recognised"].gain[0] > 1


def blocks(count: int = 4, side: int = 64) -> list[tuple[Any, Any]]:
    """Return noisy pictures, whose clean twins are nearly of one grey in a cell of 8x8 pixels."""
    pairs = []
    for number in range(count):
        rng = np.random.default_rng(number)
        grey = np.kron(rng.uniform(0.2, 0.8, (side // 8, side // 8)), np.ones((8, 8)))[..., None]
        hq = grey + 0.02 * rng.standard_normal((side, side, 3))
        lq = hq + 0.2 * rng.standard_normal((side, side, 3))
        pairs.append((lq.astype(np.float32), hq.astype(np.float32)))
    return pairs


@pytest.mark.parametrize("random", [False, True])
def test_noise_that_a_cell_shares_says_nothing_though_it_names_the_cell(random: bool) -> None:
    """What neighbours share tells them apart from others: the control has to share it too."""
    method = small_coupled_resflow()
    if not random:  # nothing learned: recognising is drawing
        method = ResFlow(method.flow_options)
    pairs, options = blocks(), replace(OPTIONS, patches=4000, times=(0.5, 1.0))
    patches, cells = cut_patches(pairs, options)
    found = companion_of(method, pairs, cells, options)
    assert found is not None
    curves, apart = (
        information_curves(replace(patches, y=y), method.schedule, options, idle).tellings
        for y in (found, replace(found, cells=None))
    )
    assert min(apart["drawn"].gain) > 0.06  # patch by patch, what names the cell looks like news
    assert curves["drawn"].gain == pytest.approx([0, 0], abs=0.05)
    if not random:
        assert curves["recognised"].gain == pytest.approx([0, 0], abs=0.05)


def test_what_a_cell_shares_goes_to_another_cell_as_a_whole() -> None:
    cells = np.array([4, 4, 7, 2, 2, 2])
    y = np.array([1.0, 1.0, 3.0, 2.0, 2.0, 2.0])[:, None]
    seen = set()
    for seed in range(20):
        given = y[Companion(y, cells=cells).strangers(np.random.default_rng(seed)), 0]
        assert given[0] == given[1]
        assert given[3] == given[4] == given[5]
        assert sorted({given[0], given[2], given[3]}) == [1, 2, 3]
        seen.add(tuple(given))
    assert len(seen) == 6


def test_patches_keep_the_deviation_of_white_noise() -> None:
    rng = np.random.default_rng(2)
    rows = haar(rng.standard_normal((64, 62, 3)))
    assert rows.shape == (32 * 31, 4)
    assert np.allclose(np.cov(rows.T), np.eye(4), atol=0.15)
    flat = haar(np.full((2, 2, 3), 0.5))
    assert flat == pytest.approx(np.array([[math.sqrt(3), 0, 0, 0]]))


def test_patches_of_degraded_and_clean_are_of_the_same_places() -> None:
    hq = np.random.default_rng(3).random((40, 40, 3)).astype(np.float32)
    patches, cells = cut_patches([(hq, hq), (hq, hq)], replace(OPTIONS, dimensions=3))
    assert patches.x_0.shape == patches.x_1.shape == (300, 3)
    assert [len({*chosen}) for chosen in cells] == [150, 150]
    assert np.abs(patches.x_0 - patches.x_1).max() < 4 / 255 * math.sqrt(3)  # within a level
    assert np.abs(patches.x_0 - patches.x_1).max() > 0
    assert len(cut_patches([(hq, hq)], replace(OPTIONS, patches=9999))[0].x_0) == 400


def walk_through(*points: tuple[float, float], times: tuple[float, ...]) -> Walk:
    states = tuple(torch.tensor(point).view(1, 1, 1, 2) for point in points)
    return Walk(times, states, states[1:])


def test_a_straight_walk_at_constant_speed_has_no_bend() -> None:
    bend = measure_bend(walk_through((3.0, 4.0), (1.5, 2.0), (0.0, 0.0), times=(1.0, 0.5, 0.0)))
    assert bend.deviation == pytest.approx((0, 0), abs=1e-12)
    assert (bend.absolute, bend.length_ratio) == pytest.approx((0, 1))


def test_a_walk_around_a_corner() -> None:
    """Along one axis, then along the other: ``c = (1, 1)``, ``v = (2, 0)``, then ``(0, 2)``."""
    walk = walk_through((1.0, 1.0), (0.0, 1.0), (0.0, 0.0), times=(1.0, 0.5, 0.0))
    bend = measure_bend(walk)
    assert bend.deviation == pytest.approx((1, 1))
    assert bend.absolute == pytest.approx(1)
    assert bend.length_ratio == pytest.approx(math.sqrt(2))
    mean = mean_straightness([bend, bend._replace(deviation=(0.0, 0.0))], walk.times)
    assert mean.deviation == pytest.approx((0.5, 0.5))
    assert mean.mean_deviation == pytest.approx(0.5)
    assert (mean.steps, mean.times) == (2, (1.0, 0.5))


def test_steps_weigh_by_their_duration() -> None:
    walk = walk_through((1.0, 0.0), (0.5, 0.0), (0.0, 0.0), times=(1.0, 0.75, 0.0))
    bend = measure_bend(walk)  # v = 2, then 2/3
    assert bend.deviation == pytest.approx((1, 1 / 9))
    assert mean_straightness([bend], walk.times).mean_deviation == pytest.approx(1 / 3)


def test_a_walk_that_goes_nowhere_is_straight() -> None:
    bend = measure_bend(walk_through((1.0, 1.0), (1.0, 1.0), times=(1.0, 0.0)))
    assert bend == ((0.0,), 0.0, 1.0)


def test_psnr_along_a_walk() -> None:
    hq = torch.full((1, 3, 4, 4), 0.4)
    states = tuple(torch.full((1, 3, 4, 4), 2 * value - 1) for value in (0.8, 0.6, 0.4))
    estimates, passed = psnr_along(Walk((1.0, 0.5, 0.0), states, states[2:] * 2), hq)
    assert estimates == [100.0, 100.0]
    assert passed == pytest.approx([-20 * math.log10(51 / 255), 100.0])


@pytest.fixture(scope="module")
def pictures(photo_folder: Path) -> PictureSet:
    chain = Chain.parse(["noise:sigma=25"])
    return PictureSet.open(Place.parse(f"mine={photo_folder}"), chain, limit=2)


def test_a_whole_analysis(pictures: PictureSet, tmp_path: Path) -> None:
    model, seen = FlowModel("small", small_resflow()), []
    figures, strip = analyse_flow(model, pictures, OPTIONS, lambda *now: seen.append(now))
    assert seen == [(done, 15) for done in range(1, 16)]
    assert (figures.pictures, figures.patches) == (2, 300)
    assert figures.title == "small on mine, noise:sigma=25, 2 pictures"
    assert [len(walk.estimate) for walk in figures.walks] == [1, 3]
    for walk in figures.walks:  # at the end the estimate is the state
        assert walk.estimate[-1] == pytest.approx(walk.state[-1], abs=1e-3)
    assert figures.walks[0].estimate[0] == pytest.approx(figures.walks[1].estimate[0])
    assert figures.straightness.length_ratio >= 1
    assert figures.information.x[0] > figures.information.x[1] > 0
    assert (len(strip.states), len(strip.estimates)) == (3, 2)
    assert strip.hq.shape == strip.states[0].shape == (40, 40, 3)
    assert analyse_flow(model, pictures, OPTIONS)[0] == figures
    other = analyse_flow(model, pictures, replace(OPTIONS, seed=1))[0]
    assert other.information != figures.information

    everything, curves = figures.write(tmp_path)
    values = json.loads(everything.read_text())
    assert values["walks"][1]["steps"] == 3
    assert values["options"]["times"] == [0.2, 1.0]
    with curves.open() as file:
        rows = [*csv.DictReader(file)]
    of_x = [row for row in rows if (row["quantity"], row["series"]) == ("mutual_information", "x")]
    assert [(float(row["at"]), float(row["value"])) for row in of_x] == [
        *zip(figures.information.times, figures.information.x, strict=True)
    ]
    assert len(rows) == len([*figures.points()])

    draw_figures(figures, tmp_path / "flow.png")
    draw_strip(strip, tmp_path / "strip.png")
    assert Image.open(tmp_path / "flow.png").size == (2000, 900)
    before = (tmp_path / "strip.png").read_bytes()
    draw_strip(strip, tmp_path / "strip.png")
    assert (tmp_path / "strip.png").read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "flow.csv",
        "flow.json",
        "flow.png",
        "strip.png",
    ]


@pytest.mark.parametrize(
    ("make", "estimates", "series"),
    [
        (small_plain_resflow, 2, {"x"}),
        (
            small_coupled_resflow,
            6,
            {"x", "y drawn", "y drawn, shuffled", "y recognised", "y recognised, shuffled"},
        ),
    ],
)
def test_models_with_another_y_or_none_are_analysed_with_their_own(
    make: Callable[[], ResFlow],
    estimates: int,
    series: set[str],
    pictures: PictureSet,
    tmp_path: Path,
) -> None:
    model, seen = FlowModel("other", make()), []
    figures, _ = analyse_flow(model, pictures, OPTIONS, lambda *now: seen.append(now))
    total = 2 * 3 + estimates * 2 + 1
    assert seen == [(done, total) for done in range(1, total + 1)]
    of_information = {
        one.series for one in figures.points() if one.quantity == "mutual_information"
    }
    assert of_information == series
    assert figures.companion == describe(model.method)
    assert figures.companion in figures.summary()
    has_y = "y drawn" in series
    assert bool(figures.entropies.y) == bool(figures.entropies.needed_sigma) == has_y
    assert ("there is none" in " ".join(figures.summary())) != has_y
    figures.write(tmp_path)
    draw_figures(figures, tmp_path / "flow.png")
    assert Image.open(tmp_path / "flow.png").size == (2000, 900)
    assert analyse_flow(model, pictures, OPTIONS)[0] == figures


def test_a_picture_that_is_too_small_is_refused(tmp_path: Path) -> None:
    Image.new("RGB", (40, 1)).save(tmp_path / "thin.png")
    pictures = PictureSet.open(Place.parse(str(tmp_path)), Chain())
    with pytest.raises(InputError, match=r"thin.png is 40x1 pixels large; expected at least 4x4"):
        analyse_flow(FlowModel("small", small_resflow()), pictures, OPTIONS)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"crop": 8}, "crop=8; expected at least 16"),
        ({"patches": 1}, "patches=1"),
        ({"dimensions": 5}, "dimensions=5"),
        ({"times": (0.0, 1.0)}, "times="),
        ({"steps": (1, 1)}, "steps=1,1"),
        ({"fine_steps": 1}, "fine_steps=1"),
    ],
)
def test_options_out_of_range(values: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        FlowOptions(**values)  # type: ignore[arg-type]


def test_only_resflow_has_a_flow(tmp_path: Path) -> None:
    method = build_method(parse_options(tiny_regression()))
    entry = save_model(tmp_path / "plain", method, ModelConfig(recipe={"name": "plain"}))
    with pytest.raises(
        UsageError, match="'plain' is of the method 'regression', which has no flow"
    ):
        FlowModel.load(entry.folder)
