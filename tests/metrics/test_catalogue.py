"""What every measure promises: range, direction, refusals; and how colour drift is counted."""

from pathlib import Path

import pytest
import torch
from skimage import data

from undegrade.errors import InputError, MissingExtraError, UsageError, WeightsError
from undegrade.metrics.base import About, Case, Metric
from undegrade.metrics.catalogue import METRICS, SET_METRICS, find_measures, find_metrics

PLAIN = {name: metric for name, metric in METRICS.items() if not metric.needs.weights}
LEARNED = {name: metric for name, metric in METRICS.items() if metric.needs.weights}


def scene() -> torch.Tensor:
    picture = torch.from_numpy(data.astronaut()[:192, 100:292].copy())
    return picture.permute(2, 0, 1)[None] / 255


def noisy(sigma: float) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    hq = scene()
    # Not of mean zero, so that the colour drifts as well.
    return (hq + sigma * (torch.randn(hq.shape, generator=generator) + 0.3)).clamp(0, 1)


def case(restored: torch.Tensor, hq: torch.Tensor) -> Case:
    return Case(*(part[0].movedim(0, -1).numpy() for part in (restored, hq)))


@pytest.mark.parametrize("metric", PLAIN.values(), ids=PLAIN)
def test_more_noise_is_worse_and_numbers_are_in_range(metric: Metric) -> None:
    if metric.needs.missing_library():
        with pytest.raises(MissingExtraError, match="perceptual"):
            metric(scene(), scene())
        return
    little, much = (float(metric(noisy(sigma), scene())) for sigma in (0.02, 0.2))
    assert metric.is_better(little, much)
    assert not metric.is_better(much, little)
    for number in (little, much):
        assert metric.lowest <= number <= metric.highest
    best = float(metric(scene(), scene()))
    assert metric.is_better(best, little)


@pytest.mark.parametrize("metric", METRICS.values(), ids=METRICS)
def test_what_cannot_be_measured_is_refused(metric: Metric) -> None:
    hq = torch.rand(1, 3, 200, 200)
    with pytest.raises(InputError, match="one shape"):
        metric(hq[..., :199], hq)
    if metric.least_side > 1:
        small = hq[..., : metric.least_side - 1]
        with pytest.raises(InputError, match=f"at least {metric.least_side}x"):
            metric(small, small)


def test_the_smallest_pictures_that_are_promised_can_be_measured() -> None:
    for metric in PLAIN.values():
        if not metric.needs.missing_library():
            side = metric.least_side
            assert torch.isfinite(
                metric(torch.rand(1, 3, side, side), torch.rand(1, 3, side, side))
            ).all()


def test_colour_drift_sees_a_tint_and_no_noise() -> None:
    grey = torch.full((1, 3, 64, 64), 0.5)
    tinted = grey + torch.tensor([0.02, 0.0, -0.02]).view(1, 3, 1, 1)
    assert 2 < float(METRICS["colour-drift"](tinted, grey)) < 8
    checks = grey + 0.02 * (torch.arange(64) % 2 * 2 - 1)
    assert float(METRICS["colour-drift"](checks, grey)) < 0.3


def test_names_are_looked_up() -> None:
    assert [metric.name for metric in find_metrics("ssim, psnr-y")] == ["ssim", "psnr-y"]
    assert [metric.name for metric in find_measures("fid,psnr")] == ["fid", "psnr"]
    with pytest.raises(UsageError, match="did you mean 'psnr'"):
        find_metrics("psrn")
    with pytest.raises(UsageError, match="did you mean 'kid-patch'"):
        find_measures("kid-pach")
    with pytest.raises(UsageError, match="at most once"):
        find_metrics("ssim,ssim")


@pytest.mark.parametrize("metric", LEARNED.values(), ids=LEARNED)
def test_weights_that_are_not_there_are_named_and_never_fetched_by_measuring(
    metric: Metric, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UNDEGRADE_HOME", str(tmp_path))
    first = metric.needs.weights[0]
    with pytest.raises(WeightsError, match=f"metrics/checkpoints/{first.name} is not there"):
        metric(scene(), scene())


def test_every_measure_says_where_it_comes_from() -> None:
    for measure in (*METRICS.values(), *SET_METRICS.values()):
        assert measure.citation
        assert measure.protocol
        assert measure.lowest < measure.highest
        assert bool(measure.needs.modules) == bool(measure.needs.extra)
        for file in measure.needs.weights:
            assert file.url.startswith("https://")
            assert file.licence
            assert 0 < file.megabytes < 1000


@pytest.mark.parametrize(
    "measure", [*METRICS.values(), *SET_METRICS.values()], ids=lambda m: m.name
)
def test_protocols_name_border_rounding_peak_and_window(measure: About) -> None:
    assert "rounded to 8 bits" in measure.protocol
    assert "0 pixels cut" in measure.protocol or "patches" in measure.protocol
    if measure.unit == "dB" or "ssim" in measure.name or measure.name in ("vif", "gmsd"):
        assert "peak 255" in measure.protocol
    if measure.unit == "dB":
        assert "equal pictures count as 100 dB" in measure.protocol
    if "ssim" in measure.name:
        assert "Gaussian window of 11x11, sigma 1.5" in measure.protocol
        assert "K1 = 0.01, K2 = 0.03" in measure.protocol


def test_equal_pictures_have_all_their_information_and_what_has_none_has_no_number() -> None:
    vif = METRICS["vif"]
    black, grey = torch.zeros(1, 3, 64, 64), torch.full((1, 3, 64, 64), 0.5)
    for picture in (black, grey, scene()):
        assert vif.of(case(picture, picture)) == 1
    for restored, found in ((noisy(0.1)[..., :64, :64], "nan|inf"), (grey, "nan|inf")):
        with pytest.raises(InputError, match=f"vif gives ({found}) for it; expected a number"):
            vif.of(case(restored, black))
