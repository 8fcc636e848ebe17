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
from undegrade.networks.classifier import Seen
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
        self.shown: list[list[Seen]] = []

    def forward(self, pictures: list[Seen]) -> Tensor:
        self.shown.append(pictures)
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


def test_in_training_tiles_are_drawn_by_the_names_of_the_samples_alone() -> None:
    method, oracle = method_of(), Oracle(torch.zeros(8, 2))
    method.network = oracle  # type: ignore[assignment]
    lq = torch.rand(8, 3, 112, 112)
    for step in (0, 0, 1):
        loss(method, lq, (), step)
    first, again, other = oracle.shown
    assert len(first) == 8
    for one, same in zip(first, again, strict=True):
        assert torch.equal(one.tiles, same.tiles)
        assert torch.equal(one.whole, same.whole)
    assert not torch.equal(first[0].tiles[0], other[0].tiles[0])


def test_of_a_photo_all_of_it_is_shown_shrunk_and_tiles_from_edge_to_edge() -> None:
    method, oracle = method_of(), Oracle(torch.zeros(2, 2))
    method.network = oracle  # type: ignore[assignment]
    lq = torch.randint(0, 256, (2, 3, 200, 260)) / 255
    method.logits(lq)
    [shown] = oracle.shown
    assert len(shown) == 2
    assert torch.equal(shown[1].tiles[0], lq[1, :, :96, :96])
    assert torch.equal(shown[1].tiles[-1], lq[1, :, -96:, -96:])
    assert shown[1].whole.shape == (3, 66, 86)
    torch.testing.assert_close(shown[1].whole[:, 0, 1], lq[1, :, :3, 3:6].mean(dim=(1, 2)))


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
