"""The detector: what it learns from labels, and what its logits become."""

import pytest
import torch
from seeing import SURE_NOT, seeing_light
from tiny_model import tiny_detector
from torch import Tensor, nn

from undegrade.errors import UsageError
from undegrade.inference import Restorer
from undegrade.methods import Pair, build_method, parse_options
from undegrade.methods.base import several_tasks
from undegrade.methods.detector import Detector, DetectorOptions
from undegrade.processes.noise import FieldNoise, SampleNoise
from undegrade.randomness import NoiseField


def method_of(**changes: object) -> Detector:
    method = build_method(parse_options(tiny_detector() | changes))
    assert isinstance(method, Detector)
    return method.eval()


class Oracle(nn.Module):
    """Gives logits that were written down, and keeps what it was shown."""

    def __init__(self, logits: Tensor) -> None:
        super().__init__()
        self.logits = logits
        self.shown: list[Tensor] = []

    def forward(self, x: Tensor) -> Tensor:
        self.shown.append(x)
        return self.logits


def loss(method: Detector, lq: Tensor, tasks: tuple[str, ...], step: int = 0) -> float:
    noise = SampleNoise(0, step, range(len(lq)))
    terms = method.loss(Pair(lq, lq, tasks), stage="detection", step=step, noise=noise)
    return float(terms["total"].detach())


@pytest.mark.parametrize(
    ("text", "tasks"),
    [("", ()), ("derain", ("derain",)), ("derain+dejpeg", ("derain", "dejpeg"))],
)
def test_a_text_names_several_tasks(text: str, tasks: tuple[str, ...]) -> None:
    assert several_tasks(text) == tasks


def test_the_loss_is_that_of_a_coin_for_each_task() -> None:
    method = method_of()
    logits = torch.tensor([[2.0, -1.0], [0.5, 3.0], [-4.0, -2.0]])
    method.network = Oracle(logits)  # type: ignore[assignment]
    labels = torch.tensor([[1.0, 0.0], [1.0, 1.0], [0.0, 0.0]])
    right = torch.sigmoid(logits) * labels + torch.sigmoid(-logits) * (1 - labels)
    found = loss(method, torch.rand(3, 3, 72, 72), ("denoise", "denoise+brighten", ""))
    assert found == pytest.approx(float(-right.log().mean()), rel=1e-5)


def test_blocks_begin_anywhere_in_what_is_shown() -> None:
    method, oracle = method_of(), Oracle(torch.zeros(64, 2))
    method.network = oracle  # type: ignore[assignment]
    rows = torch.arange(80.0)[:, None].expand(80, 80) / 255
    lq = rows.expand(64, 3, 80, 80)
    loss(method, lq, ())
    [shown] = oracle.shown
    assert shown.shape == (64, 3, 72, 72)
    assert {*(255 * shown[:, 0, 0, 0]).round().int().tolist()} == {*range(8)}
    loss(method, lq, ())
    assert torch.equal(oracle.shown[1], shown)  # by the names of the samples alone


def test_pictures_are_looked_at_in_8_bit() -> None:
    method = method_of()
    coded = torch.randint(0, 256, (2, 3, 64, 64)) / 255
    computed = (coded + (torch.rand_like(coded) - 0.5) * 0.9 / 255).clamp(0, 1)
    with torch.no_grad():
        assert torch.equal(method.detect(coded), method.detect(computed))
        assert torch.equal(
            method.detect(2 * coded - 0.5), method.detect((2 * coded - 0.5).clamp(0, 1))
        )


def test_temperatures_divide_the_logits_of_their_task() -> None:
    method = method_of(temperature={"brighten": 2.5})
    given = torch.tensor([[1.2, -3.0]])
    expected = torch.sigmoid(torch.tensor([[1.2, -1.2]]))
    torch.testing.assert_close(method.probabilities(given), expected)
    assert not any("temperature" in name for name in method.state_dict())


def test_the_detector_of_other_tests_is_as_it_says() -> None:
    method = seeing_light()
    levels = torch.tensor([51, 128, 204]) / 255
    with torch.no_grad():
        logits = method.logits(levels.view(3, 1, 1, 1).expand(3, 3, 64, 64))
    torch.testing.assert_close(logits[:, 0], 30 * (levels + 0.5).log(), atol=1e-3, rtol=0)
    assert logits[:, 1].tolist() == [SURE_NOT] * 3


def test_tasks_that_it_does_not_know_are_refused() -> None:
    options = DetectorOptions()
    given = ("", "derain+dehaze", "derain")
    assert Detector.tasks_in_order(options, [*given, *given]) == given
    with pytest.raises(ValueError, match="no task 'derian'; expected one of denoise, derain"):
        Detector.tasks_in_order(options, ["dehaze+derian"])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"tasks": []}, "at least 1"),
        ({"tasks": ["derain", "derain"]}, "'derain'.*each once"),
        ({"tasks": ["derain+dehaze"]}, "names without"),
        ({"temperature": {"derain": 1.5}}, r"temperature\.derain; expected one of denoise, bright"),
        ({"temperature": {"denoise": 0.0}}, "greater than 0"),
    ],
)
def test_options_that_cannot_be(changes: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        method_of(**changes)


def test_crops_are_large_enough_to_tell() -> None:
    Detector.check_crop(DetectorOptions(), 72)
    with pytest.raises(ValueError, match="a detector; expected at least 72"):
        Detector.check_crop(DetectorOptions(), 64)


def test_it_restores_nothing() -> None:
    method = method_of()
    noise = FieldNoise([NoiseField((0, 0))])
    told = "restores nothing: it only knows what a picture suffers from"
    with pytest.raises(UsageError, match=f"a detector {told}"):
        method.restore(torch.rand(1, 3, 64, 64), steps=1, noise=noise)
    with pytest.raises(UsageError, match=f"a model of the method 'detector' {told}"):
        Restorer(method, device="cpu")
