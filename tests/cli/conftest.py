"""The command line, called in this process, with a tiny model and made-up photos."""

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import numpy as np
import pytest
import torch
from PIL import Image
from small_methods import small_dtpm
from tiny_model import tiny_prior, tiny_resflow
from typer.testing import CliRunner, Result

from undegrade.cli.main import app
from undegrade.methods import build_method, parse_options
from undegrade.randomness import generator
from undegrade.zoo import ModelConfig, save_model, store


class Cli(Protocol):
    def __call__(self, *args: str | Path, stdin: bytes = b"") -> Result: ...


@pytest.fixture(autouse=True)
def surroundings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Start in an empty folder, without models and without settings of the user's."""
    for name in ("UNDEGRADE_DEVICE", "UNDEGRADE_OFFLINE", "UNDEGRADE_DEBUG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("UNDEGRADE_HOME", str(tmp_path / ".home"))
    monkeypatch.setattr(store, "BUNDLED", tmp_path / ".bundled")
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def cli() -> Cli:
    """Call ``undegrade`` with arguments; an unexpected exception fails the test."""

    def call(*args: str | Path, stdin: bytes = b"") -> Result:
        result = CliRunner().invoke(app, [str(arg) for arg in args], input=stdin)
        assert result.exception is None or isinstance(result.exception, SystemExit)
        return result

    return call


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a tiny untrained model whose output differs from its input."""
    torch.manual_seed(0)
    method = build_method(parse_options(tiny_resflow()))
    with torch.no_grad():
        for parameter in method.parameters():
            parameter.copy_(0.1 * torch.randn(parameter.shape))
    config = ModelConfig(
        tasks=("denoise",), default_steps=2, summary="Tiny.", recipe={"name": "tiny"}
    )
    return save_model(tmp_path_factory.mktemp("models") / "tiny", method, config).folder


@pytest.fixture(scope="session")
def diffusion(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a small untrained DTPM model whose output differs from its input."""
    config = ModelConfig(default_steps=4, recipe={"name": "diffusion"})
    folder = tmp_path_factory.mktemp("models") / "diffusion"
    return save_model(folder, small_dtpm(), config).folder


@pytest.fixture
def make_photo() -> Callable[..., Path]:
    """Write a small photo and return its path."""

    def make(path: str | Path = "photo.png", height: int = 24, width: int = 33) -> Path:
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        y, x = np.mgrid[0:height, 0:width]
        grain = generator(path.name).integers(0, 20, (height, width, 3))
        picture = np.stack([4 * y, 5 * x, 60 + x + y], axis=2) + grain
        Image.fromarray(picture.clip(0, 255).astype(np.uint8)).save(path)
        return path

    return make


@pytest.fixture
def photos(make_photo: Callable[..., Path]) -> str:
    """Two small photos, as a set that ``--data`` takes."""
    for name in ("a", "b"):
        make_photo(f"photos/{name}.png", 32, 48)
    return "mine=photos"


@pytest.fixture
def prior() -> Path:
    """Folder ``plain`` of a tiny untrained prior."""
    torch.manual_seed(0)
    method = build_method(parse_options(tiny_prior()))
    for parameter in method.parameters():
        parameter.data += 0.1 * torch.randn_like(parameter)
    config = ModelConfig(recipe={"name": "plain"}, default_steps=5)
    return save_model(Path("plain"), method, config).folder
