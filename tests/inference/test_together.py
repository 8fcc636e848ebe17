"""Several photos in one call of the network: each as if it were alone."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from pictures import scenery
from PIL import Image
from small_methods import small_dtpm
from tiny_model import tiny_eedtp, tiny_resflow

from undegrade.errors import InputError
from undegrade.images.photo import ReadOptions
from undegrade.images.writer import WriteOptions
from undegrade.inference import RestoreOptions, Restorer
from undegrade.inference.report import FileReport, ModelInfo
from undegrade.inference.together import Work, gain_of_batches, restore_together
from undegrade.methods import build_method, parse_options


def restorer(name: str) -> Restorer:
    torch.manual_seed(0)
    if name == "dtpm":
        return Restorer(small_dtpm(), device="cpu")
    options = tiny_resflow() if name == "resflow" else tiny_eedtp(experts=True)
    method = build_method(parse_options(options))
    with torch.no_grad():
        for parameter in method.parameters():
            parameter.copy_(0.1 * torch.randn(parameter.shape))
    told = name == "eedtp"
    return Restorer(method, ModelInfo(tasks=("derain",), told=told), device="cpu")


def work(folder: Path, number: int, size: tuple[int, int], options: RestoreOptions) -> Work:
    """Return the work of a photo of its own, whose result is named after its number."""
    picture = np.roll(scenery(*size), 5 * number, axis=1)
    file = folder / f"photo-{number}.png"
    Image.fromarray((255 * picture).clip(0, 255).astype(np.uint8)).save(file)
    target = folder / f"together-{number}.png"
    return Work(
        file.read_bytes(), target, replace(options, seed=number), ReadOptions(), WriteOptions()
    )


@pytest.mark.parametrize("name", ["resflow", "eedtp", "dtpm"])
@pytest.mark.parametrize(
    "asked",
    [{}, {"variants": 2}, {"uncertainty": True}],
    ids=["one", "variants", "uncertainty"],
)
def test_each_is_as_if_it_were_alone(
    tmp_path: Path, name: str, asked: dict, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At most one level of 255 apart, in hardly any sample: sums come in another order."""
    one = restorer(name)
    told = {"task": "derain"} if name == "eedtp" else {"steps": 2}
    options = RestoreOptions(**told, **asked)
    works = [work(tmp_path, number, (50, 70), options) for number in range(3)]
    works.append(work(tmp_path, 3, (40, 70), options))
    batches = []
    method = one.general_runner.fast
    restore = type(method).restore

    def counted(self: object, lq: torch.Tensor, **settings: object) -> torch.Tensor:
        batches.append(len(lq))
        return restore(self, lq, **settings)

    monkeypatch.setattr(type(method), "restore", counted)
    reports = restore_together(one, works)
    draws = 8 if "uncertainty" in asked else asked.get("variants", 1)
    draws = 1 if name == "eedtp" else draws
    assert sorted(batches) == [1] * draws + [3] * draws
    for done, report in zip(works, reports, strict=True):
        assert isinstance(report, FileReport)
        assert report.info.seed == done.options.seed
        assert report.info.tiles == 1
        alone = done.target.with_name(done.target.name.replace("together", "alone"))
        files = one.restore_file(done.source, alone, done.options).outputs
        assert len(files) == len(report.outputs)
        for first, second in zip(files, report.outputs, strict=True):
            apart = np.abs(samples(first) - samples(second))
            if ".uncertainty" in first.name:  # the map of tiny deviations, drawn in colours
                assert apart.mean() <= 0.01 * samples(first).mean()
                continue
            assert apart.max() <= 1
            assert (apart > 0).mean() < 0.002


def samples(file: Path) -> np.ndarray:
    return np.asarray(Image.open(file)).astype(np.int32)


def test_one_that_cannot_be_done_does_not_hold_up_the_others(tmp_path: Path) -> None:
    options = RestoreOptions(steps=1)
    works = [work(tmp_path, number, (40, 40), options) for number in range(3)]
    works[1] = replace(works[1], source=works[1].source[:200])
    first, broken, last = restore_together(restorer("resflow"), works)
    assert isinstance(first, FileReport)
    assert isinstance(broken, InputError)
    assert isinstance(last, FileReport)


def test_what_is_not_finite_is_done_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = restorer("resflow")
    works = [work(tmp_path, number, (40, 40), RestoreOptions(steps=1)) for number in range(2)]
    restore = type(one.general_runner.fast).restore

    def spoilt(self: object, lq: torch.Tensor, **settings: object) -> torch.Tensor:
        result = restore(self, lq, **settings)
        if len(lq) > 1:
            result[1] = torch.nan
        return result

    monkeypatch.setattr(type(one.general_runner.fast), "restore", spoilt)
    for report in restore_together(one, works):
        assert isinstance(report, FileReport)
        assert report.outputs[0].exists()


def test_photos_that_need_tiles_are_done_alone(tmp_path: Path) -> None:
    options = RestoreOptions(steps=1, tile_size=64)
    works = [work(tmp_path, number, (100, 100), options) for number in range(2)]
    for done, report in zip(works, restore_together(restorer("resflow"), works), strict=True):
        assert isinstance(report, FileReport)
        assert report.info.tiles > 1
        alone = tmp_path / "alone.png"
        restorer("resflow").restore_file(done.source, alone, done.options)
        assert alone.read_bytes() == done.target.read_bytes()


def test_the_gain_is_a_ratio_of_times(monkeypatch: pytest.MonkeyPatch) -> None:
    one = restorer("resflow")
    assert gain_of_batches(one, 32, 4) > 0

    def full(self: object, lq: torch.Tensor, **settings: object) -> torch.Tensor:
        raise torch.OutOfMemoryError("out of memory")

    monkeypatch.setattr(type(one.general_runner.fast), "restore", full)
    assert gain_of_batches(one, 32, 4) == 0.0
