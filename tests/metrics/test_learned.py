"""Learned measures with stand-ins for their weights: random, of the right architecture.

What the published weights make of pictures is not tested here, since they are not at hand. What is:
that files are found, checked and loaded where they lie and nowhere else, and that each measure
does with its network what its paper says.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from undegrade.errors import WeightsError
from undegrade.evaluation.running.choosing import choose
from undegrade.hashing import file_sha256
from undegrade.metrics import published_weights as published
from undegrade.metrics.base import Metric
from undegrade.metrics.catalogue import METRICS, SET_METRICS
from undegrade.metrics.needs import WeightFile

torchvision = pytest.importorskip("torchvision", reason="undegrade[perceptual] is not installed")
piq = pytest.importorskip("piq", reason="undegrade[perceptual] is not installed")

Put = Callable[[str, object], WeightFile]


@pytest.fixture
def put(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Put:
    """Lay down a stand-in for one of the published files, and take its hash for the published."""
    monkeypatch.setenv("UNDEGRADE_HOME", str(tmp_path))
    monkeypatch.setenv("UNDEGRADE_OFFLINE", "1")

    def lay(name: str, content: object) -> WeightFile:
        file = replace(getattr(published, name), sha256="")
        pinned = isinstance(content, torch.jit.ScriptModule)
        file.path.parent.mkdir(parents=True, exist_ok=True)
        if pinned:
            torch.jit.save(content, file.path)
            file = replace(file, sha256=file_sha256(file.path))
        else:
            torch.save(content, file.path)
        monkeypatch.setattr(published, name, file)
        for backbone, known in published.BACKBONES.items():
            if known.name == file.name:
                monkeypatch.setitem(published.BACKBONES, backbone, file)
        return file

    return lay


def backbone(name: str) -> dict[str, Tensor]:
    """Return a random state; what no measure looks at takes no room in the file."""
    with torch.device("meta"):
        shapes = getattr(torchvision.models, name)().state_dict()
    generator = torch.Generator().manual_seed(0)
    state = {}
    for key, tensor in shapes.items():
        if key.startswith("classifier"):
            state[key] = torch.zeros(1).expand(tensor.shape)
        else:
            fan = max(tensor[0].numel(), 1) if tensor.ndim > 1 else 1e4
            state[key] = torch.randn(tensor.shape, generator=generator) * (2 / fan) ** 0.5
    return state


def scene(side: int = 64) -> Tensor:
    y, x = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
    planes = [torch.sin(x / 5) * 0.4 + 0.5, y / side, ((x > side / 2) & (y > 20)) * 0.8]
    return torch.stack([plane.float() for plane in planes])[None]


def noisy(sigma: float, side: int = 64) -> Tensor:
    noise = torch.randn((1, 3, side, side), generator=torch.Generator().manual_seed(1))
    return (scene(side) + sigma * noise).clamp(0, 1)


def check_distance(metric: Metric, side: int = 64) -> None:
    hq = scene(side)
    same, little, much = (
        float(metric(picture, hq)) for picture in (hq, noisy(0.02, side), noisy(0.3, side))
    )
    assert same == pytest.approx(0, abs=1e-5)
    assert 0 < little < much
    both = metric(torch.cat([noisy(0.02, side), noisy(0.3, side)]), torch.cat([hq, hq]))
    assert both.tolist() == pytest.approx([little, much], rel=1e-4)
    smallest = torch.rand(2, 1, 3, metric.least_side, metric.least_side)
    assert torch.isfinite(metric(*smallest)).all()


@pytest.mark.parametrize(
    ("metric", "network", "constant"),
    [
        ("lpips", "alexnet", "ALEXNET"),
        ("lpips-vgg", "vgg16", "VGG16"),
        ("lpips-squeeze", "squeezenet1_1", "SQUEEZENET"),
    ],
)
def test_lpips_is_that_of_torchmetrics(
    put: Put, metric: str, network: str, constant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from torchmetrics.functional.image import learned_perceptual_image_patch_similarity

    file = put(constant, backbone(network))
    check_distance(METRICS[metric])
    monkeypatch.setattr(torch.hub, "_hub_dir", str(file.path.parent.parent))
    hq = (255 * scene()).round() / 255
    theirs = learned_perceptual_image_patch_similarity(
        (255 * noisy(0.1)).round() / 255,
        hq,
        net_type=metric.partition("-")[2] or "alex",
        normalize=True,
    )
    assert float(METRICS[metric](noisy(0.1), hq)) == pytest.approx(float(theirs), rel=1e-4)


class Payload:
    """What runs something when it is unpickled."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self.file,)


def test_weights_that_would_run_something_are_refused(put: Put, tmp_path: Path) -> None:
    put("VGG16", backbone("vgg16"))
    file = put("DISTS", {"alpha": torch.zeros(1), "beta": Payload(tmp_path / "ran")})
    with pytest.raises(WeightsError, match=r"dists_weights\.pt cannot be read as tensors alone"):
        METRICS["dists"](scene(), scene())
    assert not (tmp_path / "ran").exists()
    torch.load(file.path, weights_only=False)
    assert (tmp_path / "ran").exists()  # as it would have without the refusal


def test_dists(put: Put) -> None:
    generator = torch.Generator().manual_seed(0)
    put("VGG16", backbone("vgg16"))
    parts = torch.rand(2, 1, 1475, 1, 1, generator=generator)
    parts /= parts.sum()
    put("DISTS", {"alpha": parts[0], "beta": parts[1]})
    check_distance(METRICS["dists"])


class Leaf(nn.Module):
    """Holds tensors under the names that a state has."""


def scripted(state: dict[str, Tensor]) -> torch.jit.ScriptModule:
    """Return an archive as OpenAI publishes CLIP: a program of which only the state is used."""
    root = Leaf()
    for name, tensor in state.items():
        place: nn.Module = root
        *folders, last = name.split(".")
        for folder in folders:
            if folder not in dict(place.named_children()):
                place.add_module(folder, Leaf())
            place = place.get_submodule(folder)
        place.register_buffer(last, tensor)
    return torch.jit.script(root)


def test_clip_iqa_is_that_of_piq(put: Put, monkeypatch: pytest.MonkeyPatch) -> None:
    from piq.feature_extractors import clip

    torch.manual_seed(0)
    network = clip.CLIP(32, 64, (1, 1, 1, 1), 8, None, 77, 99, 64, 1, 1)
    file = put("CLIP", scripted(network.state_dict()))
    tokens = torch.zeros(2, 77, dtype=torch.long)
    tokens[:, :4] = torch.tensor([[97, 5, 7, 98], [97, 6, 7, 98]])
    put("PROMPTS", tokens)
    numbers = METRICS["clip-iqa"](torch.cat([scene(), noisy(0.3)]), torch.zeros(2, 3, 64, 64))
    assert ((numbers > 0) & (numbers < 1)).all()
    assert numbers[0] != numbers[1]
    monkeypatch.setattr(clip, "_download", lambda *_: str(file.path))
    monkeypatch.setattr("piq.clip_iqa.download_tensor", lambda *_: tokens)
    theirs = piq.CLIPIQA()
    theirs.logit_scale = torch.tensor(100.0)  # of the published weights; a random one is not
    assert numbers[1] == pytest.approx(float(theirs((255 * noisy(0.3)).round() / 255)), rel=1e-4)
    smallest = torch.rand(1, 3, 32, 32)
    assert torch.isfinite(METRICS["clip-iqa"](smallest, smallest)).all()


@pytest.fixture
def inception(put: Put) -> WeightFile:
    from piq.feature_extractors import fid_inception

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fid_inception, "load_state_dict_from_url", lambda *_, **__: {})
        patch.setattr(torchvision.models.Inception3, "load_state_dict", lambda *_: None)
        torch.manual_seed(0)
        state = fid_inception.InceptionV3.fid_inception_v3().state_dict()
    return put("INCEPTION", state)


def test_features_for_fid(inception: WeightFile) -> None:
    whole, patched = SET_METRICS["fid"], SET_METRICS["fid-patch"]
    assert whole.extract(scene()).shape == (1, 2048)
    seen = patched.extract(scene(300))
    assert seen.shape == (4, 2048)
    corner = whole.extract(scene(300)[..., :256, :256])
    size = np.abs(seen).max()  # a random network hardly says anything
    np.testing.assert_allclose(seen[0] / size, corner[0] / size, atol=1e-3)
    assert np.abs(seen[0] - seen[1]).max() > 0.02 * size


def test_a_file_that_is_not_the_published_one_is_refused(
    put: Put, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = put("SQUEEZENET", {"other": torch.zeros(3)})
    with pytest.raises(WeightsError, match=r"the weights of lpips-squeeze .* do not fit"):
        METRICS["lpips-squeeze"](scene(), scene())
    before = torch.hub.get_dir()
    file.path.write_bytes(b"no weights")
    with pytest.raises(
        WeightsError, match=r"squeezenet1_1-b8a52dc0\.pth cannot be read as tensors"
    ):
        METRICS["lpips-squeeze"](scene(), scene())
    assert torch.hub.get_dir() == before
    monkeypatch.setitem(published.BACKBONES, "squeeze", replace(file, sha256="b8a52dc0"))
    with pytest.raises(WeightsError, match="expected b8a52dc0"):
        METRICS["lpips-squeeze"](scene(), scene())


def test_what_has_its_weights_is_measured_and_the_others_are_told(
    put: Put, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = put("SQUEEZENET", backbone("squeezenet1_1"))
    squeeze = METRICS["lpips-squeeze"]
    monkeypatch.setitem(
        METRICS,
        "lpips-squeeze",
        replace(squeeze, needs=replace(squeeze.needs, weights=(file,))),
    )
    told: list[str] = []
    chosen = choose("psnr,lpips-squeeze,dists,fid", told.append)
    assert [metric.name for metric in chosen.metrics] == ["psnr", "lpips-squeeze"]
    assert (chosen.sets, [one.name for one in chosen.skipped]) == ((), ["dists", "fid"])
    assert len(told) == 2
    assert "dists is not measured" in told[0]
    assert "vgg16-397923af.pth is not there and UNDEGRADE_OFFLINE forbids downloads" in told[0]
