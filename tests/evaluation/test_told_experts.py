"""Which experts are at work: against routers that are set by hand."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from tiny_model import tiny_eedtp, tiny_regression

from undegrade.data.samples import to_tensor
from undegrade.errors import InputError, UsageError
from undegrade.evaluation.pictures import TruthPair
from undegrade.evaluation.told.experts import Shares, adapters_of, measure_shares
from undegrade.evaluation.told.kept import SharesOf, keep_shares
from undegrade.evaluation.told.model import ToldModel
from undegrade.evaluation.told.plots import draw_shares
from undegrade.inference import ModelInfo
from undegrade.methods import build_method, parse_options
from undegrade.methods.eedtp import EEDTP
from undegrade.randomness import generator
from undegrade.zoo import ModelConfig, save_model


def model_of(**changes: Any) -> ToldModel:
    options = tiny_eedtp(experts=True)
    deep = {"widths": [4, 6, 8], "encoder_blocks": [1, 1], "decoder_blocks": [1, 1]}
    options |= {"network": options["network"] | deep} | changes
    method = build_method(parse_options(options)).eval()
    assert isinstance(method, EEDTP)
    return ToldModel(ModelInfo("m", tasks=("derain", "dehaze")), method, torch.device("cpu")).told(
        "derain"
    )


def pictures(count: int = 3) -> list[TruthPair]:
    made = generator("experts").random((count, 16, 20, 3)).astype(np.float32)
    return [TruthPair(str(number), one, one) for number, one in enumerate(made)]


def prefer(model: ToldModel, level: int, scores: list[float]) -> None:
    """Let the router of a level give the same scores to all pictures."""
    last = adapters_of(model)[level].router[-1]
    assert isinstance(last, torch.nn.Linear)
    torch.nn.init.zeros_(last.weight)
    last.bias.data = torch.tensor(scores)


def test_shares_are_what_routers_give_the_coarsest_level_first() -> None:
    model = model_of()
    prefer(model, 0, [0.0, 2.0, -9.0, 1.0])
    prefer(model, 1, [5.0, -1.0, 5.0, 0.0])
    channels = [adapter.entry.shape[2] for adapter in adapters_of(model)]
    assert channels == [6, 4]
    seen: list[None] = []
    shares, count = measure_shares(model, pictures(), lambda: seen.append(None))
    assert (count, len(seen)) == (3, 3)
    share = 1 / (1 + math.exp(-1))
    assert shares[0] == pytest.approx((0, share, 0, 1 - share))
    assert shares[1] == pytest.approx((0.5, 0, 0.5, 0))


def test_shares_are_means_over_pictures_at_the_time_of_the_task() -> None:
    model = model_of()
    torch.manual_seed(0)
    for parameter in model.method.parameters():
        parameter.data += 0.1 * torch.randn_like(parameter)
    several, _ = measure_shares(model, pictures())
    single = [measure_shares(model, [one])[0] for one in pictures()]
    assert np.array(several) == pytest.approx(np.mean(np.array(single), axis=0))
    assert np.array(several).sum(axis=1) == pytest.approx([1, 1])
    assert len({*single}) > 1
    other, _ = measure_shares(model.told("dehaze"), pictures())
    assert other != several


def test_looking_leaves_the_model_as_it_was() -> None:
    model = model_of()
    lq = to_tensor([pictures()[0].lq])
    before = model.restore(lq, 8)
    measure_shares(model, pictures())
    assert not any(adapter._forward_pre_hooks for adapter in adapters_of(model))
    assert torch.equal(model.restore(lq, 8), before)


def test_what_cannot_be_looked_into() -> None:
    with pytest.raises(UsageError, match=r"model 'm' has no experts; expected .*method\.experts"):
        measure_shares(model_of(experts=None), pictures())
    with pytest.raises(InputError, match="no pictures to look at"):
        measure_shares(model_of(), [])
    with pytest.raises(UsageError, match="eedtp model of several tasks has to be told one"):
        ToldModel(
            model_of().info, EEDTP(model_of().method.eedtp_options), torch.device("cpu")
        ).told("auto")
    with pytest.raises(UsageError, match="model 'm' has no task 'deblur'"):
        model_of().told("deblur")


def test_the_models_own_step() -> None:
    untold = ToldModel(ModelInfo("m"), EEDTP(model_of().method.eedtp_options), torch.device("cpu"))
    assert untold.own_step("auto") is None
    assert untold.own_step("deblur") == ("deblur", 50)  # whether it was trained for it or not
    assert model_of(task="dehaze").own_step("auto") == ("derain", 8)
    with pytest.raises(UsageError, match="task 'paint'"):
        untold.own_step("paint")


def test_other_methods_are_told_no_time(tmp_path: Path) -> None:
    method = build_method(parse_options(tiny_regression()))
    entry = save_model(tmp_path / "plain", method, ModelConfig(recipe={"name": "plain"}))
    with pytest.raises(UsageError, match="'plain' is of the method 'regression', which is told no"):
        ToldModel.load(entry.folder)


ABOUT = SharesOf("m", "mine", "derain", "rain", 4)
SHARES: Shares = ((0.25, 0.75), (1.0, 0.0))


def test_tasks_gather_in_a_folder(tmp_path: Path) -> None:
    file = tmp_path / "experts.csv"
    haze = ABOUT._replace(task="dehaze", degradation="haze")
    keep_shares(file, ABOUT, ((0.5, 0.5),))
    keep_shares(file, haze, SHARES)
    found = keep_shares(file, ABOUT, SHARES)
    assert found == {haze: SHARES, ABOUT: SHARES}
    lines = file.read_text().splitlines()
    assert lines[0] == "model,data,task,degradation,pictures,level,expert,share"
    assert lines[-1] == "m,mine,derain,rain,4,2,2,0.0"
    assert len(lines) == 9


@pytest.mark.parametrize("experts", [2, 40])
def test_maps_of_models_that_differ_in_size(tmp_path: Path, experts: int) -> None:
    even = ((1 / experts,) * experts,) * 3
    draw_shares({ABOUT: SHARES, ABOUT._replace(model="n"): even}, tmp_path / "experts.png")
    width, height = Image.open(tmp_path / "experts.png").size
    assert 800 <= width <= 1800
    assert height > 300
