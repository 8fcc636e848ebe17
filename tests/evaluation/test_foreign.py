"""Networks of others: told by their tensors, run as our own, refused where they do not fit."""

import csv
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from undegrade.errors import UsageError, WeightsError
from undegrade.hashing import file_sha256

spandrel = pytest.importorskip("spandrel", reason="undegrade[spandrel] is not installed")

from undegrade.evaluation.candidates.base import Setting  # noqa: E402
from undegrade.evaluation.candidates.choice import Choice  # noqa: E402
from undegrade.evaluation.candidates.foreign import load_foreign  # noqa: E402

LAYERS = 8


def dncnn(channels: int = 3, out: int = 3) -> dict[str, torch.Tensor]:
    """Tensors of a DnCNN: convolutions with rectifiers between, which have no tensors."""
    generator = torch.Generator().manual_seed(0)
    widths = [channels, *[8] * (LAYERS - 1), out]
    tensors = {}
    for layer in range(LAYERS):
        shape = widths[layer + 1], widths[layer], 3, 3
        tensors[f"model.{2 * layer}.weight"] = 0.15 * torch.randn(shape, generator=generator)
        tensors[f"model.{2 * layer}.bias"] = torch.zeros(shape[0])
    return tensors


def by_hand(tensors: dict[str, torch.Tensor], picture: np.ndarray) -> np.ndarray:
    """The picture less what the convolutions make of it: the residual that DnCNN learns."""
    lq = torch.from_numpy(picture).permute(2, 0, 1)[None]
    x = lq
    for layer in range(LAYERS):
        weight, bias = (tensors[f"model.{2 * layer}.{part}"] for part in ("weight", "bias"))
        x = torch.nn.functional.conv2d(x, weight, bias, padding=1)
        x = x.relu() if layer < LAYERS - 1 else x
    return (lq - x).clamp(0, 1)[0].permute(1, 2, 0).numpy()


def picture(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(0).random((height, width, 3)).astype(np.float32)


@pytest.mark.parametrize("ending", ["safetensors", "pth"])
def test_a_file_is_the_network_that_it_holds(tmp_path: Path, ending: str) -> None:
    file, tensors = tmp_path / f"mine.{ending}", dncnn()
    if ending == "pth":
        torch.save({"params": tensors}, file)
    else:
        save_file(tensors, file)
    found = load_foreign(file, "cpu", "float32")
    assert (found.name, found.weights_hash) == ("mine", file_sha256(file))
    assert found.settings((1, 2, 4), (0, 1)) == (Setting(),)
    lq = picture(50, 70)
    restored = found.restore(lq, Setting()).picture
    np.testing.assert_allclose(restored, by_hand(tensors, lq), atol=1e-5)
    assert np.abs(restored - lq).max() > 0.01


def test_large_pictures_go_in_tiles_that_do_not_show(tmp_path: Path) -> None:
    save_file(dncnn(), tmp_path / "mine.safetensors")
    found = load_foreign(tmp_path / "mine.safetensors", "cpu", "float32")
    lq = picture(300, 1100)
    tiled = found.restorer(lq, tile_size=256)
    assert tiled.info.tiles > 4
    np.testing.assert_allclose(tiled.image, by_hand(dncnn(), lq), atol=0.02)


def test_what_needs_the_whole_picture_gets_it(tmp_path: Path) -> None:
    from spandrel.architectures.SCUNet import SCUNet

    torch.manual_seed(0)
    network = SCUNet(in_nc=3, config=[1] * 7, dim=64)
    torch.save(network.state_dict(), tmp_path / "scunet.pth")
    found = load_foreign(tmp_path / "scunet.pth", "cpu", "float32")
    assert found.whole
    assert found.restore(picture(72, 130), Setting()).picture.shape == (72, 130, 3)


def test_what_does_not_fit_is_refused(tmp_path: Path) -> None:
    def load(name: str) -> None:
        load_foreign(tmp_path / name, "cpu", "auto")

    save_file(dncnn(1, 1), tmp_path / "grey.safetensors")
    with pytest.raises(UsageError, match="1 channels of 1"):
        load("grey.safetensors")
    save_file({"a": torch.zeros(3)}, tmp_path / "unknown.safetensors")
    with pytest.raises(WeightsError, match="no network that spandrel knows"):
        load("unknown.safetensors")
    (tmp_path / "cut.pth").write_bytes(b"PK\x03\x04 no more")
    with pytest.raises(WeightsError, match="cannot be read as tensors"):
        load("cut.pth")
    (tmp_path / "words.txt").write_text("no weights")
    with pytest.raises(UsageError, match="no file of weights"):
        load("words.txt")
    save_file(dncnn(), tmp_path / "half.safetensors")
    with pytest.raises(UsageError, match="does not run in float16"):
        load_foreign(tmp_path / "half.safetensors", "cpu", "float16")


def test_larger_pictures_are_refused(tmp_path: Path) -> None:
    from spandrel.architectures.Compact import Compact

    network = Compact(num_in_ch=3, num_out_ch=3, num_feat=4, num_conv=2, upscale=2)
    save_file(network.state_dict(), tmp_path / "twice.safetensors")
    with pytest.raises(UsageError, match="2 times as large"):
        load_foreign(tmp_path / "twice.safetensors", "cpu", "auto")


class Evil:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return Path.touch, (Path("touched"),)


def test_nothing_in_a_file_is_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"params": Evil()}, "evil.pth")
    Path("plain.pth").write_bytes(pickle.dumps(Evil()))
    for name in ("evil.pth", "plain.pth"):
        with pytest.raises(WeightsError, match="tensors alone"):
            load_foreign(Path(name), "cpu", "auto")
    assert not Path("touched").exists()


def test_on_the_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from typer.testing import CliRunner

    from undegrade.cli.main import app

    monkeypatch.chdir(tmp_path)
    Path("photos").mkdir()
    for name in ("a", "b"):
        samples = (255 * picture(40, 60)).astype(np.uint8)
        Image.fromarray(samples).save(f"photos/{name}.png")
    save_file(dncnn(), "other.safetensors")
    command = ["evaluate", "other.safetensors", "--data", "mine=photos", "-o", "out"]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 0, result.stderr
    with Path("out/results.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["model"] == "other"]
    assert [row["weights_hash"] for row in rows] == [file_sha256(Path("other.safetensors"))] * 2
    assert all(10 < float(row["psnr"]) < 60 for row in rows)
    assert Choice(("other.safetensors",), "cpu").has_models
